/*
 * How many system calls an event costs: a child tracks 100,000 events under a seccomp filter that lets nothing
 * through but its end, and turns every other call into a signal, which is counted. The same with
 * datagrams shows that it counts.
 */
#define _GNU_SOURCE /* MAP_ANONYMOUS, siginfo_t's si_syscall */
#include "bench/bench.h"
#include "bench/drainer.h"
#include "bench/sample.h"
#include "bench/site.h"
#include "bench/table.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <math.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { EVENTS = 100000, ROUND = 1000 };

static const struct table_section section = {
	.name = "system_calls",
	.title = "System calls in 100,000 events, counted by a seccomp filter that lets none "
		 "through",
	.columns = {{"calls", "system_calls", 0}, {"per event", "per_event", 5}},
};

/* What the child tells; in memory that it shares with its parent, as it cannot write. */
struct count {
	long n_calls;
	long n_failed; /* events */
	int last_call;
};

static struct count *shared;

static void on_call(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	(void)context;
	shared->n_calls++;
	shared->last_call = info->si_syscall;
}

static int forbid_calls(void)
{
	static struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_rt_sigreturn, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	static const struct sock_fprog program = {sizeof(filter) / sizeof(filter[0]), filter};
	struct sigaction action = {.sa_sigaction = on_call, .sa_flags = SA_SIGINFO};
	sigemptyset(&action.sa_mask);
	return sigaction(SIGSYS, &action, NULL) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

/* ---- What the child does -------------------------------------------------------------------------- */

static int track_events(const struct site *site)
{
	payi_client *client;
	struct drainer *drainer;
	payi_client_stats stats = PAYI_CLIENT_STATS_INIT;
	const payi_event event = sample_full();
	if (site_client(site, 0, &client) || drainer_open(site->rings, &drainer))
		return -1;
	/* The first question to the agent maps its file: not something that each event does. */
	payi_client_stats_get(client, &stats);
	if (forbid_calls())
		return bench_fail(errno, "cannot set a seccomp filter");
	for (int i = 0; i < EVENTS; i++) {
		if (i % ROUND == 0)
			drainer_empty(drainer);
		shared->n_failed += payi_track(client, &event) != PAYI_OK;
	}
	return 0;
}

static int send_datagrams(const struct site *site)
{
	static const char payload[256];
	int ends[2];
	(void)site;
	if (socketpair(AF_UNIX, SOCK_DGRAM, 0, ends))
		return bench_fail(errno, "cannot make a pair of sockets");
	if (forbid_calls())
		return bench_fail(errno, "cannot set a seccomp filter");
	for (int i = 0; i < EVENTS; i++)
		if (send(ends[0], payload, sizeof(payload), MSG_DONTWAIT) < 0 && errno != ENOSYS)
			continue; /* not carried out, only counted */
	return 0;
}

/* ---- Rows ----------------------------------------------------------------------------------------- */

static int count_calls(const struct bench *bench, const struct site *site, const char *name,
		       int (*run)(const struct site *site))
{
	int status = 0;
	*shared = (struct count){0};
	fflush(NULL);
	const pid_t pid = fork();
	if (pid == 0)
		_exit(run(site) ? 1 : 0);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return bench_fail(errno, "cannot fork");
	if (status || shared->n_failed)
		return bench_fail(0, "%s: status 0x%x, %ld events failed", name, (unsigned)status,
				  shared->n_failed);
	table_row(bench->table, name,
		  (double[]){(double)shared->n_calls, (double)shared->n_calls / EVENTS});
	if (shared->n_calls)
		table_note("    the last one has the number %d", shared->last_call);
	return 0;
}

int bench_system_calls(const struct bench *bench)
{
	struct site site;
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (shared == MAP_FAILED)
		return bench_fail(errno, "cannot map memory");
	if (site_make(&site, bench))
		return -1;
	table_section(bench->table, &section);
	int status = count_calls(bench, &site, "payi_track, 10 fields", track_events);
	if (!status)
		status = count_calls(bench, &site, "Unix datagram", send_datagrams);
	site_remove(&site);
	munmap(shared, sizeof(*shared));
	return status;
}
