/*
 * A fuzz target is a file fuzz_X.c with this one function: it takes any bytes, and returns 0 or aborts. Under clang
 * libFuzzer calls it (tests/fuzz/run.sh); elsewhere replay.c does, with the files of corpus/X.
 */
#ifndef PAYI_TESTS_FUZZ_H
#define PAYI_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Kept in every build: a target says with it what must hold of any input. */
#define fuzz_must(condition)                                                                       \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);            \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

#endif
