#include "metrics.h"

#include "base/exposition.h"
#include "history/status.h"
#include "intake.h"
#include "payi/payi.h"
#include "reload.h"
#include "sink/counters.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define COUNTER EXPOSITION_COUNTER
#define GAUGE   EXPOSITION_GAUGE

/* ---- The process ---------------------------------------------------------------------------------- */

static int64_t resident_bytes(void)
{
	char text[64] = "";
	char *rest = text;
	FILE *statm = fopen("/proc/self/statm", "re");
	if (!statm)
		return 0;
	if (!fgets(text, sizeof(text), statm))
		text[0] = '\0';
	fclose(statm);
	(void)strtoll(text, &rest, 10); /* the whole size is the first number */
	return strtoll(rest, NULL, 10) * sysconf(_SC_PAGESIZE);
}

static int64_t time_us(struct timeval time)
{
	return (int64_t)time.tv_sec * 1000000 + time.tv_usec;
}

/* Each ring is one, and when there are none left new processes' rings are not opened. */
static void write_descriptors(struct buf *out)
{
	int64_t n = 0;
	struct rlimit limit = {0};
	DIR *dir = opendir("/proc/self/fd");
	while (dir && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	getrlimit(RLIMIT_NOFILE, &limit);
	exposition_one(out, "process_open_fds", GAUGE, "Descriptors that are open.",
		       n > 3 ? n - 3 : 0); /* without . and .. and the one that looks */
	exposition_one(out, "process_max_fds", GAUGE, "Descriptors that may be open.",
		       (int64_t)limit.rlim_cur);
}

static void write_process(const struct metrics *metrics, struct buf *out)
{
	struct rusage usage = {0};
	getrusage(RUSAGE_SELF, &usage);
	exposition_family(out, "payi_agent_build_info", GAUGE,
			  "The version of the agent; always 1.");
	exposition_int(out, "payi_agent_build_info", "version", payi_version(), 1);
	exposition_family(out, "process_start_time_seconds", GAUGE,
			  "When the process started, in seconds since 1970.");
	exposition_seconds(out, "process_start_time_seconds", metrics->started_us);
	exposition_family(out, "process_cpu_seconds_total", COUNTER, "CPU time that was used.");
	exposition_seconds(out, "process_cpu_seconds_total",
			   time_us(usage.ru_utime) + time_us(usage.ru_stime));
	write_descriptors(out);
	exposition_one(out, "process_resident_memory_bytes", GAUGE, "Memory that is resident.",
		       resident_bytes());
}

/* ---- The configuration ---------------------------------------------------------------------------- */

static void write_reload(const struct reload *reload, struct buf *out)
{
	static const char reloads[] = "payi_agent_config_reloads_total";
	static const char taken[] = "payi_agent_config_last_reload_success_timestamp_seconds";
	exposition_one(out, "payi_agent_config_last_reload_success", GAUGE,
		       "1: the configuration that was read last is in force.",
		       !counter_read(&reload->refused));
	exposition_family(out, taken, GAUGE,
			  "When the configuration in force was read, in seconds since 1970.");
	exposition_seconds(out, taken, (int64_t)counter_read(&reload->read_us));
	exposition_family(out, reloads, COUNTER,
			  "Times that the configuration was read again, since the start.");
	exposition_int(out, reloads, "result", "accepted",
		       (int64_t)counter_read(&reload->accepted));
	exposition_int(out, reloads, "result", "rejected",
		       (int64_t)counter_read(&reload->rejected));
}

/* ---- Rings and the store -------------------------------------------------------------------------- */

static void write_rings(const struct status *status, struct buf *out)
{
	static const char *const words[] = {"live", "new", "ending", "aside", "gone", "unreadable"};
	int64_t bytes = 0;
	for (int i = 0; i < status->n_rings; i++)
		bytes += status->ring[i].lag_bytes;
	exposition_family(out, "payi_agent_rings", GAUGE, "Rings by what they are doing.");
	for (size_t word = 0; word < sizeof(words) / sizeof(words[0]); word++) {
		int64_t n = 0;
		for (int i = 0; i < status->n_rings; i++)
			n += strcmp(status_ring_word(&status->ring[i]), words[word]) == 0;
		exposition_int(out, "payi_agent_rings", "state", words[word], n);
	}
	exposition_one(out, "payi_agent_rings_closed_total", COUNTER,
		       "Rings whose process has ended and whose events are all stored.",
		       status->books.rings_closed);
	exposition_one(out, "payi_agent_ring_backlog_bytes", GAUGE,
		       "Bytes in rings that are not stored yet.", bytes);
	exposition_one(out, "payi_agent_ring_backlog_events", GAUGE,
		       "Events in rings that are not stored yet.", status->in_rings);
}

static void write_books(const struct status *status, struct buf *out)
{
	const struct books *books = &status->books;
	exposition_one(out, "payi_agent_events_tracked_total", COUNTER,
		       "Events that applications tracked.", books->records + status->in_rings);
	exposition_one(out, "payi_agent_events_stored_total", COUNTER, "Events that were stored.",
		       books->stored);
	exposition_one(out, "payi_agent_events_rejected_total", COUNTER,
		       "Records of rings that are no valid events.", books->rejected);
	exposition_one(out, "payi_agent_events_refused_total", COUNTER,
		       "Events that libpayi refused at the call.", books->refused);
	exposition_one(out, "payi_agent_events_interrupted_total", COUNTER,
		       "Events whose process was killed in the middle of the call.",
		       books->interrupted);
	exposition_family(out, "payi_agent_events_dropped_total", COUNTER,
			  "Events that found no room, by reason.");
	exposition_int(out, "payi_agent_events_dropped_total", "reason", "full",
		       books->dropped_full);
	exposition_int(out, "payi_agent_events_dropped_total", "reason", "too_big",
		       books->dropped_too_big);
	exposition_int(out, "payi_agent_events_dropped_total", "reason", "busy",
		       books->dropped_busy);
	exposition_one(out, "payi_agent_books_balanced", GAUGE,
		       "1: the accounts add up, from tracked to delivered.", !status->unbalanced);
}

/* A family per kind of thing that goes; they come in that order. */
static void write_retention(const struct status *status, struct buf *out)
{
	char name[64] = "";
	for (int i = 0; i < status->n_gone; i++) {
		const struct status_gone *gone = &status->gone[i];
		if (i == 0 || strcmp(gone->what, status->gone[i - 1].what) != 0) {
			snprintf(name, sizeof(name), "payi_agent_retention_%s_total", gone->what);
			exposition_family(
				out, name, COUNTER,
				"What retention has taken out of the database, by reason.");
		}
		exposition_int(out, name, "reason", gone->reason, gone->n);
	}
}

static void write_storage(const struct intake_counters *storage, struct buf *out)
{
	exposition_one(out, "payi_agent_transactions_total", COUNTER,
		       "Transactions that were committed, since the start.",
		       (int64_t)counter_read(&storage->commits));
	exposition_one(out, "payi_agent_transaction_failures_total", COUNTER,
		       "Transactions that failed and were tried again, since the start.",
		       (int64_t)counter_read(&storage->failures));
	exposition_one(out, "payi_agent_store_failing", GAUGE,
		       "1: the last transaction failed; rings keep their events.",
		       (int64_t)counter_read(&storage->failing));
	exposition_one(
		out, "payi_agent_database_wal_held", GAUGE,
		"1: a transaction that does not end keeps the write-ahead log from being emptied.",
		(int64_t)counter_read(&storage->wal_is_held));
	exposition_family(out, "payi_agent_drain_seconds", EXPOSITION_HISTOGRAM,
			  "Time to read rings into a transaction.");
	exposition_histogram(out, "payi_agent_drain_seconds", &storage->take);
	exposition_family(out, "payi_agent_commit_seconds", EXPOSITION_HISTOGRAM,
			  "Time of a whole transaction, until it is on disk.");
	exposition_histogram(out, "payi_agent_commit_seconds", &storage->commit);
}

static void write_database(const struct status *status, struct buf *out)
{
	exposition_one(out, "payi_agent_database_bytes", GAUGE, "Size of the database.",
		       status->database_bytes);
	exposition_one(out, "payi_agent_database_wal_bytes", GAUGE,
		       "Size of the database's write-ahead log.", status->wal_bytes);
	exposition_one(out, "payi_agent_database_readable", GAUGE,
		       "1: the accounts here could be read from the database.",
		       status->has_database);
}

/* ---- The sink ------------------------------------------------------------------------------------- */

static void write_sink_books(const struct status *status, const struct books_sink *sink,
			     struct buf *out)
{
	const int64_t age_us = sink->oldest_us ? status->now_us - sink->oldest_us : 0;
	exposition_one(out, "payi_agent_sink_delivered_total", COUNTER,
		       "Events that the service has.", sink->delivered);
	exposition_family(out, "payi_agent_sink_events", GAUGE,
			  "Stored events that are not delivered, by what they wait for.");
	exposition_int(out, "payi_agent_sink_events", "state", "waiting", sink->waiting);
	exposition_int(out, "payi_agent_sink_events", "state", "deferred", sink->deferred);
	exposition_int(out, "payi_agent_sink_events", "state", "held", sink->held);
	exposition_int(out, "payi_agent_sink_events", "state", "dead", sink->dead);
	exposition_one(out, "payi_agent_sink_discarded_total", COUNTER,
		       "Events that were refused for good, and dropped by the operator.",
		       sink->discarded);
	exposition_family(out, "payi_agent_sink_oldest_event_age_seconds", GAUGE,
			  "Age of the oldest event that waits to be delivered; 0: none does.");
	exposition_seconds(out, "payi_agent_sink_oldest_event_age_seconds",
			   age_us > 0 ? age_us : 0);
	exposition_family(out, "payi_agent_sink_last_success_timestamp_seconds", GAUGE,
			  "When the service last took a request; 0: never.");
	exposition_seconds(out, "payi_agent_sink_last_success_timestamp_seconds",
			   sink->last_success_us);
	exposition_family(out, "payi_agent_sink_state", GAUGE, "What the sink is doing; always 1.");
	exposition_int(out, "payi_agent_sink_state", "state", sink->state, 1);
}

static void write_requests(const struct sink_counters *sink, struct buf *out)
{
	static const char *const ends[] = {
#define X(name, text) [SINK_END_##name] = (text),
		SINK_ENDS(X)
#undef X
	};
	exposition_family(out, "payi_agent_sink_requests_total", COUNTER,
			  "Requests to the service by how they ended, since the start.");
	for (int i = 0; i < SINK_N_ENDS; i++)
		exposition_int(out, "payi_agent_sink_requests_total", "outcome", ends[i],
			       (int64_t)counter_read(&sink->requests[i]));
	exposition_family(out, "payi_agent_sink_responses_total", COUNTER,
			  "Answers by HTTP status, since the start; 0: there was none.");
	for (int code = 0; code < SINK_CODES; code++) {
		char text[16];
		const int64_t n = (int64_t)counter_read(&sink->codes[code]);
		snprintf(text, sizeof(text), "%d", code);
		if (n > 0 || code == 0 || code == 200)
			exposition_int(out, "payi_agent_sink_responses_total", "code", text, n);
	}
	exposition_one(out, "payi_agent_sink_retries_total", COUNTER,
		       "Requests that were sent again as they were, since the start.",
		       (int64_t)counter_read(&sink->retries));
	exposition_family(out, "payi_agent_sink_request_seconds", EXPOSITION_HISTOGRAM,
			  "Time from sending a request to its answer.");
	exposition_histogram(out, "payi_agent_sink_request_seconds", &sink->answer);
}

static void write_items(const struct sink_counters *sink, struct buf *out)
{
	static const char name[] = "payi_agent_sink_items_total";
	exposition_family(out, name, COUNTER,
			  "Events by how the service's answers settled them, since the start.");
	exposition_int(out, name, "outcome", "delivered", (int64_t)counter_read(&sink->delivered));
	exposition_int(out, name, "outcome", "deferred", (int64_t)counter_read(&sink->deferred));
	exposition_int(out, name, "outcome", "dead", (int64_t)counter_read(&sink->dead));
}

void metrics_write(const struct metrics *metrics, const struct status *status, struct buf *out)
{
	write_process(metrics, out);
	write_reload(metrics->reload, out);
	write_storage(metrics->storage, out);
	write_requests(metrics->sink, out);
	write_items(metrics->sink, out);
	write_database(status, out);
	if (!status->has_database)
		return;
	write_rings(status, out);
	write_books(status, out);
	write_retention(status, out);
	for (int i = 0; i < status->n_sinks; i++)
		write_sink_books(status, &status->sink[i], out);
}
