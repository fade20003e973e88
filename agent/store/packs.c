#include "store/packs.h"

#include "store/rows.h"

#include <stdlib.h>

/* Those of the block at hand; an event may be of any hour. */
struct packs {
	struct rows *rows;
	int64_t block;
	int n;
	struct gathered {
		int64_t hour;
		int64_t events;
		struct buf pack;
	} gathered[PACK_EVENTS];
};

/* A concatenation of blobs is a text, byte by byte what they were. */
static const char append[] =
	" ON CONFLICT (hour, block) DO UPDATE SET remaining = remaining + excluded.remaining,"
	" pack = CAST(pack || excluded.pack AS BLOB)";

int packs_open(sqlite3 *db, struct packs **out, struct err *err)
{
	enum { COLUMNS = 4 };
	struct packs *packs = calloc(1, sizeof(*packs));
	if (!packs)
		return err_set(err, ERR_MEMORY, "out of memory");
	const int status = rows_open(db, "event_packs (hour, block, remaining, pack)", COLUMNS,
				     append, &packs->rows, err);
	if (status) {
		packs_close(packs);
		return status;
	}
	*out = packs;
	return 0;
}

void packs_close(struct packs *packs)
{
	if (!packs)
		return;
	rows_close(packs->rows);
	for (int i = 0; i < PACK_EVENTS; i++)
		buf_release(&packs->gathered[i].pack);
	free(packs);
}

/* Hands on the block at hand. */
static int end_block(struct packs *packs, struct err *err)
{
	for (int i = 0; i < packs->n; i++) {
		const struct gathered *gathered = &packs->gathered[i];
		if (gathered->pack.failed)
			return err_set(err, ERR_MEMORY, "out of memory");
		rows_set_int(packs->rows, 0, gathered->hour);
		rows_set_int(packs->rows, 1, packs->block);
		rows_set_int(packs->rows, 2, gathered->events);
		rows_set_blob(packs->rows, 3, gathered->pack.data, gathered->pack.len);
		const int status = rows_put(packs->rows, err);
		if (status)
			return status;
	}
	packs->n = 0;
	return 0;
}

int packs_add(struct packs *packs, const struct pack_event *event, struct buf **pack,
	      struct err *err)
{
	const int64_t block = event->id / PACK_EVENTS;
	const int64_t hour = event->time_us / PACK_HOUR_US;
	int at = 0;
	const int status = packs->block == block ? 0 : end_block(packs, err);
	if (status)
		return status;
	packs->block = block;
	while (at < packs->n && packs->gathered[at].hour != hour)
		at++;
	struct gathered *gathered = &packs->gathered[at];
	if (at == packs->n) {
		packs->n++;
		gathered->hour = hour;
		gathered->events = 0;
		buf_clear(&gathered->pack);
	}
	gathered->events++;
	pack_put(&gathered->pack, event);
	*pack = &gathered->pack;
	return 0;
}

int packs_write(struct packs *packs, struct err *err)
{
	const int status = end_block(packs, err);
	return status ? status : rows_write(packs->rows, err);
}

void packs_forget(struct packs *packs)
{
	packs->n = 0;
	rows_forget(packs->rows);
}
