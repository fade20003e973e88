/*
 * For the tests of the store: a directory of their own, events as libpayi would write them (but packed by
 * msgpack-c, an independent hand), and what a query says, as text.
 */
#ifndef PAYI_TESTS_STORE_FIXTURE_H
#define PAYI_TESTS_STORE_FIXTURE_H

#include "base/buf.h"
#include "event/event.h"
#include "store/query.h"
#include "store/store.h"

#include <criterion/criterion.h>
#include <msgpack.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct fixture {
	char directory[64];
	char path[96];
	struct err err;
	struct store *store;
	int64_t ring;
};

/* What a test cares about; NULL and 0 are absent. */
struct sample {
	int64_t time_us;
	const char *use_case_name;
	const char *use_case_id;
	const char *step;
	const char *user_id;
	const char *resource;
	int32_t latency_ms;
	int32_t http_status;
	int32_t version;
	const char *unit_type;
	int64_t input;
	int64_t output;
};

#define SECOND_US INT64_C(1000000)
#define HOUR_US   (3600 * SECOND_US)
#define DAY_US    (24 * HOUR_US)
#define START_US  (INT64_C(1795000000) * SECOND_US) /* 2026-11-18T11:06:40Z */

#define must(call) cr_assert_eq((call), 0, "%s", fixture->err.text)

static inline void fixture_store_open(struct fixture *fixture)
{
	const struct store_options options = {.path = fixture->path, .sync_full = false};
	const struct store_ring ring = {.ring_id = {1, 2, 3},
					.app_name = "test",
					.pid = 42,
					.uid = 1000,
					.created_us = START_US,
					.n_lanes = 8};
	struct store_lane lanes[PAYI_RING_LANES_MAX];
	must(store_open(&options, &fixture->store, &fixture->err));
	must(store_ring_open(fixture->store, &ring, START_US, &fixture->ring, lanes,
			     &fixture->err));
}

static inline void fixture_open(struct fixture *fixture)
{
	*fixture = (struct fixture){.directory = "/tmp/payi-test-XXXXXX"};
	cr_assert_not_null(mkdtemp(fixture->directory));
	snprintf(fixture->path, sizeof(fixture->path), "%.63s/payi.db", fixture->directory);
	fixture_store_open(fixture);
}

static inline void fixture_close(struct fixture *fixture)
{
	static const char *const suffixes[] = {"", "-wal", "-shm"};
	char path[128];
	store_close(fixture->store);
	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		snprintf(path, sizeof(path), "%s%s", fixture->path, suffixes[i]);
		unlink(path);
	}
	cr_assert_eq(rmdir(fixture->directory), 0, "something is left in %s", fixture->directory);
}

static inline void fixture_store_reopen(struct fixture *fixture)
{
	store_close(fixture->store);
	fixture_store_open(fixture);
}

/* ---- Events --------------------------------------------------------------------------------------- */

static inline void pack_text(msgpack_packer *packer, const char *text)
{
	msgpack_pack_str(packer, strlen(text));
	msgpack_pack_str_body(packer, text, strlen(text));
}

static inline size_t count_text(const char *text)
{
	return text ? 1 : 0;
}

static inline void pack_text_field(msgpack_packer *packer, enum payi_field field, const char *text)
{
	if (!text)
		return;
	msgpack_pack_int(packer, (int)field);
	pack_text(packer, text);
}

static inline void pack_int_field(msgpack_packer *packer, enum payi_field field, int64_t number)
{
	if (!number)
		return;
	msgpack_pack_int(packer, (int)field);
	msgpack_pack_int64(packer, number);
}

static inline void pack_units(msgpack_packer *packer, const struct sample *sample)
{
	msgpack_pack_int(packer, PAYI_FIELD_units);
	msgpack_pack_map(packer, 1);
	pack_text(packer, sample->unit_type ? sample->unit_type : "text");
	msgpack_pack_array(packer, 2);
	msgpack_pack_int64(packer, sample->input);
	msgpack_pack_int64(packer, sample->output);
}

