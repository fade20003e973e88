/*
 * Use case definitions, by name, and instances, whose ids the service makes. What happens to a definition that
 * is there already is documented for limits alone; here it is the same: 200 when nothing differs, else an error.
 */
#include "standin/service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum { PAGE_DEFAULT = 100 };

static void not_found(struct answer *answer, const char *name)
{
	char message[VALIDATE_MESSAGE_BYTES];
	snprintf(message, sizeof(message), "Use Case name '%.100s' not found", name ? name : "");
	answer_error(answer, 404, "use_case_not_found", message);
}

static void answer_definition(struct service *service, int status, json_t *definition,
			      struct answer *answer)
{
	json_object_set_new(definition, "request_id", service_request_id(service));
	answer_json(answer, status, definition);
}

/* ---- Reading -------------------------------------------------------------------------------------- */

static const char *problem_of(const json_t *name, const json_t *description, const char **message)
{
	*message = "name must be 1 to 64 of A-Z a-z 0-9 . - _";
	if (!json_is_string(name) || !validate_use_case_name(json_string_value(name)))
		return "invalid_use_case_name";
	*message = "description must be a string that is not empty";
	if (!json_is_string(description) || json_string_length(description) == 0)
		return "invalid_use_case_description";
	return NULL;
}

/* A new definition from a request's body; NULL: the answer says what is wrong with it. */
static json_t *read_definition(struct service *service, json_t *body, struct answer *answer)
{
	json_t *name = NULL, *description = NULL, *limit = NULL, *logging = NULL;
	json_error_t error;
	const char *message;
	if (json_unpack_ex(body, &error, 0, "{s?o s?o s?o s?o !}", "name", &name, "description",
			   &description, "limit_config", &limit, "logging_enabled",
			   &logging) != 0) {
		service_bad_request(service, answer, 400, "request_processing_error", error.text);
		return NULL;
	}
	const char *code = problem_of(name, description, &message);
	if (code) {
		service_bad_request(service, answer, 400, code, message);
		return NULL;
	}
	return json_pack("{s:O, s:O, s:O?, s:O?, s:i}", "name", name, "description", description,
			 "logging_enabled", logging, "limit_config", limit, "type_version", 1);
}

/* ---- Definitions ---------------------------------------------------------------------------------- */

/* Under the lock: 201 or 200, or 0 when there is another of that name. */
static int define(struct service *service, json_t *definition)
{
	const char *name = json_string_value(json_object_get(definition, "name"));
	const json_t *known = json_object_get(service->use_cases, name);
	if (known)
		return json_equal(json_object_get(known, "description"),
				  json_object_get(definition, "description"))
			       ? 200
			       : 0;
	json_object_set_new(service->use_cases, name, json_deep_copy(definition));
	return 201;
}

void use_cases_define(struct service *service, const struct request *request, struct answer *answer)
{
	json_t *body = service_body(service, request, answer);
	json_t *definition = body ? read_definition(service, body, answer) : NULL;
	if (definition) {
		pthread_mutex_lock(&service->lock);
		const int status = define(service, definition);
		pthread_mutex_unlock(&service->lock);
		if (status)
			answer_definition(service, status, json_deep_copy(definition), answer);
		else
			answer_error(answer, 400, "use_case_already_exists",
				     "there is another use case of this name");
	}
	json_decref(definition);
	json_decref(body);
}

typedef void change_fn(json_t *use_cases, json_t *definition, const json_t *with);

/* Answers with the definition that the path names, after the change. */
static void change_named(struct service *service, const struct request *request, change_fn *change,
			 const json_t *with, struct answer *answer)
{
	char *name = request_segment(request, 4);
	json_t *copy = NULL;
	pthread_mutex_lock(&service->lock);
	json_t *definition = name ? json_object_get(service->use_cases, name) : NULL;
	if (definition) {
		json_incref(definition);
		change(service->use_cases, definition, with);
		copy = json_deep_copy(definition);
		json_decref(definition);
	}
	pthread_mutex_unlock(&service->lock);
	if (copy)
		answer_definition(service, 200, copy, answer);
	else
		not_found(answer, name);
	free(name);
}

static void leave(json_t *use_cases, json_t *definition, const json_t *with)
{
	(void)use_cases;
	(void)definition;
	(void)with;
}

static void update(json_t *use_cases, json_t *definition, const json_t *with)
{
	(void)use_cases;
	const char *member;
	json_t *value;
	json_object_foreach((json_t *)(uintptr_t)with, member, value) if (!json_is_null(value))
		json_object_set(definition, member, value);
}

