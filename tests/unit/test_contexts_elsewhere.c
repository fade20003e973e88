/* Contexts on other threads, in forked children, and under signal handlers. */
#include "contexts_stage.h"

#include <pthread.h>
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

TestSuite(contexts_elsewhere, .init = set_up, .fini = tear_down);

/* ---- Captured contexts ------------------------------------------------------------------------------ */

struct job {
	payi_context *context;
	const char *id;
	bool with;
};

static void *run_job(void *argument)
{
	struct job *job = argument;
	payi_track_context here = PAYI_TRACK_CONTEXT_INIT;
	here.use_case_name = "of_the_thread";
	here.user_id = "worker";
	cr_assert_eq(payi_track_context_begin(client, &here), PAYI_OK);
	if (job->with) {
		const payi_event event = small_event(job->id);
		cr_assert_eq(payi_track_with(client, job->context, &event), PAYI_OK);
	} else {
		cr_assert_eq(payi_context_attach(client, job->context), PAYI_OK);
		payi_context_release(job->context);
		track(job->id);
		END();
	}
	cr_assert_str_eq(payi_current_use_case_name(client), "of_the_thread");
	END();
	return NULL;
}

static void run(struct job *job)
{
	pthread_t thread;
	cr_assert_eq(pthread_create(&thread, NULL, run_job, job), 0);
	pthread_join(thread, NULL);
}

Test(contexts_elsewhere, a_captured_one_goes_to_other_threads_and_outlives_its_scope)
{
	struct job job = {.id = "attached"};
	struct job with = {.id = "with", .with = true};
	BEGIN(.use_case_name = "a", .use_case_id = "t", .account_name = "acme");
	job.context = payi_context_capture(client);
	with.context = payi_context_capture(client);
	END();
	run(&job);
	run(&with);
	payi_context_release(with.context);
	carries("attached", "use_case_name=a use_case_id=t account_name=acme");
	carries("with", "use_case_name=a use_case_id=t account_name=acme");
}

Test(contexts_elsewhere, what_was_blocked_stays_blocked_when_captured)
{
	struct job job = {.id = "e"};
	BEGIN(.use_case_name = "a", .user_id = "ada");
	BEGIN(.use_case_name = "", .user_id = "");
	job.context = payi_context_capture(client);
	END();
	END();
	run(&job); /* on a thread with a use case and a user of its own */
	carries("e", "");
}

Test(contexts_elsewhere, none_can_be_captured_too)
{
	struct job job = {.id = "e"};
	struct job null = {.id = "null"};
	struct job with_null = {.id = "with_null", .with = true};
	job.context = payi_context_capture(client);
	cr_assert(job.context);
	run(&job);
	run(&null);
	run(&with_null);
	carries("e", "");
	carries("null", "");
	carries("with_null", "");
	cr_assert_null(payi_context_capture(NULL));
	payi_context_release(NULL);
}

Test(contexts_elsewhere, an_attached_one_is_inherited_from)
{
	BEGIN(.use_case_name = "a", .use_case_id = "t", .user_id = "ada");
	payi_context *context = payi_context_capture(client);
	END();
	cr_assert_eq(payi_context_attach(client, context), PAYI_OK);
	payi_context_release(context);
	BEGIN(.use_case_step = "s");
	track("e");
	END();
	END();
	carries("e", "use_case_name=a use_case_id=t use_case_step=s user_id=ada");
}

/* Two coroutines of one thread, each with its context, by turns: an explicit context cannot be mixed up. */
Test(contexts_elsewhere, interleaved_work_is_told_apart)
{
	payi_context *context[2];
	for (int i = 0; i < 2; i++) {
		BEGIN(.use_case_name = i ? "q" : "p", .use_case_id = "1");
		context[i] = payi_context_capture(client);
		END();
	}
	for (int i = 0; i < 10; i++) {
		char id[16];
		snprintf(id, sizeof(id), "e%d", i);
		const payi_event event = small_event(id);
		cr_assert_eq(payi_track_with(client, context[i % 2], &event), PAYI_OK);
		carries(id,
			i % 2 ? "use_case_name=q use_case_id=1" : "use_case_name=p use_case_id=1");
	}
	payi_context_release(context[0]);
	payi_context_release(context[1]);
}

