#include "store/latency.h"

#include <criterion/criterion.h>
#include <inttypes.h>

Test(latency, is_exact_below_32_ms)
{
	for (int64_t ms = 0; ms < 32; ms++)
		cr_assert_eq(latency_bucket(ms), ms);
}

Test(latency, takes_what_is_below_0_for_0)
{
	cr_assert_eq(latency_bucket(-1), 0);
	cr_assert_eq(latency_bucket(-INT32_MAX), 0);
}

/* Every bucket from its first to its last millisecond: they follow each other without a gap, up to the largest latency. */
Test(latency, names_each_bucket_by_its_middle)
{
	int64_t first = 32;
	for (int64_t width = 2; first <= INT32_MAX; width *= 2) {
		for (int i = 0; i < 16; i++, first += width) {
			const int64_t middle = first + width / 2;
			cr_assert_eq(latency_bucket(first), middle, "%" PRId64, first);
			cr_assert_eq(latency_bucket(middle), middle, "%" PRId64, middle);
			cr_assert_eq(latency_bucket(first + width - 1), middle, "%" PRId64, first);
			cr_assert_eq(latency_bucket(first - 1) < first, 1, "%" PRId64, first);
			/* off by a thirty-second at the most: 3.2 % */
			cr_assert_leq((middle - first) * 1000, first * 32, "%" PRId64, first);
		}
	}
	cr_assert_eq(first, (int64_t)INT32_MAX + 1);
	cr_assert_leq(latency_bucket(INT32_MAX), INT32_MAX);
}
