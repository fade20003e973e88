/*
 * The Pay-i sink: takes stored events to Pay-i's ingest, in batches, until each is there or refused for
 * good. The only header of this folder that others include.
 *
 * It fetches from its host (sink/sink.h), keeps several requests under way on reused connections, and
 * settles batch by batch. A service that is slow, down, or does not take the key costs nothing but time:
 * what waits stays with the host. All on the loop's thread; nothing here blocks.
 */
#ifndef PAYI_SINK_PAYI_PAYI_SINK_H
#define PAYI_SINK_PAYI_PAYI_SINK_H

#include "base/err.h"
#include "sink/counters.h"
#include "sink/sink.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct payi_sink;

/* As the settings of [payi]; the ranges are checked. Texts are copied; NULL is "". */
struct payi_sink_options {
	const char *base_url;
	const char *api_key; /* wins over the file */
	const char *api_key_file;
	const char *ca_file;
	const char *client_cert;
	const char *client_key;
	bool gzip;
	bool allow_insecure;
	int64_t batch_events;
	int64_t batch_bytes;
	int64_t batch_age_ms;
	int64_t in_flight;
	int64_t drain_rate; /* 0: no bound */
	int64_t timeout_s;
};

/* ERR_CONFIG: a sink cannot be made of them. Looks at nothing but the options. */
int payi_sink_check(const struct payi_sink_options *options, struct err *err);

/* Events after position are to be sent. host is copied. It begins with the loop's next turn. */
int payi_sink_new(uv_loop_t *loop, const struct payi_sink_options *options,
		  const struct sink_host *host, int64_t position, struct payi_sink **sink,
		  struct err *err);

/*
 * Goes on with other options, from the next request on: the key and its file, which is looked at again at once, sizes and
 * age of batches, the time-out. Address, authorities and in_flight stay what they were. When it fails all
 * stays as it was. From the loop's thread.
 */
int payi_sink_configure(struct payi_sink *sink, const struct payi_sink_options *options,
			struct err *err);

/* Valid until the sink is freed. Any thread may read. */
const struct sink_counters *payi_sink_counters(const struct payi_sink *sink);

/* New events were committed. Cheap; from the loop's thread, also from inside the host's functions. */
void payi_sink_wake(struct payi_sink *sink);

/*
 * Sends what can be sent within flush_ms, at once if the service is known not to answer; then breaks off
 * and calls stopped(ctx), once, from the loop. What was not settled stays with the host. A second call
 * takes the place of the first: with a flush_ms of 0 it is over at once.
 */
void payi_sink_stop(struct payi_sink *sink, int64_t flush_ms, void (*stopped)(void *ctx),
		    void *ctx);

/* After stopped() was called, or from inside it. NULL is fine. */
void payi_sink_free(struct payi_sink *sink);

#endif
