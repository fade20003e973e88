/*
 * payi-agent completion: what the shell needs to complete our command lines. Its script asks us, each time, what there
 * could be, so that no list of options is written down anywhere twice.
 */
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/describe.h"
#include "cli/output.h"

#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char bash_script[] =
	"# bash completion of payi-agent: eval \"$(payi-agent completion bash)\"\n"
	"_payi_agent() {\n"
	"\tlocal line current=${COMP_WORDS[COMP_CWORD]}\n"
	"\t[ \"$current\" = = ] && current=\n"
	"\tCOMPREPLY=()\n"
	"\twhile IFS= read -r line; do\n"
	"\t\tcase $line in\n"
	"\t\t$'\\tfiles') compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "
	"\"$current\") ;;\n"
	"\t\t$'\\tdirs') compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- "
	"\"$current\") ;;\n"
	"\t\t*) COMPREPLY+=(\"${line%%$'\\t'*}\") ;;\n"
	"\t\tesac\n"
	"\tdone < <(\"$1\" completion words \"${COMP_WORDS[@]:1:COMP_CWORD}\" 2>/dev/null)\n"
	"}\n"
	"complete -F _payi_agent payi-agent\n";

static const char zsh_script[] =
	"#compdef payi-agent\n"
	"# zsh completion of payi-agent: as _payi-agent in a directory of $fpath\n"
	"local -a candidates\n"
	"local line kind\n"
	"compset -P '--*='\n"
	"while IFS= read -r line; do\n"
	"\tif [[ $line == $'\\t'* ]]; then\n"
	"\t\tkind=${line#$'\\t'}\n"
	"\telif [[ $line != *$'\\t'* ]]; then\n"
	"\t\tcandidates+=(\"${line//:/\\\\:}\")\n"
	"\telse\n"
	"\t\tcandidates+=(\"${${line%%$'\\t'*}//:/\\\\:}:${${line#*$'\\t'}}\")\n"
	"\tfi\n"
	"done < <(${words[1]} completion words \"${(@)words[2,CURRENT]}\" 2>/dev/null)\n"
	"case $kind in\n"
	"files) _files ;;\n"
	"dirs) _files -/ ;;\n"
	"*) _describe payi-agent candidates ;;\n"
	"esac\n";

/* ---- Words ---------------------------------------------------------------------------------------- */

static void complete_command(const char *last)
{
	for (const struct command *command = commands; command->name; command++)
		if (strncmp(command->name, last, strlen(last)) == 0)
			printf("%s\t%s\n", command->name, command->summary);
	describe_words("help", last);
}

enum { WORDS_MAX = 8 };

/* The command is asked, with its own leading words (dead list), the word before the last, and the last. */
static int ask_command(const struct command *command, int n, char **words, char *before, char *last)
{
	char flag[] = DESCRIBE_COMPLETE;
	char *arguments[WORDS_MAX];
	int k = 0;
	arguments[k++] = words[0];
	for (int i = 1; i < n - 1 && words[i][0] != '-' && words[i][0] != '=' && k < WORDS_MAX - 4;
	     i++)
		arguments[k++] = words[i];
	arguments[k++] = flag;
	arguments[k++] = before;
	arguments[k++] = last;
	arguments[k] = NULL;
	return command->run(k, arguments);
}

/* bash makes three words of --format=js, and zsh one; the value is completed either way. */
static int complete(int n, char **words)
{
	char nothing[] = "";
	char name[64];
	char *last = words[n - 1];
	char *before = n > 1 ? words[n - 2] : nothing;
	if (strcmp(last, "=") == 0)
		last = nothing;
	else if (strcmp(before, "=") == 0 && n > 2)
		before = words[n - 3];
	else if (strncmp(last, "--", 2) == 0 && strchr(last, '=')) {
		snprintf(name, sizeof(name), "%.*s", (int)strcspn(last, "="), last);
		before = name;
		last = strchr(last, '=') + 1;
	}
	if (n == 1 || (n == 2 && strcmp(words[0], "help") == 0)) {
		complete_command(last);
		return CLI_DESCRIBED;
	}
	const struct command *command = command_find(words[0]);
	return command ? ask_command(command, n, words, before, last) : CLI_DESCRIBED;
}

/* ---- The command ---------------------------------------------------------------------------------- */

static const char doc[] = "Prints what makes bash or zsh complete the command lines of payi-agent. "
			  "Packages install it."
			  "\vExamples:\n"
			  "  eval \"$(payi-agent completion bash)\"\n"
			  "  payi-agent completion zsh >~/.zfunc/_payi-agent";

static error_t parse(int key, char *arg, struct argp_state *state)
{
	const char **script = state->input;
	switch (key) {
	case ARGP_KEY_ARG:
		if (*script || (strcmp(arg, "bash") != 0 && strcmp(arg, "zsh") != 0))
			argp_error(state, "'%s' is not what is expected: bash or zsh", arg);
		*script = strcmp(arg, "bash") == 0 ? bash_script : zsh_script;
		return 0;
	case ARGP_KEY_END:
		if (!*script)
			argp_error(state, "say which shell: bash or zsh");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int cli_completion(int argc, char **argv)
{
	const char *script = NULL;
	const struct argp argp = {.parser = parse, .args_doc = "bash|zsh", .doc = doc};
	const struct cli_line line = {"payi-agent completion", &argp, &script, CLI_SETTINGS_NONE,
				      NULL};
	if (argc > 2 && strcmp(argv[1], "words") == 0)
		return complete(argc - 2, argv + 2);
	const int usage = cli_parse(&line, argc, argv, NULL);
	if (usage)
		return usage;
	fputs(script, stdout);
	return cli_finish(line.command);
}
