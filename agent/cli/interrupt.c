#include "cli/interrupt.h"

#include <signal.h>
#include <stddef.h>
#include <sys/signalfd.h>

static const int signals[] = {SIGINT, SIGTERM, SIGHUP};

enum { N_SIGNALS = sizeof(signals) / sizeof(signals[0]) };

static sigset_t make_set(void)
{
	sigset_t set;
	sigemptyset(&set);
	for (int i = 0; i < N_SIGNALS; i++)
		sigaddset(&set, signals[i]);
	return set;
}

void interrupt_block(void)
{
	sigset_t set = make_set();
	sigaddset(&set, SIGPIPE);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

int interrupt_fd(void)
{
	const sigset_t set = make_set();
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
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
