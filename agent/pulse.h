/*
 * Whether a thread that works in steps gets on, judged from outside by three things: when its last step began, the CPU it
 * has used, and whether it is where it may have to wait for a disk.
 *
 *     it came round lately                                                    gets on
 *     overdue, at the disk, and uses no CPU to speak of                       waits for the disk: excused
 *     overdue, elsewhere                                                      hangs: a lock of ours, a lost wake-up
 *     overdue, and uses CPU all the while                                     turns in a circle
 *
 * Pure; of one asker, who asks again and again.
 */
#ifndef PAYI_PULSE_H
#define PAYI_PULSE_H

#include <stdbool.h>
#include <stdint.h>

#define PULSE_OVERDUE_US                                                                           \
	(INT64_C(15) * 1000000) /* the storage comes round every 2 s with nothing to do */
#define PULSE_SPIN_US                                                                              \
	(INT64_C(60) * 1000000) /* of CPU: a step is meant to take a hundredth of that */

struct pulse {
	int64_t overdue_tick_us; /* the step that takes so long; 0: none does */
	int64_t overdue_cpu_us;  /* what the thread had used when that was noticed */
};

struct pulse_reading {
	int64_t now_us;
	int64_t tick_us; /* when its last step began, by the same clock */
	int64_t cpu_us;  /* that it has used */
	bool at_disk;
};

bool pulse_beats(struct pulse *pulse, const struct pulse_reading *reading);

#endif
