/*
 * The bytes of a fuzz target as a ring file: changes to a sound one, each "where (2 bytes), how many (1), these", so
 * that what is found lies behind the header's checks, too. A last change that is cut short also cuts the file there; if that
 * is behind its end, the file is longer instead, a hole.
 */
#ifndef PAYI_TESTS_FUZZ_RINGS_H
#define PAYI_TESTS_FUZZ_RINGS_H

#include "help/forge.h"

#include <string.h>

enum { RINGS_PAGES_MAX = 64 };

/* The ring whose number is 1, made once: packing its records anew would take longer than reading them. */
static inline void rings_begin(struct forge *forge)
{
	static struct forge sound;
	if (!sound.bytes)
		forge_init(&sound, 1);
	*forge = sound;
}

/* Up to a change of no bytes. Returns how many bytes of data are done with. */
static inline size_t rings_change_some(struct forge *forge, const uint8_t *data, size_t size)
{
	size_t at = 0;
	while (at + 3 <= size) {
		const size_t there = (size_t)(data[at] | data[at + 1] << 8);
		const size_t where = there % sizeof(forge->at);
		size_t n = data[at + 2];
		at += 3;
		if (n > size - at) {
			forge->bytes = there == where ? where : there % RINGS_PAGES_MAX * 4096;
			n = size - at;
		}
		if (n == 0)
			return at;
		if (n > sizeof(forge->at) - where)
			n = sizeof(forge->at) - where;
		memcpy(forge->at + where, data + at, n);
		at += n;
	}
	return size;
}

static inline void rings_change(struct forge *forge, const uint8_t *data, size_t size)
{
	size_t at = 0;
	while (at < size)
		at += rings_change_some(forge, data + at, size - at);
}

#endif
