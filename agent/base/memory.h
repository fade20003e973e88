/*
 * Memory that there has to be. What is short is short for a moment, or the kernel ends us: so these wait, and say so. For what
 * must not be dropped; for libuv, which ends the process where it finds none; and for libcurl, which then forgets a transfer, or
 * divides by zero.
 */
#ifndef PAYI_BASE_MEMORY_H
#define PAYI_BASE_MEMORY_H

#include <stddef.h>

/* As calloc() and its kin; of 0 bytes, too, they give memory. */
void *memory_await(size_t n, size_t bytes);
void *memory_await_bytes(size_t bytes);
void *memory_await_more(void *memory, size_t bytes);
char *memory_await_text(const char *text);

/* One turn of such a wait, where the allocation is somebody else's. */
void memory_wait(void);

/* Has libuv allocate likewise. Before anything else is asked of it. */
void memory_await_in_libuv(void);

#endif
