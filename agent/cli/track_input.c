#include "cli/track_input.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { CHUNK_BYTES = 64 * 1024 /* what a pipe holds */ };

/* What peek() answers beside bytes. */
enum { AT_END = -1, CANNOT_READ = -2 };

int track_input_open(struct track_input *input, int fd, struct err *err)
{
	*input = (struct track_input){.fd = fd, .line = 1};
	return buf_reserve(&input->window, CHUNK_BYTES) ? 0
							: err_set(err, ERR_MEMORY, "out of memory");
}

void track_input_close(struct track_input *input)
{
	buf_release(&input->window);
}

/* ---- The window ----------------------------------------------------------------------------------- */

/* Reads on, into the room of what has been passed over. 1; 0 at the end; -1 when it cannot be. */
static int read_on(struct track_input *input, struct err *err)
{
	struct buf *window = &input->window;
	if (input->ended)
		return 0;
	if (input->at) {
		window->len -= input->at;
		memmove(window->data, window->data + input->at, window->len);
		input->at = 0;
	}
	uint8_t *to = buf_reserve(window, CHUNK_BYTES);
	if (!to) {
		err_set(err, ERR_MEMORY, "out of memory");
		return -1;
	}
	ssize_t n;
	do
		n = read(input->fd, to, CHUNK_BYTES);
	while (n < 0 && errno == EINTR);
	if (n < 0) {
		err_errno(err, "cannot read the input");
		return -1;
	}
	input->ended = n == 0;
	window->len += (size_t)n;
	return n > 0;
}

/* The byte that is offset bytes ahead, without taking any; or AT_END or CANNOT_READ. */
static int peek(struct track_input *input, size_t offset, struct err *err)
{
	while (input->at + offset >= input->window.len) {
		const int more = read_on(input, err);
		if (more <= 0)
			return more ? CANNOT_READ : AT_END;
	}
	return input->window.data[input->at + offset];
}

/* Passes over n bytes that peek() has seen. */
static void take(struct track_input *input, size_t n)
{
	const uint8_t *byte = input->window.data + input->at;
	for (const uint8_t *end = byte + n; byte < end; byte++) {
		input->column++;
		if (*byte == '\n') {
			input->line++;
			input->column = 0;
		}
	}
	input->at += n;
}

/* ---- One object ----------------------------------------------------------------------------------- */

/*
 * Where we are within an object. A brace or bracket is accepted only where JSON allows one, so that an object
 * that is not closed is noticed where the next one begins, however the input is laid out.
 */
struct scan {
	uint64_t arrays; /* the levels around us, the innermost in bit 0: 1 for an array */
	int depth;
	int last; /* the last byte that is no white space, outside of strings */
	bool in_string;
	bool escaped;
};

static const char not_closed[] =
	"the object is not closed: a quote, a brace or a bracket is missing";

static const char *step_in_string(struct scan *scan, int byte)
{
	if (byte == '\n')
		return not_closed; /* JSON strings hold no line breaks */
	if (scan->escaped)
		scan->escaped = false;
	else if (byte == '\\')
		scan->escaped = true;
	else if (byte == '"')
		scan->in_string = false;
	return NULL;
}

static const char *step_in(struct scan *scan, int byte)
{
	const bool in_array = scan->arrays & 1;
	if (scan->depth && scan->last != ':' && scan->last != '[' &&
	    !(scan->last == ',' && in_array))
		return not_closed;
	if (scan->depth == TRACK_DEPTH_MAX)
		return "the object is nested deeper than 64 levels";
	scan->arrays = scan->arrays << 1 | (byte == '[');
	scan->depth++;
	return NULL;
}

static const char *step_out(struct scan *scan, int byte)
{
	if ((scan->arrays & 1) != (byte == ']'))
		return not_closed;
	scan->arrays >>= 1;
	scan->depth--;
	return NULL;
}

/* Moves the scan over a byte. Returns why the object cannot go on with it, or NULL. */
static const char *step(struct scan *scan, int byte)
{
	if (scan->in_string)
		return step_in_string(scan, byte);
	const char *wrong = NULL;
	switch (byte) {
	case ' ':
	case '\t':
	case '\r':
	case '\n':
		return NULL;
	case '"':
		scan->in_string = true;
		break;
	case '{':
	case '[':
		wrong = step_in(scan, byte);
		break;
	case '}':
	case ']':
		wrong = step_out(scan, byte);
		break;
	default:
		break;
	}
	scan->last = byte;
	return wrong;
}

