#include "provider.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

static const struct {
	const char *category;
	const char *resource;
	const char *id_prefix;
	double ms_per_token;
	bool reasons;
} models[] = {
	[GPT_4O] = {"system.openai", "gpt-4o", "chatcmpl-", 11, false},
	[GPT_4O_MINI] = {"system.openai", "gpt-4o-mini", "chatcmpl-", 7, false},
	[O4_MINI] = {"system.openai", "o4-mini", "chatcmpl-", 8, true},
	[CLAUDE_SONNET_4] = {"system.anthropic", "claude-sonnet-4", "msg_", 15, false},
	[NOVA_LITE] = {"system.aws.bedrock", "amazon.nova-lite-v1:0", "", 5, false},
};

/* ---- Dice ----------------------------------------------------------------------------------------- */

/* SplitMix64: every seed is a good one. */
uint64_t dice_bits(struct dice *dice)
{
	uint64_t bits = dice->state += 0x9e3779b97f4a7c15u;
	bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9u;
	bits = (bits ^ (bits >> 27)) * 0x94d049bb133111ebu;
	return bits ^ (bits >> 31);
}

/* In (0, 1]: its logarithm is finite. */
static double dice_unit(struct dice *dice)
{
	return ((double)(dice_bits(dice) >> 11) + 1) * 0x1p-53;
}

int dice_below(struct dice *dice, int n)
{
	return (int)(dice_bits(dice) % (uint64_t)n);
}

int dice_log_normal(struct dice *dice, int median, double sigma)
{
	enum { FAR_ENOUGH = 1000000 };
	/* Box-Muller. */
	const double radius = sqrt(-2 * log(dice_unit(dice)));
	const double normal = radius * cos(6.283185307179586 * dice_unit(dice));
	const double value = median * exp(sigma * normal);
	return value < 1 ? 1 : value > FAR_ENOUGH ? FAR_ENOUGH : (int)value;
}

/* ---- Answers -------------------------------------------------------------------------------------- */

static void fail(struct dice *dice, struct answer *answer)
{
	switch (dice_below(dice, 3)) {
	case 0: /* over the rate limit: refused at once */
		answer->http_status = 429;
		answer->latency_ms = dice_log_normal(dice, 40, 0.3);
		break;
	case 1:
		answer->http_status = 500;
		answer->latency_ms = dice_log_normal(dice, 900, 0.6);
		break;
	default:
		answer->http_status = PROVIDER_NO_ANSWER;
		answer->failure = "TimeoutError";
		answer->failure_text = "the provider did not answer within 30 s";
		answer->latency_ms = 30000;
	}
}

static void succeed(struct dice *dice, const struct prompt *prompt, struct answer *answer)
{
	enum { TOKENS_PER_IMAGE = 765 };
	answer->http_status = 200;
	answer->text_in = dice_log_normal(dice, prompt->prompt_tokens, 0.5);
	answer->cached_in = prompt->cached_tokens;
	answer->vision_in = prompt->images * TOKENS_PER_IMAGE;
	answer->text_out = dice_log_normal(dice, prompt->answer_tokens, 0.6);
	if (models[prompt->model].reasons)
		answer->reasoning_out = dice_log_normal(dice, 4 * prompt->answer_tokens, 0.7);
	const int tokens = answer->text_out + answer->reasoning_out;
	const double typing_ms = models[prompt->model].ms_per_token * tokens;
	const int first_token_ms = dice_log_normal(dice, 350, 0.4);
	answer->latency_ms = first_token_ms + dice_log_normal(dice, (int)typing_ms + 1, 0.2);
	answer->first_token_ms = prompt->streamed ? first_token_ms : 0;
	snprintf(answer->id, sizeof(answer->id), "%s%016" PRIx64 "%08" PRIx32,
		 models[prompt->model].id_prefix, dice_bits(dice), (uint32_t)dice_bits(dice));
}

struct answer provider_ask(struct dice *dice, const struct prompt *prompt)
{
	struct answer answer = {
		.category = models[prompt->model].category,
		.resource = models[prompt->model].resource,
	};
	if (dice_below(dice, 50) == 0)
		fail(dice, &answer);
	else
		succeed(dice, prompt, &answer);
	return answer;
}
