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
	const char *end; /* of each of them */
};

/* What may be written to out. */
const struct colour *colour_of(FILE *out);

#endif
