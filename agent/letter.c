#include "letter.h"

#include "base/memory.h"
#include "order.h"
#include "prices/price_list.h"

#include <stdlib.h>
#include <string.h>

enum { TEXT_BYTES = 512 }; /* of a code or message; what is longer is cut */

struct outcome_texts {
	char code[TEXT_BYTES];
	char message[TEXT_BYTES];
};

enum letter_kind { LETTER_SETTLEMENT, LETTER_ANSWER, LETTER_REPORT, LETTER_ORDER, LETTER_PRICES };

struct letter {
	struct letter *next;
	enum letter_kind kind;
	char sink[32];
	struct sink_settlement settlement;
	struct sink_outcome *outcomes;
	struct outcome_texts *texts; /* of the outcomes; one of an answer */
	struct sink_ask_outcome answer;
	char *given_id; /* these two are never cut */
	char *description;
	struct price_list *prices; /* of an answer, or the operator's */
	struct sink_report report;
	char state[64];
	char last_error[TEXT_BYTES];
	struct order *order;
};

/* ---- The box -------------------------------------------------------------------------------------- */

void letter_box_init(struct letter_box *box)
{
	pthread_mutex_init(&box->mutex, NULL);
	box->first = NULL;
	box->last = &box->first;
}

void letter_box_release(struct letter_box *box)
{
	letter_free(box->first);
	pthread_mutex_destroy(&box->mutex);
}

static void post(struct letter_box *box, struct letter *letter)
{
	pthread_mutex_lock(&box->mutex);
	*box->last = letter;
	box->last = &letter->next;
	pthread_mutex_unlock(&box->mutex);
}

bool letter_box_is_empty(struct letter_box *box)
{
	pthread_mutex_lock(&box->mutex);
	const bool empty = box->first == NULL;
	pthread_mutex_unlock(&box->mutex);
	return empty;
}

struct letter *letter_box_take(struct letter_box *box)
{
	pthread_mutex_lock(&box->mutex);
	struct letter *letters = box->first;
	box->first = NULL;
	box->last = &box->first;
	pthread_mutex_unlock(&box->mutex);
	return letters;
}

/* ---- Copying -------------------------------------------------------------------------------------- */

/* Copies text, cut to what fits; NULL stays NULL. */
static const char *copy_text(char *to, size_t bytes, const char *text)
{
	if (!text)
		return NULL;
	const size_t len = strnlen(text, bytes - 1);
	memcpy(to, text, len);
	to[len] = '\0';
	return to;
}

static char *copy_whole(const char *text)
{
	return text ? memory_await_text(text) : NULL;
}

static struct price_list *copy_prices(const struct price_list *prices)
{
	struct price_list *copy = NULL;
	while (prices && !(copy = price_list_copy(prices)))
		memory_wait();
	return copy;
}

static struct letter *new_letter(enum letter_kind kind, const char *sink)
{
	struct letter *letter = memory_await(1, sizeof(*letter));
	letter->kind = kind;
	copy_text(letter->sink, sizeof(letter->sink), sink);
	return letter;
}

void letter_box_settle(struct letter_box *box, const struct sink_settlement *settlement)
{
	struct letter *letter = new_letter(LETTER_SETTLEMENT, settlement->sink);
	const size_t n = settlement->n_outcomes;
	letter->settlement = *settlement;
	letter->settlement.sink = letter->sink;
	letter->outcomes = memory_await(n, sizeof(*letter->outcomes));
	letter->texts = memory_await(n, sizeof(*letter->texts));
	for (size_t i = 0; i < n; i++) {
		const struct sink_outcome *from = &settlement->outcomes[i];
		struct outcome_texts *texts = &letter->texts[i];
		letter->outcomes[i] = *from;
		letter->outcomes[i].code = copy_text(texts->code, TEXT_BYTES, from->code);
		letter->outcomes[i].message = copy_text(texts->message, TEXT_BYTES, from->message);
	}
	letter->settlement.outcomes = letter->outcomes;
	post(box, letter);
}

