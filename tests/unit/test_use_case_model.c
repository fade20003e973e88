/*
 * Random life of an agent against a model of it: events, notices, answers of the service and restarts in any
 * order and any transactions, with a sink that sends what it is given. The model keeps every event in a list and adds
 * up at the end, by other means than the store: what instances say must be the same, and each event be sent
 * once, under the id that the service gave.
 */
#include "store/feed.h"
#include "use_case_fixture.h"

#include <inttypes.h>
#include <math.h>

enum { STEPS = 700, EVENTS_MAX = 4000, INSTANCES_MAX = 64, IDS = 8, HANDLES = 4 };

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *const names[] = {"chat", "triage"};
static const char *const steps[] = {"plan", "write", "check", NULL};
static const char *const users[] = {"ada", "bob", NULL};

/* Handles first; what is given for handle i of name n is "given-<n><i>", which applications may learn and use. */
static const char *const ids[IDS] = {HANDLE_1,
				     HANDLE_2,
				     PAYI_HANDLE_PREFIX "3",
				     PAYI_HANDLE_PREFIX "4",
				     "given-00",
				     "given-01",
				     "ticket-7",
				     NULL};

struct model_instance {
	int name;
	char id[64]; /* "" for none */
	int events;  /* -1: only in the way of being made */
	int64_t first_us;
	int64_t last_us;
	bool is_handle;
	enum { WAITING, GIVEN, REFUSED } state;
	char given[16];
};

struct model_event {
	int instance; /* -1: none */
	struct sample sample;
	char use_case_id[64];
	char sent[64]; /* the id under which it was sent; "" while it was not */
	int n_sent;
};

struct model {
	struct fixture fixture[1];
	struct feed *feed;
	uint32_t random;
	int64_t now_us;
	int64_t cursor; /* the sink's */
	int n_instances;
	int n_events;
	struct model_instance instance[INSTANCES_MAX];
	struct model_event event[EVENTS_MAX];
};

static uint32_t dice(struct model *model, uint32_t sides)
{
	model->random = model->random * 1664525 + 1013904223;
	return (model->random >> 8) % sides;
}

/* ---- What should be --------------------------------------------------------------------------------- */

static int find_instance(const struct model *model, int name, const char *id)
{
	for (int i = 0; i < model->n_instances; i++)
		if (model->instance[i].name == name && strcmp(model->instance[i].id, id) == 0)
			return i;
	for (int i = 0; *id && i < model->n_instances; i++)
		if (model->instance[i].name == name && strcmp(model->instance[i].given, id) == 0)
			return i;
	return -1;
}

static int touch_instance(struct model *model, int name, const char *id, int64_t time_us)
{
	int at = find_instance(model, name, id);
	if (at < 0) {
		at = model->n_instances++;
		cr_assert_lt(at, INSTANCES_MAX);
		struct model_instance *made = &model->instance[at];
		*made = (struct model_instance){
			.name = name, .first_us = INT64_MAX, .last_us = INT64_MIN};
		snprintf(made->id, sizeof(made->id), "%s", id);
		made->is_handle = strncmp(id, PAYI_HANDLE_PREFIX, 12) == 0;
	}
	struct model_instance *instance = &model->instance[at];
	if (time_us < instance->first_us)
		instance->first_us = time_us;
	if (time_us > instance->last_us)
		instance->last_us = time_us;
	return at;
}

/* The middle of its bucket, by logarithms. */
static int bucket_of(int ms)
{
	if (ms < 32)
		return ms;
	const int width = 1 << ((int)floor(log2(ms)) - 4);
	return (int)floor((double)ms / width) * width + width / 2;
}

