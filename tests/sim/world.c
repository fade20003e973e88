#include "sim/world.h"

#include "prove/kit/prove.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { LINES = 300, LINE_BYTES = 200 };

struct moment {
	int64_t at_us;
	uint64_t turn;
	world_fn *fn;
	void *context;
	int64_t number;
};

static struct {
	struct moment *heap;
	size_t n, capacity;
	uint64_t n_turns;
	char lines[LINES][LINE_BYTES];
	size_t n_lines;
	uint64_t digest;
	bool follows;
} world;

void world_begin(uint64_t seed)
{
	prove_reseed(seed);
	sim_clock_begin(~seed);
	world.n = 0;
	world.n_turns = 0;
	world.n_lines = 0;
	world.digest = 14695981039346656037u;
}

/* ---- Moments -------------------------------------------------------------------------------------- */

static bool is_before(const struct moment *a, const struct moment *b)
{
	return a->at_us != b->at_us ? a->at_us < b->at_us : a->turn < b->turn;
}

static void swap(struct moment *a, struct moment *b)
{
	const struct moment kept = *a;
	*a = *b;
	*b = kept;
}

static void rise(size_t at)
{
	for (; at > 0 && is_before(&world.heap[at], &world.heap[(at - 1) / 2]); at = (at - 1) / 2)
		swap(&world.heap[at], &world.heap[(at - 1) / 2]);
}

static void sink(size_t at)
{
	for (;;) {
		size_t first = at;
		for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < world.n; child++)
			if (is_before(&world.heap[child], &world.heap[first]))
				first = child;
		if (first == at)
			return;
		swap(&world.heap[at], &world.heap[first]);
		at = first;
	}
}

void world_at(int64_t at_us, world_fn *fn, void *context, int64_t number)
{
	if (world.n == world.capacity) {
		world.capacity = 2 * world.capacity + 64;
		world.heap = realloc(world.heap, world.capacity * sizeof(*world.heap));
		if (!world.heap)
			prove_broken("no memory for the world");
	}
	world.heap[world.n] = (struct moment){at_us, world.n_turns++, fn, context, number};
	rise(world.n++);
}

void world_in(int64_t us, world_fn *fn, void *context, int64_t number)
{
	world_at(sim_monotonic_us() + us, fn, context, number);
}

int64_t world_next_us(void)
{
	return world.n ? world.heap[0].at_us : INT64_MAX;
}

void world_step(void)
{
	if (world_next_us() > sim_monotonic_us())
		return;
	const struct moment moment = world.heap[0];
	world.heap[0] = world.heap[--world.n];
	sink(0);
	moment.fn(moment.context, moment.number);
}

/* ---- Chance --------------------------------------------------------------------------------------- */

bool world_chance(int permille)
{
	return prove_below(1000) < permille;
}

int64_t world_between(int64_t least, int64_t most)
{
	return least + (int64_t)(prove_random() % (uint64_t)(most - least + 1));
}

int64_t world_around(int64_t mean)
{
	return world_between(0, world_chance(100) ? 9 * mean : mean);
}

/* ---- The trace ------------------------------------------------------------------------------------ */

static void digest(const char *text)
{
	for (; *text; text++)
		world.digest = (world.digest ^ (uint8_t)*text) * 1099511628211u;
}

__attribute__((format(printf, 1, 0))) static void note(const char *format, va_list arguments)
{
	char *line = world.lines[world.n_lines++ % LINES];
	const int64_t us = sim_monotonic_us();
	const int n = snprintf(line, LINE_BYTES, "%10.6f ", (double)us / 1e6);
	vsnprintf(line + n, (size_t)(LINE_BYTES - n), format, arguments);
	digest(line);
	if (world.follows)
		fprintf(stderr, "%s\n", line);
}

void world_note(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	note(format, arguments);
	va_end(arguments);
}

void world_tell(FILE *to)
{
	const size_t first = world.n_lines > LINES ? world.n_lines - LINES : 0;
	for (size_t i = first; i < world.n_lines; i++)
		fprintf(to, "%s\n", world.lines[i % LINES]);
}

uint64_t world_digest(void)
{
	return world.digest;
}

void world_follow(bool on)
{
	world.follows = on;
}

void world_wrong(const char *format, ...)
{
	char text[LINE_BYTES];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	world_note("WRONG: %s", text);
	prove_finding("%s", text);
}
