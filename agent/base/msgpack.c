#include "base/msgpack.h"

#include <stddef.h>

static size_t left(const struct msgpack *in)
{
	return (size_t)(in->end - in->at);
}

/* Reads n bytes, which are 1, 2, 4 or 8, as a big-endian number. */
static bool read_number(struct msgpack *in, size_t n, uint64_t *number)
{
	const uint8_t *at = in->at;
	if (left(in) < n)
		return false;
	uint64_t high = 0, bits = at[0];
	if (n == 8)
		high = (uint64_t)at[0] << 56 | (uint64_t)at[1] << 48 | (uint64_t)at[2] << 40 |
		       (uint64_t)at[3] << 32;
	if (n == 2)
		bits = (uint64_t)at[0] << 8 | at[1];
	else if (n > 2)
		bits = (uint64_t)at[n - 4] << 24 | (uint64_t)at[n - 3] << 16 |
		       (uint64_t)at[n - 2] << 8 | at[n - 1];
	*number = high | bits;
	in->at += n;
	return true;
}

/* Takes the first byte of a value. */
static bool read_head(struct msgpack *in, uint8_t *head)
{
	if (in->at >= in->end)
		return false;
	*head = *in->at++;
	return true;
}

/*
 * A count: in the head itself, or in n bytes behind it. Each item takes a byte at the least, so that
 * a count larger than what is left is a lie, found out here.
 */
static bool read_count(struct msgpack *in, size_t n, size_t bytes_per_item, uint32_t *count)
{
	uint64_t number;
	if (!read_number(in, n, &number) || number > left(in) / bytes_per_item)
		return false;
	*count = (uint32_t)number;
	return true;
}

static bool small_count(const struct msgpack *in, uint32_t number, size_t bytes_per_item,
			uint32_t *count)
{
	*count = number;
	return number <= left(in) / bytes_per_item;
}

bool msgpack_read_map(struct msgpack *in, uint32_t *n_pairs)
{
	uint8_t head;
	if (!read_head(in, &head))
		return false;
	if ((head & 0xf0) == 0x80)
		return small_count(in, head & 0x0f, 2, n_pairs);
	if (head == 0xde || head == 0xdf)
		return read_count(in, head == 0xde ? 2 : 4, 2, n_pairs);
	return false;
}

bool msgpack_read_array(struct msgpack *in, uint32_t *n_items)
{
	uint8_t head;
	if (!read_head(in, &head))
		return false;
	if ((head & 0xf0) == 0x90)
		return small_count(in, head & 0x0f, 1, n_items);
	if (head == 0xdc || head == 0xdd)
		return read_count(in, head == 0xdc ? 2 : 4, 1, n_items);
	return false;
}

/* The bytes of a string or a binary, once their length is known. */
static bool take(struct msgpack *in, uint32_t len, struct msgpack_text *text)
{
	if (len > left(in))
		return false;
	text->text = (const char *)in->at;
	text->len = len;
	in->at += len;
	return true;
}

bool msgpack_read_any_str(struct msgpack *in, struct msgpack_text *text)
{
	uint8_t head;
	uint32_t len;
	if (!read_head(in, &head))
		return false;
	if ((head & 0xe0) == 0xa0)
		return take(in, head & 0x1f, text);
	if (head < 0xd9 || head > 0xdb)
		return false;
	return read_count(in, (size_t)1 << (head - 0xd9), 1, &len) && take(in, len, text);
}

bool msgpack_read_bin(struct msgpack *in, struct msgpack_text *bytes)
{
	uint8_t head;
	uint32_t len;
	if (!read_head(in, &head) || head < 0xc4 || head > 0xc6)
		return false;
	return read_count(in, (size_t)1 << (head - 0xc4), 1, &len) && take(in, len, bytes);
}

/* Signed forms of 1, 2, 4 and 8 bytes: the number's own sign bit is carried up. */
static bool read_signed(struct msgpack *in, size_t n, int64_t *number)
{
	uint64_t bits;
	if (!read_number(in, n, &bits))
		return false;
	/* NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult): n is 1, 2, 4 or 8 */
	const uint64_t sign = (uint64_t)1 << (8 * n - 1);
	*number = (int64_t)((bits ^ sign) - sign);
	return true;
}

bool msgpack_read_any_int(struct msgpack *in, int64_t *number)
{
	uint8_t head;
	uint64_t bits;
	if (!read_head(in, &head))
		return false;
	if (head <= 0x7f || head >= 0xe0) {
		*number = head <= 0x7f ? head : (int64_t)head - 256;
		return true;
	}
	if (head >= 0xd0 && head <= 0xd3)
		return read_signed(in, (size_t)1 << (head - 0xd0), number);
	if (head < 0xcc || head > 0xcf)
		return false;
	if (!read_number(in, (size_t)1 << (head - 0xcc), &bits) || bits > INT64_MAX)
		return false;
	*number = (int64_t)bits;
	return true;
}
