/* When a ring gets its pages: of the first lane at once, of the others as threads come to them, and what if there are none. */
#define _GNU_SOURCE /* MADV_POPULATE_WRITE */
#include "help/client_fixture.h"
#include "payi/ring.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	LANE_BYTES = PAYI_RING_BYTES / PAYI_RING_LANES,
	LARGE_RING_BYTES = 2 * PAYI_RING_BYTES,
	BLOCK_BYTES = 512, /* of st_blocks */
};

TestSuite(client_pages, .init = client_set_up, .fini = client_tear_down);

/* ---- Rings and their pages ------------------------------------------------------------------------ */

/* Of all ring files together. */
static long bytes_taken(void)
{
	long bytes = 0;
	DIR *dir = opendir(client_site.rings);
	const struct dirent *entry;
	while (dir && (entry = readdir(dir))) {
		struct stat stat;
		if (strncmp(entry->d_name, "ring.", 5) == 0 &&
		    fstatat(dirfd(dir), entry->d_name, &stat, 0) == 0)
			bytes += stat.st_blocks * BLOCK_BYTES;
	}
	closedir(dir);
	return bytes;
}

static long bytes_of(long lanes)
{
	return PAYI_RING_DATA_AT_MIN + lanes * LANE_BYTES;
}

static void *track_once(void *client)
{
	const payi_event event = client_small_event();
	return (void *)(intptr_t)payi_track(client, &event);
}

static payi_status track_in_a_thread(payi_client *client)
{
	pthread_t thread;
	void *status;
	pthread_create(&thread, NULL, track_once, client);
	pthread_join(thread, &status);
	return (payi_status)(intptr_t)status;
}

/* ---- A kernel that says no ------------------------------------------------------------------------ */

/* From here on pages are refused to this process, with this error. */
static void refuse_pages(unsigned error)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_madvise, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, MADV_POPULATE_WRITE, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = {sizeof(filter) / sizeof(filter[0]), filter};
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		_exit(77);
}

/* In a process of its own; must return 0. */
static void run_in_a_child(int (*run)(void))
{
	int status;
	const pid_t child = fork();
	if (child == 0)
		_exit(run());
	waitpid(child, &status, 0);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		cr_skip_test("no seccomp here");
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %x", (unsigned)status);
}

#define MUST(condition)                                                                            \
	do {                                                                                       \
		if (!(condition))                                                                  \
			return __LINE__ % 70 + 1;                                                  \
	} while (0)

/* ---- Tests ---------------------------------------------------------------------------------------- */

Test(client_pages, come_for_one_lane_at_first_and_for_others_as_threads_come)
{
	payi_client *client = client_open(0);
	cr_assert_eq(bytes_taken(), bytes_of(1));
	for (long i = 1; i <= PAYI_RING_LANES + 1; i++) {
		cr_assert_eq(track_in_a_thread(client), PAYI_OK);
		cr_assert_eq(bytes_taken(), bytes_of(i < PAYI_RING_LANES ? i : PAYI_RING_LANES));
	}
	payi_client_close(client);
}

/* Those of a large lane would take longer than a call may. */
Test(client_pages, of_a_large_ring_come_at_once)
{
	payi_client *client = client_open(LARGE_RING_BYTES);
	cr_assert_eq(bytes_taken(), PAYI_RING_DATA_AT_MIN + LARGE_RING_BYTES);
	payi_client_close(client);
}

/* The lane of the thread that goes on, not the first one. */
Test(client_pages, of_a_forked_child_come_for_the_lane_of_the_thread_that_forked)
{
	payi_client *client = client_open(0);
	cr_assert_eq(track_in_a_thread(client), PAYI_OK);
	cr_assert_eq((payi_status)(intptr_t)track_once(client), PAYI_OK);
	cr_assert_eq(bytes_taken(), bytes_of(2));
	const pid_t child = fork();
	if (child == 0)
		_exit(track_once(client) == NULL && bytes_taken() == bytes_of(2) + bytes_of(1) ? 0
											       : 1);
	int status;
	waitpid(child, &status, 0);
	cr_assert_eq(status, 0);
	payi_client_close(client);
}

static long page_faults(void)
{
	struct rusage use;
	getrusage(RUSAGE_SELF, &use);
	return use.ru_minflt;
}

/* Nothing but read(), write() and the end is allowed, and a lane is 128 pages. */
static int fill_a_lane_without_asking(void)
{
	enum { FAULTS_MAX = 20, REST = 512 /* too little for an event: a lane is full then */ };
	payi_client *client = client_open(0);
	payi_event event = client_small_event();
	payi_client_stats stats = PAYI_CLIENT_STATS_INIT;
	event.event_timestamp_us =
		1795000000000000; /* the processor's clock is not allowed, either */
	MUST(payi_track(client, &event) == PAYI_OK);
	payi_client_stats_get(client, &stats);
	const uint64_t n = (LANE_BYTES - REST) / stats.ring_bytes_used - 1;
	const long before = page_faults();
	for (uint64_t i = 0; i < n / 2; i++)
		MUST(payi_track(client, &event) == PAYI_OK);
	MUST(page_faults() - before < FAULTS_MAX);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT))
		return 77;
	for (uint64_t i = n / 2; i < n; i++)
		if (payi_track(client, &event) != PAYI_OK)
			syscall(SYS_exit, 1);
	syscall(SYS_exit, 0);
	return 1;
}

Test(client_pages, are_there_for_all_of_the_first_lap_of_a_process)
{
	run_in_a_child(fill_a_lane_without_asking);
}

/* As before Linux 5.14. */
static int open_where_the_kernel_does_not_know_the_call(void)
{
	refuse_pages(EINVAL);
	payi_client *client = client_open(0);
	MUST(bytes_taken() == bytes_of(PAYI_RING_LANES));
	for (int i = 0; i < PAYI_RING_LANES; i++)
		MUST(track_in_a_thread(client) == PAYI_OK);
	payi_client_close(client);
	return 0;
}

Test(client_pages, come_at_once_where_the_kernel_gives_them_at_no_other_time)
{
	run_in_a_child(open_where_the_kernel_does_not_know_the_call);
}

/* As on a tmpfs that is full by now. All threads share the lane that there is, and no event goes where there are no pages. */
static int share_a_lane(void)
{
	payi_client *client = client_open(0);
	const payi_event event = client_small_event();
	payi_client_stats stats = PAYI_CLIENT_STATS_INIT;
	payi_status status;
	refuse_pages(EFAULT);
	for (int i = 0; i < PAYI_RING_LANES + 1; i++)
		MUST(track_in_a_thread(client) == PAYI_OK);
	while ((status = payi_track(client, &event)) == PAYI_OK)
		continue;
	MUST(status == PAYI_ERR_FULL);
	MUST(strstr(payi_last_error(), "no room for another one"));
	MUST(bytes_taken() == bytes_of(1));
	payi_client_stats_get(client, &stats);
	MUST(stats.ring_bytes_used > LANE_BYTES - 512 && stats.ring_bytes_used <= LANE_BYTES);
	MUST(stats.dropped_full == 1 && stats.attempted == stats.tracked + 1);
	payi_client_close(client);
	return 0;
}

Test(client_pages, that_cannot_be_had_leave_the_lanes_that_have_theirs)
{
	run_in_a_child(share_a_lane);
}
