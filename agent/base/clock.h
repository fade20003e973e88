/* The clocks. Intervals are measured by clock_boot_us() alone: it neither jumps nor stops in suspend. */
#ifndef PAYI_BASE_CLOCK_H
#define PAYI_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

/* Microseconds since 1970-01-01 UTC: a label for people, may jump. */
int64_t clock_wall_us(void);

/* Microseconds since boot, suspend included. */
int64_t clock_boot_us(void);

/* Likewise, suspend left out: for the protocol of systemd, which counts so. */
int64_t clock_monotonic_us(void);

enum { CLOCK_TEXT_BYTES = 28 };

/* "2026-11-23T12:00:00.123456Z"; digits is 0, 3 or 6 behind the point. Returns text. */
const char *clock_text(int64_t wall_us, int digits, char text[CLOCK_TEXT_BYTES]);

/* Reads RFC 3339 ("2026-11-23T12:00:00.5+01:00", "2026-11-23 12:00:00Z"); 0 or -1. No zone: UTC. */
int clock_parse(const char *text, int64_t *wall_us);

#endif
