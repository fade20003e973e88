/*
 * Life of an agent, and what ends which part of it:
 *
 *     start ──> serve ──signal──> rings stored ──> sink flushed ──> storage stopped ──> end
 *                                 (bounded by what is in the rings)  (shutdown_flush_s)
 *
 * A database that is found to be damaged is set aside at the start of a life; so when that happens while one is
 * being lived, the agent ends that life and begins another, and the rings keep what comes meanwhile.
 *
 * Locks come first: the data directory's before the database is opened, the ring directory's before a
 * ring is read. The parts speak through the small functions below and know nothing of each other.
 */
#include "agent.h"

#include "base/clock.h"
#include "base/lock_file.h"
#include "base/log.h"
#include "base/memory.h"
#include "http/server.h"
#include "keeping.h"
#include "metrics.h"
#include "options.h"
#include "order.h"
#include "reload.h"
#include "settings.h"
#include "sink/payi/payi_sink.h"
#include "storage.h"
#include "store/feed.h"
#include "store/set_aside.h"
#include "surroundings.h"
#include "watch.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include <uv.h>

#define SINK_NAME "payi"

enum {
	LOOKED_US_MAX = 15000000, /* since the last look at the rings; they are due every 2 s */
	DAMAGE_STRIKES = 2,       /* a page read wrongly once may be read well the next time */
	DESCRIPTORS = 20000,
	LIVES_MAX = 3, /* databases damaged in one process: it is not the databases */
};

/* What outlasts a life. */
struct process {
	struct settings *settings;
	struct watch *watch;
	struct reload reload;
};

struct agent {
	struct process *process;
	const struct settings *settings; /* the process's */
	const struct err *damage;        /* that ended the last life; NULL: none */
	uv_loop_t loop;
	bool loop_is_open;
	uv_signal_t terminate;
	uv_signal_t interrupt;
	uv_signal_t hangup;
	uv_async_t looked;        /* the storage thread has looked at the rings */
	uv_async_t stored;        /* the storage thread has committed what a sink may want */
	uv_async_t finished;      /* the storage thread has emptied the rings */
	uv_async_t lost;          /* the storage thread cannot write to the database any more */
	struct err storage_error; /* why; written before lost is sent */
	int data_lock;
	struct storage *storage;
	struct feed *feed;
	struct payi_sink *sink;
	struct server *server;
	struct metrics metrics;
	const char *sink_state;
	bool serving; /* all of it has started */
	bool stopping;
	bool hurrying; /* a second signal came, or the database is lost */
	bool is_lost;
	struct err lost_why;
	int strikes; /* findings of damage by our reader, since it last read events */
};

/* ---- When the database is lost -------------------------------------------------------------------- */

static void sink_stopped(void *context)
{
	struct agent *agent = context;
	uv_stop(&agent->loop);
}

/* Ends this life, from the loop's thread; what the sink does not settle any more it will send again. */
static void lose(struct agent *agent, const struct err *err)
{
	if (agent->is_lost)
		return;
	agent->is_lost = agent->hurrying = true;
	agent->lost_why = *err;
	payi_sink_stop(agent->sink, 0, sink_stopped, agent);
}

static void on_lost(uv_async_t *async)
{
	struct agent *agent = async->data;
	lose(agent, &agent->storage_error);
}

/* ---- The sink's host ------------------------------------------------------------------------------ */

/* Trouble with the reader's connection costs a try: the sink asks again. */
static int report_fetch(struct agent *agent, int status, const struct err *err)
{
	agent->strikes += status == ERR_CORRUPT;
	if (status < 0)
		log_error("cannot read what to send", LOG_STR("error", err->text), LOG_END);
	if (agent->strikes == DAMAGE_STRIKES)
		lose(agent, err);
	return status;
}

static int fetch(void *context, int64_t after_id, int limit, sink_take_fn *take, void *taker)
{
	struct agent *agent = context;
	struct err err;
	const int status = report_fetch(
		agent, feed_each(agent->feed, after_id, limit, take, taker, &err), &err);
	/* Of all that we read this is the most; what else can be read says nothing of it. */
	if (status >= 0)
		agent->strikes = 0;
	return status;
}

static int fetch_deferred(void *context, int64_t now_us, int64_t after_id, int limit,
			  sink_take_fn *take, void *taker)
{
	struct agent *agent = context;
	struct err err;
	return report_fetch(
		agent, feed_each_deferred(agent->feed, now_us, after_id, limit, take, taker, &err),
		&err);
}

static int newest(void *context, int64_t *event, int64_t *instance)
{
	struct agent *agent = context;
	struct err err;
	return report_fetch(agent, feed_newest(agent->feed, event, instance, &err), &err);
}

