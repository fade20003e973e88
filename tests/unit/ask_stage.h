/*
 * The stage for tests of what the sink asks: sink_stage.h's, with asks in memory on its left and the real
 * stand-in on its right. An outcome counts when it is committed: at once, or when the test says so.
 */
#ifndef PAYI_TESTS_ASK_STAGE_H
#define PAYI_TESTS_ASK_STAGE_H

#include "sink_stage.h"
#include "standin/standin_client.h"

#include <jansson.h>

enum { ASKED_MAX = 2100, GIVEN_BYTES = 1025 };

struct asked {
	enum sink_ask_kind kind;
	char name[80];
	char description[80];
	enum { ASKED_WAITING, ASKED_DONE, ASKED_REFUSED } state;
	int32_t attempts;
	int64_t retry_us;
	int n_settled;
	bool uncommitted;
	enum sink_verdict verdict; /* of what is not committed */
	char given_id[GIVEN_BYTES];
	char told[80]; /* SINK_ASK_DEFINE: the description that the outcome is about */
	int http_status;
	char code[64];
	char message[300];
};

static struct asked asked[ASKED_MAX]; /* by key; 0 is not used */
static int n_asked = 1;
static int n_looks;
static int handle_of[EVENTS_MAX + 1]; /* event -> the ask whose id it waits for, or 0 */
static bool commits_by_hand, forgets_retry_us;
static struct standin standin;

/* ---- The host ----------------------------------------------------------------------------------------- */

static inline int ask_id(const char *name)
{
	struct asked *ask = &asked[n_asked];
	*ask = (struct asked){.kind = SINK_ASK_ID};
	snprintf(ask->name, sizeof(ask->name), "%s", name);
	return n_asked++;
}

static inline int ask_define(const char *name, const char *description)
{
	const int key = ask_id(name);
	asked[key].kind = SINK_ASK_DEFINE;
	snprintf(asked[key].description, sizeof(asked[key].description), "%s", description);
	return key;
}

static inline void commit(int key)
{
	struct asked *ask = &asked[key];
	if (!ask->uncommitted)
		return;
	ask->uncommitted = false;
	const bool outdated =
		ask->kind == SINK_ASK_DEFINE && strcmp(ask->told, ask->description) != 0;
	if (ask->verdict == SINK_DEFERRED)
		ask->attempts++;
	else if (!outdated)
		ask->state = ask->verdict == SINK_DELIVERED ? ASKED_DONE : ASKED_REFUSED;
}

static inline int host_fetch_asks(void *ctx, int64_t now_us, int limit, sink_take_ask_fn *take,
				  void *taker)
{
	(void)ctx;
	int n = 0;
	n_looks++;
	for (int key = 1; key < n_asked && n < limit; key++) {
		const struct asked *ask = &asked[key];
		const struct sink_ask what = {
			.kind = ask->kind,
			.key = key,
			.use_case_name = ask->name,
			.description = ask->kind == SINK_ASK_DEFINE ? ask->description : NULL,
			.attempts = ask->attempts};
		if (ask->state != ASKED_WAITING || (ask->retry_us > now_us && !forgets_retry_us))
			continue;
		if (!take(taker, &what))
			break;
		n++;
	}
	return n;
}

static inline void host_settle_ask(void *ctx, const struct sink_ask_outcome *outcome)
{
	(void)ctx;
	struct asked *ask = &asked[outcome->key];
	cr_assert_eq(ask->kind, outcome->kind);
	cr_assert(ask->state == ASKED_WAITING && !ask->uncommitted, "an ask settled twice");
	ask->n_settled++;
	ask->uncommitted = true;
	ask->verdict = outcome->verdict;
	ask->retry_us = outcome->retry_us;
	ask->http_status = outcome->http_status;
	snprintf(ask->code, sizeof(ask->code), "%s", outcome->code ? outcome->code : "");
	snprintf(ask->message, sizeof(ask->message), "%s",
		 outcome->message ? outcome->message : "");
	snprintf(ask->told, sizeof(ask->told), "%s",
		 outcome->description ? outcome->description : "");
	snprintf(ask->given_id, sizeof(ask->given_id), "%s",
		 outcome->given_id ? outcome->given_id : "");
	if (!commits_by_hand)
		commit((int)outcome->key);
}

