#include "standin/ledger.h"

#include "standin/digest.h"
#include "standin/rfc3339.h"
#include "standin/validate.h"

#include <stdlib.h>
#include <string.h>

enum { ABSENT = -1 };

struct ledger_unit {
	uint32_t type;
	int32_t input, output; /* or ABSENT */
};

struct ledger_event {
	uint64_t digest; /* of the first body */
	int64_t event_us;
	const char *id;
	const struct ledger_unit *units;
	const char *body; /* NULL unless bodies are kept */
	uint32_t category, use_case_name, use_case_id, user_id;
	uint32_t n_units, n_sends;
};

struct ledger_key {
	const char *category, *id;
};

static bool is_event(const void *owner, uint32_t row, const void *key)
{
	const struct ledger *ledger = owner;
	const struct ledger_event *event = &ledger->events[row];
	const struct ledger_key *sought = key;
	return strcmp(event->id, sought->id) == 0 &&
	       strcmp(strings_text(&ledger->names, event->category), sought->category) == 0;
}

static uint64_t hash_key(const struct ledger_key *key)
{
	const uint64_t category = digest_bytes(0, key->category, strlen(key->category));
	return digest_bytes(category, key->id, strlen(key->id));
}

static uint32_t find(const struct ledger *ledger, uint64_t hash, const struct ledger_key *key)
{
	return index_find(&ledger->by_id, hash, is_event, ledger, key);
}

uint32_t ledger_find(const struct ledger *ledger, const char *category, const char *id)
{
	const struct ledger_key key = {category, id};
	return find(ledger, hash_key(&key), &key);
}

uint32_t ledger_find_id(const struct ledger *ledger, const char *id)
{
	for (uint32_t row = 0; row < ledger->n_events; row++)
		if (strcmp(ledger->events[row].id, id) == 0)
			return row;
	return LEDGER_UNKNOWN;
}

/* ---- Taking --------------------------------------------------------------------------------------- */

static const char *text_of(const json_t *item, const char *name)
{
	return json_string_value(json_object_get(item, name));
}

static const char *kept_text(struct ledger *ledger, const char *text)
{
	const size_t bytes = strlen(text) + 1;
	return memcpy(arena_get(&ledger->arena, bytes), text, bytes);
}

static const char *kept_body(struct ledger *ledger, const json_t *item)
{
	if (!ledger->keep_bodies)
		return NULL;
	char *text = json_dumps(item, JSON_COMPACT);
	const char *kept = kept_text(ledger, text);
	free(text);
	return kept;
}

static int32_t count_of(const json_t *counts, const char *side)
{
	const json_t *count = json_object_get(counts, side);
	return count ? (int32_t)json_integer_value(count) : ABSENT;
}

static struct ledger_sum *sum_of(struct ledger *ledger, uint32_t type)
{
	if (type >= ledger->n_sums) {
		const uint32_t n = type + 64;
		ledger->sums = memory_resized(ledger->sums, n, sizeof(ledger->sums[0]));
		memset(&ledger->sums[ledger->n_sums], 0,
		       (n - ledger->n_sums) * sizeof(ledger->sums[0]));
		ledger->n_sums = n;
	}
	return &ledger->sums[type];
}

static void keep_units(struct ledger *ledger, struct ledger_event *event, json_t *units)
{
	struct ledger_unit *kept =
		arena_get(&ledger->arena, json_object_size(units) * sizeof(kept[0]));
	const char *name;
	json_t *counts;
	event->units = kept;
	json_object_foreach(units, name, counts)
	{
		kept->type = strings_number(&ledger->names, name);
		kept->input = count_of(counts, "input");
		kept->output = count_of(counts, "output");
		struct ledger_sum *sum = sum_of(ledger, kept->type);
		sum->input += kept->input > 0 ? kept->input : 0;
		sum->output += kept->output > 0 ? kept->output : 0;
		kept++;
		event->n_units++;
	}
}

static struct ledger_event *next_row(struct ledger *ledger)
{
	if (ledger->n_events == ledger->capacity) {
		ledger->capacity = ledger->capacity ? ledger->capacity * 2 : 1024;
		ledger->events =
			memory_resized(ledger->events, ledger->capacity, sizeof(ledger->events[0]));
	}
	return &ledger->events[ledger->n_events++];
}

