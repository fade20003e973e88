#include "pulse.h"

bool pulse_beats(struct pulse *pulse, const struct pulse_reading *reading)
{
	if (reading->now_us - reading->tick_us < PULSE_OVERDUE_US)
		return true;
	if (pulse->overdue_tick_us != reading->tick_us) {
		pulse->overdue_tick_us = reading->tick_us;
		pulse->overdue_cpu_us = reading->cpu_us;
	}
	return reading->at_disk && reading->cpu_us - pulse->overdue_cpu_us < PULSE_SPIN_US;
}
