/*
 * The agent: the composition root. The only place that sees every module, and that decides what runs on
 * which thread: drain and store on the storage thread, the sink on the loop of the calling thread.
 */
#ifndef PAYI_AGENT_H
#define PAYI_AGENT_H

#include "base/err.h"

struct settings;

/*
 * Runs until SIGTERM or SIGINT: then stores what is in the rings, lets the sink flush for as long as the settings say,
 * and returns 0. A second signal cuts the flush short. Negative: it could not start. SIGHUP: reads the configuration
 * again, and changes *settings.
 */
int agent_run(struct settings *settings, struct err *err);

#endif