static void *leave_open(void *unused)
{
	(void)unused;
	BEGIN(.use_case_name = "a", .user_id = "ada");
	BEGIN(.use_case_name = "b");
	return NULL;
}

/* That the memory is given back is for the leak checker to say. */
Test(contexts_elsewhere, a_thread_that_ends_closes_what_it_left_open)
{
	pthread_t thread;
	cr_assert_eq(pthread_create(&thread, NULL, leave_open, NULL), 0);
	pthread_join(thread, NULL);
	cr_assert_null(payi_current_use_case_name(client));
}

/* ---- fork and signals ------------------------------------------------------------------------------- */

/* The id that a child makes, by a pipe. */
static void child_id(char id[64])
{
	int ends[2];
	cr_assert_eq(pipe(ends), 0);
	const pid_t child = fork();
	if (child == 0) {
		char text[64] = "";
		const char *outer = payi_current_use_case_name(client);
		PAYI_TRACK_CONTEXT (client, .use_case_name = "child")
			snprintf(text, sizeof(text), "%s", payi_current_use_case_id(client));
		if (!outer || strcmp(outer, "outer") != 0 || !payi_current_use_case_name(client))
			text[0] = '\0';
		_exit(write(ends[1], text, sizeof(text)) != sizeof(text));
	}
	close(ends[1]);
	cr_assert_eq(read(ends[0], id, 64), 64);
	close(ends[0]);
	int status;
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

Test(contexts_elsewhere, forked_children_go_on_with_theirs_and_make_their_own_ids)
{
	char ids[3][64];
	BEGIN(.use_case_name = "outer");
	child_id(ids[0]);
	child_id(ids[1]);
	PAYI_TRACK_CONTEXT (client, .use_case_name = "child")
		snprintf(ids[2], sizeof(ids[2]), "%s", payi_current_use_case_id(client));
	END();
	for (int i = 0; i < 3; i++)
		cr_assert_eq(strlen(ids[i]), 36u);
	/* The last 62 bits are the random ones: times differ anyhow. */
	cr_assert_str_neq(ids[0] + 20, ids[1] + 20);
	cr_assert_str_neq(ids[0] + 20, ids[2] + 20);
	cr_assert_str_neq(ids[1] + 20, ids[2] + 20);
}

static volatile sig_atomic_t n_signals, n_bad;

static void on_signal(int number)
{
	(void)number;
	const payi_event event = client_small_event();
	const payi_status status = payi_track(client, &event);
	n_signals++;
	n_bad += status != PAYI_OK && status != PAYI_ERR_FULL;
}

static void check_whole(void *context, uint32_t lane, const uint8_t *payload, uint32_t bytes)
{
	(void)context;
	(void)lane;
	char *text = record_text(payload, bytes);
	cr_assert(strcmp(text, "category=system.openai") == 0 ||
			  strcmp(text, "category=system.openai use_case_name=a use_case_id=t") ==
				  0 ||
			  strcmp(text, "category=system.openai use_case_name=a use_case_id=t "
				       "user_id=ada") == 0,
		  "%s", text);
	free(text);
}

/* A handler may track between any two instructions of begin and end: each event in one context or the other. */
Test(contexts_elsewhere, a_signal_handler_may_track_while_contexts_come_and_go)
{
	sigaction(SIGALRM, &(struct sigaction){.sa_handler = on_signal}, NULL);
	const struct itimerval often = {{0, 50}, {0, 50}};
	setitimer(ITIMER_REAL, &often, NULL);
	for (long i = 0; n_signals < 2000 && i < 100000000; i++)
		PAYI_TRACK_CONTEXT (client, .use_case_name = "a", .use_case_id = "t")
			PAYI_TRACK_CONTEXT (client, .user_id = "ada")
				continue;
	setitimer(ITIMER_REAL, &(struct itimerval){{0, 0}, {0, 0}}, NULL);
	cr_assert_geq(n_signals, 2000);
	cr_assert_eq(n_bad, 0);
	struct ring_view view;
	ring_view_open(&view, client_site.rings, 0);
	client_check_accounts(&view, (uint64_t)ring_view_each(&view, check_whole, NULL));
	ring_view_close(&view);
}
