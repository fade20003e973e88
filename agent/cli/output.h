/*
 * The options that say how a command's output looks, the same for every command: --format, --utc, --color.
 */
#ifndef PAYI_CLI_OUTPUT_H
#define PAYI_CLI_OUTPUT_H

#include "cli/format.h"

#include <argp.h>
#include <stdbool.h>

enum {
	OUTPUT_TABLE = 1 << FORMAT_TABLE,
	OUTPUT_JSON = 1 << FORMAT_JSON,
	OUTPUT_JSONL = 1 << FORMAT_JSONL,
	OUTPUT_CSV = 1 << FORMAT_CSV,
	OUTPUT_ALL = OUTPUT_TABLE | OUTPUT_JSON | OUTPUT_JSONL | OUTPUT_CSV,
};

/* Of a command: what it offers, and what was chosen. Standard output is where all of it goes. */
struct output {
	unsigned formats; /* what --format takes; 0: there is no --format */
	bool has_times;   /* there is --utc */
	struct format_options format;

	struct argp_option option[4]; /* these and what follows: for output_argp() */
	char formats_text[32];
};

/* Sets format to what standard output is, and returns the options' parser, whose input is the output. */
struct argp output_argp(struct output *output);

#endif
