/* Events that wait in a database. */
#ifndef PAYI_BENCH_BACKLOG_H
#define PAYI_BENCH_BACKLOG_H

#include "bench/site.h"

/* Tracks n sample events and has an agent store them, which is gone when this returns. */
int backlog_make(struct site *site, const struct bench *bench, int64_t n);

#endif
