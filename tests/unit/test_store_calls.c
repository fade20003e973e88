/*
 * Everything that the store can be told to do, while each call that it makes of SQLite, libc and the system fails once, at
 * each place: a transaction that fails has done nothing, says why, and works when it is tried again; what readers were told
 * is right or an error. In the end the database is the same, row by row, as one of which nothing has failed.
 */
#include "help/fault_calls.h"
#include "prices/price_list.h"
#include "retention_stage.h"
#include "store/feed.h"
#include "store/fold.h"
#include "store/guest.h"
#include "store/set_aside.h"
#include "store/store_parts.h"

#include <sqlite3.h>

TestSuite(store_calls, .timeout = 200);

enum { NAMES = 1100, EVENTS = 60, ROUNDS_MAX = 400 };

static bool faulty;
static int n_failed; /* in this run */
static const char *last_failed = "nothing";
static int64_t free_bytes;
static struct retention retention;

/* ---- Trying until it works ------------------------------------------------------------------------ */

static void arm(void)
{
	if (faulty)
		fault_calls_arm();
}

/* What is judged: an attempt that says that it has failed, did; and it says so in words. */
static bool disarm(int status, const struct err *err)
{
	const char *failed = faulty ? fault_calls_disarm() : NULL;
	n_failed += failed != NULL;
	last_failed = failed ? failed : "nothing";
	if (status >= 0)
		return false;
	cr_assert_not_null(failed, "nothing has failed, but: %s", err->text);
	cr_assert_gt(strlen(err->text), 10, "%s failed: \"%s\"", failed, err->text);
	cr_assert(status != ERR_CORRUPT && status != ERR_FENCED && status != ERR_BUSY,
		  "%s failed, which is no damage, nor somebody else's doing: %s", failed,
		  err->text);
	return true;
}

#define TRY(call)                                                                                  \
	do {                                                                                       \
		arm();                                                                             \
		status = (call);                                                                   \
	} while (disarm(status, &fixture->err))

/* After a failure, as the intake does it. True: the transaction was committed after all. */
static bool recover(struct fixture *fixture)
{
	int status;
	TRY((store_rollback(fixture->store), 0));
	retention_forget(&retention);
	TRY(store_reopen(fixture->store, &fixture->err));
	return status == STORE_COMMITTED;
}

typedef int body_fn(struct fixture *fixture, const void *argument);

static void transact(struct fixture *fixture, body_fn *body, const void *argument)
{
	for (;;) {
		arm();
		int status = store_begin(fixture->store, &fixture->err);
		if (!status)
			status = body(fixture, argument);
		if (!status)
			status = store_commit(fixture->store, &fixture->err);
		if (!disarm(status, &fixture->err) || recover(fixture))
			return;
	}
}

/* ---- What is put ---------------------------------------------------------------------------------- */

static int put_record(struct fixture *fixture, const msgpack_sbuffer *record)
{
	struct event event;
	char text[EVENT_REASON_BYTES];
	const char *reason = event_decode(&event, (uint8_t *)record->data, record->size, text);
	cr_assert_null(reason, "%s", reason);
	return store_event_put(fixture->store, fixture->ring, &event, START_US, &fixture->err);
}

static void pack_large(msgpack_sbuffer *record)
{
	static char body[2000];
	msgpack_packer packer;
	memset(body, 'x', sizeof(body) - 1);
	msgpack_packer_init(&packer, record, msgpack_sbuffer_write);
	msgpack_pack_map(&packer, 5);
	pack_text_field(&packer, PAYI_FIELD_category, "system.openai");
	pack_units(&packer, &(struct sample){.input = 7, .output = 3});
	pack_int_field(&packer, PAYI_FIELD_event_timestamp_us, START_US);
	pack_text_field(&packer, PAYI_FIELD_provider_response_id, "resp-1");
	pack_text_field(&packer, PAYI_FIELD_provider_request_json, body);
}

