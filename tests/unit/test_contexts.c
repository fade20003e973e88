/* Contexts: what an event carries, by what was open when it was tracked. */
#include "help/client_fixture.h"
#include "help/record_text.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static payi_client *client;

static void set_up(void)
{
	client_set_up();
	client = client_open(0);
}

static void tear_down(void)
{
	payi_client_close(client);
	client_tear_down();
}

TestSuite(contexts, .init = set_up, .fini = tear_down);

static payi_event small_event(const char *id)
{
	payi_event event = client_small_event();
	event.provider_response_id = id;
	return event;
}

static void track(const char *id)
{
	const payi_event event = small_event(id);
	cr_assert(payi_track(client, &event) == PAYI_OK, "%s", payi_last_error());
}

static void begin(const payi_track_context *context)
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
static void carries(const char *id, const char *expected)
{
	char *text = record_text_find(client_site.rings, 1, id);
	cr_assert(text, "there is no event %s", id);
	char whole[1024];
	snprintf(whole, sizeof(whole), "category=system.openai%s%s", *expected ? " " : "",
		 expected);
	cr_assert_str_eq(text, whole);
	free(text);
}

/* ---- Runs of a use case ----------------------------------------------------------------------------- */

Test(contexts, each_entry_makes_one_id_that_its_events_share)
{
	char first[64] = "";
	for (int i = 0; i < 2; i++) {
		char ids[2][32];
		char expected[128];
		PAYI_TRACK_CONTEXT (client, .use_case_name = "chat") {
			const char *id = payi_current_use_case_id(client);
			cr_assert_eq(strlen(id), 36u, "%s is no UUID", id);
			cr_assert_str_neq(id, first);
			snprintf(first, sizeof(first), "%s", id);
			for (int k = 0; k < 2; k++) {
				snprintf(ids[k], sizeof(ids[k]), "e%d%d", i, k);
				track(ids[k]);
			}
		}
		snprintf(expected, sizeof(expected), "use_case_name=chat use_case_id=%s", first);
		carries(ids[0], expected);
		carries(ids[1], expected);
	}
}

Test(contexts, the_callers_id_is_taken)
{
	BEGIN(.use_case_name = "chat", .use_case_id = "ticket 4711 \xe2\x82\xac");
	track("e");
	END();
	carries("e", "use_case_name=chat use_case_id=ticket 4711 \xe2\x82\xac");
	track("outside");
	carries("outside", "");
}

Test(contexts, the_same_name_or_none_goes_on_with_the_run)
{
	BEGIN(.use_case_name = "chat", .use_case_id = "t1", .use_case_version = 2,
	      .use_case_step = "plan");
	BEGIN(.use_case_name = "chat", .use_case_step = "draft");
	track("same");
	BEGIN(.use_case_version = 3, .use_case_step = "");
	track("none");
	BEGIN(.use_case_id = "t2");
	track("other_id");
	END();
	END();
	END();
	track("outer");
	END();
	carries("same", "use_case_name=chat use_case_id=t1 use_case_step=draft use_case_version=2");
	carries("none", "use_case_name=chat use_case_id=t1 use_case_version=3");
	carries("other_id", "use_case_name=chat use_case_id=t2 use_case_version=3");
	carries("outer", "use_case_name=chat use_case_id=t1 use_case_step=plan use_case_version=2");
}

Test(contexts, another_name_begins_anew)
{
	static const payi_property properties[] = {{"p", "1"}};
	BEGIN(.use_case_name = "a", .use_case_id = "t1", .use_case_version = 2,
	      .use_case_step = "s", .use_case_properties = properties, .n_use_case_properties = 1,
	      .user_id = "ada");
	BEGIN(.use_case_name = "b", .use_case_id = "t2");
	track("b");
	BEGIN(.use_case_name = "c");
	char expected[128];
	snprintf(expected, sizeof(expected), "use_case_name=c use_case_id=%s user_id=ada",
		 payi_current_use_case_id(client));
	track("c");
	END();
	END();
	END();
	carries("b", "use_case_name=b use_case_id=t2 user_id=ada");
	carries("c", expected);
}

