#include "sim/cloud.h"

#include "prove/kit/prove.h"
#include "sim/events.h"
#include "sim/world.h"
#include "standin/service.h"

#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* What the stand-in takes for microhttpd's connection. */
struct MHD_Connection {
	const char *headers;
	size_t headers_bytes;
	const char *query; /* behind the "?" */
};

static struct {
	struct service service;
	const struct swarm *swarm;
	bool amended;
} cloud;

/* ---- In microhttpd's place ------------------------------------------------------------------------ */

static const char *find_header(const struct MHD_Connection *in, const char *name)
{
	const size_t len = strlen(name);
	const char *end = in->headers + in->headers_bytes;
	for (const char *at = in->headers; at < end; at += strlen(at) + 1)
		if (strncasecmp(at, name, len) == 0 && at[len] == ':')
			return at + len + 1 + strspn(at + len + 1, " ");
	return NULL;
}

/* Good until the next question, as the only asker needs it. */
static const char *find_argument(const struct MHD_Connection *in, const char *name)
{
	static char value[4096];
	const size_t len = strlen(name);
	for (const char *at = in->query; at && *at; at += strcspn(at, "&"), at += *at == '&') {
		if (strncmp(at, name, len) != 0 || at[len] != '=')
			continue;
		const size_t n = strcspn(at + len + 1, "&");
		if (n >= sizeof(value))
			return NULL;
		memcpy(value, at + len + 1, n);
		value[n] = '\0';
		return value;
	}
	return NULL;
}

const char *MHD_lookup_connection_value(struct MHD_Connection *connection, enum MHD_ValueKind kind,
					const char *key)
{
	return kind == MHD_HEADER_KIND ? find_header(connection, key)
				       : find_argument(connection, key);
}

int MHD_get_connection_values(struct MHD_Connection *connection, enum MHD_ValueKind kind,
			      MHD_KeyValueIterator iterator, void *context)
{
	const char *end = connection->headers + connection->headers_bytes;
	int n = 0;
	for (const char *at = connection->headers; at < end; at += strlen(at) + 1) {
		char name[64];
		const size_t len = strcspn(at, ":");
		if (len >= sizeof(name))
			continue;
		memcpy(name, at, len);
		name[len] = '\0';
		n++;
		if (iterator(context, kind, name, at + len + 1 + strspn(at + len + 1, " ")) ==
		    MHD_NO)
			break;
	}
	return n;
}

/* ---- Ways ----------------------------------------------------------------------------------------- */

static void add(char *script, size_t bytes, bool holds, const char *rule)
{
	const size_t len = strlen(script);
	if (holds)
		snprintf(script + len, bytes - len, "%s%s", script[1] ? "," : "", rule);
}

static void load(char *script, size_t bytes)
{
	char message[VALIDATE_MESSAGE_BYTES];
	json_error_t error;
	add(script, bytes, !cloud.amended,
	    "{\"match_id\":\"d*\",\"item_error\":{\"code\":\"invalid_user_id\"}}");
	add(script, bytes, true, "{\"match_id\":\"p*\",\"whole_batch\":true}");
	snprintf(script + strlen(script), bytes - strlen(script), "]");
	json_t *json = json_loads(script, 0, &error);
	if (!json || faults_load(&cloud.service.faults, json, 0, message))
		prove_broken("the stand-in refuses %s", script);
	json_decref(json);
}

void cloud_set(bool key_refused, bool puts_off)
{
	const struct swarm *swarm = cloud.swarm;
	char script[1000] = "[", rule[80];
	snprintf(rule, sizeof(rule), "{\"max_items\":%d}", swarm->max_items);
	add(script, sizeof(script), swarm->max_items > 0, rule);
	snprintf(rule, sizeof(rule), "{\"max_bytes\":%d}", swarm->max_bytes);
	add(script, sizeof(script), swarm->max_bytes > 0, rule);
	add(script, sizeof(script), swarm->no_bulk, "{\"bulk_enabled\":false}");
	add(script, sizeof(script), swarm->says_known, "{\"duplicate_status\":409}");
	add(script, sizeof(script), swarm->says_partly, "{\"partial_status\":400}");
	add(script, sizeof(script), key_refused, "{\"unauthorized\":true}");
	add(script, sizeof(script), puts_off,
	    "{\"match_id\":\"r*\",\"item_error\":{\"code\":\"unexpected_error\"}}");
	load(script, sizeof(script));
}

