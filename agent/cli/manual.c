/*
 * payi-agent manual: the parts of the manual that are made of our tables, as mdoc(7). The build calls it once for each page
 * (agent/man/make.sh), and whoever has no man(1) may: payi-agent manual events | mandoc -a.
 */
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/describe.h"
#include "history/views.h"

#include <argp.h>
#include <stdio.h>
#include <string.h>

#define COMMAND "payi-agent manual"

static const char doc[] = "Prints a page of the manual as mdoc(7): of a command, of the settings "
			  "(conf), of the views (views), or the list of "
			  "commands (commands)."
			  "\vExample:\n  payi-agent manual events | mandoc -a";

static error_t parse(int key, char *arg, struct argp_state *state)
{
	const char **page = state->input;
	switch (key) {
	case ARGP_KEY_ARG:
		if (*page)
			argp_error(state, "one page at a time");
		*page = arg;
		return 0;
	case ARGP_KEY_END:
		if (!*page)
			argp_error(state, "say which page: a command, conf, views or commands");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* ---- Settings ------------------------------------------------------------------------------------- */

static void print_environment(const char *names)
{
	if (*names)
		puts("In the environment:");
	while (*names) {
		const size_t len = strcspn(names, " ");
		const bool more = names[len] == ' ';
		printf(".Ev %.*s %s\n", (int)len, names, more ? "," : ".");
		names += len + more;
	}
}

static void print_setting(const struct setting *setting)
{
	char allowed[SETTING_TEXT_BYTES];
	printf(".It Ic %s\n", setting->name);
	describe_roff(setting->help);
	puts(".");
	if (*setting_allowed(setting, allowed))
		printf("Allowed: %s.\n", allowed);
	if (*setting->value)
		printf("Default:\n.Ql %s .\n", setting->value);
	print_environment(setting->env);
	if (setting->effect == SETTING_AT_START)
		puts("Takes effect at the next start.");
}

static int print_conf(void)
{
	const char *section = "";
	describe_page_head("payi-agent.conf", "5", "settings of payi-agent");
	puts(".Sh SYNOPSIS\n.Pa /etc/payi/agent.conf\n.br\n.Pa /etc/payi/agent.conf.d/*.conf\n"
	     ".Sh DESCRIPTION\n"
	     "The file has sections in brackets, and a line\n.Ql name = value\nfor each setting "
	     "that shall differ from its default.\n"
	     "What follows a\n.Ql #\nor a\n.Ql \\&;\nat the beginning of a line is a remark.\n.Pp\n"
	     "A flag of the command line (the setting's name with dashes,\n.Fl \\-data-dir "
	     ")\nbeats the environment, which beats the files, which beat "
	     "the default; of the files the later in the order of their names beats the earlier.\n"
	     "At SIGHUP a running agent reads all of it again, and goes on with what it had where "
	     "something is wrong.\n"
	     ".Ql payi-agent config sample\nprints the file with every setting,\n.Ql payi-agent "
	     "config check\nsays what is wrong with it, and\n"
	     ".Ql payi-agent config show\nwhat is in force and why.\n.Sh SETTINGS");
	for (int i = 0; i < SETTINGS_N; i++) {
		if (strcmp(section, settings_table[i].section) != 0)
			printf("%s.Ss [%s]\n.Bl -tag -width Ds\n", *section ? ".El\n" : "",
			       settings_table[i].section);
		section = settings_table[i].section;
		print_setting(&settings_table[i]);
	}
	puts(".El\n.Sh SEE ALSO\n.Xr payi-agent 1 ,\n.Xr payi-agent-config 1");
	return CLI_DESCRIBED;
}

/* ---- Views ---------------------------------------------------------------------------------------- */

static int print_view(void *context, const struct view *view)
{
	(void)context;
	printf(".It Ic %s\n%s.\n.Pp\n", view->name, view->about);
	for (const char *name = view->columns; *name; name += strlen(name) + 1)
		printf(".Va %s\n", name);
	return 0;
}

static int print_views(struct err *err)
{
	struct query_db *db = NULL;
	describe_page_head("payi-agent-views", "7", "the history of payi-agent in SQL");
	puts(".Sh DESCRIPTION\n"
	     "The agent keeps what was tracked in an SQLite database,\n.Pa payi.db\nin its data "
	     "directory, for\n.Xr payi-agent-sql 1\n"
	     "and for anything else that opens it for reading alone.\n"
	     "These views are stable: they gain columns, at their end.\nTables are the agent's "
	     "own, and are not.\n.Pp\n"
	     "Times are UTC; columns whose names end in\n.Ql _us\nhave them in microseconds since "
	     "1970, and are what to filter by.\n"
	     "The sums\n.Va input_units\nand\n.Va output_units\nare over all types of units;\n.Va "
	     "units\nhas them by type, as JSON.\n"
	     "While an agent runs nothing else may write to the database, nor checkpoint it.\n"
	     ".Sh VIEWS\n.Bl -tag -width Ds");
	int status = query_db_open_schema(&db, err);
	if (!status)
		status = views_each(db, print_view, NULL, err);
	query_db_close(db);
	puts(".El\n.Sh EXAMPLES\nThe resources that used most in the last week:\n.Bd -literal\n"
	     "SELECT resource, sum(input_units + output_units) AS units FROM usage_by_hour\n"
	     "WHERE hour_us > (unixepoch('now') \\- 7 * 86400) * 1000000\n"
	     "GROUP BY resource ORDER BY units DESC;\n.Ed\n"
	     ".Sh SEE ALSO\n.Xr payi-agent-events 1 ,\n.Xr payi-agent-sql 1 ,\n.Xr "
	     "payi-agent-usage 1 ,\n"
	     ".Xr payi-agent-use-cases 1");
	return status ? cli_fail(COMMAND, err) : CLI_DESCRIBED;
}

/* ---- Which ---------------------------------------------------------------------------------------- */

static int print_commands(void)
{
	for (const struct command *command = commands; command->name; command++)
		printf(".It Xr payi-agent-%s 1\n%s.\n", command->name, command->summary);
	return CLI_DESCRIBED;
}

static int print_page(const char *page, struct err *err)
{
	char flag[] = DESCRIBE_MANUAL;
	char name[] = "payi-agent";
	char *arguments[] = {name, flag, NULL};
	if (strcmp(page, "conf") == 0)
		return print_conf();
	if (strcmp(page, "views") == 0)
		return print_views(err);
	if (strcmp(page, "commands") == 0)
		return print_commands();
	const struct command *command = command_find(page);
	return command ? command->run(2, arguments) : command_refuse(page);
}

int cli_manual(int argc, char **argv)
{
	const char *page = NULL;
	struct err err;
	const struct argp argp = {.parser = parse, .args_doc = "PAGE", .doc = doc};
	const struct cli_line line = {COMMAND, &argp, &page, CLI_SETTINGS_NONE, NULL};
	const int usage = cli_parse(&line, argc, argv, NULL);
	return usage ? usage : print_page(page, &err);
}
