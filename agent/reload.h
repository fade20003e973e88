/*
 * Reading the configuration again in a running agent. All of it is read and checked before anything is changed: a
 * configuration that is wrong changes nothing, and the agent says so and goes on with the one it has.
 *
 * What settings call LIVE is in force when reload_settings() returns, but for requests and transactions that are
 * under way. What is AT_START and has changed is named in the log, and waits for the next start.
 *
 * On the loop's thread, which alone reads struct settings. Other threads are handed single values: so there is no
 * moment at which one of them could see half of an old and half of a new configuration.
 */
#ifndef PAYI_RELOAD_H
#define PAYI_RELOAD_H

#include "base/counter.h"
#include "base/err.h"

struct payi_sink;
struct settings;
struct storage;

struct reload {
	struct counter
		refused; /* 1: the configuration that was read last is not the one in force */
	struct counter read_us;            /* when the one in force was read, wall clock */
	struct counter accepted, rejected; /* reloads */
	struct err why;                    /* while it is refused; of the loop's thread */
};

void reload_init(struct reload *reload);

/* Who is told of new values. */
struct reload_parts {
	struct payi_sink *sink;
	struct storage *storage;
};

/* What came of it is in *reload and in the log. The file of prices is read again, too, also where its name is the same. */
void reload_settings(struct reload *reload, struct settings *settings,
		     const struct reload_parts *parts);

#endif