static msgpack_sbuffer records[EVENTS];

/* Every third is under a handle, every third has a body, and the rest is of one instance. */
static void pack_events(void)
{
	for (int i = 0; i < EVENTS; i++) {
		msgpack_sbuffer_init(&records[i]);
		if (i % 3 == 2)
			pack_large(&records[i]);
		else
			sample_pack(&records[i],
				    &(struct sample){.time_us = START_US + i * SECOND_US,
						     .use_case_name = "chat",
						     .use_case_id = i % 3 ? "ticket" : HANDLE_1,
						     .step = i % 2 ? "ask" : "answer",
						     .user_id = "ann",
						     .resource = "gpt",
						     .latency_ms = 20 + i,
						     .version = 3,
						     .input = 5,
						     .output = 1});
	}
}

static int put_events(struct fixture *fixture, const void *argument)
{
	int status = 0;
	(void)argument;
	for (int i = 0; !status && i < EVENTS; i++)
		status = put_record(fixture, &records[i]);
	return status;
}

static int put_notices(struct fixture *fixture, const void *argument)
{
	static const struct use_case_notice notices[] = {
		{.kind = USE_CASE_DEFINE, .time_us = START_US},
		{.kind = USE_CASE_CREATE, .time_us = START_US},
		{.kind = USE_CASE_REQUEST, .time_us = START_US},
	};
	static const char *const texts[] = {"talks", "ticket", HANDLE_2};
	int status = 0;
	(void)argument;
	for (int i = 0; !status && i < 3; i++) {
		struct use_case_notice notice = notices[i];
		notice.name = text_of("chat");
		notice.id = notice.description = text_of(texts[i]);
		status = store_use_case_put(fixture->store, &notice, &fixture->err);
	}
	return status;
}

static int put_lanes(struct fixture *fixture, const void *argument)
{
	static const struct payi_ring_record record = {.payload_bytes = 3, .sequence = 7};
	const struct store_lane lane = {.position = 800, .sequence = EVENTS};
	(void)argument;
	int status =
		store_rejected_put(fixture->store, fixture->ring, 1, &record,
				   (const uint8_t *)"abc", "no event", START_US, &fixture->err);
	if (!status)
		status = store_lane_put(fixture->store, fixture->ring, 1, &lane, &fixture->err);
	if (!status)
		status = store_ring_busy(fixture->store, fixture->ring, 4, &fixture->err);
	return status ? status
		      : store_ring_end(fixture->store, fixture->ring, NULL, START_US - SECOND_US,
				       &fixture->err);
}

static int put_settlement(struct fixture *fixture, const void *settlement)
{
	return store_settle(fixture->store, settlement, START_US, &fixture->err);
}

static int put_answer(struct fixture *fixture, const void *outcome)
{
	return store_settle_ask(fixture->store, outcome, START_US, &fixture->err);
}

static int put_report(struct fixture *fixture, const void *report)
{
	return store_sink_report(fixture->store, "payi", report, &fixture->err);
}

static int put_dead(struct fixture *fixture, const void *action)
{
	const struct dead_filter filter = DEAD_FILTER_INIT;
	struct store_dead dead = {
		.sink = "payi", .action = *(const enum dead_action *)action, .filter = &filter};
	return store_dead_step(fixture->store, &dead, START_US, &fixture->err);
}

/* ---- The scenario --------------------------------------------------------------------------------- */

