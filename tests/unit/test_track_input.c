/*
 * Objects out of any input: the same ones on the same lines, however the input is laid out and in whatever
 * pieces it comes; what is broken costs no more than itself. (The plain cases are in test_track.c.)
 */
#include "cli/track_input.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- An input that comes in pieces ---------------------------------------------------------------- */

/* Random, and the same in each run. */
static uint32_t below(uint64_t *state, uint32_t n)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*state >> 33) % n;
}

/* Each packet of a SOCK_SEQPACKET socket is one read(): so the pieces are exactly these. */
struct sender {
	int fd;
	const char *text;
	size_t len;
	size_t piece_max; /* each is 1 to this many bytes */
	uint64_t seed;
};

static void *send_all(void *context)
{
	struct sender *sender = context;
	for (size_t at = 0, n; at < sender->len; at += n) {
		n = 1 + below(&sender->seed, (uint32_t)sender->piece_max);
		n = n < sender->len - at ? n : sender->len - at;
		if (send(sender->fd, sender->text + at, n, MSG_NOSIGNAL) < 0)
			break;
	}
	close(sender->fd);
	return NULL;
}

static pthread_t start_sender(struct sender *sender, int *fd)
{
	int ends[2];
	pthread_t thread;
	cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
	*fd = ends[0];
	sender->fd = ends[1];
	cr_assert_eq(pthread_create(&thread, NULL, send_all, sender), 0);
	return thread;
}

/* What an input gives, one to a line: "line 3.2: text" for the second object on line 3, "line 5.1! why". */
static char *split_fd(int fd, size_t *window)
{
	char *result = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&result, &len);
	struct track_input input;
	struct track_object object;
	struct err err;
	cr_assert_eq(track_input_open(&input, fd, &err), 0);
	enum track_found found;
	while ((found = track_input_next(&input, &object, &err)) != TRACK_END) {
		cr_assert_neq(found, TRACK_FAILED, "%s", err.text);
		const bool good = found == TRACK_OBJECT;
		fprintf(out, "line %d.%d%c %.*s\n", (int)object.line, (int)object.number,
			good ? ':' : '!', good ? (int)object.len : ERR_TEXT_BYTES,
			good ? object.text : err.text);
	}
	fclose(out);
	if (window)
		*window = input.window.capacity;
	track_input_close(&input);
	return result;
}

static char *split(const char *text, size_t len, size_t piece_max, uint64_t seed)
{
	struct sender sender = {.text = text, .len = len, .piece_max = piece_max, .seed = seed};
	int fd;
	const pthread_t thread = start_sender(&sender, &fd);
	char *result = split_fd(fd, NULL);
	pthread_join(thread, NULL);
	close(fd);
	return result;
}

static void gives(const char *text, const char *expected)
{
	char *result = split(text, strlen(text), 1 << 12, 1);
	cr_assert_str_eq(result, expected, "%s\ngives\n%s", text, result);
	free(result);
}

/* ---- Any pieces, any layout ----------------------------------------------------------------------- */

static void check_pieces(const char *text, size_t len, uint64_t seed)
{
	static const size_t pieces[] = {1, 3, 64};
	char *whole = split(text, len, 1 << 16, seed);
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		char *parts = split(text, len, pieces[i], seed);
		cr_assert_str_eq(parts, whole, "seed %d, pieces of up to %zu bytes: %.*s",
				 (int)seed, pieces[i], (int)len, text);
		free(parts);
	}
	free(whole);
}

/* Whatever the bytes are, the pieces they come in make no difference; and each input has an end. */
Test(track_pieces, make_no_difference_to_any_bytes)
{
	static const char alphabet[] = "{}{}[]\"\":,,\\\n\n a1";
	for (uint64_t seed = 1; seed <= 150; seed++) {
		char text[300];
		uint64_t state = seed;
		const size_t len = 1 + below(&state, sizeof(text) - 1);
		for (size_t i = 0; i < len; i++)
			text[i] = alphabet[below(&state, sizeof(alphabet) - 1)];
		check_pieces(text, len, seed);
	}
}

