/*
 * Random programs of nested contexts, on several threads at once, against a model of the rules that is written
 * another way: a table of plain values, worked out field by field at each begin.
 */
#include "help/client_fixture.h"
#include "help/record_text.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(contexts_random, .init = client_set_up, .fini = client_tear_down);

enum { N_THREADS = 4, N_STEPS = 3000, DEPTH = 12, N_KEYS = 4, N_CAPTURED = 3, WORD = 40 };

/* ---- The model -------------------------------------------------------------------------------------- */

enum text { NAME, ID, STEP, USER, ACCOUNT, SCOPE, CATEGORY, RESOURCE, N_TEXTS };

/* "" where there is none. */
struct state {
	char text[N_TEXTS][WORD];
	int version;          /* 0: none */
	int use_case[N_KEYS]; /* the value of property k<i>; 0: none */
	int properties[N_KEYS];
	bool limits[N_KEYS];
};

/* What a program gives: for texts and lists NULL (absent), "" (empty), or values. */
enum given { ABSENT, EMPTY, VALUES };

struct asked {
	enum given text_is[N_TEXTS];
	char text[N_TEXTS][WORD];
	int version;
	enum given use_case_is, properties_is, limits_is;
	int use_case[N_KEYS];
	int properties[N_KEYS];
	bool limits[N_KEYS];
};

static void overlay(int to[N_KEYS], enum given is, const int values[N_KEYS])
{
	for (int i = 0; i < N_KEYS; i++)
		to[i] = is == EMPTY ? 0 : is == VALUES && values[i] ? values[i] : to[i];
}

/* False: the program asks for what is refused. made: the id that a new run gets. */
static bool enter(struct state *state, const struct asked *asked, const char *made)
{
	const bool names = asked->text_is[NAME] == VALUES;
	const bool other = names && strcmp(asked->text[NAME], state->text[NAME]) != 0;
	const bool none = asked->text_is[NAME] == EMPTY || (!names && !state->text[NAME][0]);
	bool any = false;
	for (int i = 0; i < N_KEYS; i++)
		any |= asked->use_case_is == VALUES && asked->use_case[i];
	if (none && (asked->text_is[ID] == VALUES || asked->text_is[STEP] == VALUES ||
		     asked->version || any))
		return false;
	if (none || other) {
		state->text[NAME][0] = state->text[ID][0] = state->text[STEP][0] = '\0';
		state->version = 0;
		memset(state->use_case, 0, sizeof(state->use_case));
	}
	if (other)
		snprintf(state->text[ID], WORD, "%s", made);
	for (int i = 0; i < N_TEXTS; i++)
		if (asked->text_is[i] != ABSENT)
			snprintf(state->text[i], WORD, "%s",
				 asked->text_is[i] == VALUES ? asked->text[i] : "");
	if (asked->version)
		state->version = asked->version;
	overlay(state->use_case, asked->use_case_is, asked->use_case);
	overlay(state->properties, asked->properties_is, asked->properties);
	for (int i = 0; i < N_KEYS; i++)
		state->limits[i] = asked->limits_is == EMPTY ? false
				   : asked->limits_is == VALUES
					   ? state->limits[i] || asked->limits[i]
					   : state->limits[i];
	return true;
}

static void print_properties(FILE *out, const char *name, const int values[N_KEYS])
{
	const char *separator = "{";
	for (int i = 0; i < N_KEYS; i++) {
		if (!values[i])
			continue;
		fprintf(out, "%s%sk%d:%d", *separator == '{' ? name : "", separator, i, values[i]);
		separator = ",";
	}
	fputs(*separator == ',' ? "} " : "", out);
}

static void print_limits(FILE *out, const bool limits[N_KEYS])
{
	const char *separator = "[";
	for (int i = 0; i < N_KEYS; i++) {
		if (!limits[i])
			continue;
		fprintf(out, "%s%sl%d", *separator == '[' ? "limit_ids=" : "", separator, i);
		separator = ",";
	}
	fputs(*separator == ',' ? "] " : "", out);
}

static void print_text(FILE *out, const char *name, const char *value)
{
	if (*value)
		fprintf(out, "%s=%s ", name, value);
}

/* As record_text() has it. */
static void print(char *to, size_t size, const struct state *state)
{
	FILE *out = fmemopen(to, size, "w");
	print_text(out, "category",
		   *state->text[CATEGORY] ? state->text[CATEGORY] : "system.openai");
	print_text(out, "resource", state->text[RESOURCE]);
	print_text(out, "use_case_name", state->text[NAME]);
	print_text(out, "use_case_id", state->text[ID]);
	print_text(out, "use_case_step", state->text[STEP]);
	if (state->version)
		fprintf(out, "use_case_version=%d ", state->version);
	print_properties(out, "use_case_properties=", state->use_case);
	print_properties(out, "properties=", state->properties);
	print_limits(out, state->limits);
	print_text(out, "user_id", state->text[USER]);
	print_text(out, "account_name", state->text[ACCOUNT]);
	print_text(out, "scope", state->text[SCOPE]);
	const long end = ftell(out);
	fclose(out);
	to[end - 1] = '\0';
}

