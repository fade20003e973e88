#include "standin/strings.h"

#include "standin/digest.h"

#include <stdlib.h>
#include <string.h>

static bool is_text(const void *owner, uint32_t row, const void *key)
{
	const struct strings *strings = owner;
	return strcmp(strings->texts[row], key) == 0;
}

static uint32_t add(struct strings *strings, uint64_t hash, const char *text)
{
	if (strings->n == strings->capacity) {
		strings->capacity = strings->capacity ? strings->capacity * 2 : 64;
		strings->texts = memory_resized(strings->texts, strings->capacity,
						sizeof(strings->texts[0]));
	}
	const size_t bytes = strlen(text) + 1;
	strings->texts[strings->n] = memcpy(arena_get(&strings->arena, bytes), text, bytes);
	index_add(&strings->index, hash, strings->n);
	return strings->n++;
}

uint32_t strings_number(struct strings *strings, const char *text)
{
	if (!text)
		return STRINGS_NONE;
	const uint64_t hash = digest_bytes(0, text, strlen(text));
	const uint32_t number = index_find(&strings->index, hash, is_text, strings, text);
	return number == INDEX_NONE ? add(strings, hash, text) : number;
}

const char *strings_text(const struct strings *strings, uint32_t number)
{
	return number == STRINGS_NONE ? NULL : strings->texts[number];
}

void strings_release(struct strings *strings)
{
	arena_release(&strings->arena);
	index_release(&strings->index);
	free(strings->texts);
	*strings = (struct strings){0};
}