static void settle_some(struct fixture *fixture)
{
	static const struct sink_outcome outcomes[] = {
		{.id = 1, .verdict = SINK_HELD, .instance = 1},
		{.id = 2,
		 .verdict = SINK_DEFERRED,
		 .instance = 2,
		 .retry_us = START_US,
		 .code = "no"},
		{.id = 3, .verdict = SINK_DEAD, .http_status = 400, .code = "bad"},
		{.id = 4, .verdict = SINK_HELD, .instance = 1},
		{.id = 5, .verdict = SINK_BEHIND, .instance = 2},
		{.id = 6, .verdict = SINK_DEAD, .code = "bad"},
		{.id = 8, .verdict = SINK_DELIVERED, .cost = {true, 1, 2, 3}},
		{.id = 9, .verdict = SINK_DEAD, .code = "bad"},
		{.id = 100, .verdict = SINK_DEAD, .code = "gone"},
	};
	static const struct sink_outcome behind[] = {
		{.id = 5, .verdict = SINK_BEHIND, .instance = 2},
		{.id = 2, .verdict = SINK_DELIVERED, .instance = 2},
	};
	static const struct sink_outcome alone[] = {
		{.id = 11, .verdict = SINK_BEHIND, .instance = 2}};
	static const struct sink_settlement settlements[] = {
		{"payi", 30, 36, 6, NULL, 0},
		{"payi", 0, 10, 2, outcomes, sizeof(outcomes) / sizeof(outcomes[0])},
		{"payi", 10, 10, 0, behind, 2},
		{"payi", 10, 11, 0, alone, 1},
		{"payi", 11, 30, 19, NULL, 0},
	};
	for (size_t i = 0; i < sizeof(settlements) / sizeof(settlements[0]); i++)
		transact(fixture, put_settlement, &settlements[i]);
}

/* It has a transaction of its own. */
static void replace_prices(struct fixture *fixture, const struct price_list *list)
{
	int status;
	do {
		arm();
		status = store_prices_replace(fixture->store, list, &fixture->err);
	} while (disarm(status, &fixture->err) && !recover(fixture));
}

static void answer_asks(struct fixture *fixture)
{
	static struct price prices[] = {{"system.openai", "gpt", "text", 0, PRICE_DAY_OPEN, 3, -1},
					{"system.openai", "gpt", "none", 9, 9, 3, -1}};
	static const struct price_list list = {2, prices};
	static const struct sink_ask_outcome outcomes[] = {
		{.kind = SINK_ASK_DEFINE,
		 .key = 1,
		 .verdict = SINK_DEFERRED,
		 .description = "talks"},
		{.kind = SINK_ASK_DEFINE,
		 .key = 1,
		 .verdict = SINK_DELIVERED,
		 .description = "talks"},
		{.kind = SINK_ASK_ID, .key = 1, .verdict = SINK_DEFERRED, .retry_us = START_US},
		{.kind = SINK_ASK_ID, .key = 1, .verdict = SINK_DELIVERED, .given_id = "given"},
		{.kind = SINK_ASK_ID, .key = 3, .verdict = SINK_DEAD, .code = "no"},
		{.kind = SINK_ASK_PRICES, .key = 1, .verdict = SINK_DELIVERED, .prices = &list},
		{.kind = SINK_ASK_PRICES, .key = 2, .verdict = SINK_DEAD, .code = "no"},
		{.kind = SINK_ASK_PRICES, .key = 3, .verdict = SINK_DELIVERED},
		{.kind = SINK_ASK_PRICES, .key = 4, .verdict = SINK_DEFERRED, .retry_us = START_US},
	};
	for (size_t i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++)
		transact(fixture, put_answer, &outcomes[i]);
	replace_prices(fixture, &list);
	replace_prices(fixture, NULL);
}

static bool count_item(void *n, const struct sink_item *item)
{
	(void)item;
	++*(int *)n;
	return true;
}

static bool count_ask(void *n, const struct sink_ask *ask)
{
	(void)ask;
	++*(int *)n;
	return true;
}

static int read_all(struct fixture *fixture, struct query_db *db, int64_t *sum)
{
	struct query *query = NULL;
	int at;
	int status = guest_prepare(db, "SELECT event FROM event_history /* all */ ; ", &query, &at,
				   &fixture->err);
	for (*sum = 0; !status && (status = query_step(query, &fixture->err)) > 0; status = 0)
		*sum += query_int(query, 0);
	query_free(query);
	return status;
}