static inline void sample_pack(msgpack_sbuffer *record, const struct sample *sample)
{
	msgpack_packer packer;
	msgpack_packer_init(&packer, record, msgpack_sbuffer_write);
	msgpack_pack_map(&packer, 4 + count_text(sample->use_case_name) +
					  count_text(sample->use_case_id) +
					  count_text(sample->step) + count_text(sample->user_id) +
					  count_text(sample->resource) + (sample->latency_ms != 0) +
					  (sample->http_status != 0) + (sample->version != 0));
	pack_text_field(&packer, PAYI_FIELD_category, "system.openai");
	pack_text_field(&packer, PAYI_FIELD_resource, sample->resource);
	pack_units(&packer, sample);
	pack_int_field(&packer, PAYI_FIELD_event_timestamp_us, sample->time_us);
	pack_int_field(&packer, PAYI_FIELD_end_to_end_latency_ms, sample->latency_ms);
	pack_int_field(&packer, PAYI_FIELD_http_status_code, sample->http_status);
	pack_text_field(&packer, PAYI_FIELD_provider_response_id, "resp-1");
	pack_text_field(&packer, PAYI_FIELD_use_case_name, sample->use_case_name);
	pack_text_field(&packer, PAYI_FIELD_use_case_id, sample->use_case_id);
	pack_text_field(&packer, PAYI_FIELD_use_case_step, sample->step);
	pack_int_field(&packer, PAYI_FIELD_use_case_version, sample->version);
	pack_text_field(&packer, PAYI_FIELD_user_id, sample->user_id);
}

static inline void fixture_put(struct fixture *fixture, const struct sample *sample)
{
	struct event event;
	char text[EVENT_REASON_BYTES];
	msgpack_sbuffer record;
	msgpack_sbuffer_init(&record);
	sample_pack(&record, sample);
	const char *reason = event_decode(&event, (const uint8_t *)record.data, record.size, text);
	cr_assert_null(reason, "%s", reason);
	must(store_event_put(fixture->store, fixture->ring, &event, START_US, &fixture->err));
	msgpack_sbuffer_destroy(&record);
}

/* A transaction of its own for n samples. */
static inline void fixture_commit(struct fixture *fixture, const struct sample *samples, size_t n)
{
	must(store_begin(fixture->store, &fixture->err));
	for (size_t i = 0; i < n; i++)
		fixture_put(fixture, &samples[i]);
	must(store_commit(fixture->store, &fixture->err));
}

/* Likewise so many that are made, by their number from 0. */
static inline void fixture_make(struct fixture *fixture, int n, struct sample (*make)(int))
{
	must(store_begin(fixture->store, &fixture->err));
	for (int i = 0; i < n; i++) {
		const struct sample sample = make(i);
		fixture_put(fixture, &sample);
	}
	must(store_commit(fixture->store, &fixture->err));
}

/* n plain events, a second apart. */
static inline void fixture_fill(struct fixture *fixture, int n)
{
	must(store_begin(fixture->store, &fixture->err));
	for (int i = 0; i < n; i++)
		fixture_put(fixture, &(struct sample){.time_us = START_US + i * SECOND_US,
						      .input = 10,
						      .output = 5});
	must(store_commit(fixture->store, &fixture->err));
}

/* ---- What the database says ----------------------------------------------------------------------- */

/* Rows as "a|b" with a line end each; to be freed. */
static inline char *fixture_rows(const struct fixture *fixture, const char *sql)
{
	struct query_db *db = NULL;
	struct query *query = NULL;
	struct buf rows = BUF_INIT;
	struct err err = {0};
	int status = query_db_open(fixture->path, &db, &err);
	if (!status)
		status = query_prepare(db, sql, &query, &err);
	cr_assert_eq(status, 0, "%s", err.text);
	while ((status = query_step(query, &err)) > 0) {
		for (int i = 0; i < query_columns(query); i++) {
			const char *text = query_text(query, i);
			buf_addf(&rows, "%s%s", i ? "|" : "", text ? text : "");
		}
		buf_add_char(&rows, '\n');
	}
	cr_assert_eq(status, 0, "%s", err.text);
	query_free(query);
	query_db_close(db);
	char *copy = strdup(buf_text(&rows));
	buf_release(&rows);
	return copy;
}

#define assert_rows(sql, expected)                                                                 \
	do {                                                                                       \
		char *rows_ = fixture_rows(fixture, (sql));                                        \
		cr_assert_str_eq(rows_, (expected));                                               \
		free(rows_);                                                                       \
	} while (0)

#endif
