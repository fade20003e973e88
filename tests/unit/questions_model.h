/*
 * For the tests of questions: random events over ten simulated days, in the database and in memory, and what they add
 * up to, worked out here by plain loops.
 */
#ifndef PAYI_TESTS_QUESTIONS_MODEL_H
#define PAYI_TESTS_QUESTIONS_MODEL_H

#include "store_fixture.h"

#include <criterion/criterion.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	MODEL_EVENTS = 3000,
	MODEL_DAYS = 10,
	MODEL_IDS = 39, /* and none: 40 instances, whose ranks are whole numbers */
	MODEL_GROUPS = 2000,
	MODEL_TEXT = 192,
};

struct model {
	struct sample event[MODEL_EVENTS];
	char id[MODEL_IDS][24];
	int64_t start_us;
	uint64_t random;
};

/* What a set of events adds up to. */
struct model_group {
	char key[MODEL_TEXT];
	int events;
	int failures;
	int64_t input;
	int64_t output;
	int64_t first_us;
	int64_t last_us;
	int n_latencies;
	int32_t *latency; /* sorted by model_group() */
};

static inline uint32_t model_roll(struct model *model, uint32_t n)
{
	model->random ^= model->random << 13;
	model->random ^= model->random >> 7;
	model->random ^= model->random << 17;
	return (uint32_t)(model->random >> 33) % n;
}

/* One in five is absent. */
#define MODEL_PICK(model, list)                                                                    \
	(model_roll((model), 5) ? (list)[model_roll((model), sizeof(list) / sizeof((list)[0]))]    \
				: NULL)

static inline struct sample model_sample(struct model *model)
{
	static const char *const names[] = {"support", "support", "search_docs", "searchDocs",
					    "triage"};
	static const char *const steps[] = {"plan", "retrieve", "draft", "review"};
	static const char *const users[] = {"ann", "bob", "eve", "日本"};
	static const char *const resources[] = {"gpt-4o", "gpt-4o-mini", "o3"};
	const int64_t day = model_roll(model, MODEL_DAYS);
	const char *name = MODEL_PICK(model, names);
	const char *resource = MODEL_PICK(model, resources);
	/* One model is new since day 7, one is gone. */
	if (resource && day < 7 && strcmp(resource, "o3") == 0)
		resource = "gpt-3.5";
	return (struct sample){
		.time_us = model->start_us + day * DAY_US + model_roll(model, 86400) * SECOND_US +
			   model_roll(model, 1000000),
		.use_case_name = name,
		.use_case_id = name && model_roll(model, 10)
				       ? model->id[model_roll(model, MODEL_IDS)]
				       : NULL,
		.step = name ? MODEL_PICK(model, steps) : NULL,
		.user_id = MODEL_PICK(model, users),
		.resource = resource,
		.latency_ms = (int32_t)(model_roll(model, 4)
						? 1 + model_roll(model, 50) * model_roll(model, 400)
						: 0),
		.http_status = model_roll(model, 12)  ? 200
			       : model_roll(model, 2) ? 429
						      : 299,
		.version = name ? (int32_t)model_roll(model, 4) : 0,
		.unit_type = model_roll(model, 3) ? "text" : "vision",
		.input = model_roll(model, 5000),
		.output = model_roll(model, 900),
	};
}

static inline void model_make(struct model *model, int64_t start_us)
{
	model->start_us = start_us;
	model->random = 88172645463325252U;
	for (int i = 0; i < MODEL_IDS; i++)
		snprintf(model->id[i], sizeof(model->id[i]), "ticket-%d", i);
	for (int i = 0; i < MODEL_EVENTS; i++)
		model->event[i] = model_sample(model);
}

/* In transactions of a few hundred, in the order in which they were rolled: no order at all. */
static inline void model_store(const struct model *model, struct fixture *fixture)
{
	for (int i = 0; i < MODEL_EVENTS; i += 250)
		fixture_commit(fixture, &model->event[i], 250);
}

static inline bool same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static inline bool model_failed(const struct sample *event)
{
	return event->http_status >= 400 || event->http_status == 299;
}

/* ---- Groups --------------------------------------------------------------------------------------- */

struct model_groups {
	struct model_group group[MODEL_GROUPS];
	int n;
};

/* Writes the key that an event belongs to; false: to none. */
typedef bool model_key_fn(const struct sample *event, char key[MODEL_TEXT]);

static inline struct model_group *model_find(struct model_groups *groups, const char *key)
{
	for (int i = 0; i < groups->n; i++)
		if (strcmp(groups->group[i].key, key) == 0)
			return &groups->group[i];
	return NULL;
}

static inline int model_compare_latency(const void *a, const void *b)
{
	const int32_t x = *(const int32_t *)a;
	const int32_t y = *(const int32_t *)b;
	return (x > y) - (x < y);
}

static inline void model_add(struct model_group *group, const struct sample *event)
{
	if (!group->events || event->time_us < group->first_us)
		group->first_us = event->time_us;
	if (!group->events || event->time_us > group->last_us)
		group->last_us = event->time_us;
	group->events++;
	group->failures += model_failed(event);
	group->input += event->input;
	group->output += event->output;
	if (!event->latency_ms)
		return;
	group->latency =
		realloc(group->latency, ((size_t)group->n_latencies + 1) * sizeof(*group->latency));
	group->latency[group->n_latencies++] = event->latency_ms;
}

/* All events of [since, until), by key; to be released. */
static inline struct model_groups *model_group(const struct model *model, int64_t since_us,
					       int64_t until_us, model_key_fn *key_of)
{
	struct model_groups *groups = calloc(1, sizeof(*groups));
	for (int i = 0; i < MODEL_EVENTS; i++) {
		const struct sample *event = &model->event[i];
		char key[MODEL_TEXT];
		if (event->time_us < since_us || event->time_us >= until_us || !key_of(event, key))
			continue;
		struct model_group *group = model_find(groups, key);
		if (!group) {
			cr_assert_lt(groups->n, MODEL_GROUPS);
			group = &groups->group[groups->n++];
			snprintf(group->key, sizeof(group->key), "%s", key);
		}
		model_add(group, event);
	}
	for (int i = 0; i < groups->n; i++)
		if (groups->group[i].n_latencies)
			qsort(groups->group[i].latency, (size_t)groups->group[i].n_latencies,
			      sizeof(int32_t), model_compare_latency);
	return groups;
}

static inline void model_release(struct model_groups *groups)
{
	for (int i = 0; i < groups->n; i++)
		free(groups->group[i].latency);
	free(groups);
}

/* By nearest rank; -1 of none. */
static inline int32_t model_percentile(const struct model_group *group, int percent)
{
	if (!group->n_latencies)
		return -1;
	return group->latency[(group->n_latencies * percent + 99) / 100 - 1];
}

#endif
