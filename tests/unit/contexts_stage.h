/* What the tests of contexts share: a client, and what an event carries. */
#ifndef PAYI_TESTS_CONTEXTS_STAGE_H
#define PAYI_TESTS_CONTEXTS_STAGE_H

#include "help/client_fixture.h"
#include "help/record_text.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static payi_client *client;

static inline void set_up(void)
{
	client_set_up();
	client = client_open(0);
}

static inline void tear_down(void)
{
	payi_client_close(client);
	client_tear_down();
}

static inline payi_event small_event(const char *id)
{
	payi_event event = client_small_event();
	event.provider_response_id = id;
	return event;
}

static inline void track(const char *id)
{
	const payi_event event = small_event(id);
	cr_assert(payi_track(client, &event) == PAYI_OK, "%s", payi_last_error());
}

static inline void begin(const payi_track_context *context)
{
	cr_assert(payi_track_context_begin(client, context) == PAYI_OK, "%s", payi_last_error());
}

/* Values over PAYI_TRACK_CONTEXT_INIT's, which the compiler would warn of. */
#pragma GCC diagnostic ignored "-Woverride-init"

#define BEGIN(...)                                                                                 \
	begin(&(payi_track_context){.size = sizeof(payi_track_context),                            \
				    .use_case_version = PAYI_UNSET,                                \
				    .log_prompt_and_response = PAYI_UNSET,                         \
				    __VA_ARGS__})
#define END() payi_track_context_end(client)

/* What the event with this id carries, behind its category. */
static inline void carries(const char *id, const char *expected)
{
	char *text = record_text_find(client_site.rings, 1, id);
	cr_assert(text, "there is no event %s", id);
	char whole[1024];
	snprintf(whole, sizeof(whole), "category=system.openai%s%s", *expected ? " " : "",
		 expected);
	cr_assert_str_eq(text, whole);
	free(text);
}

#endif
