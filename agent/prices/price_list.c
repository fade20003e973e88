#include "prices/price_list.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/money.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY_US INT64_C(86400000000)

enum { FILE_BYTES_MAX = 64 << 20, NAME_BYTES_MAX = 1024 };

/* ---- One piece of memory ---------------------------------------------------------------------------- */

static size_t text_bytes(const struct price *price)
{
	return strlen(price->category) + strlen(price->resource) + strlen(price->unit_type) + 3;
}

static const char *put(char **at, const char *text)
{
	const size_t bytes = strlen(text) + 1;
	char *copy = memcpy(*at, text, bytes);
	*at += bytes;
	return copy;
}

static size_t all_text_bytes(const struct price *prices, size_t n)
{
	size_t bytes = 0;
	for (size_t i = 0; i < n; i++)
		bytes += text_bytes(&prices[i]);
	return bytes;
}

static void put_all(struct price *to, char **at, const struct price *prices, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		to[i] = prices[i];
		to[i].category = put(at, prices[i].category);
		to[i].resource = put(at, prices[i].resource);
		to[i].unit_type = put(at, prices[i].unit_type);
	}
}

struct price_list *price_list_join(const struct price_list *first, const struct price_list *second)
{
	static const struct price_list none = {0};
	const struct price_list *a = first ? first : &none;
	const struct price_list *b = second ? second : &none;
	const size_t n = a->n + b->n;
	struct price_list *list =
		malloc(sizeof(*list) + n * sizeof(*list->prices) + all_text_bytes(a->prices, a->n) +
		       all_text_bytes(b->prices, b->n));
	if (!list)
		return NULL;
	list->n = n;
	list->prices = (struct price *)(list + 1);
	char *at = (char *)(list->prices + n);
	put_all(list->prices, &at, a->prices, a->n);
	put_all(list->prices + a->n, &at, b->prices, b->n);
	return list;
}

struct price_list *price_list_copy(const struct price_list *list)
{
	return price_list_join(list, NULL);
}

/* ---- Reading --------------------------------------------------------------------------------------- */

struct reading {
	struct buf prices; /* struct price, whose texts are the JSON's */
	size_t item;
	struct err *err;
};

static const char *read_name(struct reading *reading, const json_t *item, const char *member)
{
	const json_t *value = json_object_get(item, member);
	const size_t bytes = json_string_length(value);
	if (bytes > 0 && bytes <= NAME_BYTES_MAX && strlen(json_string_value(value)) == bytes)
		return json_string_value(value);
	err_set(reading->err, ERR_INVALID,
		"item %zu has no %s, or one that is no text of 1 to %d bytes", reading->item,
		member, NAME_BYTES_MAX);
	return NULL;
}

/* Absent is "otherwise". A price that ends within a day ends with that day. */
static int read_day(struct reading *reading, const json_t *item, const char *member, bool up,
		    int64_t otherwise, int64_t *day)
{
	const json_t *value = json_object_get(item, member);
	int64_t time_us = 0;
	*day = otherwise;
	if (!value || json_is_null(value))
		return 0;
	if (!json_is_string(value) || clock_parse(json_string_value(value), &time_us) ||
	    time_us < 0)
		return err_set(reading->err, ERR_INVALID,
			       "item %zu has the %s \"%.40s\": it must be a time as "
			       "2026-01-01T00:00:00Z",
			       reading->item, member,
			       json_is_string(value) ? json_string_value(value) : "(no text)");
	*day = (up ? time_us + DAY_US - 1 : time_us) / DAY_US;
	return 0;
}

static int read_price(struct reading *reading, const char *type, const json_t *unit,
		      const char *member, int64_t *price)
{
	const json_t *value = json_object_get(unit, member);
	*price = -1;
	if (!value || json_is_null(value))
		return 0;
	char *end = NULL;
	const char *text = json_string_value(value);
	const double dollars = text ? strtod(text, &end) : json_number_value(value);
	if ((text && (end == text || *end)) || (!text && !json_is_number(value)) ||
	    (*price = money_of_dollars(dollars)) < 0)
		return err_set(reading->err, ERR_INVALID,
			       "item %zu, units.%.60s.%s is no price: it must be dollars a unit, 0 "
			       "to 1000000",
			       reading->item, type, member);
	return 0;
}

