/*
 * Whether two names of use cases look like one that was spelt twice. For a person to decide on: what is alike need
 * not be the same, but what only looks alike to a machine (v1 and v2, step_a and step_b) is left out. Any thread.
 */
#ifndef PAYI_HISTORY_ALIKE_H
#define PAYI_HISTORY_ALIKE_H

enum alike {
	ALIKE_NOT,
	ALIKE_CASE,       /* document_chat, Document_Chat */
	ALIKE_SEPARATORS, /* document_chat, document-chat, documentChat */
	ALIKE_PLURAL,     /* document_chat, documents_chat */
	ALIKE_SPELLING,   /* document_chat, docuemnt_chat */
};

enum { ALIKE_WORDS_MAX = 32, ALIKE_NAME_BYTES = 64 };

/* A name, taken apart once for all comparisons: letters in lower case, by words; numbers for themselves. */
struct alike_name {
	char lower[ALIKE_NAME_BYTES + 1];  /* all of it */
	char joined[ALIKE_NAME_BYTES + 1]; /* words and numbers without what is between them */
	char letters[ALIKE_NAME_BYTES + ALIKE_WORDS_MAX +
		     1];                        /* words in the singular, a NUL behind each */
	char numbers[2 * ALIKE_NAME_BYTES + 1]; /* "1,12," without leading zeros */
	const char *word[ALIKE_WORDS_MAX];
	int n_words;
};

/* Of a name longer than ALIKE_NAME_BYTES, the first bytes count; of its words, ALIKE_WORDS_MAX. */
void alike_read(struct alike_name *name, const char *text);

enum alike alike_compare(const struct alike_name *a, const struct alike_name *b);

/* "case", "separators", "plural", "spelling". */
const char *alike_text(enum alike alike);

#endif
