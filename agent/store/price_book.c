#include "store/price_book.h"

#include "base/buf.h"
#include "store/functions.h"
#include "store/sql.h"

#include <stdlib.h>
#include <string.h>

enum { KEYS = 3, COPY = 4 /* the argument that it is tied to */ };

struct price {
	int64_t key[KEYS]; /* category, resource, unit type */
	int64_t from_day;
	int64_t until_day;
	int64_t id;
	int64_t input; /* 0, too, where there is none */
	int64_t output;
};

/* In the order of their keys; of one key, the price that goes first comes first. */
struct book {
	struct buf prices; /* of struct price */
	size_t n;
};

static void close_book(void *book)
{
	buf_release(&((struct book *)book)->prices);
	free(book);
}

static int read_prices(sqlite3 *db, struct book *book)
{
	sqlite3_stmt *statement = NULL;
	int result =
		sqlite3_prepare_v2(db,
				   "SELECT category, resource, unit_type, from_day, until_day, id, "
				   "input, output FROM prices"
				   " ORDER BY category, resource, unit_type, rank, from_day DESC",
				   -1, &statement, NULL);
	while (result == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW) {
		const struct price price = {{sqlite3_column_int64(statement, 0),
					     sqlite3_column_int64(statement, 1),
					     sqlite3_column_int64(statement, 2)},
					    sqlite3_column_int64(statement, 3),
					    sqlite3_column_int64(statement, 4),
					    sqlite3_column_int64(statement, 5),
					    sqlite3_column_int64(statement, 6),
					    sqlite3_column_int64(statement, 7)};
		buf_add(&book->prices, &price, sizeof(price));
		book->n++;
	}
	if (result == SQLITE_OK)
		result = sqlite3_finalize(statement);
	return book->prices.failed ? SQLITE_NOMEM : result;
}

static struct book *open_book(sqlite3_context *context)
{
	struct book *book = calloc(1, sizeof(*book));
	if (!book) {
		sqlite3_result_error_nomem(context);
		return NULL;
	}
	const int result = read_prices(sqlite3_context_db_handle(context), book);
	if (result == SQLITE_OK) {
		sqlite3_set_auxdata(context, COPY, book, close_book);
		/* NULL: it found no memory, and has closed it. */
		return sqlite3_get_auxdata(context, COPY);
	}
	close_book(book);
	sqlite3_result_error_code(context, result);
	return NULL;
}

static int compare_keys(const int64_t *a, const int64_t *b)
{
	for (int i = 0; i < KEYS; i++)
		if (a[i] != b[i])
			return a[i] < b[i] ? -1 : 1;
	return 0;
}

static const struct price *find(const struct book *book, const int64_t *key, int64_t day)
{
	const struct price *prices = (const void *)book->prices.data;
	size_t low = 0;
	size_t high = book->n;
	while (low < high) {
		const size_t middle = low + (high - low) / 2;
		if (compare_keys(prices[middle].key, key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < book->n && compare_keys(prices[low].key, key) == 0; low++)
		if (prices[low].from_day <= day && prices[low].until_day > day)
			return &prices[low];
	return NULL;
}

/* The price that the first arguments ask for; NULL: there is none, or an error was told. */
static const struct price *find_price(sqlite3_context *context, sqlite3_value **values)
{
	const struct book *book = sqlite3_get_auxdata(context, COPY);
	int64_t key[KEYS];
	for (int i = 0; i < KEYS; i++) {
		if (sqlite3_value_type(values[i]) == SQLITE_NULL)
			return NULL;
		key[i] = sqlite3_value_int64(values[i]);
	}
	if (!book)
		book = open_book(context);
	return book ? find(book, key, sqlite3_value_int64(values[KEYS])) : NULL;
}

static void price_in_force(sqlite3_context *context, int n, sqlite3_value **values)
{
	const struct price *price = find_price(context, values);
	(void)n;
	if (price)
		sqlite3_result_int64(context, price->id);
}

/* Beyond a whole number it is a float, as it is in SQL. */
static void cost_in_force(sqlite3_context *context, int n, sqlite3_value **values)
{
	const struct price *price = find_price(context, values);
	const int64_t input = sqlite3_value_int64(values[COPY + 1]);
	const int64_t output = sqlite3_value_int64(values[COPY + 2]);
	int64_t of_input, of_output, cost;
	(void)n;
	if (!price)
		return;
	if (__builtin_mul_overflow(input, price->input, &of_input) ||
	    __builtin_mul_overflow(output, price->output, &of_output) ||
	    __builtin_add_overflow(of_input, of_output, &cost))
		sqlite3_result_double(context, (double)input * (double)price->input +
						       (double)output * (double)price->output);
	else
		sqlite3_result_int64(context, cost);
}

int price_book_add_functions(sqlite3 *db, struct err *err)
{
	static const struct sql_function functions[] = {
		{"price_in_force", COPY + 1, 0, price_in_force, NULL, NULL},
		{"cost_in_force", COPY + 3, 0, cost_in_force, NULL, NULL},
	};
	return functions_add(db, functions, sizeof(functions) / sizeof(functions[0]), err);
}
