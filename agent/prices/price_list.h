/*
 * Prices per category, resource and unit type, as Pay-i lists them (GET /api/v1/categories/{category}/resources), and as
 * an operator may give them in a file: {"items": […]}, or the array alone, of
 *
 *     {"category": "system.openai", "resource": "gpt-4o", "start_timestamp": "2026-01-01T00:00:00Z",
 *      "units": {"text": {"input_price": 0.0000025, "output_price": 0.00001}}}
 *
 * in dollars a unit, with an "end_timestamp" where another price follows. Prices change at midnight UTC. Members
 * that are not named here are passed over.
 */
#ifndef PAYI_PRICES_PRICE_LIST_H
#define PAYI_PRICES_PRICE_LIST_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

enum { PRICE_DAY_OPEN = 2932897 }; /* the year 10000 */

struct price {
	const char *category;
	const char *resource;
	const char *unit_type;
	int64_t from_day;  /* days since 1970 */
	int64_t until_day; /* not included */
	int64_t input;     /* picodollars a unit; -1: no price; so is the next */
	int64_t output;
};

struct price_list {
	size_t n;
	struct price *prices; /* the list, and its texts, are one piece of memory */
};

/* ERR_INVALID: the text says which item, which member and which value. Free it with free(). */
int price_list_parse(const char *json, size_t bytes, struct price_list **list, struct err *err);

/* Likewise from a file. */
int price_list_read(const char *path, struct price_list **list, struct err *err);

/* NULL without memory. */
struct price_list *price_list_copy(const struct price_list *list);
/* The one behind the other; either may be NULL. */
struct price_list *price_list_join(const struct price_list *first, const struct price_list *second);

#endif
