/*
 * Numbers in Prometheus's text format, version 0.0.4: a family of samples at a time, each with its help and type.
 * Knows the format alone. Any thread.
 */
#ifndef PAYI_BASE_EXPOSITION_H
#define PAYI_BASE_EXPOSITION_H

#include "base/buf.h"
#include "base/counter.h"

#include <stdint.h>

#define EXPOSITION_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

enum exposition_type { EXPOSITION_COUNTER, EXPOSITION_GAUGE, EXPOSITION_HISTOGRAM };

/* Begins a family; its samples follow. help is one plain line. */
void exposition_family(struct buf *out, const char *name, enum exposition_type type,
		       const char *help);

/* A sample; label NULL: without one. The value of a label may be any text. */
void exposition_int(struct buf *out, const char *name, const char *label, const char *value,
		    int64_t number);

/* Microseconds as seconds. */
void exposition_seconds(struct buf *out, const char *name, int64_t us);

/* The samples of a histogram of durations, in seconds. */
void exposition_histogram(struct buf *out, const char *name, const struct histogram *histogram);

/* A family of one sample. */
void exposition_one(struct buf *out, const char *name, enum exposition_type type, const char *help,
		    int64_t number);

#endif
