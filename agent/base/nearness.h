/* How near two names are: for telling somebody whose finger slipped what was meant. Any thread. */
#ifndef PAYI_BASE_NEARNESS_H
#define PAYI_BASE_NEARNESS_H

#include <stddef.h>

enum { NEARNESS_MAX = 3 }; /* farther away is no slip of the finger */

/*
 * Levenshtein's distance: how many letters to add, drop or change to make one of the other. Of names
 * longer than 64 bytes, the first 64 count.
 */
size_t nearness(const char *a, const char *b);

#endif
