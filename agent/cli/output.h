/*
 * The options that say how a command's output looks, the same for every command: --format, --utc, --color.
 */
#ifndef PAYI_CLI_OUTPUT_H
#define PAYI_CLI_OUTPUT_H

#include "cli/format.h"

#include <argp.h>
#include <stdbool.h>

/* Of a command: what it offers, and what was chosen. Standard output is where all of it goes. */
struct output {
	bool has_times; /* there is --utc */
	struct format_options format;

	struct argp_option option[4]; /* for output_argp() */
};

/* Sets format to what standard output is, and returns the options' parser, whose input is the output. */
struct argp output_argp(struct output *output);

#endif
