/*
 * payi/payi.h: track what GenAI use costs, from inside an application.
 *
 *     payi_client *client;
 *     if (payi_client_open(NULL, &client) != PAYI_OK)
 *             fprintf(stderr, "payi: %s\n", payi_last_error());
 *
 *     PAYI_TRACK_CONTEXT(client, .use_case_name = "document_summarization", .user_id = "ada") {
 *             const payi_units units[] = {{"text", 1200, 300}};
 *             payi_event event = PAYI_EVENT_INIT;
 *             event.category = "system.openai";
 *             event.resource = "gpt-4o";
 *             event.units = units;
 *             event.n_units = 1;
 *             payi_track(client, &event);
 *     }
 *
 * payi_track() copies the event into a ring in shared memory and returns. The payi-agent process takes
 * it from there: into SQLite, and on to Pay-i. PAYI_OK is a promise: from that moment the event survives
 * SIGKILL of the application and of the agent. (Shared memory does not survive the host; payi_flush()
 * waits until the agent has the events on disk.) The agent need not run: the ring keeps what fits.
 *
 * Threads: every function may be called from any thread at any time, except payi_client_close(), which
 * must be the last call on its client. fork(): the child may go on using the client; it gets a ring of
 * its own on first use. Signal handlers: payi_track() may be called. The library starts no thread, sets
 * no signal handler, prints nothing and links to nothing but libc.
 *
 * Strings are UTF-8, borrowed for the call only. NULL means absent; so does "", which moreover keeps a context
 * from supplying the field. Structures begin with their size, set by their _INIT macro, so that they can
 * grow: always begin with it.
 */
#ifndef PAYI_PAYI_H
#define PAYI_PAYI_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define PAYI_API __attribute__((visibility("default")))
#else
#define PAYI_API
#endif

#define PAYI_VERSION "0.1.0"

/* The version of the library that runs (PAYI_VERSION is that of this header). */
PAYI_API const char *payi_version(void);

/* ---- Results ------------------------------------------------------------------------------------- */

/* PAYI_STATUSES(X): every status, and the sentence that payi_status_text() gives. */
#define PAYI_STATUSES(X)                                                                           \
	X(PAYI_OK, 0, "ok")                                                                        \
	X(PAYI_ERR_INVALID, -1, "an argument is not valid; nothing was tracked")                   \
	X(PAYI_ERR_FULL, -2, "the ring is full; the event was dropped and counted")                \
	X(PAYI_ERR_TOO_BIG, -3, "the event is larger than a lane of the ring; it was dropped")     \
	X(PAYI_ERR_BUSY, -4, "every lane of the ring was taken; the event was dropped")            \
	X(PAYI_ERR_TIMEOUT, -5, "the agent did not store everything in time; nothing is lost")     \
	X(PAYI_ERR_RING_DIR, -6, "the ring directory cannot be used")                              \
	X(PAYI_ERR_NO_SPACE, -7, "no room for a ring in the ring directory's tmpfs")               \
	X(PAYI_ERR_NO_MEMORY, -8, "out of memory")                                                 \
	X(PAYI_ERR_SYSTEM, -9, "a system call failed")                                             \
	X(PAYI_ERR_VERSION, -10, "built against a newer payi.h than this library")                 \
	X(PAYI_ERR_TOO_DEEP, -11, "this thread has too many contexts open; is one never ended?")

typedef enum payi_status {
#define X(name, value, text) name = (value),
	PAYI_STATUSES(X)
#undef X
} payi_status;

/* A sentence for any status; never NULL, never freed. */
PAYI_API const char *payi_status_text(payi_status status);

/*
 * What went wrong in this thread's last call that did not return PAYI_OK: which field, which value,
 * what to do, such as "units[0].input is -5; it must be 0 to 2147483647, or PAYI_UNSET_UNITS". Valid until
 * this thread's next call that fails; never NULL.
 */
PAYI_API const char *payi_last_error(void);

/* ---- The client ---------------------------------------------------------------------------------- */

typedef struct payi_client payi_client;

typedef enum payi_when_full {
	PAYI_WHEN_FULL_DROP = 0, /* drop the newest event, count it, answer PAYI_ERR_FULL at once */
	PAYI_WHEN_FULL_BLOCK =
		1, /* wait up to block_ms for the agent to make room; sleeps, makes system calls */
} payi_when_full;

