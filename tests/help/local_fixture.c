#include "help/local_fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>

struct help_site local_site;
const char *const local_tcp[] = {"--http-listen=127.0.0.1:0", NULL};

void local_set_up(void)
{
	help_site_make(&local_site);
}

void local_tear_down(void)
{
	help_site_remove(&local_site);
}

payi_client *local_client(void)
{
	payi_client *client;
	cr_assert(payi_client_open(NULL, &client) == PAYI_OK, "%s", payi_last_error());
	return client;
}

void local_track(payi_client *client, int from, int to)
{
	for (int i = from; i < to; i++) {
		char id[32];
		const payi_units units[] = {{"text", i, 1}};
		payi_event event = PAYI_EVENT_INIT;
		snprintf(id, sizeof(id), "ticket-%d", i % 13);
		event.category = i % 3 ? "system.openai" : "system.anthropic";
		event.resource = i % 2 ? "gpt-4o" : "claude";
		event.event_timestamp_us = 1764000000000000 + i * INT64_C(60000000);
		event.units = units;
		event.n_units = 1;
		event.use_case_name = i % 5 ? "triage" : "support";
		event.use_case_id = id;
		cr_assert(payi_track(client, &event) == PAYI_OK, "%s", payi_last_error());
	}
	cr_assert(payi_flush(client, 20000) == PAYI_OK, "%s", payi_last_error());
}

int local_status(int fd, const char *request)
{
	struct local_reply reply;
	local_exchange(fd, request, &reply);
	const int status = reply.status;
	local_release(&reply);
	return status;
}
