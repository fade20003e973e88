/*
 * A clock that is set, for LD_PRELOAD under a test:
 *
 *     PRELOAD_CLOCK=FILE   two int64_t in FILE, looked at with each call: added to the seconds of CLOCK_REALTIME and of
 *                          CLOCK_BOOTTIME
 */
#define _GNU_SOURCE /* RTLD_NEXT */
#include <dlfcn.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static const int64_t *offsets;
static int (*real_clock_gettime)(clockid_t id, struct timespec *now);

__attribute__((constructor)) static void begin(void)
{
	const char *path = getenv("PRELOAD_CLOCK");
	const int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	real_clock_gettime =
		(int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
	if (fd >= 0) {
		void *map = mmap(NULL, 2 * sizeof(int64_t), PROT_READ, MAP_SHARED, fd, 0);
		offsets = map == MAP_FAILED ? NULL : map;
		close(fd);
	}
}

int clock_gettime(clockid_t id, struct timespec *now)
{
	if (!real_clock_gettime)
		real_clock_gettime =
			(int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
	const int result = real_clock_gettime(id, now);
	if (result == 0 && offsets && (id == CLOCK_REALTIME || id == CLOCK_BOOTTIME))
		now->tv_sec += __atomic_load_n(&offsets[id == CLOCK_BOOTTIME], __ATOMIC_RELAXED);
	return result;
}
