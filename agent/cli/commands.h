/* The commands by name, and the words of those that have some: `payi-agent dead list`. */
#ifndef PAYI_CLI_COMMANDS_H
#define PAYI_CLI_COMMANDS_H

struct command {
	const char *name; /* NULL ends a list */
	const char *summary;
	int (*run)(int argc, char **argv);
};

/* In the order of `payi-agent help`. */
extern const struct command commands[];

/* NULL: there is none of this name. --version and --sql are other names for two of them. */
const struct command *command_find(const char *name);

/* Says that there is no such command, and what was meant perhaps. Returns CLI_USAGE. */
int command_refuse(const char *name);

/*
 * Runs the word that argv[1] names, with argv from there on; where that is an option, or there is none, the first. name is
 * that of the command they belong to. Returns the word's exit code, or CLI_USAGE after saying what there is.
 */
int command_word(const char *name, const struct command *words, int argc, char **argv);

#endif
