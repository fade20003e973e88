#include "cli/describe.h"

#include "base/buf.h"
#include "cli/cli.h"
#include "cli/complete_names.h"
#include "payi/payi.h"

#include <argp.h>
#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { N_LISTS = 3, NAME_BYTES = 64 };

/* What is behind a tab is for the shell alone: these ask it for paths, others tell what a candidate is for. */
#define DESCRIBE_FILES "\tfiles"
#define DESCRIBE_DIRS  "\tdirs"

static bool is_shown(const struct argp_option *option)
{
	return option->name && !(option->flags & OPTION_HIDDEN);
}

static bool is_end(const struct argp_option *option)
{
	return !option->name && !option->key && !option->doc && !option->group;
}

/* ---- Completion ----------------------------------------------------------------------------------- */

static bool begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

void describe_words(const char *words, const char *last)
{
	while (*words) {
		const int len = (int)strcspn(words, "|");
		if (strncmp(words, last, strlen(last)) == 0 && (int)strlen(last) <= len)
			printf("%.*s\n", len, words);
		words += len + (words[len] == '|');
	}
}

/* What an argument may be, by how --help names it. */
static void complete_argument(const char *option, const char *argument, const char *last)
{
	if (!argument)
		return;
	complete_names(option, last);
	if (strchr(argument, '|'))
		describe_words(argument, last);
	else if (strstr(argument, "FILE"))
		puts(DESCRIBE_FILES);
	else if (strstr(argument, "DIR"))
		puts(DESCRIBE_DIRS);
}

/* The option that word is, "--format" or "--format=…"; NULL: none. */
static const struct argp_option *find(const struct describe *command, const char *word)
{
	const size_t len = strcspn(word, "=");
	if (!begins(word, "--") || len < 3)
		return NULL;
	for (int i = 0; i < N_LISTS; i++)
		for (const struct argp_option *option = command->options[i];
		     option && !is_end(option); option++)
			if (is_shown(option) && strlen(option->name) == len - 2 &&
			    strncmp(option->name, word + 2, len - 2) == 0)
				return option;
	return NULL;
}

/* argp has these of its own, and takes the beginning of a name for it where no other begins so. */
static bool is_known(const struct describe *command, const char *word)
{
	static const char *const own[] = {"--help", "--usage"};
	const size_t len = strcspn(word, "=");
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		if (strncmp(own[i], word, len) == 0)
			return true;
	for (int i = 0; i < N_LISTS; i++)
		for (const struct argp_option *option = command->options[i];
		     option && !is_end(option); option++)
			if (is_shown(option) && strncmp(option->name, word + 2, len - 2) == 0)
				return true;
	return false;
}

static int refuse(const struct describe *command, const char *word)
{
	char name[NAME_BYTES];
	struct buf names = BUF_INIT;
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(word + 2, "="), word + 2);
	for (int i = 0; i < N_LISTS; i++)
		for (const struct argp_option *option = command->options[i];
		     option && !is_end(option); option++)
			if (is_shown(option))
				buf_add(&names, option->name, strlen(option->name) + 1);
	buf_add_char(&names, '\0');
	const char *nearest = cli_nearest(name, buf_text(&names));
	if (nearest)
		fprintf(stderr, "%s: there is no option --%s; do you mean --%s?\n",
			command->command, name, nearest);
	buf_release(&names);
	return nearest != NULL;
}

int describe_refuses(const struct describe *command, int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
		const struct argp_option *option = find(command, argv[i]);
		if (option && option->arg && !(option->flags & OPTION_ARG_OPTIONAL) &&
		    !strchr(argv[i], '='))
			i++; /* its value, whatever that looks like */
		else if (!option && begins(argv[i], "--") && !is_known(command, argv[i]))
			return refuse(command, argv[i]);
	}
	return 0;
}

static void complete_options(const struct describe *command, const char *last)
{
	for (int i = 0; i < N_LISTS; i++)
		for (const struct argp_option *option = command->options[i];
		     option && !is_end(option); option++) {
			char name[NAME_BYTES];
			if (!is_shown(option))
				continue;
			snprintf(name, sizeof(name), "--%s", option->name);
			if (begins(name, last))
				printf("%s\t%.*s\n", name, (int)strcspn(option->doc, "\n"),
				       option->doc);
		}
	if (begins("--help", last))
		puts("--help\tthe command's options, with examples");
}

static void complete(const struct describe *command, const char *before, const char *last)
{
	const struct argp_option *option = find(command, before);
	if (option && option->arg && !(option->flags & OPTION_ARG_OPTIONAL) && !strchr(before, '='))
		complete_argument(option->name, option->arg, last);
	else if (*last == '-')
		complete_options(command, last);
	else
		complete_argument("", command->arguments, last);
}

/* ---- The manual ----------------------------------------------------------------------------------- */

/* Backslashes are doubled; a line that begins with a . or ' would be a request. */
void describe_roff(const char *text)
{
	bool at_start = true;
	for (; *text; text++) {
		if (at_start && (*text == '.' || *text == '\''))
			fputs("\\&", stdout);
		if (*text == '\\')
			fputs("\\e", stdout);
		else if (*text == '-' && text[1] == '-')
			fputs("\\-", stdout);
		else
			putchar(*text);
		at_start = *text == '\n';
	}
}