Test(contexts, an_empty_id_means_none_for_the_run)
{
	BEGIN(.use_case_name = "a", .use_case_id = "");
	track("none");
	cr_assert_null(payi_current_use_case_id(client));
	BEGIN(.use_case_name = "a", .use_case_step = "s");
	track("inner");
	END();
	END();
	carries("none", "use_case_name=a");
	carries("inner", "use_case_name=a use_case_step=s");
}

/* ---- Inheriting and blocking ------------------------------------------------------------------------ */

Test(contexts, empty_values_keep_from_inheriting)
{
	static const payi_property properties[] = {{"env", "prod"}};
	static const char *const limits[] = {"1"};
	static const char *const others[] = {"2"};
	BEGIN(.use_case_name = "a", .use_case_id = "t", .user_id = "ada", .account_name = "acme",
	      .scope = "global", .properties = properties, .n_properties = 1, .limit_ids = limits,
	      .n_limit_ids = 1, .price_as_category = "system.openai",
	      .price_as_resource = "gpt-4o");
	track("all");
	BEGIN(.use_case_name = "", .user_id = "", .account_name = "", .scope = "",
	      .properties = PAYI_EMPTY_PROPERTIES, .limit_ids = PAYI_EMPTY_LIMIT_IDS,
	      .price_as_resource = "");
	track("nothing");
	BEGIN(.limit_ids = others, .n_limit_ids = 1);
	track("fresh");
	END();
	END();
	END();
	carries("all", "resource=gpt-4o use_case_name=a use_case_id=t properties={env:prod} "
		       "limit_ids=[1] user_id=ada account_name=acme scope=global");
	carries("nothing", "");
	carries("fresh", "limit_ids=[2]");
}

Test(contexts, properties_merge_and_limits_unite)
{
	static const payi_property outer[] = {{"env", "prod"}, {"team", "x"}, {"gone", NULL}};
	static const payi_property inner[] = {{"team", "y"}, {"more", "1"}};
	static const char *const limits[] = {"1", "2"};
	static const char *const more[] = {"2", "3", "", "3"};
	BEGIN(.use_case_name = "a", .use_case_id = "t", .properties = outer, .n_properties = 3,
	      .use_case_properties = outer, .n_use_case_properties = 2, .limit_ids = limits,
	      .n_limit_ids = 2);
	BEGIN(.properties = inner, .n_properties = 2, .use_case_properties = inner,
	      .n_use_case_properties = 2, .limit_ids = more, .n_limit_ids = 4);
	track("inner");
	END();
	track("outer");
	END();
	carries("inner", "use_case_name=a use_case_id=t "
			 "use_case_properties={env:prod,more:1,team:y} "
			 "properties={env:prod,gone:null,more:1,team:y} limit_ids=[1,2,3]");
	carries("outer", "use_case_name=a use_case_id=t use_case_properties={env:prod,team:x} "
			 "properties={env:prod,gone:null,team:x} limit_ids=[1,2]");
}

