/* The least there is to know: open a client, name the use case, fill in an event, track it. */
#include <payi/payi.h>
#include <stdio.h>

int main(void)
{
	payi_client *client;
	if (payi_client_open(NULL, &client) != PAYI_OK) {
		fprintf(stderr, "payi: %s\n", payi_last_error());
		return 1;
	}
	payi_status status = PAYI_OK;
	PAYI_TRACK_CONTEXT (client, .use_case_name = "document_summarization", .user_id = "ada") {
		const payi_units units[] = {{"text", 1200, 300}}; /* input, output */
		payi_event event = PAYI_EVENT_INIT;
		event.category = "system.openai";
		event.resource = "gpt-4o";
		event.units = units;
		event.n_units = 1;
		status = payi_track(client, &event);
	}
	if (status != PAYI_OK)
		fprintf(stderr, "payi: %s\n", payi_last_error());
	payi_client_close(client);
	return status != PAYI_OK;
}
