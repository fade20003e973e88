#include "sink/payi/asks.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdio.h>

enum { MESSAGE_BYTES_MAX = 200 }; /* of the service's, in a text for people */

int asks_init(struct asks *asks, const struct asks_links *links)
{
	*asks = (struct asks){.links = *links};
	endpoint_init(&asks->breaker);
	return ask_table_init(&asks->table, asks);
}

void asks_release(struct asks *asks)
{
	ask_table_release(&asks->table);
}

/* ---- Outcomes --------------------------------------------------------------------------------------- */

static struct asks *owner_of(const struct ask_entry *entry)
{
	return entry->owner;
}

static void say(const struct ask_entry *entry, const struct ask_answer *answer, int http_status,
		int64_t wall_us)
{
	char text[STATUS_ERROR_BYTES];
	char status[32] = "";
	const char *name = entry->ask.what.use_case_name;
	const char *code = answer->code ? answer->code : "";
	const char *message = answer->message ? answer->message : "";
	if (http_status)
		snprintf(status, sizeof(status), ": status %d", http_status);
	const bool prices = entry->ask.what.kind == SINK_ASK_PRICES;
	snprintf(text, sizeof(text), "%s %s%s%s%s%s%s%s%.*s", prices ? "prices of" : "use case",
		 name, prices ? " " : "", prices ? entry->ask.what.description : "", status,
		 code[0] ? " " : "", code, message[0] ? ": " : "",
		 (int)reply_text_cut(message, MESSAGE_BYTES_MAX), message);
	if (prices && answer->verdict != ASK_KEY) {
		log_info("sink: no prices from the service", LOG_STR("reason", text), LOG_END);
		return; /* nothing waits for them */
	}
	status_error(owner_of(entry)->links.status, text, wall_us);
	if (answer->verdict == ASK_KEY)
		return; /* which is said once, by the status */
	if (answer->verdict == ASK_DEAD)
		log_warn("sink: the service refuses a use case", LOG_STR("reason", text), LOG_END);
	else
		log_info("sink: a use case is asked for again later", LOG_STR("reason", text),
			 LOG_END);
}

static void settle(struct ask_entry *entry, const struct ask_answer *answer,
		   enum sink_verdict verdict, int http_status, int64_t retry_us)
{
	const struct sink_host *host = owner_of(entry)->links.host;
	const bool done = verdict == SINK_DELIVERED;
	const struct sink_ask *what = &entry->ask.what;
	entry->state = ENTRY_SETTLED;
	entry->settled_us = clock_boot_us();
	host->settle_ask(
		host->context,
		&(struct sink_ask_outcome){
			.kind = what->kind,
			.key = what->key,
			.verdict = verdict,
			.given_id = answer->given_id,
			.prices = answer->prices,
			.description = what->kind == SINK_ASK_DEFINE ? what->description : NULL,
			.http_status = http_status,
			.retry_us = retry_us,
			.code = done ? NULL : answer->code,
			.message = done ? NULL : answer->message,
		});
}

static int64_t later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* The service spoke, and is well; whatever it said of this ask. */
static void note_alive(struct ask_entry *entry)
{
	endpoint_alive(owner_of(entry)->links.endpoint, entry->probe);
	endpoint_alive(&owner_of(entry)->breaker, entry->breaker_probe);
}

/*
 * The batches find out themselves whether the service is in trouble for them, too: only what it says
 * of waiting is passed on.
 */
static void note_trouble(struct ask_entry *entry, int64_t retry_after_us, int64_t now_us)
{
	struct asks *asks = entry->owner;
	const bool prices = entry->ask.what.kind == SINK_ASK_PRICES;
	if (!prices ||
	    entry->breaker_probe) /* ids and definitions shall not wait for want of prices */
		endpoint_failed(&asks->breaker, entry->breaker_probe, retry_after_us, now_us);
	if (retry_after_us >= 0)
		endpoint_failed(asks->links.endpoint, entry->probe, retry_after_us, now_us);
}

/* What the service says of waiting the endpoint obeys in full, however long it is. */
static void defer(struct ask_entry *entry, const struct ask_answer *answer,
		  const struct http_answer *http, int64_t wall_us)
{
	int64_t wait_us = later(http->retry_after_us, endpoint_defer_us(entry->ask.what.attempts));
	if (wait_us > SINK_ASK_WAIT_MAX_US)
		wait_us = SINK_ASK_WAIT_MAX_US;
	say(entry, answer, http->status, wall_us);
	settle(entry, answer, SINK_DEFERRED, http->status, wall_us + wait_us);
}

static void done(struct ask_entry *entry, const struct ask_answer *answer,
		 const struct http_answer *http, int64_t wall_us)
{
	status_success(owner_of(entry)->links.status, wall_us);
	if (entry->ask.what.kind == SINK_ASK_DEFINE)
		log_info("sink: a use case is defined at the service",
			 LOG_STR("use_case", entry->ask.what.use_case_name), LOG_END);
	settle(entry, answer, SINK_DELIVERED, http->status, 0);
}

/* The asks' own breaker waits as well: should the key be good for events, they shall not stop for long. */
static void hold_for_key(struct ask_entry *entry, const struct ask_answer *answer,
			 const struct http_answer *http, int64_t now_us, int64_t wall_us)
{
	struct asks *asks = entry->owner;
	ask_restart(&entry->ask);
	endpoint_hold(asks->links.endpoint, ENDPOINT_KEY_REFUSED, http->retry_after_us, now_us);
	endpoint_failed(&asks->breaker, entry->breaker_probe, -1, now_us);
	say(entry, answer, http->status, wall_us);
}

