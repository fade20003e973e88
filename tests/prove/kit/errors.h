/*
 * With which errors a system call may fail on a machine that is in trouble: a disk full or failing, a file system
 * read-only, descriptors, memory or threads used up, a signal at the wrong moment, a network away. Only what the kernel
 * can answer to that call on that kind of descriptor: an eventfd has no full disk.
 */
#ifndef PAYI_PROVE_ERRORS_H
#define PAYI_PROVE_ERRORS_H

#include "prove/kit/calls.h"

enum { ERRORS_MAX = 8 };

/* Fills in errno values; how many: 0 for calls that do not fail, or whose failure is the end of any process. */
int errors_of(const struct calls_call *call, int errors[ERRORS_MAX]);

#endif
