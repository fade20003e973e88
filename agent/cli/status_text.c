#include "cli/status_text.h"

#include "base/human.h"
#include "cli/colour.h"
#include "cli/display.h"
#include "cli/table.h"
#include "history/status.h"

#include <string.h>

/* A line's heading, and spaces up to where its text begins. */
static void add_heading(struct buf *out, const char *heading)
{
	buf_addf(out, "%-10s ", heading);
}

static void add_bytes(struct buf *out, int64_t bytes)
{
	char text[HUMAN_BYTES];
	buf_add_str(out, human_bytes(bytes, text));
}

static void add_duration(struct buf *out, int64_t us)
{
	char text[HUMAN_BYTES];
	buf_add_str(out, human_duration(us, text));
}

static void add_ago(struct buf *out, int64_t now_us, int64_t then_us)
{
	add_duration(out, now_us - then_us);
	buf_add_str(out, " ago");
}

/* ---- Parts ---------------------------------------------------------------------------------------- */

static void add_agent(const struct status_agent *agent, const struct colour *colour,
		      struct buf *out)
{
	add_heading(out, "Agent");
	if (*agent->note)
		display_add(out, agent->note);
	else
		buf_addf(out, "%s%s%s", agent->runs ? colour->good : colour->bad,
			 agent->runs ? "runs" : "does not run", colour->end);
	if (agent->runs && *agent->who) {
		buf_add_str(out, " (");
		display_add(out, agent->who);
		buf_add_char(out, ')');
	}
	if (agent->heartbeat_us >= 0) {
		buf_add_str(out, agent->runs ? ", looked at the rings "
					     : ", somebody last looked at the rings ");
		add_ago(out, agent->heartbeat_us, 0);
	}
	if (!agent->runs && !*agent->note)
		buf_add_str(out, "; `payi-agent run` starts it. What is tracked meanwhile waits in "
				 "the rings");
	buf_add_char(out, '\n');
}

static void add_configuration(const char *trouble, struct buf *out)
{
	if (!*trouble)
		return;
	add_heading(out, "Settings");
	buf_add_str(out, "NOT IN FORCE, the agent goes on with those it had: ");
	display_add(out, trouble);
	buf_add_char(out, '\n');
}

static void add_wal(const struct status *status, const struct colour *colour, struct buf *out)
{
	if (!status->has_database || status->wal_bytes <= WAL_LARGE_BYTES)
		return;
	add_heading(out, "");
	buf_addf(out, "%sTHE WAL GROWS%s: ", colour->bad, colour->end);
	if (*status->wal_holder)
		display_add(out, status->wal_holder);
	else
		buf_add_str(out, status->agent.runs ? "somebody"
						    : "no agent runs to empty it, or somebody");
	buf_add_str(out, " reads the database in a transaction that does not end; end it\n");
}

static void add_database(const struct status *status, const struct colour *colour, struct buf *out)
{
	add_heading(out, "Database");
	display_add(out, status->database);
	if (status->has_database) {
		buf_add_str(out, ", ");
		add_bytes(out, status->database_bytes);
		buf_add_str(out, ", its WAL ");
		add_bytes(out, status->wal_bytes);
	} else {
		buf_add_str(out, ": there is none yet; `payi-agent run` creates it");
	}
	buf_add_char(out, '\n');
	add_wal(status, colour, out);
}

static void add_count(struct buf *out, const char *before, int64_t count)
{
	buf_add_str(out, before);
	display_add_int(out, count, true);
}

static void add_books(const struct status *status, const struct colour *colour, struct buf *out)
{
	const struct books *books = &status->books;
	add_heading(out, "Books");
	add_count(out, "tracked ", books->records + status->in_rings);
	add_count(out, " = stored ", books->stored);
	add_count(out, " + in rings ", status->in_rings);
	if (books->notices)
		add_count(out, " + about use cases ", books->notices);
	add_count(out, " + rejected ", books->rejected);
	buf_add_char(out, '\n');
	add_heading(out, "");
	add_count(out, "refused at the call ", books->refused);
	add_count(out, ", dropped: ring full ", books->dropped_full);
	add_count(out, ", too big ", books->dropped_too_big);
	add_count(out, ", lanes busy ", books->dropped_busy);
	add_count(out, "; killed in the call ", books->interrupted);
	buf_add_char(out, '\n');
	add_heading(out, "");
	if (status->unbalanced)
		buf_addf(out, "%sNOT BALANCED%s: %s\n", colour->bad, colour->end,
			 status->unbalanced);
	else
		buf_addf(out, "%sbalanced%s\n", colour->good, colour->end);
}

static void add_sink_times(const struct books_sink *sink, int64_t now_us, struct buf *out)
{
	if (sink->last_success_us) {
		buf_add_str(out, ", last success ");
		add_ago(out, now_us, sink->last_success_us);
	}
	if (sink->next_try_us > now_us) {
		buf_add_str(out, ", next try in ");
		add_duration(out, sink->next_try_us - now_us);
	}
	if (sink->oldest_us) {
		buf_add_str(out, ", the oldest event has waited ");
		add_duration(out, now_us - sink->oldest_us);
	}
}

