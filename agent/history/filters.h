/*
 * What part of the history is asked for. The texts are the asker's, and never become part of SQL: they
 * are looked up once, and bound as numbers.
 */
#ifndef PAYI_HISTORY_FILTERS_H
#define PAYI_HISTORY_FILTERS_H

#include "base/buf.h"
#include "base/err.h"
#include "store/query.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Where a reading was broken off, so that another may go on behind it: a row's time and id, or, of usage, an hour
 * since 1970 and how many of its rows were read.
 */
struct history_place {
	int64_t time;
	int64_t row;
};

/* By what rows are sorted, the most first. Each kind has an order of its own, and knows some of the others. */
enum history_sort {
	HISTORY_SORT_OWN,
	HISTORY_SORT_UNITS, /* input and output */
	HISTORY_SORT_EVENTS,
	HISTORY_SORT_LATENCY, /* the mean */
	HISTORY_SORT_FAILURES,
	HISTORY_SORT_LAST, /* seen */
	HISTORY_SORT_COST, /* estimated */
};

enum { HISTORY_POINTS_MAX = 300, HISTORY_TOP_MAX = 20 }; /* what of a series may be asked for */

struct history_filters {
	const char *use_case_name; /* NULL: any; so are the next four */
	const char *use_case_id;
	const char *user_id;
	const char *category;
	const char *resource;
	const char
		*reason; /* of dead letters alone: the service's error code; so are the next two */
	int64_t http_status;   /* 0: any */
	const int64_t *events; /* their numbers */
	size_t n_events;       /* 0: any */
	int64_t since_us; /* from here on, by event time; of dead letters, by when they were refused */
	int64_t until_us; /* up to here, and not included */
	int64_t limit;    /* rows; 0: all */
	int64_t points; /* of a series: how many buckets at most; 0: as it sees fit; so is the next */
	int64_t top;    /* and how many use cases, resources or categories by name */
	enum history_sort sort;
	bool oldest_first;                 /* or the least first */
	const struct history_place *after; /* NULL: from the beginning */
	int64_t last_event; /* of HISTORY_EVENTS_STORED alone: no event behind this one */
};

#define HISTORY_FILTERS_INIT                                                                       \
	{                                                                                          \
		.since_us = INT64_MIN, .until_us = INT64_MAX                                       \
	}

/* The filters' texts as the numbers that stand for them in the database; 0: any. */
struct history_ids {
	int64_t use_case_name;
	int64_t user_id;
	int64_t category;
	int64_t resource;
	int64_t instance; /* the only one that the use case id finds; 0: there are several, or no id is asked for */
	bool unknown; /* one of the texts is not in the database: no row can match */
};

/* The filter whose text is nowhere in the database: "use case", "user", "category" or "resource"; NULL: each is. */
const char *history_ids_unknown(struct query_db *db, const struct history_filters *filters);

int history_ids_find(struct query_db *db, const struct history_filters *filters,
		     struct history_ids *ids, struct err *err);

/*
 * Appends " AND …" per filter but those of time, for the table events, called e. The conditions leave
 * SQLite one index to choose: that of the instance when there is an id, else the user's, else the time's.
 * An id finds its instances under every name, and also those whose handle the service gave that id for.
 */
void history_filter_events(struct buf *sql, const struct history_filters *filters,
			   const struct history_ids *ids);

/* Likewise for the table use_case_instances, called i, without category and resource. */
void history_filter_instances(struct buf *sql, const struct history_filters *filters,
			      const struct history_ids *ids);

/*
 * Likewise for the table instance_totals, called t. led: another condition or the order leads to its rows, and the user is
 * looked up for each; else the instances of the user lead.
 */
void history_filter_totals(struct buf *sql, const struct history_filters *filters,
			   const struct history_ids *ids, bool led);

/* Likewise for the rollups by hour, called h; they know use case names, categories and resources. */
void history_filter_hours(struct buf *sql, const struct history_filters *filters);

/* Binds what these conditions name. */
void history_filter_bind(struct query *query, const struct history_filters *filters,
			 const struct history_ids *ids);

#endif
