#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CAPACITY_MIN = 256 };

void buf_release(struct buf *buf)
{
	free(buf->data);
	*buf = (struct buf)BUF_INIT;
}

void buf_clear(struct buf *buf)
{
	buf->len = 0;
	buf->failed = false;
}

static bool grow(struct buf *buf, size_t needed)
{
	size_t capacity = buf->capacity ? buf->capacity : CAPACITY_MIN;
	while (capacity < needed && capacity <= SIZE_MAX / 2)
		capacity *= 2;
	uint8_t *data = capacity < needed ? NULL : realloc(buf->data, capacity);
	if (!data)
		return false;
	buf->data = data;
	buf->capacity = capacity;
	return true;
}

uint8_t *buf_make_room(struct buf *buf, size_t n)
{
	if (buf->failed)
		return NULL;
	if (n > SIZE_MAX - buf->len || !grow(buf, buf->len + n)) {
		buf->failed = true;
		return NULL;
	}
	return buf->data + buf->len;
}

void buf_add_int(struct buf *buf, int64_t number)
{
	enum { DIGITS_MAX = 24 };
	char digits[2 * DIGITS_MAX]; /* as many are copied whatever their number */
	char *at = digits + DIGITS_MAX;
	uint8_t *to = buf_reserve(buf, DIGITS_MAX);
	if (!to)
		return;
	uint64_t rest = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
	do
		*--at = (char)('0' + rest % 10);
	while (rest /= 10);
	if (number < 0)
		*--at = '-';
	memcpy(to, at, DIGITS_MAX);
	buf->len += (size_t)(digits + DIGITS_MAX - at);
}

void buf_addf(struct buf *buf, const char *format, ...)
{
	va_list arguments, again;
	va_start(arguments, format);
	va_copy(again, arguments);
	const int n = vsnprintf(NULL, 0, format, arguments);
	va_end(arguments);
	uint8_t *to = n < 0 ? NULL : buf_reserve(buf, (size_t)n + 1);
	if (to) {
		vsnprintf((char *)to, (size_t)n + 1, format, again);
		buf->len += (size_t)n;
	}
	va_end(again);
}

const char *buf_text(struct buf *buf)
{
	uint8_t *to = buf_reserve(buf, 1);
	if (!to)
		return "";
	*to = '\0';
	return (const char *)buf->data;
}
