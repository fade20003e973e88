#include "store/sums.h"

#include "store/functions.h"
#include "store/tally.h"

#include <inttypes.h>
#include <stdbool.h>

enum { SUMS = 4, ARGUMENTS = 2 + SUMS + 2 };

struct sum {
	int64_t key[TALLY_KEYS];
	int64_t rows;
	int64_t sum[SUMS];
	int64_t first;
	int64_t last;
};

struct state {
	struct tally tally;
	bool failed;
};

static void add(struct sum *to, const int64_t *numbers)
{
	const int64_t first = numbers[SUMS];
	const int64_t last = numbers[SUMS + 1];
	for (int i = 0; i < SUMS; i++)
		functions_sum(&to->sum[i], numbers[i]);
	to->first = to->rows == 0 || first < to->first ? first : to->first;
	to->last = to->rows == 0 || last > to->last ? last : to->last;
	to->rows++;
}

static void step(sqlite3_context *context, int n, sqlite3_value **values)
{
	struct state *state = sqlite3_aggregate_context(context, sizeof(*state));
	int64_t number[ARGUMENTS];
	if (!state)
		return;
	for (int i = 0; i < n; i++)
		number[i] = sqlite3_value_int64(values[i]);
	state->tally.row_bytes = sizeof(struct sum);
	struct sum *sum = tally_row(&state->tally, (int64_t[TALLY_KEYS]){number[0], number[1]});
	if (sum)
		add(sum, number + 2);
	state->failed |= !sum;
}

static void add_json(struct buf *out, const struct sum *sum)
{
	buf_addf(out, "%s[%" PRId64 ",%" PRId64 ",%" PRId64, out->len > 1 ? "," : "", sum->key[0],
		 sum->key[1], sum->rows);
	for (int i = 0; i < SUMS; i++)
		buf_addf(out, ",%" PRId64, sum->sum[i]);
	buf_addf(out, ",%" PRId64 ",%" PRId64 "]", sum->first, sum->last);
}

static void finish(sqlite3_context *context)
{
	struct state *state = sqlite3_aggregate_context(context, sizeof(*state));
	struct buf out = BUF_INIT;
	buf_add_char(&out, '[');
	for (size_t i = 0; state && i < state->tally.n; i++)
		add_json(&out, (const struct sum *)(const void *)state->tally.rows.data + i);
	buf_add_char(&out, ']');
	out.failed = out.failed || !state || state->failed;
	functions_result(context, &out);
	if (state)
		tally_release(&state->tally);
}

int sums_add_function(sqlite3 *db, struct err *err)
{
	static const struct sql_function function = {"sums_by", ARGUMENTS, SQLITE_DETERMINISTIC,
						     NULL,      step,      finish};
	return functions_add(db, &function, 1, err);
}