/* An input made of objects that are known, and what it must give. */
struct made {
	FILE *text;
	FILE *expected;
	uint64_t state;
	int line;
	int number;
	int number_line;
};

static void put(struct made *made, const char *text)
{
	for (const char *at = text; *at; at++)
		made->line += *at == '\n';
	fputs(text, made->text);
}

/* One of the ways to lay out an event that is valid JSON. */
static void put_object(struct made *made)
{
	static const char *const objects[] = {
		"{}",
		"{\"a\":1}",
		"{\"a\": \"}]{[\\\"\\\\\", \"b\": [[], {}, {\"c\": [1, {\"d\": null}]}]}",
		"{\n\"h\": [\n{\n\"name\": \"x\"\n},\n{\n\"name\": \"y\"\n}\n],\n\"u\": {\n\"t\": "
		"{}\n}\n}",
		"{\n  \"h\": [\n    {\"name\": \"x\"},\n    {\"name\": \"y\"}\n  ]\n}",
		"{\r\n\t\"u\":\r\n\t{\r\n\t\t\"t\":\r\n\t\t{\r\n\t\t}\r\n\t}\r\n}",
		"{\"text\":\"line\\nbreak \xc3\xa9 \xf0\x9f\x98\x80 \\u007b\"}",
	};
	const char *object = objects[below(&made->state, sizeof(objects) / sizeof(objects[0]))];
	made->number = made->line == made->number_line ? made->number + 1 : 1;
	made->number_line = made->line;
	fprintf(made->expected, "line %d.%d: %s\n", made->line, made->number, object);
	put(made, object);
}

static void put_objects(struct made *made)
{
	static const char *const between[] = {"\n",      "\n", ",\n",  ", ",
					      ",\n    ", "",   "\r\n", "\n\n\n,"};
	const char *separator = between[below(&made->state, sizeof(between) / sizeof(between[0]))];
	const bool array = below(&made->state, 2) == 0;
	if (array)
		put(made, below(&made->state, 2) ? "[" : "[\n  ");
	for (uint32_t i = below(&made->state, 6); i > 0; i--) {
		put_object(made);
		put(made, separator);
	}
	if (array)
		put(made, "]");
	put(made, below(&made->state, 2) ? "\n" : "");
}

Test(track_layout, makes_no_difference_to_valid_json)
{
	for (uint64_t seed = 1; seed <= 300; seed++) {
		char *text, *expected;
		size_t len, expected_len;
		struct made made = {.state = seed, .line = 1};
		made.text = open_memstream(&text, &len);
		made.expected = open_memstream(&expected, &expected_len);
		for (uint32_t i = 1 + below(&made.state, 3); i > 0; i--)
			put_objects(&made);
		fclose(made.text);
		fclose(made.expected);
		char *result = split(text, len, 1 + below(&made.state, 200), seed);
		cr_assert_str_eq(result, expected, "seed %d: %s\ngives\n%s", (int)seed, text,
				 result);
		free(result);
		free(expected);
		free(text);
	}
}

Test(track_layout, may_begin_with_a_byte_order_mark)
{
	gives("\xef\xbb\xbf{\"a\":1}\n{\"b\":2}", "line 1.1: {\"a\":1}\nline 2.1: {\"b\":2}\n");
}

/* ---- What is broken ------------------------------------------------------------------------------- */

#define NO_OBJECT  "! there is something that is no JSON object\n"
#define NOT_CLOSED "! the object is not closed: a quote, a brace or a bracket is missing\n"
#define CUT        "! the input ends in the middle of an object\n"

/* A line that lost its end, at any byte, takes no other line along. */
Test(track_broken, a_line_cut_anywhere_costs_only_itself)
{
	static const char line[] =
		"{\"a\":\"x\\\"\",\"u\":{\"t\":{\"input\":1}},\"h\":[{\"name\":\"n\"}],"
		"\"l\":[\"1\"]}";
	for (size_t cut = 1; cut < strlen(line); cut++) {
		char text[256];
		snprintf(text, sizeof(text), "%.*s\n{\"b\":2}\n{\"c\":3}\n", (int)cut, line);
		gives(text, "line 1.1" NOT_CLOSED "line 2.1: {\"b\":2}\nline 3.1: {\"c\":3}\n");
	}
}

