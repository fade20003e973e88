#include "sink/payi/reply.h"

#include "base/money.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- Members that may be missing or of another kind ---- */

static const char *text_of(const json_t *object, const char *name)
{
	return json_string_value(json_object_get(object, name));
}

static int64_t number_of(const json_t *object, const char *name, int64_t absent)
{
	const json_t *value = json_object_get(object, name);
	return json_is_integer(value) ? json_integer_value(value) : absent;
}

static const char *either(const char *first, const char *second)
{
	return first ? first : second;
}

/* ApiError: {message, statusCode, xproxy_error: {code, message}}; a gateway sends the first two alone. */
static void read_error(const json_t *object, struct reply_error *error)
{
	const json_t *inner = json_object_get(object, "xproxy_error");
	int64_t status = number_of(object, "statusCode", 0);
	error->status = status >= 0 && status <= 999 ? (int)status : 0;
	error->code = either(text_of(inner, "code"), text_of(object, "code"));
	error->message = either(text_of(inner, "message"), text_of(object, "message"));
	error->blocked = json_object_get(object, "blocked_limit_ids");
	if (!error->blocked)
		error->blocked = json_object_get(json_object_get(object, "xproxy_result"),
						 "blocked_limit_ids");
}

/* A number, or one in text; -1: neither, or no sum of money. */
static int64_t money_of(const json_t *cost, const char *side)
{
	const json_t *base = json_object_get(json_object_get(cost, side), "base");
	const char *text = json_string_value(base);
	char *end = NULL;
	if (json_is_number(base))
		return money_of_dollars(json_number_value(base));
	const double dollars = text ? strtod(text, &end) : -1;
	return text && end > text && *end == '\0' ? money_of_dollars(dollars) : -1;
}

/* xproxy_result.cost: {currency, input: {base}, output: {base}, total: {base}}. */
static void read_cost(const json_t *root, struct sink_cost *to)
{
	const json_t *cost = json_object_get(json_object_get(root, "xproxy_result"), "cost");
	const char *currency = text_of(cost, "currency");
	if (currency && strcasecmp(currency, "usd") != 0)
		return;
	to->input = money_of(cost, "input");
	to->output = money_of(cost, "output");
	to->total = money_of(cost, "total");
	to->said = to->total >= 0;
}

/* {item_index, xproxy_result: ApiError}; we also take the ApiError's members beside item_index. */
static void read_item(const json_t *item, struct reply_error *error)
{
	const json_t *inner = json_object_get(item, "xproxy_result");
	read_error(json_is_object(inner) ? inner : item, error);
	error->index = number_of(item, "item_index", -1);
}

static void read_items(struct reply *reply, const json_t *items)
{
	size_t n = json_array_size(items);
	if (n == 0)
		return;
	reply->errors = calloc(n, sizeof(*reply->errors));
	if (!reply->errors) {
		/* Without its errors a reply would read as "all is well". */
		json_decref(reply->root);
		reply->root = NULL;
		return;
	}
	for (size_t i = 0; i < n; i++)
		read_item(json_array_get(items, i), &reply->errors[i]);
	reply->n_errors = n;
}

static bool is_of_ingest(const json_t *root)
{
	static const char *const members[] = {"request_id", "ingest_count", "xproxy_result",
					      "errors"};
	bool has_one = false;
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		has_one |= json_object_get(root, members[i]) != NULL;
	return has_one;
}

void reply_parse(struct reply *reply, const char *body, size_t bytes)
{
	*reply = (struct reply){.empty = bytes == 0, .ingest_count = -1, .whole = {.index = -1}};
	/* NULs are allowed so that one in somebody's message does not hide the rest. */
	json_t *root = bytes ? json_loadb(body, bytes, JSON_ALLOW_NUL, NULL) : NULL;
	if (!json_is_object(root)) {
		json_decref(root);
		return;
	}
	reply->root = root;
	reply->is_of_ingest = is_of_ingest(root);
	read_error(root, &reply->whole);
	reply->ingest_count = number_of(root, "ingest_count", -1);
	read_items(reply, json_object_get(root, "errors"));
	read_cost(root, &reply->cost);
}

void reply_release(struct reply *reply)
{
	json_decref(reply->root);
	free(reply->errors);
	*reply = (struct reply){0};
}

bool reply_errors_within(const struct reply *reply, int64_t base, int64_t last)
{
	for (size_t i = 0; i < reply->n_errors; i++)
		if (reply->errors[i].index < base || reply->errors[i].index > last)
			return false;
	return true;
}

size_t reply_text_cut(const char *text, size_t max)
{
	size_t len = strlen(text);
	if (len <= max)
		return len;
	while (max > 0 && ((unsigned char)text[max] & 0xC0) == 0x80)
		max--;
	return max;
}

const char *reply_excerpt(const char *body, size_t body_bytes, char *text, size_t text_bytes)
{
	size_t n = 0;
	bool blank = true; /* none at the beginning */
	for (size_t i = 0; i < body_bytes && n + 1 < text_bytes; i++) {
		const bool plain = body[i] > ' ' && body[i] < 0x7f;
		if (plain)
			text[n++] = body[i];
		else if (!blank)
			text[n++] = ' ';
		blank = !plain;
	}
	text[n] = '\0';
	return text;
}
