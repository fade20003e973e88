/*
 * The asks that the sink knows of: taken from the host and not settled yet, or settled so short a time ago
 * that the host may not have committed it, and give them once more. Bounded; while it is full of outcomes
 * that the host cannot commit, nothing new is asked.
 *
 * On the loop's thread; times are clock_boot_us() unless they are called wall_us.
 */
#ifndef PAYI_SINK_PAYI_ASK_TABLE_H
#define PAYI_SINK_PAYI_ASK_TABLE_H

#include "sink/payi/ask.h"

#include <stdbool.h>
#include <stdint.h>

enum entry_state { ENTRY_FREE, ENTRY_WAITING, ENTRY_SENDING, ENTRY_SETTLED };

struct ask_entry {
	struct ask ask;
	enum entry_state state;
	uint64_t turn;       /* WAITING: the lowest goes first */
	bool given;          /* by the host, when it was last asked */
	bool probe;          /* SENDING: as endpoint_answered() */
	bool breaker_probe;  /* SENDING: likewise, of the asks' breaker */
	uint32_t generation; /* SENDING: of the key */
	int64_t settled_us;
	void *owner;
};

struct ask_table {
	struct ask_entry *entries; /* fixed */
	uint64_t n_turns;
	int n_ids_in_a_row;
	int64_t look_us;   /* the host is asked for more, not before */
	int64_t looked_us; /* the last time */
};

/* owner is for the entries. */
int ask_table_init(struct ask_table *table, void *owner);
void ask_table_release(struct ask_table *table);

/* Asks the host for more, and sets look_us. */
void ask_table_look(struct ask_table *table, const struct sink_host *host, int64_t now_us,
		    int64_t wall_us);

/* There may be more: the next look need not wait for its time. */
void ask_table_wake(struct ask_table *table);

/* The one that goes next, or NULL; an entry that is sent is counted, so that neither kind starves. */
struct ask_entry *ask_table_next(const struct ask_table *table);
void ask_table_sending(struct ask_table *table, struct ask_entry *entry);

#endif
