/*
 * M13. The connection to the service is cut after every byte of a request, and of its answer, by a close and by a reset; on a
 * fresh connection and on one that had served a request before. Whatever is cut, each event is there in the end, none is dead;
 * what comes again comes as before, and only if it was not known to be there.
 */
#include "prove/kit/prove.h"
#include "prove/kit/sinks.h"

#include <string.h>

enum { EVENTS = 3 };

/* One way to cut: all bytes of a side. */
struct way {
	bool of_answer, reset, kept;
	int step; /* 1: every byte */
	int n;    /* cuts */
};

static struct way ways[8];
static int n_ways, request_bytes, answer_bytes;
static int n_cuts, n_sent_twice;

/* ---- How long they are ---------------------------------------------------------------------------- */

static void make_sound(void *context, int number, struct sinks_case *it)
{
	(void)context;
	(void)number;
	it->fault.times = 0;
}

static void measure(void *context, int number, const struct sinks_result *result)
{
	(void)context;
	(void)number;
	request_bytes = result->requests[0].bytes;
	answer_bytes = result->answer_bytes;
	if (result->n_requests != 1 || result->n_delivered != EVENTS)
		prove_broken("%d requests where nothing is wrong", result->n_requests);
}

/* ---- The cuts ------------------------------------------------------------------------------------- */

static const struct way *way_of(int number, int *cut)
{
	int i = 0;
	while (number >= ways[i].n)
		number -= ways[i++].n;
	*cut = number * ways[i].step;
	return &ways[i];
}

static void make_cut(void *context, int number, struct sinks_case *it)
{
	int cut;
	const struct way *way = way_of(number, &cut);
	(void)context;
	it->n_events = way->kept ? 2 * EVENTS : EVENTS;
	it->fault.from_request = way->kept ? 2 : 1;
	it->fault.carried_out = true;
	it->fault.reset = way->reset;
	if (way->of_answer)
		it->fault.write_bytes = cut;
	else
		it->fault.read_bytes = cut;
}

static void check(void *context, int number, const struct sinks_result *result)
{
	int cut, n_taken = 0, n_twice = 0;
	const struct way *way = way_of(number, &cut);
	const int n = way->kept ? 2 * EVENTS : EVENTS;
	(void)context;
	for (int i = 0; i < n; i++) {
		n_taken += result->taken[i] > 0;
		n_twice += result->taken[i] > 1;
	}
	n_cuts++;
	n_sent_twice += n_twice > 0;
	const bool is_known = !way->of_answer || cut >= answer_bytes;
	if (result->late || result->differs || n_taken != n || result->n_delivered != n ||
	    result->n_dead > 0 || (is_known && n_twice > 0))
		prove_finding("%s cut after %d bytes by a %s, %s connection: %d of %d there, %d "
			      "delivered, %d dead, %d twice%s%s; %s",
			      way->of_answer ? "answer" : "request", cut,
			      way->reset ? "reset" : "close", way->kept ? "kept" : "fresh", n_taken,
			      n, result->n_delivered, result->n_dead, n_twice,
			      result->differs ? ", not as before" : "",
			      result->late ? ", not over" : "", result->error);
}

static int plan(void)
{
	const int step = prove_figure(7, 1);
	int n = 0;
	for (int i = 0; i < 8; i++) {
		struct way *way = &ways[n_ways++];
		*way = (struct way){
			.of_answer = i & 1, .reset = i & 2, .kept = i & 4, .step = step};
		way->n = ((way->of_answer ? answer_bytes + 1 : request_bytes) + step - 1) / step;
		n += way->n;
	}
	return n;
}

int main(int argc, char **argv)
{
	prove_begin(argc, argv);
	sinks_open();
	sinks_run(1, make_sound, measure, NULL);
	const int n = plan();
	sinks_run(n, make_cut, check, NULL);
	sinks_close();
	prove_row(
		"M13",
		prove_all() ? "connection cut at every byte of request and answer: each event there"
			    : "connection cut at every 7th byte of request and answer: each event "
			      "there",
		prove_findings() == 0,
		"%d cuts of %d bytes asked and %d answered, by close and reset, fresh and kept; %d "
		"times sent again what was there",
		n_cuts, request_bytes, answer_bytes, n_sent_twice);
	return prove_end();
}
