#include "store/pack.h"

#include "store/varint.h"

/* The first byte of an event: its place among the ids of a block, and two bits. */
enum { FAILED = 1 << 6, HAS_LATENCY = 1 << 7 };

void pack_put(struct buf *pack, const struct pack_event *event)
{
	const int64_t in_hour_us = event->time_us - event->time_us / PACK_HOUR_US * PACK_HOUR_US;
	const int head = (int)(event->id % PACK_EVENTS) | (event->failed ? FAILED : 0) |
			 (event->has_latency ? HAS_LATENCY : 0);
	buf_add_char(pack, (char)head);
	varint_put(pack, varint_of_signed(in_hour_us));
	varint_put(pack, (uint64_t)event->user_id);
	varint_put(pack, (uint64_t)event->step);
	varint_put(pack, (uint64_t)event->use_case_name);
	varint_put(pack, (uint64_t)event->category);
	varint_put(pack, (uint64_t)event->resource);
	if (event->has_latency)
		varint_put(pack, varint_of_signed(event->latency_ms));
	varint_put(pack, event->n_units);
}

void pack_put_units(struct buf *pack, const struct pack_units *units)
{
	varint_put(pack, (uint64_t)units->type);
	varint_put(pack, (uint64_t)units->input);
	varint_put(pack, (uint64_t)units->output);
}

static bool take(struct pack *pack, int64_t *number)
{
	uint64_t bits;
	const bool whole = varint_take(&pack->at, pack->end, &bits);
	*number = (int64_t)bits;
	return whole;
}

static bool take_signed(struct pack *pack, int64_t *number)
{
	uint64_t bits;
	const bool whole = varint_take(&pack->at, pack->end, &bits);
	*number = varint_signed(bits);
	return whole;
}

int pack_take(struct pack *pack, struct pack_event *event)
{
	int64_t in_hour_us = 0;
	int64_t n_units = 0;
	if (pack->at == pack->end)
		return 0;
	const int head = *pack->at++;
	event->id = pack->block * PACK_EVENTS + head % PACK_EVENTS;
	event->failed = head & FAILED;
	event->has_latency = head & HAS_LATENCY;
	event->latency_ms = 0;
	const bool whole = take_signed(pack, &in_hour_us) && take(pack, &event->user_id) &&
			   take(pack, &event->step) && take(pack, &event->use_case_name) &&
			   take(pack, &event->category) && take(pack, &event->resource) &&
			   (!event->has_latency || take_signed(pack, &event->latency_ms)) &&
			   take(pack, &n_units);
	event->time_us = pack->hour * PACK_HOUR_US + in_hour_us;
	event->n_units = (uint32_t)n_units;
	return whole ? 1 : -1;
}

bool pack_take_units(struct pack *pack, struct pack_units *units)
{
	return take(pack, &units->type) && take(pack, &units->input) && take(pack, &units->output);
}
