/* Bytes as a gzip file, for the wire. Any thread. */
#ifndef PAYI_BASE_GZIP_H
#define PAYI_BASE_GZIP_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

/* Appends them to out, as fast as it goes. False: memory is short; out is as before. */
bool gzip_add(struct buf *out, const void *bytes, size_t n);

#endif
