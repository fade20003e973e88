#include "bench/sample.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>

payi_event sample_bare(void)
{
	static const payi_units units[] = {{"text", 1200, 300}};
	payi_event event = PAYI_EVENT_INIT;
	event.category = "system.openai";
	event.units = units;
	event.n_units = 1;
	return event;
}

payi_event sample_full(void)
{
	payi_event event = sample_bare();
	event.resource = "gpt-4o";
	event.end_to_end_latency_ms = 2150;
	event.time_to_first_token_ms = 430;
	event.http_status_code = 200;
	event.use_case_name = "document_summarization";
	event.use_case_id = "document-4711-2025";
	event.use_case_step = "outline";
	event.user_id = "user-0042";
	return event;
}

payi_event sample_within(void)
{
	payi_event event = sample_full();
	event.use_case_name = NULL;
	event.use_case_id = NULL;
	event.user_id = NULL;
	return event;
}

payi_track_context sample_context(void)
{
	const payi_event event = sample_full();
	payi_track_context context = PAYI_TRACK_CONTEXT_INIT;
	context.use_case_name = event.use_case_name;
	context.use_case_id = event.use_case_id;
	context.user_id = event.user_id;
	return context;
}

/* SplitMix64's scrambling: neighbours have nothing in common. */
static uint64_t scramble(uint64_t i)
{
	uint64_t bits = (i + 1) * 0x9e3779b97f4a7c15u;
	bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9u;
	bits = (bits ^ (bits >> 27)) * 0x94d049bb133111ebu;
	return bits ^ (bits >> 31);
}

struct instance {
	const char *use_case;
	char id[32];
	char user[32]; /* its user; of one that returns, one of its two users */
};

static struct instance choose_instance(enum sample_instances instances, uint64_t i)
{
	static const char *const use_cases[] = {"document_summarization", "document_chatbot",
						"ticket_triage"};
	enum { FEW = 33, MANY = 2000, AT_ONCE = 8, EVENTS_OF_EACH = 8, USERS = 50 };
	/* NEW: of every 64 events in a row 8 belong to each of 8 instances, in turns. */
	const uint64_t new = scramble(i / (AT_ONCE * EVENTS_OF_EACH) * AT_ONCE + i % AT_ONCE);
	const uint64_t bits = scramble(i);
	const uint64_t kind = instances == SAMPLE_NEW ? (new >> 50) % 10 / 4 : (bits >> 50) % 3;
	const bool once = instances == SAMPLE_ONCE;
	const bool returns = !once && (instances != SAMPLE_NEW || kind == 2);
	const uint64_t fresh = once ? bits : new;
	const uint64_t number = returns ? bits % (instances == SAMPLE_FEW ? FEW : MANY) : fresh;
	struct instance instance = {.use_case = use_cases[kind]};
	snprintf(instance.id, sizeof(instance.id), "instance-%" PRIu64, number);
	snprintf(instance.user, sizeof(instance.user), "user-%" PRIu64,
		 (number + (returns ? bits >> 63 : 0)) % USERS);
	return instance;
}

payi_status sample_track(payi_client *client, enum sample_instances instances, uint64_t i)
{
	const int64_t begin_s =
		(int64_t)time(NULL) - 86400; /* summaries of long ago are not kept */
	return sample_track_at(client, instances, i, (begin_s * 1000 + (int64_t)i) * 1000);
}

payi_status sample_track_at(payi_client *client, enum sample_instances instances, uint64_t i,
			    int64_t time_us)
{
	static const char *const models[] = {"gpt-4o", "gpt-4o-mini", "o4-mini", "gpt-4.1"};
	static const char *const steps[] = {"outline", "draft", "polish"};
	const uint64_t bits = scramble(i);
	const payi_units units[] = {{"text", (int64_t)(bits % 4000), (int64_t)(bits >> 20) % 900},
				    {"text_cache_read", 1024, PAYI_UNSET_UNITS}};
	const struct instance instance = choose_instance(instances, i);
	payi_event event = sample_full();
	event.use_case_name = instance.use_case;
	event.use_case_id = instance.id;
	event.use_case_step = steps[(bits >> 38) % 3];
	event.user_id = instance.user;
	event.event_timestamp_us = time_us;
	event.resource = models[(bits >> 12) % 4];
	event.units = units;
	event.n_units = 1 + (bits >> 16) % 2;
	event.end_to_end_latency_ms = (int32_t)((bits >> 24) % 8000);
	event.http_status_code = (bits >> 30) % 50 ? 200 : 500;
	return payi_track(client, &event);
}
