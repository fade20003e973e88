/*
 * Moments as people give them: "2h" (ago), "today", "2026-11-01", "2026-11-01T12:00:00+01:00".
 */
#ifndef PAYI_HISTORY_WHEN_H
#define PAYI_HISTORY_WHEN_H

#include <stdbool.h>
#include <stdint.h>

/* The forms that history_when() takes, for errors and help. */
#define HISTORY_WHEN_FORMS                                                                         \
	"30s, 15m, 2h, 7d or 4w (ago), now, today, yesterday, 2026-11-01, 2026-11-01T12:30, or "   \
	"2026-11-01T12:30:00Z"

/*
 * Reads a moment as microseconds since 1970-01-01 UTC; now_us is what "ago" is measured from. A date or time
 * without a zone is local, or UTC when utc is set. Returns 0, or -1 for anything else.
 */
int history_when(const char *text, int64_t now_us, bool utc, int64_t *when_us);

/* Reads how long: "30s", "15m", "2h", "7d" or "4w". Returns 0, or -1 for anything else. */
int history_duration(const char *text, int64_t *duration_us);

#endif
