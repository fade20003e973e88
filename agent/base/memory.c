#include "base/memory.h"

#include "base/log.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <uv.h>

void memory_wait(void)
{
	log_error("out of memory; waiting for some", LOG_END);
	nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
}

void *memory_await(size_t n, size_t bytes)
{
	void *memory;
	while (!(memory = calloc(n ? n : 1, bytes ? bytes : 1)))
		memory_wait();
	return memory;
}

void *memory_await_more(void *memory, size_t bytes)
{
	void *more;
	while (!(more = realloc(memory, bytes ? bytes : 1)))
		memory_wait();
	return more;
}

void *memory_await_bytes(size_t bytes)
{
	return memory_await_more(NULL, bytes);
}

char *memory_await_text(const char *text)
{
	const size_t bytes = strlen(text) + 1;
	return memcpy(memory_await_bytes(bytes), text, bytes);
}

void memory_await_in_libuv(void)
{
	uv_replace_allocator(memory_await_bytes, memory_await_more, memory_await, free);
}
