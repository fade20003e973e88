/*
 * M26. A key and a prompt that are easy to recognise, and an agent that is given every reason to repeat them: a service that
 * answers with the key in its errors, events that are refused, a log of level debug, every command. Then all that others may
 * see is searched: logs, commands' output, metrics, ps, /proc, the database. The prompt may be in the database, and in what
 * shows an event whole; the key nowhere but in the process, which nobody of its own user may look into.
 */
#define _GNU_SOURCE /* memmem, setgroups */
#include "prove/kit/oracle.h"
#include "prove/kit/prove.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define KEY    "sk-payi-app-CANARY-c0ffee-4711"
#define PROMPT "CANARY prompt: my mother's maiden name"

enum { EVENTS = 30, USER = 65534, PATH_BYTES = 400, COMMAND_BYTES = 1200 };

static struct place place;
static struct standin service;
static int n_places, n_hits;

/* ---- Searching ------------------------------------------------------------------------------------- */

static void search(const char *where, const char *bytes, size_t n, const char *secret)
{
	n_places++;
	if (!memmem(bytes, n, secret, strlen(secret)))
		return;
	n_hits++;
	prove_finding("%s shows the %s", where, strcmp(secret, KEY) == 0 ? "key" : "prompt");
}

/* All of a stream; the caller frees it. */
static char *read_all(FILE *stream, size_t *n)
{
	size_t room = 65536;
	char *bytes = malloc(room);
	*n = 0;
	for (size_t got; bytes && (got = fread(bytes + *n, 1, room - *n, stream)) > 0;) {
		*n += got;
		if (*n == room)
			bytes = realloc(bytes, room *= 2);
	}
	if (!bytes)
		prove_broken("no memory");
	return bytes;
}

static void search_stream(const char *where, FILE *stream, bool prompts, bool must_be)
{
	size_t n;
	if (!stream) {
		if (must_be)
			prove_broken("cannot read %s", where);
		return;
	}
	char *bytes = read_all(stream, &n);
	if (must_be && n == 0)
		prove_broken("%s is empty: nothing was searched", where);
	search(where, bytes, n, KEY);
	if (prompts)
		search(where, bytes, n, PROMPT);
	free(bytes);
}

static void search_file(const char *path, bool prompts, bool must_be)
{
	FILE *file = fopen(path, "re");
	search_stream(path, file, prompts, must_be);
	if (file)
		fclose(file);
}

static void search_command(const char *command, bool prompts)
{
	char line[COMMAND_BYTES];
	snprintf(line, sizeof(line),
		 "PAYI_API_KEY='" KEY "' %s %s --data-dir '%s' --ring-dir '%s' 2>&1", AGENT_PROGRAM,
		 command, place.data, place.rings);
	FILE *pipe = popen(line, "re");
	search_stream(command, pipe, prompts, true);
	if (pipe)
		pclose(pipe);
}

static void search_http(const char *path)
{
	char line[COMMAND_BYTES];
	snprintf(line, sizeof(line), "curl -s --unix-socket '%s/agent.sock' http://localhost%s",
		 place.data, path);
	FILE *pipe = popen(line, "re");
	search_stream(path, pipe, true, true);
	if (pipe)
		pclose(pipe);
}

static void search_process(void)
{
	static const char *const files[] = {"cmdline", "environ", "status", "comm"};
	char path[PATH_BYTES];
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(path, sizeof(path), "/proc/%ld/%s", (long)place.agent, files[i]);
		search_file(path, true, true);
	}
}

/* The key in the database's files; the prompt belongs there. */
static void search_database(void)
{
	static const char *const suffixes[] = {"", "-wal", "-shm"};
	char path[PATH_BYTES];
	for (int i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s%s", place.database, suffixes[i]);
		search_file(path, false, i == 0);
	}
}

/* ---- Reasons to repeat them -------------------------------------------------------------------------- */

/* A gateway's page and a service's error that name the key; then events refused, one by one. */
static const char script[] =
	"[{\"on\":\"bulk\",\"times\":1,\"status\":500,\"body\":\"<html>xProxy-api-key: " KEY
	"</html>\"},"
	"{\"on\":\"bulk\",\"times\":1,\"status\":401,\"body\":{\"statusCode\":401,\"message\":"
	"\"the key " KEY " is not known\"}},"
	"{\"match_id\":\"p1-*\",\"item_error\":{\"code\":\"invalid_key " KEY "\",\"message\":\"" KEY
	" may not\",\"status\":400}}]";

