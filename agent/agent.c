/*
 * Life of an agent, and what ends which part of it:
 *
 *     start ──> serve ──signal──> rings stored ──> sink flushed ──> storage stopped ──> end
 *                                 (bounded by what is in the rings)  (shutdown_flush_s)
 *
 * Locks come first: the data directory's before the database is opened, the ring directory's before a
 * ring is read. The parts speak through the small functions below and know nothing of each other.
 */
#include "agent.h"

#include "base/clock.h"
#include "base/lock_file.h"
#include "base/log.h"
#include "http/server.h"
#include "metrics.h"
#include "settings.h"
#include "sink/payi/payi_sink.h"
#include "storage.h"
#include "store/feed.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#define SINK_NAME "payi"

enum { LOOKED_US_MAX = 15000000 }; /* since the last look at the rings; they are due every 2 s */

struct agent {
	const struct settings *settings;
	uv_loop_t loop;
	uv_signal_t terminate;
	uv_signal_t interrupt;
	uv_async_t stored;   /* the storage thread has committed what a sink may want */
	uv_async_t finished; /* the storage thread has emptied the rings */
	int data_lock;
	struct storage *storage;
	struct feed *feed;
	struct payi_sink *sink;
	struct server *server;
	struct metrics metrics;
	bool stopping;
	bool hurrying; /* a second signal came */
};

/* ---- The sink's host ------------------------------------------------------------------------------ */

/* Trouble with the reader's connection costs a try: the sink asks again. */
static int report_fetch(int status, const struct err *err)
{
	if (status < 0)
		log_error("cannot read what to send", LOG_STR("error", err->text), LOG_END);
	return status;
}

static int fetch(void *context, int64_t after_id, int limit, sink_take_fn *take, void *taker)
{
	struct agent *agent = context;
	struct err err;
	return report_fetch(feed_each(agent->feed, after_id, limit, take, taker, &err), &err);
}

static int fetch_deferred(void *context, int64_t now_us, int64_t after_id, int limit,
			  sink_take_fn *take, void *taker)
{
	struct agent *agent = context;
	struct err err;
	return report_fetch(
		feed_each_deferred(agent->feed, now_us, after_id, limit, take, taker, &err), &err);
}

static void settle(void *context, const struct sink_settlement *settlement)
{
	struct agent *agent = context;
	struct sink_settlement named = *settlement;
	named.sink = SINK_NAME;
	storage_settle(agent->storage, &named);
}

static int fetch_asks(void *context, int64_t now_us, int limit, sink_take_ask_fn *take, void *taker)
{
	struct agent *agent = context;
	struct err err;
	return report_fetch(feed_asks(agent->feed, now_us, limit, take, taker, &err), &err);
}

static void settle_ask(void *context, const struct sink_ask_outcome *outcome)
{
	struct agent *agent = context;
	storage_settle_ask(agent->storage, outcome);
}

static void report(void *context, const struct sink_report *report)
{
	struct agent *agent = context;
	storage_report(agent->storage, SINK_NAME, report);
}

/* ---- From the storage thread to the loop ------------------------------------------------------------ */

static void tell_stored(void *context)
{
	uv_async_send(&((struct agent *)context)->stored);
}

static void tell_finished(void *context)
{
	uv_async_send(&((struct agent *)context)->finished);
}

static void on_stored(uv_async_t *async)
{
	struct agent *agent = async->data;
	if (agent->sink)
		payi_sink_wake(agent->sink);
}

static void sink_stopped(void *context)
{
	struct agent *agent = context;
	uv_stop(&agent->loop);
}

static void on_finished(uv_async_t *async)
{
	struct agent *agent = async->data;
	if (agent->hurrying)
		return; /* the sink was stopped already, and may be gone */
	log_info("rings are stored; flushing", LOG_END);
	payi_sink_stop(agent->sink, agent->settings->shutdown_flush_s * 1000, sink_stopped, agent);
}