void cloud_amend(void)
{
	cloud.amended = true;
}

void cloud_heal(void)
{
	char script[1000] = "[";
	load(script, sizeof(script));
}

void cloud_begin(const struct swarm *swarm)
{
	service_open(&cloud.service, CLOUD_KEY, false);
	cloud.swarm = swarm;
	cloud.amended = false;
	cloud_set(false, false);
}

void cloud_end(void)
{
	service_close(&cloud.service);
}

/* ---- What it sees --------------------------------------------------------------------------------- */

/* Calls it for the number of each event in a body. */
static void each_number(const char *body, void (*each)(int32_t number))
{
	static const char name[] = "\"provider_response_id\":\"";
	char id[EVENT_ID_BYTES];
	for (const char *at = body; (at = strstr(at, name));) {
		at += sizeof(name) - 1;
		const size_t len = strcspn(at, "\"");
		if (len >= sizeof(id))
			continue;
		memcpy(id, at, len);
		id[len] = '\0';
		const int32_t number = event_number(id);
		if (number)
			each(number);
		else
			world_wrong("an event that nobody tracked was sent: %s", id);
	}
}

static void note_carried_out(int32_t number)
{
	char id[EVENT_ID_BYTES];
	struct sim_event *event = events_at(number);
	event_id(number, event->kind, id);
	if (ledger_find(&cloud.service.ledger, "system.openai", id) == LEDGER_UNKNOWN)
		return;
	world_note("carried out: %s, the %d. time of %d", id, event->n_carried_out + 1,
		   event->n_allowed);
	if (++event->n_carried_out > event->n_allowed)
		world_wrong("%s was sent again for no reason", id);
}

static void allow(int32_t number)
{
	events_at(number)->n_allowed++;
}

void cloud_allow(const char *body)
{
	if (body)
		each_number(body, allow);
}

void cloud_allow_event(int32_t number)
{
	if (events_at(number)->n_carried_out)
		allow(number);
}

static void check_different(void)
{
	if (cloud.service.ledger.duplicates_different) {
		world_wrong("an event came again with another body");
		cloud.service.ledger.duplicates_different = 0;
	}
}

/* What it took, for the first time or again. */
static int64_t n_taken(void)
{
	const struct ledger *ledger = &cloud.service.ledger;
	return (int64_t)(ledger->n_events + ledger->duplicates_same + ledger->duplicates_different);
}

void cloud_answer(const char *method, const char *target, const char *headers, size_t headers_bytes,
		  const char *body, size_t body_bytes, struct answer *answer)
{
	char path[2048];
	const size_t len = strcspn(target, "?");
	struct MHD_Connection connection = {headers, headers_bytes,
					    target[len] ? target + len + 1 : NULL};
	if (len >= sizeof(path))
		prove_broken("a path of %zu bytes", len);
	memcpy(path, target, len);
	path[len] = '\0';
	const struct request request = {.connection = &connection,
					.method = method,
					.path = path,
					.body = (char *)(uintptr_t)body,
					.body_bytes = body_bytes};
	const int64_t error_us = sim_error_us();
	const int64_t before = n_taken();
	sim_set_error(0);
	cloud.service.stats.requests++;
	service_answer(&cloud.service, &request, answer);
	sim_set_error(error_us);
	if (body && n_taken() != before)
		each_number(body, note_carried_out);
	check_different();
}

/* ---- At the end ----------------------------------------------------------------------------------- */

int64_t cloud_n_events(void)
{
	return cloud.service.ledger.n_events;
}

int64_t cloud_n_again(void)
{
	return (int64_t)cloud.service.ledger.duplicates_same;
}

void cloud_each(void (*each)(void *context, int32_t number), void *context)
{
	for (uint32_t row = 0; row < cloud.service.ledger.n_events; row++) {
		json_t *event = ledger_event_json(&cloud.service.ledger, row);
		each(context, event_number(json_string_value(
				      json_object_get(event, "provider_response_id"))));
		json_decref(event);
	}
}

int64_t cloud_units(void)
{
	json_t *units = ledger_units_json(&cloud.service.ledger);
	const int64_t sum =
		json_integer_value(json_object_get(json_object_get(units, "text"), "input"));
	json_decref(units);
	return sum;
}