/* What a reader is told is right, whatever has failed on the way, or it is an error. */
static void ask_feed(struct fixture *fixture)
{
	struct feed *feed = NULL;
	int64_t position = -1, event = -1, instance = -1;
	int status;
	int n;
	TRY(feed_open(fixture->path, "payi", &feed, &fixture->err));
	feed_ask_prices(feed, true);
	TRY(feed_position(feed, &position, &fixture->err));
	cr_assert_eq(position, 36);
	TRY(feed_newest(feed, &event, &instance, &fixture->err));
	cr_assert(event == EVENTS && instance > 1);
	TRY((n = 0, feed_each(feed, 0, 100, count_item, &n, &fixture->err)));
	cr_assert(status == EVENTS - 36 && n == status, "%d", status);
	TRY((n = 0, feed_each_deferred(feed, START_US, 0, 100, count_item, &n, &fixture->err)));
	cr_assert(status > 0 && n == status, "%d after %s", status, last_failed);
	for (int i = 0; i < 4; i++) {
		TRY((n = 0, feed_asks(feed, START_US + i * 20 * SECOND_US, 8, count_ask, &n,
				      &fixture->err)));
		cr_assert_eq(n, status);
	}
	TRY(feed_asks(feed, START_US, 0, count_ask, &n, &fixture->err));
	cr_assert_eq(status, 0, "who takes none gets none");
	feed_close(feed);
}

static void ask_guest(struct fixture *fixture)
{
	struct query_db *db = NULL;
	int64_t sum = 0;
	int status;
	TRY(guest_db_open(fixture->path, &db, &fixture->err));
	TRY(read_all(fixture, db, &sum));
	cr_assert_eq(sum, EVENTS * (EVENTS + 1) / 2);
	query_db_close(db);
	TRY(query_db_open_schema(&db, &fixture->err));
	query_db_close(db);
}

/* ---- Retention ------------------------------------------------------------------------------------ */

static int tell_room(void *context, const char *path, int64_t *free, int64_t *all)
{
	(void)context;
	(void)path;
	*free = free_bytes;
	*all = INT64_C(1) << 40;
	return 0;
}

static int put_slice(struct fixture *fixture, const void *wall_us)
{
	return retention_step(&retention, fixture->store, 0, *(const int64_t *)wall_us,
			      &fixture->err);
}

/* Rounds, until one in which nothing fails has begun and ended. */
static void retain(struct fixture *fixture, struct retention_policy policy, int64_t wall_us)
{
	bool again = true;
	if (policy.min_free_bytes != 1)
		policy.room = tell_room;
	for (int i = 0; again; i++) {
		const int before = n_failed;
		retention_init(&retention, &policy);
		(void)retention_due_us(&retention, 0);
		retention.names.due_us = 0;
		do {
			transact(fixture, put_slice, &wall_us);
		} while (retention.phase != 0 || retention.names.source);
		again = n_failed > before;
		cr_assert_lt(i, ROUNDS_MAX);
	}
}

static void add_names(struct fixture *fixture)
{
	sqlite3 *db;
	char sql[200];
	snprintf(sql, sizeof(sql),
		 "WITH RECURSIVE n (i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n WHERE i < %d)"
		 " INSERT OR IGNORE INTO names (id, text) SELECT i, 'n' || i FROM n",
		 NAMES);
	cr_assert_eq(sqlite3_open(fixture->path, &db), SQLITE_OK);
	cr_assert_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK, "%s", sqlite3_errmsg(db));
	sqlite3_close(db);
}

