/* JSON for `payi-agent track`: objects, told apart, and each an event or an error. */
#define _GNU_SOURCE /* memfd_create() */
#include "cli/track_input.h"
#include "cli/track_json.h"
#include "fuzz/fuzz.h"
#include "fuzz/one_file.h"

#include <string.h>

static void read_object(const struct track_object *object)
{
	struct track_json *json = NULL;
	payi_event event = PAYI_EVENT_INIT;
	struct err err = {0};
	if (track_json_read(object->text, object->len, &json, &event, &err))
		fuzz_must(strlen(err.text) > 0);
	track_json_free(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct track_input input;
	struct track_object object = {0};
	struct err err;
	int64_t line = 0;
	fuzz_must(track_input_open(&input, one_file(data, size), &err) == 0);
	enum track_found found = TRACK_END;
	/* Each call takes a byte at least: it ends. */
	for (size_t i = 0; i <= size + 1; i++) {
		found = track_input_next(&input, &object, &err);
		if (found == TRACK_END || found == TRACK_FAILED)
			break;
		if (found ==
		    TRACK_GARBAGE) /* of an array that is not closed: the line it begins on */
			continue;
		fuzz_must(object.line >= line);
		line = object.line;
		read_object(&object);
	}
	fuzz_must(found == TRACK_END || found == TRACK_FAILED);
	track_input_close(&input);
	return 0;
}
