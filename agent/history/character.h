/*
 * Text, character by character. What is stored was checked when it came in; still, nobody who shows it shall
 * be led beyond its end, or have a terminal moved, by bytes that are not what they should be.
 */
#ifndef PAYI_HISTORY_CHARACTER_H
#define PAYI_HISTORY_CHARACTER_H

#include <stdbool.h>
#include <stdint.h>

enum { CHARACTER_BAD = -1 };

/*
 * The character at *text, which ends with a NUL and is not at it; moves on behind it. CHARACTER_BAD for a byte that
 * does not begin a well-formed one; moves on by that byte.
 */
int32_t character_next(const char **text);

/* Whether a character is seen at all, and leaves the others where they are: no control, no bidi override. */
bool character_is_harmless(int32_t character);

#endif
