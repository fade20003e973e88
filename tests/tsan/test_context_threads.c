/*
 * Captured contexts handed around by threads, with libpayi's own sources under ThreadSanitizer: one thread makes a
 * context and captures it, others attach it, track in it, and whoever is last frees it.
 */
#include "payi/payi.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N_WORKERS = 3, N_ROUNDS = 500 };

static payi_client *client;
static _Atomic(payi_context *) hand;      /* to whoever takes it first */
static atomic_int rounds_left = N_ROUNDS; /* contexts that workers are still to get */
static atomic_int failures;

static void check(int good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "failed: %s (%s)\n", what, payi_last_error());
	atomic_fetch_add(&failures, 1);
}

static void work(payi_context *context)
{
	static const payi_units units[] = {{"text", 1, 1}};
	payi_event event = PAYI_EVENT_INIT;
	event.category = "c";
	event.units = units;
	event.n_units = 1;
	check(payi_context_attach(client, context) == PAYI_OK, "attach");
	payi_context_release(context);
	const char *name = payi_current_use_case_name(client);
	check(name && strcmp(name, "a") == 0, "name");
	const payi_status status = payi_track(client, &event);
	check(status == PAYI_OK || status == PAYI_ERR_FULL, "track");
	payi_track_context_end(client);
}

static void *worker(void *unused)
{
	(void)unused;
	while (atomic_load_explicit(&rounds_left, memory_order_relaxed) > 0) {
		/* Acquire, pairs with the maker's release: the context is made. */
		payi_context *context = atomic_exchange_explicit(&hand, NULL, memory_order_acquire);
		if (!context)
			continue;
		work(context);
		atomic_fetch_sub_explicit(&rounds_left, 1, memory_order_relaxed);
	}
	return NULL;
}

int main(void)
{
	char directory[] = "/dev/shm/payi-test-XXXXXX";
	char command[64];
	pthread_t threads[N_WORKERS];
	payi_client_options options = PAYI_CLIENT_OPTIONS_INIT;
	options.ring_dir = mkdtemp(directory);
	if (payi_client_open(&options, &client) != PAYI_OK) {
		fprintf(stderr, "%s\n", payi_last_error());
		return 1;
	}
	for (int i = 0; i < N_WORKERS; i++)
		pthread_create(&threads[i], NULL, worker, NULL);
	while (atomic_load_explicit(&rounds_left, memory_order_relaxed) > 0) {
		PAYI_TRACK_CONTEXT (client, .use_case_name = "a") {
			payi_context *context = payi_context_capture(client);
			payi_context *before =
				atomic_exchange_explicit(&hand, context, memory_order_acq_rel);
			payi_context_release(before);
		}
	}
	for (int i = 0; i < N_WORKERS; i++)
		pthread_join(threads[i], NULL);
	payi_context_release(atomic_load(&hand));
	payi_client_close(client);
	snprintf(command, sizeof(command), "rm -r %s", directory);
	return system(command) || atomic_load(&failures) > 0;
}
