/*
 * M19. What a process may do to itself between and within its calls: fork in every order, exec, leave without a word, end
 * and cancel threads, unload the library, track in a signal's handler that interrupts tracking or opening, give up its
 * rights, its root and its file descriptors, and run out of what it is allowed. Each case is a process of its own with
 * 30 seconds, whose promises are then checked: what was accepted is stored once, the books balance, the rings are reaped.
 */
#define _GNU_SOURCE /* unshare(), setgroups(), pthread_tryjoin_np() */
#include "prove/kit/drainer.h"
#include "prove/kit/oracle.h"
#include "prove/kit/prove.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { RING_BYTES = 256 * 1024, SKIPPED = 77, WRONG = 1, CASE_SECONDS = 30, EVENTS = 50 };

static struct place place;
static struct drainer drainer;
static struct oracle oracle;

/* Of the process under test: ends it, as wrong, with the line. */
#define MUST(condition)                                                                            \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "line %d: %s; %s\n", __LINE__, #condition,                 \
				payi_last_error());                                                \
			_exit(WRONG);                                                              \
		}                                                                                  \
	} while (0)

static payi_client *open_client(void)
{
	return place_client(&place, "process", RING_BYTES, false);
}

/* producer must be one that nobody else uses in this case. */
static void track_some(payi_client *client, uint32_t producer)
{
	for (uint32_t i = 0; i < EVENTS; i++)
		MUST(oracle_track(&oracle, client, producer, i) == PAYI_OK);
}

static void must_end_well(pid_t child)
{
	int status;
	MUST(child > 0 && waitpid(child, &status, 0) == child);
	MUST(status == 0);
}

/* ---- fork(), in every order ----------------------------------------------------------------------- */

static void fork_before_first_track(void)
{
	payi_client *client = open_client();
	const pid_t child = fork();
	track_some(client, child ? 1 : 2);
	if (child == 0)
		_exit(0);
	must_end_well(child);
}

static void fork_generations(void)
{
	payi_client *client = open_client();
	track_some(client, 1);
	for (uint32_t i = 2; i < 6; i++) {
		const pid_t child = fork();
		if (child != 0) {
			must_end_well(child);
			_exit(0); /* without closing */
		}
		track_some(client, i);
	}
}

static payi_client *shared_client;

static void *track_for_ever(void *producer)
{
	for (uint32_t i = 0;; i++) {
		oracle_track(&oracle, shared_client, (uint32_t)(uintptr_t)producer, i);
		prove_sleep_us(50);
	}
	return NULL;
}

/* Threads are in the midst of calls when another one forks, again and again. */
static void fork_in_a_thread(void)
{
	pthread_t thread;
	shared_client = open_client();
	for (uintptr_t i = 0; i < 3; i++)
		pthread_create(&thread, NULL, track_for_ever, (void *)(1000 + i));
	for (uint32_t i = 1; i < 30; i++) {
		const pid_t child = fork();
		if (child == 0) {
			track_some(shared_client, i);
			_exit(0);
		}
		must_end_well(child);
	}
}

static void *track_thread(void *producer)
{
	track_some(shared_client, (uint32_t)(uintptr_t)producer);
	return NULL;
}

/* A server that opens in its master, and whose workers have threads. */
static void prefork_server(void)
{
	enum { WORKERS = 8, THREADS = 4 };
	pid_t workers[WORKERS];
	shared_client = open_client();
	for (uint32_t w = 0; w < WORKERS; w++) {
		workers[w] = fork();
		if (workers[w] != 0)
			continue;
		pthread_t threads[THREADS];
		for (uint32_t t = 0; t < THREADS; t++)
			pthread_create(&threads[t], NULL, track_thread,
				       (void *)(uintptr_t)(1 + w * THREADS + t));
		for (int t = 0; t < THREADS; t++)
			pthread_join(threads[t], NULL);
		payi_client_close(shared_client);
		_exit(0);
	}
	for (int w = 0; w < WORKERS; w++)
		must_end_well(workers[w]);
	payi_client_close(shared_client);
}

