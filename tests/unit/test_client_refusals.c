/* libpayi: bad input is refused at the call, by name, and leaves nothing. */
#include "help/client_fixture.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(client_refusals, .init = client_set_up, .fini = client_tear_down);

/* ---- Refusals ------------------------------------------------------------------------------------- */

static void refused(payi_client *client, const payi_event *event, const char *words)
{
	cr_assert(payi_track(client, event) == PAYI_ERR_INVALID, "taken, though: %s", words);
	cr_assert(strstr(payi_last_error(), words), "\"%s\" does not say \"%s\"", payi_last_error(),
		  words);
}

static void refused_units(payi_client *client, const payi_units *units, size_t n, const char *words)
{
	payi_event event = client_small_event();
	event.units = units;
	event.n_units = n;
	refused(client, &event, words);
}

Test(client_refusals, refuses_bad_units_by_name)
{
	payi_client *client = client_open(0);
	refused_units(client, (payi_units[]){{"text", -5, 0}}, 1, "units[0].input is -5");
	refused_units(client, (payi_units[]){{"text", 0, 2147483648}}, 1,
		      "units[0].output is 2147483648");
	refused_units(client, (payi_units[]){{"a", 1, 1}, {"", 1, 1}}, 2, "units[1].type is empty");
	refused_units(client, (payi_units[]){{NULL, 1, 1}}, 1, "units[0].type is empty");
	refused_units(client, (payi_units[]){{"a", 1, 1}, {"a", 1, 1}}, 2, "units[1] repeats 'a'");
	refused_units(client, (payi_units[]){{"\xff", 1, 1}}, 1,
		      "units[0].type is not valid UTF-8");
	refused_units(client, NULL, 1, "units is NULL");
	refused_units(client, (payi_units[]){{"text", 1, 1}}, 65, "n_units is 65");
	payi_client_close(client);
}

Test(client_refusals, refuses_bad_fields_by_name)
{
	payi_client *client = client_open(0);
	payi_event event = client_small_event();
	event.category = NULL;
	refused(client, &event, "category is missing");
	event.category = "";
	refused(client, &event, "category is missing");
	event = client_small_event();
	event.event_timestamp_us = -1;
	refused(client, &event, "event_timestamp_us is -1");
	event = client_small_event();
	event.resource = "ab\xc3(";
	refused(client, &event, "resource is not valid UTF-8");
	event.resource = "\xed\xa0\x80"; /* a surrogate */
	refused(client, &event, "resource is not valid UTF-8");
	event.resource = "\xc0\xaf"; /* overlong */
	refused(client, &event, "resource is not valid UTF-8");
	char long_text[1026];
	memset(long_text, 'x', sizeof(long_text) - 1);
	long_text[1025] = '\0';
	event.resource = long_text;
	refused(client, &event, "resource is longer than 1024");
	event = client_small_event();
	event.size = 8;
	refused(client, &event, "event.size is 8");
	event.size = sizeof(event) + 8;
	cr_assert(payi_track(client, &event) == PAYI_ERR_VERSION);
	cr_assert(strstr(payi_last_error(), "newer payi.h"), "%s", payi_last_error());
	refused(client, NULL, "NULL");
	payi_client_close(client);
}

Test(client_refusals, refuses_bad_use_cases_by_name)
{
	payi_client *client = client_open(0);
	payi_event event = client_small_event();
	event.use_case_name = "has space";
	refused(client, &event, "use_case_name is 'has space'");
	event.use_case_name = "0123456789012345678901234567890123456789012345678901234567890123x";
	refused(client, &event, "use_case_name");
	event.use_case_name = NULL;
	event.use_case_id = "x";
	refused(client, &event, "use_case_id is set");
	event.use_case_id = NULL;
	event.use_case_step = "x";
	refused(client, &event, "use_case_step is set");
	event.use_case_step = NULL;
	event.use_case_version = 1;
	refused(client, &event, "use_case_version is set");
	event.use_case_version = PAYI_UNSET;
	event.use_case_properties = (payi_property[]){{"a", "b"}};
	event.n_use_case_properties = 1;
	refused(client, &event, "use_case_properties is set");
	payi_client_close(client);
}

Test(client_refusals, refuses_bad_lists_by_name)
{
	payi_client *client = client_open(0);
	payi_event event = client_small_event();
	event.properties = (payi_property[]){{"a", "1"}, {"b", "2"}, {"a", "3"}};
	event.n_properties = 3;
	refused(client, &event, "properties[2] repeats 'a'");
	event.properties = (payi_property[]){{"a", "\x80"}};
	event.n_properties = 1;
	refused(client, &event, "properties[0].value is not valid UTF-8");
	event = client_small_event();
	event.limit_ids = (const char *const[]){"1", "2,3"};
	event.n_limit_ids = 2;
	refused(client, &event, "limit_ids[1] is '2,3'");
	event = client_small_event();
	event.provider_response_headers = (payi_header[]){{"", "x"}};
	event.n_provider_response_headers = 1;
	refused(client, &event, "provider_response_headers[0].name is empty");
	event = client_small_event();
	event.n_provider_response_json = 1;
	refused(client, &event, "provider_response_json is NULL");
	payi_client_close(client);
}

Test(client_refusals, refused_events_leave_nothing_but_a_count)
{
	payi_client *client = client_open(0);
	payi_event event = client_small_event();
	cr_assert(payi_track(client, &event) == PAYI_OK);
	event.resource = "\xff";
	for (int i = 0; i < 5; i++)
		cr_assert(payi_track(client, &event) == PAYI_ERR_INVALID);
	event.resource = "fine";
	cr_assert(payi_track(client, &event) == PAYI_OK);
	payi_client_stats stats = PAYI_CLIENT_STATS_INIT;
	cr_assert(payi_client_stats_get(client, &stats) == PAYI_OK);
	cr_assert_eq(stats.attempted, 7);
	cr_assert_eq(stats.tracked, 2);
	cr_assert_eq(stats.refused, 5);
	struct ring_view view;
	ring_view_open(&view, client_site.rings, 0);
	cr_assert_eq(ring_view_each(&view, NULL, NULL), 2);
	client_check_accounts(&view, 2);
	ring_view_close(&view);
	payi_client_close(client);
}
