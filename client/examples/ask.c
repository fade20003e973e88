#include "ask.h"

#include <stdio.h>

size_t answer_units(const struct answer *answer, payi_units units[ANSWER_UNITS_MAX])
{
	size_t n = 0;
	if (answer->text_in || answer->text_out)
		units[n++] = (payi_units){"text", answer->text_in, answer->text_out};
	if (answer->cached_in)
		units[n++] = (payi_units){"text_cache_read", answer->cached_in, 0};
	if (answer->vision_in)
		units[n++] = (payi_units){"vision", answer->vision_in, 0};
	if (answer->reasoning_out)
		units[n++] = (payi_units){"reasoning", 0, answer->reasoning_out};
	return n;
}

void ask(payi_client *client, struct dice *dice, const struct prompt *prompt)
{
	const struct answer answer = provider_ask(dice, prompt);
	payi_units units[ANSWER_UNITS_MAX];
	payi_event event = PAYI_EVENT_INIT;
	event.category = answer.category;
	event.resource = answer.resource;
	event.units = units;
	event.n_units = answer_units(&answer, units);
	event.end_to_end_latency_ms = answer.latency_ms;
	event.http_status_code = answer.http_status;
	event.provider_response_id = answer.id; /* "": libpayi makes one */
	if (payi_track(client, &event) != PAYI_OK)
		fprintf(stderr, "not tracked: %s\n", payi_last_error());
}

payi_client *open_client(const char *app_name)
{
	payi_client_options options = PAYI_CLIENT_OPTIONS_INIT;
	payi_client *client;
	options.app_name = app_name;
	if (payi_client_open(&options, &client) != PAYI_OK)
		fprintf(stderr, "%s: going on without tracking: %s\n", app_name, payi_last_error());
	return client;
}
