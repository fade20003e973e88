/*
 * Splits an input into JSON objects, one at a time, with the line each begins on: JSON Lines, an array however
 * it is laid out, or several of these one after the other. Memory is bounded by the largest object, not by
 * the input. One thread.
 *
 * What is broken costs no more than itself. Something between objects that is none is told of and passed over: to the
 * next comma or bracket within an array that holds objects, else to the end of its line. Behind an
 * object that is not closed the search goes on right after its first byte, for a brace that begins a line and is
 * indented no deeper, or one that follows a closing brace: so an event is not lost to the one before it.
 */
#ifndef PAYI_CLI_TRACK_INPUT_H
#define PAYI_CLI_TRACK_INPUT_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	TRACK_OBJECT_BYTES_MAX = 64 * 1024 * 1024,
	TRACK_DEPTH_MAX = 64, /* of braces and brackets within an object */
};

struct track_input {
	int fd;
	struct buf window; /* what was read; before `at` it may be forgotten */
	size_t at;
	bool ended;

	/* Of the byte at `at`. */
	int64_t line;       /* from 1 */
	int64_t column;     /* bytes before it on its line */
	int64_t n_on_line;  /* objects that began on last_line */
	int64_t last_line;  /* the line of the last object */
	int64_t array_line; /* where the outermost open array begins */
	int64_t open_arrays;
	bool array_has_objects;

	bool lost;           /* behind the first byte of an object that is not closed */
	int64_t lost_column; /* where that was */
	bool shaken;         /* lost once: brackets do not add up any more */
};

enum track_found {
	TRACK_END,
	TRACK_OBJECT, /* the object is set */
	TRACK_GARBAGE, /* err says what; the object's line and number are set; go on with the next call */
	TRACK_FAILED, /* err says why it cannot be read on */
};

struct track_object {
	const char *text; /* valid until the next call */
	size_t len;
	int64_t line;
	int64_t number; /* of the objects that begin on this line, from 1 */
};

int track_input_open(struct track_input *input, int fd, struct err *err); /* ERR_MEMORY */
void track_input_close(struct track_input *input);                        /* not the descriptor */

enum track_found track_input_next(struct track_input *input, struct track_object *object,
				  struct err *err);

#endif
