/* The status as people read it: on a terminal of a width, or anywhere (0). */
#ifndef PAYI_CLI_STATUS_TEXT_H
#define PAYI_CLI_STATUS_TEXT_H

#include "base/buf.h"

#include <stdbool.h>

struct status;

void status_text(const struct status *status, bool terminal, int width, struct buf *out);

#endif
