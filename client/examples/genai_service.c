/*
 * A service that uses models and tracks what it used: several processes, several threads each, a few use
 * cases. The models are made up (provider.h); the tracking is real, and stands in use_cases.c.
 *
 *     genai_service [--processes N] [--threads N] [--requests N] [--days N] [--seed N] [--ring-dir DIR]
 *
 * Ends with what it tracked, use case by use case: `payi-agent use-cases` and `payi-agent usage` must show
 * the same. Exit code: 0 when every event was tracked, 1 when something was refused or dropped or failed,
 * 2 for wrong usage.
 */
#include "use_cases.h"

#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PROCESSES_MAX = 64, THREADS_MAX = 64, BLOCK_MS = 5000, FLUSH_MS = 5000 };

struct plan {
	long processes;
	long threads;  /* in each process */
	long requests; /* in all */
	long days;     /* over which the requests are spread, until an hour ago */
	long seed;
	const char *ring_dir;
	int64_t now_us;
};

/* What a process tells its parent. */
struct report {
	struct tally tally[N_USE_CASES];
	long n_troubles;
	long n_stored; /* 1: the agent has stored everything; 0: not yet */
};

_Static_assert(sizeof(struct report) <= 512,
	       "a pipe takes _POSIX_PIPE_BUF bytes whole or not at all");

/* ---- One process ---------------------------------------------------------------------------------- */

struct thread {
	pthread_t pthread;
	struct worker worker;
	long requests;
};

static void *run_thread(void *context)
{
	struct thread *thread = context;
	for (long i = 0; i < thread->requests; i++)
		serve_request(&thread->worker);
	return NULL;
}

static void add_tally(struct tally *sum, const struct tally *tally, enum use_case use_case)
{
	/* All requests without an id are one instance, whoever serves them. */
	if (use_case == SPAM_CLASSIFICATION)
		sum->instances |= tally->instances;
	else
		sum->instances += tally->instances;
	sum->events += tally->events;
	sum->failures += tally->failures;
	sum->input_units += tally->input_units;
	sum->output_units += tally->output_units;
	sum->tickets |= tally->tickets;
}

/* The share of the i-th of n, so that the shares add up to the total. */
static long share(long total, long n, long i)
{
	return total / n + (i < total % n);
}

static struct thread make_thread(const struct plan *plan, payi_client *client, long number)
{
	const int64_t hour_us = INT64_C(3600) * 1000000;
	return (struct thread){
		.worker = {.client = client,
			   .dice = {(uint64_t)plan->seed * 0x10001 + (uint64_t)number},
			   .begin_us = plan->now_us - plan->days * 24 * hour_us,
			   .end_us = plan->now_us - hour_us},
		.requests = share(plan->requests, plan->processes * plan->threads, number),
	};
}

static int serve(const struct plan *plan, payi_client *client, long process, struct report *report)
{
	struct thread threads[THREADS_MAX];
	long started = 0;
	int error = 0;
	while (!error && started < plan->threads) {
		struct thread *thread = &threads[started];
		*thread = make_thread(plan, client, process * plan->threads + started);
		error = pthread_create(&thread->pthread, NULL, run_thread, thread);
		started += !error;
	}
	if (error)
		fprintf(stderr, "genai_service: cannot start a thread: %s\n", strerror(error));
	for (long i = 0; i < started; i++) {
		pthread_join(threads[i].pthread, NULL);
		for (int u = 0; u < N_USE_CASES; u++)
			add_tally(&report->tally[u], &threads[i].worker.tally[u], (enum use_case)u);
		report->n_troubles += threads[i].worker.n_troubles;
	}
	return error ? -1 : 0;
}

/*
 * A process opens one client, which all its threads share. These made-up requests come in far faster than
 * real ones, so a full ring shall make them wait for the agent; a real service had better leave when_full as
 * it is: then a full ring drops the event, counts it, and holds nobody up.
 */
