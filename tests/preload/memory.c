/*
 * Allocations that fail, for LD_PRELOAD under a test: PRELOAD_MEMORY names the file of a struct preload_memory. The
 * allocator is glibc's own, below its public names. What happens before main() is the loader's and not counted.
 */
#define _GNU_SOURCE /* RTLD_NEXT */
#include "memory.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

extern void *__libc_malloc(size_t bytes);
extern void *__libc_calloc(size_t n, size_t bytes);
extern void *__libc_realloc(void *memory, size_t bytes);
extern void *__libc_memalign(size_t alignment, size_t bytes);
extern void __libc_free(void *memory);

static struct preload_memory *shared;

static bool is_to_fail(void)
{
	if (!shared || !shared->counting)
		return false;
	const int64_t n = ++shared->n;
	const int64_t at = shared->fail_at;
	if (at == 0 || n < at || (n > at && !shared->onwards))
		return false;
	shared->failed++;
	errno = ENOMEM;
	return true;
}

static void *born(void *memory)
{
	if (memory && shared && shared->counting)
		shared->live++;
	return memory;
}

void *malloc(size_t bytes)
{
	return is_to_fail() ? NULL : born(__libc_malloc(bytes));
}

void *calloc(size_t n, size_t bytes)
{
	return is_to_fail() ? NULL : born(__libc_calloc(n, bytes));
}

void *realloc(void *memory, size_t bytes)
{
	if (is_to_fail())
		return NULL;
	return memory ? __libc_realloc(memory, bytes) : born(__libc_realloc(NULL, bytes));
}

void *memalign(size_t alignment, size_t bytes)
{
	return is_to_fail() ? NULL : born(__libc_memalign(alignment, bytes));
}

void *aligned_alloc(size_t alignment, size_t bytes)
{
	return memalign(alignment, bytes);
}

int posix_memalign(void **memory, size_t alignment, size_t bytes)
{
	void *got = memalign(alignment, bytes);
	if (!got)
		return ENOMEM;
	*memory = got;
	return 0;
}

void free(void *memory)
{
	if (memory && shared && shared->counting)
		shared->live--;
	__libc_free(memory);
}

/* ---- From main() on ------------------------------------------------------------------------------- */

typedef int main_fn(int argc, char **argv, char **environment);
typedef int start_fn(main_fn *main, int argc, char **argv, void (*init)(void), void (*fini)(void),
		     void (*rtld_fini)(void), void *stack_end);

static main_fn *real_main;

static int counted_main(int argc, char **argv, char **environment)
{
	const char *path = getenv("PRELOAD_MEMORY");
	const int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	if (fd >= 0) {
		void *map = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		close(fd);
		shared = map == MAP_FAILED ? NULL : map;
	}
	return real_main(argc, argv, environment);
}

start_fn __libc_start_main;

int __libc_start_main(main_fn *main, int argc, char **argv, void (*init)(void), void (*fini)(void),
		      void (*rtld_fini)(void), void *stack_end)
{
	start_fn *real = (start_fn *)dlsym(RTLD_NEXT, "__libc_start_main");
	real_main = main;
	return real(counted_main, argc, argv, init, fini, rtld_fini, stack_end);
}
