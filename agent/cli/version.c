#include "cli/cli.h"

#include "cli/output.h"
#include "cli/sheet.h"
#include "payi/payi.h"
#include "store/query.h"

#include <argp.h>
#include <curl/curl.h>
#include <microhttpd.h>
#include <stdio.h>
#include <uv.h>

static const char doc[] = "The versions of the agent and of the libraries it runs with.\v"
			  "Examples:\n  payi-agent version\n  payi-agent version --format json";

static const char reset_defect[] =
	"has the WAL-reset defect; harmless here: one connection makes every "
	"write and every checkpoint";

static error_t parse(int key, char *arg, struct argp_state *state)
{
	if (key == ARGP_KEY_ARG)
		argp_error(state, "'%s' is not expected", arg);
	return ARGP_ERR_UNKNOWN;
}

/* "SQLite 3.40.1 (what there is to say of it)" */
static void print_lines(const char *const (*lines)[3], int n)
{
	for (int i = 0; i < n; i++)
		printf("%s %s%s%s%s\n", lines[i][0], lines[i][1], *lines[i][2] ? " (" : "",
		       lines[i][2], *lines[i][2] ? ")" : "");
}

static int print_sheet(const char *const (*lines)[3], int n, const struct format_options *options,
		       struct err *err)
{
	static const struct history_column columns[] = {{"name", "NAME", HISTORY_TEXT, 1},
							{"version", "VERSION", HISTORY_TEXT, 1},
							{"note", "NOTE", HISTORY_TEXT, 1}};
	struct sheet sheet = {.columns = columns, .n_columns = 3};
	for (int i = 0; i < n; i++)
		for (int j = 0; j < 3; j++)
			sheet_add(&sheet, lines[i][j]);
	return sheet_print(&sheet, options, err);
}

int cli_version(int argc, char **argv)
{
	struct output output = {0};
	const struct argp argp = {.parser = parse, .doc = doc};
	const struct cli_line line = {"payi-agent version", &argp, NULL, CLI_SETTINGS_NONE,
				      &output};
	struct err err;
	const int usage = cli_parse(&line, argc, argv, NULL);
	if (usage)
		return usage;
	const char *const lines[][3] = {
		{"payi-agent", payi_version(), ""},
		{"SQLite", query_sqlite_version(),
		 query_sqlite_has_reset_defect(query_sqlite_version_number()) ? reset_defect : ""},
		{"libcurl", curl_version_info(CURLVERSION_NOW)->version, ""},
		{"libuv", uv_version_string(), ""},
		{"libmicrohttpd", MHD_get_version(), ""},
	};
	const int n = sizeof(lines) / sizeof(lines[0]);
	if (output.format.kind == FORMAT_TABLE)
		print_lines(lines, n);
	else if (print_sheet(lines, n, &output.format, &err))
		return cli_fail(line.command, &err);
	return cli_finish(line.command);
}
