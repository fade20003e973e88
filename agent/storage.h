/*
 * The storage thread: the intake, on a loop of their own, so that no network, name server or local
 * client ever delays the rings. Everything that is to be written goes through here, in one transaction with
 * whatever else there is at the time.
 *
 * storage_settle(), storage_settle_ask() and storage_report() may be called from any thread, all else from the thread
 * that started it.
 */
#ifndef PAYI_STORAGE_H
#define PAYI_STORAGE_H

#include "base/err.h"
#include "intake.h"
#include "sink/sink.h"

#include <stdbool.h>
#include <stdint.h>

struct order;
struct price_list;
struct storage;

struct storage_options {
	struct intake_options intake;
	/* Told once on the storage thread: it has looked at every ring, and stored what it could. */
	void (*looked)(void *context);
	/*
	 * Told on the storage thread after each commit that may have brought a sink something to do: records of
	 * rings, or events that are held no longer. Must return at once.
	 */
	void (*stored)(void *context);
	/* Told once on the storage thread, after storage_finish(): all rings are in the database. */
	void (*finished)(void *context);
	/* Told once on the storage thread: the database cannot be written any more; it goes on, idle. */
	void (*lost)(void *context, const struct err *err);
	void *context;
};

/* Opens database and ring directory and starts the thread. */
int storage_start(const struct storage_options *options, struct storage **storage, struct err *err);

/* What it counts, since the start. Any thread may read. */
const struct intake_counters *storage_counters(const struct storage *storage);

/* Copies it; it is written with the next transaction, and again if that one fails. */
void storage_settle(struct storage *storage, const struct sink_settlement *settlement);
void storage_settle_ask(struct storage *storage, const struct sink_ask_outcome *outcome);
void storage_report(struct storage *storage, const char *sink, const struct sink_report *report);

/* How many settlements are committed, in the order of their coming. Any thread. */
uint64_t storage_settlements(const struct storage *storage);

/* Copies the operator's prices, which take the place of those before; NULL: there are none any more. Any thread. */
void storage_prices(struct storage *storage, const struct price_list *prices);

/* Has it carried out, a part with each transaction. Any thread. */
int storage_order(struct storage *storage, struct order *order, struct err *err);

/* Copies the limits, and goes by them from the next transaction on. Any thread. */
void storage_configure(struct storage *storage, const struct intake_limits *limits);

/*
 * Whether the thread gets on, or is kept by the disk, which nobody but the disk can help: it has come round lately, or it
 * is at the store and sleeps. Asked again and again by one thread.
 */
bool storage_gets_on(struct storage *storage, int64_t now_us);

/* Stores what is in the rings now, then calls finished(); goes on working. */
void storage_finish(struct storage *storage);

/* Writes what was settled before the call, stops the thread and closes everything. */
void storage_stop(struct storage *storage);

#endif