static void retain_all(struct fixture *fixture)
{
	const struct retention_policy ages = {.events_us = DAY_US,
					      .dead_us = DAY_US,
					      .rollups_us = 10 * DAY_US,
					      .ring_dir = fixture->directory};
	const struct retention_policy pressed = {
		.min_free_bytes = 1 << 20, .bodies = RETENTION_BODIES_ALL, .undelivered = true};
	const struct retention_policy bodies = {.min_free_bytes = 1 << 20,
						.bodies = RETENTION_BODIES_SETTLED};
	const struct retention_policy old = {.events_us = DAY_US, .undelivered = true};
	const struct retention_policy asked = {.min_free_bytes = 1}; /* of the file system itself */
	free_bytes = 0;
	retain(fixture, bodies, START_US);
	retain(fixture, asked, START_US);
	free_bytes = INT64_C(1) << 30;
	add_names(fixture);
	retain(fixture, ages, START_US + 2 * DAY_US);
	retain(fixture, old, START_US + 2 * DAY_US);
	transact(fixture, put_events, NULL);
	free_bytes = 0;
	retain(fixture, pressed, START_US);
	retain(fixture, ages, START_US + 20 * DAY_US);
	retain(fixture, ages, START_US + 20 * DAY_US);
}

/* ---- All of it ------------------------------------------------------------------------------------ */

static void open_ring(struct fixture *fixture)
{
	const struct store_ring ring = {
		.ring_id = {1, 2, 3}, .app_name = "test", .created_us = START_US, .n_lanes = 8};
	struct store_lane lanes[PAYI_RING_LANES_MAX];
	int status;
	TRY(store_ring_open(fixture->store, &ring, START_US, &fixture->ring, lanes, &fixture->err));
	cr_assert(lanes[1].sequence == 0 || lanes[1].sequence == EVENTS);
}

/* Every row of every table, but for what counts attempts. */
static char *dump(const struct fixture *fixture)
{
	struct buf all = BUF_INIT;
	char *tables = fixture_rows(fixture,
				    "SELECT name FROM sqlite_schema WHERE type = 'table' AND name "
				    "NOT LIKE 'sqlite%' AND name <> 'agent_state' ORDER BY 1");
	for (char *rest, *name = strtok_r(tables, "\n", &rest); name;
	     name = strtok_r(NULL, "\n", &rest)) {
		char sql[128];
		snprintf(sql, sizeof(sql), "SELECT * FROM %s ORDER BY 1, 2", name);
		char *rows = fixture_rows(fixture, sql);
		buf_addf(&all, "%s\n%s", name, rows);
		free(rows);
	}
	free(tables);
	return (char *)all.data ? (buf_add_char(&all, '\0'), (char *)all.data) : NULL;
}

static void open_store(struct fixture *fixture)
{
	const struct store_options options = {.path = fixture->path};
	int status;
	TRY(store_open(&options, &fixture->store, &fixture->err));
}

/* Two dumps: before retention, and in the end. */
static void play(struct fixture *fixture, char *dumps[2])
{
	static const enum dead_action drop = DEAD_DROP, again = DEAD_RETRY;
	static const struct sink_report report = {.state = "idle"};
	int status;
	n_failed = 0;
	*fixture = (struct fixture){.directory = "/dev/shm/payi-test-XXXXXX"};
	cr_assert_not_null(mkdtemp(fixture->directory));
	snprintf(fixture->path, sizeof(fixture->path), "%.63s/payi.db", fixture->directory);
	open_store(fixture);
	store_close(fixture->store);
	open_store(fixture);
	open_ring(fixture);
	transact(fixture, put_events, NULL);
	transact(fixture, put_notices, NULL);
	transact(fixture, put_lanes, NULL);
	open_ring(fixture);
	settle_some(fixture);
	answer_asks(fixture);
	transact(fixture, put_report, &report);
	ask_feed(fixture);
	ask_guest(fixture);
	transact(fixture, put_dead, &again);
	transact(fixture, put_settlement,
		 &(struct sink_settlement){"payi", 36, 36, 0,
					   &(struct sink_outcome){.id = 3, .verdict = SINK_DEAD},
					   1});
	transact(fixture, put_dead, &drop);
	dumps[0] = dump(fixture);
	add_names(fixture);
	retain_all(fixture);
	TRY(store_checkpoint(fixture->store, &fixture->err));
	dumps[1] = dump(fixture);
	fixture_close(fixture);
}