Test(contexts, what_an_event_sets_is_its_own)
{
	static const payi_property properties[] = {{"env", "prod"}};
	static const payi_property own[] = {{"n", "1"}};
	static const char *const limits[] = {"1"};
	static const char *const other[] = {"2"};
	BEGIN(.use_case_name = "a", .use_case_id = "t", .use_case_step = "s", .use_case_version = 1,
	      .user_id = "ada", .scope = "global", .properties = properties, .n_properties = 1,
	      .limit_ids = limits, .n_limit_ids = 1);
	payi_event event = small_event("some");
	event.use_case_step = "draft";
	event.user_id = "";
	event.properties = own;
	event.n_properties = 1;
	event.limit_ids = other;
	event.n_limit_ids = 1;
	cr_assert(payi_track(client, &event) == PAYI_OK);
	event = small_event("same_name");
	event.use_case_name = "a";
	event.use_case_id = "t2";
	event.properties = PAYI_EMPTY_PROPERTIES;
	event.limit_ids = PAYI_EMPTY_LIMIT_IDS;
	cr_assert(payi_track(client, &event) == PAYI_OK);
	event = small_event("other_name");
	event.use_case_name = "b";
	cr_assert(payi_track(client, &event) == PAYI_OK);
	event = small_event("no_name");
	event.use_case_name = "";
	cr_assert(payi_track(client, &event) == PAYI_OK);
	event.use_case_id = "t";
	cr_assert(payi_track(client, &event) == PAYI_ERR_INVALID);
	END();
	carries("some", "use_case_name=a use_case_id=t use_case_step=draft use_case_version=1 "
			"properties={n:1} limit_ids=[2] scope=global");
	carries("same_name", "use_case_name=a use_case_id=t2 use_case_step=s use_case_version=1 "
			     "user_id=ada scope=global");
	carries("other_name", "use_case_name=b properties={env:prod} limit_ids=[1] user_id=ada "
			      "scope=global");
	carries("no_name", "properties={env:prod} limit_ids=[1] user_id=ada scope=global");
}

Test(contexts, price_as_takes_the_place_of_category_and_resource)
{
	BEGIN(.price_as_category = "system.azureopenai", .price_as_resource = "gpt-4o-ptu");
	payi_event event = small_event("e");
	event.resource = "gpt-4o";
	cr_assert(payi_track(client, &event) == PAYI_OK);
	event = small_event("without");
	event.category = NULL;
	cr_assert(payi_track(client, &event) == PAYI_OK, "the context has one");
	END();
	for (int i = 0; i < 2; i++) {
		char *text = record_text_find(client_site.rings, 1, i ? "without" : "e");
		cr_assert_str_eq(text, "category=system.azureopenai resource=gpt-4o-ptu");
		free(text);
	}
}

static void check_hushed(void *context, uint32_t lane, const uint8_t *payload, uint32_t bytes)
{
	(void)lane;
	struct event event;
	char reason[EVENT_REASON_BYTES];
	cr_assert_null(event_decode(&event, payload, bytes, reason));
	const uint64_t private = UINT64_C(1) << PAYI_FIELD_provider_request_json |
				 UINT64_C(1) << PAYI_FIELD_provider_request_reasoning_json |
				 UINT64_C(1) << PAYI_FIELD_provider_response_json |
				 UINT64_C(1) << PAYI_FIELD_provider_response_function_calls;
	int *n = context;
	const bool hushed = *n != 1; /* the second is the one that logs again */
	cr_assert_eq((event.present & private) == 0, hushed, "event %d", *n);
	cr_assert(event_has(&event, PAYI_FIELD_provider_uri));
	++*n;
}

Test(contexts, prompts_and_responses_can_be_left_out)
{
	static const char *const chunks[] = {"{}"};
	static const payi_function_call calls[] = {{"f", "{}"}};
	payi_event event = client_small_event();
	event.provider_uri = "https://example.org";
	event.provider_request_json = "{}";
	event.provider_request_reasoning_json = "{}";
	event.provider_response_json = chunks;
	event.n_provider_response_json = 1;
	event.provider_response_function_calls = calls;
	event.n_provider_response_function_calls = 1;
	BEGIN(.log_prompt_and_response = 0);
	cr_assert(payi_track(client, &event) == PAYI_OK);
	BEGIN(.log_prompt_and_response = 1);
	cr_assert(payi_track(client, &event) == PAYI_OK);
	END();
	BEGIN(.user_id = "ada");
	cr_assert(payi_track(client, &event) == PAYI_OK);
	END();
	END();
	struct ring_view view;
	int n = 0;
	ring_view_open(&view, client_site.rings, 0);
	cr_assert_eq(ring_view_each(&view, check_hushed, &n), 3);
	ring_view_close(&view);
}

/* ---- Refusals --------------------------------------------------------------------------------------- */