static void track(void)
{
	payi_client *client = place_client(&place, "secrets", 256 * 1024, true);
	const payi_units units[] = {{"text", 12, 3}};
	char id[32];
	for (int i = 0; i < EVENTS; i++) {
		payi_event event = PAYI_EVENT_INIT;
		snprintf(id, sizeof(id), "p%d-%d", i % 3, i);
		event.category = "system.openai";
		event.units = units;
		event.n_units = 1;
		event.provider_response_id = id;
		event.provider_request_json = "{\"prompt\":\"" PROMPT "\"}";
		if (payi_track(client, &event))
			prove_broken("cannot track: %s", payi_last_error());
	}
	if (payi_flush(client, 30000))
		prove_broken("cannot flush: %s", payi_last_error());
	payi_client_close(client);
}

static void search_everything(void)
{
	static const char *const commands[] = {
		"status", "status --json",        "config show", "config check",
		"doctor", "dead list --limit 0",  "use-cases",   "usage",
		"events", "events --format json", "ring list",   "version",
	};
	search_process();
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		search_command(commands[i], true);
	/* Whole events, with their prompts; still without the key. */
	search_command("dead show 2 3 5", false);
	search_http("/metrics");
	search_http("/api/v1/status");
	search_http("/api/v1/history/events");
	search_http("/api/v1/dead");
	search_file(place.log, true, true);
	search_database();
}

static void run(const char *key_file)
{
	char base_url[80];
	place_make(&place);
	snprintf(base_url, sizeof(base_url), "%s", service.url);
	int n = 0;
	place.key = key_file ? NULL : KEY;
	place.arguments[n++] = "--log-level";
	place.arguments[n++] = "debug";
	place.arguments[n++] = "--base-url";
	place.arguments[n++] = base_url;
	if (key_file) {
		place.arguments[n++] = "--api-key-file";
		place.arguments[n++] = key_file;
	}
	standin_reset(&service);
	if (standin_faults(&service, script))
		prove_broken("the stand-in refuses the script");
	place_agent_start(&place);
	track();
	if (!place_wait_number(&place, "SELECT count(*) FROM sink_exceptions WHERE state = 'dead'",
			       EVENTS / 3, 60))
		prove_broken("the events that are refused do not die: %s", place.log);
	search_everything();
	place_agent_stop(&place);
	search_file(place.log, true, true);
	search_database();
	place_remove(&place);
}

/* ---- A neighbour of the same user ------------------------------------------------------------------- */

static void become_user(void)
{
	if (setgroups(0, NULL) || setgid(USER) || setuid(USER))
		_exit(2);
}

/* 0: the file is kept from us. */
static int look(const char *path)
{
	char byte;
	become_user();
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	_exit(fd < 0 ? 0 : read(fd, &byte, 1) < 0 ? 0 : 1);
}

static void neighbour_looks(void)
{
	static const char *const files[] = {"environ", "mem", "maps", "fd/0", "auxv"};
	char path[PATH_BYTES];
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		int status;
		snprintf(path, sizeof(path), "/proc/%ld/%s", (long)place.agent, files[i]);
		const pid_t child = fork();
		if (child == 0)
			look(path);
		waitpid(child, &status, 0);
		n_places++;
		if (status == 0)
			continue;
		n_hits++;
		prove_finding("%s can be read by another process of the same user", path);
	}
}

static void run_as_user(void)
{
	place_make(&place);
	place.key = KEY;
	if (chmod(place.root, 0755) || chown(place.rings, USER, USER) ||
	    chown(place.data, USER, USER))
		prove_broken("cannot give the place away: %s", strerror(errno));
	place_share_program(&place);
	const int log = open(place.log, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (log < 0 || fchown(log, USER, USER))
		prove_broken("cannot make the log: %s", strerror(errno));
	close(log);
	place.agent = fork();
	if (place.agent == 0) {
		if (setgroups(0, NULL) || setgid(USER) || setuid(USER))
			_exit(2);
		place_exec_agent(&place);
	}
	place_agent_ready(&place);
	neighbour_looks();
	place_agent_stop(&place);
	place_remove(&place);
}

int main(int argc, char **argv)
{
	static const char goal[] =
		"key and prompts in logs, commands, metrics, ps, /proc, database: 0";
	const char *const arguments[] = {"--key", KEY, NULL};
	char key_file[] = "/tmp/payi-prove-key-XXXXXX";
	prove_begin(argc, argv);
	if (standin_start(&service, arguments))
		prove_broken("cannot start the stand-in");
	const int fd = mkstemp(key_file);
	if (fd < 0 || write(fd, KEY "\n", strlen(KEY) + 1) != (ssize_t)strlen(KEY) + 1)
		prove_broken("cannot write the key file");
	close(fd);
	run(NULL);
	run(key_file);
	if (geteuid() == 0)
		run_as_user();
	unlink(key_file);
	standin_stop(&service);
	prove_row("M26", goal, n_hits == 0, "%d searched, %d hits", n_places, n_hits);
	return prove_end();
}