/* ---- exec, spawn, exit ---------------------------------------------------------------------------- */

static char true_path[] = "/bin/true";
static char *true_argv[] = {true_path, NULL};

static void fork_and_exec(void)
{
	payi_client *client = open_client();
	track_some(client, 1);
	const pid_t child = fork();
	if (child == 0) {
		track_some(client, 2); /* a ring, and then another program */
		execv(true_path, true_argv);
		_exit(127);
	}
	must_end_well(child);
	track_some(client, 3);
	execv(true_path, true_argv);
	_exit(127);
}

static void vfork_and_spawn(void)
{
	payi_client *client = open_client();
	pid_t child;
	track_some(client, 1);
	MUST(posix_spawn(&child, true_path, NULL, NULL, true_argv, environ) == 0);
	must_end_well(child);
	track_some(client, 2);
	child = vfork(); /* NOLINT: that is what is asked about */
	if (child == 0) {
		execv(true_path, true_argv);
		_exit(127);
	}
	must_end_well(child);
	track_some(client, 3);
}

static void leave_without_a_word(void)
{
	track_some(open_client(), 1);
	_exit(0);
}

static void close_at_exit(void)
{
	track_some(shared_client, 2);
	payi_client_close(shared_client);
}

static void leave_by_exit(void)
{
	shared_client = open_client();
	track_some(shared_client, 1);
	atexit(close_at_exit);
	exit(0);
}

static void daemonise(void)
{
	payi_client *client = open_client();
	track_some(client, 1);
	const pid_t first = fork();
	if (first != 0) {
		must_end_well(first);
		return;
	}
	setsid();
	const pid_t second = fork();
	if (second == 0) {
		for (int fd = 0; fd < 256; fd++)
			if (fd != oracle.log)
				close(fd);
		track_some(client, 2);
	} else {
		must_end_well(second);
	}
	_exit(0);
}

/* ---- Threads -------------------------------------------------------------------------------------- */

static void *track_and_exit(void *producer)
{
	track_thread(producer);
	pthread_exit(NULL);
}

static void threads_come_and_go(void)
{
	shared_client = open_client();
	for (uintptr_t i = 1; i < 100; i++) {
		pthread_t thread;
		pthread_create(&thread, NULL, track_and_exit, (void *)i);
		pthread_join(thread, NULL);
		if (i % 16 == 0)
			prove_sleep_us(100000); /* for the drain */
	}
}

static void *track_on_a_small_stack(void *producer)
{
	payi_client *client = shared_client;
	const payi_units units[] = {{"text", 0, 1}};
	const payi_property properties[] = {{"fill", "x"}};
	payi_event event = PAYI_EVENT_INIT;
	(void)producer;
	event.category = "system.openai";
	event.units = units;
	event.n_units = 1;
	event.properties = properties;
	event.n_properties = 1;
	event.use_case_step = "no use case"; /* refused: payi_last_error() is written */
	MUST(payi_track(client, &event) == PAYI_ERR_INVALID);
	return NULL;
}

static void small_stacks(void)
{
	pthread_attr_t attributes;
	pthread_t thread;
	shared_client = open_client();
	pthread_attr_init(&attributes);
	MUST(pthread_attr_setstacksize(&attributes, (size_t)sysconf(_SC_THREAD_STACK_MIN)) == 0);
	MUST(pthread_create(&thread, &attributes, track_on_a_small_stack, NULL) == 0);
	pthread_join(thread, NULL);
	payi_client_close(shared_client);
}

/* Fills the ring, which no agent has seen, with a cancellation pending: within the call files are opened. */
static void *track_cancelled(void *producer)
{
	pthread_cancel(pthread_self());
	for (uint32_t i = 0; i < 100000; i++)
		if (oracle_track(&oracle, shared_client, (uint32_t)(uintptr_t)producer, i) !=
		    PAYI_OK)
			break;
	return NULL;
}