static void refused(const payi_track_context *context, payi_status status, const char *why)
{
	cr_assert_eq(payi_track_context_begin(client, context), status);
	cr_assert(strstr(payi_last_error(), why), "'%s' lacks '%s'", payi_last_error(), why);
	cr_assert_null(payi_current_use_case_name(client), "a refused context was opened");
}

#define REFUSED(why, ...)                                                                          \
	refused(&(payi_track_context){.size = sizeof(payi_track_context),                          \
				      .use_case_version = PAYI_UNSET,                              \
				      .log_prompt_and_response = PAYI_UNSET,                       \
				      __VA_ARGS__},                                                \
		PAYI_ERR_INVALID, why)

Test(contexts, bad_ones_are_refused_with_the_reason)
{
	static const payi_property twice[] = {{"a", "1"}, {"a", "2"}};
	static const payi_property nameless[] = {{"a", "1"}, {"", "2"}};
	static const payi_property one[] = {{"a", "1"}};
	static const char *const comma[] = {"1", "2,3"};
	char name[66];
	char id[1026];
	memset(name, 'n', sizeof(name));
	memset(id, 'i', sizeof(id));
	name[65] = id[1025] = '\0';
	REFUSED("use_case_name is 'no spaces'; it must be 1 to 64 of A-Z a-z 0-9 . - _",
		.use_case_name = "no spaces");
	REFUSED("1 to 64", .use_case_name = name);
	REFUSED("use_case_id is longer than 1024 bytes", .use_case_name = "a", .use_case_id = id);
	REFUSED("use_case_id is not valid UTF-8", .use_case_name = "a", .use_case_id = "\xff");
	REFUSED("use_case_id is set, but there is no use_case_name", .use_case_id = "t");
	REFUSED("use_case_step is set, but", .use_case_step = "s");
	REFUSED("use_case_version is set, but", .use_case_version = 1);
	REFUSED("use_case_properties is set, but", .use_case_properties = one,
		.n_use_case_properties = 1);
	REFUSED("use_case_id is set, but", .use_case_name = "", .use_case_id = "t");
	REFUSED("properties[1] repeats 'a'", .properties = twice, .n_properties = 2);
	REFUSED("properties[1].name is empty", .properties = nameless, .n_properties = 2);
	REFUSED("properties is NULL while n_properties is not 0", .n_properties = 1);
	REFUSED("n_limit_ids is 1025", .limit_ids = comma, .n_limit_ids = 1025);
	REFUSED("n_properties is", .properties = one, .n_properties = SIZE_MAX);
	REFUSED("limit_ids[1] is '2,3'; a limit id has no comma", .limit_ids = comma,
		.n_limit_ids = 2);
	REFUSED("user_id is not valid UTF-8", .user_id = "\xc3");
	refused(NULL, PAYI_ERR_INVALID, "the context is NULL");
	payi_track_context context = PAYI_TRACK_CONTEXT_INIT;
	context.size++;
	refused(&context, PAYI_ERR_VERSION, "newer payi.h");
	context.size = 0;
	refused(&context, PAYI_ERR_INVALID, "PAYI_TRACK_CONTEXT_INIT");
	context.size = sizeof(context);
	cr_assert_eq(payi_track_context_begin(NULL, &context), PAYI_ERR_INVALID);
	track("e");
	carries("e", "");
}

Test(contexts, inherited_properties_do_not_shift_the_index_in_errors)
{
	static const payi_property outer[] = {{"x", "1"}, {"y", "1"}};
	static const payi_property bad[] = {{"a", "1"}, {"b", "\xff"}};
	BEGIN(.properties = outer, .n_properties = 2);
	payi_track_context context = PAYI_TRACK_CONTEXT_INIT;
	context.properties = bad;
	context.n_properties = 2;
	cr_assert_eq(payi_track_context_begin(client, &context), PAYI_ERR_INVALID);
	cr_assert(strstr(payi_last_error(), "properties[1].value is not valid UTF-8"), "%s",
		  payi_last_error());
	END();
}