static void on_signal(uv_signal_t *handle, int number)
{
	struct agent *agent = handle->data;
	if (agent->hurrying)
		return;
	if (agent->stopping) {
		log_warn("a second signal: not waiting any longer", LOG_INT("signal", number),
			 LOG_END);
		agent->hurrying = true;
		payi_sink_stop(agent->sink, 0, sink_stopped, agent);
		return;
	}
	agent->stopping = true;
	log_info("stopping", LOG_INT("signal", number), LOG_END);
	storage_finish(agent->storage);
}

/* ---- The local HTTP's host -------------------------------------------------------------------------- */

/* A disk that hangs keeps the storage thread from looking at the rings at all. */
static const char *not_ready(void *context)
{
	const struct agent *agent = context;
	const struct storage_counters *counters = storage_counters(agent->storage);
	const int64_t looked_us = (int64_t)counter_read(&counters->tick_us);
	if (agent->stopping)
		return "the agent is stopping";
	if (counter_read(&counters->failing))
		return "storing fails; the rings keep their events; see the log";
	if (clock_boot_us() - looked_us > LOOKED_US_MAX)
		return "storing hangs; the rings keep their events";
	return NULL;
}

static void write_metrics(void *context, const struct status *status, struct buf *out)
{
	const struct agent *agent = context;
	metrics_write(&agent->metrics, status, out);
}

/* ---- Starting ------------------------------------------------------------------------------------- */

/* Makes the directory and those above it that are missing, for this user alone. */
static int make_directories(const char *path, struct err *err)
{
	char part[4096];
	if (snprintf(part, sizeof(part), "%s", path) >= (int)sizeof(part))
		return err_set(err, ERR_CONFIG, "the data directory's path is too long");
	for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(part, 0700) && errno != EEXIST)
			return err_errno(err, "cannot make the directory %s", part);
		*slash = '/';
	}
	if (mkdir(part, 0700) && errno != EEXIST)
		return err_errno(err, "cannot make the data directory %s", part);
	return 0;
}

static int lock_data(struct agent *agent, struct err *err)
{
	char path[4096];
	char who[4200];
	const char *data_dir = agent->settings->data_dir;
	if (snprintf(path, sizeof(path), "%s/agent.lock", data_dir) >= (int)sizeof(path))
		return err_set(err, ERR_CONFIG, "the data directory's path is too long");
	snprintf(who, sizeof(who), "pid %ld, rings in %.2000s\n", (long)getpid(),
		 agent->settings->ring_dir);
	return lock_file_take(path, who, &agent->data_lock, err);
}

static void open_loop(struct agent *agent)
{
	uv_loop_init(&agent->loop);
	uv_signal_init(&agent->loop, &agent->terminate);
	uv_signal_init(&agent->loop, &agent->interrupt);
	uv_async_init(&agent->loop, &agent->stored, on_stored);
	uv_async_init(&agent->loop, &agent->finished, on_finished);
	agent->terminate.data = agent->interrupt.data = agent;
	agent->stored.data = agent->finished.data = agent;
}

static int start_storage(struct agent *agent, struct err *err)
{
	const struct settings *settings = agent->settings;
	const struct storage_options options = {
		.database = settings->database,
		.ring_dir = settings->ring_dir,
		.commit_events = settings->commit_events,
		.sync_full = strcmp(settings->sync, "full") == 0,
		.stored = tell_stored,
		.finished = tell_finished,
		.context = agent,
	};
	return storage_start(&options, &agent->storage, err);
}

