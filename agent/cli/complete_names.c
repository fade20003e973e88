#include "cli/complete_names.h"

#include "base/clock.h"
#include "history/pulse.h"
#include "settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATIENCE_US = 300000 };

#define LATELY_US (90 * INT64_C(86400000000))

static bool is_late(void *end_us)
{
	return clock_boot_us() > *(int64_t *)end_us;
}

/* A shell takes a candidate as it is: one that would have to be quoted is none. */
static bool is_plain(const char *text)
{
	for (const char *c = text; *c; c++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/@",
			    *c))
			return false;
	return *text;
}

static void print_names(const struct pulse_row *rows, int n, bool details, const char *last)
{
	for (int i = 0; i < n; i++) {
		const char *name = details ? rows[i].detail : rows[i].name;
		bool again = false;
		for (int j = 0; j < i && !again; j++)
			again = strcmp(details ? rows[j].detail : rows[j].name, name) == 0;
		if (!again && is_plain(name) && strncmp(name, last, strlen(last)) == 0)
			puts(name);
	}
}

void complete_names(const char *option, const char *last)
{
	const bool use_cases = strcmp(option, "use-case") == 0;
	const bool resources = strcmp(option, "resource") == 0;
	const struct settings_flags flags = {0};
	int64_t end_us = clock_boot_us() + PATIENCE_US;
	struct settings settings;
	struct query_db *db = NULL;
	struct err err;
	if (!use_cases && !resources && strcmp(option, "category") != 0)
		return;
	struct pulse_row *rows = calloc(PULSE_ROWS_MAX, sizeof(*rows));
	if (!rows || settings_load(&settings, &flags, &err)) {
		free(rows);
		return;
	}
	if (query_db_open(settings.database, &db, &err) == 0) {
		query_db_stop_when(db, is_late, &end_us);
		print_names(rows,
			    pulse_read(db, use_cases ? PULSE_USE_CASES : PULSE_RESOURCES,
				       PULSE_LAST_SEEN, clock_wall_us() - LATELY_US, rows, &err),
			    resources, last);
	}
	query_db_close(db);
	settings_release(&settings);
	free(rows);
}
