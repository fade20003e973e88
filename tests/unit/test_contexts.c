/* Contexts: what an event carries, by what was open when it was tracked. */
#include "contexts_stage.h"

#include <stdint.h>

TestSuite(contexts, .init = set_up, .fini = tear_down);

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