static void settle(void *context, const struct sink_settlement *settlement)
{
	struct agent *agent = context;
	struct sink_settlement named = *settlement;
	named.sink = SINK_NAME;
	storage_settle(agent->storage, &named);
}

static uint64_t n_committed(void *context)
{
	const struct agent *agent = context;
	return storage_settlements(agent->storage);
}

static int fetch_asks(void *context, int64_t now_us, int limit, sink_take_ask_fn *take, void *taker)
{
	struct agent *agent = context;
	struct err err;
	return report_fetch(agent, feed_asks(agent->feed, now_us, limit, take, taker, &err), &err);
}

static void settle_ask(void *context, const struct sink_ask_outcome *outcome)
{
	struct agent *agent = context;
	storage_settle_ask(agent->storage, outcome);
}

static void report(void *context, const struct sink_report *report)
{
	struct agent *agent = context;
	agent->sink_state = report->state;
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

static void tell_lost(void *context, const struct err *err)
{
	struct agent *agent = context;
	agent->storage_error = *err;
	uv_async_send(&agent->lost);
}

static void tell_looked(void *context)
{
	uv_async_send(&((struct agent *)context)->looked);
}

static void on_looked(uv_async_t *async)
{
	const struct agent *agent = async->data;
	const struct settings *settings = agent->settings;
	if (!agent->serving)
		return; /* a later part could not start, and the loop runs only to end */
	log_info("agent is ready", LOG_STR("rings", settings->ring_dir),
		 LOG_STR("database", settings->database), LOG_INT("pid", getpid()), LOG_END);
	if (!agent->stopping)
		watch_ready(agent->process->watch);
}

static void on_stored(uv_async_t *async)
{
	struct agent *agent = async->data;
	if (agent->sink)
		payi_sink_wake(agent->sink);
}

static void on_finished(uv_async_t *async)
{
	struct agent *agent = async->data;
	if (agent->hurrying)
		return; /* the sink was stopped already, and may be gone */
	const int64_t flush_ms = agent->settings->shutdown_flush_s * 1000;
	log_info("rings are stored; flushing", LOG_END);
	watch_flushing(agent->process->watch, flush_ms);
	payi_sink_stop(agent->sink, flush_ms, sink_stopped, agent);
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
	watch_stopping(agent->process->watch);
	storage_finish(agent->storage);
}

/* ---- A new configuration ---------------------------------------------------------------------------- */

/* The data directory's lock tells who we are, and that our settings are not those of the files: for status. */
static void tell_lock(const struct agent *agent)
{
	char who[LOCK_FILE_WHO_BYTES];
	char note[LOCK_FILE_WHO_BYTES] = "";
	struct err err;
	const struct reload *reload = &agent->process->reload;
	snprintf(who, sizeof(who), "pid %ld, rings in %.400s", (long)getpid(),
		 agent->settings->ring_dir);
	if (counter_read(&reload->refused))
		snprintf(note, sizeof(note), "%s", reload->why.text);
	if (lock_file_tell(agent->data_lock, who, note, &err))
		log_warn("cannot tell status of the configuration", LOG_STR("error", err.text),
			 LOG_END);
}

static void on_hangup(uv_signal_t *handle, int number)
{
	(void)number;
	struct agent *agent = handle->data;
	struct process *process = agent->process;
	if (agent->stopping || agent->hurrying)
		return;
	watch_reloading(process->watch);
	const struct reload_parts parts = {agent->sink, agent->storage};
	reload_settings(&process->reload, process->settings, &parts);
	tell_lock(agent);
	watch_ready(process->watch);
}

/* ---- The watch's host -------------------------------------------------------------------------------- */

static bool gets_on(void *context)
{
	const struct agent *agent = context;
	return storage_gets_on(agent->storage, clock_boot_us());
}

static uint64_t progress(void *context)
{
	const struct agent *agent = context;
	return counter_read(&storage_counters(agent->storage)->commits);
}

static const char *not_ready(void *context);

static void describe(void *context, struct buf *line)
{
	struct agent *agent = context;
	const struct sink_counters *sink = payi_sink_counters(agent->sink);
	const struct reload *reload = &agent->process->reload;
	const char *trouble = not_ready(agent);
	buf_addf(line,
		 "%s; events since the start: %llu stored, %llu delivered, %llu refused; the sink "
		 "is %s",
		 trouble ? trouble : "drains and stores",
		 (unsigned long long)counter_read(&storage_counters(agent->storage)->events),
		 (unsigned long long)counter_read(&sink->delivered),
		 (unsigned long long)counter_read(&sink->dead),
		 agent->sink_state ? agent->sink_state : "starting");
	if (counter_read(&reload->refused))
		buf_addf(line, "; the configuration is wrong and not in force: %s",
			 reload->why.text);
}

/* ---- The local HTTP's host -------------------------------------------------------------------------- */

/* A disk that hangs keeps the storage thread from looking at the rings at all. */
static const char *not_ready(void *context)
{
	const struct agent *agent = context;
	const struct intake_counters *counters = storage_counters(agent->storage);
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

static int order(void *context, const struct server_order *what, int64_t *n, struct err *err)
{
	const struct agent *agent = context;
	struct order *order = NULL;
	int status = order_new(SINK_NAME, what->action, what->filter, &order, err);
	if (!status)
		status = storage_order(agent->storage, order, err);
	if (!status)
		status = order_wait(order, what->must_stop, what->stop_context, n, err);
	order_release(order);
	return status;
}

/* ---- Starting ------------------------------------------------------------------------------------- */

static int lock_data(struct agent *agent, struct err *err)
{
	char path[4096];
	const char *data_dir = agent->settings->data_dir;
	if (snprintf(path, sizeof(path), "%s/agent.lock", data_dir) >= (int)sizeof(path))
		return err_set(err, ERR_CONFIG, "the data directory's path is too long");
	const int status = lock_file_take(path, "", &agent->data_lock, err);
	if (!status)
		tell_lock(agent);
	return status;
}

static int open_loop(struct agent *agent, struct err *err)
{
	int error = uv_loop_init(&agent->loop);
	if (error)
		return err_set(err, ERR_SYSTEM, "cannot make an event loop: %s",
			       uv_strerror(error));
	agent->loop_is_open = true;
	agent->terminate.data = agent->interrupt.data = agent->hangup.data = agent;
	agent->looked.data = agent->stored.data = agent->finished.data = agent->lost.data = agent;
	error = uv_signal_init(&agent->loop, &agent->terminate);
	if (!error)
		error = uv_signal_init(&agent->loop, &agent->interrupt);
	if (!error)
		error = uv_signal_init(&agent->loop, &agent->hangup);
	if (!error)
		error = uv_async_init(&agent->loop, &agent->looked, on_looked);
	if (!error)
		error = uv_async_init(&agent->loop, &agent->stored, on_stored);
	if (!error)
		error = uv_async_init(&agent->loop, &agent->finished, on_finished);
	if (!error)
		error = uv_async_init(&agent->loop, &agent->lost, on_lost);
	return error ? err_set(err, ERR_SYSTEM, "cannot make an event loop: %s", uv_strerror(error))
		     : 0;
}

static int start_storage(struct agent *agent, struct err *err)
{
	const struct settings *settings = agent->settings;
	struct price_list *prices = NULL;
	int status = options_prices(settings, &prices, err);
	if (status)
		return status;
	const struct storage_options options = {
		.intake = {.database = settings->database,
			   .ring_dir = settings->ring_dir,
			   .commit_events = settings->commit_events,
			   .sync_full = strcmp(settings->sync, "full") == 0,
			   .prices = prices,
			   .retention = keeping_policy(settings)},
		.looked = tell_looked,
		.stored = tell_stored,
		.finished = tell_finished,
		.lost = tell_lost,
		.context = agent,
	};
	status = storage_start(&options, &agent->storage, err);
	free(prices);
	return status;
}

static int replace_database(const struct agent *agent, struct err *err)
{
	char name[4200];
	struct err why = *err;
	if (strcmp(agent->settings->corrupt_database, "refuse") == 0)
		return ERR_CORRUPT;
	const int status =
		set_aside(agent->settings->database, clock_wall_us(), name, sizeof(name), err);
	if (status)
		return status;
	log_error("the database is damaged; it was set aside, and a new one is begun. What it held "
		  "and was not sent yet is not sent",
		  LOG_STR("error", why.text), LOG_STR("set_aside", name), LOG_END);
	return 0;
}

/* Twice at the most: a new database cannot be damaged. */
static int start_storage_anyhow(struct agent *agent, struct err *err)
{
	int status = agent->damage ? ERR_CORRUPT : start_storage(agent, err);
	if (status != ERR_CORRUPT)
		return status;
	if (agent->damage)
		*err = *agent->damage;
	status = replace_database(agent, err);
	return status ? status : start_storage(agent, err);
}

static int start_sink(struct agent *agent, struct err *err)
{
	const struct settings *settings = agent->settings;
	const struct sink_host host = {.context = agent,
				       .fetch = fetch,
				       .fetch_deferred = fetch_deferred,
				       .newest = newest,
				       .settle = settle,
				       .n_committed = n_committed,
				       .fetch_asks = fetch_asks,
				       .settle_ask = settle_ask,
				       .report = report};
	const struct payi_sink_options options = options_of_sink(settings);
	int64_t position;
	int status = feed_open(settings->database, SINK_NAME, &agent->feed, err);
	if (!status)
		feed_ask_prices(agent->feed, settings->prices_from_service);
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
	const struct server_host host = {
		.context = agent, .not_ready = not_ready, .metrics = write_metrics, .order = order};
	char path[PATH_MAX];
	const struct server_options options = options_of_server(agent->settings, path);
	agent->metrics = (struct metrics){
		.storage = storage_counters(agent->storage),
		.reload = &agent->process->reload,
		.started_us = clock_wall_us(),
	};
	return server_open(&agent->loop, &options, &host, &agent->server, err);
}

/*
 * With libuv's handlers go, signals would kill again: they are held back while a life ends, since what is left to
 * do then is short; the next life gets them.
 */
static void mask_signals(int how)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	pthread_sigmask(how, &set, NULL);
}

static int start(struct agent *agent, struct err *err)
{
	int status = open_loop(agent, err);
	if (!status)
		status = surroundings_make_data_dir(agent->settings->data_dir, err);
	if (!status)
		status = lock_data(agent, err);
	if (!status)
		status = start_storage_anyhow(agent, err);
	if (!status)
		status = start_server(agent, err);
	if (!status)
		status = start_sink(agent, err);
	if (!status) {
		uv_signal_start(&agent->terminate, on_signal, SIGTERM);
		uv_signal_start(&agent->interrupt, on_signal, SIGINT);
		uv_signal_start(&agent->hangup, on_hangup, SIGHUP);
		mask_signals(SIG_UNBLOCK);
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

static void close_loop(uv_loop_t *loop)
{
	uv_walk(loop, close_handle, NULL);
	uv_run(loop, UV_RUN_DEFAULT);
	uv_loop_close(loop);
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

/*
 * The storage is stopped last: what the sink settled in its last moments is written. Its connection is the last
 * one, too, so that the WAL is moved into the database, and an agent that has ended leaves one file.
 */
static void end(struct agent *agent)
{
	mask_signals(SIG_BLOCK);
	close_server(agent);
	payi_sink_free(agent->sink);
	agent->sink = NULL;
	feed_close(agent->feed);
	if (agent->storage)
		storage_stop(agent->storage);
	if (agent->loop_is_open)
		close_loop(&agent->loop);
	if (agent->data_lock >= 0)
		close(agent->data_lock);
}

/* From start to end. lost is filled in when the database was lost meanwhile: code 0 when it was not. */
static int live(struct process *process, const struct err *damage, struct err *lost,
		struct err *err)
{
	struct agent agent = {.process = process,
			      .settings = process->settings,
			      .damage = damage,
			      .data_lock = -1};
	const struct watch_host host = {&agent, gets_on, progress, describe};
	const int status = start(&agent, err);
	if (!status) {
		watch_begin(process->watch, &agent.loop, &host);
		agent.serving = true;
		uv_run(&agent.loop, UV_RUN_DEFAULT);
	}
	end(&agent);
	*lost = agent.lost_why;
	if (agent.is_lost && agent.stopping && lost->code == ERR_CORRUPT)
		lost->code = 0; /* we were to end anyhow; the next agent finds the damage */
	return status;
}

/* Each ring is a descriptor, and shells allow few of them as a rule. */
static void allow_descriptors(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= DESCRIPTORS)
		return;
	limit.rlim_cur = limit.rlim_max < DESCRIPTORS ? limit.rlim_max : DESCRIPTORS;
	if (setrlimit(RLIMIT_NOFILE, &limit))
		log_warn("cannot raise the limit of descriptors", LOG_STR("error", strerror(errno)),
			 LOG_END);
}

/* A life after a damaged database is one with a new database. */
static int live_on(struct process *process, struct err *err)
{
	struct err lost = {0};
	struct err damage = {0};
	int status = 0;
	for (int lives = 0; lives < LIVES_MAX; lives++) {
		status = live(process, lives ? &damage : NULL, &lost, err);
		if (status || lost.code != ERR_CORRUPT)
			break;
		damage = lost;
	}
	if (!status && lost.code) {
		*err = lost;
		return lost.code;
	}
	if (!status)
		log_info("agent has ended", LOG_END);
	return status;
}

int agent_run(struct settings *settings, struct err *err)
{
	memory_await_in_libuv();
	surroundings_clean();
	allow_descriptors();
	sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
	struct process process = {.settings = settings, .watch = watch_new()};
	reload_init(&process.reload);
	const int status = live_on(&process, err);
	watch_free(process.watch);
	return status;
}
