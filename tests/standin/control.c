#include "standin/control.h"

#include "standin/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINES_DEFAULT = 1000, LINES_MAX = 100000 };

static json_t *count_json(uint64_t n)
{
	return json_integer((json_int_t)n);
}

static void get_stats(struct service *service, const struct request *request, struct answer *answer)
{
	(void)request;
	pthread_mutex_lock(&service->lock);
	const struct service_stats *stats = &service->stats;
	const struct ledger *ledger = &service->ledger;
	const struct {
		const char *name;
		uint64_t n;
	} counts[] = {
		{"accepted", ledger->n_events},
		{"duplicates_same", ledger->duplicates_same},
		{"duplicates_different", ledger->duplicates_different},
		{"refused", stats->refused},
		{"missing_ids", stats->missing_ids},
		{"definitions", json_object_size(service->use_cases)},
		{"instances", json_object_size(service->instances)},
		{"requests", stats->requests},
		{"bulk_requests", stats->bulk_requests},
		{"single_requests", stats->single_requests},
		{"bad_requests", stats->bad_requests},
		{"unauthorized", stats->unauthorized},
		{"faults", stats->faults},
		{"packed_requests", stats->packed_requests},
		{"max_items", stats->max_items},
		{"max_bytes", stats->max_bytes},
	};
	json_t *json = json_object();
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		json_object_set_new(json, counts[i].name, count_json(counts[i].n));
	json_object_set_new(json, "refused_codes", json_deep_copy(stats->refused_codes));
	json_object_set_new(json, "units", ledger_units_json(ledger));
	pthread_mutex_unlock(&service->lock);
	answer_json(answer, 200, json);
}

/* ---- Events --------------------------------------------------------------------------------------- */

static uint32_t query_number(const struct request *request, const char *name, uint32_t otherwise)
{
	char *text = request_query(request, name);
	const uint32_t number = text ? (uint32_t)strtoul(text, NULL, 10) : otherwise;
	free(text);
	return number;
}

static int add_text(const char *text, size_t n, void *to)
{
	return fwrite(text, 1, n, to) == n ? 0 : -1;
}

static void write_lines(struct service *service, uint32_t after, uint32_t limit, FILE *to)
{
	pthread_mutex_lock(&service->lock);
	const uint32_t n = service->ledger.n_events;
	for (uint32_t row = after; row < n && row - after < limit; row++) {
		json_t *json = ledger_event_json(&service->ledger, row);
		json_dump_callback(json, add_text, to, JSON_COMPACT);
		fputc('\n', to);
		json_decref(json);
	}
	pthread_mutex_unlock(&service->lock);
}

static void get_events(struct service *service, const struct request *request,
		       struct answer *answer)
{
	const uint32_t after = query_number(request, "after", 0);
	const uint32_t limit = query_number(request, "limit", LINES_DEFAULT);
	FILE *to = open_memstream(&answer->body, &answer->body_bytes);
	write_lines(service, after, limit < LINES_MAX ? limit : LINES_MAX, to);
	fclose(to);
	answer->status = 200;
	answer->content_type = "application/jsonl; charset=utf-8";
}

static void get_event(struct service *service, const struct request *request, struct answer *answer)
{
	char *id = request_query(request, "id");
	char *category = request_query(request, "category");
	json_t *body = NULL;
	pthread_mutex_lock(&service->lock);
	const struct ledger *ledger = &service->ledger;
	const uint32_t row = !id        ? LEDGER_UNKNOWN
			     : category ? ledger_find(ledger, category, id)
					: ledger_find_id(ledger, id);
	if (row != LEDGER_UNKNOWN)
		body = ledger_body_json(ledger, row);
	pthread_mutex_unlock(&service->lock);
	if (body)
		answer_json(answer, 200, body);
	else
		answer_error(answer, 404, NULL,
			     row == LEDGER_UNKNOWN ? "no such event was taken"
						   : "bodies are kept with --keep-bodies alone");
	free(id);
	free(category);
}

static void get_instances(struct service *service, const struct request *request,
			  struct answer *answer)
{
	(void)request;
	pthread_mutex_lock(&service->lock);
	json_t *instances = json_deep_copy(service->instances);
	pthread_mutex_unlock(&service->lock);
	answer_json(answer, 200, instances);
}

/* ---- Orders --------------------------------------------------------------------------------------- */

static void post_reset(struct service *service, const struct request *request,
		       struct answer *answer)
{
	(void)request;
	service_reset(service);
	answer_json(answer, 200, json_object());
}

/* Under the lock. */
static int load_script(struct service *service, json_t *script, char *message)
{
	if (faults_load(&service->faults, script, service_now_s(), message) != 0)
		return -1;
	if (service->faults.key) {
		free(service->key);
		service->key = memory_text(service->faults.key);
	}
	return 0;
}

static void post_faults(struct service *service, const struct request *request,
			struct answer *answer)
{
	char message[VALIDATE_MESSAGE_BYTES];
	json_error_t error;
	json_t *script = request_json(request, &error); /* no longer ours alone, once loaded */
	int problem = -1;
	snprintf(message, sizeof(message), "%s", error.text);
	if (script) {
		pthread_mutex_lock(&service->lock);
		problem = load_script(service, script, message);
		json_decref(script);
		pthread_mutex_unlock(&service->lock);
	}
	if (problem)
		answer_error(answer, 400, NULL, message);
	else
		answer_json(answer, 200, json_object());
}

/* ---- Which ---------------------------------------------------------------------------------------- */

static const struct {
	const char *method, *path;
	service_endpoint_fn *answer;
} ORDERS[] = {
	{"GET", "/control/stats", get_stats},   {"GET", "/control/events", get_events},
	{"GET", "/control/event", get_event},   {"GET", "/control/instances", get_instances},
	{"POST", "/control/reset", post_reset}, {"POST", "/control/faults", post_faults},
};

bool control_is_for(const struct request *request)
{
	return strncmp(request->path, "/control/", sizeof("/control/") - 1) == 0;
}

void control_answer(struct service *service, const struct request *request, struct answer *answer)
{
	for (size_t i = 0; i < sizeof(ORDERS) / sizeof(ORDERS[0]); i++)
		if (strcmp(request->method, ORDERS[i].method) == 0 &&
		    request_path_is(request, ORDERS[i].path)) {
			ORDERS[i].answer(service, request, answer);
			return;
		}
	answer_error(answer, 404, NULL, "there is no such control");
}