/* A list without an end is the service's mistake: what there is of it is better than none. */
static void turn_page(struct ask_entry *entry, struct ask_answer *answer)
{
	if (answer->cursor && entry->ask.n_pages + 1 >= ASK_PAGES_MAX) {
		log_warn("sink: the list of prices is longer than what is read of it",
			 LOG_STR("resource", entry->ask.what.description),
			 LOG_INT("pages", ASK_PAGES_MAX), LOG_END);
		answer->cursor = NULL;
		answer->verdict = ASK_DONE;
	}
	if (ask_turn_page(&entry->ask, answer))
		return;
	answer->verdict = ASK_LATER;
	answer->message = "out of memory";
}

static void act(struct ask_entry *entry, struct ask_answer *answer, const struct http_answer *http)
{
	if (answer->prices)
		turn_page(entry, answer);
	const int64_t now_us = clock_boot_us();
	const int64_t wall_us = clock_wall_us();
	switch (answer->verdict) {
	case ASK_DONE:
		note_alive(entry);
		done(entry, answer, http, wall_us);
		break;
	case ASK_NEXT:
		note_alive(entry);
		ask_advance(&entry->ask);
		break;
	case ASK_LATER:
		note_alive(entry);
		defer(entry, answer, http, wall_us);
		break;
	case ASK_TROUBLE:
		note_trouble(entry, http->retry_after_us, now_us);
		defer(entry, answer, http, wall_us);
		break;
	case ASK_KEY:
		hold_for_key(entry, answer, http, now_us, wall_us);
		break;
	case ASK_DEAD:
		note_alive(entry);
		say(entry, answer, http->status, wall_us);
		settle(entry, answer, SINK_DEAD, http->status, 0);
		break;
	}
}

static void on_answer(void *ctx, const struct http_answer *http)
{
	struct ask_entry *entry = ctx;
	struct asks *asks = entry->owner;
	struct ask_answer answer;
	asks->n_under_way--;
	entry->state = ENTRY_WAITING;
	asks->links.moved(asks->links.ctx);
	const bool key_was_old = entry->generation != asks->links.service->key.generation;
	if (key_was_old && (http->status == 401 || http->status == 403))
		return; /* it goes again with the new one */
	ask_answer_read(&answer, entry->ask.step, entry->ask.what.description, http);
	act(entry, &answer, http);
	ask_answer_release(&answer);
}

/* ---- Sending ---------------------------------------------------------------------------------------- */

static void send_one(struct ask_entry *entry, int64_t now_us, int64_t wall_us)
{
	struct asks *asks = entry->owner;
	struct err err;
	const char *refusal = ask_refusal(&entry->ask);
	if (refusal) {
		const struct ask_answer answer = {
			.verdict = ASK_DEAD, .code = "invalid_use_case_name", .message = refusal};
		say(entry, &answer, 0, wall_us);
		settle(entry, &answer, SINK_DEAD, 0, 0);
		return;
	}
	entry->probe = endpoint_is_probing(asks->links.endpoint);
	entry->breaker_probe = endpoint_is_probing(&asks->breaker);
	entry->generation = asks->links.service->key.generation;
	if (!ask_send(&entry->ask, asks->links.service, on_answer, entry, &err)) {
		ask_table_sending(&asks->table, entry);
		asks->n_under_way++;
		return;
	}
	status_error(asks->links.status, err.text, wall_us);
	endpoint_failed(&asks->breaker, entry->breaker_probe, -1, now_us);
}

/* A new key may be good where the old one was not. */
static void notice_key(struct asks *asks, int64_t now_us)
{
	const uint32_t generation = asks->links.service->key.generation;
	if (generation != asks->key_generation)
		endpoint_new_key(&asks->breaker, now_us);
	asks->key_generation = generation;
}

/* Not before this time, by the state alone; INT64_MAX: an answer has to come first. */
static int64_t may_send_us(const struct asks *asks, int n_batches)
{
	const struct endpoint *endpoint = asks->links.endpoint;
	const struct endpoint *breaker = &asks->breaker;
	int64_t at_us = 0;
	if (asks->stopping || asks->n_under_way >= ASKS_AT_ONCE)
		return INT64_MAX;
	if (breaker->state != ENDPOINT_UP) {
		if (asks->n_under_way > 0)
			return INT64_MAX;
		at_us = breaker->next_try_us;
	}
	if (endpoint->state != ENDPOINT_UP) {
		if (asks->n_under_way + n_batches > 0)
			return INT64_MAX;
		at_us = later(at_us, endpoint->next_try_us);
	}
	return at_us;
}

void asks_work(struct asks *asks, int n_batches, int64_t now_us, int64_t wall_us)
{
	if (!asks->links.host->fetch_asks)
		return;
	notice_key(asks, now_us);
	while (may_send_us(asks, n_batches) <= now_us) {
		struct ask_entry *entry = ask_table_next(&asks->table);
		if (entry) {
			send_one(entry, now_us, wall_us);
			continue;
		}
		if (now_us < asks->table.look_us)
			return;
		ask_table_look(&asks->table, asks->links.host, now_us, wall_us);
	}
}

void asks_wake(struct asks *asks)
{
	ask_table_wake(&asks->table);
}

int64_t asks_due_us(const struct asks *asks, int n_batches)
{
	if (!asks->links.host->fetch_asks)
		return INT64_MAX;
	const int64_t may_us = may_send_us(asks, n_batches);
	return ask_table_next(&asks->table) ? may_us : later(may_us, asks->table.look_us);
}
