/* Events that wait and are not committed yet, against a list that is searched from end to end. */
#include "sink/payi/waiting.h"

#include <criterion/criterion.h>
#include <stdlib.h>

enum { ROUNDS = 3000, PER_SETTLEMENT = 5, INSTANCES = 200, BEHIND = 40 };

static int64_t least[ROUNDS + 1][INSTANCES]; /* by settlement and instance; 0: none waits */

static bool waits_before(int oldest, int newest, int instance, int64_t event)
{
	for (int i = oldest; i <= newest; i++)
		if (least[i][instance] && least[i][instance] < event)
			return true;
	return false;
}

Test(waiting, knows_what_a_list_knows)
{
	struct waiting waiting = {0};
	int oldest = 1;
	srand(4711);
	for (int round = 1; round <= ROUNDS; round++) {
		int64_t event = rand() % 100000;
		for (int i = 0; i < PER_SETTLEMENT; i++) {
			const int instance = rand() % INSTANCES;
			waiting_add(&waiting, instance, ++event, (uint64_t)round);
			if (!least[round][instance])
				least[round][instance] = event;
		}
		if (round - oldest > rand() % BEHIND * (rand() % BEHIND)) {
			oldest += rand() % (round - oldest + 1);
			waiting_forget(&waiting, (uint64_t)oldest - 1);
		}
		const int instance = rand() % INSTANCES;
		event = rand() % 100000;
		cr_assert_eq(waiting_before(&waiting, instance, event),
			     waits_before(oldest, round, instance, event));
	}
	waiting_release(&waiting);
}

Test(waiting, is_empty_at_first_and_when_all_is_forgotten)
{
	struct waiting waiting = {0};
	cr_assert(!waiting_before(&waiting, 1, 2));
	waiting_add(&waiting, 1, 1, 7);
	cr_assert(waiting_before(&waiting, 1, 2));
	cr_assert(!waiting_before(&waiting, 1, 1));
	waiting_forget(&waiting, 6);
	cr_assert(waiting_before(&waiting, 1, 2));
	waiting_forget(&waiting, 7);
	cr_assert(!waiting_before(&waiting, 1, 2));
	waiting_release(&waiting);
}
