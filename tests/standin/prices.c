/*
 * Categories and resources: the versions of a resource, each with prices and the time from which they hold, added by
 * POST as an administrator does. A version ends where the next one begins.
 */
#include "standin/service.h"

#include "standin/rfc3339.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void not_found(struct answer *answer, const char *what)
{
	answer_error(answer, 404, "category_resource_not_found", what);
}

/* Takes the reference to items. */
static void answer_items(struct service *service, json_t *items, struct answer *answer)
{
	answer_json(answer, 200,
		    json_pack("{s:o, s:n, s:o}", "request_id", service_request_id(service),
			      "cursor", "items", items));
}

void prices_categories(struct service *service, const struct request *request,
		       struct answer *answer)
{
	(void)request;
	const char *category;
	json_t *resources;
	json_t *items = json_array();
	pthread_mutex_lock(&service->lock);
	json_object_foreach(service->prices, category, resources)
		json_array_append_new(items, json_pack("{s:s}", "category", category));
	pthread_mutex_unlock(&service->lock);
	answer_items(service, items, answer);
}

void prices_resources(struct service *service, const struct request *request, struct answer *answer)
{
	char *category = request_segment(request, 3);
	const char *resource;
	json_t *versions;
	json_t *items = NULL;
	pthread_mutex_lock(&service->lock);
	json_t *resources = json_object_get(service->prices, category ? category : "");
	if (resources) {
		items = json_array();
		json_object_foreach(resources, resource, versions)
			json_array_extend(items, versions);
	}
	pthread_mutex_unlock(&service->lock);
	if (items)
		answer_items(service, items, answer);
	else
		not_found(answer, "there is no such category");
	free(category);
}

/* The page that begins at the cursor, a number; takes the reference to items. */
static void answer_page(struct service *service, const struct request *request, json_t *items,
			struct answer *answer)
{
	char *cursor = request_query(request, "cursor");
	char *limit = request_query(request, "limit");
	char next[24];
	const size_t first = cursor ? strtoul(cursor, NULL, 10) : 0;
	const size_t n = limit && atoi(limit) > 0 ? (size_t)atoi(limit) : 100;
	json_t *page = json_array();
	for (size_t i = first; i < first + n && i < json_array_size(items); i++)
		json_array_append(page, json_array_get(items, i));
	snprintf(next, sizeof(next), "%zu", first + n);
	answer_json(answer, 200,
		    json_pack("{s:o, s:s?, s:o}", "request_id", service_request_id(service),
			      "cursor", first + n < json_array_size(items) ? next : NULL, "items",
			      page));
	json_decref(items);
	free(cursor);
	free(limit);
}

void prices_versions(struct service *service, const struct request *request, struct answer *answer)
{
	char *category = request_segment(request, 3);
	char *resource = request_segment(request, 5);
	pthread_mutex_lock(&service->lock);
	json_t *items = json_deep_copy(
		json_object_get(json_object_get(service->prices, category ? category : ""),
				resource ? resource : ""));
	pthread_mutex_unlock(&service->lock);
	if (items)
		answer_page(service, request, items, answer);
	else
		not_found(answer, "there is no such resource");
	free(category);
	free(resource);
}

/* The member of this name, an object that is made if there is none. */
static json_t *make_member(json_t *object, const char *name, json_t *otherwise)
{
	json_t *member = json_object_get(object, name);
	if (member) {
		json_decref(otherwise);
		return member;
	}
	json_object_set_new(object, name, otherwise);
	return otherwise;
}

void prices_add(struct service *service, const struct request *request, struct answer *answer)
{
	json_t *body = service_body(service, request, answer);
	char *category = request_segment(request, 3);
	char *resource = request_segment(request, 5);
	json_t *units = json_object_get(body, "units");
	if (body && (!category || !resource || !json_is_object(units))) {
		service_bad_request(service, answer, 400, "request_processing_error",
				    "units are missing");
	} else if (body) {
		json_t *start = json_object_get(body, "start_timestamp");
		pthread_mutex_lock(&service->lock);
		json_t *versions =
			make_member(make_member(service->prices, category, json_object()), resource,
				    json_array());
		json_t *last = json_array_get(versions, json_array_size(versions) - 1);
		if (last && start)
			json_object_set(last, "end_timestamp", start);
		json_t *version =
			json_pack("{s:b, s:s, s:b, s:s, s:i, s:O, s:O*}", "active", 1, "category",
				  category, "proxy_allowed", 1, "resource", resource, "resource_id",
				  (int)json_array_size(versions) + 1, "units", units,
				  "start_timestamp", start);
		json_array_append_new(versions, version);
		pthread_mutex_unlock(&service->lock);
		answer_json(answer, 201, json_deep_copy(version));
	}
	json_decref(body);
	free(category);
	free(resource);
}

/* By the latest version; its time is not looked at. */
json_t *prices_cost(const struct service *service, const json_t *event)
{
	const char *category = json_string_value(json_object_get(event, "category"));
	const char *resource = json_string_value(json_object_get(event, "resource"));
	const json_t *versions =
		json_object_get(json_object_get(service->prices, category ? category : ""),
				resource ? resource : "");
	const json_t *prices =
		json_object_get(json_array_get(versions, json_array_size(versions) - 1), "units");
	const char *type;
	json_t *units;
	double input = 0, output = 0;
	if (!prices)
		return NULL;
	json_object_foreach(json_object_get(event, "units"), type, units)
	{
		const json_t *price = json_object_get(prices, type);
		input += json_number_value(json_object_get(units, "input")) *
			 json_number_value(json_object_get(price, "input_price"));
		output += json_number_value(json_object_get(units, "output")) *
			  json_number_value(json_object_get(price, "output_price"));
	}
	return json_pack("{s:s, s:{s:f}, s:{s:f}, s:{s:f}}", "currency", "usd", "input", "base",
			 input, "output", "base", output, "total", "base", input + output);
}
