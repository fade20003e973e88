#include "cli/commands.h"

#include "cli/cli.h"
#include "cli/describe.h"

#include <stdio.h>
#include <string.h>

const struct command commands[] = {
#define X(function, name, summary) {(name), (summary), cli_##function},
	CLI_COMMANDS(X)
#undef X
		{0},
};

static const struct command *find(const struct command *list, const char *name)
{
	for (; list->name; list++)
		if (strcmp(list->name, name) == 0)
			return list;
	return NULL;
}

const struct command *command_find(const char *name)
{
	if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0)
		name = "version";
	if (strcmp(name, "--sql") == 0)
		name = "sql";
	return find(commands, name);
}

/* Each name with a NUL behind; an empty one ends them. */
static const char *join(const struct command *list, const char *more, char *names, size_t size)
{
	size_t len = 0;
	memset(names, 0, size);
	for (; list->name && len + strlen(list->name) + 2 < size; list++)
		len += (size_t)snprintf(names + len, size - len, "%s", list->name) + 1;
	snprintf(names + len, size - len - 1, "%s", more);
	return names;
}

int command_refuse(const char *name)
{
	char names[512];
	const char *nearest = cli_nearest(name, join(commands, "help", names, sizeof(names)));
	fprintf(stderr, "payi-agent: there is no command '%s'", name);
	if (nearest)
		fprintf(stderr, "; do you mean `payi-agent %s`?\n", nearest);
	else
		fputs("; `payi-agent help` lists them\n", stderr);
	return CLI_USAGE;
}

/* ---- Words ---------------------------------------------------------------------------------------- */

static int refuse_word(const char *command, const struct command *words, const char *word)
{
	char names[256];
	const char *nearest = cli_nearest(word, join(words, "", names, sizeof(names)));
	fprintf(stderr, "payi-agent %s: there is no '%s'", command, word);
	if (nearest)
		fprintf(stderr, "; do you mean `payi-agent %s %s`? There are", command, nearest);
	else
		fputs("; there are", stderr);
	for (; words->name; words++)
		fprintf(stderr, "%s %s%s", words[1].name ? "" : " and", words->name,
			words[1].name && words[2].name ? "," : "");
	fputc('\n', stderr);
	return CLI_USAGE;
}

/* The page of a command with words is made of what each says of itself. */
static int print_manual(const char *name, const struct command *words)
{
	char page[64];
	char flag[] = DESCRIBE_MANUAL;
	char word[] = "word";
	char *arguments[] = {word, flag, NULL};
	int code = CLI_DESCRIBED;
	snprintf(page, sizeof(page), "payi-agent-%s", name);
	describe_page_head(page, "1", find(commands, name)->summary);
	puts(".Sh SYNOPSIS");
	for (const struct command *each = words; each->name; each++)
		printf(".Nm payi-agent %s %s\n.Op Ar option ...\n", name, each->name);
	puts(".Sh DESCRIPTION\n.Bl -tag -width Ds");
	for (const struct command *each = words; each->name; each++)
		printf(".It Cm %s\n%s.\n", each->name, each->summary);
	puts(".El");
	for (; words->name && code == CLI_DESCRIBED; words++)
		code = words->run(2, arguments);
	puts(".Sh SEE ALSO\n.Xr payi-agent 1");
	return code;
}

static void complete_word(const struct command *words, const char *last)
{
	for (; words->name; words++)
		if (strncmp(words->name, last, strlen(last)) == 0)
			printf("%s\t%s\n", words->name, words->summary);
}

int command_word(const char *name, const struct command *words, int argc, char **argv)
{
	const char *first = argc > 1 ? argv[1] : "";
	if (strcmp(first, DESCRIBE_MANUAL) == 0)
		return print_manual(name, words);
	if (strcmp(first, DESCRIBE_COMPLETE) == 0 && argc == 4 && argv[3][0] != '-') {
		complete_word(words, argv[3]);
		return CLI_DESCRIBED;
	}
	if (argc <= 1 || *first == '-')
		return words->run(argc, argv);
	const struct command *word = find(words, first);
	return word ? word->run(argc - 1, argv + 1) : refuse_word(name, words, first);
}
