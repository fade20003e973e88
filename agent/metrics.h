/*
 * The agent's metrics, as Prometheus reads them: the accounts as `payi-agent status` tells them, of all time, and
 * what the running parts count since the start. Any thread.
 */
#ifndef PAYI_METRICS_H
#define PAYI_METRICS_H

#include "base/buf.h"

#include <stdint.h>

struct reload;
struct sink_counters;
struct status;
struct intake_counters;

struct metrics {
	const struct intake_counters *storage;
	const struct sink_counters *sink;
	const struct reload *reload;
	int64_t started_us; /* wall clock */
};

/* Appends all of it. What the status could not gather is left out, and that is said. */
void metrics_write(const struct metrics *metrics, const struct status *status, struct buf *out);

#endif