Test(contexts, a_block_that_cannot_be_begun_runs_without_it)
{
	bool ran = false;
	BEGIN(.use_case_name = "outer", .use_case_id = "t");
	PAYI_TRACK_CONTEXT (client, .use_case_name = "not a name") {
		ran = true;
		track("e");
	}
	cr_assert_str_eq(payi_current_use_case_name(client), "outer");
	END();
	cr_assert(ran);
	carries("e", "use_case_name=outer use_case_id=t");
}

/* ---- The stack -------------------------------------------------------------------------------------- */

static int leave_by(int way)
{
	for (int i = 0; i < 2; i++) {
		PAYI_TRACK_CONTEXT (client, .use_case_name = "a", .use_case_version = 1) {
			PAYI_TRACK_CONTEXT (client, .use_case_name = "b") {
				if (way == 1)
					return 1;
				if (way == 2)
					goto out;
				if (way == 3)
					break;
				if (way == 4)
					continue;
				cr_assert_str_eq(payi_current_use_case_name(client), "b");
			}
			cr_assert_str_eq(payi_current_use_case_name(client), "a");
		}
		cr_assert_null(payi_current_use_case_name(client));
	}
	return 0;
out:
	return 2;
}

Test(contexts, a_block_ends_however_it_is_left)
{
	for (int way = 0; way <= 4; way++) {
		leave_by(way);
		cr_assert_null(payi_current_use_case_name(client), "way %d", way);
	}
	if (client)
		PAYI_TRACK_CONTEXT (client, .use_case_name = "c")
			cr_assert_str_eq(payi_current_use_case_name(client), "c");
	else
		cr_assert_fail("the else belongs to the if");
}

static uint64_t unbalanced_ends(void)
{
	payi_client_stats stats = PAYI_CLIENT_STATS_INIT;
	cr_assert_eq(payi_client_stats_get(client, &stats), PAYI_OK);
	return stats.unbalanced_ends;
}

Test(contexts, an_end_without_a_begin_is_told_and_counted)
{
	BEGIN(.use_case_name = "a");
	END();
	cr_assert_eq(unbalanced_ends(), 0u);
	END();
	cr_assert_eq(unbalanced_ends(), 1u);
	cr_assert(strstr(payi_last_error(), "no context is open on this thread"));
	payi_track_context_end(NULL);
}

Test(contexts, depth_is_bounded)
{
	for (int i = 0; i < PAYI_CONTEXT_DEPTH_MAX; i++)
		BEGIN(.use_case_name = i % 2 ? "a" : "b");
	payi_track_context context = PAYI_TRACK_CONTEXT_INIT;
	cr_assert_eq(payi_track_context_begin(client, &context), PAYI_ERR_TOO_DEEP);
	cr_assert(strstr(payi_last_error(), "1000 contexts are open on this thread"));
	for (int i = 0; i < PAYI_CONTEXT_DEPTH_MAX; i++)
		END();
	cr_assert_eq(unbalanced_ends(), 0u);
	cr_assert_null(payi_current_use_case_name(client));
	BEGIN(.use_case_name = "a");
	END();
}

Test(contexts, each_client_has_its_own)
{
	payi_client *mine = client;
	payi_client *other = client_open(0);
	BEGIN(.use_case_name = "mine", .use_case_id = "1");
	client = other;
	cr_assert_null(payi_current_use_case_name(other));
	BEGIN(.use_case_name = "other");
	client = mine;
	cr_assert_str_eq(payi_current_use_case_name(mine), "mine");
	END(); /* the one below the other's */
	cr_assert_null(payi_current_use_case_name(mine));
	cr_assert_str_eq(payi_current_use_case_name(other), "other");
	payi_client_close(other); /* with a context open */
	payi_client *again = client_open(0);
	cr_assert_null(payi_current_use_case_name(again), "another client's context, by address");
	payi_client_close(again);
}

/* ---- Captured contexts ------------------------------------------------------------------------------ */

