/*
 * How far an export is, on standard error: where that is a terminal and standard output is none, and only once it has taken
 * half a second.
 */
#ifndef PAYI_CLI_PROGRESS_H
#define PAYI_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
	bool wanted;
	bool shown;
	int64_t total; /* rows, as far as that is known; 0: it is not */
	int64_t begun_us;
	int64_t drawn_us;
};

/* Whether it would be shown at all: an estimate of the total is not always cheap. */
bool progress_is_wanted(void);

void progress_begin(struct progress *progress, int64_t total);
void progress_at(struct progress *progress, int64_t rows);
void progress_end(struct progress *progress); /* takes its line away */

#endif