/* ---- Programs --------------------------------------------------------------------------------------- */

struct program {
	payi_client *client;
	uint64_t random;
	int number;
	struct state stack[DEPTH + 1];
	int depth;
	struct {
		payi_context *context;
		struct state state;
	} captured[N_CAPTURED];
	struct {
		char id[24];
		char expected[600];
	} * events;
	int n_events;
	int n_refused;
};

static uint32_t below(struct program *program, uint32_t n)
{
	program->random = program->random * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(program->random >> 33) % n;
}

static enum given any_given(struct program *program)
{
	const uint32_t dice = below(program, 10);
	return dice < 6 ? ABSENT : dice < 7 ? EMPTY : VALUES;
}

static void ask(struct program *program, struct asked *asked)
{
	memset(asked, 0, sizeof(*asked));
	for (int i = 0; i < N_TEXTS; i++) {
		asked->text_is[i] = any_given(program);
		snprintf(asked->text[i], WORD, "%c%u", "nisuaocr"[i], below(program, 3));
	}
	asked->version = below(program, 4) ? 0 : (int)below(program, 3) + 1;
	asked->use_case_is = any_given(program);
	asked->properties_is = any_given(program);
	asked->limits_is = any_given(program);
	for (int i = 0; i < N_KEYS; i++) {
		asked->use_case[i] = (int)below(program, 3);
		asked->properties[i] = (int)below(program, 3);
		asked->limits[i] = below(program, 2);
	}
	/* A list without values is an empty one. */
	asked->use_case[0] += asked->use_case_is == VALUES && !asked->use_case[0];
	asked->properties[0] += asked->properties_is == VALUES && !asked->properties[0];
	asked->limits[0] = true;
}

/* The C structures that ask for the same. */
struct lists {
	payi_property use_case[N_KEYS];
	payi_property properties[N_KEYS];
	const char *limits[N_KEYS];
};

static const char *const digits[] = {"0", "1", "2", "3"};
static const char *const keys[] = {"k0", "k1", "k2", "k3"};
static const char *const limit_names[] = {"l0", "l1", "l2", "l3"};

static size_t fill(payi_property *to, const int values[N_KEYS])
{
	size_t n = 0;
	for (int i = 0; i < N_KEYS; i++)
		if (values[i])
			to[n++] = (payi_property){keys[i], digits[values[i]]};
	return n;
}

#define TEXT(which)                                                                                \
	(asked->text_is[which] == ABSENT  ? NULL                                                   \
	 : asked->text_is[which] == EMPTY ? ""                                                     \
					  : asked->text[which])

#define FILL_COMMON(to)                                                                            \
	do {                                                                                       \
		(to)->use_case_name = TEXT(NAME);                                                  \
		(to)->use_case_id = TEXT(ID);                                                      \
		(to)->use_case_step = TEXT(STEP);                                                  \
		(to)->user_id = TEXT(USER);                                                        \
		(to)->account_name = TEXT(ACCOUNT);                                                \
		(to)->scope = TEXT(SCOPE);                                                         \
		if (asked->version)                                                                \
			(to)->use_case_version = asked->version;                                   \
		if (asked->use_case_is != ABSENT)                                                  \
			(to)->use_case_properties = lists->use_case;                               \
		if (asked->use_case_is == VALUES)                                                  \
			(to)->n_use_case_properties = fill(lists->use_case, asked->use_case);      \
		if (asked->properties_is != ABSENT)                                                \
			(to)->properties = lists->properties;                                      \
		if (asked->properties_is == VALUES)                                                \
			(to)->n_properties = fill(lists->properties, asked->properties);           \
		if (asked->limits_is != ABSENT)                                                    \
			(to)->limit_ids = lists->limits;                                           \
		for (int i = 0; asked->limits_is == VALUES && i < N_KEYS; i++)                     \
			if (asked->limits[i])                                                      \
				lists->limits[(to)->n_limit_ids++] = limit_names[i];               \
	} while (0)

static void do_begin(struct program *program)
{
	struct asked all;
	struct asked *asked = &all;
	struct lists all_lists;
	struct lists *lists = &all_lists;
	struct state *next = &program->stack[program->depth + 1];
	ask(program, asked);
	payi_track_context context = PAYI_TRACK_CONTEXT_INIT;
	FILL_COMMON(&context);
	context.price_as_category = TEXT(CATEGORY);
	context.price_as_resource = TEXT(RESOURCE);
	const payi_status status = payi_track_context_begin(program->client, &context);
	*next = program->stack[program->depth];
	const char *made = status ? "" : payi_current_use_case_id(program->client);
	const bool good = enter(next, asked, made ? made : "");
	cr_assert_eq(status, good ? PAYI_OK : PAYI_ERR_INVALID, "%s", payi_last_error());
	program->depth += good;
	program->n_refused += !good;
}

static void remember(struct program *program, const char *id, const struct state *state)
{
	snprintf(program->events[program->n_events].id, sizeof(program->events->id), "%s", id);
	print(program->events[program->n_events].expected, sizeof(program->events->expected),
	      state);
	program->n_events++;
}

