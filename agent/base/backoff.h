/*
 * How long to wait before trying again: exponential with full jitter, from half a second up to five minutes.
 * Full jitter (any time between none and the bound) spreads clients that failed together best; see "Exponential
 * Backoff And Jitter", AWS Architecture Blog, 2015. Any thread.
 */
#ifndef PAYI_BASE_BACKOFF_H
#define PAYI_BASE_BACKOFF_H

#include <stdint.h>

enum { BACKOFF_FIRST_US = 500000, BACKOFF_MAX_US = 300000000 };

/* The wait after this many failures in a row (1: the first), for this random number. */
int64_t backoff_of(int32_t failures, uint64_t random);

/* Likewise, with a random number from the kernel. */
int64_t backoff_us(int32_t failures);

#endif
