/* Times as RFC 3339 writes them, which is stricter than ISO 8601: with a T, and with a zone. */
#ifndef PAYI_STANDIN_RFC3339_H
#define PAYI_STANDIN_RFC3339_H

#include <stdbool.h>
#include <stdint.h>

enum { RFC3339_BYTES = 96 }; /* a compiler cannot know that years have four digits */

/* Microseconds since 1970 UTC; digits beyond the sixth are read and left out. */
bool rfc3339_parse(const char *text, int64_t *us);

/* In UTC with microseconds: 2026-05-04T12:00:00.123000Z */
void rfc3339_write(char text[RFC3339_BYTES], int64_t us);

int64_t rfc3339_now_us(void);

#endif
