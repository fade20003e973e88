/*
 * A scope: everything that is called to summarize one document is one run of document_summarization. Its id is made
 * when the block is entered; nobody has to think of one, or to pass it on.
 */
#include "ask.h"

#include <stdio.h>

static payi_client *client;

/* Deep in the program, far from where the use case is named. */
static void draft_section(struct dice *dice)
{
	ask(client, dice, &(struct prompt){GPT_4O, .prompt_tokens = 2500, .answer_tokens = 600});
}

static void summarize(const char *document, struct dice *dice)
{
	PAYI_TRACK_CONTEXT (client, .use_case_name = "document_summarization", .user_id = "ada") {
		ask(client, dice,
		    &(struct prompt){GPT_4O_MINI, .prompt_tokens = 6000, .answer_tokens = 250});
		PAYI_TRACK_CONTEXT (client, .use_case_step = "draft")
			for (int section = 0; section < 3; section++)
				draft_section(dice);
		printf("%s: run %s\n", document, payi_current_use_case_id(client));
	}
}

int main(void)
{
	struct dice dice = {1};
	client = open_client("one_shot");
	summarize("contract.pdf", &dice);
	summarize("report.pdf", &dice);
	payi_client_close(client);
	return 0;
}
