#include "cli/output.h"

#include "cli/cli.h"
#include "cli/colour.h"

#include <stdio.h>
#include <string.h>

enum { KEY_FORMAT = 0x2000, KEY_UTC, KEY_COLOUR };

#define FORMATS "table|json|jsonl|csv"

static const char format_doc[] =
	"for people, or for programs: one array (of a command with one answer, an object), a line "
	"per row, or RFC 4180; in CSV a text that begins with = + - or @ gets a ' in front, so "
	"that no spreadsheet runs it [default: table]";

static void read_format(const char *text, struct output *output, struct argp_state *state)
{
	const int kind = cli_word(FORMATS, text);
	if (kind < 0)
		argp_error(state, "--format is '%s'; it must be one of: " FORMATS, text);
	else
		output->format.kind = (enum format_kind)kind;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct output *output = state->input;
	switch (key) {
	case KEY_FORMAT:
		read_format(arg, output, state);
		return 0;
	case KEY_UTC:
		output->format.utc = true;
		return 0;
	case KEY_COLOUR:
		if (colour_when_of(arg) < 0)
			argp_error(state, "--color is '%s'; it must be auto, always or never", arg);
		else
			output->format.colour =
				colour_of(stdout, (enum colour_when)colour_when_of(arg));
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

struct argp output_argp(struct output *output)
{
	int n = 0;
	format_options_of_stdout(&output->format);
	memset(output->option, 0, sizeof(output->option));
	output->option[n++] = (struct argp_option){"format", KEY_FORMAT, FORMATS, 0, format_doc, 4};
	if (output->has_times)
		output->option[n++] = (struct argp_option){
			"utc",
			KEY_UTC,
			NULL,
			0,
			"show times in UTC, not local time; all but tables always do",
			4};
	output->option[n] = (struct argp_option){
		"color",
		KEY_COLOUR,
		"auto|always|never",
		0,
		"auto: on a terminal, unless NO_COLOR is set or CLICOLOR is 0 [default: auto]",
		4};
	return (struct argp){.options = output->option, .parser = parse};
}
