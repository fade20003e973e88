#include "history/character.h"

/* How many bytes follow, what the first one contributes, and the least value that needs so many. */
struct lead {
	int n;
	int32_t bits;
	int32_t least;
};

static struct lead read_lead(unsigned char c)
{
	if (c >= 0xc2 && c <= 0xdf)
		return (struct lead){1, c & 0x1f, 0x80};
	if (c >= 0xe0 && c <= 0xef)
		return (struct lead){2, c & 0x0f, 0x800};
	if (c >= 0xf0 && c <= 0xf4)
		return (struct lead){3, c & 0x07, 0x10000};
	return (struct lead){c < 0x80 ? 0 : -1, c, 0};
}

int32_t character_next(const char **text)
{
	const unsigned char *at = (const unsigned char *)*text;
	const struct lead lead = read_lead(*at);
	int32_t character = lead.bits;
	++*text;
	if (lead.n < 0)
		return CHARACTER_BAD;
	for (int i = 1; i <= lead.n; i++) {
		if ((at[i] & 0xc0) != 0x80) /* so is the NUL at the end */
			return CHARACTER_BAD;
		character = character << 6 | (at[i] & 0x3f);
	}
	const bool is_surrogate = character >= 0xd800 && character <= 0xdfff;
	if (character < lead.least || character > 0x10ffff || is_surrogate)
		return CHARACTER_BAD;
	*text += lead.n;
	return character;
}

bool character_is_harmless(int32_t character)
{
	static const int32_t harmful[][2] = {
		{0x00, 0x1f},   /* C0 */
		{0x7f, 0x9f},   /* DEL, C1 */
		{0x61c, 0x61c}, /* the marks, embeddings, overrides and isolates of bidi */
		{0x200e, 0x200f}, {0x2028, 0x202e}, /* with the line and paragraph separators */
		{0x2066, 0x2069}, {0xfff9, 0xfffb}, /* interlinear annotation */
		{0xfeff, 0xfeff},
	};
	if (character >= ' ' && character <= '~')
		return true;
	for (unsigned i = 0; i < sizeof(harmful) / sizeof(harmful[0]); i++)
		if (character >= harmful[i][0] && character <= harmful[i][1])
			return false;
	return character >= 0;
}
