/* POST /api/v1/ingest/bulk: an array of events, each taken or refused for itself. */
#include "standin/digest.h"
#include "standin/ingest.h"
#include "standin/memory.h"

#include <stdlib.h>

static struct ingest_item *check_items(json_t *array, int64_t now_us)
{
	const size_t n = json_array_size(array);
	struct ingest_item *items = memory_zeroed(n, sizeof(items[0]));
	for (size_t i = 0; i < n; i++) {
		items[i].json = json_array_get(array, i);
		validate_item(items[i].json, now_us, &items[i].verdict);
		items[i].digest = digest_json(items[i].json);
	}
	return items;
}

/* The errors of those that are not taken; NULL: the whole batch is refused. */
static json_t *settle_all(struct service *service, struct ingest_item *items, size_t n,
			  int index_base)
{
	if (ingest_is_poisoned(service, items, n))
		return NULL;
	json_t *errors = json_array(), *error;
	for (size_t i = 0; i < n; i++)
		if ((error = ingest_settle(service, &items[i])))
			json_array_append_new(errors, json_pack("{s:I, s:o}", "item_index",
								(json_int_t)i + index_base,
								"xproxy_result", error));
	return errors;
}

static int bulk_status(const struct fault_settings *settings, size_t n, size_t n_errors)
{
	if (n_errors == n)
		return 400;
	return n_errors && settings->partial_status ? settings->partial_status : 200;
}

static void take_items(struct service *service, json_t *array, struct answer *answer)
{
	const struct fault_settings settings = ingest_settings(service);
	const int64_t now_us = ingest_clock_us(&settings);
	const size_t n = json_array_size(array);
	struct ingest_item *items = check_items(array, now_us);
	pthread_mutex_lock(&service->lock);
	json_t *errors = settle_all(service, items, n, settings.index_base);
	pthread_mutex_unlock(&service->lock);
	free(items);
	if (!errors) {
		answer_error(answer, 400, NULL, "Bad Request");
		return;
	}
	const size_t n_errors = json_array_size(errors);
	answer_json(answer, bulk_status(&settings, n, n_errors),
		    json_pack("{s:o, s:o, s:I, s:I, s:I, s:I, s:o}", "request_id",
			      service_request_id(service), "ingest_timestamp",
			      service_time_json(now_us), "ingest_count", (json_int_t)(n - n_errors),
			      "error_count", (json_int_t)n_errors, "item_error_count",
			      (json_int_t)n_errors, "total_count", (json_int_t)n, "errors",
			      errors));
}

static void bulk_array(struct service *service, json_t *array, struct answer *answer)
{
	const int max_items = ingest_settings(service).max_items;
	const size_t n = json_array_size(array);
	pthread_mutex_lock(&service->lock);
	service_note_most(&service->stats.max_items, n);
	pthread_mutex_unlock(&service->lock);
	if (n == 0)
		service_bad_request(service, answer, 400, "request_processing_error",
				    "the body must be an array of events");
	else if (max_items && n > (size_t)max_items)
		answer_error(answer, 413, NULL, "Request Entity Too Large");
	else
		take_items(service, array, answer);
}

void ingest_bulk(struct service *service, const struct request *request, struct answer *answer)
{
	if (!ingest_begin(service, request, &service->stats.bulk_requests, answer))
		return;
	const struct fault_settings settings = ingest_settings(service);
	if (settings.bulk_disabled) {
		answer_error(answer, settings.bulk_status ? settings.bulk_status : 404, NULL,
			     "Resource not found");
		return;
	}
	json_t *body = service_body(service, request, answer);
	if (body)
		bulk_array(service, body, answer);
	json_decref(body);
}