struct job {
	payi_context *context;
	const char *id;
	bool with;
};

static void *run_job(void *argument)
{
	struct job *job = argument;
	payi_track_context here = PAYI_TRACK_CONTEXT_INIT;
	here.use_case_name = "of_the_thread";
	here.user_id = "worker";
	cr_assert_eq(payi_track_context_begin(client, &here), PAYI_OK);
	if (job->with) {
		const payi_event event = small_event(job->id);
		cr_assert_eq(payi_track_with(client, job->context, &event), PAYI_OK);
	} else {
		cr_assert_eq(payi_context_attach(client, job->context), PAYI_OK);
		payi_context_release(job->context);
		track(job->id);
		END();
	}
	cr_assert_str_eq(payi_current_use_case_name(client), "of_the_thread");
	END();
	return NULL;
}

static void run(struct job *job)
{
	pthread_t thread;
	cr_assert_eq(pthread_create(&thread, NULL, run_job, job), 0);
	pthread_join(thread, NULL);
}

Test(contexts, a_captured_one_goes_to_other_threads_and_outlives_its_scope)
{
	struct job job = {.id = "attached"};
	struct job with = {.id = "with", .with = true};
	BEGIN(.use_case_name = "a", .use_case_id = "t", .account_name = "acme");
	job.context = payi_context_capture(client);
	with.context = payi_context_capture(client);
	END();
	run(&job);
	run(&with);
	payi_context_release(with.context);
	carries("attached", "use_case_name=a use_case_id=t account_name=acme");
	carries("with", "use_case_name=a use_case_id=t account_name=acme");
}

Test(contexts, what_was_blocked_stays_blocked_when_captured)
{
	struct job job = {.id = "e"};
	BEGIN(.use_case_name = "a", .user_id = "ada");
	BEGIN(.use_case_name = "", .user_id = "");
	job.context = payi_context_capture(client);
	END();
	END();
	run(&job); /* on a thread with a use case and a user of its own */
	carries("e", "");
}

Test(contexts, none_can_be_captured_too)
{
	struct job job = {.id = "e"};
	struct job null = {.id = "null"};
	struct job with_null = {.id = "with_null", .with = true};
	job.context = payi_context_capture(client);
	cr_assert(job.context);
	run(&job);
	run(&null);
	run(&with_null);
	carries("e", "");
	carries("null", "");
	carries("with_null", "");
	cr_assert_null(payi_context_capture(NULL));
	payi_context_release(NULL);
}

Test(contexts, an_attached_one_is_inherited_from)
{
	BEGIN(.use_case_name = "a", .use_case_id = "t", .user_id = "ada");
	payi_context *context = payi_context_capture(client);
	END();
	cr_assert_eq(payi_context_attach(client, context), PAYI_OK);
	payi_context_release(context);
	BEGIN(.use_case_step = "s");
	track("e");
	END();
	END();
	carries("e", "use_case_name=a use_case_id=t use_case_step=s user_id=ada");
}

/* Two coroutines of one thread, each with its context, by turns: an explicit context cannot be mixed up. */
Test(contexts, interleaved_work_is_told_apart)
{
	payi_context *context[2];
	for (int i = 0; i < 2; i++) {
		BEGIN(.use_case_name = i ? "q" : "p", .use_case_id = "1");
		context[i] = payi_context_capture(client);
		END();
	}
	for (int i = 0; i < 10; i++) {
		char id[16];
		snprintf(id, sizeof(id), "e%d", i);
		const payi_event event = small_event(id);
		cr_assert_eq(payi_track_with(client, context[i % 2], &event), PAYI_OK);
		carries(id,
			i % 2 ? "use_case_name=q use_case_id=1" : "use_case_name=p use_case_id=1");
	}
	payi_context_release(context[0]);
	payi_context_release(context[1]);
}

static void *leave_open(void *unused)
{
	(void)unused;
	BEGIN(.use_case_name = "a", .user_id = "ada");
	BEGIN(.use_case_name = "b");
	return NULL;
}

