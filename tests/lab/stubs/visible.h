/* What CUDA_VISIBLE_DEVICES leaves of the machine's cards, in its order (own writing).
 *
 * As measured with driver 580.159.04 and one card: an entry is a number as strtol reads it, whatever follows ("0abc", "0x0"
 * and "0;1" are 0), or the beginning of a card's name as nvidia-smi -L prints it (GPU-...), in any case. The list ends
 * before the first entry that names no card; set and empty leaves none; none is 100 from cuInit. The same entry twice
 * leaves nothing at all (101). FAKEGPU_MIG is the one MIG instance of the first card, by our model. Read once, at cuInit:
 * NVML does not heed it.
 */
#ifndef LAB_VISIBLE_H
#define LAB_VISIBLE_H
#include <ctype.h>

#include "common.h"

#define MOST_CARDS 64
static int visible_card[MOST_CARDS], visible_count;

static void card_uuid(unsigned char* uuid, int card) {
  for (int i = 0; i < 16; i++) uuid[i] = (unsigned char)(i + card + 1);
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
  unsigned char u[16];
  if (names(entry, size, fg_str("FAKEGPU_MIG", ""))) return 0;
  for (int card = 0; card < cards; card++) {
    card_uuid(u, card);
    snprintf(name, sizeof name, "GPU-%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", u[0], u[1], u[2], u[3],
             u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11], u[12], u[13], u[14], u[15]);
    if (names(entry, size, name)) return card;
  }
  int number = (int)strtol(entry, &end, 10);
  return end == entry || end > entry + size || number < 0 || number >= cards ? -1 : number;
}

/* Fills the table; answers what cuInit answers for the list's sake. */
static int read_visible(int cards) {
  const char *given = getenv("CUDA_VISIBLE_DEVICES"), *text = given;
  visible_count = 0;
  if (cards > MOST_CARDS) cards = MOST_CARDS;
  if (!text)
    for (; visible_count < cards; visible_count++) visible_card[visible_count] = visible_count;
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
