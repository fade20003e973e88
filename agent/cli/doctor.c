/* payi-agent doctor: what is wrong on this host, and what to do about it. */
#include "doctor/doctor.h"

#include "cli/cli.h"
#include "cli/colour.h"
#include "cli/display.h"
#include "cli/format.h"
#include "history/row_json.h"

#include <argp.h>
#include <stdio.h>
#include <string.h>

enum { KEY_FORMAT = 0x200, KEY_NO_NETWORK };

static const struct argp_option options[] = {
	{"format", KEY_FORMAT, "table|json", 0,
	 "lines for people, or one JSON object [default: table]", 1},
	{"no-network", KEY_NO_NETWORK, NULL, 0, "do not ask the service", 1},
	{0},
};

static const char doc[] =
	"Looks at everything that the agent needs: directories, rights, room, the database, the "
	"settings, the key, the way to the service (one GET with the key), the clock, limits, "
	"libraries. It changes nothing, and an agent may run. Run it as the agent's user. Exit "
	"code "
	"1: something FAILED."
	"\vExamples:\n"
	"  payi-agent doctor\n"
	"  sudo -u payi payi-agent doctor --no-network\n"
	"  payi-agent doctor --format json | jq '.checks[] | select(.result != \"ok\")'";

struct request {
	bool json;
	bool no_network;
	int n[DOCTOR_RESULTS];
	struct buf line;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct request *request = state->input;
	switch (key) {
	case KEY_FORMAT:
		request->json = format_kind_of(arg) == FORMAT_JSON;
		if (!request->json && format_kind_of(arg) != FORMAT_TABLE)
			argp_error(state, "--format is '%s'; it must be table or json", arg);
		return 0;
	case KEY_NO_NETWORK:
		request->no_network = true;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "'%s' is not expected", arg);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* ---- Findings --------------------------------------------------------------------------------------- */

static void print_text(struct request *request, const struct doctor_finding *finding)
{
	static const char *const words[] = {"ok", "warning", "FAILED"};
	const struct colour *colour = colour_of(stdout);
	const char *const colours[] = {colour->good, colour->warning, colour->bad};
	struct buf *line = &request->line;
	buf_addf(line, "%s%-8s%s %s: ", colours[finding->result], words[finding->result],
		 colour->end, finding->about);
	display_add(line, finding->text);
	if (*finding->advice) {
		buf_addf(line, "\n         %s-> ", colour->faint);
		display_add(line, finding->advice);
		buf_add_str(line, colour->end);
	}
	buf_add_char(line, '\n');
}

static void print_json(struct request *request, const struct doctor_finding *finding, bool first)
{
	static const char *const words[] = {"ok", "warning", "failed"};
	struct buf *line = &request->line;
	buf_add_str(line, first ? "{\"checks\":[\n{\"about\":" : ",\n{\"about\":");
	row_json_string(line, finding->about);
	buf_addf(line, ",\"result\":\"%s\",\"text\":", words[finding->result]);
	row_json_string(line, finding->text);
	buf_add_str(line, ",\"advice\":");
	if (*finding->advice)
		row_json_string(line, finding->advice);
	else
		buf_add_str(line, "null");
	buf_add_char(line, '}');
}

/* Written at once: the next one may take seconds. */
static void print(void *ctx, const struct doctor_finding *finding)
{
	struct request *request = ctx;
	const bool first =
		request->n[DOCTOR_OK] + request->n[DOCTOR_WARNING] + request->n[DOCTOR_FAILED] == 0;
	buf_clear(&request->line);
	if (request->json)
		print_json(request, finding, first);
	else
		print_text(request, finding);
	fputs(buf_text(&request->line), stdout);
	fflush(stdout);
	request->n[finding->result]++;
}

static void print_end(const struct request *request)
{
	const int *n = request->n;
	if (request->json)
		printf("\n],\"ok\":%d,\"warnings\":%d,\"failed\":%d}\n", n[DOCTOR_OK],
		       n[DOCTOR_WARNING], n[DOCTOR_FAILED]);
	else
		printf("\n%d ok, %d warning%s, %d failed\n", n[DOCTOR_OK], n[DOCTOR_WARNING],
		       n[DOCTOR_WARNING] == 1 ? "" : "s", n[DOCTOR_FAILED]);
}

int cli_doctor(int argc, char **argv)
{
	struct settings settings;
	struct request request = {.line = BUF_INIT};
	const struct argp argp = {.options = options, .parser = parse, .doc = doc};
	const struct cli_line line = {"payi-agent doctor", &argp, &request, CLI_SETTINGS_ALL};
	const int usage = cli_parse(&line, argc, argv, &settings);
	if (usage)
		return usage;
	doctor_examine(&settings, !request.no_network, print, &request);
	print_end(&request);
	buf_release(&request.line);
	settings_release(&settings);
	const int written = cli_finish(line.command);
	return written ? written : request.n[DOCTOR_FAILED] ? CLI_FAILED : CLI_FINE;
}
