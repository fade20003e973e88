#define _XOPEN_SOURCE 700 /* nftw */
#include "bench/site.h"

#include "bench/bench.h"
#include "bench/sample.h"
#include "standin/standin_client.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BLOCK_MS = 60000, AWAIT_MS = 120000, PATH_BYTES = 512, LINE_BYTES = 256 };

/* ---- An early end ------------------------------------------------------------------------------------ */

/* The one to be removed when a signal ends the program; of the process that made it. */
static struct site *current;
static pid_t owner;

/* Only what may be called in a signal handler; the other children die with this process. */
static void clean_up(int number)
{
	if (current && owner == getpid()) {
		if (current->agent)
			kill(current->agent, SIGKILL);
		const pid_t pid = fork();
		if (pid == 0) {
			execl("/bin/rm", "rm", "-rf", current->rings, current->data, (char *)NULL);
			_exit(127);
		}
		waitpid(pid, NULL, 0);
	}
	_exit(128 + number);
}

static void clean_up_on_signals(struct site *site)
{
	static const int numbers[] = {SIGHUP, SIGINT, SIGTERM, SIGPIPE};
	current = site;
	owner = getpid();
	for (int i = 0; i < 4; i++)
		sigaction(numbers[i], &(struct sigaction){.sa_handler = clean_up}, NULL);
}

void site_child(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
}

/* ---- Directories ---------------------------------------------------------------------------------- */

int site_make(struct site *site, const struct bench *bench)
{
	*site = (struct site){.rings = "/dev/shm/payi-bench-XXXXXX"};
	if (snprintf(site->data, sizeof(site->data), "%s/payi-bench-XXXXXX", bench->parent) >=
	    (int)sizeof(site->data))
		return bench_fail(0, "the path %s is too long", bench->parent);
	if (!mkdtemp(site->rings))
		return bench_fail(errno, "cannot make %s", site->rings);
	if (mkdtemp(site->data)) {
		clean_up_on_signals(site);
		return 0;
	}
	bench_fail(errno, "cannot make %s", site->data);
	rmdir(site->rings);
	return -1;
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *at)
{
	(void)status;
	(void)kind;
	(void)at;
	remove(path); /* what cannot be removed is left behind */
	return 0;
}

static void remove_directory(const char *path)
{
	enum { DESCRIPTORS = 16 };
	nftw(path, remove_one, DESCRIPTORS, FTW_DEPTH | FTW_PHYS);
}

void site_remove(struct site *site)
{
	if (site->agent)
		site_agent_stop(site);
	remove_directory(site->rings);
	remove_directory(site->data);
	current = NULL;
}

/* ---- Client and agent ----------------------------------------------------------------------------- */

int site_client(const struct site *site, size_t ring_bytes, payi_client **client)
{
	payi_client_options options = PAYI_CLIENT_OPTIONS_INIT;
	options.ring_dir = site->rings;
	options.ring_bytes = ring_bytes;
	options.when_full = PAYI_WHEN_FULL_BLOCK;
	options.block_ms = BLOCK_MS;
	options.app_name = "payi-bench";
	if (payi_client_open(&options, client) != PAYI_OK)
		return bench_fail(0, "%s", payi_last_error());
	return 0;
}

/* Where its settings stand: not those of this host. */
static void write_settings(const struct site *site, char path[PATH_BYTES])
{
	snprintf(path, PATH_BYTES, "%s", "/dev/null");
	if (!site->settings)
		return;
	snprintf(path, PATH_BYTES, "%s/agent.conf", site->data);
	FILE *file = fopen(path, "w");
	if (!file || fputs(site->settings, file) < 0 || fclose(file))
		_exit(127);
}

static void exec_agent(const struct site *site, const struct bench *bench)
{
	static const char *const names[] = {"PAYI_API_KEY", "PAYI_API_KEY_FILE", "ASCERTA_API_KEY"};
	for (int i = 0; i < 3; i++)
		unsetenv(names[i]);
	if (site->base_url)
		setenv("PAYI_API_KEY", STANDIN_KEY, 1);
	char settings[PATH_BYTES];
	write_settings(site, settings);
	const int log = open("/dev/null", O_WRONLY);
	dup2(log, STDOUT_FILENO);
	site_child();
	execl(bench->agent, bench->agent, "run", "--config", settings, "--log-level", "error",
	      "--data-dir", site->data, "--ring-dir", site->rings, "--base-url",
	      site->base_url ? site->base_url : "http://127.0.0.1:1", (char *)NULL);
	bench_fail(errno, "cannot run %s", bench->agent);
	_exit(127);
}

int site_agent_start(struct site *site, const struct bench *bench)
{
	fflush(NULL);
	const pid_t agent = fork();
	if (agent == 0)
		exec_agent(site, bench);
	site->agent = agent > 0 ? agent : 0;
	return agent > 0 ? 0 : bench_fail(errno, "cannot fork");
}

int site_agent_await(const struct site *site)
{
	payi_client *client;
	if (site_client(site, 0, &client))
		return -1;
	int status = 0;
	if (sample_track(client, SAMPLE_NEW, 0) != PAYI_OK ||
	    payi_flush(client, AWAIT_MS) != PAYI_OK)
		status = bench_fail(0, "%s", payi_last_error());
	payi_client_close(client);
	return status;
}

int site_agent_stop(struct site *site)
{
	int status = 0;
	kill(site->agent, SIGTERM);
	waitpid(site->agent, &status, 0);
	site->agent = 0;
	return status == 0 ? 0
			   : bench_fail(0, "the agent ended with status 0x%x", (unsigned)status);
}

/* ---- What a process uses -------------------------------------------------------------------------- */

/* The number after "name:" in a file of lines "name:  number". */
static double named_number(const char *path, const char *name)
{
	char line[LINE_BYTES];
	double number = 0;
	FILE *file = fopen(path, "r");
	while (file && fgets(line, sizeof(line), file))
		if (strncmp(line, name, strlen(name)) == 0)
			number = strtod(line + strlen(name), NULL);
	if (file)
		fclose(file);
	return number;
}

/* The first number in a file. */
static double first_number(const char *path)
{
	double number = 0;
	FILE *file = fopen(path, "r");
	if (file && fscanf(file, "%lf", &number) != 1)
		number = 0;
	if (file)
		fclose(file);
	return number;
}

struct process_use process_use(pid_t pid)
{
	char path[PATH_BYTES];
	struct process_use use = {0};
	snprintf(path, sizeof(path), "/proc/%ld/status", (long)pid);
	use.rss_mb = named_number(path, "VmRSS:") / 1024;
	use.peak_rss_mb = named_number(path, "VmHWM:") / 1024;
	snprintf(path, sizeof(path), "/proc/%ld/task", (long)pid);
	DIR *dir = opendir(path);
	const struct dirent *entry;
	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/proc/%ld/task/%s/schedstat", (long)pid,
			 entry->d_name);
		use.cpu_s += first_number(path) / 1e9; /* ns on a processor */
		snprintf(path, sizeof(path), "/proc/%ld/task/%s/status", (long)pid, entry->d_name);
		use.wake_ups += named_number(path, "voluntary_ctxt_switches:");
	}
	if (dir)
		closedir(dir);
	return use;
}
