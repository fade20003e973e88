/*
 * M19. Threads that come, go and are cancelled, signals' handlers that track, jumps out of calls, the library unloaded.
 */
#define _GNU_SOURCE /* setitimer() */
#include "prove/kit/cases.h"
#include "prove/kit/prove.h"

#include <dlfcn.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static payi_client *shared_client;

static void *track_thread(void *producer)
{
	cases_track(shared_client, (uint32_t)(uintptr_t)producer);
	return NULL;
}

/* ---- Threads -------------------------------------------------------------------------------------- */

static void *track_and_exit(void *producer)
{
	track_thread(producer);
	pthread_exit(NULL);
}

static void threads_come_and_go(void)
{
	shared_client = cases_client();
	for (uintptr_t i = 1; i < 100; i++) {
		pthread_t thread;
		pthread_create(&thread, NULL, track_and_exit, (void *)i);
		pthread_join(thread, NULL);
		if (i % 16 == 0)
			prove_sleep_us(100000); /* for the drain */
	}
}

static void *track_on_a_small_stack(void *producer)
{
	payi_client *client = shared_client;
	const payi_units units[] = {{"text", 0, 1}};
	const payi_property properties[] = {{"fill", "x"}};
	payi_event event = PAYI_EVENT_INIT;
	(void)producer;
	event.category = "system.openai";
	event.units = units;
	event.n_units = 1;
	event.properties = properties;
	event.n_properties = 1;
	event.use_case_step = "no use case"; /* refused: payi_last_error() is written */
	MUST(payi_track(client, &event) == PAYI_ERR_INVALID);
	return NULL;
}

static void small_stacks(void)
{
	pthread_attr_t attributes;
	pthread_t thread;
	shared_client = cases_client();
	pthread_attr_init(&attributes);
	MUST(pthread_attr_setstacksize(&attributes, (size_t)sysconf(_SC_THREAD_STACK_MIN)) == 0);
	MUST(pthread_create(&thread, &attributes, track_on_a_small_stack, NULL) == 0);
	pthread_join(thread, NULL);
	payi_client_close(shared_client);
}

/* Fills the ring, which no agent has seen, with a cancellation pending: within the call files are opened. */
static void *track_cancelled(void *producer)
{
	pthread_cancel(pthread_self());
	for (uint32_t i = 0; i < 100000; i++)
		if (oracle_track(cases_oracle(), shared_client, (uint32_t)(uintptr_t)producer, i) !=
		    PAYI_OK)
			break;
	return NULL;
}

static void track_again_when_drained(uint32_t producer)
{
	for (int i = 0; i < 1000 && payi_flush(shared_client, 0) != PAYI_OK; i++)
		prove_sleep_us(10000);
	MUST(payi_flush(shared_client, 0) == PAYI_OK);
	cases_track(shared_client, producer);
}

static void cancel_while_out_of_room(void)
{
	pthread_t thread;
	shared_client = cases_client();
	pthread_create(&thread, NULL, track_cancelled, (void *)(uintptr_t)1);
	pthread_join(thread, NULL);
	track_again_when_drained(2);
}

/* In a forked child the first call opens a ring. A cancelled thread must not leave the others waiting for it. */
static void cancel_while_reopening(void)
{
	shared_client = cases_client();
	const pid_t child = fork();
	if (child == 0) {
		pthread_t thread;
		pthread_create(&thread, NULL, track_cancelled, (void *)(uintptr_t)1);
		pthread_join(thread, NULL);
		track_again_when_drained(2);
		_exit(0);
	}
	cases_must_end_well(child);
}

/* Asynchronous cancellation in a call is the application's mistake: it may cost lanes, and never a standstill. */
static void *track_asynchronously(void *producer)
{
	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
	const payi_event nothing = PAYI_EVENT_INIT;
	for (;;)
		payi_track(shared_client, &nothing);
	return producer;
}

static void cancel_asynchronously(void)
{
	shared_client = cases_client();
	for (int i = 0; i < 20; i++) {
		pthread_t thread;
		pthread_create(&thread, NULL, track_asynchronously, NULL);
		prove_sleep_us(2000);
		pthread_cancel(thread);
		pthread_join(thread, NULL);
	}
	const payi_status status = oracle_track(cases_oracle(), shared_client, 1, 0);
	MUST(status == PAYI_OK || status == PAYI_ERR_BUSY);
	payi_client_close(shared_client);
}

/* ---- Signals -------------------------------------------------------------------------------------- */

static volatile sig_atomic_t n_handled;
static uint32_t handler_number;

static void track_in_handler(int signal_number)
{
	(void)signal_number;
	n_handled++;
	oracle_track(cases_oracle(), shared_client, 500, handler_number++);
}

