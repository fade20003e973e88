/*
 * Prices: those of the operator's file, and those that the service lists. What something costs is worked out when it is
 * asked for, from units and prices; so a list that comes late, or is corrected, is right for all that was stored before.
 */
#include "prices/price_list.h"
#include "store/price_key.h"
#include "store/sql.h"
#include "store/store_parts.h"

#include <string.h>

enum rank { RANK_FILE, RANK_SERVICE };

/* When the service is asked again: for a list that may have grown, or for one that it had not. */
#define KNOWN_US   INT64_C(86400000000)
#define UNKNOWN_US (7 * KNOWN_US)

static int find_name(struct store *store, const char *text, int64_t *id, struct err *err)
{
	return ids_find(store->names, 0, text, strlen(text), id, err);
}

static struct sql_value price_or_null(int64_t price)
{
	return price < 0 ? SQL_TEXT(NULL) : SQL_INT(price);
}

static int put(struct store *store, const struct price *price, int64_t category, int64_t resource,
	       enum rank rank, struct err *err)
{
	int64_t unit_type = 0;
	const int status = find_name(store, price->unit_type, &unit_type, err);
	if (status || price->until_day <= price->from_day)
		return status;
	return sql_run(store->statement[STORE_PRICE_PUT], err, SQL_INT(category), SQL_INT(resource),
		       SQL_INT(unit_type), SQL_INT(rank), SQL_INT(price->from_day),
		       SQL_INT(price->until_day), price_or_null(price->input),
		       price_or_null(price->output), SQL_END);
}

static int put_of_file(struct store *store, const struct price *price, struct err *err)
{
	int64_t category = 0;
	int64_t resource = 0;
	int status = find_name(store, price->category, &category, err);
	if (!status)
		status = find_name(store, price->resource, &resource, err);
	return status ? status : put(store, price, category, resource, RANK_FILE, err);
}

int store_prices_put(struct store *store, const struct price_list *list, struct err *err)
{
	int status = sql_run(store->statement[STORE_PRICES_CUT_FILE], err, SQL_END);
	for (size_t i = 0; list && !status && i < list->n; i++)
		status = put_of_file(store, &list->prices[i], err);
	return status;
}

int store_prices_replace(struct store *store, const struct price_list *list, struct err *err)
{
	int64_t n = 0;
	int status = sql_number(store->db, "SELECT count(*) FROM prices WHERE rank = 0", &n, err);
	if (status || (!list && n == 0))
		return status;
	status = store_begin(store, err);
	if (!status)
		status = store_prices_put(store, list, err);
	if (!status)
		status = store_commit(store, err);
	if (!status)
		return 0;
	store_rollback(store);
	return err_wrap(err, "prices");
}

static int put_of_service(struct store *store, const struct price_list *list, int64_t category,
			  int64_t resource, struct err *err)
{
	int status = sql_run(store->statement[STORE_PRICES_CUT], err, SQL_INT(category),
			     SQL_INT(resource), SQL_END);
	for (size_t i = 0; !status && i < list->n; i++)
		status = put(store, &list->prices[i], category, resource, RANK_SERVICE, err);
	return status;
}

/* What was known stays in force until it is known anew. */
int store_settle_prices(struct store *store, const struct sink_ask_outcome *outcome, int64_t now_us,
			struct err *err)
{
	const bool later = outcome->verdict == SINK_DEFERRED;
	const bool known = outcome->verdict == SINK_DELIVERED;
	const int64_t category = price_key_category(outcome->key);
	const int64_t resource = price_key_resource(outcome->key);
	const int64_t again_us = now_us + (known ? KNOWN_US : UNKNOWN_US);
	int status = 0;
	if (known && outcome->prices)
		status = put_of_service(store, outcome->prices, category, resource, err);
	if (status)
		return status;
	return sql_run(store->statement[STORE_PRICE_ASK_PUT], err, SQL_INT(category),
		       SQL_INT(resource),
		       SQL_TEXT(later   ? "waiting"
				: known ? "known"
					: "refused"),
		       SQL_INT(later), SQL_INT(later ? outcome->retry_us : again_us),
		       sql_int_or_null(outcome->http_status), SQL_TEXT(outcome->code),
		       SQL_TEXT(outcome->message), SQL_END);
}
