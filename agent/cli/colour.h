/*
 * Colour, for people who look at a terminal and have not said NO_COLOR (no-color.org). Each member is the sequence
 * that begins it, or "" where there shall be none.
 */
#ifndef PAYI_CLI_COLOUR_H
#define PAYI_CLI_COLOUR_H

#include <stdio.h>

struct colour {
	const char *good;
	const char *warning;
	const char *bad;
	const char *heading;
	const char *faint;
	const char *chosen; /* the tab or column that is looked at */
	const char *end;    /* of each of them */
};

/* What --color says: auto looks at the terminal and the environment, the others have the last word. */
enum colour_when { COLOUR_AUTO, COLOUR_ALWAYS, COLOUR_NEVER };

/* The names are auto, always and never; -1 for another. */
int colour_when_of(const char *name);

/* What may be written to out; of auto: to a terminal that is not dumb, unless NO_COLOR is set or CLICOLOR is 0. */
const struct colour *colour_of(FILE *out, enum colour_when when);

#endif
