/* What CUDA_VISIBLE_DEVICES leaves of the machine's cards, in its order (own writing).
 *
 * A card's number here is its place on the bus, as NVML counts; an ordinal is its place among those that CUDA shows. By
 * NVIDIA's documentation CUDA_DEVICE_ORDER decides what a number in the list means: FASTEST_FIRST, the default, is from the fastest
 * to the slowest, as CUDA guesses it; PCI_BUS_ID is the order of the bus. Our guess is the number of CUDA cores; equals stay in the
 * bus's order.
 *
 * As measured with driver 580.159.04 and one card: an entry is a number as strtol reads it, whatever follows ("0abc", "0x0"
 * and "0;1" are 0), or the beginning of a card's name as nvidia-smi -L prints it (GPU-...), in any case. The list ends
 * before the first entry that names no card; set and empty leaves none; none is 100 from cuInit. The same card twice
 * leaves nothing at all (101). FAKEGPU_MIG is the one MIG instance of the first card, by our model. Read once, at cuInit:
 * NVML heeds neither.
 */
#ifndef LAB_VISIBLE_H
#define LAB_VISIBLE_H
#include <ctype.h>

#include "common.h"

#define MOST_CARDS 64
static int visible_card[MOST_CARDS], visible_count;

static int card_count(void) {
  int cards = (int)fg_int("FAKEGPU_COUNT", 1);
  return cards > MOST_CARDS ? MOST_CARDS : cards;
}

static void card_uuid(unsigned char* uuid, int card) {
  for (int i = 0; i < 16; i++) uuid[i] = (unsigned char)(i + card + 1);
}

/* A card's name as nvidia-smi -L prints it. */
static void card_name(char* name, size_t size, int card) {
  unsigned char u[16];
  card_uuid(u, card);
  snprintf(name, size, "GPU-%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", u[0], u[1], u[2], u[3], u[4], u[5],
           u[6], u[7], u[8], u[9], u[10], u[11], u[12], u[13], u[14], u[15]);
}

/* The card at an address of the bus, 0000:01:00.0 or with more or no digits of the domain, or -1. */
static int card_at(const char* address, int cards) {
  unsigned domain = 0, bus, device, function = 0;
  if (sscanf(address, "%x:%x:%x.%x", &domain, &bus, &device, &function) < 3) {
    domain = function = 0;
    if (sscanf(address, "%x:%x.%x", &bus, &device, &function) < 2) return -1;
  }
  return !domain && !device && !function && bus >= 1 && bus <= (unsigned)cards ? (int)bus - 1 : -1;
}

static void card_capability(int* major, int* minor, int card) {
  *major = 8;
  *minor = 6;
  sscanf(fg_card_str("FAKEGPU_CC", card, "8.6"), "%d.%d", major, minor);
}

/* Multiprocessors times the CUDA cores that NVIDIA's programming guide gives one of that capability. */
static long cuda_cores(int card) {
  int major, minor, each;
  card_capability(&major, &minor, card);
  each = major < 5 ? 192 : major == 7 || (major == 6 || major == 8) && !minor ? 64 : 128;
  return each * fg_card_int("FAKEGPU_CORES", card, 46);
}

/* The card that CUDA calls NUMBER where nothing is hidden. */
static int ordered_card(int number, int cards) {
  const char* order = getenv("CUDA_DEVICE_ORDER");
  if (order && !strcmp(order, "PCI_BUS_ID")) return number;
  for (int card = 0; card < cards; card++) {
    int before = 0;
    for (int other = 0; other < cards; other++)
      before += cuda_cores(other) > cuda_cores(card) || (cuda_cores(other) == cuda_cores(card) && other < card);
    if (before == number) return card;
  }
  return -1;
}

/* Whether an entry is the beginning of a name, or the name and more. */
static int names(const char* entry, size_t size, const char* name) {
  for (size_t i = 0; i < size && name[i]; i++)
    if (tolower((unsigned char)name[i]) != tolower((unsigned char)entry[i])) return 0;
  return size > 4 && *name;
}

/* The card that an entry names, or -1. */
static int named_card(const char* entry, size_t size, int cards) {
  char name[48], *end;
  if (names(entry, size, fg_str("FAKEGPU_MIG", ""))) return 0;
  for (int card = 0; card < cards; card++) {
    card_name(name, sizeof name, card);
    if (names(entry, size, name)) return card;
  }
  int number = (int)strtol(entry, &end, 10);
  return end == entry || end > entry + size || number < 0 || number >= cards ? -1 : ordered_card(number, cards);
}

/* Fills the table; answers what cuInit answers for the list's sake. */
static int read_visible(void) {
  const char *given = getenv("CUDA_VISIBLE_DEVICES"), *text = given;
  int cards = card_count();
  visible_count = 0;
  if (!text)
    for (; visible_count < cards; visible_count++) visible_card[visible_count] = ordered_card(visible_count, cards);
  while (text && *text) {
    size_t size = strcspn(text, ",");
    int card = named_card(text, size, cards), seen = 0;
    if (card < 0) break;
    for (int i = 0; i < visible_count; i++) seen |= visible_card[i] == card;
    if (seen) return visible_count = 0, 101;
    visible_card[visible_count++] = card;
    text += size + (text[size] == ',');
  }
  return visible_count ? 0 : 100;
}
#endif
