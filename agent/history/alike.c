#include "history/alike.h"

#include "base/nearness.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* ---- Taking a name apart -------------------------------------------------------------------------- */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

static bool is_separator(char c)
{
	return c == '.' || c == '-' || c == '_';
}

static char to_lower(char c)
{
	return is_upper(c) ? (char)(c - 'A' + 'a') : c;
}

/* documents, summaries: what is shorter, or ends in "ss", may be no plural. Returns the new length. */
static size_t make_singular(char *word, size_t len)
{
	if (len > 4 && memcmp(word + len - 3, "ies", 3) == 0) {
		word[len - 3] = 'y';
		len -= 2;
	} else if (len > 3 && word[len - 1] == 's' && word[len - 2] != 's') {
		len--;
	}
	word[len] = '\0';
	return len;
}

/* A number holds a word's place; which number it is, is compared apart. */
static const char *read_number(struct alike_name *name, const char *text)
{
	while (*text == '0' && is_digit(text[1]))
		text++;
	size_t at = strlen(name->numbers);
	for (; is_digit(*text); text++)
		name->numbers[at++] = *text;
	name->numbers[at++] = ',';
	name->numbers[at] = '\0';
	name->word[name->n_words++] = "#";
	return text;
}

/* A word ends at a separator, at a digit, and where an upper letter follows a lower one. */
static const char *read_word(struct alike_name *name, const char *text, size_t *used)
{
	char *word = name->letters + *used;
	size_t len = 0;
	do
		word[len++] = to_lower(*text++);
	while (*text && !is_separator(*text) && !is_digit(*text) &&
	       !(is_upper(*text) && !is_upper(text[-1])));
	len = make_singular(word, len);
	name->word[name->n_words++] = word;
	*used += len + 1;
	return text;
}

void alike_read(struct alike_name *name, const char *text)
{
	char kept[ALIKE_NAME_BYTES + 1];
	const char *at = kept;
	size_t used = 0;
	size_t n_joined = 0;
	*name = (struct alike_name){0};
	snprintf(kept, sizeof(kept), "%s", text);
	for (size_t i = 0; kept[i]; i++) {
		name->lower[i] = to_lower(kept[i]);
		if (!is_separator(kept[i]))
			name->joined[n_joined++] = to_lower(kept[i]);
	}
	while (*at && name->n_words < ALIKE_WORDS_MAX)
		if (is_separator(*at))
			at++;
		else
			at = is_digit(*at) ? read_number(name, at) : read_word(name, at, &used);
}

/* ---- Comparing ------------------------------------------------------------------------------------ */

/* Two letters next to each other changed places: one slip, though two letters differ. */
static bool is_swapped(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return a[0] && a[1] && a[0] == b[1] && a[1] == b[0] && strcmp(a + 2, b + 2) == 0;
}

/* How many slips lie between two words; NEARNESS_MAX when these are too many for what is so short. */
static size_t slips(const char *a, const char *b)
{
	const size_t len_a = strlen(a);
	const size_t len_b = strlen(b);
	const size_t shorter = len_a < len_b ? len_a : len_b;
	const size_t longer = len_a < len_b ? len_b : len_a;
	const size_t allowed = shorter < 4 ? 0 : shorter < 8 ? 1 : 2;
	if (strcmp(a, b) == 0)
		return 0;
	if (longer - shorter > allowed)
		return NEARNESS_MAX;
	const size_t distance = is_swapped(a, b) ? 1 : nearness(a, b);
	return distance <= allowed ? distance : NEARNESS_MAX;
}

/*
 * Word by word where there are as many: a short word that differs is another word, however long the name is. Else
 * without what is between the words.
 */
static size_t slips_of_names(const struct alike_name *a, const struct alike_name *b)
{
	size_t sum = 0;
	if (a->n_words != b->n_words)
		return slips(a->joined, b->joined);
	for (int i = 0; i < a->n_words && sum < NEARNESS_MAX; i++)
		sum += slips(a->word[i], b->word[i]);
	return sum;
}

enum alike alike_compare(const struct alike_name *a, const struct alike_name *b)
{
	if (strcmp(a->numbers, b->numbers) != 0)
		return ALIKE_NOT;
	if (strcmp(a->lower, b->lower) == 0)
		return ALIKE_CASE;
	if (strcmp(a->joined, b->joined) == 0)
		return ALIKE_SEPARATORS;
	const size_t n = slips_of_names(a, b);
	if (n == 0)
		return ALIKE_PLURAL;
	return n < NEARNESS_MAX ? ALIKE_SPELLING : ALIKE_NOT;
}

const char *alike_text(enum alike alike)
{
	static const char *const texts[] = {"", "case", "separators", "plural", "spelling"};
	return texts[alike];
}
