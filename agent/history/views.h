/* The views that people may build upon: what each is, and its columns as the database has them. Any thread. */
#ifndef PAYI_HISTORY_VIEWS_H
#define PAYI_HISTORY_VIEWS_H

#include "base/buf.h"
#include "base/err.h"
#include "store/query.h"

struct view {
	const char *name;
	const char *about;   /* "one row per event"; "" when nobody has said it */
	const char *columns; /* each with a NUL behind, an empty one ends them */
};

/* Tells each view, in the order of the manual; a negative result of tell() ends it and is returned. */
int views_each(struct query_db *db, int (*tell)(void *context, const struct view *view),
	       void *context, struct err *err);

#endif
