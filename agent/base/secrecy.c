#define _DEFAULT_SOURCE /* explicit_bzero, setenv */
#include "base/secrecy.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

void secrecy_seal(void)
{
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

/* setenv() puts the copy on the heap; what the program was started with stays where it was, and can be wiped. */
void secrecy_hide_variable(const char *name)
{
	char *shown = getenv(name);
	char *copy = shown && *shown ? strdup(shown) : NULL;
	if (!copy)
		return;
	if (setenv(name, copy, 1) == 0 && getenv(name) != shown)
		explicit_bzero(shown, strlen(shown));
	explicit_bzero(copy, strlen(copy));
	free(copy);
}