static void track_again_when_drained(uint32_t producer)
{
	for (int i = 0; i < 1000 && payi_flush(shared_client, 0) != PAYI_OK; i++)
		prove_sleep_us(10000);
	MUST(payi_flush(shared_client, 0) == PAYI_OK);
	track_some(shared_client, producer);
}

static void cancel_while_out_of_room(void)
{
	pthread_t thread;
	shared_client = open_client();
	pthread_create(&thread, NULL, track_cancelled, (void *)(uintptr_t)1);
	pthread_join(thread, NULL);
	track_again_when_drained(2);
}

/* In a forked child the first call opens a ring. A cancelled thread must not leave the others waiting for it. */
static void cancel_while_reopening(void)
{
	shared_client = open_client();
	const pid_t child = fork();
	if (child == 0) {
		pthread_t thread;
		pthread_create(&thread, NULL, track_cancelled, (void *)(uintptr_t)1);
		pthread_join(thread, NULL);
		track_again_when_drained(2);
		_exit(0);
	}
	must_end_well(child);
}

/* Asynchronous cancellation in a call is the application's mistake: it may cost lanes, and never a standstill. */
static void *track_asynchronously(void *producer)
{
	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
	const payi_event nothing = PAYI_EVENT_INIT;
	for (;;)
		payi_track(shared_client, &nothing);
	return producer;
}

static void cancel_asynchronously(void)
{
	shared_client = open_client();
	for (int i = 0; i < 20; i++) {
		pthread_t thread;
		pthread_create(&thread, NULL, track_asynchronously, NULL);
		prove_sleep_us(2000);
		pthread_cancel(thread);
		pthread_join(thread, NULL);
	}
	const payi_status status = oracle_track(&oracle, shared_client, 1, 0);
	MUST(status == PAYI_OK || status == PAYI_ERR_BUSY);
	payi_client_close(shared_client);
}

/* ---- Signals -------------------------------------------------------------------------------------- */

static volatile sig_atomic_t n_handled;
static uint32_t handler_number;

static void track_in_handler(int signal_number)
{
	(void)signal_number;
	n_handled++;
	oracle_track(&oracle, shared_client, 500, handler_number++);
}

static void start_storm(void (*handler)(int), int us)
{
	const struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
	const struct itimerval often = {{0, us}, {0, us}};
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
}

static void end_storm(void)
{
	setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
	MUST(n_handled > 0);
}

static void handler_interrupts_track(void)
{
	shared_client = open_client();
	start_storm(track_in_handler, 200);
	for (uint32_t i = 0; i < 20000 || n_handled < 20; i++)
		oracle_track(&oracle, shared_client, 1, i);
	end_storm();
}

static void handler_interrupts_open(void)
{
	shared_client = open_client();
	start_storm(track_in_handler, 200);
	for (int i = 0; i < 200 || n_handled < 20; i++)
		payi_client_close(open_client());
	end_storm();
}

/* The handler's call, too, finds the child without a ring, and may have come in while it is opened. */
static void handler_interrupts_reopening(void)
{
	shared_client = open_client();
	for (uint32_t i = 1; i < 40; i++) {
		const pid_t child = fork();
		if (child == 0) {
			handler_number = i * 100000;
			start_storm(track_in_handler, 100);
			for (uint32_t n = 0; n < 2000 && n_handled < 5; n++)
				oracle_track(&oracle, shared_client, i, n);
			setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
			_exit(0);
		}
		must_end_well(child);
	}
}

static sigjmp_buf way_out;

static void jump_out(int signal_number)
{
	(void)signal_number;
	n_handled++;
	siglongjmp(way_out, 1);
}