/* The first line that differs says more than all of it. */
static void assert_same(char *dumps[2], char *const wanted[2])
{
	for (int i = 0; i < 2; i++) {
		size_t at = 0;
		while (dumps[i][at] && dumps[i][at] == wanted[i][at])
			at++;
		cr_assert(dumps[i][at] == wanted[i][at], "dump %d, from byte %d on: %.200s", i,
			  (int)at, dumps[i] + (at > 100 ? at - 100 : 0));
		free(dumps[i]);
	}
}

Test(store_calls, each_fails_once_and_leaves_no_trace)
{
	struct fixture fixture;
	char *wanted[2], *dumps[2];
	pack_events();
	play(&fixture, wanted);
	faulty = true;
	int runs = 0;
	do {
		play(&fixture, dumps);
		assert_same(dumps, wanted);
		cr_assert_lt(++runs, ROUNDS_MAX);
	} while (n_failed > 0);
	cr_assert_gt(fault_calls_places(), 1000);
	cr_log_info("%d places in %d runs", fault_calls_places(), runs);
	for (int i = 0; i < 2; i++)
		free(wanted[i]);
	for (int i = 0; i < EVENTS; i++)
		msgpack_sbuffer_destroy(&records[i]);
}

/* ---- Parts ---------------------------------------------------------------------------------------- */

static void open_faulty(struct fixture *fixture)
{
	fixture_open(fixture);
	faulty = true;
}

/* More keys in a transaction than are kept in memory: writing them may fail, and then nothing was added. */
static const struct rollups_event chat = {.use_case_name = 1};

static void fill_instances(struct fixture *fixture, int64_t from, int64_t n)
{
	for (int64_t i = from; i < from + n; i++) {
		struct rollups_event event = chat;
		event.instance = i;
		must(rollups_add_instance(fixture->store->rollups, &event, START_US,
					  &fixture->err));
	}
}

Test(store_calls, rollups_that_are_full_are_written_or_nothing_is_added)
{
	struct fixture fixture[1];
	struct event event;
	char text[EVENT_REASON_BYTES];
	int status;
	const char *failed;
	pack_events();
	cr_assert_null(event_decode(&event, (uint8_t *)records[0].data, records[0].size, text));
	open_faulty(fixture);
	for (int kind = 0; kind < 2; kind++)
		do {
			struct rollups_event one = chat;
			one.instance = FOLD_ROWS_MAX + 1;
			one.event = &event;
			must(store_begin(fixture->store, &fixture->err));
			fill_instances(fixture, 1, FOLD_ROWS_MAX);
			arm();
			status = kind ? rollups_add(fixture->store->rollups, &one, &fixture->err)
				      : rollups_add_instance(fixture->store->rollups, &one,
							     START_US, &fixture->err);
			failed = fault_calls_disarm();
			cr_assert(status == 0 || failed);
			store_rollback(fixture->store);
			assert_rows("SELECT count(*) FROM instance_totals", "0\n");
		} while (failed);
	fixture_close(fixture);
}

