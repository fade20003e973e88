/*
 * An id that the service gives. Asking for it, keeping it, and sending it with every event is left to the agent: the
 * application uses a handle, at once and for ever, also in other processes and while there is no network.
 */
#include "ask.h"

#include <stdio.h>

int main(int argc, char **argv)
{
	char handle[PAYI_USE_CASE_ID_MAX] = "";
	struct dice dice = {7};
	payi_client *client = open_client("service_given_id");
	if (payi_use_case_define(client, "contract_review",
				 "Reviews a contract, clause by clause") != PAYI_OK)
		fprintf(stderr, "not defined: %s\n", payi_last_error());
	if (argc > 1)
		snprintf(handle, sizeof(handle), "%s",
			 argv[1]); /* of an earlier run of this program */
	else if (payi_use_case_request(client, "contract_review", handle) != PAYI_OK)
		fprintf(stderr, "not requested: %s\n", payi_last_error());
	PAYI_TRACK_CONTEXT (client, .use_case_name = "contract_review", .use_case_id = handle)
		for (int clause = 0; clause < 3; clause++)
			ask(client, &dice,
			    &(struct prompt){O4_MINI, .prompt_tokens = 1500, .answer_tokens = 180});
	printf("%s\n", handle);
	payi_client_close(client);
	return 0;
}
