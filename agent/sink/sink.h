/*
 * What a sink is: something that takes stored events elsewhere, at its own pace.
 *
 * A sink never touches the database. It asks its host for events after the last one that it took, in
 * the order of their ids, works on several batches at once, and tells the host how each one ended. The
 * host keeps that in the same database as the events, so a restart goes on where it was; events that were
 * under way then are sent again, with the same provider_response_id. All on one thread: the loop's.
 */
#ifndef PAYI_SINK_SINK_H
#define PAYI_SINK_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An event to send. record is valid until the taker returns. */
struct sink_item {
	int64_t id;
	const uint8_t *record; /* the payload as tracked, decoded by event_decode() */
	uint32_t record_bytes;
	int32_t attempts; /* how often it was deferred before */
	/*
	 * The id that the service gave for the record's use_case_id, and that is to be sent in its place.
	 * NULL: send the record's.
	 */
	const char *use_case_id;
	/* The record's use_case_id is a handle that has no id yet: settle it as SINK_HELD, never send it. */
	bool unresolved;
	int64_t instance; /* the host's number of its use case instance; 0: none */
	/* An event of the instance that came before it waits: settle it as SINK_BEHIND. */
	bool behind;
};

enum sink_verdict {
	SINK_DELIVERED,
	SINK_DEFERRED, /* not now: again at retry_us */
	SINK_DEAD,     /* refused for good: to the dead letters, with the reason */
	SINK_HELD,   /* waits for its use case's id; the host brings it again when that is there */
	SINK_BEHIND, /* likewise for an event of its instance that goes first */
};

enum { SINK_VERDICTS = SINK_BEHIND + 1 };

static inline bool sink_waits(enum sink_verdict verdict)
{
	return verdict == SINK_DEFERRED || verdict == SINK_HELD || verdict == SINK_BEHIND;
}

/* What the service says that an event cost, in picodollars; -1: not said. */
struct sink_cost {
	bool said;
	int64_t input;
	int64_t output;
	int64_t total;
};

struct sink_outcome {
	int64_t id;
	int64_t instance; /* of which the later events wait while this one does; 0: of none */
	enum sink_verdict verdict;
	int32_t http_status;
	int64_t retry_us;      /* wall clock */
	const char *code;      /* the service's error code, or NULL */
	const char *message;   /* what it said; never the event's content */
	struct sink_cost cost; /* of SINK_DELIVERED */
};

/*
 * How a batch ended: every event with after_id < id <= last_id was delivered, but for those in outcomes (and
 * those too where the verdict says so: such an outcome only adds its words).
 * For events that came from the deferred ones the range is empty (after_id == last_id) and each
 * has an outcome, delivered or not. Everything is copied before settle() returns.
 */
struct sink_settlement {
	const char *sink;
	int64_t after_id;
	int64_t last_id;
	int64_t n_delivered;
	const struct sink_outcome *outcomes;
	size_t n_outcomes;
};

/*
 * What the service is to be asked beside taking events: to define a use case, to give an id to an instance, or for the
 * prices of a resource, which nothing waits for.
 * Texts are valid until the taker returns.
 */
struct price_list;

enum sink_ask_kind { SINK_ASK_DEFINE, SINK_ASK_ID, SINK_ASK_PRICES };

struct sink_ask {
	enum sink_ask_kind kind;
	int64_t key;               /* the host's, for the answer */
	const char *use_case_name; /* of SINK_ASK_PRICES, the category */
	const char *description;   /* SINK_ASK_DEFINE; of SINK_ASK_PRICES, the resource */
	int32_t attempts;          /* how often it was deferred before */
};

/* An ask is put off by no more than this. */
#define SINK_ASK_WAIT_MAX_US (INT64_C(3600) * 1000000)

/* verdict: SINK_DELIVERED (done), SINK_DEFERRED (again at retry_us) or SINK_DEAD (refused for good). */
struct sink_ask_outcome {
	enum sink_ask_kind kind;
	int64_t key;
	enum sink_verdict verdict;
	const char *given_id;            /* SINK_ASK_ID, when done */
	const struct price_list *prices; /* SINK_ASK_PRICES, likewise */
	const char *
		description; /* SINK_ASK_DEFINE: the one that was asked for; it may be another by now */
	int32_t http_status;
	int64_t retry_us;
	const char *code;
	const char *message;
};

typedef bool sink_take_ask_fn(void *taker, const struct sink_ask *ask);

/* What the sink is doing, for status: told when it changes. Texts may be NULL; times are wall clock, 0: none. */
struct sink_report {
	const char *state; /* "idle", "sending", "offline", "waiting", "key refused" */
	const char *last_error;
	int64_t last_error_us;
	int64_t last_success_us;
	int64_t next_try_us;
};

/* Takes one item; false: this one did not fit, stop here and do not count it as taken. */
typedef bool sink_take_fn(void *taker, const struct sink_item *item);

struct sink_host {
	void *context;
	/*
	 * Gives the events after after_id to take(), in ascending order, until it returns false, limit are
	 * taken, or there are no more. Returns how many were taken, or a negative err_code.
	 */
	int (*fetch)(void *context, int64_t after_id, int limit, sink_take_fn *take, void *taker);
	/* Likewise the deferred ones whose time has come; after_id likewise. */
	int (*fetch_deferred)(void *context, int64_t now_us, int64_t after_id, int limit,
			      sink_take_fn *take, void *taker);
	/* The ids of the newest event and of the newest use case instance, of one moment. NULL: never asked. 0, or an error. */
	int (*newest)(void *context, int64_t *event, int64_t *instance);
	void (*settle)(void *context, const struct sink_settlement *settlement);
	/* How many settlements are committed, in the order of their coming. NULL: all always are. */
	uint64_t (*n_committed)(void *context);
	/*
	 * Gives what is to be asked now (retry_us has come) as fetch() does: of each kind the oldest, however many
	 * there are of the other. An ask that is under way is given again until its outcome is committed: the
	 * taker knows those by kind and key.
	 */
	int (*fetch_asks)(void *context, int64_t now_us, int limit, sink_take_ask_fn *take,
			  void *taker);
	void (*settle_ask)(void *context, const struct sink_ask_outcome *outcome);
	void (*report)(void *context, const struct sink_report *report);
};

#endif