static void add_sink(const struct books_sink *sink, int64_t now_us, struct buf *out)
{
	buf_addf(out, "Sink %-5s ", sink->name);
	display_add(out, sink->state);
	add_sink_times(sink, now_us, out);
	buf_add_char(out, '\n');
	add_heading(out, "");
	add_count(out, "stored ", sink->stored);
	add_count(out, " = delivered ", sink->delivered);
	add_count(out, " + waiting ", sink->waiting);
	add_count(out, " + deferred ", sink->deferred);
	if (sink->held)
		add_count(out, " + waits for ids ", sink->held);
	add_count(out, " + dead ", sink->dead);
	if (sink->discarded)
		add_count(out, " + discarded ", sink->discarded);
	buf_add_char(out, '\n');
	if (!*sink->last_error)
		return;
	add_heading(out, "");
	buf_add_str(out, "last error ");
	add_ago(out, now_us, sink->last_error_us);
	buf_add_str(out, ": ");
	display_add(out, sink->last_error);
	buf_add_char(out, '\n');
}

/* ---- Retention ------------------------------------------------------------------------------------ */

static const char *gone_words(const char *what)
{
	static const struct {
		const char *what;
		const char *words;
	} all[] = {{"events", "settled events"},
		   {"undelivered", "UNDELIVERED events"},
		   {"dead", "dead letters"},
		   {"bodies", "bodies of events"},
		   {"instances", "use case instances"}};
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (strcmp(all[i].what, what) == 0)
			return all[i].words;
	return what;
}

static const char *gone_reason(const char *reason)
{
	if (strcmp(reason, "bytes") == 0)
		return "for the database's bound";
	return strcmp(reason, "disk") == 0 ? "for want of room on the disk" : "by age";
}

static void add_retention(const struct status *status, struct buf *out)
{
	for (int i = 0; i < status->n_gone; i++) {
		const struct status_gone *gone = &status->gone[i];
		add_heading(out, i ? "" : "Removed");
		display_add_int(out, gone->n, true);
		buf_addf(out, " %s %s, last ", gone_words(gone->what), gone_reason(gone->reason));
		add_ago(out, status->now_us, gone->last_us);
		buf_add_char(out, '\n');
	}
}

/* ---- Rings ---------------------------------------------------------------------------------------- */

static const struct history_column ring_columns[] = {
	{"app", "APP", HISTORY_TEXT, 1},        {"pid", "PID", HISTORY_INT, 1},
	{"state", "STATE", HISTORY_TEXT, 1},    {"lag", "WAITING", HISTORY_INT, 1},
	{"bytes", "BYTES", HISTORY_INT, 1},     {"stored", "READ", HISTORY_INT, 1},
	{"dropped", "DROPPED", HISTORY_INT, 1}, {"refused", "REFUSED", HISTORY_INT, 1},
	{"note", "NOTE", HISTORY_TEXT, 2},
};

static void add_cell(struct buf *cells, const char *text)
{
	display_add(cells, text);
	buf_add_char(cells, '\0');
}

static void add_number_cell(struct buf *cells, int64_t number, bool grouped)
{
	display_add_int(cells, number, grouped);
	buf_add_char(cells, '\0');
}

static void add_ring(const struct status_ring *ring, bool grouped, struct buf *cells)
{
	const struct books_ring *stored = &ring->stored;
	add_cell(cells, stored->app_name);
	add_number_cell(cells, stored->pid, false);
	add_cell(cells, status_ring_word(ring));
	add_number_cell(cells, ring->lag_events, grouped);
	add_number_cell(cells, ring->lag_bytes, grouped);
	add_number_cell(cells, stored->records, grouped);
	add_number_cell(cells,
			stored->dropped_full + stored->dropped_too_big + stored->dropped_busy,
			grouped);
	add_number_cell(cells, stored->refused, grouped);
	add_cell(cells, *ring->note ? ring->note : stored->reason);
}

void status_text_rings(const struct status *status, const struct format_options *options, int first,
		       int n, struct buf *out)
{
	struct buf cells = BUF_INIT;
	struct table table = {.columns = ring_columns,
			      .n_columns = sizeof(ring_columns) / sizeof(ring_columns[0]),
			      .colour = options->colour};
	for (int i = first; i < status->n_rings && i < first + n; i++)
		add_ring(&status->ring[i], options->terminal, &cells);
	table_add_rows(&table, out, &cells, options->width);
	out->failed |= cells.failed;
	buf_release(&cells);
}

static void add_rings(const struct status *status, const struct format_options *options,
		      struct buf *out)
{
	add_heading(out, "Rings");
	display_add(out, status->ring_dir);
	buf_addf(out, ", %d of living or recent processes", status->n_rings);
	add_count(out, "; closed before: ", status->books.rings_closed);
	buf_add_char(out, '\n');
	if (!status->n_rings)
		return;
	buf_add_char(out, '\n');
	status_text_rings(status, options, 0, status->n_rings, out);
}

void status_text(const struct status *status, const struct format_options *options, struct buf *out)
{
	add_agent(&status->agent, options->colour, out);
	add_configuration(status->configuration, out);
	add_database(status, options->colour, out);
	add_books(status, options->colour, out);
	for (int i = 0; i < status->n_sinks; i++)
		add_sink(&status->sink[i], status->now_us, out);
	add_retention(status, out);
	add_rings(status, options, out);
}
