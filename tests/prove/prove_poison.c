/*
 * M15. One to five events in a hundred have the service refuse, or break over, the whole request, and it does not say which:
 * these are dead, or put off one by one, and no other; and few requests more than the one are needed. One and two of
 * them in all positions (in the short share two in some), more in random ones. On the batch and what answers do to it: the
 * service is a function here, so that a case takes microseconds.
 */
#include "prove/kit/prove.h"
#include "sink/payi/answer.h"
#include "unit/sink_events.h"

#include <math.h>
#include <string.h>

enum { N = 100, POISON_MAX = 5 };

/* How the service takes poison. */
enum taste { REFUSES, BREAKS, TASTES };

static struct sink_event events[N];
static struct batch batch;
static bool is_poison[N + 1];
static int n_cases;
static double worst[POISON_MAX + 1]; /* extra requests, as a part of the bound */
static int most[POISON_MAX + 1];

/* ---- The service ---------------------------------------------------------------------------------- */

static int poison_in_body(void)
{
	int n = 0;
	for (size_t i = 0; i < batch.n_in_body; i++)
		n += is_poison[batch.items[i].id];
	return n;
}

static struct http_answer service(enum taste taste)
{
	static const char taken[] = "{\"request_id\":\"1\"}";
	static const char refused[] = "{\"message\":\"something is wrong\",\"statusCode\":400}";
	const bool bad = poison_in_body() > 0;
	struct http_answer http = {.status = 200, .retry_after_us = -1};
	if (bad)
		http.status = taste == REFUSES ? 400 : 500;
	http.body = bad ? refused : taken;
	http.body_bytes = strlen(http.body);
	return http;
}

/* ---- A case --------------------------------------------------------------------------------------- */

static void fill(void)
{
	batch_begin(&batch, false, 1 << 20);
	for (int i = 0; i < N; i++) {
		const struct sink_item item = {
			.id = i + 1, .record = events[i].record, .record_bytes = events[i].bytes};
		if (!batch_add(&batch, &item, SINK_EVENT_TIME_US))
			prove_broken("an event is not taken");
	}
}

/* Every verdict is on poison, the right one; all others are delivered. */
static void check_verdicts(int n_poison, enum taste taste)
{
	const enum sink_verdict wanted = taste == REFUSES ? SINK_DEAD : SINK_DEFERRED;
	struct sink_outcome outcomes[N];
	const size_t n = batch_outcomes(&batch, outcomes);
	for (size_t i = 0; i < n; i++)
		if (!is_poison[outcomes[i].id] || outcomes[i].verdict != wanted)
			prove_finding("event %d: verdict %d, poison %d", (int)outcomes[i].id,
				      (int)outcomes[i].verdict, is_poison[outcomes[i].id]);
	if ((int)n != n_poison || batch.n_delivered != N - n_poison)
		prove_finding("%d of %d poison found, %d delivered", (int)n, n_poison,
			      (int)batch.n_delivered);
}

/* What a service breaks over may pass by itself, which is tried at first: twice the whole. */
static void check_requests(int n_requests, int n_poison, enum taste taste)
{
	const double bound = 2 * n_poison * log2(N) + n_poison;
	const int extra = n_requests - 1 - (taste == BREAKS);
	if (extra > most[n_poison])
		most[n_poison] = extra;
	if (extra / bound > worst[n_poison])
		worst[n_poison] = extra / bound;
	if (extra > bound)
		prove_finding("%d poison: %d extra requests, the bound is %.1f", n_poison, extra,
			      bound);
}

static void run_case(const int *positions, int n_poison, enum taste taste)
{
	struct endpoint endpoint;
	struct answer answer;
	int n_requests = 0;
	endpoint_init(&endpoint);
	fill();
	for (int i = 0; i < n_poison; i++)
		is_poison[positions[i] + 1] = true;
	for (; batch.n_items > 0 && n_requests < 10 * N; n_requests++) {
		if (!batch_prepare(&batch, INGEST_BULK))
			prove_broken("out of memory");
		const struct http_answer http = service(taste);
		const struct answer_clocks clocks = {n_requests, SINK_EVENT_TIME_US};
		answer_take(&batch, &endpoint, &http, false, clocks, &answer);
	}
	check_verdicts(n_poison, taste);
	check_requests(n_requests, n_poison, taste);
	n_cases++;
	memset(is_poison, 0, sizeof(is_poison));
}

/* ---- All of them ---------------------------------------------------------------------------------- */

static void run_tastes(const int *positions, int n_poison)
{
	for (int taste = 0; taste < TASTES; taste++)
		run_case(positions, n_poison, (enum taste)taste);
}

static void run_pairs(int step)
{
	for (int i = 0; i < N; i++)
		run_tastes(&i, 1);
	for (int i = 0; i < N; i++)
		for (int j = i + 1; j < N; j += step)
			run_tastes((const int[]){i, j}, 2);
}

static bool is_among(const int *positions, int n, int position)
{
	while (n > 0)
		if (positions[--n] == position)
			return true;
	return false;
}

static void run_random(int times)
{
	for (int i = 0; i < times; i++) {
		int positions[POISON_MAX];
		const int n_poison = 3 + prove_below(POISON_MAX - 2);
		for (int n = 0; n < n_poison;) {
			positions[n] = prove_below(N);
			n += !is_among(positions, n, positions[n]);
		}
		run_tastes(positions, n_poison);
	}
}

int main(int argc, char **argv)
{
	prove_begin(argc, argv);
	if (batch_init(&batch, N))
		prove_broken("out of memory");
	for (int i = 0; i < N; i++)
		events[i] = sink_event(i + 1, (struct sink_event_more){0});
	run_pairs(prove_figure(7, 1));
	run_random(prove_figure(500, 50000));
	batch_release(&batch);
	prove_row(
		"M15",
		"1 to 5 poisonous events in 100: no other is hit, at most 2 p log2(n) + p requests "
		"more",
		prove_findings() == 0,
		"%d cases; extra requests at the most %d, %d, %d, %d, %d (of the bound %.2f, %.2f, "
		"%.2f, %.2f, %.2f)",
		n_cases, most[1], most[2], most[3], most[4], most[5], worst[1], worst[2], worst[3],
		worst[4], worst[5]);
	return prove_end();
}
