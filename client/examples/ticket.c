/*
 * A ticket that is worked on over days, each time by another process: all of it is one run of ticket_triage, as the
 * ticket's number is its use_case_id.
 *
 *     ticket 4711 classify          on Monday
 *     ticket 4711 reply             on Tuesday
 *     ticket 4711 reply             on Friday, when the customer has written again
 *     payi-agent use-cases --id ticket-4711
 */
#include "ask.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
	if (argc != 3) {
		fputs("Usage: ticket NUMBER STEP\n", stderr);
		return 2;
	}
	char id[64];
	snprintf(id, sizeof(id), "ticket-%.40s", argv[1]);
	struct dice dice = {(uint64_t)strlen(argv[2])};
	payi_client *client = open_client("ticket");
	PAYI_TRACK_CONTEXT (client, .use_case_name = "ticket_triage", .use_case_id = id,
			    .use_case_step = argv[2], .use_case_version = 1) {
		ask(client, &dice,
		    &(struct prompt){GPT_4O_MINI, .prompt_tokens = 700, .answer_tokens = 60});
		printf("%s: %s\n", id, argv[2]);
	}
	payi_client_close(client);
	return 0;
}
