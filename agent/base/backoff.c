#include "base/backoff.h"

#include <sys/random.h>

int64_t backoff_of(int32_t failures, uint64_t random)
{
	int64_t bound = BACKOFF_FIRST_US;
	for (int32_t i = 1; i < failures && bound < BACKOFF_MAX_US; i++)
		bound *= 2;
	if (bound > BACKOFF_MAX_US)
		bound = BACKOFF_MAX_US;
	return (int64_t)(random % ((uint64_t)bound + 1));
}

int64_t backoff_us(int32_t failures)
{
	uint64_t random;
	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		random = UINT64_MAX / 2; /* without jitter, but not without a wait */
	return backoff_of(failures, random);
}
