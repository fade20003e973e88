/*
 * The bytes of a fuzz target as a ring file: changes to a sound one, each "where (2 bytes), how many (1), these", so
 * that what is found lies behind the header's checks, too. A last change that is cut short also cuts the file.
 */
#ifndef PAYI_TESTS_FUZZ_RINGS_H
#define PAYI_TESTS_FUZZ_RINGS_H

#include "help/forge.h"

#include <string.h>

static inline void rings_change(struct forge *forge, const uint8_t *data, size_t size)
{
	size_t at = 0;
	while (at + 3 <= size) {
		const size_t where = (size_t)(data[at] | data[at + 1] << 8) % sizeof(forge->at);
		size_t n = data[at + 2];
		at += 3;
		if (n > size - at) {
			forge->bytes = where;
			n = size - at;
		}
		if (n > sizeof(forge->at) - where)
			n = sizeof(forge->at) - where;
		memcpy(forge->at + where, data + at, n);
		at += n;
	}
}

#endif
