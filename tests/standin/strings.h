/* Strings that repeat, each kept once and known by a small number. Not for several threads. */
#ifndef PAYI_STANDIN_STRINGS_H
#define PAYI_STANDIN_STRINGS_H

#include "standin/index.h"
#include "standin/memory.h"

#define STRINGS_NONE UINT32_MAX

struct strings {
	struct arena arena;
	struct index index;
	const char **texts;
	uint32_t n, capacity;
};

uint32_t strings_number(struct strings *strings, const char *text); /* NULL: STRINGS_NONE */
const char *strings_text(const struct strings *strings, uint32_t number);
void strings_release(struct strings *strings);

#endif