/* Out of the midst of a call, by a jump: lanes may be lost, the calls that follow are answered. */
static void jumps_out_of_calls(void)
{
	payi_client *client = open_client();
	const payi_event nothing = PAYI_EVENT_INIT;
	start_storm(jump_out, 500);
	for (int i = 0; i < 300; i++)
		if (sigsetjmp(way_out, 1) == 0)
			for (int n = 0; n < 200; n++)
				payi_track(client, &nothing);
	end_storm();
	const payi_status status = oracle_track(&oracle, client, 1, 0);
	MUST(status == PAYI_OK || status == PAYI_ERR_BUSY);
}

/* ---- The library, loaded and unloaded -------------------------------------------------------------- */

struct library {
	void *handle;
	payi_status (*open)(const payi_client_options *options, payi_client **client);
	payi_status (*track)(payi_client *client, const payi_event *event);
	void (*close)(payi_client *client);
};

static void *symbol(void *handle, const char *name)
{
	void *at = dlsym(handle, name);
	MUST(at != NULL);
	return at;
}

static struct library load_library(void)
{
	char path[1024];
	struct library library;
	snprintf(path, sizeof(path), "%s/client/libpayi.so", getenv("PROVE_BUILD"));
	library.handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!library.handle)
		fprintf(stderr, "%s\n", dlerror());
	MUST(library.handle != NULL);
	*(void **)&library.open = symbol(library.handle, "payi_client_open");
	*(void **)&library.track = symbol(library.handle, "payi_track");
	*(void **)&library.close = symbol(library.handle, "payi_client_close");
	return library;
}

/* Beside the copy that this program is linked to: two in one process. Closed before it is unloaded, or not. */
static void unload_the_library(void)
{
	payi_client *own = open_client();
	for (uint32_t i = 0; i < 6; i++) {
		struct library library = load_library();
		payi_client_options options = PAYI_CLIENT_OPTIONS_INIT;
		payi_client *client;
		struct oracle_event event;
		options.ring_dir = place.rings;
		options.ring_bytes = RING_BYTES;
		MUST(library.open(&options, &client) == PAYI_OK);
		oracle_event(&event, 100, i);
		MUST(library.track(client, &event.event) == PAYI_OK);
		oracle_note_accepted(&oracle, 100, i);
		if (i % 2)
			library.close(client);
		dlclose(library.handle);
		track_some(own, 1 + i);
	}
}

/* ---- Rights, roots, descriptors, limits ------------------------------------------------------------ */

static void gives_up_root(void)
{
	if (geteuid() != 0)
		_exit(SKIPPED);
	payi_client *client = open_client();
	MUST(setgroups(0, NULL) == 0 && setgid(65534) == 0 && setuid(65534) == 0);
	track_some(client, 1);
	const pid_t child = fork();
	if (child == 0) { /* who may no longer make a ring there, and is told so */
		MUST(oracle_track(&oracle, client, 2, 0) != PAYI_OK);
		_exit(0);
	}
	must_end_well(child);
	track_some(client, 3);
}

static void changes_its_root(void)
{
	if (geteuid() != 0)
		_exit(SKIPPED);
	payi_client *client = open_client();
	MUST(chroot("/proc/self/fdinfo") == 0 && chdir("/") == 0);
	track_some(client, 1);
	const pid_t child = fork();
	if (child == 0) {
		MUST(oracle_track(&oracle, client, 2, 0) != PAYI_OK);
		_exit(0);
	}
	must_end_well(child);
	track_some(client, 3);
}

/* Nothing but read, write, exit and sigreturn from here on: a call that is not one of these is a SIGKILL. */
static void makes_no_system_calls(void)
{
	payi_client *client = open_client();
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT))
		_exit(SKIPPED);
	track_some(client, 1);
	const payi_event nothing = PAYI_EVENT_INIT;
	const bool refused = payi_track(client, &nothing) == PAYI_ERR_INVALID;
	syscall(SYS_exit, refused ? 0 : WRONG);
}

