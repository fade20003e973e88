#define _DEFAULT_SOURCE /* setenv, usleep */
#include "bench/lttng.h"

#include "bench/table.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#ifndef LTTNG_MODULE
#define LTTNG_MODULE ""
#endif

enum { COMMAND_BYTES = 1024 };

/*
 * 4 x 8 MiB for each processor hold everything that a row records, so that nothing is thrown away: an event that
 * LTTng discards costs it less than one that it keeps. Where a daemon runs already, it is used, and left running.
 */
static bool start_session(const char *dir)
{
	char command[COMMAND_BYTES];
	snprintf(command, sizeof(command),
		 "{ lttng-sessiond --daemonize --no-kernel --pidfile=%s/lttng.pid; "
		 "lttng --no-sessiond create payi_bench --output=%s/lttng && "
		 "lttng enable-channel -u -s payi_bench --subbuf-size=8M --num-subbuf=4 all && "
		 "lttng enable-event -u -s payi_bench -c all 'payi_bench:*' && "
		 "lttng start payi_bench; } >/dev/null 2>&1",
		 dir, dir);
	setenv("LTTNG_HOME", dir, 1);
	return system(command) ==
	       0; /* NOLINT(cert-env33-c): its own tools, by name, as a user would */
}

void lttng_close(struct lttng *lttng)
{
	char command[COMMAND_BYTES];
	snprintf(command, sizeof(command),
		 "{ lttng --no-sessiond destroy payi_bench; "
		 "[ ! -s %s/lttng.pid ] || kill $(cat %s/lttng.pid); rm -rf %s/lttng; } >/dev/null "
		 "2>&1",
		 lttng->dir, lttng->dir, lttng->dir);
	if (system(command)) /* NOLINT(cert-env33-c): as above */
		table_note("    (the LTTng session could not be ended)");
}

/* The library's constructor waits for the daemon; the rest of the registration is quick. */
static bool wait_until_recording(int (*is_recording)(void))
{
	enum { TRIES = 200, PAUSE_US = 10000 };
	for (int i = 0; i < TRIES && !is_recording(); i++)
		usleep(PAUSE_US);
	return is_recording();
}

static bool load_module(struct lttng *lttng)
{
	void *module = dlopen(LTTNG_MODULE, RTLD_NOW); /* stays: its threads run on */
	int (*is_recording)(void) = NULL;
	if (!module)
		return false;
	*(void **)&lttng->call = dlsym(module, "bench_lttng_event");
	*(void **)&is_recording = dlsym(module, "bench_lttng_is_recording");
	return lttng->call && is_recording && wait_until_recording(is_recording);
}

bool lttng_open(struct lttng *lttng, const char *dir)
{
	lttng->dir = dir;
	if (!*LTTNG_MODULE || !start_session(dir)) {
		table_note("  LTTng: skipped, it is not installed (liblttng-ust-dev, lttng-tools)");
		if (*LTTNG_MODULE)
			lttng_close(lttng);
		return false;
	}
	if (load_module(lttng))
		return true;
	table_note("  LTTng: skipped, its daemon does not record the tracepoint");
	lttng_close(lttng);
	return false;
}
