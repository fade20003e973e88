/*
 * JSON of the history as people read it in a table: "plan 12, retrieve 24" for {"plan":12,"retrieve":24}, "1, 2" for
 * [1,2], and "text 1200/300" for units, input before output. What is of another form is shown as it is.
 */
#ifndef PAYI_CLI_BRIEF_H
#define PAYI_CLI_BRIEF_H

#include "base/buf.h"

#include <stdbool.h>

/* grouped: a comma behind each three digits. */
void brief_add_json(struct buf *out, const char *json, bool grouped);

#endif
