#include "standin/ingest.h"

#include "standin/rfc3339.h"

#define OFFSET_US INT64_C(1000000)

struct fault_settings ingest_settings(struct service *service)
{
	pthread_mutex_lock(&service->lock);
	const struct fault_settings settings = service->faults.settings;
	pthread_mutex_unlock(&service->lock);
	return settings;
}

int64_t ingest_clock_us(const struct fault_settings *settings)
{
	return rfc3339_now_us() + settings->clock_offset_s * OFFSET_US;
}

bool ingest_begin(struct service *service, const struct request *request, uint64_t *counter,
		  struct answer *answer)
{
	pthread_mutex_lock(&service->lock);
	++*counter;
	service_note_most(&service->stats.max_bytes, request->body_bytes);
	const int max_bytes = service->faults.settings.max_bytes;
	pthread_mutex_unlock(&service->lock);
	if (!max_bytes || request->body_bytes <= (size_t)max_bytes)
		return true;
	answer_error(answer, 413, NULL, "Request Entity Too Large");
	return false;
}

/* ---- Under the lock ------------------------------------------------------------------------------- */

bool ingest_is_poisoned(const struct service *service, const struct ingest_item *items, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (faults_poison(&service->faults, items[i].json))
			return true;
	return false;
}

static void count_refusal(struct service *service, const struct ingest_item *item)
{
	json_t *codes = service->stats.refused_codes;
	const char *code = item->verdict.refusal.code;
	const json_int_t before = json_integer_value(json_object_get(codes, code));
	json_object_set_new(codes, code, json_integer(before + 1));
	service->stats.refused++;
	service->stats.missing_ids +=
		json_is_object(item->json) && !json_object_get(item->json, "provider_response_id");
}

json_t *ingest_settle(struct service *service, struct ingest_item *item)
{
	struct refusal *refusal = &item->verdict.refusal;
	const int duplicate_status = service->faults.settings.duplicate_status;
	if (refusal->status || faults_refuse(&service->faults, item->json, refusal)) {
		count_refusal(service, item);
		return answer_api_error(refusal->status, refusal->code, refusal->message);
	}
	item->outcome =
		ledger_add(&service->ledger, item->json, item->digest, item->verdict.event_us);
	if (item->outcome == LEDGER_NEW || duplicate_status == 0)
		return NULL;
	return answer_api_error(duplicate_status, "duplicate_request",
				"the event is known already");
}
