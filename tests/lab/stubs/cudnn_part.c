/* A stand-in of one of cuDNN's sub-libraries. -DDNNVER=8904. The head library opens it by soname and compares versions, and so
 * does the part's own check, PART_CHECK, with the parts that it is linked to (PART_NEEDS: sonames, each with a comma).
 * Like the true ones, parts of two releases differ in size: PADDING grows with each step of the version. */
#define _GNU_SOURCE
#include <dlfcn.h>

#include "common.h"
static const char PADDING[64 * (DNNVER % 1000 + 1)] __attribute__((used)) = "cuDNN";
EX long lab_cudnn_part_version(void) { return fg_int("FAKEGPU_CUDNN", DNNVER); }
EX int PART_CHECK(void) {
  static const char* const needs[] = {PART_NEEDS 0};
  for (int i = 0; needs[i]; i++) {
    void* part = dlopen(needs[i], RTLD_NOW | RTLD_LOCAL);
    long (*ask)(void) = part ? (long (*)(void))dlsym(part, "lab_cudnn_part_version") : 0;
    if (!ask || ask() != lab_cudnn_part_version()) return 1002;
  }
  return 0;
}
