#define _GNU_SOURCE /* qsort_r(), for a comparison that knows how many keys there are */
#include "store/fold.h"

#include "base/buf.h"
#include "store/hash.h"
#include "store/rows.h"

#include <stdlib.h>
#include <string.h>

enum { SLOTS = 2 * FOLD_ROWS_MAX };

/* Rows lie one behind the other, n_columns numbers each. A slot holds a row's number plus one, or 0. */
struct fold {
	const struct fold_spec *spec;
	int n_keys;
	int n_columns;
	uint64_t seed;
	uint32_t n;
	int64_t *rows;
	uint32_t *slots;
	struct rows *upserts;
};

/* ---- Opening -------------------------------------------------------------------------------------- */

static void add_names(struct buf *sql, const struct fold *fold, int n)
{
	for (int i = 0; i < n; i++) {
		buf_add_str(sql, i ? ", " : "");
		buf_add_str(sql, fold->spec->column[i].name);
	}
}

/* A sum that has left int64 would become a float, which STRICT tables refuse: the cast stops it at the end. */
static void add_update(struct buf *sql, enum fold_op op, const char *name)
{
	if (op == FOLD_SUM)
		buf_addf(sql, "%s = CAST(%s + excluded.%s AS INTEGER)", name, name, name);
	else
		buf_addf(sql, "%s = %s(%s, excluded.%s)", name, op == FOLD_MIN ? "min" : "max",
			 name, name);
}

static int open_rows(struct fold *fold, sqlite3 *db, struct err *err)
{
	struct buf into = BUF_INIT;
	struct buf tail = BUF_INIT;
	buf_addf(&into, "%s (", fold->spec->table);
	add_names(&into, fold, fold->n_columns);
	buf_add_str(&into, ")");
	buf_add_str(&tail, " ON CONFLICT (");
	add_names(&tail, fold, fold->n_keys);
	buf_add_str(&tail, ") DO UPDATE SET ");
	for (int i = fold->n_keys; i < fold->n_columns; i++) {
		buf_add_str(&tail, i > fold->n_keys ? ", " : "");
		add_update(&tail, fold->spec->column[i].op, fold->spec->column[i].name);
	}
	const char *into_text = buf_text(&into);
	const char *tail_text = buf_text(&tail);
	const int status = into.failed || tail.failed ? err_set(err, ERR_MEMORY, "out of memory")
						      : rows_open(db, into_text, fold->n_columns,
								  tail_text, &fold->upserts, err);
	buf_release(&into);
	buf_release(&tail);
	return status;
}

static void count_columns(struct fold *fold)
{
	const struct fold_spec *spec = fold->spec;
	while (spec->column[fold->n_keys].op == FOLD_KEY)
		fold->n_keys++;
	fold->n_columns = fold->n_keys;
	while (spec->column[fold->n_columns].op != FOLD_END)
		fold->n_columns++;
}

int fold_open(sqlite3 *db, const struct fold_spec *spec, struct fold **out, struct err *err)
{
	struct fold *fold = calloc(1, sizeof(*fold));
	if (!fold)
		return err_set(err, ERR_MEMORY, "out of memory");
	fold->spec = spec;
	count_columns(fold);
	sqlite3_randomness(sizeof(fold->seed), &fold->seed);
	fold->rows = malloc((size_t)FOLD_ROWS_MAX * (size_t)fold->n_columns * sizeof(*fold->rows));
	fold->slots = calloc(SLOTS, sizeof(*fold->slots));
	const int status = fold->rows && fold->slots ? open_rows(fold, db, err)
						     : err_set(err, ERR_MEMORY, "out of memory");
	if (status) {
		fold_close(fold);
		return status;
	}
	*out = fold;
	return 0;
}

void fold_close(struct fold *fold)
{
	if (!fold)
		return;
	rows_close(fold->upserts);
	free(fold->rows);
	free(fold->slots);
	free(fold);
}

/* ---- Gathering ------------------------------------------------------------------------------------ */

static int64_t *row_at(const struct fold *fold, uint32_t n)
{
	return fold->rows + (size_t)n * (size_t)fold->n_columns;
}

/* The slot that the row's key has, or the free one where it would go. Half of the slots are always free. */
static uint32_t *find(const struct fold *fold, const int64_t *row)
{
	const size_t key_bytes = (size_t)fold->n_keys * sizeof(*row);
	uint64_t hash = fold->seed;
	for (int i = 0; i < fold->n_keys; i++)
		hash = hash_add(hash, (uint64_t)row[i]);
	for (uint32_t at = (uint32_t)hash % SLOTS;; at = (at + 1) % SLOTS) {
		uint32_t *slot = &fold->slots[at];
		if (*slot == 0 || memcmp(row_at(fold, *slot - 1), row, key_bytes) == 0)
			return slot;
	}
}

static void combine(const struct fold *fold, int64_t *into, const int64_t *row)
{
	for (int i = fold->n_keys; i < fold->n_columns; i++) {
		const enum fold_op op = fold->spec->column[i].op;
		if (op == FOLD_SUM)
			into[i] += row[i];
		else if (op == FOLD_MIN ? row[i] < into[i] : row[i] > into[i])
			into[i] = row[i];
	}
}

int fold_make_room(struct fold *fold, struct err *err)
{
	return fold->n < FOLD_ROWS_MAX ? 0 : fold_write(fold, err);
}

void fold_add(struct fold *fold, const int64_t *row)
{
	uint32_t *slot = find(fold, row);
	if (*slot) {
		combine(fold, row_at(fold, *slot - 1), row);
		return;
	}
	memcpy(row_at(fold, fold->n), row, (size_t)fold->n_columns * sizeof(*row));
	*slot = ++fold->n;
}

/* ---- Writing -------------------------------------------------------------------------------------- */

static int write_row(struct fold *fold, const int64_t *row, struct err *err)
{
	for (int i = 0; i < fold->n_columns; i++)
		rows_set_int(fold->upserts, i, row[i]);
	return rows_put(fold->upserts, err);
}

static int compare_keys(const void *one, const void *other, void *n_keys)
{
	const int64_t *a = one;
	const int64_t *b = other;
	int i = 0;
	while (i < *(const int *)n_keys - 1 && a[i] == b[i])
		i++;
	return (a[i] > b[i]) - (a[i] < b[i]);
}

/*
 * In the order of the table's own keys, so that neighbours meet on the same page: with many instances that
 * return, a quarter less work for SQLite. The slots do not follow, so rows that were sorted are written or forgotten.
 */
static void sort_rows(struct fold *fold)
{
	const size_t row_bytes = (size_t)fold->n_columns * sizeof(*fold->rows);
	qsort_r(fold->rows, fold->n, row_bytes, compare_keys, &fold->n_keys);
}

int fold_write(struct fold *fold, struct err *err)
{
	int status = 0;
	sort_rows(fold);
	for (uint32_t i = 0; !status && i < fold->n; i++)
		status = write_row(fold, row_at(fold, i), err);
	if (!status)
		status = rows_write(fold->upserts, err);
	if (status)
		return err_wrap(err, "%s", fold->spec->table);
	fold_forget(fold);
	return 0;
}

void fold_forget(struct fold *fold)
{
	if (fold->n)
		memset(fold->slots, 0, SLOTS * sizeof(*fold->slots));
	fold->n = 0;
	rows_forget(fold->upserts);
}
