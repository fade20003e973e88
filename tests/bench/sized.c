#include "bench/sized.h"

#include "bench/drainer.h"
#include "bench/sample.h"

#include <string.h>

enum {
	RING_BYTES_LARGE = 128 * 1024 * 1024, /* a lane holds a round of the largest */
	RING_BYTES = 4 * 1024 * 1024,         /* the default */
	LANES = 8,
	LARGE_BYTES = 4096, /* larger ones take the larger ring */
	SMALL_BYTES = 250,
	ROUND = LOAD_BATCH,
	ROUND_SMALL = 1024,
};

int sized_open(struct sized *sized, const struct site *site, size_t bytes)
{
	const size_t ring_bytes = bytes > LARGE_BYTES ? RING_BYTES_LARGE : RING_BYTES;
	sized->client = NULL;
	sized->drainer = NULL;
	sized->event = sample_full();
	sized->bytes = bytes;
	sized->lane_bytes = ring_bytes / LANES;
	memset(sized->value, 'p', bytes);
	sized->value[bytes] = '\0';
	sized->fill = (payi_property){"fill", sized->value};
	sized->event.properties = &sized->fill;
	sized->event.n_properties = bytes > 0;
	const int status = site_client(site, ring_bytes, &sized->client);
	return status ? status : drainer_open(site->rings, &sized->drainer);
}

void sized_close(struct sized *sized)
{
	drainer_close(sized->drainer);
	payi_client_close(sized->client);
}

static int track_call(void *context)
{
	struct sized *sized = context;
	return payi_track(sized->client, &sized->event);
}

static void empty_ring(void *context)
{
	drainer_empty(((struct sized *)context)->drainer);
}

struct load sized_load(struct sized *sized, bool quick)
{
	const int round = sized->bytes <= SMALL_BYTES ? ROUND_SMALL : ROUND;
	const int calls = (quick ? 16384 : 262144) / (sized->bytes > LARGE_BYTES ? LANES : 1);
	return (struct load){.call = track_call,
			     .empty = empty_ring,
			     .context = sized,
			     .threads = 1,
			     .round = round,
			     .rounds = calls / round};
}
