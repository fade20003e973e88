/*
 * A ring's file in memory, in the place of one on tmpfs: what the reader asks of the kernel the linker leads here (--wrap), for
 * this file alone. Making a file and removing it would be most of a target's work; fuzz_drain.c does that, with real ones.
 */
#ifndef PAYI_TESTS_FUZZ_MEMORY_FILE_H
#define PAYI_TESTS_FUZZ_MEMORY_FILE_H

#include "help/forge.h"

enum { MEMORY_FILE_DIR = 1 << 30 /* no descriptor of the kernel's */ };

/* Under the forge's name in MEMORY_FILE_DIR, with what the forge holds at each moment. */
void memory_file_put(const struct forge *forge, bool alive);

/* Every so many-th read of it fails; 0: none. */
void memory_file_fail(unsigned every);

#endif
