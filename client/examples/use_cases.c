#include "use_cases.h"

#include "ask.h"

#include <inttypes.h>
#include <stdio.h>

const char *const use_case_names[N_USE_CASES] = {
	[DOCUMENT_CHATBOT] = "document_chatbot",
	[DOCUMENT_SUMMARIZATION] = "document_summarization",
	[SPAM_CLASSIFICATION] = "spam_classification",
	[TICKET_TRIAGE] = "ticket_triage",
};

/* Whom and what a request is for: the same for all its calls. */
struct request {
	enum use_case use_case;
	char id[64]; /* the use case id; "" for none */
	char user[32];
	const char *account;
	int version;               /* of the use case; 0 for none */
	const char *document_type; /* NULL for none */
};

/* ---- Tracking ------------------------------------------------------------------------------------- */

static void count(struct tally *tally, const struct answer *answer)
{
	tally->events++;
	tally->failures += answer->http_status != 200;
	tally->input_units += answer->text_in + answer->cached_in + answer->vision_in;
	tally->output_units += answer->text_out + answer->reasoning_out;
}

/* Tracking must never be what breaks the service: say what is wrong, not too often, and go on. */
static void complain(struct worker *worker, payi_status status)
{
	enum { COMPLAINTS_MAX = 3 };
	if (worker->n_troubles++ < COMPLAINTS_MAX)
		fprintf(stderr, "genai_service: not tracked: %s: %s\n", payi_status_text(status),
			payi_last_error());
}

/*
 * One call to a model becomes one event. Everything is borrowed for the duration of payi_track(), so all
 * of it may live on the stack; what is left out stays absent.
 */
static void track(struct worker *worker, const struct request *request, const char *step,
		  const struct answer *answer)
{
	payi_units units[ANSWER_UNITS_MAX];
	payi_property properties[3] = {{"environment", "example"}};
	size_t n_properties = 1;
	if (answer->failure) {
		properties[n_properties++] = (payi_property){"system.failure", answer->failure};
		properties[n_properties++] =
			(payi_property){"system.failure.description", answer->failure_text};
	}
	const payi_property use_case_properties[] = {{"document_type", request->document_type}};

	payi_event event = PAYI_EVENT_INIT;
	event.category = answer->category;
	event.resource = answer->resource;
	event.units = units;
	event.n_units = answer_units(answer, units);
	event.event_timestamp_us = worker->now_us; /* when the call began; 0 would be now */
	event.end_to_end_latency_ms = answer->latency_ms;
	if (answer->first_token_ms)
		event.time_to_first_token_ms = answer->first_token_ms;
	event.http_status_code = answer->http_status;
	event.provider_response_id = answer->id; /* "": libpayi makes one */
	event.use_case_name = use_case_names[request->use_case];
	event.use_case_id = request->id;
	event.use_case_step = step;
	if (request->version)
		event.use_case_version = request->version;
	event.use_case_properties = use_case_properties;
	event.n_use_case_properties = request->document_type ? 1 : 0;
	event.properties = properties;
	event.n_properties = n_properties;
	event.user_id = request->user;
	event.account_name = request->account;

	const payi_status status = payi_track(worker->client, &event);
	if (status == PAYI_OK)
		count(&worker->tally[request->use_case], answer);
	else
		complain(worker, status);
}

/* Asks the model, again if it fails, and tracks each attempt: failures take time, too. */
static void call(struct worker *worker, const struct request *request, const char *step,
		 const struct prompt *prompt)
{
	enum { ATTEMPTS_MAX = 3, BACK_OFF_US = 500000 };
	for (int attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
		const struct answer answer = provider_ask(&worker->dice, prompt);
		track(worker, request, step, &answer);
		worker->now_us += (int64_t)answer.latency_ms * 1000;
		if (answer.http_status == 200)
			return;
		worker->now_us += BACK_OFF_US << attempt;
	}
}

/* ---- Use cases ------------------------------------------------------------------------------------ */

static const char *const accounts[] = {"northwind", "contoso", "fabrikam"};

/* A request of some user, at some time. Users belong to one account each. */
static struct request begin(struct worker *worker, enum use_case use_case)
{
	enum { USERS = 40 };
	struct request request = {.use_case = use_case};
	const int user = dice_below(&worker->dice, USERS);
	snprintf(request.user, sizeof(request.user), "user-%02d", user);
	request.account = accounts[user % 3];
	const uint64_t span_us = (uint64_t)(worker->end_us - worker->begin_us);
	worker->now_us = worker->begin_us + (int64_t)(dice_bits(&worker->dice) % span_us);
	return request;
}