typedef struct payi_client_options {
	size_t size;
	const char *ring_dir; /* NULL: see payi_ring_dir() */
	/*
	 * Shared memory for the ring, 4 MiB when 0; 32 KiB to 2 GiB. It is rounded down to eight lanes of
	 * a power of two; one event may be as large as one lane less 16 bytes (512 KiB of 4 MiB). There must be room for all
	 * of it, but up to 4 MiB a lane is taken when a thread comes to it; of a larger ring all is taken at once.
	 */
	size_t ring_bytes;
	payi_when_full when_full;
	int block_ms; /* for PAYI_WHEN_FULL_BLOCK; 0 to 60,000 */
	const char *
		app_name; /* shown in the history; NULL: the program's name. At most 63 bytes are kept */
} payi_client_options;

/*
 * Opens a ring. options may be NULL for the defaults. On success *client is to be given to
 * payi_client_close(); on failure it is NULL, and all other functions accept that NULL (payi_track() then
 * answers PAYI_ERR_INVALID), so that an application may go on without tracking.
 * Errors: PAYI_ERR_INVALID, _RING_DIR, _NO_SPACE, _NO_MEMORY, _SYSTEM, _VERSION.
 */
PAYI_API payi_status payi_client_open(const payi_client_options *options, payi_client **client);

/*
 * Closes the ring and frees the client; NULL is fine. The agent stores what is still in the ring, now or
 * when it starts; nothing is lost. No other thread may be using the client.
 */
PAYI_API void payi_client_close(payi_client *client);

/*
 * The ring directory that a client opened with ring_dir NULL uses, and an agent without --ring-dir:
 * PAYI_RING_DIR, else /run/payi/rings where that exists, else /dev/shm/payi-UID. Writes it to path,
 * NUL-terminated; PAYI_ERR_INVALID if it does not fit in size bytes.
 */
PAYI_API payi_status payi_ring_dir(char *path, size_t size);

/* ---- Events -------------------------------------------------------------------------------------- */

#define PAYI_UNSET           INT32_MIN /* an int32_t field that is absent; 0 is a value */
#define PAYI_UNSET_UNITS     INT64_MIN /* likewise for payi_units */
#define PAYI_USE_CASE_ID_MAX 1025      /* bytes of a buffer for any use case id, with its NUL */

/* How much of one kind was used, such as {"text", 1200, 300}. 0 to 2147483647 each (Pay-i's bound). */
typedef struct payi_units {
	const char *type; /* "text", "text_cache_read", "vision", "reasoning", … */
	int64_t input;
	int64_t output;
} payi_units;

typedef struct payi_property {
	const char *name;
	const char *value; /* NULL: kept in the history as null, not sent */
} payi_property;

typedef struct payi_header {
	const char *name;
	const char *value;
} payi_header;

typedef struct payi_function_call {
	const char *name;
	const char *arguments;
} payi_function_call;

/*
 * One call to a model. category and units are what Pay-i requires (n_units may be 0, for a call that
 * failed); everything else may be absent. Names are Pay-i's own: see its reference, "Ingest an Event".
 */
typedef struct payi_event {
	size_t size;

	/* When the call began: microseconds since 1970-01-01 UTC. 0: now. */
	int64_t event_timestamp_us;

	int32_t end_to_end_latency_ms;
	int32_t time_to_first_token_ms;
	int32_t time_to_first_completion_token_ms;
	int32_t http_status_code; /* the provider's; 299 for a failure without one */
	int32_t use_case_version;

	const char *category; /* "system.openai", … */
	const char *resource; /* "gpt-4o", … */
	const payi_units *units;
	size_t n_units; /* at most 64, each type once */

	/*
	 * Pay-i counts an id once, however often it is sent. NULL: "payi_" and a UUIDv7 are made here, and
	 * never change again.
	 */
	const char *provider_response_id;
	const char *provider_uri;
	const char *provider_request_json; /* a string that holds JSON; so are the next two */
	const char *provider_request_reasoning_json;
	const char *const
		*provider_response_json; /* the chunks of a streamed response, or just one */
	size_t n_provider_response_json;
	const payi_header *provider_request_headers;
	size_t n_provider_request_headers;
	const payi_header *provider_response_headers;
	size_t n_provider_response_headers;
	const payi_function_call *provider_response_function_calls;
	size_t n_provider_response_function_calls;

	/*
	 * The fields from here on a context supplies (see "Contexts"), as far as the event leaves them NULL
	 * or PAYI_UNSET; what it sets is the event's alone.
	 *
	 * The name: 1 to 64 of A-Z a-z 0-9 . - _, case-sensitive; we suggest snake_case. An id, step, version or
	 * property of a use case needs its name.
	 */
	const char *use_case_name;
	const char *use_case_id; /* any string up to 1,024 bytes: a ticket, a session */
	const char *use_case_step;
	const payi_property *use_case_properties;
	size_t n_use_case_properties;

	const payi_property *properties;
	size_t n_properties;
	const char *const *limit_ids; /* no commas; an id given twice counts once */
	size_t n_limit_ids;
	const char *const *request_tags; /* kept in the history; Pay-i no longer takes them */
	size_t n_request_tags;
	const char *user_id;
	const char *account_name;
	const char *scope; /* "global", "datazone", "region", "datazone.us" */
} payi_event;

