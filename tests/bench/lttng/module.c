/*
 * A module that payi-bench loads when its LTTng row is due, and not before: LTTng's library starts threads in the
 * process that it is loaded into, which the other rows must not be measured beside.
 */
#define LTTNG_UST_TRACEPOINT_CREATE_PROBES
#define LTTNG_UST_TRACEPOINT_DEFINE
#include "bench/lttng/tracepoint.h"

/* Looked up by name. */
__attribute__((visibility("default"))) int bench_lttng_event(void *event);
__attribute__((visibility("default"))) int bench_lttng_is_recording(void);

int bench_lttng_event(void *event)
{
	lttng_ust_tracepoint(payi_bench, event, event);
	return 0;
}

int bench_lttng_is_recording(void)
{
	return lttng_ust_tracepoint_enabled(payi_bench, event);
}
