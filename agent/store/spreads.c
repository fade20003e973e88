#include "store/spreads.h"

#include "store/functions.h"
#include "store/tally.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>

/* ---- Ranks ---------------------------------------------------------------------------------------- */

enum { BYTE_VALUES = 256 };

/* So that the order of bytes is that of numbers, those below 0 included. */
static uint64_t ordered(int64_t number)
{
	return (uint64_t)number ^ (UINT64_C(1) << 63);
}

/*
 * The number of that rank, from 1, among n: byte by byte, the high ones first, each time only those go on that have what the
 * sought one has. So it takes the same time whatever the numbers are. room has space for n.
 */
static int64_t number_of_rank(const int64_t *numbers, size_t n, size_t rank, int64_t *room)
{
	const int64_t *from = numbers;
	for (int shift = 56; shift >= 0; shift -= 8) {
		size_t count[BYTE_VALUES] = {0};
		size_t byte = 0, kept = 0;
		for (size_t i = 0; i < n; i++)
			count[ordered(from[i]) >> shift & 0xff]++;
		for (; rank > count[byte]; byte++)
			rank -= count[byte];
		for (size_t i = 0; i < n && count[byte] < n; i++)
			if ((ordered(from[i]) >> shift & 0xff) == byte)
				room[kept++] = from[i];
		if (count[byte] < n) {
			from = room;
			n = kept;
		}
	}
	return from[0];
}

/* ---- spreads() ------------------------------------------------------------------------------------ */

enum { MEASURES = 3 };

struct group {
	int64_t key[TALLY_KEYS];      /* the first is what is asked for */
	struct buf numbers[MEASURES]; /* of int64_t */
};

struct groups {
	struct tally tally; /* of struct group */
	bool failed;
};

static void step_spreads(sqlite3_context *context, int n, sqlite3_value **values)
{
	struct groups *groups = sqlite3_aggregate_context(context, sizeof(*groups));
	if (!groups)
		return;
	groups->tally.row_bytes = sizeof(struct group);
	struct group *group =
		tally_row(&groups->tally, (int64_t[TALLY_KEYS]){sqlite3_value_int64(values[0])});
	groups->failed |= !group;
	for (int i = 1; group && i < n; i++) {
		const int64_t number = sqlite3_value_int64(values[i]);
		buf_add(&group->numbers[i - 1], &number, sizeof(number));
	}
}

static void add_spread(struct buf *out, const struct buf *numbers, int64_t *room)
{
	const int64_t *number = (const void *)numbers->data;
	const size_t n = numbers->len / sizeof(*number);
	const size_t ranks[] = {1, (n * 50 + 99) / 100, (n * 95 + 99) / 100, n};
	for (size_t i = 0; i < sizeof(ranks) / sizeof(ranks[0]); i++)
		buf_addf(out, ",%" PRId64, number_of_rank(number, n, ranks[i], room));
}

static void add_group(struct buf *out, const struct group *group)
{
	const size_t bytes = group->numbers[0].len;
	int64_t *room = malloc(bytes);
	for (int i = 0; i < MEASURES; i++)
		out->failed = out->failed || !room || group->numbers[i].failed;
	buf_addf(out, "%s[%" PRId64 ",%zu", out->len > 1 ? "," : "", group->key[0],
		 bytes / sizeof(int64_t));
	for (int i = 0; i < MEASURES && !out->failed; i++)
		add_spread(out, &group->numbers[i], room);
	buf_add_char(out, ']');
	free(room);
}

static void finish_spreads(sqlite3_context *context)
{
	struct groups *groups = sqlite3_aggregate_context(context, sizeof(*groups));
	struct buf out = BUF_INIT;
	buf_add_char(&out, '[');
	out.failed = out.failed || !groups || groups->failed;
	for (size_t i = 0; groups && i < groups->tally.n; i++) {
		struct group *group = (struct group *)(void *)groups->tally.rows.data + i;
		add_group(&out, group);
		for (int k = 0; k < MEASURES; k++)
			buf_release(&group->numbers[k]);
	}
	buf_add_char(&out, ']');
	functions_result(context, &out);
	if (groups)
		tally_release(&groups->tally);
}

/* ---- classes() ------------------------------------------------------------------------------------ */

enum { PER_POWER = 6, CLASSES = 16 * PER_POWER };

struct size_class {
	int64_t n;
	int64_t events;
	int64_t sum;
};

static const int64_t small_bounds[PER_POWER] = {0, 1, 2, 3, 5, 7};
static const int64_t large_bounds[PER_POWER] = {10, 15, 22, 33, 47, 68}; /* times a power of ten */

static int64_t bound(int at)
{
	int64_t power = 1;
	if (at < PER_POWER)
		return small_bounds[at];
	for (int i = at / PER_POWER; i > 1; i--)
		power *= 10;
	return large_bounds[at % PER_POWER] * power;
}

/* The class that a number is in; CLASSES or more: it is beyond all of them. */
static int class_of(int64_t number)
{
	const int64_t *bounds = small_bounds;
	int at = 0;
	for (; number >= 10 && (at == 0 || number >= 100); at += PER_POWER) {
		number = at ? number / 10 : number;
		bounds = large_bounds;
	}
	for (int i = 1; i < PER_POWER && bounds[i] <= number; i++)
		at++;
	return at;
}

static void step_classes(sqlite3_context *context, int n, sqlite3_value **values)
{
	struct size_class *classes = sqlite3_aggregate_context(context, CLASSES * sizeof(*classes));
	const int64_t number = sqlite3_value_int64(values[0]);
	const int at = class_of(number);
	(void)n;
	if (!classes || at >= CLASSES)
		return;
	classes[at].n++;
	functions_sum(&classes[at].events, sqlite3_value_int64(values[1]));
	functions_sum(&classes[at].sum, number);
}

static void finish_classes(sqlite3_context *context)
{
	const struct size_class *classes =
		sqlite3_aggregate_context(context, CLASSES * sizeof(*classes));
	struct buf out = BUF_INIT;
	buf_add_char(&out, '[');
	out.failed = out.failed || !classes;
	for (int i = 0; classes && i < CLASSES; i++)
		if (classes[i].n)
			buf_addf(&out,
				 "%s[%" PRId64 ",%" PRId64 ",%" PRId64 ",%" PRId64 ",%" PRId64 "]",
				 out.len > 1 ? "," : "", bound(i), bound(i + 1), classes[i].n,
				 classes[i].events, classes[i].sum);
	buf_add_char(&out, ']');
	functions_result(context, &out);
}

int spreads_add_functions(sqlite3 *db, struct err *err)
{
	static const struct sql_function functions[] = {
		{"spreads", 1 + MEASURES, SQLITE_DETERMINISTIC, NULL, step_spreads, finish_spreads},
		{"classes", 2, SQLITE_DETERMINISTIC, NULL, step_classes, finish_classes},
	};
	return functions_add(db, functions, sizeof(functions) / sizeof(functions[0]), err);
}
