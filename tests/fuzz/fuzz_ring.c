/* A ring file as the reader sees it: header, counters, and each lane's records as the drain walks them. */
#include "fuzz/fuzz.h"
#include "fuzz/memory_file.h"
#include "fuzz/rings.h"
#include "ring/ring_reader.h"
#include "ring/ring_walk.h"

enum { COPY_BYTES = 512 };

static void walk_lane(const struct ring_reader *ring, uint32_t lane, uint64_t tail)
{
	struct err err;
	uint8_t copy[COPY_BYTES];
	uint64_t position = 0;
	uint64_t sequence = 1;
	if (tail > ring->lane_bytes || tail % 8)
		return;
	while (position < tail) {
		struct payi_ring_record record;
		const uint64_t left = tail - position;
		const size_t bytes = left < sizeof(copy) ? (size_t)left : sizeof(copy);
		if (ring_reader_copy(ring, lane, position, copy, bytes, &err))
			return;
		const int whole = ring_reader_parse(copy, bytes, left, sequence, &record, &err);
		if (whole < 0)
			return;
		const uint64_t record_bytes = payi_ring_record_bytes(record.payload_bytes);
		fuzz_must(record_bytes > PAYI_RING_RECORD_HEADER && record_bytes <= left);
		fuzz_must(whole == (record_bytes <= bytes));
		position += record_bytes;
		sequence++;
	}
}

/* As the tool walks it, which begins where it finds a beginning: records side by side, up to the tail. */
static int follow(void *context, uint64_t position, const struct payi_ring_record *record,
		  const uint8_t *payload)
{
	uint64_t *end = context;
	fuzz_must(*end == 0 || *end == position);
	fuzz_must(payload[0] + payload[record->payload_bytes - 1] >= 0);
	*end = position + payi_ring_record_bytes(record->payload_bytes);
	return 0;
}

static void walk_back(const struct ring_reader *ring, uint32_t lane, uint64_t tail)
{
	struct err err;
	uint64_t end = 0;
	if (ring_walk(ring, lane, tail, follow, &end, &err) == 0)
		fuzz_must(end == tail);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct forge forge;
	struct ring_reader ring;
	struct ring_counters counters;
	struct err err;
	rings_begin(&forge);
	rings_change(&forge, data, size);
	memory_file_put(&forge, false);
	if (ring_reader_open(MEMORY_FILE_DIR, forge.name, &ring, &err))
		return 0;
	fuzz_must(ring.n_lanes >= 1 && ring.n_lanes <= PAYI_RING_LANES_MAX);
	fuzz_must(strlen(ring.app_name) < sizeof(ring.app_name));
	fuzz_must(ring_reader_alive(&ring, &err) == 0);
	if (ring_reader_counters(&ring, &counters, &err) == 0)
		for (uint32_t i = 0; i < ring.n_lanes; i++) {
			walk_lane(&ring, i, counters.lane[i].tail);
			walk_back(&ring, i, counters.lane[i].tail);
		}
	ring_reader_close(&ring);
	return 0;
}