/* Likewise where each object has many lines, and is told of once. */
Test(track_broken, an_object_of_many_lines_costs_only_itself)
{
	gives("[\n  {\n    \"a\": \"x,\n    \"u\": {\n      \"t\": {}\n    }\n  },\n  {\"b\": "
	      "2}\n]\n",
	      "line 2.1" NOT_CLOSED "line 8.1: {\"b\": 2}\n");
	gives("[\n  {\n    \"u\": {\n      \"t\": {}\n  },\n  {\"b\": 2}\n]\n",
	      "line 2.1" NOT_CLOSED "line 6.1: {\"b\": 2}\n");
	gives("{\n  \"a\": 1\n{\n  \"b\": 2\n}\n",
	      "line 1.1" NOT_CLOSED "line 3.1: {\n  \"b\": 2\n}\n");
}

/* What is indented deeper is a part of the broken object, and no event. */
Test(track_broken, parts_of_an_object_are_not_taken_for_events)
{
	gives("[\n  {\n    \"a\": \"x,\n    \"h\": [\n      {\"name\": \"n\"}\n    ]\n  },\n  "
	      "{\"b\": 2}\n]\n",
	      "line 2.1" NOT_CLOSED "line 8.1: {\"b\": 2}\n");
}

/* Where braces would add up, but not as JSON has them. */
Test(track_broken, an_event_is_not_swallowed_by_the_one_before_it)
{
	gives("{\"a\":1,\n{\"b\":2}}\n{\"c\":3}\n",
	      "line 1.1" NOT_CLOSED "line 2.1: {\"b\":2}\nline 2.2" NO_OBJECT
	      "line 3.1: {\"c\":3}\n");
	gives("{\"a\":[1}]}\n{\"b\":2}\n", "line 1.1" NOT_CLOSED "line 2.1: {\"b\":2}\n");
}

Test(track_broken, an_object_in_an_array_on_one_line_costs_only_itself)
{
	gives("[{\"a\":[1},{\"b\":2},{\"c\":3}]",
	      "line 1.1" NOT_CLOSED "line 1.2: {\"b\":2}\nline 1.3: {\"c\":3}\n");
	gives("[{\"a\":{},{\"b\":2},{\"c\":3}]",
	      "line 1.1" NOT_CLOSED "line 1.2: {\"b\":2}\nline 1.3: {\"c\":3}\n");
}

Test(track_broken, an_item_of_an_array_that_is_no_object_costs_only_itself)
{
	gives("[{\"a\":1}, 5, \"x, y]\", null,{\"b\":2}]\n{\"c\":3}",
	      "line 1.1: {\"a\":1}\nline 1.2" NO_OBJECT "line 1.3" NO_OBJECT "line 1.4" NO_OBJECT
	      "line 1.5: {\"b\":2}\nline 2.1: {\"c\":3}\n");
}

/* What is in such a line is not guessed at. */
Test(track_broken, a_line_with_something_else_in_front_is_passed_over)
{
	gives("[{\"a\":1}]\n[INFO] {\"b\":2}, {\"c\":3}\n{\"d\":4}",
	      "line 1.1: {\"a\":1}\nline 2.1" NO_OBJECT "line 3.1: {\"d\":4}\n");
	gives("[INFO] {\"a\":1}\n[12:00] {\"b\":2}, {\"c\":3}\nx {\"d\":4}\n{\"e\":5}",
	      "line 1.1" NO_OBJECT "line 2.1" NO_OBJECT "line 3.1" NO_OBJECT
	      "line 4.1: {\"e\":5}\n");
}

Test(track_broken, the_end_is_told_when_it_is_none)
{
	gives("{\"a\":1}\n{\"b\":\"", "line 1.1: {\"a\":1}\nline 2.1" CUT);
	gives("{\"a\":1}\n{", "line 1.1: {\"a\":1}\nline 2.1" CUT);
	gives("\n[{\"a\":1},\n{\"b\":2},\n", "line 2.1: {\"a\":1}\nline 3.1: {\"b\":2}\n"
					     "line 2.1! the array that begins here is not closed; "
					     "the input may have been cut off\n");
}