static void start_storm(void (*handler)(int), int us)
{
	const struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
	const struct itimerval often = {{0, us}, {0, us}};
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
}

static void end_storm(void)
{
	setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
	MUST(n_handled > 0);
}

static void handler_interrupts_track(void)
{
	shared_client = cases_client();
	start_storm(track_in_handler, 200);
	for (uint32_t i = 0; i < 20000 || n_handled < 20; i++)
		oracle_track(cases_oracle(), shared_client, 1, i);
	end_storm();
}

static void handler_interrupts_open(void)
{
	shared_client = cases_client();
	start_storm(track_in_handler, 200);
	for (int i = 0; i < 200 || n_handled < 20; i++)
		payi_client_close(cases_client());
	end_storm();
}

/* The handler's call, too, finds the child without a ring, and may have come in while it is opened. */
static void handler_interrupts_reopening(void)
{
	shared_client = cases_client();
	for (uint32_t i = 1; i < 40; i++) {
		const pid_t child = fork();
		if (child == 0) {
			handler_number = i * 100000;
			start_storm(track_in_handler, 100);
			for (uint32_t n = 0; n < 2000 && n_handled < 5; n++)
				oracle_track(cases_oracle(), shared_client, i, n);
			setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
			_exit(0);
		}
		cases_must_end_well(child);
	}
}

static sigjmp_buf way_out;

static void jump_out(int signal_number)
{
	(void)signal_number;
	n_handled++;
	siglongjmp(way_out, 1);
}

/* Out of the midst of a call, by a jump: lanes may be lost, the calls that follow are answered. */
static void jumps_out_of_calls(void)
{
	payi_client *client = cases_client();
	const payi_event nothing = PAYI_EVENT_INIT;
	start_storm(jump_out, 500);
	for (int i = 0; i < 300; i++)
		if (sigsetjmp(way_out, 1) == 0)
			for (int n = 0; n < 200; n++)
				payi_track(client, &nothing);
	end_storm();
	const payi_status status = oracle_track(cases_oracle(), client, 1, 0);
	MUST(status == PAYI_OK || status == PAYI_ERR_BUSY);
}

/* ---- The library, loaded and unloaded -------------------------------------------------------------- */

struct library {
	void *handle;
	payi_status (*open)(const payi_client_options *options, payi_client **client);
	payi_status (*track)(payi_client *client, const payi_event *event);
	void (*close)(payi_client *client);
};

static void *symbol(void *handle, const char *name)
{
	void *at = dlsym(handle, name);
	MUST(at != NULL);
	return at;
}

static struct library load_library(void)
{
	char path[1024];
	struct library library;
	snprintf(path, sizeof(path), "%s/client/libpayi.so", getenv("PROVE_BUILD"));
	library.handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!library.handle)
		fprintf(stderr, "%s\n", dlerror());
	MUST(library.handle != NULL);
	*(void **)&library.open = symbol(library.handle, "payi_client_open");
	*(void **)&library.track = symbol(library.handle, "payi_track");
	*(void **)&library.close = symbol(library.handle, "payi_client_close");
	return library;
}

/* Beside the copy that this program is linked to: two in one process. Closed before it is unloaded, or not. */
static void unload_the_library(void)
{
	payi_client *own = cases_client();
	for (uint32_t i = 0; i < 6; i++) {
		struct library library = load_library();
		payi_client_options options = PAYI_CLIENT_OPTIONS_INIT;
		payi_client *client;
		struct oracle_event event;
		options.ring_dir = cases_place()->rings;
		options.ring_bytes = CASES_RING_BYTES;
		MUST(library.open(&options, &client) == PAYI_OK);
		oracle_event(&event, 100, i);
		MUST(library.track(client, &event.event) == PAYI_OK);
		oracle_note_accepted(cases_oracle(), 100, i);
		if (i % 2)
			library.close(client);
		dlclose(library.handle);
		cases_track(own, 1 + i);
	}
}

/* ---- All of them ---------------------------------------------------------------------------------- */

static const struct cases_case cases[] = {
#define X(name)                                                                                    \
	{                                                                                          \
#name, name                                                                        \
	}
	X(threads_come_and_go),      X(small_stacks),
	X(cancel_while_out_of_room), X(cancel_while_reopening),
	X(cancel_asynchronously),    X(handler_interrupts_track),
	X(handler_interrupts_open),  X(handler_interrupts_reopening),
	X(jumps_out_of_calls),       X(unload_the_library),
#undef X
};

int main(int argc, char **argv)
{
	prove_begin(argc, argv);
	cases_run("threads, cancellation, signals, dlclose: no standstill, promises kept", cases,
		  sizeof(cases) / sizeof(cases[0]), prove_figure(1, 20));
	return prove_end();
}
