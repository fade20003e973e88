#include "cli/track_input.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CHUNK_BYTES = 256 * 1024 };

int track_input_open(struct track_input *input, int fd, struct err *err)
{
	*input = (struct track_input){.fd = fd, .line = 1, .chunk = malloc(CHUNK_BYTES)};
	return input->chunk ? 0 : err_set(err, ERR_MEMORY, "out of memory");
}

void track_input_close(struct track_input *input)
{
	free(input->chunk);
	buf_release(&input->object);
}

/* The next byte without taking it; -1 at the end, -2 when reading fails. */
static int peek(struct track_input *input, struct err *err)
{
	while (input->at == input->end && !input->ended) {
		const ssize_t n = read(input->fd, input->chunk, CHUNK_BYTES);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			err_errno(err, "cannot read the input");
			return -2;
		}
		input->ended = n == 0;
		input->at = 0;
		input->end = (size_t)n;
	}
	return input->at == input->end ? -1 : input->chunk[input->at];
}

static void take(struct track_input *input)
{
	if (input->chunk[input->at++] == '\n')
		input->line++;
}

static int skip_line(struct track_input *input, struct err *err)
{
	int byte;
	while ((byte = peek(input, err)) >= 0 && byte != '\n')
		take(input);
	return byte;
}

static enum track_found garbage(struct track_input *input, struct err *err, const char *what)
{
	if (skip_line(input, err) == -2)
		return TRACK_FAILED;
	err_set(err, ERR_INVALID, "%s", what);
	return TRACK_GARBAGE;
}

/* Where we are within an object. */
struct scan {
	int depth;
	bool in_string;
	bool escaped;
	bool at_line_start;
};

/* Moves the scan over a byte. False: the object cannot go on here. */
static bool step(struct scan *scan, int byte)
{
	if (scan->in_string) {
		if (byte == '\n')
			return false; /* no JSON string holds one: a quote is missing */
		if (scan->escaped)
			scan->escaped = false;
		else if (byte == '\\')
			scan->escaped = true;
		else if (byte == '"')
			scan->in_string = false;
	} else if (byte == '"') {
		scan->in_string = true;
	} else if (byte == '{' || byte == '[') {
		/* JSON Lines begin with a brace; nested objects are indented, or on the line of their key. */
		if (byte == '{' && scan->at_line_start && scan->depth > 0)
			return false;
		scan->depth++;
	} else if (byte == '}' || byte == ']') {
		scan->depth--;
	}
	scan->at_line_start = byte == '\n';
	return true;
}

/* Takes what lies before an object. Returns '{', -1 or -2, or another byte that has no business there. */
static int skip_to_object(struct track_input *input, struct err *err)
{
	int byte;
	while ((byte = peek(input, err)) >= 0 && byte && strchr(" \t\r\n,[]", byte))
		take(input);
	return byte;
}

/* The bytes of the object that begins at the next byte, in pieces as long as what has been read. */
static enum track_found read_object(struct track_input *input, struct track_object *object,
				    struct err *err)
{
	struct scan scan = {0};
	buf_clear(&input->object);
	do {
		const int byte = peek(input, err);
		if (byte == -2)
			return TRACK_FAILED;
		if (byte == -1) {
			err_set(err, ERR_INVALID, "the input ends in the middle of an object");
			return TRACK_GARBAGE;
		}
		if (!step(&scan, byte)) {
			err_set(err, ERR_INVALID,
				"the object is not closed: a quote or a brace is missing");
			return TRACK_GARBAGE;
		}
		if (input->object.len >= TRACK_OBJECT_BYTES_MAX)
			return garbage(input, err, "the object is larger than 64 MiB");
		buf_add_char(&input->object, (char)byte);
		take(input);
	} while (scan.depth > 0);
	if (input->object.failed) {
		err_set(err, ERR_MEMORY, "out of memory");
		return TRACK_FAILED;
	}
	object->text = (const char *)input->object.data;
	object->len = input->object.len;
	return TRACK_OBJECT;
}

enum track_found track_input_next(struct track_input *input, struct track_object *object,
				  struct err *err)
{
	const int byte = skip_to_object(input, err);
	object->line = input->line;
	if (byte == -1)
		return TRACK_END;
	if (byte == -2)
		return TRACK_FAILED;
	if (byte != '{')
		return garbage(input, err, "there is something that is no JSON object");
	return read_object(input, object, err);
}