static int compare_ints(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/* Nearest rank, of the latencies themselves, then named as buckets are. */
static int percentile(int *latencies, int n, int percent)
{
	qsort(latencies, (size_t)n, sizeof(*latencies), compare_ints);
	const int rank = (n * percent + 99) / 100;
	return bucket_of(latencies[rank - 1]);
}

static bool seen_before(const struct model *model, int at,
			bool (*same)(const struct sample *, const struct sample *))
{
	for (int i = 0; i < at; i++)
		if (model->event[i].instance == model->event[at].instance &&
		    same(&model->event[i].sample, &model->event[at].sample))
			return true;
	return false;
}

static bool same_step(const struct sample *a, const struct sample *b)
{
	return a->step == b->step;
}

static bool same_user(const struct sample *a, const struct sample *b)
{
	return a->user_id == b->user_id;
}

static bool same_version(const struct sample *a, const struct sample *b)
{
	return a->version == b->version;
}

static void say_instance(const struct model *model, int at, struct buf *out)
{
	static int latencies[EVENTS_MAX];
	const struct model_instance *instance = &model->instance[at];
	int events = 0, failures = 0, n_steps = 0, n_users = 0, n_versions = 0, n = 0;
	int64_t input = 0;
	for (int i = 0; i < model->n_events; i++) {
		const struct sample *sample = &model->event[i].sample;
		if (model->event[i].instance != at)
			continue;
		events++;
		failures += sample->http_status >= 400;
		input += sample->input;
		n_steps += sample->step && !seen_before(model, i, same_step);
		n_users += sample->user_id && !seen_before(model, i, same_user);
		n_versions += sample->version && !seen_before(model, i, same_version);
		if (sample->latency_ms)
			latencies[n++] = sample->latency_ms;
	}
	buf_addf(out, "%s|%s|%d|%d|%" PRId64 "|%d|%d|%d", names[instance->name], instance->id,
		 events, failures, input, n_steps, n_users, n_versions);
	buf_addf(out, "|%" PRId64 "|%" PRId64, instance->first_us, instance->last_us);
	if (n)
		buf_addf(out, "|%d|%d", percentile(latencies, n, 50), percentile(latencies, n, 95));
	else
		buf_add_str(out, "||");
	buf_addf(out, "|%s\n", instance->given);
}

#define PERCENTILE(percent)                                                                        \
	"(SELECT min(a.latency_ms) FROM instance_latencies a WHERE a.instance = i.id AND 100 *"    \
	" (SELECT sum(b.events) FROM instance_latencies b WHERE b.instance = i.id"                 \
	"  AND b.latency_ms <= a.latency_ms) >= " percent                                          \
	" * (SELECT sum(c.events) FROM instance_latencies c WHERE c.instance = i.id))"

/* In the order of the instances' making, which the model's has, too. */
static const char instances_sql[] =
	"SELECT n.text, i.use_case_id, t.events, t.failures, t.input_units,"
	" (SELECT count(*) FROM instance_steps s WHERE s.instance = i.id),"
	" (SELECT count(*) FROM instance_users s WHERE s.instance = i.id),"
	" (SELECT count(*) FROM instance_versions s WHERE s.instance = i.id),"
	" t.first_us, t.last_us, " PERCENTILE("50") ", " PERCENTILE(
		"95") ", h.given_id"
		      " FROM instance_totals t JOIN use_case_instances i ON i.id = t.instance"
		      " JOIN names n ON n.id = i.use_case_name"
		      " LEFT JOIN use_case_handles h ON h.instance = i.id ORDER BY i.id";

/* ---- What happens ----------------------------------------------------------------------------------- */

static void happen_event(struct model *model)
{
	struct model_event *event = &model->event[model->n_events++];
	const char *id = ids[dice(model, IDS)];
	const int name = (int)dice(model, 3);
	const bool has_name = name < 2;
	event->sample = (struct sample){.time_us = START_US + dice(model, 100) * (HOUR_US / 3),
					.use_case_name = has_name ? names[name] : NULL,
					.use_case_id = has_name ? id : NULL,
					.step = has_name ? steps[dice(model, COUNT(steps))] : NULL,
					.user_id = users[dice(model, COUNT(users))],
					.latency_ms = (int32_t)(dice(model, 1u << dice(model, 20))),
					.http_status = dice(model, 5) ? 200 : 503,
					.version = has_name ? (int32_t)dice(model, 4) : 0,
					.input = dice(model, 100)};
	event->instance = -1;
	if (has_name)
		event->instance = touch_instance(model, name, id ? id : "", event->sample.time_us);
	snprintf(event->use_case_id, sizeof(event->use_case_id), "%s", has_name && id ? id : "");
	fixture_put(model->fixture, &event->sample);
}

static void happen_notice(struct model *model)
{
	const int name = (int)dice(model, 2);
	const char *id = ids[dice(model, IDS - 1)];
	const int64_t time_us = START_US + dice(model, 100) * (HOUR_US / 3);
	touch_instance(model, name, id, time_us);
	put_notice(model->fixture,
		   id < ids[HANDLES] && strncmp(id, PAYI_HANDLE_PREFIX, 12) == 0 ? USE_CASE_REQUEST
										 : USE_CASE_CREATE,
		   names[name], id, time_us);
}

static void transact(struct model *model)
{
	struct fixture *fixture = model->fixture;
	must(store_begin(fixture->store, &fixture->err));
	for (uint32_t i = dice(model, 12); i-- > 0 && model->n_events < EVENTS_MAX;)
		if (dice(model, 6))
			happen_event(model);
		else
			happen_notice(model);
	must(store_commit(fixture->store, &fixture->err));
}

/* ---- The service ------------------------------------------------------------------------------------ */

struct asked {
	int64_t key[8];
	int n;
};

static bool take_ask(void *taker, const struct sink_ask *ask)
{
	struct asked *asked = taker;
	cr_assert_eq(ask->kind, SINK_ASK_ID);
	asked->key[asked->n++] = ask->key;
	return true;
}

static void answer_one(struct model *model, int64_t key, bool at_last)
{
	struct model_instance *instance = &model->instance[key - 1];
	struct sink_ask_outcome outcome = {.kind = SINK_ASK_ID,
					   .key = key,
					   .verdict = SINK_DELIVERED,
					   .retry_us = model->now_us + 5 * SECOND_US,
					   .http_status = 200};
	const uint32_t luck = at_last ? 9 : dice(model, 10);
	cr_assert_eq(instance->state, WAITING, "asked again after an answer");
	cr_assert(instance->is_handle);
	char given[16];
	snprintf(given, sizeof(given), "given-%d%td", instance->name,
		 (ptrdiff_t)(instance->id[strlen(instance->id) - 1] - '1'));
	if (luck == 0) {
		outcome.verdict = SINK_DEAD;
		outcome.code = "refused";
		instance->state = REFUSED;
	} else if (luck < 6) {
		outcome.verdict = SINK_DEFERRED;
	} else {
		outcome.given_id = given;
		instance->state = GIVEN;
		memcpy(instance->given, given, sizeof(given));
	}
	answer(model->fixture, &outcome, model->now_us);
}

static void answer_asks(struct model *model, bool at_last)
{
	struct asked asked = {.n = 0};
	struct err err;
	cr_assert_geq(feed_asks(model->feed, model->now_us, 4, take_ask, &asked, &err), 0);
	for (int i = 0; i < asked.n; i++)
		answer_one(model, asked.key[i], at_last);
}

/* ---- The sink --------------------------------------------------------------------------------------- */

enum { BATCH = 16 };

struct batch {
	struct model *model;
	bool at_last;
	int64_t last_id;
	int64_t n_delivered;
	struct sink_outcome outcomes[BATCH];
	size_t n;
};

static bool take_item(void *taker, const struct sink_item *item)
{
	struct batch *batch = taker;
	struct model_event *event = &batch->model->event[item->id - 1];
	struct sink_outcome *outcome = &batch->outcomes[batch->n++];
	*outcome = (struct sink_outcome){.id = item->id, .verdict = SINK_DELIVERED};
	batch->last_id = item->id;
	if (item->unresolved) {
		outcome->verdict = SINK_HELD;
	} else if (!batch->at_last && dice(batch->model, 8) == 0) {
		outcome->verdict = SINK_DEFERRED;
		outcome->retry_us = batch->model->now_us + 3 * SECOND_US;
	} else {
		batch->n_delivered++;
		event->n_sent++;
		snprintf(event->sent, sizeof(event->sent), "%s",
			 item->use_case_id ? item->use_case_id : event->use_case_id);
	}
	return true;
}

/* What a batch of new events has come to; the delivered ones are the range's, not exceptions. */
static void settle_new(struct model *model, const struct batch *batch)
{
	struct fixture *fixture = model->fixture;
	struct sink_outcome exceptions[BATCH];
	size_t n = 0;
	for (size_t i = 0; i < batch->n; i++)
		if (batch->outcomes[i].verdict != SINK_DELIVERED)
			exceptions[n++] = batch->outcomes[i];
	const struct sink_settlement settlement = {.sink = "payi",
						   .after_id = model->cursor,
						   .last_id = batch->last_id,
						   .n_delivered = batch->n_delivered,
						   .outcomes = exceptions,
						   .n_outcomes = n};
	must(store_settle(fixture->store, &settlement, model->now_us, &fixture->err));
	model->cursor = batch->last_id;
}

static void settle_deferred(struct model *model, const struct batch *batch)
{
	struct fixture *fixture = model->fixture;
	const struct sink_settlement settlement = {
		.sink = "payi", .outcomes = batch->outcomes, .n_outcomes = batch->n};
	must(store_settle(fixture->store, &settlement, model->now_us, &fixture->err));
}

/* Answers may come while a batch is under way: it is settled as it was fetched. */
static void send_some(struct model *model, bool at_last)
{
	struct fixture *fixture = model->fixture;
	struct batch fresh = {.model = model, .at_last = at_last};
	struct batch deferred = {.model = model, .at_last = at_last};
	must(feed_each(model->feed, model->cursor, BATCH, take_item, &fresh, &fixture->err) < 0);
	must(feed_each_deferred(model->feed, model->now_us, 0, BATCH, take_item, &deferred,
				&fixture->err) < 0);
	if (at_last || dice(model, 2))
		answer_asks(model, at_last);
	must(store_begin(fixture->store, &fixture->err));
	if (fresh.n)
		settle_new(model, &fresh);
	settle_deferred(model, &deferred);
	must(store_commit(fixture->store, &fixture->err));
}

/* ---- A life ----------------------------------------------------------------------------------------- */

static void restart(struct model *model)
{
	struct fixture *fixture = model->fixture;
	feed_close(model->feed);
	fixture_store_reopen(fixture);
	must(feed_open(fixture->path, "payi", &model->feed, &fixture->err));
	must(feed_position(model->feed, &model->cursor, &fixture->err));
}

static const char balance[] =
	"SELECT waiting + deferred + held, stored - delivered - waiting - deferred - held - dead"
	" FROM sink_books";

static void live(struct model *model)
{
	for (int i = 0; i < STEPS; i++) {
		const uint32_t what = dice(model, 20);
		model->now_us += SECOND_US;
		if (what == 0)
			restart(model);
		else if (what < 12)
			transact(model);
		else
			send_some(model, false);
	}
}

static void end(struct model *model)
{
	struct fixture *fixture = model->fixture;
	restart(model);
	for (int i = 0; i < 2 * EVENTS_MAX / BATCH; i++) {
		model->now_us += 10 * SECOND_US;
		send_some(model, true);
	}
	assert_rows(balance, "0|0\n");
}

static void check_sent(const struct model *model, int at)
{
	const struct model_event *event = &model->event[at];
	const bool handle = strncmp(event->use_case_id, PAYI_HANDLE_PREFIX, 12) == 0;
	const struct model_instance *instance = handle ? &model->instance[event->instance] : NULL;
	const bool refused = handle && instance->state == REFUSED;
	cr_assert_eq(event->n_sent, !refused, "event %d was sent %d times", at + 1, event->n_sent);
	if (!refused)
		cr_assert_str_eq(event->sent, handle ? instance->given : event->use_case_id);
}

static void check_all(const struct model *model)
{
	const struct fixture *fixture = model->fixture;
	struct buf expected = BUF_INIT;
	int n_refused = 0;
	for (int i = 0; i < model->n_instances; i++)
		say_instance(model, i, &expected);
	assert_rows(instances_sql, buf_text(&expected));
	buf_release(&expected);
	for (int i = 0; i < model->n_events; i++) {
		check_sent(model, i);
		n_refused += model->event[i].n_sent == 0;
	}
	char dead[32];
	snprintf(dead, sizeof(dead), "%d\n", n_refused);
	assert_rows(
		"SELECT count(*) FROM sink_exceptions WHERE state = 'dead' AND code = 'refused'",
		dead);
	assert_rows("SELECT count(*) FROM sink_exceptions WHERE state <> 'dead'", "0\n");
}

static void live_and_check(uint32_t seed)
{
	struct model *model = calloc(1, sizeof(*model));
	struct fixture *fixture = model->fixture;
	model->random = seed;
	model->now_us = START_US;
	fixture_open(fixture);
	must(feed_open(fixture->path, "payi", &model->feed, &fixture->err));
	live(model);
	end(model);
	cr_assert_gt(model->n_events, 1000);
	check_all(model);
	feed_close(model->feed);
	fixture_close(fixture);
	free(model);
}

Test(use_case_model, agrees_with_the_store)
{
	for (uint32_t seed = 1; seed <= 5; seed++)
		live_and_check(seed);
}

/* ---- Order ------------------------------------------------------------------------------------------ */

enum { SAID = 300 };

enum said_kind { SAID_CREATE, SAID_REQUEST, SAID_DEFINE, SAID_EVENT };

struct said {
	enum said_kind kind;
	const char *name;
	const char *text; /* the id or the description */
	int64_t time_us;
	int32_t latency_ms;
};

static void say_at_random(struct said *said, struct model *model)
{
	static const char *const descriptions[] = {"one", "two", "three"};
	for (int i = 0; i < SAID; i++) {
		const uint32_t kind = dice(model, 8);
		const char *plain = dice(model, 2) ? "ticket-7" : "ticket-8";
		const char *handle = ids[dice(model, HANDLES)];
		said[i] = (struct said){.kind = (enum said_kind)(kind < 3 ? kind : SAID_EVENT),
					.name = names[dice(model, 2)],
					.text = kind % 2 ? handle : plain,
					.time_us = START_US + dice(model, 30) * HOUR_US,
					.latency_ms = (int32_t)dice(model, 5000)};
		if (said[i].kind == SAID_DEFINE)
			said[i].text = descriptions[dice(model, 3)];
		else if (said[i].kind != SAID_EVENT)
			said[i].text = said[i].kind == SAID_REQUEST ? handle : plain;
	}
}

static void put_said(struct fixture *fixture, const struct said *said)
{
	if (said->kind == SAID_EVENT)
		fixture_put(fixture, &(struct sample){.time_us = said->time_us,
						      .use_case_name = said->name,
						      .use_case_id = said->text,
						      .latency_ms = said->latency_ms});
	else
		put_notice(fixture,
			   said->kind == SAID_DEFINE   ? USE_CASE_DEFINE
			   : said->kind == SAID_CREATE ? USE_CASE_CREATE
						       : USE_CASE_REQUEST,
			   said->name, said->text, said->time_us);
}

static void shuffle(struct said *said, struct model *model)
{
	for (uint32_t i = SAID - 1; i > 0; i--) {
		const uint32_t j = dice(model, i + 1);
		const struct said other = said[j];
		said[j] = said[i];
		said[i] = other;
	}
}

static const char everything[] =
	"SELECT n.text, i.use_case_id, t.events, t.first_us, t.last_us, h.state, h.requested_us,"
	" (SELECT group_concat(latency_ms || ':' || events, ' ') FROM instance_latencies l"
	"  WHERE l.instance = i.id) FROM instance_totals t"
	" JOIN use_case_instances i ON i.id = t.instance JOIN names n ON n.id = i.use_case_name"
	" LEFT JOIN use_case_handles h ON h.instance = i.id"
	" UNION ALL SELECT n.text, 'definition', d.description, d.defined_us, d.state, 0, 0, 0"
	" FROM use_case_definitions d JOIN names n ON n.id = d.use_case_name"
	" UNION ALL SELECT n.text, 'total', u.events, u.first_us, u.last_us, 0, 0, 0"
	" FROM use_case_totals u JOIN names n ON n.id = u.use_case_name ORDER BY 1, 2";

static char *rows_of(const struct said *said, struct model *model)
{
	struct fixture *fixture = model->fixture;
	fixture_open(fixture);
	for (int i = 0; i < SAID;) {
		must(store_begin(fixture->store, &fixture->err));
		for (uint32_t n = dice(model, 20); n-- > 0 && i < SAID; i++)
			put_said(fixture, &said[i]);
		must(store_commit(fixture->store, &fixture->err));
		if (dice(model, 8) == 0)
			fixture_store_reopen(fixture);
	}
	char *rows = fixture_rows(fixture, everything);
	fixture_close(fixture);
	return rows;
}

Test(use_case_model, says_the_same_whatever_the_order)
{
	static struct model model;
	static struct said said[SAID];
	model.random = 5;
	say_at_random(said, &model);
	char *first = rows_of(said, &model);
	cr_assert_gt(strlen(first), 1000);
	for (int i = 0; i < 5; i++) {
		shuffle(said, &model);
		char *rows = rows_of(said, &model);
		cr_assert_str_eq(rows, first);
		free(rows);
	}
	free(first);
}