/* That the memory is given back is for the leak checker to say. */
Test(contexts, a_thread_that_ends_closes_what_it_left_open)
{
	pthread_t thread;
	cr_assert_eq(pthread_create(&thread, NULL, leave_open, NULL), 0);
	pthread_join(thread, NULL);
	cr_assert_null(payi_current_use_case_name(client));
}

/* ---- fork and signals ------------------------------------------------------------------------------- */

/* The id that a child makes, by a pipe. */
static void child_id(char id[64])
{
	int ends[2];
	cr_assert_eq(pipe(ends), 0);
	const pid_t child = fork();
	if (child == 0) {
		char text[64] = "";
		const char *outer = payi_current_use_case_name(client);
		PAYI_TRACK_CONTEXT (client, .use_case_name = "child")
			snprintf(text, sizeof(text), "%s", payi_current_use_case_id(client));
		if (!outer || strcmp(outer, "outer") != 0 || !payi_current_use_case_name(client))
			text[0] = '\0';
		_exit(write(ends[1], text, sizeof(text)) != sizeof(text));
	}
	close(ends[1]);
	cr_assert_eq(read(ends[0], id, 64), 64);
	close(ends[0]);
	int status;
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

Test(contexts, forked_children_go_on_with_theirs_and_make_their_own_ids)
{
	char ids[3][64];
	BEGIN(.use_case_name = "outer");
	child_id(ids[0]);
	child_id(ids[1]);
	PAYI_TRACK_CONTEXT (client, .use_case_name = "child")
		snprintf(ids[2], sizeof(ids[2]), "%s", payi_current_use_case_id(client));
	END();
	for (int i = 0; i < 3; i++)
		cr_assert_eq(strlen(ids[i]), 36u);
	/* The last 62 bits are the random ones: times differ anyhow. */
	cr_assert_str_neq(ids[0] + 20, ids[1] + 20);
	cr_assert_str_neq(ids[0] + 20, ids[2] + 20);
	cr_assert_str_neq(ids[1] + 20, ids[2] + 20);
}

static volatile sig_atomic_t n_signals, n_bad;

static void on_signal(int number)
{
	(void)number;
	const payi_event event = client_small_event();
	const payi_status status = payi_track(client, &event);
	n_signals++;
	n_bad += status != PAYI_OK && status != PAYI_ERR_FULL;
}

static void check_whole(void *context, uint32_t lane, const uint8_t *payload, uint32_t bytes)
{
	(void)context;
	(void)lane;
	char *text = record_text(payload, bytes);
	cr_assert(strcmp(text, "category=system.openai") == 0 ||
			  strcmp(text, "category=system.openai use_case_name=a use_case_id=t") ==
				  0 ||
			  strcmp(text, "category=system.openai use_case_name=a use_case_id=t "
				       "user_id=ada") == 0,
		  "%s", text);
	free(text);
}

/* A handler may track between any two instructions of begin and end: each event in one context or the other. */
Test(contexts, a_signal_handler_may_track_while_contexts_come_and_go)
{
	sigaction(SIGALRM, &(struct sigaction){.sa_handler = on_signal}, NULL);
	const struct itimerval often = {{0, 50}, {0, 50}};
	setitimer(ITIMER_REAL, &often, NULL);
	for (long i = 0; n_signals < 2000 && i < 100000000; i++)
		PAYI_TRACK_CONTEXT (client, .use_case_name = "a", .use_case_id = "t")
			PAYI_TRACK_CONTEXT (client, .user_id = "ada")
				continue;
	setitimer(ITIMER_REAL, &(struct itimerval){{0, 0}, {0, 0}}, NULL);
	cr_assert_geq(n_signals, 2000);
	cr_assert_eq(n_bad, 0);
	struct ring_view view;
	ring_view_open(&view, client_site.rings, 0);
	client_check_accounts(&view, (uint64_t)ring_view_each(&view, check_whole, NULL));
	ring_view_close(&view);
}
