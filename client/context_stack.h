/* The contexts that a thread has open. */
#ifndef PAYI_CLIENT_CONTEXT_STACK_H
#define PAYI_CLIENT_CONTEXT_STACK_H

#include "client.h"
#include "context.h"

/* One context that is open on this thread. */
struct payi__frame {
	_Atomic(struct payi__frame *) below;
	uint64_t client_serial; /* clients are told apart by number: an address may be used again */
	payi_context *context;
	unsigned depth; /* 1 for the lowest */
};

/*
 * The innermost frame. Only its own thread touches it; atomic for a signal handler on that thread, which
 * may track between any two instructions: a frame is whole before it is linked, and unlinked before it is freed.
 */
extern _Thread_local _Atomic(struct payi__frame *) payi__innermost
	__attribute__((tls_model("initial-exec"), visibility("hidden")));

/* What the innermost context of this client supplies on this thread; NULL where none is open. */
static inline const payi_context *payi__context_here(const payi_client *client)
{
	struct payi__frame *frame = atomic_load_explicit(&payi__innermost, memory_order_relaxed);
	while (frame && frame->client_serial != client->serial)
		frame = atomic_load_explicit(&frame->below, memory_order_relaxed);
	return frame ? frame->context : NULL;
}

#endif
