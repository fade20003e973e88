/* payi-agent health: a running agent's word that it is well, for probes. */
#include "cli/cli.h"
#include "http/post.h"

#include <argp.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

enum { KEY_READY = 0x200, PATIENCE_S = 5 };

static const struct argp_option options[] = {
	{"ready", KEY_READY, NULL, 0, "whether it drains and stores, rather than whether it lives",
	 1},
	{0},
};

static const char doc[] =
	"Asks the running agent, on the socket in its data directory, whether it is alive. Prints "
	"what it says. Exit code 1: it says no, does not answer, or does not run. For health "
	"checks of containers and for probes of Kubernetes; run it as the agent's user."
	"\vExamples:\n"
	"  payi-agent health\n"
	"  payi-agent health --ready";

static error_t parse(int key, char *arg, struct argp_state *state)
{
	bool *ready = state->input;
	if (key == ARGP_KEY_ARG)
		argp_error(state, "'%s' is not expected", arg);
	if (key != KEY_READY)
		return ARGP_ERR_UNKNOWN;
	*ready = true;
	return 0;
}

static int ask(const char *data_dir, bool ready, struct err *err)
{
	char socket_path[PATH_MAX];
	struct buf body = BUF_INIT;
	int http_status = 0;
	snprintf(socket_path, sizeof(socket_path), "%s/agent.sock", data_dir);
	int status = get_from_agent(socket_path, ready ? "/readyz" : "/healthz", PATIENCE_S,
				    &http_status, &body, err);
	const char *text = buf_text(&body);
	if (!status && http_status != 200)
		status = err_set(err, ERR_BUSY, "%.*s", (int)strcspn(text, "\n"), text);
	if (!status)
		fputs(text, stdout);
	buf_release(&body);
	return status;
}

int cli_health(int argc, char **argv)
{
	struct settings settings;
	struct err err;
	bool ready = false;
	const struct argp argp = {.options = options, .parser = parse, .doc = doc};
	const struct cli_line line = {.command = "payi-agent health",
				      .argp = &argp,
				      .input = &ready,
				      .settings = CLI_SETTINGS_PATHS};
	const int usage = cli_parse(&line, argc, argv, &settings);
	if (usage)
		return usage;
	const int failed = ask(settings.data_dir, ready, &err);
	settings_release(&settings);
	return failed ? cli_fail(line.command, &err) : cli_finish(line.command);
}
