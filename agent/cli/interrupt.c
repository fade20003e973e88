#include "cli/interrupt.h"

#include <signal.h>
#include <stddef.h>

static const int signals[] = {SIGINT, SIGTERM, SIGHUP};

enum { N_SIGNALS = sizeof(signals) / sizeof(signals[0]) };

void interrupt_block(void)
{
	sigset_t set;
	sigemptyset(&set);
	for (int i = 0; i < N_SIGNALS; i++)
		sigaddset(&set, signals[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

bool interrupt_came(void *nothing)
{
	sigset_t pending;
	(void)nothing;
	sigpending(&pending);
	for (int i = 0; i < N_SIGNALS; i++)
		if (sigismember(&pending, signals[i]))
			return true;
	return false;
}
