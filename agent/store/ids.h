/*
 * Rows that stand for something that repeats: the names (of categories, models, use cases, users, …), each
 * written once and a number everywhere else, and the use case instances, so that events with the same
 * name and id find the same row, be they days apart. Looked up in memory, then in the table, then added.
 * For the store alone.
 */
#ifndef PAYI_STORE_IDS_H
#define PAYI_STORE_IDS_H

#include "base/err.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ids;

struct ids_spec {
	const char *insert;    /* ?1 number, ?2 text; adds nothing when the row is there */
	const char *select;    /* likewise; gives the row's id */
	const char *alias;     /* likewise, of the row that is known by this text, too; or NULL */
	const char *any_alias; /* 1 when there is one */
	uint32_t cached;       /* rows that are kept in memory, at the most: a power of two */
	uint32_t cached_bytes;
};

extern const struct ids_spec ids_of_names; /* the number is 0 */
extern const struct ids_spec
	ids_of_instances; /* the use case name's id, and the use case id or "" */

int ids_open(sqlite3 *db, const struct ids_spec *spec, struct ids **ids, struct err *err);
void ids_close(struct ids *ids); /* NULL is fine */

/* The row's id, never 0. Within a transaction. */
int ids_find(struct ids *ids, int64_t number, const char *text, size_t len, int64_t *id,
	     struct err *err);

/* An alias was given: from now on they are looked for. */
void ids_alias_given(struct ids *ids);

/* Whether the row is among those in memory, which is where ids_find() looks first. */
bool ids_knows(const struct ids *ids, int64_t number, const char *text, size_t len);

/*
 * Marks: which of the rows up to last are still used. Once begun, every row that ids_find() gives is marked, since
 * what was in memory before is forgotten; others mark what they find elsewhere. They end with the ids.
 */
int ids_marks_begin(struct ids *ids, int64_t last, struct err *err);
void ids_marks_end(struct ids *ids);
bool ids_marks_on(const struct ids *ids);
void ids_mark(struct ids *ids, int64_t id);
bool ids_is_marked(const struct ids *ids, int64_t id); /* an id beyond the last is */

/* After a rollback: the rows that were added last are gone. */
void ids_forget(struct ids *ids);

#endif
