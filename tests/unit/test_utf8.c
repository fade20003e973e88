/* What is text, wherever in its words it stands. */
#include "event/utf8.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

enum { LEN_MAX = 20 };

/* Bytes put into text of len 'x' at a place, in memory that ends with it. */
static bool is_text_with(size_t len, size_t at, const char *bytes, size_t n)
{
	char *text = malloc(len);
	memset(text, 'x', len);
	memcpy(text + at, bytes, n);
	const bool answer = utf8_is_text(text, len);
	free(text);
	return answer;
}

static void check_everywhere(const char *bytes, size_t n, bool expected)
{
	for (size_t len = n; len <= LEN_MAX; len++)
		for (size_t at = 0; at + n <= len; at++)
			cr_assert(is_text_with(len, at, bytes, n) == expected,
				  "%zu bytes of which the first is %02x, at %zu of %zu", n,
				  (unsigned char)bytes[0], at, len);
}

Test(utf8, takes_characters_of_every_length_wherever_they_stand)
{
	cr_assert(utf8_is_text("", 0));
	for (int byte = 1; byte < 128; byte++)
		check_everywhere(&(char){(char)byte}, 1, true);
	check_everywhere("\xc2\x80", 2, true);
	check_everywhere("\xe0\xa0\x80", 3, true);
	check_everywhere("\xed\x9f\xbf", 3, true);
	check_everywhere("\xf0\x90\x80\x80", 4, true);
	check_everywhere("\xf4\x8f\xbf\xbf", 4, true);
	check_everywhere("\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80", 9, true);
}

Test(utf8, refuses_what_is_none_wherever_it_stands)
{
	check_everywhere("\0", 1, false);
	for (int byte = 128; byte < 256; byte++) /* alone, or cut off by an x or the end */
		check_everywhere(&(char){(char)byte}, 1, false);
	check_everywhere("\xc0\x80", 2, false);
	check_everywhere("\xe0\x9f\xbf", 3, false);
	check_everywhere("\xed\xa0\x80", 3, false);
	check_everywhere("\xe2\x82", 2, false);
	check_everywhere("\xf0\x8f\xbf\xbf", 4, false);
	check_everywhere("\xf4\x90\x80\x80", 4, false);
	check_everywhere("\xf0\x9f\x98", 3, false);
	check_everywhere("\xe2\x82\xac\x80", 4, false);
}
