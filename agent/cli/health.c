/* payi-agent health: a running agent's word that it is well, for probes. */
#include "cli/cli.h"
#include "cli/output.h"
#include "cli/sheet.h"
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
	"checks of containers and for probes of Kubernetes; run it as the agent's user. "
	"Settings that are wrong are warned of and passed over."
	"\vExamples:\n"
	"  payi-agent health\n"
	"  payi-agent health --ready";

struct request {
	bool ready;
	struct output output;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct request *request = state->input;
	if (key == ARGP_KEY_ARG)
		argp_error(state, "'%s' is not expected", arg);
	if (key != KEY_READY)
		return ARGP_ERR_UNKNOWN;
	request->ready = true;
	return 0;
}

/* The first line of its answer, in *answer; ERR_BUSY: it says no. */
static int ask(const char *data_dir, bool ready, struct buf *answer, struct err *err)
{
	char socket_path[PATH_MAX];
	int http_status = 0;
	snprintf(socket_path, sizeof(socket_path), "%s/agent.sock", data_dir);
	const int status = get_from_agent(socket_path, ready ? "/readyz" : "/healthz", PATIENCE_S,
					  &http_status, answer, err);
	if (!status && http_status != 200)
		return err_set(err, ERR_BUSY, "%.*s", (int)strcspn(buf_text(answer), "\n"),
			       buf_text(answer));
	return status;
}

static int print(const struct request *request, const char *answer, bool well, struct err *err)
{
	static const struct history_column columns[] = {{"asked", "ASKED", HISTORY_TEXT, 1},
							{"well", "WELL", HISTORY_BOOL, 1},
							{"answer", "ANSWER", HISTORY_TEXT, 1}};
	struct sheet sheet = {.columns = columns, .n_columns = 3, .is_one = true};
	char line[sizeof(err->text)];
	snprintf(line, sizeof(line), "%.*s", (int)strcspn(answer, "\n"), answer);
	sheet_add(&sheet, request->ready ? "ready" : "alive");
	sheet_add_bool(&sheet, well);
	sheet_add(&sheet, line);
	return sheet_print(&sheet, &request->output.format, err);
}

int cli_health(int argc, char **argv)
{
	struct settings settings;
	struct err err, unwritten, passed_over;
	struct request request = {0};
	struct buf answer = BUF_INIT;
	int written = 0;
	const struct argp argp = {.options = options, .parser = parse, .doc = doc};
	const struct cli_line line = {"payi-agent health", &argp, &request, CLI_SETTINGS_PATHS,
				      &request.output};
	const int usage = cli_parse_around(&line, argc, argv, &settings, &passed_over);
	if (usage)
		return usage;
	if (cli_warn_of_settings(&line, &settings, &passed_over))
		return CLI_USAGE;
	const int failed = ask(settings.data_dir, request.ready, &answer, &err);
	if (request.output.format.kind != FORMAT_TABLE)
		written =
			print(&request, failed ? err.text : buf_text(&answer), !failed, &unwritten);
	else if (!failed)
		fputs(buf_text(&answer), stdout);
	buf_release(&answer);
	settings_release(&settings);
	if (written)
		return cli_fail(line.command, &unwritten);
	return failed ? cli_fail(line.command, &err) : cli_finish(line.command);
}