/* What the event sets is its own; a name that is not the context's leaves the context's use case. */
static bool apply_event(struct state *state, const struct asked *asked)
{
	if (asked->use_case_is != ABSENT)
		memset(state->use_case, 0, sizeof(state->use_case));
	if (asked->properties_is != ABSENT)
		memset(state->properties, 0, sizeof(state->properties));
	if (asked->limits_is != ABSENT)
		memset(state->limits, 0, sizeof(state->limits));
	return enter(state, asked, "");
}

static void do_track(struct program *program, const payi_context *with, const struct state *here,
		     bool explicit)
{
	struct asked all;
	struct asked *asked = &all;
	struct lists all_lists;
	struct lists *lists = &all_lists;
	struct state state = *here;
	char id[24];
	memset(asked, 0, sizeof(*asked));
	if (below(program, 2))
		ask(program, asked);
	asked->text_is[CATEGORY] = asked->text_is[RESOURCE] = ABSENT;
	snprintf(id, sizeof(id), "e%d-%d", program->number, program->n_events);
	payi_event event = client_small_event();
	event.provider_response_id = id;
	FILL_COMMON(&event);
	const payi_status status = explicit ? payi_track_with(program->client, with, &event)
					    : payi_track(program->client, &event);
	const bool good = apply_event(&state, asked);
	cr_assert_eq(status, good ? PAYI_OK : PAYI_ERR_INVALID, "%s", payi_last_error());
	program->n_refused += !good;
	if (good)
		remember(program, id, &state);
}

static void do_capture(struct program *program)
{
	const uint32_t i = below(program, N_CAPTURED);
	payi_context_release(program->captured[i].context);
	program->captured[i].context = payi_context_capture(program->client);
	program->captured[i].state = program->stack[program->depth];
}

static void do_attach(struct program *program)
{
	const uint32_t i = below(program, N_CAPTURED);
	cr_assert_eq(payi_context_attach(program->client, program->captured[i].context), PAYI_OK);
	program->stack[++program->depth] = program->captured[i].state;
}

static void step(struct program *program)
{
	const uint32_t i = below(program, N_CAPTURED);
	switch (below(program, 10)) {
	case 0:
	case 1:
	case 2:
		if (program->depth < DEPTH)
			do_begin(program);
		break;
	case 3:
	case 4:
		if (program->depth > 0) {
			payi_track_context_end(program->client);
			program->depth--;
		}
		break;
	case 5:
		do_capture(program);
		break;
	case 6:
		if (program->depth < DEPTH)
			do_attach(program);
		break;
	case 7:
		do_track(program, program->captured[i].context, &program->captured[i].state, true);
		break;
	default:
		do_track(program, NULL, &program->stack[program->depth], false);
	}
}

static void *run_program(void *argument)
{
	struct program *program = argument;
	for (int i = 0; i < N_STEPS; i++)
		step(program);
	while (program->depth-- > 0)
		payi_track_context_end(program->client);
	for (int i = 0; i < N_CAPTURED; i++)
		payi_context_release(program->captured[i].context);
	return NULL;
}

/* ---- The comparison --------------------------------------------------------------------------------- */

static struct program programs[N_THREADS];
static int n_compared;

static void compare(void *context, uint32_t lane, const uint8_t *payload, uint32_t bytes)
{
	(void)context;
	(void)lane;
	struct event event;
	char reason[EVENT_REASON_BYTES];
	int thread, number;
	char id[24];
	cr_assert_null(event_decode(&event, payload, bytes, reason));
	const struct event_field *field = &event.field[PAYI_FIELD_provider_response_id];
	snprintf(id, sizeof(id), "%.*s", (int)field->len, field->text);
	cr_assert_eq(sscanf(id, "e%d-%d", &thread, &number), 2);
	char *text = record_text(payload, bytes);
	cr_assert_str_eq(text, programs[thread].events[number].expected, "%s", id);
	free(text);
	n_compared++;
}

Test(contexts_random, programs_do_as_the_rules_say)
{
	payi_client *client = client_open(64 << 20);
	pthread_t threads[N_THREADS];
	for (int i = 0; i < N_THREADS; i++) {
		programs[i] =
			(struct program){.client = client, .random = 17 + (uint64_t)i, .number = i};
		programs[i].events = malloc(N_STEPS * sizeof(*programs[i].events));
		cr_assert_eq(pthread_create(&threads[i], NULL, run_program, &programs[i]), 0);
	}
	int n_events = 0, n_refused = 0;
	for (int i = 0; i < N_THREADS; i++) {
		pthread_join(threads[i], NULL);
		n_events += programs[i].n_events;
		n_refused += programs[i].n_refused;
	}
	struct ring_view view;
	ring_view_open(&view, client_site.rings, 0);
	ring_view_each(&view, compare, NULL);
	ring_view_close(&view);
	cr_assert_eq(n_compared, n_events);
	cr_assert_gt(n_events, N_THREADS * N_STEPS / 5);
	cr_assert_gt(n_refused, 100);
	payi_client_close(client);
	for (int i = 0; i < N_THREADS; i++)
		free(programs[i].events);
}
