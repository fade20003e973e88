/* Whether bytes that nobody vouches for are text. Leaf tool; any thread. */
#ifndef PAYI_EVENT_UTF8_H
#define PAYI_EVENT_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* Well-formed UTF-8 (no overlong forms, no surrogates, nothing above U+10FFFF) without NUL. */
bool utf8_is_text(const char *text, size_t len);

#endif
