/*
 * What goes wrong in a run, and how often: drawn from its seed. Most faults are off in most runs, so that the frequent
 * ones do not hide the rare ones; those that are on come in bulk.
 */
#ifndef PAYI_SIM_SWARM_H
#define PAYI_SIM_SWARM_H

#include <stdbool.h>
#include <stdint.h>

/* What may become of one request. */
enum swarm_fate {
	FATE_GOOD,
	FATE_REFUSED,      /* nobody listens */
	FATE_UNREACHABLE,  /* nobody answers: 5 s */
	FATE_RESET_BEFORE, /* it was carried out … not */
	FATE_RESET_AFTER,  /* … and the answer is lost */
	FATE_SILENT,       /* it was not, and no answer comes */
	FATE_LOST,         /* it was, and no answer comes */
	FATE_LATE,         /* likewise, and it is carried out long after everybody has given up */
	FATE_SLOW,         /* an answer that takes its time */
	FATE_500,          /* with the service's own words */
	FATE_502,          /* with a gateway's page */
	FATE_503,          /* with Retry-After, mostly */
	FATE_500_DONE,     /* it was carried out, whatever the answer says */
	FATE_429,          /* with Retry-After, mostly, in any of its forms */
	FATE_408,
	FATE_CUT,       /* carried out, and the body of the answer breaks off */
	FATE_PAGE,      /* 200, and a page instead of JSON; not carried out */
	FATE_PAGE_DONE, /* likewise, but it was */
	FATES,
};

struct swarm {
	/* How long, how much. */
	int64_t active_us; /* then all faults end */
	int events, apps;
	int64_t pause_us; /* of an application, between two bursts */
	int burst;        /* events */

	/* The agent's settings. */
	int commit_events, batch_events, batch_bytes, batch_age_ms, in_flight, timeout_s;

	/* What is tracked. */
	int ring_bytes;
	int instances; /* 0: no event has one */
	bool handles, definitions;
	int refused_permille, poison_permille, put_off_permille;

	/* How long what is stored stays, and how much of it; 0: for ever. undelivered: that may go, too. */
	int64_t events_us, dead_us, rollups_us, database_bytes;
	bool undelivered;
	int dead_orders; /* over the active time: dead letters sent again, or, where drops says so, given up */
	bool drops;
	bool amends; /* the service takes some day what it refused before */

	/* How many, over the active time. */
	int deaths, kills, kills_at_disk, cuts, stops;
	int disk_phases, disk_failures, clock_steps, suspends, outages, key_phases;
	int64_t outage_us;
	bool clock_far; /* steps to 1970 and 2106, and not only by a day */

	/* Of all requests. */
	int fate_permille[FATES];

	/* The service's ways. */
	int max_items, max_bytes;
	bool no_bulk, says_known, says_partly;

	bool calm; /* nothing of the above */
};

void swarm_calm(struct swarm *swarm); /* no faults */
void swarm_draw(struct swarm *swarm);
void swarm_note(const struct swarm *swarm);

/* Whether anything that is stored may go. */
bool swarm_retains(const struct swarm *swarm);

/* Whether one event of an instance may overtake another by the sink's own terms: it shared a request with it. */
bool swarm_may_reorder(const struct swarm *swarm);

#endif
