/*
 * Splits an input into JSON objects, one at a time, with the line each begins on: JSON Lines, an array however
 * it is laid out, or several of these one after the other. Memory is bounded by the largest object, not by
 * the input. What lies between objects and is neither white space, comma nor bracket is told of, and passed
 * over to the end of its line.
 */
#ifndef PAYI_CLI_TRACK_INPUT_H
#define PAYI_CLI_TRACK_INPUT_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TRACK_OBJECT_BYTES_MAX = 64 * 1024 * 1024 };

struct track_input {
	int fd;
	uint8_t *chunk;
	size_t at;
	size_t end;
	bool ended;
	int64_t line; /* of the next byte, from 1 */
	struct buf object;
};

enum track_found {
	TRACK_END,
	TRACK_OBJECT,  /* text and line are set */
	TRACK_GARBAGE, /* err says what; line is set; go on with the next call */
	TRACK_FAILED,  /* err says why it cannot be read on */
};

struct track_object {
	const char *text; /* valid until the next call */
	size_t len;
	int64_t line;
};

int track_input_open(struct track_input *input, int fd, struct err *err);
void track_input_close(struct track_input *input); /* not the descriptor */

enum track_found track_input_next(struct track_input *input, struct track_object *object,
				  struct err *err);

#endif
