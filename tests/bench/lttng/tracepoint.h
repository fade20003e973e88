/*
 * The event of the benchmark as an LTTng tracepoint: the same ten fields that payi_track() is given. LTTng reads
 * this header several times, hence its unusual guard; only module.c includes it.
 */
#undef LTTNG_UST_TRACEPOINT_PROVIDER
#define LTTNG_UST_TRACEPOINT_PROVIDER payi_bench
#undef LTTNG_UST_TRACEPOINT_INCLUDE
#define LTTNG_UST_TRACEPOINT_INCLUDE "bench/lttng/tracepoint.h"

#if !defined(PAYI_BENCH_LTTNG_TRACEPOINT_H) || defined(LTTNG_UST_TRACEPOINT_HEADER_MULTI_READ)
#define PAYI_BENCH_LTTNG_TRACEPOINT_H

#include "payi/payi.h"

#include <lttng/tracepoint.h>

/* clang-format off */
LTTNG_UST_TRACEPOINT_EVENT(payi_bench, event,
	LTTNG_UST_TP_ARGS(const payi_event *, event),
	LTTNG_UST_TP_FIELDS(
		lttng_ust_field_string(category, event->category)
		lttng_ust_field_string(resource, event->resource)
		lttng_ust_field_string(unit, event->units[0].type)
		lttng_ust_field_integer(int64_t, input, event->units[0].input)
		lttng_ust_field_integer(int64_t, output, event->units[0].output)
		lttng_ust_field_integer(int32_t, end_to_end_latency_ms, event->end_to_end_latency_ms)
		lttng_ust_field_integer(int32_t, time_to_first_token_ms, event->time_to_first_token_ms)
		lttng_ust_field_integer(int32_t, http_status_code, event->http_status_code)
		lttng_ust_field_string(use_case_name, event->use_case_name)
		lttng_ust_field_string(use_case_id, event->use_case_id)
		lttng_ust_field_string(use_case_step, event->use_case_step)
		lttng_ust_field_string(user_id, event->user_id)))
/* clang-format on */

#endif

#include <lttng/tracepoint-event.h>
