/*
 * A command's line as others need it: candidates for the shell's completion, or a page of the manual. All of it comes from
 * what --help is made of, so it is never another.
 *
 * An option's argument that is written "table|json|csv" is one of these words; FILE and DIR are paths.
 */
#ifndef PAYI_CLI_DESCRIBE_H
#define PAYI_CLI_DESCRIBE_H

struct argp_option;

struct describe {
	const char *command;   /* "payi-agent events" */
	const char *arguments; /* "[FILE...]", "sample|check|show"; NULL: none */
	const char *doc;       /* text before and behind a \v */
	const struct argp_option
		*options[3]; /* its own, of its output, of the settings; NULL: none */
};

/* The forms are those of the arguments that cli_parse() looks for: */
#define DESCRIBE_MANUAL "--describe=manual" /* mdoc(7) */
#define DESCRIBE_COMPLETE                                                                          \
	"--describe=complete" /* and two arguments: the word before the last, and the last */

/*
 * Where argv asks for a description, prints it to standard output and returns 1; else 0.
 */
int describe_if_asked(const struct describe *command, int argc, char **argv);

/*
 * Where argv has an option that the command does not know and that looks like one it knows, says so on standard error and returns 1;
 * else 0: argp says the rest.
 */
int describe_refuses(const struct describe *command, int argc, char **argv);

/* Prints those of the words, "list|show|drop", that begin as the last one does, a line each. */
void describe_words(const char *words, const char *last);

/* Prints text as roff has it: nothing of it is taken for a request or an escape. */
void describe_roff(const char *text);

/* Where the lines of "what: …" are that a manual page begins with. name: "payi-agent-events"; section: "1". */
void describe_page_head(const char *name, const char *section, const char *about);

#endif
