#include "help/record_text.h"

#include "help/ring_view.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ITEMS_MAX = 64, ITEM_BYTES = 200 };

static int compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void print_items(FILE *out, const struct event *event, enum payi_field field, bool pairs)
{
	static _Thread_local char items[ITEMS_MAX][ITEM_BYTES];
	uint32_t n;
	struct msgpack in = event_open(event, field, &n);
	cr_assert_leq(n, ITEMS_MAX);
	for (uint32_t i = 0; i < n; i++) {
		struct msgpack_text name;
		struct msgpack_text value = {.text = "null", .len = 4};
		cr_assert(msgpack_read_str(&in, &name));
		if (pairs && !msgpack_skip_nil(&in))
			cr_assert(msgpack_read_str(&in, &value));
		snprintf(items[i], ITEM_BYTES, pairs ? "%.*s:%.*s" : "%.*s", (int)name.len,
			 name.text, (int)value.len, value.text);
	}
	qsort(items, n, ITEM_BYTES, compare);
	fputs(pairs ? "{" : "[", out);
	for (uint32_t i = 0; i < n; i++)
		fprintf(out, "%s%s", i ? "," : "", items[i]);
	fputs(pairs ? "}" : "]", out);
}

static void print_field(FILE *out, const struct event *event, enum payi_field id, const char *name)
{
	const struct event_field *field = &event->field[id];
	if (!event_has(event, id))
		return;
	fprintf(out, "%s=", name);
	if (id == PAYI_FIELD_properties || id == PAYI_FIELD_use_case_properties)
		print_items(out, event, id, true);
	else if (id == PAYI_FIELD_limit_ids)
		print_items(out, event, id, false);
	else if (id == PAYI_FIELD_use_case_version)
		fprintf(out, "%d", (int)field->number);
	else
		fprintf(out, "%.*s", (int)field->len, field->text);
	fputs(" ", out);
}

static char *text_of(const struct event *event)
{
	char *text;
	size_t len;
	FILE *out = open_memstream(&text, &len);
#define PRINT(name) print_field(out, event, PAYI_FIELD_##name, #name);
	PRINT(category)
	PRINT(resource)
	PRINT(use_case_name)
	PRINT(use_case_id)
	PRINT(use_case_step)
	PRINT(use_case_version)
	PRINT(use_case_properties)
	PRINT(properties)
	PRINT(limit_ids)
	PRINT(user_id)
	PRINT(account_name)
	PRINT(scope)
#undef PRINT
	fclose(out);
	if (len)
		text[len - 1] = '\0';
	return text;
}

static void decode(struct event *event, const uint8_t *payload, uint32_t bytes)
{
	char reason[EVENT_REASON_BYTES];
	const char *bad = event_decode(event, payload, bytes, reason);
	cr_assert_null(bad, "%s", bad);
}

char *record_text(const uint8_t *payload, uint32_t bytes)
{
	struct event event;
	decode(&event, payload, bytes);
	return text_of(&event);
}

struct search {
	const char *id;
	char *text;
};

static void look(void *context, uint32_t lane, const uint8_t *payload, uint32_t bytes)
{
	(void)lane;
	struct search *search = context;
	struct event event;
	decode(&event, payload, bytes);
	const struct event_field *id = &event.field[PAYI_FIELD_provider_response_id];
	if (id->len == strlen(search->id) && memcmp(id->text, search->id, id->len) == 0)
		search->text = text_of(&event);
}

char *record_text_find(const char *directory, int n_rings, const char *provider_response_id)
{
	struct search search = {.id = provider_response_id};
	for (int i = 0; !search.text && i < n_rings; i++) {
		struct ring_view view;
		ring_view_open(&view, directory, i);
		ring_view_each(&view, look, &search);
		ring_view_close(&view);
	}
	return search.text;
}
