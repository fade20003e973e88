/* payi-agent doctor: what is wrong on this host, and what to do about it. */
#include "doctor/doctor.h"

#include "cli/cli.h"
#include "cli/colour.h"
#include "cli/display.h"
#include "cli/output.h"
#include "cli/sheet.h"

#include <argp.h>
#include <stdio.h>
#include <string.h>

enum { KEY_NO_NETWORK = 0x200 };

static const struct argp_option options[] = {
	{"no-network", KEY_NO_NETWORK, NULL, 0, "do not ask the service", 1},
	{0},
};

static const char doc[] =
	"Looks at everything that the agent needs: directories, rights, room, the database, the "
	"settings, the key, the way to the service (one GET with the key), the clock, limits, "
	"libraries. It changes nothing, and an agent may run. Run it as the agent's user. Goes "
	"on where settings are wrong, but then asks no service. Exit code 1: something FAILED."
	"\vExamples:\n"
	"  payi-agent doctor\n"
	"  sudo -u payi payi-agent doctor --no-network\n"
	"  payi-agent doctor --format json | jq '.checks[] | select(.result != \"ok\")'";

static const struct history_column columns[] = {
	{"about", "ABOUT", HISTORY_TEXT, 1},
	{"result", "RESULT", HISTORY_TEXT, 1},
	{"text", "TEXT", HISTORY_TEXT, 1},
	{"advice", "ADVICE", HISTORY_TEXT, 1},
};

struct request {
	struct output output;
	bool no_network;
	int n[DOCTOR_RESULTS];
	struct sheet sheet; /* of all formats but that for people */
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct request *request = state->input;
	switch (key) {
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
	const struct colour *colour = request->output.format.colour;
	const char *const colours[] = {colour->good, colour->warning, colour->bad};
	enum { INDENT = 9 };
	struct buf line = BUF_INIT;
	struct buf out = BUF_INIT;
	buf_addf(&line, "%s%-8s%s %s: ", colours[finding->result], words[finding->result],
		 colour->end, finding->about);
	display_add(&line, finding->text);
	if (*finding->advice) {
		buf_addf(&line, "\n         %s-> ", colour->faint);
		display_add(&line, finding->advice);
		buf_add_str(&line, colour->end);
	}
	display_add_wrapped(&out, buf_text(&line), request->output.format.width, INDENT);
	puts(buf_text(&out));
	fflush(stdout);
	buf_release(&line);
	buf_release(&out);
}

/* For people at once: the next one may take seconds. */
static void take(void *ctx, const struct doctor_finding *finding)
{
	static const char *const words[] = {"ok", "warning", "failed"};
	struct request *request = ctx;
	request->n[finding->result]++;
	if (request->output.format.kind == FORMAT_TABLE) {
		print_text(request, finding);
		return;
	}
	sheet_add(&request->sheet, finding->about);
	sheet_add(&request->sheet, words[finding->result]);
	sheet_add(&request->sheet, finding->text);
	sheet_add(&request->sheet, finding->advice);
}

static int print_json(struct request *request, struct err *err)
{
	const int *n = request->n;
	struct buf out = BUF_INIT;
	buf_add_str(&out, "{\"checks\":");
	sheet_text(&request->sheet, &request->output.format, &out);
	buf_addf(&out, ",\"ok\":%d,\"warnings\":%d,\"failed\":%d}\n", n[DOCTOR_OK],
		 n[DOCTOR_WARNING], n[DOCTOR_FAILED]);
	const int status = format_write(&request->output.format, &out, err);
	buf_release(&out);
	buf_release(&request->sheet.cells);
	return status;
}

static int print_end(struct request *request, struct err *err)
{
	const int *n = request->n;
	if (request->output.format.kind == FORMAT_JSON)
		return print_json(request, err);
	if (request->output.format.kind != FORMAT_TABLE)
		return sheet_print(&request->sheet, &request->output.format, err);
	printf("\n%d ok, %d warning%s, %d failed\n", n[DOCTOR_OK], n[DOCTOR_WARNING],
	       n[DOCTOR_WARNING] == 1 ? "" : "s", n[DOCTOR_FAILED]);
	return 0;
}

int cli_doctor(int argc, char **argv)
{
	struct settings settings;
	struct err err, passed_over;
	struct request request = {
		.sheet = {.columns = columns, .n_columns = sizeof(columns) / sizeof(columns[0])},
	};
	const struct argp argp = {.options = options, .parser = parse, .doc = doc};
	const struct cli_line line = {"payi-agent doctor", &argp, &request, CLI_SETTINGS_ALL,
				      &request.output};
	const int usage = cli_parse_around(&line, argc, argv, &settings, &passed_over);
	if (usage)
		return usage;
	const int lost = cli_need_paths(&line, &settings, &passed_over);
	if (lost)
		return lost;
	/* Of settings that are not all there, the address may be another than that which the key is for. */
	doctor_examine(&settings, !request.no_network && !passed_over.code, take, &request);
	settings_release(&settings);
	if (print_end(&request, &err))
		return cli_fail(line.command, &err);
	const int written = cli_finish(line.command);
	return written ? written : request.n[DOCTOR_FAILED] ? CLI_FAILED : CLI_FINE;
}
