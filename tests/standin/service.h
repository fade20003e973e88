/*
 * The service: its endpoints over what it remembers. One request is carried out by the thread of its
 * connection; what is shared is under one lock, which is not held while a body is read and checked.
 *
 *   bulk.c, single.c, ingest.c   events          lookup.c     limits, results
 *   prices.c     categories, resources
 *   use_cases.c  definitions, instances          control.c    what is not Pay-i's: /control/
 */
#ifndef PAYI_STANDIN_SERVICE_H
#define PAYI_STANDIN_SERVICE_H

#include "standin/faults.h"
#include "standin/ledger.h"
#include "standin/request.h"
#include "standin/validate.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct service_stats {
	uint64_t requests, bulk_requests, single_requests;
	uint64_t unauthorized;
	uint64_t faults;      /* requests that a rule of the script applied to */
	uint64_t refused;     /* events */
	uint64_t missing_ids; /* of these, for want of a provider_response_id */
	uint64_t
		bad_requests; /* whole ones that are not what the documents say: no JSON, no array, … */
	uint64_t packed_requests;      /* with a body that was taken */
	uint64_t max_items, max_bytes; /* the most that one request had */
	json_t *refused_codes;         /* code -> events */
};

struct service {
	pthread_mutex_t lock;
	pthread_cond_t stopped;
	bool stopping;
	const char *first_key; /* what a reset goes back to */
	char *key;
	struct ledger ledger;
	struct faults faults;
	struct service_stats stats;
	json_t *use_cases; /* name -> definition */
	json_t *prices;    /* category -> resource -> its versions */
	json_t *instances; /* id -> name: those that were asked for, not those that events made */
};

void service_open(struct service *service, const char *key, bool keep_bodies);
void service_close(struct service *service);
void service_reset(struct service *service); /* as if just opened; keeps first_key, keep_bodies */

/* The kind of a request's endpoint, as rules name it; "" when there is none. */
const char *service_kind(const struct request *request);

/* Carries the request out, as it is in the documents. */
void service_answer(struct service *service, const struct request *request, struct answer *answer);

/* Waits, but not longer than the service lives. */
void service_wait(struct service *service, int ms);
void service_stop(struct service *service); /* ends all waits */

double service_now_s(void); /* a clock that only goes forward */

/* ---- For the endpoints ---------------------------------------------------------------------------- */

typedef void service_endpoint_fn(struct service *service, const struct request *request,
				 struct answer *answer);

service_endpoint_fn ingest_bulk, ingest_single;
service_endpoint_fn lookup_limits, lookup_result;
service_endpoint_fn use_cases_list, use_cases_define, use_cases_get, use_cases_update,
	use_cases_delete, use_cases_next_version, use_cases_new_instance;
service_endpoint_fn prices_categories, prices_resources, prices_versions, prices_add;

/* The body as JSON; NULL: the answer says why not, and it is counted. */
json_t *service_body(struct service *service, const struct request *request, struct answer *answer);

/* A request that is wrong as a whole. */
void service_bad_request(struct service *service, struct answer *answer, int status,
			 const char *code, const char *message);

/* Under the lock: what a single event costs, as an answer says it; NULL: there is no price. */
json_t *prices_cost(const struct service *service, const json_t *event);

json_t *service_request_id(struct service *service); /* takes the lock */
json_t *service_time_json(int64_t us);
void service_note_most(uint64_t *most, size_t size); /* under the lock */

#endif