static int read_units(struct reading *reading, struct price *price, const json_t *units)
{
	const char *type;
	json_t *unit;
	if (!json_is_object(units))
		return err_set(reading->err, ERR_INVALID, "item %zu has no units", reading->item);
	json_object_foreach((json_t *)(uintptr_t)units, type, unit)
	{
		price->unit_type = type;
		if (!*type || strlen(type) > NAME_BYTES_MAX)
			return err_set(reading->err, ERR_INVALID,
				       "item %zu has a unit type of 0 or over %d bytes",
				       reading->item, NAME_BYTES_MAX);
		int status = read_price(reading, type, unit, "input_price", &price->input);
		if (!status)
			status = read_price(reading, type, unit, "output_price", &price->output);
		if (status)
			return status;
		buf_add(&reading->prices, price, sizeof(*price));
	}
	return 0;
}

static int read_item(struct reading *reading, const json_t *item)
{
	struct price price = {.category = read_name(reading, item, "category")};
	if (price.category)
		price.resource = read_name(reading, item, "resource");
	if (!price.category || !price.resource)
		return ERR_INVALID;
	int status = read_day(reading, item, "start_timestamp", false, 0, &price.from_day);
	if (!status)
		status = read_day(reading, item, "end_timestamp", true, PRICE_DAY_OPEN,
				  &price.until_day);
	return status ? status : read_units(reading, &price, json_object_get(item, "units"));
}

static int read_items(const json_t *root, struct price_list **list, struct err *err)
{
	const json_t *items = json_is_array(root) ? root : json_object_get(root, "items");
	struct reading reading = {.err = err};
	int status = 0;
	if (!json_is_array(items))
		return err_set(err, ERR_INVALID,
			       "it is neither an array of resources nor an object with \"items\"");
	for (; !status && reading.item < json_array_size(items); reading.item++)
		status = read_item(&reading, json_array_get(items, reading.item));
	if (!status && !reading.prices.failed)
		*list = price_list_copy(&(const struct price_list){
			.n = reading.prices.len / sizeof(struct price),
			.prices = (struct price *)(void *)reading.prices.data});
	if (!status && (reading.prices.failed || !*list))
		status = err_set(err, ERR_MEMORY, "out of memory");
	buf_release(&reading.prices);
	return status;
}

int price_list_parse(const char *json, size_t bytes, struct price_list **list, struct err *err)
{
	json_error_t error;
	*list = NULL;
	json_t *root = json_loadb(json, bytes, JSON_REJECT_DUPLICATES, &error);
	if (!root)
		return err_set(err, ERR_INVALID, "it is no JSON: line %d: %s", error.line,
			       error.text);
	const int status = read_items(root, list, err);
	json_decref(root);
	return status;
}

static int read_file(FILE *file, struct buf *text, struct err *err)
{
	char bytes[65536];
	size_t n;
	while ((n = fread(bytes, 1, sizeof(bytes), file)) > 0 && text->len < FILE_BYTES_MAX)
		buf_add(text, bytes, n);
	if (ferror(file))
		return err_errno(err, "it cannot be read");
	if (text->len >= FILE_BYTES_MAX)
		return err_set(err, ERR_INVALID, "it is larger than %d MiB", FILE_BYTES_MAX >> 20);
	return text->failed ? err_set(err, ERR_MEMORY, "out of memory") : 0;
}

int price_list_read(const char *path, struct price_list **list, struct err *err)
{
	struct buf text = BUF_INIT;
	FILE *file = fopen(path, "re");
	if (!file)
		return err_errno(err, "cannot open the list of prices %s", path);
	int status = read_file(file, &text, err);
	if (!status)
		status = price_list_parse((const char *)text.data, text.len, list, err);
	fclose(file);
	buf_release(&text);
	return status ? err_wrap(err, "the list of prices %s", path) : 0;
}
