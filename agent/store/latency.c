#include "store/latency.h"

/* Buckets of one width lie between 16 and 32 times that; only those of 1 ms go down to 0. */
int64_t latency_bucket(int64_t latency_ms)
{
	const int64_t ms = latency_ms < 0 ? 0 : latency_ms;
	int64_t width = 1;
	while (ms >= 32 * width)
		width *= 2;
	return ms - ms % width + width / 2;
}