/* Events with a handle have no id until theirs is committed; a held one comes back with it. */
static inline struct sink_item item_of(int64_t id)
{
	const struct asked *ask = &asked[handle_of[id]];
	const bool given = handle_of[id] && ask->state == ASKED_DONE;
	return (struct sink_item){.id = id,
				  .record = events[id].event.record,
				  .record_bytes = events[id].event.bytes,
				  .attempts = events[id].attempts,
				  .use_case_id = given ? ask->given_id : NULL,
				  .unresolved = handle_of[id] && !given};
}

static inline int ask_host_fetch(void *ctx, int64_t after_id, int limit, sink_take_fn *take,
				 void *taker)
{
	(void)ctx;
	int n = 0;
	for (int64_t id = after_id + 1; id <= n_events && n < limit; id++, n++) {
		const struct sink_item item = item_of(id);
		if (!take(taker, &item))
			break;
	}
	return n;
}

static inline int ask_host_fetch_deferred(void *ctx, int64_t now_us, int64_t after_id, int limit,
					  sink_take_fn *take, void *taker)
{
	(void)ctx;
	int n = 0;
	for (int64_t id = after_id + 1; id <= n_events && n < limit; id++) {
		const struct sink_item item = item_of(id);
		const bool due = (events[id].state == DEFERRED && events[id].retry_us <= now_us) ||
				 (events[id].state == HELD && !item.unresolved);
		if (!due)
			continue;
		if (!take(taker, &item))
			break;
		n++;
	}
	return n;
}

static const struct sink_host ask_host = {.fetch = ask_host_fetch,
					  .fetch_deferred = ask_host_fetch_deferred,
					  .settle = host_settle,
					  .fetch_asks = host_fetch_asks,
					  .settle_ask = host_settle_ask,
					  .report = host_report};

static inline int count_asked(int wanted)
{
	int n = 0;
	for (int key = 1; key < n_asked; key++)
		n += (int)asked[key].state == wanted;
	return n;
}

static inline bool nothing_is_asked(void)
{
	return count_asked(ASKED_WAITING) == 0;
}

/* ---- The stage ---------------------------------------------------------------------------------------- */

static inline void ask_set_up(void)
{
	set_up();
	cr_assert_eq(standin_start(&standin, NULL), 0);
	options.base_url = standin.url;
	options.api_key = STANDIN_KEY;
}

static inline void ask_tear_down(void)
{
	tear_down();
	standin_stop(&standin);
}

static inline void open_asking_sink(void)
{
	struct err err;
	cr_assert_eq(payi_sink_new(&loop, &options, &ask_host, 0, &sink, &err), 0, "%s", err.text);
}

static inline void script(const char *faults)
{
	cr_assert_eq(standin_faults(&standin, faults), 0);
}

static inline void wake_sink(uv_timer_t *timer)
{
	(void)timer;
	payi_sink_wake(sink);
}

/* Runs the loop until it holds, waking the sink all the time, as a busy application does. */
static inline void run_awake_until(bool (*holds)(void))
{
	uv_timer_t waking;
	uv_timer_init(&loop, &waking);
	uv_timer_start(&waking, wake_sink, 0, 5);
	run_until(holds);
	uv_close((uv_handle_t *)&waking, NULL);
	uv_run(&loop, UV_RUN_NOWAIT);
}

/* The description of a definition at the service, malloc'd; NULL when there is none of that name. */
static inline char *described_as(const char *name)
{
	struct standin_reply reply;
	char path[200];
	snprintf(path, sizeof(path), "/api/v1/use_cases/definitions/%s", name);
	standin_exchange(&standin, "GET", path, "", NULL, 0, &reply);
	json_t *json = json_loads(reply.body, 0, NULL);
	const char *text = json_string_value(json_object_get(json, "description"));
	char *copy = text ? strdup(text) : NULL;
	json_decref(json);
	standin_reply_release(&reply);
	return copy;
}

static inline void expect_described(const char *name, const char *description)
{
	char *there = described_as(name);
	cr_assert_not_null(there, "%s is not defined", name);
	cr_assert_str_eq(there, description);
	free(there);
}

/* Whether the service gave this id for this name. */
static inline bool was_given(const char *id, const char *name)
{
	char *text = standin_get(&standin, "/control/instances");
	json_t *json = json_loads(text, 0, NULL);
	const char *of = json_string_value(json_object_get(json, id));
	const bool found = of && strcmp(of, name) == 0;
	json_decref(json);
	free(text);
	return found;
}

#endif
