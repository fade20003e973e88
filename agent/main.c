/* payi-agent COMMAND [options]: finds the command, and leaves the rest to it. */
#include "cli/cli.h"

#include <argp.h>
#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

struct command {
	const char *name;
	const char *summary;
	int (*run)(int argc, char **argv);
};

static const struct command commands[] = {
#define X(function, name, summary) {(name), (summary), cli_##function},
	CLI_COMMANDS(X)
#undef X
};

enum { N_COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static void print_usage(FILE *out)
{
	fputs("Usage: payi-agent COMMAND [options]\n\n"
	      "Stores what applications track with libpayi in SQLite, and sends it to Pay-i.\n\n"
	      "Commands:\n",
	      out);
	for (int i = 0; i < N_COMMANDS; i++)
		fprintf(out, "  %-12s%s\n", commands[i].name, commands[i].summary);
	fputs("\n`payi-agent COMMAND --help` tells a command's options, with an example.\n\n"
	      "Exit codes: 0 fine; 1 failed at run time; 2 wrong usage or a wrong setting;\n"
	      "3 no agent runs (status).\n",
	      out);
}

static const struct command *find(const char *name)
{
	if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0)
		name = "version";
	if (strcmp(name, "--sql") == 0)
		name = "sql";
	for (int i = 0; i < N_COMMANDS; i++)
		if (strcmp(name, commands[i].name) == 0)
			return &commands[i];
	return NULL;
}

/* Columns are aligned by the width of characters, so these must be known even in the C locale. */
static void use_utf8(void)
{
	if (!setlocale(LC_CTYPE, "") || strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
		setlocale(LC_CTYPE, "C.UTF-8");
}

/* What was meant, perhaps, by a word that is no command. */
static int refuse(const char *word)
{
	static const char names[] =
#define X(function, name, summary) name "\0"
		CLI_COMMANDS(X)
#undef X
			"help\0";
	const char *nearest = cli_nearest(word, names);
	fprintf(stderr, "payi-agent: there is no command '%s'", word);
	if (nearest)
		fprintf(stderr, "; do you mean `payi-agent %s`?\n", nearest);
	else
		fputs("; `payi-agent help` lists them\n", stderr);
	return CLI_USAGE;
}

/* `payi-agent help COMMAND` is `payi-agent COMMAND --help`. */
static int help(int argc, char **argv)
{
	static char flag[] = "--help";
	char *arguments[] = {argv[0], flag, NULL};
	const struct command *command = argc > 1 ? find(argv[1]) : NULL;
	if (command)
		return command->run(2, arguments);
	if (argc > 1)
		return refuse(argv[1]);
	print_usage(stdout);
	return cli_finish("payi-agent help");
}

static int is_help(const char *word)
{
	return strcmp(word, "help") == 0 || strcmp(word, "--help") == 0 ||
	       strcmp(word, "-h") == 0 || strcmp(word, "-?") == 0;
}

int main(int argc, char **argv)
{
	argp_err_exit_status = CLI_USAGE;
	use_utf8();
	if (argc < 2) {
		print_usage(stderr);
		return CLI_USAGE;
	}
	if (is_help(argv[1]))
		return help(argc - 1, argv + 1);
	const struct command *command = find(argv[1]);
	if (!command)
		return refuse(argv[1]);
	return command->run(argc - 1, argv + 1);
}
