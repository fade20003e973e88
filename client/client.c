/*
 * Opening, closing, and fork.
 *
 * A forked child has a copy of this structure, but not of the ring: the mapping is left out of children, so
 * that none can write its parent's ring or keep its lock. The generation page tells the child so:
 * the kernel hands it over wiped. The first thread there that needs the ring makes a new one, the
 * others wait for it; all words that a thread of the parent may have held at the fork are set anew
 * first. A signal handler that comes in just then is answered PAYI_ERR_BUSY, as it cannot wait for the
 * thread that it interrupts.
 */
#define _GNU_SOURCE /* MADV_WIPEONFORK */
#include "client.h"

#include "agent_file.h"
#include "error.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

enum { ATTACH_INTERVAL_US = 10000, BLOCK_MS_MAX = 60000 };

static _Thread_local bool opening __attribute__((tls_model("initial-exec")));

/* ---- Options -------------------------------------------------------------------------------------- */

static const size_t ring_bytes_min = (size_t)PAYI_RING_LANES * PAYI_RING_LANE_BYTES_MIN;
static const size_t ring_bytes_max = (size_t)PAYI_RING_LANES * PAYI_RING_LANE_BYTES_MAX;

/* The largest power of two not above the lane's share, and not below a page. */
static uint64_t lane_bytes_of(size_t ring_bytes)
{
	uint64_t lane = PAYI_RING_LANE_BYTES_MIN;
	while (lane * 2 * PAYI_RING_LANES <= ring_bytes)
		lane *= 2;
	const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	return lane > page ? lane : page;
}

static payi_status check_options(const payi_client_options *options)
{
	if (options->size > sizeof(*options))
		return payi__fail(PAYI_ERR_VERSION,
				  "payi_client_options is %zu bytes, this library knows %zu: the "
				  "program was built "
				  "against a newer payi.h",
				  options->size, sizeof(*options));
	if (options->size < sizeof(*options))
		return payi__fail(PAYI_ERR_INVALID,
				  "options.size is %zu; begin with PAYI_CLIENT_OPTIONS_INIT",
				  options->size);
	if (options->ring_bytes &&
	    (options->ring_bytes < ring_bytes_min || options->ring_bytes > ring_bytes_max))
		return payi__fail(PAYI_ERR_INVALID,
				  "ring_bytes is %zu; it must be %zu to %zu, or 0",
				  options->ring_bytes, ring_bytes_min, ring_bytes_max);
	if (options->when_full != PAYI_WHEN_FULL_DROP && options->when_full != PAYI_WHEN_FULL_BLOCK)
		return payi__fail(
			PAYI_ERR_INVALID,
			"when_full is %d; it must be PAYI_WHEN_FULL_DROP or PAYI_WHEN_FULL_BLOCK",
			(int)options->when_full);
	if (options->block_ms < 0 || options->block_ms > BLOCK_MS_MAX)
		return payi__fail(PAYI_ERR_INVALID, "block_ms is %d; it must be 0 to %d",
				  options->block_ms, BLOCK_MS_MAX);
	return PAYI_OK;
}

/* ---- The ring ------------------------------------------------------------------------------------- */

/* One for each lane, and one for the use case ids. */
enum { N_SEEDS = PAYI_RING_LANES + 1 };

static void lay_out_lanes(payi_client *client, const uint64_t seed[N_SEEDS])
{
	const struct payi__ring_file *file = &client->file;
	for (uint32_t i = 0; i < PAYI_RING_LANES; i++) {
		struct payi__lane *lane = &client->lane[i];
		lane->producer = (struct payi_ring_producer){
			.lane = &file->counters->lane[i],
			.lane_bytes = file->populated >> i & 1 ? file->lane_bytes : 0};
		lane->data = payi__ring_file_lane(file, i);
		lane->mask = file->lane_bytes - 1;
		lane->stamper = (struct payi__stamper){.random = seed[i]};
		atomic_store_explicit(&lane->taken, 0, memory_order_relaxed);
	}
}

/* Makes a ring for this process. All state is new: what a fork copied half-changed is of no account. */
static payi_status open_ring(payi_client *client)
{
	uint64_t seed[N_SEEDS];
	if (getrandom(seed, sizeof(seed), 0) != sizeof(seed))
		return payi__fail_errno(PAYI_ERR_SYSTEM, "cannot get random bytes for ids");
	const struct payi__ring_plan plan = {.directory = client->directory,
					     .app_name = client->app_name,
					     .lane_bytes = client->lane_bytes,
					     .first_lane = payi__lane_of_thread(client)};
	const payi_status status = payi__ring_file_create(&plan, &client->file);
	if (status)
		return status;
	lay_out_lanes(client, seed);
	atomic_store_explicit(&client->ids, seed[PAYI_RING_LANES], memory_order_relaxed);
	atomic_store_explicit(&client->slot, NULL, memory_order_relaxed);
	atomic_store_explicit(&client->attaching, 0, memory_order_relaxed);
	atomic_store_explicit(&client->attach_after_us, 0, memory_order_relaxed);
	atomic_store_explicit(&client->populate_after_us, 0, memory_order_relaxed);
	/* Release, pairs with the acquire in payi__client_ready(): the ring is in place. */
	atomic_store_explicit(&client->generation->ready, 1, memory_order_release);
	return PAYI_OK;
}

