/*
 * A byte buffer that grows. Appending never fails half-way: when memory is short the buffer is marked
 * failed, appends become no-ops, and the user asks once at the end.
 */
#ifndef PAYI_BASE_BUF_H
#define PAYI_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct buf {
	uint8_t *data;
	size_t len;
	size_t capacity;
	bool failed;
};

#define BUF_INIT                                                                                   \
	{                                                                                          \
		0                                                                                  \
	}

void buf_release(struct buf *buf); /* frees the contents; the buf may be used again */
void buf_clear(struct buf *buf);   /* empties it, keeps the memory, forgets a failure */

/* buf_reserve(), when there is no room yet. */
uint8_t *buf_make_room(struct buf *buf, size_t n);

/* Makes room for n more bytes and returns where they go (the caller adds to len), or NULL. */
static inline uint8_t *buf_reserve(struct buf *buf, size_t n)
{
	if (n <= buf->capacity - buf->len && !buf->failed)
		return buf->data + buf->len;
	return buf_make_room(buf, n);
}

/* These are inline because JSON is made of very small pieces. */
static inline void buf_add(struct buf *buf, const void *bytes, size_t n)
{
	uint8_t *to = buf_reserve(buf, n);
	if (!to || !n)
		return;
	memcpy(to, bytes, n);
	buf->len += n;
}

static inline void buf_add_str(struct buf *buf, const char *text)
{
	buf_add(buf, text, strlen(text));
}

static inline void buf_add_char(struct buf *buf, char c)
{
	uint8_t *to = buf_reserve(buf, 1);
	if (!to)
		return;
	*to = (uint8_t)c;
	buf->len++;
}

void buf_add_int(struct buf *buf, int64_t number);
void buf_addf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Adds a NUL that len does not count, and returns the text; "" when failed. */
const char *buf_text(struct buf *buf);

#endif