void letter_box_settle_ask(struct letter_box *box, const struct sink_ask_outcome *outcome)
{
	struct letter *letter = new_letter(LETTER_ANSWER, NULL);
	letter->texts = memory_await(1, sizeof(*letter->texts));
	letter->given_id = copy_whole(outcome->given_id);
	letter->description = copy_whole(outcome->description);
	letter->answer = *outcome;
	letter->answer.given_id = letter->given_id;
	letter->answer.description = letter->description;
	letter->answer.prices = letter->prices = copy_prices(outcome->prices);
	letter->answer.code = copy_text(letter->texts->code, TEXT_BYTES, outcome->code);
	letter->answer.message = copy_text(letter->texts->message, TEXT_BYTES, outcome->message);
	post(box, letter);
}

void letter_box_report(struct letter_box *box, const char *sink, const struct sink_report *report)
{
	struct letter *letter = new_letter(LETTER_REPORT, sink);
	letter->report = *report;
	letter->report.state = copy_text(letter->state, sizeof(letter->state), report->state);
	letter->report.last_error =
		copy_text(letter->last_error, sizeof(letter->last_error), report->last_error);
	post(box, letter);
}

void letter_box_prices(struct letter_box *box, const struct price_list *prices)
{
	struct letter *letter = new_letter(LETTER_PRICES, NULL);
	letter->prices = copy_prices(prices);
	post(box, letter);
}

int letter_box_order(struct letter_box *box, struct order *order, struct err *err)
{
	struct letter *letter = calloc(1, sizeof(*letter));
	if (!letter)
		return err_set(err, ERR_MEMORY, "out of memory");
	order_hold(order);
	letter->kind = LETTER_ORDER;
	letter->order = order;
	post(box, letter);
	return 0;
}

/* ---- Writing -------------------------------------------------------------------------------------- */

static int write_one(const struct letter *letter, struct store *store, int64_t now_us,
		     struct err *err)
{
	switch (letter->kind) {
	case LETTER_SETTLEMENT:
		return store_settle(store, &letter->settlement, now_us, err);
	case LETTER_ANSWER:
		return store_settle_ask(store, &letter->answer, now_us, err);
	case LETTER_ORDER:
		return order_write(letter->order, store, now_us, err);
	case LETTER_PRICES:
		return store_prices_put(store, letter->prices, err);
	case LETTER_REPORT:
		break;
	}
	return store_sink_report(store, letter->sink, &letter->report, err);
}

int letter_write(const struct letter *letters, struct store *store, int64_t now_us, struct err *err)
{
	int status = 0;
	for (; letters && !status; letters = letters->next)
		status = write_one(letters, store, now_us, err);
	return status;
}

/* An answer frees what was held, an order what was dead; and what is held only now may be free already, when the answer came first. */
static bool may_free(const struct letter *letter)
{
	for (size_t i = 0; i < letter->settlement.n_outcomes; i++)
		if (letter->outcomes[i].verdict == SINK_HELD ||
		    letter->outcomes[i].verdict == SINK_BEHIND)
			return true;
	return letter->kind == LETTER_ANSWER || letter->kind == LETTER_ORDER;
}

bool letter_may_free(const struct letter *letters)
{
	while (letters && !may_free(letters))
		letters = letters->next;
	return letters != NULL;
}

bool letter_may_wait(const struct letter *letters)
{
	while (letters && (letters->kind == LETTER_SETTLEMENT || letters->kind == LETTER_REPORT))
		letters = letters->next;
	return letters == NULL;
}

uint64_t letter_n_settlements(const struct letter *letters)
{
	uint64_t n = 0;
	for (; letters; letters = letters->next)
		n += letters->kind == LETTER_SETTLEMENT;
	return n;
}

struct letter *letter_join(struct letter *first, struct letter *second)
{
	if (!first)
		return second;
	struct letter *last = first;
	while (last->next)
		last = last->next;
	last->next = second;
	return first;
}

static void free_one(struct letter *letter)
{
	order_release(letter->order);
	free(letter->outcomes);
	free(letter->texts);
	free(letter->given_id);
	free(letter->description);
	free(letter->prices);
	free(letter);
}

struct letter *letter_committed(struct letter *letters)
{
	struct letter *left = NULL;
	struct letter **last = &left;
	while (letters) {
		struct letter *next = letters->next;
		if (letters->kind == LETTER_ORDER && !order_committed(letters->order)) {
			*last = letters;
			last = &letters->next;
			*last = NULL;
		} else {
			free_one(letters);
		}
		letters = next;
	}
	return left;
}

void letter_free(struct letter *letters)
{
	while (letters) {
		struct letter *next = letters->next;
		free_one(letters);
		letters = next;
	}
}
