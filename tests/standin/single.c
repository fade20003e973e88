/* POST /api/v1/ingest?id=…: one event, of which some members are headers. */
#include "standin/digest.h"
#include "standin/ingest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum header_kind { HEADER_TEXT, HEADER_NUMBER, HEADER_LIST, HEADER_SWITCH };

static const struct {
	const char *name, *field; /* field NULL: the service needs it, but the event does not */
	enum header_kind kind;
} HEADERS[] = {
	{"xProxy-Limit-IDs", "limit_ids", HEADER_LIST},
	{"xProxy-User-ID", "user_id", HEADER_TEXT},
	{"xProxy-Account-Name", "account_name", HEADER_TEXT},
	{"xProxy-UseCase-Name", "use_case_name", HEADER_TEXT},
	{"xProxy-UseCase-ID", "use_case_id", HEADER_TEXT},
	{"xProxy-UseCase-Version", "use_case_version", HEADER_NUMBER},
	{"xProxy-UseCase-Step", "use_case_step", HEADER_TEXT},
	{"xProxy-Resource-Scope", "scope", HEADER_TEXT},
	{"xProxy-Logging-Disable", NULL, HEADER_SWITCH},
	{"xProxy-Instrumented-Module", NULL, HEADER_TEXT},
	{"xProxy-api-key", NULL, HEADER_TEXT},
};

enum { N_HEADERS = sizeof(HEADERS) / sizeof(HEADERS[0]) };

struct reading {
	json_t *event;
	struct refusal *refusal;
};

static json_t *list_json(const char *value)
{
	json_t *list = json_array();
	while (*value) {
		value += strspn(value, ", ");
		size_t length = strcspn(value, ",");
		const char *next = value + length;
		while (length > 0 && value[length - 1] == ' ')
			length--;
		if (length > 0)
			json_array_append_new(list, json_stringn(value, length));
		value = next;
	}
	return list;
}

/* NULL: it is not a whole number. */
static json_t *number_json(const char *value)
{
	char *end;
	errno = 0;
	const long long number = strtoll(value, &end, 10);
	return end > value && *end == '\0' && errno == 0 ? json_integer(number) : NULL;
}

static json_t *header_json(enum header_kind kind, const char *value)
{
	switch (kind) {
	case HEADER_LIST:
		return list_json(value);
	case HEADER_NUMBER:
		return number_json(value);
	case HEADER_SWITCH:
		return strcmp(value, "True") == 0 || strcmp(value, "False") == 0 ? json_true()
										 : NULL;
	case HEADER_TEXT:
		break;
	}
	return json_string(value);
}

static bool is_visible(const char *value)
{
	for (; *value; value++)
		if ((unsigned char)*value < 0x20 || (unsigned char)*value > 0x7e)
			return false;
	return true;
}

static bool take_header(const struct reading *reading, size_t at, const char *value)
{
	const char *name = HEADERS[at].name, *field = HEADERS[at].field;
	json_t *json = is_visible(value) ? header_json(HEADERS[at].kind, value) : NULL;
	if (!json)
		return refuse(reading->refusal, "request_processing_error",
			      "the header %s has a value it cannot have", name);
	if (field && json_object_get(reading->event, field)) {
		json_decref(json);
		return refuse(reading->refusal, "request_processing_error", "%s was said twice",
			      name);
	}
	if (field)
		json_object_set(reading->event, field, json);
	json_decref(json);
	return true;
}

static bool read_header(void *context, const char *name, const char *value)
{
	static const char PREFIX[] = "xProxy-";
	const struct reading *reading = context;
	if (strncasecmp(name, PREFIX, sizeof(PREFIX) - 1) != 0)
		return true;
	for (size_t i = 0; i < N_HEADERS; i++)
		if (strcasecmp(name, HEADERS[i].name) == 0)
			return take_header(reading, i, value);
	return refuse(reading->refusal, "request_processing_error", "there is no header %.80s",
		      name);
}

/* ?id= lets a gateway see a duplicate without reading the body, so it must be the body's. */
static bool check_query_id(const struct request *request, const json_t *event,
			   struct refusal *refusal)
{
	const char *id = json_string_value(json_object_get(event, "provider_response_id"));
	char *query = request_query(request, "id");
	const bool same = query && id && strcmp(query, id) == 0;
	free(query);
	return same || refuse(refusal, "request_processing_error",
			      "?id= must be there, and be the event's provider_response_id");
}

static void check_single(const struct request *request, struct ingest_item *item, int64_t now_us)
{
	struct refusal *refusal = &item->verdict.refusal;
	struct reading reading = {item->json, refusal};
	if (!validate_single_body(item->json, refusal))
		return;
	request_each_header(request, read_header, &reading);
	if (refusal->status == 0)
		validate_item(item->json, now_us, &item->verdict);
	if (refusal->status == 0)
		check_query_id(request, item->json, refusal);
	item->digest = digest_json(item->json);
}

static json_t *result_json(struct service *service, const struct ingest_item *item)
{
	pthread_mutex_lock(&service->lock);
	json_t *cost = prices_cost(service, item->json);
	pthread_mutex_unlock(&service->lock);
	return json_pack("{s:o*, s:o, s:O*, s:O*, s:O*, s:O*, s:O*, s:b}", "cost", cost,
			 "request_id", service_request_id(service), "use_case_name",
			 json_object_get(item->json, "use_case_name"), "use_case_id",
			 json_object_get(item->json, "use_case_id"), "use_case_step",
			 json_object_get(item->json, "use_case_step"), "user_id",
			 json_object_get(item->json, "user_id"), "account_name",
			 json_object_get(item->json, "account_name"), "duplicate_request",
			 item->outcome != LEDGER_NEW);
}

static void answer_single(struct service *service, const struct ingest_item *item, int64_t now_us,
			  struct answer *answer)
{
	const int64_t event_us =
		item->verdict.event_us == VALIDATE_NO_TIME ? now_us : item->verdict.event_us;
	answer_json(answer, 200,
		    json_pack("{s:o, s:o, s:o, s:o}", "request_id", service_request_id(service),
			      "ingest_timestamp", service_time_json(now_us), "event_timestamp",
			      service_time_json(event_us), "xproxy_result",
			      result_json(service, item)));
}

static int status_of(const json_t *error)
{
	return (int)json_integer_value(json_object_get(error, "statusCode"));
}

static void take_single(struct service *service, const struct request *request, json_t *body,
			struct answer *answer)
{
	const struct fault_settings settings = ingest_settings(service);
	const int64_t now_us = ingest_clock_us(&settings);
	struct ingest_item item = {.json = body};
	json_t *error = NULL;
	check_single(request, &item, now_us);
	pthread_mutex_lock(&service->lock);
	const bool poisoned = ingest_is_poisoned(service, &item, 1);
	if (!poisoned)
		error = ingest_settle(service, &item);
	pthread_mutex_unlock(&service->lock);
	if (poisoned)
		answer_error(answer, 400, NULL, "Bad Request");
	else if (error)
		answer_json(answer, status_of(error), error);
	else
		answer_single(service, &item, now_us, answer);
}

void ingest_single(struct service *service, const struct request *request, struct answer *answer)
{
	if (!ingest_begin(service, request, &service->stats.single_requests, answer))
		return;
	json_t *body = service_body(service, request, answer);
	if (body)
		take_single(service, request, body, answer);
	json_decref(body);
}
