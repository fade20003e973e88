/*
 * Single JSON values as libpayi wants them, for track_json.c. What does not fit is refused with the field's name.
 */
#ifndef PAYI_CLI_TRACK_VALUE_H
#define PAYI_CLI_TRACK_VALUE_H

#include "base/err.h"

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

enum { TRACK_NUMBER_BYTES = 40 };

/* ERR_INVALID: "field is not wanted". */
int track_value_wrong(const char *field, const char *wanted, struct err *err);

int track_value_text(const json_t *value, const char *field, const char **text, struct err *err);

/* A whole number, be it written as 7, 7.0 or 7e0; 7.5 is none. */
int track_value_whole(const json_t *value, const char *field, int64_t *number, struct err *err);
int track_value_i32(const json_t *value, const char *field, int32_t *number, struct err *err);

/* RFC 3339 text; without a zone it is UTC. 1970-01-01T00:00:00Z becomes a microsecond later: libpayi's 0 means now. */
int track_value_time(const json_t *value, const char *field, int64_t *us, struct err *err);

/* A number as Python's str() writes it: 1, 0.5, 100000.0, 1e+16. */
void track_value_number_text(const json_t *number, char text[TRACK_NUMBER_BYTES]);

#endif