#if defined(__cplusplus)
static inline payi_event payi_event_init(void)
{
	payi_event event = payi_event();
	event.size = sizeof(event);
	event.end_to_end_latency_ms = PAYI_UNSET;
	event.time_to_first_token_ms = PAYI_UNSET;
	event.time_to_first_completion_token_ms = PAYI_UNSET;
	event.http_status_code = PAYI_UNSET;
	event.use_case_version = PAYI_UNSET;
	return event;
}
static inline payi_client_options payi_client_options_init(void)
{
	payi_client_options options = payi_client_options();
	options.size = sizeof(options);
	return options;
}
#define PAYI_EVENT_INIT          payi_event_init()
#define PAYI_CLIENT_OPTIONS_INIT payi_client_options_init()
#else
#define PAYI_EVENT_INIT                                                                            \
	{                                                                                          \
		.size = sizeof(payi_event), .end_to_end_latency_ms = PAYI_UNSET,                   \
		.time_to_first_token_ms = PAYI_UNSET,                                              \
		.time_to_first_completion_token_ms = PAYI_UNSET, .http_status_code = PAYI_UNSET,   \
		.use_case_version = PAYI_UNSET                                                     \
	}
#define PAYI_CLIENT_OPTIONS_INIT                                                                   \
	{                                                                                          \
		.size = sizeof(payi_client_options)                                                \
	}
#endif

/* ---- Contexts ------------------------------------------------------------------------------------ */

/*
 * A context supplies fields to the events that a thread tracks while the context is open: name the use case
 * once, and every call to a model within belongs to it. Contexts nest; an inner one inherits what it leaves
 * NULL (PAYI_UNSET), and "" (an empty list) keeps it from inheriting:
 *
 *     use_case_name    another name begins a new run: a new use_case_id is made, unless one is given, and
 *                      version, step and properties of the outer use case are not inherited.
 *                      The same name, or none: the same run goes on, and id, step and version may be replaced.
 *     limit_ids        are united with the outer ones
 *     properties and   are merged with the outer ones; the inner value of a name wins
 *     use_case_properties
 *     all others       replace the outer value
 *
 * This is how track_context of Pay-i's Python SDK nests, but for three things: another name inherits
 * nothing of the outer use case; an id, step, version or property without a name to belong to is an error
 * (PAYI_ERR_INVALID) and is not silently dropped; and what was blocked stays blocked in a captured context.
 */
typedef struct payi_track_context {
	size_t size;
	int32_t use_case_version;
	/*
	 * 0: events leave out provider_request_json, provider_request_reasoning_json, provider_response_json
	 * and provider_response_function_calls.
	 */
	int32_t log_prompt_and_response;
	const char *use_case_name;
	const char *use_case_id;
	const char *use_case_step;
	const payi_property *use_case_properties;
	size_t n_use_case_properties;
	const payi_property *properties;
	size_t n_properties;
	const char *const *limit_ids;
	size_t n_limit_ids;
	const char *user_id;
	const char *account_name;
	const char *price_as_category; /* in place of the event's category */
	const char *price_as_resource;
	const char *scope;
} payi_track_context;

/* Empty lists, for the lists of a context or an event: inherit nothing. */
static const payi_property payi_empty_property = {NULL, NULL};
static const char *const payi_empty_string = NULL;
#define PAYI_EMPTY_PROPERTIES (&payi_empty_property)
#define PAYI_EMPTY_LIMIT_IDS  (&payi_empty_string)
#define PAYI_EMPTY_LIST       ((const void *)&payi_empty_property) /* of any kind, in C */

