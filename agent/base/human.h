/* Sizes and durations as people say them, in one unit. Pure; any thread. */
#ifndef PAYI_BASE_HUMAN_H
#define PAYI_BASE_HUMAN_H

#include <stdint.h>

enum { HUMAN_BYTES = 32 };

/* "512 bytes", "4.0 KiB", "1.5 GiB". Returns text. */
const char *human_bytes(int64_t bytes, char text[HUMAN_BYTES]);

/* "250 ms", "12 s", "3 min", "2 h", "5 days"; below zero is none. Returns text. */
const char *human_duration(int64_t us, char text[HUMAN_BYTES]);

#endif
