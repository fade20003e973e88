#include "standin/service.h"

#include "standin/memory.h"
#include "standin/rfc3339.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct endpoint {
	const char *method, *path, *kind;
	service_endpoint_fn *answer;
};

static const struct endpoint ENDPOINTS[] = {
	{"POST", "/api/v1/ingest/bulk", "bulk", ingest_bulk},
	{"POST", "/api/v1/ingest", "single", ingest_single},
	{"GET", "/api/v1/limits", "limits", lookup_limits},
	{"GET", "/api/v1/requests/provider/*/*/result", "lookup", lookup_result},
	{"GET", "/api/v1/use_cases/definitions", "definitions", use_cases_list},
	{"POST", "/api/v1/use_cases/definitions", "definitions", use_cases_define},
	{"GET", "/api/v1/use_cases/definitions/*", "definitions", use_cases_get},
	{"PUT", "/api/v1/use_cases/definitions/*", "definitions", use_cases_update},
	{"DELETE", "/api/v1/use_cases/definitions/*", "definitions", use_cases_delete},
	{"POST", "/api/v1/use_cases/definitions/*/increment_version", "definitions",
	 use_cases_next_version},
	{"GET", "/api/v1/categories", "prices", prices_categories},
	{"GET", "/api/v1/categories/*/resources", "prices", prices_resources},
	{"GET", "/api/v1/categories/*/resources/*", "prices", prices_versions},
	{"POST", "/api/v1/categories/*/resources/*", "prices", prices_add},
	{"POST", "/api/v1/use_cases/instances/*", "instances", use_cases_new_instance},
};

enum { N_ENDPOINTS = sizeof(ENDPOINTS) / sizeof(ENDPOINTS[0]) };

/* As in answers that were saved from the real service: numbers, in text. */
enum { FIRST_REQUEST_ID = 5673976 };

/* ---- Life ----------------------------------------------------------------------------------------- */

static void begin(struct service *service)
{
	service->key = memory_text(service->first_key);
	service->stats = (struct service_stats){.refused_codes = json_object()};
	service->use_cases = json_object();
	service->instances = json_object();
	service->prices = json_object();
}

static void end(struct service *service)
{
	free(service->key);
	json_decref(service->stats.refused_codes);
	json_decref(service->use_cases);
	json_decref(service->instances);
	json_decref(service->prices);
	faults_release(&service->faults);
	ledger_release(&service->ledger);
}

void service_open(struct service *service, const char *key, bool keep_bodies)
{
	pthread_condattr_t monotonic;
	*service = (struct service){.first_key = key, .ledger.keep_bodies = keep_bodies};
	pthread_mutex_init(&service->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&service->stopped, &monotonic);
	pthread_condattr_destroy(&monotonic);
	begin(service);
}

void service_close(struct service *service)
{
	end(service);
	pthread_cond_destroy(&service->stopped);
	pthread_mutex_destroy(&service->lock);
}

void service_reset(struct service *service)
{
	pthread_mutex_lock(&service->lock);
	end(service);
	begin(service);
	pthread_mutex_unlock(&service->lock);
}

/* ---- Time ----------------------------------------------------------------------------------------- */

double service_now_s(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void service_wait(struct service *service, int ms)
{
	struct timespec until;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += ms / 1000;
	until.tv_nsec += ms % 1000 * 1000000L;
	if (until.tv_nsec >= 1000000000L) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000L;
	}
	pthread_mutex_lock(&service->lock);
	while (!service->stopping &&
	       pthread_cond_timedwait(&service->stopped, &service->lock, &until) != ETIMEDOUT)
		;
	pthread_mutex_unlock(&service->lock);
}

void service_stop(struct service *service)
{
	pthread_mutex_lock(&service->lock);
	service->stopping = true;
	pthread_cond_broadcast(&service->stopped);
	pthread_mutex_unlock(&service->lock);
}

/* ---- Answers -------------------------------------------------------------------------------------- */

static const struct endpoint *find_endpoint(const struct request *request, bool any_method)
{
	for (size_t i = 0; i < N_ENDPOINTS; i++)
		if (request_path_is(request, ENDPOINTS[i].path) &&
		    (any_method || strcmp(request->method, ENDPOINTS[i].method) == 0))
			return &ENDPOINTS[i];
	return NULL;
}

const char *service_kind(const struct request *request)
{
	const struct endpoint *endpoint = find_endpoint(request, true);
	return endpoint ? endpoint->kind : "";
}

static bool is_authorized(struct service *service, const struct request *request)
{
	const char *key = request_header(request, "xProxy-api-key");
	pthread_mutex_lock(&service->lock);
	const bool right =
		!service->faults.settings.unauthorized && key && strcmp(key, service->key) == 0;
	service->stats.unauthorized += !right;
	pthread_mutex_unlock(&service->lock);
	return right;
}

void service_answer(struct service *service, const struct request *request, struct answer *answer)
{
	const struct endpoint *endpoint = find_endpoint(request, false);
	if (!is_authorized(service, request))
		answer_error(answer, 401, "invalid_api_key", "The API key is missing or not valid");
	else if (request->too_large)
		answer_error(answer, 413, NULL, "Request Entity Too Large");
	else if (endpoint)
		endpoint->answer(service, request, answer);
	else if (find_endpoint(request, true))
		service_bad_request(service, answer, 405, NULL, "Method Not Allowed");
	else
		service_bad_request(service, answer, 404, NULL, "Resource not found");
}

void service_bad_request(struct service *service, struct answer *answer, int status,
			 const char *code, const char *message)
{
	pthread_mutex_lock(&service->lock);
	service->stats.bad_requests++;
	pthread_mutex_unlock(&service->lock);
	answer_error(answer, status, code, message);
}

json_t *service_body(struct service *service, const struct request *request, struct answer *answer)
{
	json_error_t error;
	const enum request_packing packing = request_packing(request);
	pthread_mutex_lock(&service->lock);
	const bool is_taken = packing == REQUEST_PLAIN ||
			      (packing == REQUEST_GZIP && service->faults.settings.gzip);
	service->stats.packed_requests += is_taken && packing != REQUEST_PLAIN;
	pthread_mutex_unlock(&service->lock);
	if (!request_says_json(request) || !is_taken) {
		service_bad_request(service, answer, 415, NULL,
				    "the body must be application/json, without an encoding");
		return NULL;
	}
	json_t *json = request_json(request, &error);
	if (!json)
		service_bad_request(service, answer, 400, "invalid_json", error.text);
	return json;
}

json_t *service_request_id(struct service *service)
{
	char text[24];
	pthread_mutex_lock(&service->lock);
	const uint64_t id = FIRST_REQUEST_ID + service->stats.requests;
	pthread_mutex_unlock(&service->lock);
	snprintf(text, sizeof(text), "%llu", (unsigned long long)id);
	return json_string(text);
}

json_t *service_time_json(int64_t us)
{
	char text[RFC3339_BYTES];
	rfc3339_write(text, us);
	return json_string(text);
}

void service_note_most(uint64_t *most, size_t size)
{
	if (size > *most)
		*most = size;
}
