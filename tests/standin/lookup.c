/* What only asks: the limits (a probe of the key), and what became of an event. */
#include "standin/service.h"

#include <stdlib.h>

void lookup_limits(struct service *service, const struct request *request, struct answer *answer)
{
	(void)request;
	answer_json(answer, 200,
		    json_pack("{s:o, s:n, s:[]}", "request_id", service_request_id(service),
			      "cursor", "items"));
}

/* GET /api/v1/requests/provider/{category}/{provider_response_id}/result */
void lookup_result(struct service *service, const struct request *request, struct answer *answer)
{
	char *category = request_segment(request, 4);
	char *id = request_segment(request, 5);
	json_t *event = NULL;
	pthread_mutex_lock(&service->lock);
	const uint32_t row =
		category && id ? ledger_find(&service->ledger, category, id) : LEDGER_UNKNOWN;
	if (row != LEDGER_UNKNOWN)
		event = ledger_event_json(&service->ledger, row);
	pthread_mutex_unlock(&service->lock);
	if (event)
		answer_json(answer, 200,
			    json_pack("{s:{s:o, s:O*, s:O*}}", "xproxy_result", "request_id",
				      service_request_id(service), "use_case_name",
				      json_object_get(event, "use_case_name"), "use_case_id",
				      json_object_get(event, "use_case_id")));
	else
		answer_error(answer, 404, "request_not_found", "There is no such request");
	json_decref(event);
	free(category);
	free(id);
}