/* One document is one instance: its calls share the id, and each says which step it is. */
static void summarize_document(struct worker *worker)
{
	struct dice *dice = &worker->dice;
	struct request request = begin(worker, DOCUMENT_SUMMARIZATION);
	snprintf(request.id, sizeof(request.id), "document-%012" PRIx64, dice_bits(dice) >> 16);
	request.version = 2;
	request.document_type = dice_below(dice, 2) ? "contract" : "report";
	worker->tally[DOCUMENT_SUMMARIZATION].instances++;
	const bool scanned = dice_below(dice, 4) == 0;
	call(worker, &request, "outline",
	     &(struct prompt){GPT_4O_MINI, .prompt_tokens = scanned ? 200 : 6000,
			      .images = scanned ? 1 + dice_below(dice, 6) : 0,
			      .answer_tokens = 250});
	for (int sections = 1 + dice_below(dice, 3); sections > 0; sections--)
		call(worker, &request, "draft",
		     &(struct prompt){GPT_4O, .prompt_tokens = 2500, .answer_tokens = 600});
	call(worker, &request, "polish",
	     &(struct prompt){CLAUDE_SONNET_4, .prompt_tokens = 1800, .answer_tokens = 900});
}

/* A session is one instance. Each turn begins with what was said before, which the provider has cached. */
static void chat(struct worker *worker)
{
	enum { SYSTEM_PROMPT_TOKENS = 1024, TURN_TOKENS = 640, SECOND_US = 1000000 };
	struct dice *dice = &worker->dice;
	struct request request = begin(worker, DOCUMENT_CHATBOT);
	snprintf(request.id, sizeof(request.id), "session-%016" PRIx64, dice_bits(dice));
	worker->tally[DOCUMENT_CHATBOT].instances++;
	const int turns = 2 + dice_below(dice, 7);
	for (int turn = 0; turn < turns; turn++) {
		if (turn == 0)
			call(worker, &request, "retrieve",
			     &(struct prompt){NOVA_LITE, .prompt_tokens = 900,
					      .answer_tokens = 60});
		call(worker, &request, "answer",
		     &(struct prompt){GPT_4O, .prompt_tokens = 300,
				      .cached_tokens = SYSTEM_PROMPT_TOKENS + turn * TURN_TOKENS,
				      .answer_tokens = 220, .streamed = true});
		worker->now_us += (int64_t)dice_log_normal(dice, 45, 0.8) * SECOND_US;
	}
}

/* The id is the ticket's own number, so what comes back days later, in any process, adds to one instance. */
static void triage_ticket(struct worker *worker)
{
	enum { TICKETS = 64, FIRST_TICKET = 4700 };
	struct dice *dice = &worker->dice;
	struct request request = begin(worker, TICKET_TRIAGE);
	const int ticket = dice_below(dice, TICKETS);
	snprintf(request.id, sizeof(request.id), "ticket-%d", FIRST_TICKET + ticket);
	request.version = 1;
	worker->tally[TICKET_TRIAGE].tickets |= (uint64_t)1 << ticket;
	call(worker, &request, "classify",
	     &(struct prompt){GPT_4O_MINI, .prompt_tokens = 700, .answer_tokens = 15});
	if (dice_below(dice, 3) > 0)
		call(worker, &request, "reply",
		     &(struct prompt){O4_MINI, .prompt_tokens = 1500, .answer_tokens = 180});
}

static void classify_spam(struct worker *worker)
{
	const struct request request = begin(worker, SPAM_CLASSIFICATION);
	worker->tally[SPAM_CLASSIFICATION].instances = 1;
	call(worker, &request, NULL,
	     &(struct prompt){NOVA_LITE, .prompt_tokens = 350, .answer_tokens = 3});
}

void serve_request(struct worker *worker)
{
	const int kind = dice_below(&worker->dice, 10);
	if (kind < 3)
		summarize_document(worker);
	else if (kind < 5)
		chat(worker);
	else if (kind < 8)
		triage_ticket(worker);
	else
		classify_spam(worker);
}
