/* Any exported function can be made to fail: FAKEGPU_FAIL="cuMemAlloc_v2=2 cudnnCreate=4" (own writing).
 *
 * Each function that a source marks with EX is compiled under the name own_NAME, hidden, and exported by a few instructions
 * that build.py writes: they jump to it, or give the code that the setting names for it. A function whose answer is no status
 * (a text, nothing) answers 0 then, and does nothing. The setting is read when the library is opened. What a library calls in
 * itself does not come by here: a failing cudaMalloc leaves cudaMallocAsync alone.
 */
#ifndef LAB_FAILING_H
#define LAB_FAILING_H
#define _GNU_SOURCE
#include "common.h"

/* One exported function: number PLACE of failing[]. %r11 is free between caller and callee. */
#define EXPORTED(name, place)                                                            \
  __asm__(                                                                               \
      ".text\n.p2align 4\n.globl " #name "\n.type " #name ",@function\n" #name ":\n"     \
      "movl failing+8*" #place "(%rip), %r11d\ntestl %r11d, %r11d\njne 1f\n"            \
      "jmp own_" #name "\n1: movl failing+8*" #place "+4(%rip), %eax\nret\n"             \
      ".size " #name ", .-" #name "\n");

typedef struct {
  int fails, code;
} Failing;
/* The code of NAME in "NAME=code NAME=code"; returns whether it stands there. */
static int failing_code(const char* list, const char* name, int* code) {
  size_t length = strlen(name);
  for (const char* at = list; (at = strstr(at, name)); at += length)
    if ((at == list || at[-1] == ' ' || at[-1] == ',') && at[length] == '=') return *code = (int)strtol(at + length + 1, 0, 0), 1;
  return 0;
}
static void read_failing(Failing* failing, const char* const* names, const char* statuses) {
  const char* list = setting("FAKEGPU_FAIL");
  for (int i = 0; list && names[i]; i++) {
    failing[i].fails = failing_code(list, names[i], &failing[i].code);
    if (!statuses[i]) failing[i].code = 0;
  }
}
#endif