static void has_no_descriptors(void)
{
	for (int fd = 0; fd < 3; fd++)
		close(fd);
	payi_client *client = open_client();
	track_some(client, 1);
	MUST(fcntl(0, F_GETFD) < 0 && fcntl(1, F_GETFD) < 0 && fcntl(2, F_GETFD) < 0);
	for (int fd = 3; fd < 1024; fd++)
		if (fd != oracle.log)
			close(fd);
	track_some(client, 2);
}

static payi_status try_to_open(payi_client **client)
{
	payi_client_options options = PAYI_CLIENT_OPTIONS_INIT;
	options.ring_dir = place.rings;
	return payi_client_open(&options, client);
}

static void limit(int resource, rlim_t value)
{
	const struct rlimit it = {value, value};
	MUST(setrlimit((__rlimit_resource_t)resource, &it) == 0);
}

static void must_fail_softly(payi_status expected)
{
	payi_client *client = NULL;
	const payi_event nothing = PAYI_EVENT_INIT;
	const payi_status status = try_to_open(&client);
	MUST(status == expected && client == NULL && payi_last_error()[0]);
	MUST(payi_track(client, &nothing) == PAYI_ERR_INVALID);
	MUST(payi_flush(client, 0) != PAYI_OK);
	payi_client_close(client);
}

static void may_write_small_files_only(void)
{
	limit(RLIMIT_FSIZE, 100000);
	must_fail_softly(PAYI_ERR_NO_SPACE);
}

static void may_open_no_files(void)
{
	limit(RLIMIT_NOFILE, 3);
	must_fail_softly(PAYI_ERR_RING_DIR);
}

static void may_map_little(void)
{
	limit(RLIMIT_AS, 1);
	must_fail_softly(PAYI_ERR_NO_MEMORY);
}

static void locks_all_memory(void)
{
	if (mlockall(MCL_CURRENT | MCL_FUTURE))
		_exit(SKIPPED);
	payi_client *client = open_client();
	track_some(client, 1);
}

static void tmpfs_is_small(void)
{
	char path[PLACE_PATH_BYTES + 16];
	payi_client *client = NULL;
	payi_client_options options = PAYI_CLIENT_OPTIONS_INIT;
	snprintf(path, sizeof(path), "%s/small", place.root);
	mkdir(path, 0700);
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("tmpfs", path, "tmpfs", 0, "size=1m,mode=700"))
		_exit(SKIPPED);
	options.ring_dir = path;
	MUST(payi_client_open(&options, &client) == PAYI_ERR_NO_SPACE);
	options.ring_bytes = 512 * 1024;
	MUST(payi_client_open(&options, &client) == PAYI_OK);
	const pid_t filler = fork(); /* full from here on: the ring's pages are taken already */
	if (filler == 0) {
		char zeros[65536] = {0};
		MUST(chdir(path) == 0);
		const int fd = open("full", O_WRONLY | O_CREAT, 0600);
		while (write(fd, zeros, sizeof(zeros)) > 0)
			continue;
		_exit(0);
	}
	must_end_well(filler);
	for (int i = 0; i < 100000; i++) {
		struct oracle_event event;
		oracle_event(&event, 9, (uint32_t)i);
		const payi_status status = payi_track(client, &event.event);
		MUST(status == PAYI_OK || status == PAYI_ERR_FULL);
		if (status == PAYI_ERR_FULL)
			break;
	}
}

static void stays_a_zombie(void)
{
	const pid_t child = fork();
	if (child == 0) {
		track_some(open_client(), 1);
		_exit(0);
	}
	for (int i = 0; i < 1000 && (place_number(&place, "SELECT count(*) FROM events") < EVENTS ||
				     place_count_rings(&place) > 0);
	     i++)
		prove_sleep_us(10000);
	MUST(place_count_rings(&place) == 0); /* before anybody has waited for it */
}

/* ---- The cases ------------------------------------------------------------------------------------ */

