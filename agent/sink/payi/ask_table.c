#include "sink/payi/ask_table.h"

#include <stdlib.h>

enum {
	ENTRIES = 256,
	/* So that many asks of one kind leave room for the other. */
	ENTRIES_DEFINE = 64,
	ENTRIES_PRICES = 16,
	ENTRIES_ID = ENTRIES - ENTRIES_DEFINE - ENTRIES_PRICES,
	/* Ids hold events back, so they go first; but after so many of them a definition does. */
	IDS_IN_A_ROW = 3,
	LOOK_AGAIN_US = 2000000,
	LOOK_APART_US = 50000,
	/*
	 * The host's answers may be older than a settlement for a moment, and it gives but the oldest asks: so
	 * one that it does not give has been committed only when some time has passed as well.
	 */
	FORGET_US = 500000,
};

/* A host that gives a settled ask for so long has lost the outcome, or wants it asked again. */
#define REMEMBER_MAX_US (INT64_C(600) * 1000000)

int ask_table_init(struct ask_table *table, void *owner)
{
	*table = (struct ask_table){.entries = calloc(ENTRIES, sizeof(*table->entries))};
	for (int i = 0; table->entries && i < ENTRIES; i++)
		table->entries[i].owner = owner;
	return table->entries ? 0 : -1;
}

void ask_table_release(struct ask_table *table)
{
	for (int i = 0; table->entries && i < ENTRIES; i++)
		ask_release(&table->entries[i].ask);
	free(table->entries);
}

/* ---- Fetching --------------------------------------------------------------------------------------- */

struct taker {
	struct ask_table *table;
	int n_new;
	int n_left; /* there was no room */
};

static struct ask_entry *find(const struct ask_table *table, const struct sink_ask *what)
{
	for (int i = 0; i < ENTRIES; i++) {
		struct ask_entry *entry = &table->entries[i];
		if (entry->state != ENTRY_FREE && entry->ask.what.kind == what->kind &&
		    entry->ask.what.key == what->key)
			return entry;
	}
	return NULL;
}

static struct ask_entry *room_for(const struct ask_table *table, enum sink_ask_kind kind)
{
	static const int most[] = {[SINK_ASK_DEFINE] = ENTRIES_DEFINE,
				   [SINK_ASK_ID] = ENTRIES_ID,
				   [SINK_ASK_PRICES] = ENTRIES_PRICES};
	struct ask_entry *room = NULL;
	int n = 0;
	for (int i = 0; i < ENTRIES; i++) {
		struct ask_entry *entry = &table->entries[i];
		if (entry->state == ENTRY_FREE)
			room = entry;
		else
			n += entry->ask.what.kind == kind;
	}
	return n < most[kind] ? room : NULL;
}

/*
 * A settled ask that comes with more attempts, or with another description, has been committed, and is to be
 * asked anew; one that comes as it was has not been committed yet.
 */
static bool on_take(void *ctx, const struct sink_ask *what)
{
	struct taker *taker = ctx;
	struct ask_table *table = taker->table;
	struct ask_entry *entry = find(table, what);
	if (entry)
		entry->given = true;
	if (entry && (entry->state != ENTRY_SETTLED || ask_is(&entry->ask, what)))
		return true;
	if (!entry)
		entry = room_for(table, what->kind);
	if (!entry || !ask_begin(&entry->ask, what)) {
		taker->n_left++;
		return true;
	}
	entry->state = ENTRY_WAITING;
	entry->given = true;
	entry->turn = table->n_turns++;
	taker->n_new++;
	return true;
}

static void forget_settled(struct ask_table *table, bool answered, int64_t now_us)
{
	for (int i = 0; i < ENTRIES; i++) {
		struct ask_entry *entry = &table->entries[i];
		const int64_t age_us = now_us - entry->settled_us;
		const bool gone = answered && !entry->given && age_us >= FORGET_US;
		if (entry->state == ENTRY_SETTLED && (gone || age_us >= REMEMBER_MAX_US))
			entry->state = ENTRY_FREE;
	}
}

void ask_table_look(struct ask_table *table, const struct sink_host *host, int64_t now_us,
		    int64_t wall_us)
{
	struct taker taker = {.table = table};
	for (int i = 0; i < ENTRIES; i++)
		table->entries[i].given = false;
	const int n = host->fetch_asks(host->context, wall_us, ENTRIES, on_take, &taker);
	forget_settled(table, n >= 0, now_us);
	table->looked_us = now_us;
	if (taker.n_new > 0)
		table->look_us = now_us; /* as soon as these are done */
	else
		table->look_us = now_us + (taker.n_left > 0 ? FORGET_US : LOOK_AGAIN_US);
}

void ask_table_wake(struct ask_table *table)
{
	const int64_t soon_us = table->looked_us + LOOK_APART_US;
	if (soon_us < table->look_us)
		table->look_us = soon_us;
}

/* ---- Which is next ------------------------------------------------------------------------------------ */

static struct ask_entry *first_of(const struct ask_table *table, enum sink_ask_kind kind)
{
	struct ask_entry *first = NULL;
	for (int i = 0; i < ENTRIES; i++) {
		struct ask_entry *entry = &table->entries[i];
		if (entry->state == ENTRY_WAITING && entry->ask.what.kind == kind &&
		    (!first || entry->turn < first->turn))
			first = entry;
	}
	return first;
}

struct ask_entry *ask_table_next(const struct ask_table *table)
{
	struct ask_entry *id = first_of(table, SINK_ASK_ID);
	struct ask_entry *define = first_of(table, SINK_ASK_DEFINE);
	const bool turn_of_define = table->n_ids_in_a_row >= IDS_IN_A_ROW;
	if (!id && !define)
		return first_of(table, SINK_ASK_PRICES);
	return !id || (define && turn_of_define) ? define : id;
}

void ask_table_sending(struct ask_table *table, struct ask_entry *entry)
{
	const bool is_id = entry->ask.what.kind == SINK_ASK_ID;
	entry->state = ENTRY_SENDING;
	table->n_ids_in_a_row = is_id ? table->n_ids_in_a_row + 1 : 0;
}