/* Between two unit types of one event, too. */
Test(store_calls, rollups_that_are_full_amid_an_event)
{
	const struct pack_units units[] = {{.type = 1, .input = 1}, {.type = 2, .input = 1}};
	struct fixture fixture[1];
	msgpack_sbuffer record;
	msgpack_packer packer;
	struct event event;
	char text[EVENT_REASON_BYTES];
	const char *failed;
	open_faulty(fixture);
	msgpack_sbuffer_init(&record);
	msgpack_packer_init(&packer, &record, msgpack_sbuffer_write);
	msgpack_pack_map(&packer, 4);
	pack_text_field(&packer, PAYI_FIELD_category, "system.openai");
	msgpack_pack_int(&packer, PAYI_FIELD_units);
	msgpack_pack_map(&packer, 2);
	for (int i = 0; i < 2; i++) {
		pack_text(&packer, i ? "text" : "vision");
		msgpack_pack_array(&packer, 2);
		msgpack_pack_int64(&packer, 1);
		msgpack_pack_int64(&packer, 2);
	}
	pack_int_field(&packer, PAYI_FIELD_event_timestamp_us, START_US);
	pack_text_field(&packer, PAYI_FIELD_provider_response_id, "resp-1");
	const char *reason = event_decode(&event, (uint8_t *)record.data, record.size, text);
	cr_assert_null(reason, "%s", reason);
	do {
		struct rollups_event one = {.event = &event, .n_units = 1, .units = units};
		must(store_begin(fixture->store, &fixture->err));
		for (one.category = 1; one.category <= FOLD_ROWS_MAX / 2; one.category++) {
			must(rollups_add(fixture->store->rollups, &one, &fixture->err));
			one.n_units = 2; /* at last there is room for one type, and not for two */
		}
		arm();
		const int status = rollups_add(fixture->store->rollups, &one, &fixture->err);
		failed = fault_calls_disarm();
		cr_assert_eq(status != 0, failed != NULL, "%s fails, and is not told of", failed);
		store_rollback(fixture->store);
		assert_rows("SELECT count(*) FROM usage_hours", "0\n");
	} while (failed);
	msgpack_sbuffer_destroy(&record);
	fixture_close(fixture);
}

Test(store_calls, what_is_set_aside_is_whole_or_is_tried_again)
{
	struct fixture fixture[1];
	char name[200], path[200];
	int status;
	fixture_open(fixture);
	store_close(fixture->store);
	fixture->store = NULL;
	faulty = true;
	snprintf(path, sizeof(path), "%s-wal", fixture->path);
	do {
		fclose(fopen(fixture->path, "ae"));
		fclose(fopen(path, "ae"));
		TRY(set_aside(fixture->path, START_US, name, sizeof(name), &fixture->err));
		cr_assert_eq(access(name, F_OK), 0);
		cr_assert_neq(access(fixture->path, F_OK), 0);
		cr_assert_neq(access(path, F_OK), 0);
		unlink(name);
		strcat(name, "-wal");
		cr_assert_eq(unlink(name), 0, "what belongs to it goes with it");
	} while (strcmp(last_failed, "nothing") != 0);
	fixture_close(fixture);
}

/* A file that is another program's is never taken, nor changed, whatever fails on the way to that. */
Test(store_calls, a_strangers_database_is_refused)
{
	struct fixture fixture[1];
	sqlite3 *db;
	const char *failed;
	fixture_open(fixture);
	store_close(fixture->store);
	unlink(fixture->path);
	const struct store_options options = {.path = fixture->path};
	cr_assert_eq(sqlite3_open(fixture->path, &db), SQLITE_OK);
	cr_assert_eq(sqlite3_exec(db, "CREATE TABLE theirs (x)", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	do {
		fault_calls_arm();
		const int status = store_open(&options, &fixture->store, &fixture->err);
		failed = fault_calls_disarm();
		cr_assert(status == ERR_STORE || failed);
		cr_assert(status < 0 && status != ERR_CORRUPT, "%s", fixture->err.text);
	} while (failed);
	cr_assert_not_null(strstr(fixture->err.text, "another program"), "%s", fixture->err.text);
	fixture->store = NULL;
	fixture_close(fixture);
}

Test(store_calls, a_filter_is_copied_or_not_there)
{
	const struct dead_filter filter = {.code = "bad"};
	struct dead_filter *copy = NULL;
	struct err err;
	fault_calls_arm();
	cr_assert_eq(dead_filter_copy(&filter, &copy, &err), ERR_MEMORY);
	cr_assert_null(copy);
	cr_assert_not_null(fault_calls_disarm());
}