static const struct process_case {
	const char *name;
	void (*run)(void);
} cases[] = {
#define X(name)                                                                                    \
	{                                                                                          \
#name, name                                                                        \
	}
	X(fork_before_first_track),
	X(fork_generations),
	X(fork_in_a_thread),
	X(prefork_server),
	X(fork_and_exec),
	X(vfork_and_spawn),
	X(leave_without_a_word),
	X(leave_by_exit),
	X(daemonise),
	X(threads_come_and_go),
	X(small_stacks),
	X(cancel_while_out_of_room),
	X(cancel_while_reopening),
	X(cancel_asynchronously),
	X(handler_interrupts_track),
	X(handler_interrupts_open),
	X(handler_interrupts_reopening),
	X(jumps_out_of_calls),
	X(unload_the_library),
	X(gives_up_root),
	X(changes_its_root),
	X(makes_no_system_calls),
	X(has_no_descriptors),
	X(may_write_small_files_only),
	X(may_open_no_files),
	X(may_map_little),
	X(locks_all_memory),
	X(tmpfs_is_small),
	X(stays_a_zombie),
#undef X
};

enum { N_CASES = sizeof(cases) / sizeof(cases[0]) };

static int n_passed, n_skipped;

/* Drains as an agent would, until the process has ended; false: it has not, in its time. */
static bool drain_until_ended(pid_t child, int *status)
{
	const double deadline = prove_now_s() + CASE_SECONDS;
	while (waitpid(child, status, WNOHANG) != child) {
		if (prove_now_s() > deadline) {
			kill(-child, SIGKILL);
			waitpid(child, status, 0);
			return false;
		}
		drainer_tick(&drainer);
		prove_sleep_us(2000);
	}
	return true;
}

static void check_promises(const char *name)
{
	struct oracle_sums sums;
	const double deadline = prove_now_s() + 5;
	do { /* children that were left behind are ending */
		drainer_drain(&drainer);
	} while (place_count_rings(&place) > 0 && prove_now_s() < deadline);
	oracle_check(&oracle, &place, NULL, &sums);
	if (oracle_wrongs(&sums) != 0 || place_check_books(&place, NULL) != 0 ||
	    place_count_rings(&place) != 0)
		prove_finding("%s: promises were not kept, or %d rings are left", name,
			      place_count_rings(&place));
}

static void run_case(const struct process_case *it)
{
	int status = 0;
	const int before = prove_findings();
	place_empty(&place);
	oracle_open(&oracle, &place);
	drainer_open(&drainer, &place);
	const pid_t child = fork();
	if (child == 0) {
		setpgid(0, 0);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		it->run();
		_exit(0);
	}
	setpgid(child, child);
	if (!drain_until_ended(child, &status))
		prove_finding("%s: it stood still", it->name);
	kill(-child, SIGKILL);
	if (WIFEXITED(status) && WEXITSTATUS(status) == SKIPPED)
		n_skipped++;
	else if (status != 0)
		prove_finding("%s: ended with %x", it->name, (unsigned)status);
	check_promises(it->name);
	drainer_close(&drainer);
	oracle_close(&oracle);
	n_passed += prove_findings() == before;
	fprintf(stderr, "%-32s %s\n", it->name,
		prove_findings() != before                            ? "WRONG"
		: WIFEXITED(status) && WEXITSTATUS(status) == SKIPPED ? "skipped"
								      : "well");
}

int main(int argc, char **argv)
{
	prove_begin(argc, argv);
	const int rounds = prove_figure(1, 20);
	place_make(&place);
	for (int round = 0; round < rounds && prove_findings() == 0; round++)
		for (int i = 0; i < N_CASES; i++)
			run_case(&cases[i]);
	place_remove(&place);
	prove_row("M19",
		  "fork, exec, exit, cancel, unload, signals, rights, limits: no standstill, "
		  "promises kept",
		  prove_findings() == 0, "%d cases, %d times each: %d well, %d of these skipped",
		  N_CASES, rounds, n_passed, n_skipped);
	return prove_end();
}
