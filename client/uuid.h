/*
 * UUIDv7 (RFC 9562): 48 bits of milliseconds, 12 bits of the fraction below (its "method 3"), 62 random bits. So
 * ids made one after another sort that way, and lie side by side in an index.
 */
#ifndef PAYI_CLIENT_UUID_H
#define PAYI_CLIENT_UUID_H

#include <stdint.h>

enum { PAYI__UUID_TEXT_BYTES = 37 }; /* with its NUL */

struct payi__uuid {
	uint64_t high;
	uint64_t low;
};

/* splitmix64: what to add to the state, and what the state then gives. Every state gives another number. */
#define PAYI__RANDOM_STEP 0x9e3779b97f4a7c15u

static inline uint64_t payi__random_of(uint64_t state)
{
	uint64_t z = state;
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static inline struct payi__uuid payi__uuid_of(int64_t us, uint64_t random)
{
	const uint64_t ms = (uint64_t)us / 1000;
	const uint64_t fraction = (uint64_t)us % 1000 * 4096 / 1000;
	return (struct payi__uuid){ms << 16 | 0x7000 | fraction,
				   (random & 0x3fffffffffffffffu) | 0x8000000000000000u};
}

void payi__uuid_write(struct payi__uuid uuid, char text[PAYI__UUID_TEXT_BYTES]);

#endif