/* The bracket went the way of the object: that is told already. */
Test(track_broken, one_fault_is_told_once)
{
	gives("[\n{\"a\":1},\n{\"b\":\"x\n]\n", "line 2.1: {\"a\":1}\nline 3.1" NOT_CLOSED);
}

Test(track_broken, a_file_that_cannot_be_read_is_an_error)
{
	struct track_input input;
	struct track_object object;
	struct err err;
	const int fd = open("/", O_RDONLY);
	cr_assert_eq(track_input_open(&input, fd, &err), 0);
	cr_assert_eq(track_input_next(&input, &object, &err), TRACK_FAILED);
	cr_assert(strstr(err.text, "cannot read the input: Is a directory"), "%s", err.text);
	track_input_close(&input);
	close(fd);
}

/* ---- Bounds --------------------------------------------------------------------------------------- */

static void check_depth(int depth, bool good)
{
	char text[4 * TRACK_DEPTH_MAX + 32] = "{\"a\":";
	size_t len = strlen(text);
	for (int i = 1; i < depth; i++)
		text[len++] = '[';
	for (int i = 1; i < depth; i++)
		text[len++] = ']';
	text[len++] = '}';
	char *result = split(text, len, 100, 1);
	cr_assert_eq(strncmp(result, "line 1.1: {", 11) == 0, good, "depth %d: %s", depth, result);
	cr_assert_eq(strstr(result, "deeper than 64") == NULL, good, "depth %d: %s", depth, result);
	free(result);
}

Test(track_bounds, depth)
{
	check_depth(TRACK_DEPTH_MAX, true);
	check_depth(TRACK_DEPTH_MAX + 1, false);
}

/* Each line opens two levels and closes none: each is told, none is scanned to the end of the input. */
Test(track_bounds, an_input_that_only_opens_takes_no_longer_than_its_length)
{
	enum { LINES = 50000 };
	char *text, *result;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	for (int i = 0; i < LINES; i++)
		fputs("{\"a\":[\n", out);
	fclose(out);
	result = split(text, len, 1 << 16, 1);
	int told = 0;
	for (const char *at = result; (at = strstr(at, "! the ")); at++)
		told++;
	cr_assert_eq(told, LINES);
	free(result);
	free(text);
}

Test(track_bounds, size_of_an_object)
{
	static const char tail[] = "\"}\n{\"b\":1}\n";
	const size_t len = TRACK_OBJECT_BYTES_MAX + sizeof(tail);
	char *text = malloc(len);
	cr_assert(text);
	memset(text, 'x', len);
	memcpy(text, "{\"a\":\"", 6);
	memcpy(text + len - sizeof(tail), tail, sizeof(tail));
	char *result = split(text, len - 1, 1 << 16, 1);
	cr_assert_str_eq(result,
			 "line 1.1! the object is larger than 64 MiB\nline 2.1: {\"b\":1}\n");
	free(result);
	free(text);
}

/* 30 MB of objects in an array on one line, in the memory of a few chunks. */
Test(track_bounds, memory_does_not_grow_with_the_input)
{
	enum { OBJECTS = 300000, OBJECT_BYTES = 100 };
	const size_t len = (size_t)OBJECTS * OBJECT_BYTES;
	char *text = malloc(len + 1);
	cr_assert(text);
	for (size_t i = 0; i < OBJECTS; i++) {
		char *object = text + i * OBJECT_BYTES;
		memset(object, ' ', OBJECT_BYTES);
		memcpy(object, i ? ",{\"a\":1}" : "[{\"a\":1}", 8);
	}
	text[len] = ']';
	struct sender sender = {.text = text, .len = len + 1, .piece_max = 1 << 16, .seed = 1};
	size_t window = 0;
	int fd;
	const pthread_t thread = start_sender(&sender, &fd);
	char *result = split_fd(fd, &window);
	pthread_join(thread, NULL);
	close(fd);
	cr_assert(strstr(result, "line 1.300000: {\"a\":1}\n"));
	cr_assert_not(strstr(result, "!"));
	cr_assert_leq(window, 1024 * 1024);
	free(result);
	free(text);
}
