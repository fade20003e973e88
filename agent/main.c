/* payi-agent COMMAND [options]: finds the command, and leaves the rest to it. */
#include "cli/cli.h"
#include "cli/commands.h"

#include <argp.h>
#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

static void print_usage(FILE *out)
{
	fputs("Usage: payi-agent COMMAND [options]\n\n"
	      "Stores what applications track with libpayi in SQLite, and sends it to Pay-i.\n\n"
	      "Commands:\n",
	      out);
	for (const struct command *command = commands; command->name; command++)
		fprintf(out, "  %-12s%s\n", command->name, command->summary);
	fputs("\n`payi-agent COMMAND --help` tells a command's options, with an example.\n\n"
	      "Exit codes: 0 fine; 1 failed at run time; 2 wrong usage or a wrong setting;\n"
	      "3 no agent runs (status).\n",
	      out);
}

/* Columns are aligned by the width of characters, so these must be known even in the C locale. */
static void use_utf8(void)
{
	if (!setlocale(LC_CTYPE, "") || strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
		setlocale(LC_CTYPE, "C.UTF-8");
}

/* `payi-agent help COMMAND [WORD]` is `payi-agent COMMAND [WORD] --help`. */
static int help(int argc, char **argv)
{
	static char flag[] = "--help";
	char *arguments[] = {argc > 1 ? argv[1] : NULL, argc > 2 ? argv[2] : flag, flag, NULL};
	const struct command *command = argc > 1 ? command_find(argv[1]) : NULL;
	if (command)
		return command->run(argc > 2 ? 3 : 2, arguments);
	if (argc > 1)
		return command_refuse(argv[1]);
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
	const struct command *command = command_find(argv[1]);
	if (!command)
		return command_refuse(argv[1]);
	const int code = command->run(argc - 1, argv + 1);
	return code == CLI_DESCRIBED ? cli_finish("payi-agent") : code;
}
