#include "standin/memory.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_BYTES = 1 << 20 };

struct arena_block {
	struct arena_block *before;
	size_t used, capacity;
	uint64_t bytes[];
};

static void *there(void *memory)
{
	if (memory)
		return memory;
	fputs("payi-standin: out of memory\n", stderr);
	abort();
}

void *memory_get(size_t bytes)
{
	return there(malloc(bytes ? bytes : 1));
}

void *memory_zeroed(size_t n, size_t bytes)
{
	return there(calloc(n ? n : 1, bytes));
}

void *memory_resized(void *old, size_t n, size_t bytes)
{
	return there(n > SIZE_MAX / bytes ? NULL : realloc(old, n * bytes));
}

char *memory_text(const char *text)
{
	return there(strdup(text));
}

static void add_block(struct arena *arena, size_t bytes)
{
	const size_t capacity = bytes > BLOCK_BYTES ? bytes : BLOCK_BYTES;
	struct arena_block *block = memory_get(sizeof(*block) + capacity);
	*block = (struct arena_block){.before = arena->last, .capacity = capacity};
	arena->last = block;
}

void *arena_get(struct arena *arena, size_t bytes)
{
	bytes = (bytes + 7) / 8 * 8;
	if (!arena->last || arena->last->capacity - arena->last->used < bytes)
		add_block(arena, bytes);
	struct arena_block *block = arena->last;
	void *memory = &block->bytes[block->used / 8];
	block->used += bytes;
	return memory;
}

void arena_release(struct arena *arena)
{
	while (arena->last) {
		struct arena_block *block = arena->last;
		arena->last = block->before;
		free(block);
	}
}