static int start_sink(struct agent *agent, struct err *err)
{
	const struct settings *settings = agent->settings;
	const struct sink_host host = {.context = agent,
				       .fetch = fetch,
				       .fetch_deferred = fetch_deferred,
				       .settle = settle,
				       .fetch_asks = fetch_asks,
				       .settle_ask = settle_ask,
				       .report = report};
	const struct payi_sink_options options = {
		.base_url = settings->base_url,
		.api_key = settings->api_key,
		.api_key_file = settings->api_key_file,
		.ca_file = settings->ca_file,
		.allow_insecure = settings->allow_insecure,
		.batch_events = settings->batch_events,
		.batch_bytes = settings->batch_bytes,
		.batch_age_ms = settings->batch_age_ms,
		.in_flight = settings->in_flight,
		.timeout_s = settings->timeout_s,
	};
	int64_t position;
	int status = feed_open(settings->database, SINK_NAME, &agent->feed, err);
	if (!status)
		status = feed_position(agent->feed, &position, err);
	if (!status)
		status = payi_sink_new(&agent->loop, &options, &host, position, &agent->sink, err);
	if (!status)
		agent->metrics.sink = payi_sink_counters(agent->sink);
	return status;
}

static int start_server(struct agent *agent, struct err *err)
{
	const struct settings *settings = agent->settings;
	const struct server_host host = {
		.context = agent, .not_ready = not_ready, .metrics = write_metrics};
	char path[4096];
	snprintf(path, sizeof(path), "%s/agent.sock", settings->data_dir);
	const struct server_options options = {
		.socket_path = path,
		.listen = settings->http_listen,
		.allow_remote = settings->http_allow_remote,
		.token_file = settings->http_token_file,
		.host = settings->http_host,
		.database = settings->database,
		.ring_dir = settings->ring_dir,
	};
	agent->metrics = (struct metrics){
		.storage = storage_counters(agent->storage),
		.started_us = clock_wall_us(),
	};
	return server_open(&agent->loop, &options, &host, &agent->server, err);
}

static int start(struct agent *agent, struct err *err)
{
	int status = make_directories(agent->settings->data_dir, err);
	if (!status)
		status = lock_data(agent, err);
	if (!status)
		status = start_storage(agent, err);
	if (!status)
		status = start_server(agent, err);
	if (!status)
		status = start_sink(agent, err);
	if (!status) {
		uv_signal_start(&agent->terminate, on_signal, SIGTERM);
		uv_signal_start(&agent->interrupt, on_signal, SIGINT);
	}
	return status;
}

/* ---- Ending --------------------------------------------------------------------------------------- */

static void close_handle(uv_handle_t *handle, void *context)
{
	(void)context;
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

/* With libuv's handlers go, signals would kill again; what is left to do is short, and is done in order. */
static void block_signals(void)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
}

/* Nobody reads the counters of the parts any more, when those go. */
static void close_server(struct agent *agent)
{
	server_close(agent->server);
	while (!server_is_closed(agent->server))
		uv_run(&agent->loop, UV_RUN_ONCE);
	server_free(agent->server);
	agent->server = NULL;
}

/* The storage is stopped last: what the sink settled in its last moments is written. */
static void end(struct agent *agent)
{
	block_signals();
	close_server(agent);
	payi_sink_free(agent->sink);
	agent->sink = NULL;
	if (agent->storage)
		storage_stop(agent->storage);
	feed_close(agent->feed);
	uv_walk(&agent->loop, close_handle, NULL);
	uv_run(&agent->loop, UV_RUN_DEFAULT);
	uv_loop_close(&agent->loop);
	if (agent->data_lock >= 0)
		close(agent->data_lock);
}

int agent_run(const struct settings *settings, struct err *err)
{
	struct agent agent = {.settings = settings, .data_lock = -1};
	sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
	open_loop(&agent);
	const int status = start(&agent, err);
	if (!status) {
		log_info("agent is ready", LOG_STR("rings", settings->ring_dir),
			 LOG_STR("database", settings->database), LOG_INT("pid", getpid()),
			 LOG_END);
		uv_run(&agent.loop, UV_RUN_DEFAULT);
	}
	end(&agent);
	if (!status)
		log_info("agent has ended", LOG_END);
	return status;
}