static enum ledger_outcome add_again(struct ledger *ledger, uint32_t row, uint64_t digest)
{
	struct ledger_event *event = &ledger->events[row];
	event->n_sends++;
	if (event->digest == digest) {
		ledger->duplicates_same++;
		return LEDGER_SAME;
	}
	ledger->duplicates_different++;
	return LEDGER_DIFFERENT;
}

enum ledger_outcome ledger_add(struct ledger *ledger, const json_t *item, uint64_t digest,
			       int64_t event_us)
{
	const struct ledger_key key = {text_of(item, "category"),
				       text_of(item, "provider_response_id")};
	const uint64_t hash = hash_key(&key);
	const uint32_t row = find(ledger, hash, &key);
	if (row != LEDGER_UNKNOWN)
		return add_again(ledger, row, digest);
	index_add(&ledger->by_id, hash, ledger->n_events);
	struct ledger_event *event = next_row(ledger);
	*event = (struct ledger_event){
		.digest = digest,
		.event_us = event_us,
		.id = kept_text(ledger, key.id),
		.body = kept_body(ledger, item),
		.category = strings_number(&ledger->names, key.category),
		.use_case_name = strings_number(&ledger->names, text_of(item, "use_case_name")),
		.use_case_id = strings_number(&ledger->names, text_of(item, "use_case_id")),
		.user_id = strings_number(&ledger->names, text_of(item, "user_id")),
		.n_sends = 1,
	};
	keep_units(ledger, event, json_object_get(item, "units"));
	return LEDGER_NEW;
}

/* ---- Showing -------------------------------------------------------------------------------------- */

static json_t *counts_json(int64_t input, int64_t output)
{
	json_t *counts = json_object();
	if (input != ABSENT)
		json_object_set_new(counts, "input", json_integer(input));
	if (output != ABSENT)
		json_object_set_new(counts, "output", json_integer(output));
	return counts;
}

static void set_name(const struct ledger *ledger, json_t *json, const char *member, uint32_t number)
{
	if (number != STRINGS_NONE)
		json_object_set_new(json, member,
				    json_string(strings_text(&ledger->names, number)));
}

json_t *ledger_event_json(const struct ledger *ledger, uint32_t row)
{
	const struct ledger_event *event = &ledger->events[row];
	json_t *json = json_object();
	json_t *units = json_object();
	json_object_set_new(json, "number", json_integer((json_int_t)row + 1));
	json_object_set_new(json, "provider_response_id", json_string(event->id));
	set_name(ledger, json, "category", event->category);
	set_name(ledger, json, "use_case_name", event->use_case_name);
	set_name(ledger, json, "use_case_id", event->use_case_id);
	set_name(ledger, json, "user_id", event->user_id);
	for (uint32_t i = 0; i < event->n_units; i++)
		json_object_set_new(units, strings_text(&ledger->names, event->units[i].type),
				    counts_json(event->units[i].input, event->units[i].output));
	json_object_set_new(json, "units", units);
	if (event->event_us != VALIDATE_NO_TIME) {
		char text[RFC3339_BYTES];
		rfc3339_write(text, event->event_us);
		json_object_set_new(json, "event_timestamp", json_string(text));
	}
	json_object_set_new(json, "sends", json_integer(event->n_sends));
	return json;
}

json_t *ledger_body_json(const struct ledger *ledger, uint32_t row)
{
	const char *body = ledger->events[row].body;
	return body ? json_loads(body, JSON_DECODE_ANY, NULL) : NULL;
}

/* A number in names that is no unit type has sums of zero; so has a type that was only ever zero. */
json_t *ledger_units_json(const struct ledger *ledger)
{
	json_t *units = json_object();
	for (uint32_t i = 0; i < ledger->n_sums && i < ledger->names.n; i++)
		if (ledger->sums[i].input || ledger->sums[i].output)
			json_object_set_new(
				units, ledger->names.texts[i],
				counts_json(ledger->sums[i].input, ledger->sums[i].output));
	return units;
}

void ledger_release(struct ledger *ledger)
{
	free(ledger->events);
	free(ledger->sums);
	index_release(&ledger->by_id);
	arena_release(&ledger->arena);
	strings_release(&ledger->names);
	*ledger = (struct ledger){.keep_bodies = ledger->keep_bodies};
}
