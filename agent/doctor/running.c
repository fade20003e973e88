/* The agent itself: does one run, is it this directories' one, does it keep up, and do its books balance. */
#include "base/clock.h"
#include "base/human.h"
#include "base/lock_file.h"
#include "doctor/doctor_parts.h"
#include "history/status.h"
#include "settings.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* It looks at the rings every two seconds when nothing else makes it. */
enum { HEARTBEAT_US_MAX = 15000000 };

static const char about[] = "agent";

static void say_runs(struct doctor *doctor, const struct status_agent *agent, int64_t since_us)
{
	char since[CLOCK_TEXT_BYTES];
	char beat[HUMAN_BYTES];
	const bool late = agent->heartbeat_us > HEARTBEAT_US_MAX;
	doctor_say(doctor, late ? DOCTOR_FAILED : DOCTOR_OK, about,
		   "runs (%.60s) since %s, and looked at the rings %s ago", agent->who,
		   since_us ? clock_text(since_us, 0, since) : "a time unknown",
		   human_duration(agent->heartbeat_us, beat));
	if (late)
		doctor_advise(doctor, "it hangs: see its log, and whether the disk of %s answers",
			      doctor->settings->data_dir);
}

/* Two directories, one agent: of each there is a lock, and both must be the same agent's. */
static void compare_locks(struct doctor *doctor, const struct status_agent *agent,
			  const struct lock_file_holder *data)
{
	const struct settings *settings = doctor->settings;
	if (agent->runs && data->holds) {
		say_runs(doctor, agent, data->since_us);
	} else if (agent->runs) {
		doctor_say(doctor, DOCTOR_FAILED, about,
			   "one runs (%.60s) on these rings, but not on the data directory %s",
			   agent->who, settings->data_dir);
		doctor_advise(doctor,
			      "give the commands the agent's own --data-dir, or PAYI_DATA_DIR");
	} else if (data->holds) {
		doctor_say(doctor, DOCTOR_FAILED, about,
			   "one runs on the data directory (%.200s), but not on the rings in %s",
			   data->who, settings->ring_dir);
		doctor_advise(doctor, "give applications and agent the same PAYI_RING_DIR");
	} else {
		doctor_say(doctor, DOCTOR_WARNING, about,
			   "none runs; what is tracked waits in the rings");
		doctor_advise(doctor, "systemctl start payi-agent, or: payi-agent run");
	}
}

static void look_at_locks(struct doctor *doctor)
{
	char path[PATH_MAX];
	struct status_agent agent;
	struct lock_file_holder data = {0};
	struct err err = {0};
	const struct settings *settings = doctor->settings;
	snprintf(path, sizeof(path), "%s/agent.lock", settings->data_dir);
	status_read_agent(settings->ring_dir, &agent);
	if (*agent.note || lock_file_look(path, &data, &err) < 0) {
		doctor_say(doctor, DOCTOR_WARNING, about, "cannot tell whether it runs: %s",
			   *agent.note ? agent.note : err.text);
		doctor_advise(doctor, "run this as the agent's user");
		return;
	}
	compare_locks(doctor, &agent, &data);
}

/* ---- What it has done so far ------------------------------------------------------------------------ */

static void look_at_rings(struct doctor *doctor, const struct status *status)
{
	int aside = 0, unreadable = 0;
	const char *why = "";
	for (int i = 0; i < status->n_rings; i++) {
		const struct status_ring *ring = &status->ring[i];
		const bool is_aside = strcmp(ring->stored.state, "aside") == 0;
		aside += is_aside;
		unreadable += !is_aside && ring->has_file && *ring->note;
		if (is_aside || *ring->note)
			why = is_aside ? ring->stored.reason : ring->note;
	}
	if (aside) {
		doctor_say(doctor, DOCTOR_WARNING, "rings",
			   "%d put aside, which make no sense; of one: %.300s", aside, why);
		doctor_advise(doctor,
			      "another program wrote to them, or memory is bad; their files "
			      "are kept in %s for a look, and may be removed",
			      status->ring_dir);
	}
	if (unreadable) {
		doctor_say(doctor, DOCTOR_WARNING, "rings", "%d cannot be read: %.300s", unreadable,
			   why);
		doctor_advise(doctor,
			      "for applications of several users: a ring directory with mode "
			      "3770 and a group that they and the agent share");
	}
	if (!aside && !unreadable)
		doctor_say(doctor, DOCTOR_OK, "rings", "%d, none put aside, all can be read",
			   status->n_rings);
}

static void look_at_books(struct doctor *doctor, const struct status *status)
{
	const struct books *books = &status->books;
	const int64_t dropped = books->dropped_full + books->dropped_too_big + books->dropped_busy;
	if (status->unbalanced) {
		doctor_say(doctor, DOCTOR_FAILED, "books", "they do not balance: %s",
			   status->unbalanced);
		doctor_advise(doctor, "please report it, with `payi-agent status --json`");
		return;
	}
	doctor_say(doctor, dropped || books->rejected ? DOCTOR_WARNING : DOCTOR_OK, "books",
		   "balanced; %lld events stored, %lld in rings, %lld dropped, %lld rejected",
		   (long long)books->stored, (long long)status->in_rings, (long long)dropped,
		   (long long)books->rejected);
	if (dropped)
		doctor_advise(doctor, "`payi-agent status` tells why: full rings want a running "
				      "agent or a larger ring_bytes");
}

static void look_at_sink(struct doctor *doctor, const struct books_sink *sink)
{
	if (!sink->dead)
		return;
	doctor_say(doctor, DOCTOR_WARNING, "dead letters",
		   "%lld events were refused by the service", (long long)sink->dead);
	doctor_advise(doctor,
		      "`payi-agent dead` tells why; `payi-agent dead retry` sends them again");
}

void doctor_agent(struct doctor *doctor)
{
	struct status status = {0};
	struct query_db *db = NULL;
	struct err err;
	const struct settings *settings = doctor->settings;
	look_at_locks(doctor);
	if (access(settings->database, F_OK) || query_db_open(settings->database, &db, &err))
		return; /* the database's own examination says so */
	if (status_gather(settings->database, settings->ring_dir, db, &status, &err)) {
		doctor_say(doctor, DOCTOR_FAILED, "books", "cannot be read: %s", err.text);
	} else {
		look_at_rings(doctor, &status);
		look_at_books(doctor, &status);
		for (int i = 0; i < status.n_sinks; i++)
			look_at_sink(doctor, &status.sink[i]);
	}
	status_release(&status);
	query_db_close(db);
}
