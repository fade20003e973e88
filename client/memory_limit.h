/*
 * How much memory this process's control groups still allow. The pages of a ring are charged to whoever makes it, and a group
 * that is over its limit gets no error but a SIGKILL for one of its processes; so that is asked first.
 */
#ifndef PAYI_CLIENT_MEMORY_LIMIT_H
#define PAYI_CLIENT_MEMORY_LIMIT_H

#include <stdint.h>

/* Bytes; INT64_MAX when there is no limit, or none that can be read. What the kernel can drop of files counts as free. */
int64_t payi__memory_left(void);

#endif
