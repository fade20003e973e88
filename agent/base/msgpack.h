/*
 * Reading msgpack that nobody vouches for: a cursor over bytes, that checks before it moves. It
 * allocates nothing and never looks beyond the end. (msgpack-c would build objects, and trusts
 * counts; it is used in the tests, as an independent reader of what we write.)
 */
#ifndef PAYI_BASE_MSGPACK_H
#define PAYI_BASE_MSGPACK_H

#include <stdbool.h>
#include <stdint.h>

struct msgpack {
	const uint8_t *at;
	const uint8_t *end;
};

struct msgpack_text {
	const char *text; /* not NUL-terminated; NULL for nil */
	uint32_t len;
};

/* Each reads one value of its kind and moves on; false, and the cursor anywhere, if it is another. */
bool msgpack_read_map(struct msgpack *in, uint32_t *n_pairs);
bool msgpack_read_array(struct msgpack *in, uint32_t *n_items);
bool msgpack_read_bin(struct msgpack *in, struct msgpack_text *bytes);

/* The readers below, for values with a head of more than a byte. */
bool msgpack_read_any_str(struct msgpack *in, struct msgpack_text *text);
bool msgpack_read_any_int(struct msgpack *in, int64_t *number);

/* Keys, names and small numbers are most of a record: they are inline. */
static inline bool msgpack_read_str(struct msgpack *in, struct msgpack_text *text)
{
	const uint8_t *at = in->at;
	if (at >= in->end || (*at & 0xe0) != 0xa0 || (*at & 0x1f) >= in->end - at)
		return msgpack_read_any_str(in, text);
	text->text = (const char *)at + 1;
	text->len = *at & 0x1f;
	in->at = at + 1 + text->len;
	return true;
}

static inline bool msgpack_read_int(struct msgpack *in, int64_t *number)
{
	if (in->at >= in->end || *in->at > 0x7f)
		return msgpack_read_any_int(in, number);
	*number = *in->at++;
	return true;
}

/* If the next value is nil, passes over it and returns true. */
static inline bool msgpack_skip_nil(struct msgpack *in)
{
	if (in->at >= in->end || *in->at != 0xc0)
		return false;
	in->at++;
	return true;
}

#endif