/* Sentences begin new lines, as roff likes it; empty lines are paragraphs. */
static void print_text(const char *text, size_t len)
{
	while (len && isspace((unsigned char)text[len - 1]))
		len--;
	const char *end = text + len;
	bool at_start = true;
	while (text < end) {
		const char *stop = text;
		while (stop < end && *stop != '\n' &&
		       !(*stop == '.' && stop + 1 < end && stop[1] == ' ' && stop + 2 < end &&
			 isupper((unsigned char)stop[2])))
			stop++;
		char line[1024];
		const size_t n = (size_t)(stop - text) + (stop < end && *stop == '.');
		snprintf(line, sizeof(line), "%.*s", (int)n, text);
		if (n == 0 && !at_start)
			puts(".Pp");
		describe_roff(line);
		if (n)
			putchar('\n');
		at_start = false;
		text = stop < end ? stop + 1 + (*stop == '.') : end;
	}
}

void describe_page_head(const char *name, const char *section, const char *about)
{
	char title[NAME_BYTES];
	snprintf(title, sizeof(title), "%s", name);
	for (char *c = title; *c; c++)
		*c = (char)toupper((unsigned char)*c);
	printf(".Dd %s\n.Dt %s %s\n.Os payi-agent %s\n.Sh NAME\n.Nm %s\n.Nd %s\n",
	       PAYI_VERSION_DATE, title, section, payi_version(), name, about);
}

static void print_option(const struct argp_option *option)
{
	const bool optional = option->flags & OPTION_ARG_OPTIONAL;
	printf(".It Fl \\-%s", option->name);
	if (option->arg && optional)
		printf(" Ns Op = Ns Ar %s", option->arg);
	else if (option->arg)
		printf(" Ar %s", option->arg);
	putchar('\n');
	print_text(option->doc ? option->doc : "", option->doc ? strlen(option->doc) : 0);
}

static void print_options(const struct argp_option *options)
{
	bool is_open = false;
	for (const struct argp_option *option = options; option && !is_end(option); option++) {
		if (!option->name && option->doc) {
			if (is_open)
				puts(".El");
			is_open = false;
			printf(".Ss %s\n", option->doc);
		} else if (is_shown(option)) {
			if (!is_open)
				puts(".Bl -tag -width Ds");
			is_open = true;
			print_option(option);
		}
	}
	if (is_open)
		puts(".El");
}

/* What follows the \v: sentences, and examples in lines of their own, indented by two. */
static void print_rest(const char *rest, bool is_page)
{
	const char *examples = strstr(rest, "Example");
	const char *begin = examples ? strpbrk(examples, ":") : NULL;
	if (!begin) {
		print_text(rest, strlen(rest));
		return;
	}
	print_text(rest, (size_t)(examples - rest));
	puts(is_page ? ".Sh EXAMPLES\n.Bd -literal" : ".Pp\nExamples:\n.Bd -literal");
	for (begin += 1; *begin == '\n' || *begin == ' '; begin++)
		;
	while (*begin) {
		const size_t n = strcspn(begin, "\n");
		char line[256];
		snprintf(line, sizeof(line), "%.*s\n", (int)n, begin);
		describe_roff(line);
		begin += n + (begin[n] == '\n');
		begin += strspn(begin, " ");
	}
	puts(".Ed");
}

static const char *about_of(const char *command)
{
	static const struct {
		const char *name;
		const char *about;
	} commands[] = {
#define X(function, name, summary) {"payi-agent " name, summary},
		CLI_COMMANDS(X)
#undef X
	};
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(commands[i].name, command) == 0)
			return commands[i].about;
	return NULL;
}

/* Of a word of a command (dead list): a section of that command's page, which has no head of its own. */
static void print_section_head(const char *command)
{
	fputs(".Sh ", stdout);
	for (const char *c = command + strlen("payi-agent "); *c; c++)
		putchar(toupper((unsigned char)*c));
	putchar('\n');
}

static void print_command_head(const char *command, const char *about)
{
	char name[NAME_BYTES];
	snprintf(name, sizeof(name), "%s", command);
	for (char *c = name; *c; c++)
		*c = *c == ' ' ? '-' : *c;
	describe_page_head(name, "1", about);
	puts(".Sh SYNOPSIS");
}

static void print_head(const struct describe *command, size_t doc_len)
{
	const char *about = about_of(command->command);
	if (about)
		print_command_head(command->command, about);
	else
		print_section_head(command->command);
	printf(".Nm %s\n.Op Ar option ...\n", command->command);
	if (command->arguments)
		printf(".Ar %s\n", command->arguments);
	puts(about ? ".Sh DESCRIPTION" : ".Pp");
	print_text(command->doc, doc_len);
}

static void print_manual(const struct describe *command)
{
	const char *rest = strchr(command->doc, '\v');
	const bool is_page = about_of(command->command) != NULL;
	print_head(command, rest ? (size_t)(rest - command->doc) : strlen(command->doc));
	if (is_page)
		puts(".Sh OPTIONS");
	for (int i = 0; i < N_LISTS; i++)
		print_options(command->options[i]);
	if (rest)
		print_rest(rest + 1, is_page);
	if (is_page)
		puts(".Sh SEE ALSO\n.Xr payi-agent 1 ,\n.Xr payi-agent.conf 5 ,\n.Xr "
		     "payi-agent-views 7");
}

/* ---- Asked ---------------------------------------------------------------------------------------- */

int describe_if_asked(const struct describe *command, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], DESCRIBE_MANUAL) == 0) {
			print_manual(command);
			return 1;
		}
		if (strcmp(argv[i], DESCRIBE_COMPLETE) == 0 && i + 2 < argc) {
			complete(command, argv[i + 1], argv[i + 2]);
			return 1;
		}
	}
	return 0;
}
