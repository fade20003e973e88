/* The stand-in's use cases: definitions, and ids of instances, as the documents have them. */
#include "standin/standin_client.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static struct standin standin;

static void set_up(void)
{
	cr_assert(standin_start(&standin, NULL) == 0);
}

static void tear_down(void)
{
	cr_expect(standin_stop(&standin) == 0);
}

TestSuite(standin_use_cases, .init = set_up, .fini = tear_down);

/* The answer's JSON. body may be NULL. */
static json_t *send_json(const char *method, const char *path, const char *body, int status)
{
	struct standin_reply reply;
	standin_exchange(&standin, method, path, "Content-Type: application/json\r\n", body,
			 body ? strlen(body) : 0, &reply);
	cr_assert_eq(reply.status, status, "%s %s %s: %d %s", method, path, body ? body : "",
		     reply.status, reply.body);
	json_t *json = json_loads(reply.body, JSON_DECODE_ANY, NULL);
	standin_reply_release(&reply);
	return json;
}

static void expect(const char *method, const char *path, const char *body, int status)
{
	json_decref(send_json(method, path, body, status));
}

static int number(const json_t *json, const char *name)
{
	return (int)json_integer_value(json_object_get(json, name));
}

#define DEFINITIONS "/api/v1/use_cases/definitions"

Test(standin_use_cases, defines_use_cases)
{
	expect("GET", DEFINITIONS "/triage", NULL, 404);
	expect("POST", DEFINITIONS, "{\"name\":\"triage\",\"description\":\"d\"}", 201);
	expect("POST", DEFINITIONS, "{\"name\":\"triage\",\"description\":\"d\"}", 200);
	expect("POST", DEFINITIONS, "{\"name\":\"triage\",\"description\":\"e\"}", 400);
	expect("POST", DEFINITIONS, "{\"name\":\"a b\",\"description\":\"d\"}", 400);
	expect("POST", DEFINITIONS, "{\"name\":\"x\"}", 400);
	expect("POST", DEFINITIONS, "{\"name\":\"x\",\"description\":\"d\",\"other\":1}", 400);
	expect("PUT", DEFINITIONS "/triage", "{\"description\":\"new\"}", 200);
	expect("PUT", DEFINITIONS "/triage", "{\"name\":\"new\"}", 400);
	expect("POST", DEFINITIONS "/triage/increment_version", NULL, 200);
	json_t *answer = send_json("GET", DEFINITIONS "/triage", NULL, 200);
	cr_expect_str_eq(json_string_value(json_object_get(answer, "description")), "new");
	cr_expect(number(answer, "type_version") == 2);
	json_decref(answer);
	expect("DELETE", DEFINITIONS "/triage", NULL, 200);
	expect("DELETE", DEFINITIONS "/triage", NULL, 404);
}

Test(standin_use_cases, lists_use_cases_page_by_page)
{
	expect("POST", DEFINITIONS, "{\"name\":\"a\",\"description\":\"d\"}", 201);
	expect("POST", DEFINITIONS, "{\"name\":\"b\",\"description\":\"d\"}", 201);
	expect("POST", DEFINITIONS, "{\"name\":\"c\",\"description\":\"d\"}", 201);
	json_t *page = send_json("GET", DEFINITIONS "?limit=2", NULL, 200);
	cr_expect(json_array_size(json_object_get(page, "items")) == 2);
	cr_expect_str_eq(json_string_value(json_object_get(page, "cursor")), "2");
	json_decref(page);
	page = send_json("GET", DEFINITIONS "?limit=2&cursor=2", NULL, 200);
	cr_expect(json_array_size(json_object_get(page, "items")) == 1);
	cr_expect(json_is_null(json_object_get(page, "cursor")));
	json_decref(page);
}

Test(standin_use_cases, makes_instances_with_ids_of_its_own)
{
	expect("POST", "/api/v1/use_cases/instances/a", NULL, 404);
	expect("POST", DEFINITIONS, "{\"name\":\"a\",\"description\":\"d\"}", 201);
	json_t *one = send_json("POST", "/api/v1/use_cases/instances/a", NULL, 200);
	json_t *two = send_json("POST", "/api/v1/use_cases/instances/a", NULL, 200);
	const char *id = json_string_value(json_object_get(one, "use_case_id"));
	cr_expect(strlen(id) == 36 && id[14] == '4');
	cr_expect_str_neq(id, json_string_value(json_object_get(two, "use_case_id")));
	cr_expect(number(one, "type_version") == 1);
	json_decref(one);
	json_decref(two);
}

Test(standin_use_cases, remembers_the_ids_it_gave)
{
	expect("POST", DEFINITIONS, "{\"name\":\"a\",\"description\":\"d\"}", 201);
	json_t *one = send_json("POST", "/api/v1/use_cases/instances/a", NULL, 200);
	char *text = standin_get(&standin, "/control/instances");
	json_t *all = json_loads(text, 0, NULL);
	const char *id = json_string_value(json_object_get(one, "use_case_id"));
	cr_expect_eq(json_object_size(all), 1);
	cr_expect_str_eq(json_string_value(json_object_get(all, id)), "a");
	cr_expect_eq(standin_stat(&standin, "instances"), 1);
	cr_expect_eq(standin_stat(&standin, "definitions"), 1);
	cr_assert_eq(standin_reset(&standin), 0);
	cr_expect_eq(standin_stat(&standin, "instances"), 0);
	json_decref(all);
	json_decref(one);
	free(text);
}

Test(standin_use_cases, faults_meet_definitions_and_instances_apart)
{
	cr_assert_eq(standin_faults(&standin, "[{\"on\":\"instances\",\"status\":500}]"), 0);
	expect("POST", DEFINITIONS, "{\"name\":\"a\",\"description\":\"d\"}", 201);
	expect("POST", "/api/v1/use_cases/instances/a", NULL, 500);
	expect("POST", "/api/v1/use_cases/instances/a", NULL, 200);
	cr_expect_eq(standin_faults(&standin, "[{\"on\":\"use_cases\"}]"), -1);
}

Test(standin_use_cases, takes_no_event_under_a_handle)
{
	json_t *answer = send_json("POST", "/api/v1/ingest/bulk",
				   "[{\"category\":\"c\",\"units\":{},"
				   "\"provider_response_id\":\"e\",\"use_case_name\":\"a\","
				   "\"use_case_id\":\"payi-handle-1\"}]",
				   400);
	cr_expect_eq(number(answer, "ingest_count"), 0);
	cr_expect_eq(standin_stat(&standin, "refused_codes.unresolved_handle"), 1);
	json_decref(answer);
}
