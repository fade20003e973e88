/* Which names look like one use case spelt twice, and which only look so to a machine. */
#include "history/alike.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static enum alike compare(const char *a, const char *b)
{
	struct alike_name one;
	struct alike_name other;
	alike_read(&one, a);
	alike_read(&other, b);
	cr_expect_eq(alike_compare(&one, &other), alike_compare(&other, &one), "%s and %s, turned",
		     a, b);
	return alike_compare(&one, &other);
}

static void are(const char *a, const char *b, enum alike expected)
{
	const enum alike alike = compare(a, b);
	cr_expect_eq(alike, expected, "%s and %s: '%s', not '%s'", a, b, alike_text(alike),
		     alike_text(expected));
}

Test(alike, names_that_differ_in_case_or_separators)
{
	are("support", "Support", ALIKE_CASE);
	are("document_chat", "DOCUMENT_CHAT", ALIKE_CASE);
	are("document_chat", "document-chat", ALIKE_SEPARATORS);
	are("document_chat", "documentChat", ALIKE_SEPARATORS);
	are("document_chat", "DocumentChat", ALIKE_SEPARATORS);
	are("document.chat.v2", "document_chat_v2", ALIKE_SEPARATORS);
	are("pre_process", "preprocess", ALIKE_SEPARATORS);
	are("_support", "support", ALIKE_SEPARATORS);
}

Test(alike, names_that_differ_in_a_plural)
{
	are("document_chat", "documents_chat", ALIKE_PLURAL);
	are("document_summary", "document_summaries", ALIKE_PLURAL);
	are("documentsChat", "document-chat", ALIKE_PLURAL);
	are("step_01", "steps_1", ALIKE_PLURAL);
}

Test(alike, names_that_differ_in_a_slip_of_the_finger)
{
	are("document_summarization", "document_summarisation", ALIKE_SPELLING);
	are("document_chat", "docuemnt_chat", ALIKE_SPELLING);
	are("chatbot", "cahtbot", ALIKE_SPELLING);
	are("document_chat", "document_chta", ALIKE_SPELLING);
	are("colour_picker", "color_picker", ALIKE_SPELLING);
	are("customer_support", "custmer_suport", ALIKE_SPELLING);
	are("ticket_triage", "ticket_traige_", ALIKE_SPELLING);
}

Test(alike, names_that_are_others)
{
	static const char *const pairs[][2] = {
		{"v1", "v2"},
		{"step_1", "step_2"},
		{"step_1", "step_11"},
		{"step_1_2", "1_step_2"},
		{"chat_v1", "chat-v2"},
		{"model1", "model10"},
		{"step_a", "step_b"},
		{"plan_i", "plan_ii"},
		{"chat_en", "chat_de"},
		{"mail_in", "mail_out"},
		{"us_east", "us_west"},
		{"encode", "decode"},
		{"import", "export"},
		{"upload", "download"},
		{"cat", "bat"},
		{"ann", "anna"},
		{"support", "search"},
		{"document_chat", "document_chat_tool"},
		{"a", "b"},
		{"-", "x"},
	};
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		are(pairs[i][0], pairs[i][1], ALIKE_NOT);
}

/* Whatever is in the database, nothing is written beyond a bound. */
Test(alike, takes_any_text)
{
	char text[4096];
	struct alike_name name;
	srand(7);
	for (int round = 0; round < 3000; round++) {
		static const char letters[] = "aB_-.0sS1\xc3\xff";
		const size_t len = (size_t)rand() % (round % 3 ? 80 : sizeof(text));
		for (size_t i = 0; i < len; i++)
			text[i] = letters[(size_t)rand() % (sizeof(letters) - 1)];
		text[len] = '\0';
		alike_read(&name, text);
		cr_assert_leq(name.n_words, ALIKE_WORDS_MAX);
		cr_assert_leq(strlen(name.numbers), 2 * ALIKE_NAME_BYTES);
		cr_assert_neq(alike_compare(&name, &name), ALIKE_NOT);
	}
}
