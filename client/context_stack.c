/*
 * Each thread's stack of open contexts: a list, innermost first, that only this thread touches. Frames of several
 * clients may lie in it; each client sees its own.
 *
 * A forked child goes on with the stack of the thread that forked: its contexts are memory, which it has a
 * copy of. The frames of other threads stay behind as garbage, as all that those threads held does.
 */
#include "context_stack.h"

#include "error.h"

#include <pthread.h>
#include <stdlib.h>

_Thread_local _Atomic(struct payi__frame *) payi__innermost;

/* ---- A thread that ends ----------------------------------------------------------------------------- */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static bool has_key;
static _Thread_local bool watched __attribute__((tls_model("initial-exec")));

static void free_frame(struct payi__frame *frame)
{
	payi_context_release(frame->context);
	free(frame);
}

static void close_all(void *unused)
{
	(void)unused;
	struct payi__frame *frame;
	while ((frame = atomic_load_explicit(&payi__innermost, memory_order_relaxed))) {
		atomic_store_explicit(&payi__innermost,
				      atomic_load_explicit(&frame->below, memory_order_relaxed),
				      memory_order_relaxed);
		free_frame(frame);
	}
	watched = false;
}

static void make_key(void)
{
	has_key = pthread_key_create(&key, close_all) == 0;
}

/* Has the thread's stack emptied when it ends. Without a key to do it by, what is left open then is leaked. */
static void watch_thread(void)
{
	if (watched)
		return;
	pthread_once(&once, make_key);
	watched = has_key && pthread_setspecific(key, &key) == 0;
}

/* ---- The stack -------------------------------------------------------------------------------------- */

/* Takes over the reference, also when it fails. */
static payi_status push(payi_client *client, payi_context *context)
{
	struct payi__frame *below = atomic_load_explicit(&payi__innermost, memory_order_relaxed);
	const unsigned depth = below ? below->depth + 1 : 1;
	struct payi__frame *frame = NULL;
	payi_status status = PAYI_OK;
	if (depth > PAYI_CONTEXT_DEPTH_MAX)
		status = payi__fail(PAYI_ERR_TOO_DEEP,
				    "%d contexts are open on this thread; is one never ended?",
				    PAYI_CONTEXT_DEPTH_MAX);
	else if (!(frame = malloc(sizeof(*frame))))
		status = payi__fail(PAYI_ERR_NO_MEMORY, "no memory for a context");
	if (status) {
		payi_context_release(context);
		return status;
	}
	atomic_init(&frame->below, below);
	frame->client_serial = client->serial;
	frame->context = context;
	frame->depth = depth;
	watch_thread();
	/* Release, for a signal handler on this thread: the frame is whole. */
	atomic_store_explicit(&payi__innermost, frame, memory_order_release);
	return PAYI_OK;
}

payi_status payi_track_context_begin(payi_client *client, const payi_track_context *context)
{
	payi_context *inner;
	payi_status status = payi__client_ready(client);
	if (!status)
		status = payi__context_new(context, payi__context_here(client), &client->ids,
					   &inner);
	return status ? status : push(client, inner);
}

payi_status payi_context_attach(payi_client *client, const payi_context *context)
{
	static const payi_track_context nothing = PAYI_TRACK_CONTEXT_INIT;
	payi_context *attached;
	payi_status status = payi__client_ready(client);
	if (status)
		return status;
	if (context)
		attached = payi__context_retain(context);
	else
		status = payi__context_new(&nothing, NULL, &client->ids, &attached);
	return status ? status : push(client, attached);
}

/* The frame is found by the link that leads to it. Those of other clients above it stay. */
void payi_track_context_end(payi_client *client)
{
	if (!client)
		return;
	_Atomic(struct payi__frame *) *link = &payi__innermost;
	struct payi__frame *frame = atomic_load_explicit(link, memory_order_relaxed);
	while (frame && frame->client_serial != client->serial) {
		link = &frame->below;
		frame = atomic_load_explicit(link, memory_order_relaxed);
	}
	if (!frame) {
		atomic_fetch_add_explicit(&client->unbalanced_ends, 1, memory_order_relaxed);
		payi__fail(
			PAYI_ERR_INVALID,
			"payi_track_context_end: no context is open on this thread; is one ended "
			"twice, or on another thread?");
		return;
	}
	/* Release, for a signal handler on this thread: unlinked before it is freed. */
	atomic_store_explicit(link, atomic_load_explicit(&frame->below, memory_order_relaxed),
			      memory_order_release);
	free_frame(frame);
}

/* ---- What holds here -------------------------------------------------------------------------------- */

payi_context *payi_context_capture(payi_client *client)
{
	static const payi_track_context nothing = PAYI_TRACK_CONTEXT_INIT;
	payi_context *empty = NULL;
	if (payi__client_ready(client))
		return NULL;
	const payi_context *here = payi__context_here(client);
	if (here)
		return payi__context_retain(here);
	return payi__context_new(&nothing, NULL, &client->ids, &empty) ? NULL : empty;
}

const char *payi_current_use_case_name(payi_client *client)
{
	const payi_context *here = client ? payi__context_here(client) : NULL;
	return here ? here->values.use_case_name : NULL;
}

const char *payi_current_use_case_id(payi_client *client)
{
	const payi_context *here = client ? payi__context_here(client) : NULL;
	return here ? here->values.use_case_id : NULL;
}

const char *payi_current_use_case_step(payi_client *client)
{
	const payi_context *here = client ? payi__context_here(client) : NULL;
	return here ? here->values.use_case_step : NULL;
}