#if defined(__cplusplus)
static inline payi_track_context payi_track_context_init(void)
{
	payi_track_context context = payi_track_context();
	context.size = sizeof(context);
	context.use_case_version = PAYI_UNSET;
	context.log_prompt_and_response = PAYI_UNSET;
	return context;
}
#define PAYI_TRACK_CONTEXT_INIT payi_track_context_init()
#else
#define PAYI_TRACK_CONTEXT_INIT                                                                    \
	{                                                                                          \
		.size = sizeof(payi_track_context), .use_case_version = PAYI_UNSET,                \
		.log_prompt_and_response = PAYI_UNSET                                              \
	}
#endif

enum { PAYI_CONTEXT_DEPTH_MAX = 1000 }; /* contexts that a thread may have open at once */

/*
 * Opens a context on this thread, until payi_track_context_end(). Its fields are encoded here, once, and not
 * for each event; allocates. Not in signal handlers. When it fails nothing was opened, so nothing is to
 * be ended: PAYI_ERR_INVALID (payi_last_error() names the field), PAYI_ERR_TOO_DEEP, PAYI_ERR_NO_MEMORY,
 * PAYI_ERR_VERSION; in a forked child also what payi_client_open() may answer.
 */
PAYI_API payi_status payi_track_context_begin(payi_client *client,
					      const payi_track_context *context);

/*
 * Closes this thread's innermost context of the client. Where none is open it changes nothing, says so in
 * payi_last_error(), and is counted in unbalanced_ends. A thread that ends closes what it left open.
 */
PAYI_API void payi_track_context_end(payi_client *client);

/*
 * What the innermost context says, or NULL. Valid until that context ends. An id that was made for a new
 * run is to be had here: to be logged, or to be kept for a later one.
 */
PAYI_API const char *payi_current_use_case_name(payi_client *client);
PAYI_API const char *payi_current_use_case_id(payi_client *client);
PAYI_API const char *payi_current_use_case_step(payi_client *client);

#if defined(__GNUC__) && !defined(__cplusplus)
/*
 * PAYI_TRACK_CONTEXT(client, .use_case_name = "document_summarization") { … }
 *
 * A context for the block behind it, ended however the block is left: at its end, by break, continue, return or
 * goto (not by longjmp()). When it cannot be begun the block runs all the same, without it;
 * payi_last_error() says why.
 */
#define PAYI_TRACK_CONTEXT(client, ...)                                                            \
	_Pragma("GCC diagnostic push") _Pragma("GCC diagnostic ignored \"-Woverride-init\"") for ( \
		payi_scope PAYI_SCOPE_NAME(__LINE__) __attribute__((cleanup(payi_scope_end))) =    \
			payi_scope_begin(                                                          \
				(client),                                                          \
				&(const payi_track_context){.size = sizeof(payi_track_context),    \
							    .use_case_version = PAYI_UNSET,        \
							    .log_prompt_and_response = PAYI_UNSET, \
							    __VA_ARGS__});                         \
		!PAYI_SCOPE_NAME(__LINE__).left; PAYI_SCOPE_NAME(__LINE__).left = 1)               \
		_Pragma("GCC diagnostic pop")
#define PAYI_SCOPE_NAME(line)  PAYI_SCOPE_NAME_(line)
#define PAYI_SCOPE_NAME_(line) payi_scope_##line

typedef struct payi_scope {
	payi_client *client;
	payi_status status;
	int left;
} payi_scope;

static inline payi_scope payi_scope_begin(payi_client *client, const payi_track_context *context)
{
	const payi_scope scope = {client, payi_track_context_begin(client, context), 0};
	return scope;
}

static inline void payi_scope_end(payi_scope *scope)
{
	if (scope->status == PAYI_OK)
		payi_track_context_end(scope->client);
}
#endif

/* ---- Contexts elsewhere: thread pools, event loops, coroutines ------------------------------------- */

/*
 * A context that was captured: unchangeable, counted by references, independent of the scope, the thread and the
 * client that it was captured from.
 */
typedef struct payi_context payi_context;

/*
 * What this thread's innermost context supplies; where none is open, a context that supplies nothing. To be
 * given to payi_context_release(). NULL when client is NULL or memory is short; the functions below take
 * that NULL for a context that supplies nothing.
 */
PAYI_API payi_context *payi_context_capture(payi_client *client);

/*
 * Opens a captured context on this thread, as if it had been begun here, until payi_track_context_end(). It
 * is taken as it is: nothing of the contexts that are open here is inherited. It keeps a reference
 * of its own. Errors: as payi_track_context_begin().
 */
PAYI_API payi_status payi_context_attach(payi_client *client, const payi_context *context);

/* Gives back a reference. NULL is fine. Any thread. */
PAYI_API void payi_context_release(payi_context *context);

