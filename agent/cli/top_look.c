#include "cli/top_look.h"

#include "base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HOUR_US INT64_C(3600000000)

/* ---- Rates ---------------------------------------------------------------------------------------- */

static const struct top_row *find(const struct top_look *before, const struct pulse_row *row)
{
	for (int i = 0; i < before->n_rows; i++)
		if (memcmp(before->row[i].is.key, row->key, sizeof(row->key)) == 0)
			return &before->row[i];
	return NULL;
}

/* A row that was not there before has its first events now. */
static void add_rates(struct top_look *look, const struct top_look *before)
{
	const bool comparable = before && before->tab == look->tab && !*before->trouble &&
				before->since_hour == look->since_hour &&
				look->at_us > before->at_us;
	const double seconds = comparable ? (double)(look->at_us - before->at_us) / 1e6 : 0;
	for (int i = 0; i < look->n_rows; i++) {
		struct top_row *row = &look->row[i];
		const struct top_row *then = comparable ? find(before, &row->is) : NULL;
		const int64_t more = row->is.events - (then ? then->is.events : 0);
		row->rate = !comparable || (!then && look->tab == TOP_INSTANCES)
				    ? -1
				    : (double)(more > 0 ? more : 0) / seconds;
	}
}

/* ---- Order ---------------------------------------------------------------------------------------- */

static double mean_of(const struct pulse_row *row)
{
	return row->latency_count ? (double)row->latency_sum_ms / (double)row->latency_count : -1;
}

static double measure(const struct top_row *row, enum top_sort sort)
{
	switch (sort) {
	case TOP_BY_RATE:
		return row->rate;
	case TOP_BY_EVENTS:
		return (double)row->is.events;
	case TOP_BY_UNITS:
		return (double)(row->is.input + row->is.output);
	case TOP_BY_COST:
		return (double)row->is.cost_picousd;
	case TOP_BY_FAILURES:
		return (double)row->is.failures;
	case TOP_BY_LATENCY:
		return mean_of(&row->is);
	case TOP_BY_LAST:
		return (double)row->is.last_us;
	case TOP_BY_NAME:
	case TOP_N_SORTS:
		break;
	}
	return 0;
}

/* What is equal is ordered by events and then by name, so that rows do not dance. */
static int compare_rows(const void *a, const void *b)
{
	const struct top_row *x = a;
	const struct top_row *y = b;
	if (x->weight > y->weight || x->weight < y->weight)
		return x->weight > y->weight ? -1 : 1;
	if (!x->by_name && x->is.events != y->is.events)
		return x->is.events > y->is.events ? -1 : 1;
	const int names = strcmp(x->is.name, y->is.name);
	return names ? names : strcmp(x->is.detail, y->is.detail);
}

static int compare_rings(const void *a, const void *b)
{
	const struct status_ring *x = a;
	const struct status_ring *y = b;
	if (x->lag_events != y->lag_events)
		return x->lag_events > y->lag_events ? -1 : 1;
	if (x->stored.records != y->stored.records)
		return x->stored.records > y->stored.records ? -1 : 1;
	return memcmp(x->stored.ring_id, y->stored.ring_id, BOOKS_ID_BYTES);
}

void top_look_sort(struct top_look *look, enum top_sort sort)
{
	for (int i = 0; i < look->n_rows; i++) {
		look->row[i].weight = measure(&look->row[i], sort);
		look->row[i].by_name = sort == TOP_BY_NAME;
	}
	qsort(look->row, (size_t)look->n_rows, sizeof(*look->row), compare_rows);
	qsort(look->status.ring, (size_t)look->status.n_rings, sizeof(*look->status.ring),
	      compare_rings);
}

/* ---- A look --------------------------------------------------------------------------------------- */

/* What a look reads first is what it is sorted by; a rate is that of what was seen last. */
static enum pulse_first first_of(enum top_sort sort)
{
	static const enum pulse_first firsts[TOP_N_SORTS] = {
		[TOP_BY_RATE] = PULSE_LAST_SEEN,         [TOP_BY_EVENTS] = PULSE_MOST_EVENTS,
		[TOP_BY_UNITS] = PULSE_MOST_UNITS,       [TOP_BY_COST] = PULSE_MOST_COST,
		[TOP_BY_FAILURES] = PULSE_MOST_FAILURES, [TOP_BY_LATENCY] = PULSE_MOST_LATENCY,
		[TOP_BY_LAST] = PULSE_LAST_SEEN,         [TOP_BY_NAME] = PULSE_BY_NAME,
	};
	return firsts[sort];
}

static int read_rows(struct top_look *look, struct query_db *db,
		     const struct top_question *question, struct err *err)
{
	struct pulse_row *rows;
	if (question->tab == TOP_RINGS)
		return 0;
	rows = calloc(PULSE_ROWS_MAX, sizeof(*rows));
	if (!rows)
		return err_set(err, ERR_MEMORY, "out of memory");
	const int n = pulse_read(db, (enum pulse_part)question->tab, first_of(question->sort),
				 look->since_hour * HOUR_US, rows, err);
	for (int i = 0; i < n; i++)
		look->row[i].is = rows[i];
	look->n_rows = n < 0 ? 0 : n;
	free(rows);
	return n < 0 ? n : 0;
}

static int read_rate(struct top_look *look, struct query_db *db, struct err *err)
{
	int64_t events = 0;
	const int status = pulse_stored_since(
		db, look->status.now_us - TOP_RATE_S * INT64_C(1000000), &events, err);
	look->rate = (double)events / TOP_RATE_S;
	return status;
}

static int read_all(struct top_look *look, const struct top_question *question, struct err *err)
{
	struct query_db *db = NULL;
	int status = 0;
	if (access(question->database, F_OK) == 0 || errno != ENOENT)
		status = query_db_open(question->database, &db, err);
	if (status == ERR_BUSY) /* an agent is about to make it: as if there were none */
		status = 0;
	if (!status)
		status = status_gather(question->database, question->ring_dir, db, &look->status,
				       err);
	if (!status && db)
		status = read_rate(look, db, err);
	if (!status && db)
		status = read_rows(look, db, question, err);
	query_db_close(db);
	return status;
}

int top_look_take(struct top_look *look, const struct top_look *before,
		  const struct top_question *question, struct err *err)
{
	struct err trouble = {0};
	*look = (struct top_look){.tab = question->tab, .at_us = clock_boot_us()};
	look->since_hour = (clock_wall_us() - question->since_us) / HOUR_US;
	look->row = calloc(PULSE_ROWS_MAX, sizeof(*look->row));
	if (!look->row)
		return err_set(err, ERR_MEMORY, "out of memory");
	if (read_all(look, question, &trouble))
		snprintf(look->trouble, sizeof(look->trouble), "%s", trouble.text);
	add_rates(look, before);
	if (look->status.ring)
		top_look_sort(look, question->sort);
	return 0;
}

void top_look_release(struct top_look *look)
{
	status_release(&look->status);
	free(look->row);
	look->row = NULL;
}
