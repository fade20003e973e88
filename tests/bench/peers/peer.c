#include "bench/peers/peer.h"

#include "bench/ticks.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PATH_BYTES = 512, START_S = 10, STANDSTILL_S = 30, LOOK_US = 500 };

const char *peer_line(void)
{
	return "category=system.openai resource=gpt-4o text.input=1200 text.output=300 "
	       "end_to_end_latency_ms=2150 time_to_first_token_ms=430 http_status_code=200 "
	       "use_case_name=document_summarization use_case_id=document-4711-2025 "
	       "use_case_step=outline user_id=user-0042";
}

static void pause_briefly(void)
{
	nanosleep(&(struct timespec){.tv_nsec = LOOK_US * 1000}, NULL);
}

/* ---- Daemons -------------------------------------------------------------------------------------- */

static bool is_program(const char *directory, size_t len, const char *name, char path[PATH_BYTES])
{
	return snprintf(path, PATH_BYTES, "%.*s/%s", (int)len, directory, name) < PATH_BYTES &&
	       access(path, X_OK) == 0;
}

static bool find_program(const char *name, char path[PATH_BYTES])
{
	const char *directories = getenv("PATH");
	for (const char *at = directories ? directories : ""; *at;) {
		const size_t len = strcspn(at, ":");
		if (is_program(at, len, name, path))
			return true;
		at += len + (at[len] == ':');
	}
	return is_program("/usr/sbin", strlen("/usr/sbin"), name, path);
}

int peer_start(const char *const argv[], pid_t *pid)
{
	char path[PATH_BYTES];
	*pid = 0;
	if (!find_program(argv[0], path))
		return PEER_ABSENT;
	fflush(NULL);
	*pid = fork();
	if (*pid == 0) {
		const int nowhere = open("/dev/null", O_RDWR);
		for (int fd = 0; fd <= 2; fd++)
			dup2(nowhere, fd);
		site_child();
		execv(path, (char *const *)(uintptr_t)argv); /* it writes to none */
		_exit(127);
	}
	return *pid > 0 ? 0 : bench_fail(errno, "cannot fork");
}

void peer_stop(pid_t pid)
{
	if (pid <= 0)
		return;
	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);
}

int peer_write_file(const char *path, const char *content)
{
	FILE *file = fopen(path, "w");
	if (!file)
		return bench_fail(errno, "cannot write %s", path);
	fputs(content, file);
	return fclose(file) ? bench_fail(errno, "cannot write %s", path) : 0;
}

int peer_connect(const char *path, int type)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const double until = seconds_now() + START_S;
	if (snprintf(address.sun_path, sizeof(address.sun_path), "%s", path) >=
	    (int)sizeof(address.sun_path))
		return bench_fail(0, "the path %s is too long for a socket", path);
	const int fd = socket(AF_UNIX, type, 0);
	if (fd < 0)
		return bench_fail(errno, "cannot make a socket");
	while (connect(fd, (const struct sockaddr *)&address, sizeof(address))) {
		if (seconds_now() > until) {
			close(fd);
			return bench_fail(0, "nobody listens on %s", path);
		}
		pause_briefly();
	}
	return fd;
}

int peer_wait_for(long (*look)(void *self), void *self, long n)
{
	long last = -1;
	double until = seconds_now() + STANDSTILL_S;
	for (;;) {
		const long now = look(self);
		if (now >= n)
			return 0;
		if (now != last)
			until = seconds_now() + STANDSTILL_S;
		if (seconds_now() > until)
			return bench_fail(0, "it stands still at event %ld of %ld", now, n);
		last = now;
		pause_briefly();
	}
}
