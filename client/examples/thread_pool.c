/*
 * A workflow whose parts run on a pool of threads: the context is captured where the work is handed over, and attached
 * by whichever thread does it. Two workflows share the pool, and are not mixed up.
 */
#include "ask.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { N_THREADS = 4, N_WORKFLOWS = 2, N_PARTS = 6, N_JOBS = N_WORKFLOWS * N_PARTS };

static payi_client *client;

/* ---- The pool: a queue of jobs, each with the context that it belongs to ------------------------------ */

struct job {
	payi_context *context;
	int part;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static struct job jobs[N_JOBS];
static int n_submitted, n_taken;

static void submit(int part)
{
	pthread_mutex_lock(&mutex);
	jobs[n_submitted++] = (struct job){payi_context_capture(client), part};
	pthread_cond_signal(&changed);
	pthread_mutex_unlock(&mutex);
}

static struct job *take(void)
{
	struct job *job = NULL;
	pthread_mutex_lock(&mutex);
	while (n_taken == n_submitted && n_taken < N_JOBS)
		pthread_cond_wait(&changed, &mutex);
	if (n_taken < N_JOBS)
		job = &jobs[n_taken++];
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&mutex);
	return job;
}

static void do_part(int part, struct dice *dice)
{
	char step[32];
	snprintf(step, sizeof(step), "section_%d", part + 1);
	PAYI_TRACK_CONTEXT (client, .use_case_step = step)
		ask(client, dice,
		    &(struct prompt){CLAUDE_SONNET_4, .prompt_tokens = 3000, .answer_tokens = 700});
}

static void *pool_thread(void *dice)
{
	struct job *job;
	while ((job = take())) {
		if (payi_context_attach(client, job->context) == PAYI_OK) {
			do_part(job->part, dice);
			payi_track_context_end(client);
		}
		payi_context_release(job->context);
	}
	return NULL;
}

/* ---- The workflows ---------------------------------------------------------------------------------- */

int main(void)
{
	pthread_t threads[N_THREADS];
	struct dice dice[N_THREADS];
	client = open_client("thread_pool");
	for (int i = 0; i < N_THREADS; i++) {
		dice[i].state = (uint64_t)i;
		pthread_create(&threads[i], NULL, pool_thread, &dice[i]);
	}
	for (int i = 0; i < N_WORKFLOWS; i++) {
		PAYI_TRACK_CONTEXT (client, .use_case_name = "report_writing",
				    .account_name = i ? "contoso" : "northwind") {
			printf("workflow %d: run %s\n", i, payi_current_use_case_id(client));
			for (int part = 0; part < N_PARTS; part++)
				submit(part);
		} /* the context is closed here; the jobs keep it alive as long as they need it */
	}
	for (int i = 0; i < N_THREADS; i++)
		pthread_join(threads[i], NULL);
	payi_client_close(client);
	return 0;
}