static void next_version(json_t *use_cases, json_t *definition, const json_t *with)
{
	(void)use_cases;
	(void)with;
	json_t *version = json_object_get(definition, "type_version");
	json_integer_set(version, json_integer_value(version) + 1);
}

static void delete (json_t *use_cases, json_t *definition, const json_t *with)
{
	(void)with;
	json_object_del(use_cases, json_string_value(json_object_get(definition, "name")));
}

void use_cases_get(struct service *service, const struct request *request, struct answer *answer)
{
	change_named(service, request, leave, NULL, answer);
}

void use_cases_delete(struct service *service, const struct request *request, struct answer *answer)
{
	change_named(service, request, delete, NULL, answer);
}

void use_cases_next_version(struct service *service, const struct request *request,
			    struct answer *answer)
{
	change_named(service, request, next_version, NULL, answer);
}

/* Whether a body may update a definition: a new description, or a switch for logging. */
static bool is_update(json_t *body)
{
	const json_t *description = NULL, *logging = NULL;
	return json_unpack(body, "{s?o s?o !}", "description", &description, "logging_enabled",
			   &logging) == 0 &&
	       (!description || json_is_string(description) || json_is_null(description)) &&
	       (!logging || json_is_boolean(logging) || json_is_null(logging));
}

void use_cases_update(struct service *service, const struct request *request, struct answer *answer)
{
	json_t *body = service_body(service, request, answer);
	if (body && is_update(body))
		change_named(service, request, update, body, answer);
	else if (body)
		service_bad_request(service, answer, 400, "request_processing_error",
				    "description is a string, logging_enabled true or false");
	json_decref(body);
}

/* ---- The list ------------------------------------------------------------------------------------- */

/* Under the lock: a page of definitions from the cursor's place on; *next is 0 behind the last. */
static json_t *page_of(const struct service *service, const char *name, size_t from, size_t limit,
		       size_t *next)
{
	json_t *items = json_array();
	const char *key;
	json_t *definition;
	size_t at = 0;
	*next = 0;
	json_object_foreach(service->use_cases, key, definition)
	{
		if (name && strcmp(name, key) != 0)
			continue;
		if (at >= from && at < from + limit)
			json_array_append_new(items, json_deep_copy(definition));
		if (at++ == from + limit)
			*next = from + limit;
	}
	return items;
}

void use_cases_list(struct service *service, const struct request *request, struct answer *answer)
{
	char *name = request_query(request, "use_case_name");
	char *cursor = request_query(request, "cursor");
	char *limit = request_query(request, "limit");
	const size_t from = cursor ? strtoul(cursor, NULL, 10) : 0;
	const size_t most = limit ? strtoul(limit, NULL, 10) : PAGE_DEFAULT;
	size_t next;
	pthread_mutex_lock(&service->lock);
	json_t *items = page_of(service, name, from, most, &next);
	pthread_mutex_unlock(&service->lock);
	answer_json(answer, 200,
		    json_pack("{s:o, s:o, s:o}", "request_id", service_request_id(service),
			      "cursor", next ? json_sprintf("%zu", next) : json_null(), "items",
			      items));
	free(name);
	free(cursor);
	free(limit);
}

/* ---- Instances ------------------------------------------------------------------------------------ */

/* A random UUID (version 4), as the service makes them. */
static json_t *new_guid(void)
{
	unsigned char b[16];
	if (getrandom(b, sizeof(b), 0) != (ssize_t)sizeof(b))
		abort();
	b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
	b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
	return json_sprintf("%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
			    b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10],
			    b[11], b[12], b[13], b[14], b[15]);
}

/* Takes the reference to id. */
static void give(struct service *service, const char *name, json_t *id, json_t *version,
		 struct answer *answer)
{
	pthread_mutex_lock(&service->lock);
	json_object_set_new(service->instances, json_string_value(id), json_string(name));
	pthread_mutex_unlock(&service->lock);
	answer_json(answer, 200,
		    json_pack("{s:o, s:s, s:n, s:o}", "use_case_id", id, "use_case_name", name,
			      "limit_id", "type_version", version));
}

void use_cases_new_instance(struct service *service, const struct request *request,
			    struct answer *answer)
{
	char *name = request_segment(request, 4);
	char *wanted = request_query(request, "use_case_id");
	json_t *version = NULL;
	pthread_mutex_lock(&service->lock);
	const json_t *definition = name ? json_object_get(service->use_cases, name) : NULL;
	if (definition)
		version = json_copy(json_object_get(definition, "type_version"));
	pthread_mutex_unlock(&service->lock);
	if (version)
		give(service, name, wanted ? json_string(wanted) : new_guid(), version, answer);
	else
		not_found(answer, name);
	free(name);
	free(wanted);
}
