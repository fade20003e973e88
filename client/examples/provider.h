/*
 * A made-up provider of models: it answers as a real one would, at once and at no cost. Token counts and
 * latencies are log-normal, and about one call in fifty fails. The same seed gives the same answers.
 *
 * It is here only so that the example has something to track. Any thread, with a struct dice of its own.
 */
#ifndef PAYI_EXAMPLE_PROVIDER_H
#define PAYI_EXAMPLE_PROVIDER_H

#include <stdbool.h>
#include <stdint.h>

struct dice {
	uint64_t state; /* the seed, at first */
};

uint64_t dice_bits(struct dice *dice);
int dice_below(struct dice *dice, int n);                         /* 0 to n - 1 */
int dice_log_normal(struct dice *dice, int median, double sigma); /* at least 1 */

enum model { GPT_4O, GPT_4O_MINI, O4_MINI, CLAUDE_SONNET_4, NOVA_LITE };

/* What is asked of a model. The sizes are medians; the answer tells what it came to. */
struct prompt {
	enum model model;
	int prompt_tokens;
	int cached_tokens; /* of an earlier prompt, which this one begins with */
	int images;
	int answer_tokens;
	bool streamed;
};

enum { PROVIDER_NO_ANSWER = 299 }; /* for http_status: the connection failed, there was none */

struct answer {
	const char *category; /* who was asked, in Pay-i's words */
	const char *resource;
	char id[40]; /* the provider's; "" when the call failed */
	int http_status;
	const char *failure;      /* of PROVIDER_NO_ANSWER: what went wrong, and … */
	const char *failure_text; /* … in words */
	int latency_ms;
	int first_token_ms; /* 0 unless streamed */
	int text_in;        /* tokens, all of them: 0 when the call failed */
	int cached_in;
	int vision_in;
	int text_out;
	int reasoning_out;
};

struct answer provider_ask(struct dice *dice, const struct prompt *prompt);

#endif
