#include "event/event_bodies.h"

#include "event/event.h"

static const uint64_t bodies = UINT64_C(1) << PAYI_FIELD_provider_request_json |
			       UINT64_C(1) << PAYI_FIELD_provider_request_reasoning_json |
			       UINT64_C(1) << PAYI_FIELD_provider_response_json |
			       UINT64_C(1) << PAYI_FIELD_provider_request_headers |
			       UINT64_C(1) << PAYI_FIELD_provider_response_headers |
			       UINT64_C(1) << PAYI_FIELD_provider_response_function_calls;

/* A map of up to 15 pairs has a header of one byte, of up to 65,535 one of three. Keys are small positive integers. */
static void add_map(struct buf *out, uint32_t n)
{
	if (n < 16) {
		buf_add_char(out, (char)(0x80 | n));
		return;
	}
	const uint8_t header[] = {0xde, (uint8_t)(n >> 8), (uint8_t)n};
	buf_add(out, header, sizeof(header));
}

bool event_without_bodies(const uint8_t *record, size_t record_bytes, struct buf *out)
{
	struct event event;
	char reason[EVENT_REASON_BYTES];
	if (event_decode(&event, record, record_bytes, reason) || !(event.present & bodies))
		return false;
	const uint64_t kept = event.present & ~bodies;
	add_map(out, (uint32_t)__builtin_popcountll(kept));
	for (int id = 1; id <= PAYI_FIELD_MAX; id++) {
		if (!(kept >> id & 1))
			continue;
		buf_add_char(out, (char)id);
		buf_add(out, event.field[id].raw, event.field[id].raw_bytes);
	}
	return true;
}
