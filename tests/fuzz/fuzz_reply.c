/* What the service answers: a body, and, before the last three lines of it, the headers that say when to come again. */
#include "fuzz/fuzz.h"
#include "sink/payi/reply.h"
#include "sink/payi/retry_after.h"

#include <string.h>

static void check_reply(const uint8_t *data, size_t size)
{
	struct reply reply;
	reply_parse(&reply, (const char *)data, size);
	fuzz_must(reply.whole.status >= 0 && reply.whole.status <= 999);
	const bool usable = reply_errors_within(&reply, 0, 99);
	for (size_t i = 0; i < reply.n_errors; i++) {
		const struct reply_error *error = &reply.errors[i];
		fuzz_must(!usable || (error->index >= 0 && error->index < 100));
		if (error->message)
			fuzz_must(reply_text_cut(error->message, 40) <= 40);
	}
	reply_release(&reply);
}

static void check_wait(char *text)
{
	char *date = strchr(text, '\n');
	if (!date)
		return;
	*date++ = '\0';
	char *ms = strchr(date, '\n');
	if (ms)
		*ms++ = '\0';
	const int64_t wait_us = retry_after_us(ms ? ms : "", text, date, INT64_C(1795000000000000));
	fuzz_must(wait_us >= -1 && wait_us <= RETRY_AFTER_MAX_US);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	fuzz_must(text);
	memcpy(text, data, size);
	text[size] = '\0';
	check_reply(data, size);
	check_wait(text);
	free(text);
	return 0;
}
