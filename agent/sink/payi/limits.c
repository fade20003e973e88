#include "sink/payi/limits.h"

#include <ctype.h>
#include <string.h>

static bool is_of_word(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '-';
}

/* "lim" is no word of "the limit": an id that is part of another shall not be taken for it. */
static bool has_word(const char *text, const struct msgpack_text *word)
{
	size_t len = text ? strlen(text) : 0;
	if (word->len == 0)
		return false;
	for (size_t at = 0; at + word->len <= len; at++)
		if (memcmp(text + at, word->text, word->len) == 0 &&
		    (at == 0 || !is_of_word(text[at - 1])) && !is_of_word(text[at + word->len]))
			return true;
	return false;
}

static bool is_in(const json_t *list, const struct msgpack_text *id)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *item = json_array_get(list, i);
		if (json_is_string(item) && json_string_length(item) == id->len &&
		    memcmp(json_string_value(item), id->text, id->len) == 0)
			return true;
	}
	return false;
}

static bool is_named(const struct reply_error *error, const struct msgpack_text *id)
{
	return is_in(error->blocked, id) || has_word(error->message, id);
}

static void add_count(struct buf *out, uint32_t n)
{
	const uint8_t head[] = {0xdd, (uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8),
				(uint8_t)n};
	buf_add(out, head, sizeof(head));
}

/* Their bytes are taken over as they are: from where the cursor was to where it is. */
static void add_unnamed(struct buf *out, struct msgpack in, uint32_t n,
			const struct reply_error *error)
{
	struct msgpack_text id;
	const uint8_t *at = in.at;
	for (uint32_t i = 0; i < n && msgpack_read_str(&in, &id); i++, at = in.at)
		if (!is_named(error, &id))
			buf_add(out, at, (size_t)(in.at - at));
}

static uint32_t count_unnamed(struct msgpack in, uint32_t n, const struct reply_error *error)
{
	struct msgpack_text id;
	uint32_t n_left = 0;
	for (uint32_t i = 0; i < n && msgpack_read_str(&in, &id); i++)
		n_left += !is_named(error, &id);
	return n_left;
}

bool limits_without(struct buf *out, const struct event *event, const struct reply_error *error,
		    uint32_t *n)
{
	size_t len = out->len;
	uint32_t n_all;
	if (!event_has(event, PAYI_FIELD_limit_ids))
		return false;
	const struct msgpack in = event_open(event, PAYI_FIELD_limit_ids, &n_all);
	*n = count_unnamed(in, n_all, error);
	if (n_all == 0)
		return false;
	if (*n == n_all)
		*n = 0;
	add_count(out, *n);
	if (*n > 0)
		add_unnamed(out, in, n_all, error);
	if (!out->failed)
		return true;
	out->failed = false;
	out->len = len;
	return false;
}
