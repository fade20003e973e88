/*
 * The files of the ring directory that have a ring's name, and which of them are new. The directory is other
 * programs' to fill, so it is looked through in portions: a million files there cost a bounded part of each visit
 * and of memory, and a ring among them is found all the same. Drain's thread.
 */
#ifndef PAYI_DRAIN_SCAN_H
#define PAYI_DRAIN_SCAN_H

#include "base/err.h"

#include <stdbool.h>

struct scan;

/* dir is borrowed. */
int scan_new(int dir, struct scan **scan, struct err *err);
void scan_free(struct scan *scan); /* NULL is fine */

/*
 * Begins a portion, or the first of a new pass. whole: a new pass, all of it. ERR_SYSTEM: the directory cannot
 * be read.
 */
int scan_begin(struct scan *scan, bool whole, struct err *err);

/*
 * The next file that has a ring's name and is not known, as the name in the directory; NULL: the portion is over.
 * Good until the next call. It is known from now on, until scan_forget(), or until it is gone.
 */
const char *scan_next(struct scan *scan);

/* That one is to be found again: with the next pass, or, later being set, only after a minute or so. */
void scan_again(struct scan *scan, const char *name, bool later);

/* The pass has not reached its end. */
bool scan_is_under_way(const struct scan *scan);

#endif