static int run_process(const struct plan *plan, long process, int report_to)
{
	payi_client_options options = PAYI_CLIENT_OPTIONS_INIT;
	options.ring_dir = plan->ring_dir;
	options.when_full = PAYI_WHEN_FULL_BLOCK;
	options.block_ms = BLOCK_MS;
	options.app_name = "genai_service";
	payi_client *client;
	if (payi_client_open(&options, &client) != PAYI_OK) {
		fprintf(stderr, "genai_service: %s\n", payi_last_error());
		return EXIT_FAILURE;
	}
	struct report report = {0};
	int status = serve(plan, client, process, &report);

	/* Not needed for the events to be safe from a crash; only to know that they are on disk by now. */
	report.n_stored = payi_flush(client, FLUSH_MS) == PAYI_OK;
	payi_client_close(client);
	if (write(report_to, &report, sizeof(report)) != (ssize_t)sizeof(report))
		status = -1;
	return status ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* ---- All processes -------------------------------------------------------------------------------- */

static int start_processes(const struct plan *plan, int report_to)
{
	fflush(NULL);
	for (long i = 0; i < plan->processes; i++) {
		const pid_t pid = fork();
		if (pid == 0)
			exit(run_process(plan, i, report_to));
		if (pid < 0) {
			fprintf(stderr, "genai_service: cannot fork: %s\n", strerror(errno));
			return -1;
		}
	}
	return 0;
}

/* Ends when the last process has closed its end of the pipe. Returns how many reports there were. */
static long collect(int from, struct report *sum)
{
	long n = 0;
	struct report report;
	while (read(from, &report, sizeof(report)) == (ssize_t)sizeof(report)) {
		for (int u = 0; u < N_USE_CASES; u++)
			add_tally(&sum->tally[u], &report.tally[u], (enum use_case)u);
		sum->n_troubles += report.n_troubles;
		sum->n_stored += report.n_stored;
		n++;
	}
	return n;
}

static int run(const struct plan *plan, struct report *sum)
{
	int ends[2];
	if (pipe(ends)) {
		fprintf(stderr, "genai_service: cannot make a pipe: %s\n", strerror(errno));
		return -1;
	}
	int status = start_processes(plan, ends[1]);
	close(ends[1]);
	if (collect(ends[0], sum) != plan->processes)
		status = -1;
	close(ends[0]);
	int wait_status;
	while (wait(&wait_status) > 0)
		if (wait_status != 0)
			status = -1;
	return status;
}

/* ---- The result ----------------------------------------------------------------------------------- */

/* 1234567 as 1,234,567. */
static const char *grouped(char text[32], long long number)
{
	char digits[24];
	const int n = snprintf(digits, sizeof(digits), "%lld", number);
	char *to = text;
	for (int i = 0; i < n; i++) {
		if (i > 0 && (n - i) % 3 == 0)
			*to++ = ',';
		*to++ = digits[i];
	}
	*to = '\0';
	return text;
}

static void print_row(const char *name, long long instances, const struct tally *tally)
{
	char text[5][32];
	printf("%-24s %11s %10s %10s %14s %14s\n", name, grouped(text[0], instances),
	       grouped(text[1], tally->events), grouped(text[2], tally->failures),
	       grouped(text[3], tally->input_units), grouped(text[4], tally->output_units));
}

static long long count_bits(uint64_t bits)
{
	long long n = 0;
	for (; bits; bits &= bits - 1)
		n++;
	return n;
}

static void print_report(const struct plan *plan, const struct report *report)
{
	struct tally total = {0};
	printf("%-24s %11s %10s %10s %14s %14s\n", "USE CASE", "INSTANCES", "EVENTS", "FAILURES",
	       "INPUT UNITS", "OUTPUT UNITS");
	long long instances = 0;
	for (int u = 0; u < N_USE_CASES; u++) {
		const struct tally *tally = &report->tally[u];
		const long long n = tally->instances + count_bits(tally->tickets);
		print_row(use_case_names[u], n, tally);
		add_tally(&total, tally, (enum use_case)u);
		instances += n;
	}
	print_row("all", instances, &total);
	char text[32];
	printf("\n%s events tracked by %ld processes of %ld threads; %s\n",
	       grouped(text, total.events), plan->processes, plan->threads,
	       report->n_stored == plan->processes
		       ? "the agent has stored them all"
		       : "the agent has not stored them all yet: they wait in the rings");
	if (report->n_troubles > 0)
		printf("%s events were NOT tracked\n", grouped(text, report->n_troubles));
}

/* ---- The command line ----------------------------------------------------------------------------- */

static int usage(void)
{
	fputs("Usage: genai_service [--processes N] [--threads N] [--requests N] [--days N]\n"
	      "                     [--seed N] [--ring-dir DIR]\n\n"
	      "  --processes N   processes, each with a ring of its own (1 to 64; 3)\n"
	      "  --threads N     threads in each (1 to 64; 4)\n"
	      "  --requests N    requests in all (0 to 100000000; 2000)\n"
	      "  --days N        days over which they are spread, until an hour ago (1 to 365; 3)\n"
	      "  --seed N        the same seed makes the same requests (a new one each time)\n"
	      "  --ring-dir DIR  the agent's ring directory (as payi_ring_dir() finds it)\n",
	      stderr);
	return 2;
}

static int parse_number(const char *text, long min, long max, long *number)
{
	char *end;
	errno = 0;
	*number = strtol(text, &end, 10);
	return errno || end == text || *end || *number < min || *number > max ? -1 : 0;
}

static int parse_options(int argc, char **argv, struct plan *plan)
{
	static const struct option options[] = {
		{"processes", required_argument, NULL, 'p'},
		{"threads", required_argument, NULL, 't'},
		{"requests", required_argument, NULL, 'r'},
		{"days", required_argument, NULL, 'd'},
		{"seed", required_argument, NULL, 's'},
		{"ring-dir", required_argument, NULL, 'R'},
		{NULL, 0, NULL, 0},
	};
	int status = 0;
	int option;
	while (!status && (option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'p')
			status = parse_number(optarg, 1, PROCESSES_MAX, &plan->processes);
		else if (option == 't')
			status = parse_number(optarg, 1, THREADS_MAX, &plan->threads);
		else if (option == 'r')
			status = parse_number(optarg, 0, 100000000, &plan->requests);
		else if (option == 'd')
			status = parse_number(optarg, 1, 365, &plan->days);
		else if (option == 's')
			status = parse_number(optarg, 0, INT32_MAX, &plan->seed);
		else if (option == 'R')
			plan->ring_dir = optarg;
		else
			status = -1;
	}
	return status || optind != argc ? -1 : 0;
}

int main(int argc, char **argv)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	struct plan plan = {.processes = 3,
			    .threads = 4,
			    .requests = 2000,
			    .days = 3,
			    .seed = (now.tv_sec ^ now.tv_nsec) & INT32_MAX,
			    .now_us = (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000};
	if (parse_options(argc, argv, &plan))
		return usage();
	struct report report = {0};
	const int status = run(&plan, &report);
	print_report(&plan, &report);
	return status || report.n_troubles > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
