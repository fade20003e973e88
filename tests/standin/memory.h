/*
 * Memory for a test tool: it is there, or the program ends with a word. An arena holds many small strings
 * that are released together. An arena is not for several threads.
 */
#ifndef PAYI_STANDIN_MEMORY_H
#define PAYI_STANDIN_MEMORY_H

#include <stddef.h>

void *memory_get(size_t bytes);
void *memory_zeroed(size_t n, size_t bytes);
void *memory_resized(void *old, size_t n, size_t bytes);
char *memory_text(const char *text);

struct arena_block;

struct arena {
	struct arena_block *last;
};

void *arena_get(struct arena *arena, size_t bytes); /* aligned to 8 */
void arena_release(struct arena *arena);

#endif