/* ---- Tracking ------------------------------------------------------------------------------------ */

/*
 * Tracks one event. About a hundred nanoseconds; no lock, no allocation, and no system call, but for three cases. The
 * first call in a forked child opens the child's ring. The first call in a lane, mostly a thread's first, takes the
 * lane's memory, in some 0.3 ms; that of the thread which opened the client has it already, and so have all in a ring of more than 4 MiB. And
 * while the ring is full, or has no room for a lane's memory, that is looked into again every 10 ms at the most.
 *
 * PAYI_OK: the event is in the ring. Otherwise it is not, and was counted:
 * PAYI_ERR_INVALID (payi_last_error() names the field and why), PAYI_ERR_FULL, PAYI_ERR_TOO_BIG, and
 * PAYI_ERR_BUSY, when as many threads are inside payi_track() as the ring has lanes; in a forked child also
 * what payi_client_open() may answer.
 */
PAYI_API payi_status payi_track(payi_client *client, const payi_event *event);

/*
 * Likewise, in the captured context alone (NULL: in none), whatever is open on this thread: for code that
 * cannot rely on threads, such as coroutines that move between them.
 */
PAYI_API payi_status payi_track_with(payi_client *client, const payi_context *context,
				     const payi_event *event);

/*
 * Waits until the agent has committed everything tracked before the call (in this process, by any
 * thread). timeout_ms 0 only looks; -1 waits for ever. PAYI_ERR_TIMEOUT: not yet; nothing is lost.
 */
PAYI_API payi_status payi_flush(payi_client *client, int timeout_ms);

/* ---- Use cases ------------------------------------------------------------------------------------- */

/*
 * A use case exists as soon as its name is used. What is below says more of it; each puts one record into the
 * ring, answers at once, works offline, and may answer what payi_track() may. A context is not needed.
 */

/*
 * Says what a use case is, in up to 4,096 bytes. The agent creates the definition at Pay-i, or changes its
 * description there, once for each new description; the last call wins.
 */
PAYI_API payi_status payi_use_case_define(payi_client *client, const char *name,
					  const char *description);

/*
 * Makes a new run of a use case and writes its use_case_id, a UUID, into id, which must have room for
 * PAYI_USE_CASE_ID_MAX bytes. When the ring is full the id may be used all the same: its first event
 * makes the run known. When the name is refused id is "".
 */
PAYI_API payi_status payi_use_case_create(payi_client *client, const char *name,
					  char id[PAYI_USE_CASE_ID_MAX]);

/*
 * Likewise a run whose id the service shall give. handle may be used as use_case_id at once and for ever, in
 * any process; the agent asks the service once, keeps the answer, and sends the service's id in
 * the handle's place. Events under a handle wait until then. The history knows the run by both.
 */
PAYI_API payi_status payi_use_case_request(payi_client *client, const char *name,
					   char handle[PAYI_USE_CASE_ID_MAX]);

/* ---- Statistics ---------------------------------------------------------------------------------- */

/*
 * Of this process's ring, since it was opened, in records: events, and what is said of use cases.
 * attempted = tracked + refused + all that was dropped.
 */
typedef struct payi_client_stats {
	size_t size;
	uint64_t attempted;
	uint64_t tracked;
	uint64_t refused; /* PAYI_ERR_INVALID of payi_track() */
	uint64_t dropped_full;
	uint64_t dropped_too_big;
	uint64_t dropped_busy;
	uint64_t ring_bytes;      /* capacity of all lanes */
	uint64_t ring_bytes_used; /* tracked, and not yet known to be stored by the agent */
	uint64_t event_bytes_max; /* the largest record payload that fits */
	uint64_t
		unbalanced_ends; /* payi_track_context_end() without a context to end; of the client */
} payi_client_stats;

#if defined(__cplusplus)
static inline payi_client_stats payi_client_stats_init(void)
{
	payi_client_stats stats = payi_client_stats();
	stats.size = sizeof(stats);
	return stats;
}
#define PAYI_CLIENT_STATS_INIT payi_client_stats_init()
#else
#define PAYI_CLIENT_STATS_INIT                                                                     \
	{                                                                                          \
		.size = sizeof(payi_client_stats)                                                  \
	}
#endif

/* Fills *stats, whose size must be set. Never fails on an open client but for a wrong size. */
PAYI_API payi_status payi_client_stats_get(payi_client *client, payi_client_stats *stats);

#ifdef __cplusplus
}
#endif

#endif