/* In a forked child: one thread makes the ring, the others wait for it. */
static payi_status wait_for_ring(payi_client *client)
{
	struct payi__generation *generation = client->generation;
	while (!atomic_load_explicit(&generation->ready, memory_order_acquire)) {
		unsigned idle = 0;
		if (atomic_compare_exchange_strong_explicit(&generation->reopening, &idle, 1,
							    memory_order_acquire,
							    memory_order_relaxed)) {
			payi_status status = PAYI_OK;
			if (!atomic_load_explicit(&generation->ready, memory_order_acquire))
				status = open_ring(client);
			atomic_store_explicit(&generation->reopening, 0, memory_order_release);
			return status;
		}
		sched_yield();
	}
	return PAYI_OK;
}

/*
 * opening is true from before this thread may have reopening until after it has given it back (the calls between are a
 * barrier to the compiler): a handler that interrupts us anywhere there would wait for ever. So would all others for a
 * thread that is cancelled there, at an open() or a close().
 */
static payi_status reopen(payi_client *client)
{
	int cancel_state;
	if (opening)
		return payi__fail(PAYI_ERR_BUSY,
				  "called from a signal handler while the ring is being opened");
	opening = true;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
	const payi_status status = wait_for_ring(client);
	pthread_setcancelstate(cancel_state, NULL);
	opening = false;
	return status;
}

payi_status payi__client_not_ready(payi_client *client)
{
	if (!client)
		return payi__fail(
			PAYI_ERR_INVALID,
			"the client is NULL: payi_client_open() has failed, or was not called");
	return reopen(client);
}

/* ---- The agent's answers -------------------------------------------------------------------------- */

/* A thread that were cancelled in here, at an open() or a close(), would keep its lane, and all others from looking. */
static void map_agent_file(payi_client *client)
{
	int cancel_state;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
	client->agent = payi__agent_file_map(client->directory);
	pthread_setcancelstate(cancel_state, NULL);
}

static void look_for_slot(payi_client *client)
{
	if (!client->agent)
		map_agent_file(client);
	if (!client->agent)
		return;
	const struct payi_ring_slot *slot =
		payi__agent_file_slot(client->agent, client->file.header->ring_id);
	/* Release, pairs with the acquire in payi__client_attach(): the mapping is in place. */
	atomic_store_explicit(&client->slot, slot, memory_order_release);
}

bool payi__client_attach(payi_client *client, bool now)
{
	if (atomic_load_explicit(&client->slot, memory_order_acquire))
		return true;
	const int64_t time = payi__monotonic_us();
	if (!now && time < atomic_load_explicit(&client->attach_after_us, memory_order_relaxed))
		return false;
	if (atomic_exchange_explicit(&client->attaching, 1, memory_order_acquire))
		return false; /* another thread, or the one that this signal handler interrupts, is at it */
	look_for_slot(client);
	atomic_store_explicit(&client->attach_after_us, time + ATTACH_INTERVAL_US,
			      memory_order_relaxed);
	atomic_store_explicit(&client->attaching, 0, memory_order_release);
	return atomic_load_explicit(&client->slot, memory_order_acquire) != NULL;
}

/* ---- Open and close ------------------------------------------------------------------------------- */

static struct payi__generation *new_generation(void)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	void *at = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (at == MAP_FAILED)
		return NULL;
	if (madvise(at, page, MADV_WIPEONFORK)) {
		munmap(at, page);
		return NULL;
	}
	return at;
}

static void free_client(payi_client *client)
{
	if (client->generation)
		munmap(client->generation, (size_t)sysconf(_SC_PAGESIZE));
	payi__agent_file_unmap(client->agent);
	free(client);
}

payi_status payi_client_open(const payi_client_options *options, payi_client **client_out)
{
	static _Atomic(uint64_t) serials;
	const payi_client_options defaults = PAYI_CLIENT_OPTIONS_INIT;
	if (!client_out)
		return payi__fail(PAYI_ERR_INVALID,
				  "payi_client_open: there is nowhere to put the client");
	*client_out = NULL;
	if (!options)
		options = &defaults;
	payi_status status = check_options(options);
	if (status)
		return status;

	payi_client *client = aligned_alloc(_Alignof(payi_client), sizeof(payi_client));
	if (!client)
		return payi__fail(PAYI_ERR_NO_MEMORY, "no memory for a client");
	memset(client, 0, sizeof(*client));
	client->serial = 1 + atomic_fetch_add_explicit(&serials, 1, memory_order_relaxed);
	client->lane_bytes =
		lane_bytes_of(options->ring_bytes ? options->ring_bytes : PAYI_RING_BYTES);
	client->when_full = options->when_full;
	client->block_ms = options->block_ms;
	snprintf(client->app_name, sizeof(client->app_name), "%s",
		 options->app_name ? options->app_name : "");
	client->generation = new_generation();
	status = client->generation ? payi__ring_dir_resolve(options->ring_dir, client->directory)
				    : payi__fail_errno(PAYI_ERR_NO_MEMORY, "cannot map a page");
	if (!status)
		status = open_ring(client);
	if (status) {
		free_client(client);
		return status;
	}
	*client_out = client;
	return PAYI_OK;
}

void payi_client_close(payi_client *client)
{
	if (!client)
		return;
	/* In a child that never used the ring, file describes its parent's mapping, which is not here. */
	if (atomic_load_explicit(&client->generation->ready, memory_order_acquire))
		payi__ring_file_close(&client->file);
	free_client(client);
}