/* The object that begins at the next byte stays in the window until the call after this one. */
static enum track_found read_object(struct track_input *input, struct track_object *object,
				    struct err *err)
{
	struct scan scan = {0};
	const char *wrong = NULL;
	size_t len = 0;
	do {
		const int byte = peek(input, len, err);
		if (byte == CANNOT_READ)
			return TRACK_FAILED;
		if (byte == AT_END)
			wrong = "the input ends in the middle of an object";
		else if (len++ == TRACK_OBJECT_BYTES_MAX)
			wrong = "the object is larger than 64 MiB";
		else
			wrong = step(&scan, byte);
	} while (!wrong && scan.depth > 0);
	if (wrong) {
		input->lost = true;
		input->shaken = true;
		input->lost_column = input->column;
		take(input, 1);
		err_set(err, ERR_INVALID, "%s", wrong);
		return TRACK_GARBAGE;
	}
	object->text = (const char *)input->window.data + input->at;
	object->len = len;
	take(input, len);
	input->array_has_objects = true;
	return TRACK_OBJECT;
}

/* ---- Between objects ------------------------------------------------------------------------------ */

static bool is_space(int byte)
{
	return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

/* What some programs put before UTF-8 text. */
static void skip_byte_order_mark(struct track_input *input, struct err *err)
{
	if (peek(input, 0, err) == 0xef && peek(input, 1, err) == 0xbb &&
	    peek(input, 2, err) == 0xbf) {
		take(input, 3);
		input->column = 0;
	}
}

static void count_bracket(struct track_input *input, int byte)
{
	if (byte == '[' && input->open_arrays++ == 0) {
		input->array_line = input->line;
		input->array_has_objects = false;
	}
	if (byte == ']' && input->open_arrays > 0)
		input->open_arrays--;
}

/* Takes what may lie between objects. Returns the next byte, which peek() still has. */
static int skip_to_object(struct track_input *input, struct err *err)
{
	int byte;
	if (input->line == 1 && input->column == 0)
		skip_byte_order_mark(input, err);
	while ((byte = peek(input, 0, err)) >= 0) {
		if (!is_space(byte) && byte != ',' && byte != '[' && byte != ']')
			break;
		count_bracket(input, byte);
		take(input, 1);
	}
	return byte;
}

/* After an object that was not closed: takes what lies before the next brace that may begin one. */
static int find_footing(struct track_input *input, struct err *err)
{
	bool begins_line = false;
	int last = '{';
	int byte;
	while ((byte = peek(input, 0, err)) >= 0) {
		if (byte == '{' &&
		    (last == '}' || (begins_line && input->column <= input->lost_column)))
			break;
		if (byte == '\n')
			begins_line = true;
		if (!is_space(byte)) {
			begins_line = false;
			last = byte == ',' && last == '}' ? '}' : byte;
		}
		take(input, 1);
	}
	input->lost = false;
	return byte;
}

/* Takes something that is no object: an array's item, or the rest of the line. */
static enum track_found pass_over(struct track_input *input, struct err *err)
{
	const bool in_array = input->open_arrays > 0 && input->array_has_objects;
	bool in_string = false;
	int byte;
	while ((byte = peek(input, 0, err)) >= 0 && byte != '\n') {
		if (in_array && !in_string && (byte == ',' || byte == ']'))
			break;
		in_string ^= byte == '"';
		take(input, 1);
	}
	if (byte == CANNOT_READ)
		return TRACK_FAILED;
	if (!in_array)
		input->open_arrays = 0; /* a bracket in front of it was no array's */
	err_set(err, ERR_INVALID, "there is something that is no JSON object");
	return TRACK_GARBAGE;
}

static enum track_found end(struct track_input *input, struct track_object *object, struct err *err)
{
	if (input->open_arrays == 0 || input->shaken)
		return TRACK_END;
	input->open_arrays = 0;
	object->line = input->array_line;
	object->number = 1;
	err_set(err, ERR_INVALID,
		"the array that begins here is not closed; the input may have been cut off");
	return TRACK_GARBAGE;
}

enum track_found track_input_next(struct track_input *input, struct track_object *object,
				  struct err *err)
{
	if (input->lost && find_footing(input, err) == CANNOT_READ)
		return TRACK_FAILED;
	const int byte = skip_to_object(input, err);
	if (byte == CANNOT_READ)
		return TRACK_FAILED;
	if (byte == AT_END)
		return end(input, object, err);
	input->n_on_line = input->line == input->last_line ? input->n_on_line + 1 : 1;
	input->last_line = input->line;
	object->line = input->line;
	object->number = input->n_on_line;
	return byte == '{' ? read_object(input, object, err) : pass_over(input, err);
}
