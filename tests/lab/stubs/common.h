/* Shared by the stand-ins of the GPU lab. Own writing; no NVIDIA code.
 *
 * A setting is an environment variable or, where the environment has none (env -i, cron, a kernel that Jupyter
 * starts), a line NAME=value of the machine's file /proc/driver/nvidia/stand-in. The names:
 *
 *   FAKEGPU_TRACE=1            print each call to stderr (2: the do-nothing ones too)
 *   FAKEGPU_COUNT=1            number of cards, on the bus one after another
 *   FAKEGPU_CUDA=12020         what cuDriverGetVersion says
 *   FAKEGPU_DRIVER=535.104.05  what NVML says
 *   FAKEGPU_CUINIT=0           answer of cuInit (34 stub, 100 no device, 803 mismatch, 804 compat, 999 unknown)
 *   FAKEGPU_PEER=0             1: the cards reach each other's memory
 *   FAKEGPU_MIG=MIG-...        the one MIG instance that the first card is split into
 *   FAKEGPU_MIG_MODE=0         1: MIG is on for the first card; FAKEGPU_MIG is its one instance
 *   FAKEGPU_FABRIC=0           how far the cards are registered with an NVSwitch fabric (NVML's number); 0: they have none
 *   FAKEGPU_VGPU=0             1: the cards are virtual GPUs with a licence, 2: without
 *
 * Of each card; with _1 behind the name of the second card on the bus, where that is otherwise, and so on:
 *
 *   FAKEGPU_NAME="..."         device name
 *   FAKEGPU_PCI=10de:2206      PCI id, as NVML says it
 *   FAKEGPU_CC=8.6             compute capability
 *   FAKEGPU_CORES=46           multiprocessors, which TensorFlow calls cores
 *   FAKEGPU_MEM_MIB=10240      total memory
 *   FAKEGPU_USED_MIB=300       memory held by other processes
 *   FAKEGPU_COMPUTE_MODE=0     1 or 3 exclusive, 2 prohibited
 *   FAKEGPU_PROGRAMS=0         how many compute on it
 *
 * Of what is asked:
 *
 *   FAKEGPU_COUNT_CALLS=FILE   NVML adds a line to FILE for each nvmlInit
 *   FAKEGPU_NVML=0             answer of nvmlInit (9 not loaded, 18 library/driver mismatch)
 *   FAKEGPU_CUDNN=8904         what every cuDNN says of its version, in place of the version it was built as
 *   FAKEGPU_CUDNN_NEEDS_MIB=0  free memory below which cudnnCreate fails
 *   FAKEGPU_CUDNN_CONV=0       answer of the convolution
 *   FAKEGPU_FAIL="f=1 g=700"   the answer of any exported function, by its name: failing.h
 *   FAKEGPU_NUMBERS=right      right: convolutions are computed; wrong: they come out 1 percent too large; zero
 */
#ifndef LAB_COMMON_H
#define LAB_COMMON_H
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* What EX marks is exported by failing.h, which stands before each call. */
#define EX __attribute__((visibility("hidden")))
#define SETTINGS_FILE "/proc/driver/nvidia/stand-in"

static const char* settings_text(void) {
  static char text[65536];
  static int done;
  if (!done) {
    FILE* file = fopen(SETTINGS_FILE, "r");
    if (file) {
      text[fread(text, 1, sizeof text - 1, file)] = 0;
      fclose(file);
    }
    done = 1;
  }
  return text;
}

/* The value of a setting in a buffer of the calling thread, or 0. */
static const char* setting(const char* name) {
  static __thread char value[1024];
  const char* given = getenv(name);
  if (given && *given) return given;
  size_t length = strlen(name);
  for (const char* line = settings_text(); line && *line; line = strchr(line, '\n'), line += line ? 1 : 0)
    if (!strncmp(line, name, length) && line[length] == '=') {
      size_t size = strcspn(line + length + 1, "\n");
      if (size >= sizeof value) size = sizeof value - 1;
      memcpy(value, line + length + 1, size);
      value[size] = 0;
      return size ? value : 0;
    }
  return 0;
}

static inline long fg_int(const char* name, long otherwise) {
  const char* value = setting(name);
  return value ? strtol(value, 0, 0) : otherwise;
}

static inline const char* fg_str(const char* name, const char* otherwise) {
  const char* value = setting(name);
  return value ? value : otherwise;
}

/* A card's own value: NAME_1 for the second card on the bus, where it has one, else what NAME says for all. */
static inline const char* fg_card_str(const char* name, int card, const char* otherwise) {
  char own[64];
  snprintf(own, sizeof own, "%s_%d", name, card);
  const char* value = card ? setting(own) : 0;
  return value ? value : fg_str(name, otherwise);
}

static inline long fg_card_int(const char* name, int card, long otherwise) {
  const char* value = fg_card_str(name, card, 0);
  return value ? strtol(value, 0, 0) : otherwise;
}

static inline int fg_trace(void) {
  static int level = -1;
  if (level < 0) level = (int)fg_int("FAKEGPU_TRACE", 0);
  return level;
}

#define TR(...)                                   \
  do {                                            \
    if (fg_trace()) {                             \
      fprintf(stderr, "[stand-in] " __VA_ARGS__); \
      fputc('\n', stderr);                        \
    }                                             \
  } while (0)
#endif
