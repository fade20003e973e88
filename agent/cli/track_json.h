/*
 * One JSON object as an event: the fields of Pay-i's bulk ingest item, and what its Python SDK writes when it
 * works offline (resource_scope for scope, limit_ids as one string with commas, property values that are no
 * strings). null means absent. A number must be whole where the field is (1.0 is, 1.5 is not).
 */
#ifndef PAYI_CLI_TRACK_JSON_H
#define PAYI_CLI_TRACK_JSON_H

#include "base/err.h"
#include "payi/payi.h"

#include <stddef.h>

struct track_json;

/*
 * Reads the object into *event, which borrows from *json until track_json_free(). ERR_INVALID with the
 * field's name when it is none; rules that libpayi knows (ranges, names) are left to it.
 */
int track_json_read(const char *text, size_t len, struct track_json **json, payi_event *event,
		    struct err *err);
void track_json_free(struct track_json *json); /* NULL is fine */

#endif
