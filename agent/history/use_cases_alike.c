/*
 * Names that look like one use case spelt twice: each pair of the names that were used most. The rows are made here,
 * not in SQL, which knows nothing of spelling; they reach the taker as a query that gives back what it is bound to.
 */
#include "base/buf.h"
#include "history/alike.h"
#include "history/history_parts.h"

#include <stdio.h>
#include <stdlib.h>

/* clang-format off */
static const struct history_column columns[] = {
	{"use_case_name",   "USE CASE",       HISTORY_TEXT, 1},
	{"instances",       "INSTANCES",      HISTORY_INT,  2},
	{"events",          "EVENTS",         HISTORY_INT,  1},
	{"last_seen",       "LAST SEEN",      HISTORY_TIME, 3},
	{"alike_name",      "LOOKS LIKE",     HISTORY_TEXT, 1},
	{"alike_instances", "INSTANCES",      HISTORY_INT,  2},
	{"alike_events",    "EVENTS",         HISTORY_INT,  1},
	{"alike_last_seen", "LAST SEEN",      HISTORY_TIME, 3},
	{"differs_in",      "DIFFERS IN",     HISTORY_TEXT, 1},
};

static const char select_row[] =
	"SELECT a.use_case_name, a.instances, a.events, a.last_us, b.use_case_name, b.instances, b.events, b.last_us,"
	" :differs_in FROM use_cases a, use_cases b WHERE a.use_case_name = :one AND b.use_case_name = :other";

static const char select_names[] =
	"SELECT use_case_name, use_case_name = (SELECT text FROM names WHERE id = :use_case_name)"
	" FROM use_cases ORDER BY events DESC, use_case_name LIMIT :limit";
/* clang-format on */

/* Pairs grow with the square: 2,000 names take a second at the most. */
enum { NAMES_MAX = 2000, TEXT_BYTES = 256 };

struct named {
	char text[TEXT_BYTES];
	bool asked_for;
	struct alike_name parts;
};

struct names {
	struct named *named;
	int n;
};

static int open_alike(struct history *history, struct err *err)
{
	struct buf sql = BUF_INIT;
	buf_add_str(&sql, select_row);
	return history_prepare(history, &sql, &history->page, err);
}

static int read_names(struct history *history, struct names *names, struct err *err)
{
	struct buf sql = BUF_INIT;
	struct query *query = NULL;
	int status = 0;
	buf_add_str(&sql, select_names);
	status = history_prepare(history, &sql, &query, err);
	if (status)
		return status;
	query_bind_int(query, ":limit", NAMES_MAX);
	while (names->n < NAMES_MAX && (status = query_step(query, err)) == 1) {
		struct named *named = &names->named[names->n++];
		snprintf(named->text, sizeof(named->text), "%s", query_text(query, 0));
		named->asked_for = !history->filters.use_case_name || query_int(query, 1);
		alike_read(&named->parts, named->text);
	}
	query_free(query);
	return status < 0 ? status : 0;
}

/* The more used name comes first: it is the likelier one to be meant. */
static int read_pair(struct history *history, const struct named *one, const struct named *other,
		     history_take_fn *take, void *taker, struct err *err)
{
	const enum alike alike = alike_compare(&one->parts, &other->parts);
	int n_seen = 0;
	if (alike == ALIKE_NOT || !(one->asked_for || other->asked_for))
		return 0;
	query_bind_text(history->page, ":one", one->text);
	query_bind_text(history->page, ":other", other->text);
	query_bind_text(history->page, ":differs_in", alike_text(alike));
	const int n = history_step(history, take, taker, &n_seen, err);
	query_reset(history->page);
	return n;
}

static int read_pairs(struct history *history, const struct names *names, history_take_fn *take,
		      void *taker, struct err *err)
{
	int n_taken = 0;
	for (int i = 0; i < names->n; i++)
		for (int j = i + 1; j < names->n && !history->has_more; j++) {
			const int n = read_pair(history, &names->named[i], &names->named[j], take,
						taker, err);
			if (n < 0)
				return n;
			n_taken += n;
		}
	return n_taken;
}

static int read_alike(struct history *history, history_take_fn *take, void *taker, struct err *err)
{
	struct names names = {.named = calloc(NAMES_MAX, sizeof(*names.named))};
	if (history->window_read || !names.named) {
		free(names.named);
		return history->window_read ? 0 : err_set(err, ERR_MEMORY, "out of memory");
	}
	history->window_read = true;
	history->n_skip = history->filters.after ? history->filters.after->row : 0;
	history->place.row = history->n_skip;
	const int status = read_names(history, &names, err);
	const int n = status ? status : read_pairs(history, &names, take, taker, err);
	history->place.row += n > 0 ? n : 0;
	free(names.named);
	return n;
}

const struct history_table history_use_cases_alike = {columns, sizeof(columns) / sizeof(columns[0]),
						      HISTORY_KNOWS_USE_CASE, open_alike,
						      read_alike};
