/*
 * What memory.c and the program that preloads it share: a file, mapped by both. The preloaded process counts its
 * allocations, and lets some fail.
 */
#ifndef PAYI_PRELOAD_MEMORY_H
#define PAYI_PRELOAD_MEMORY_H

#include <stdint.h>

struct preload_memory {
	_Atomic(int32_t) counting; /* 1: from main() on; may be set later, by either */
	_Atomic(int32_t) onwards;  /* 1: all from fail_at on fail, until it is 0 again */
	_Atomic(int64_t) fail_at;  /* the allocation, from 1 on, that fails; 0: none */
	_Atomic(int64_t) n;        /* allocations counted */
	_Atomic(int64_t) failed;
	_Atomic(int64_t)
		live; /* allocated since the count began and not freed, and freed that were older */
};

#endif
