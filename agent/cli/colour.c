#include "cli/colour.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int colour_when_of(const char *name)
{
	static const char *const names[] = {"auto", "always", "never"};
	for (int i = COLOUR_AUTO; i <= COLOUR_NEVER; i++)
		if (strcmp(name, names[i]) == 0)
			return i;
	return -1;
}

static bool is_wanted(FILE *out)
{
	const char *refused = getenv("NO_COLOR");
	const char *asked = getenv("CLICOLOR");
	const char *terminal = getenv("TERM");
	return isatty(fileno(out)) && !(refused && *refused) &&
	       !(asked && strcmp(asked, "0") == 0) && terminal && strcmp(terminal, "dumb") != 0;
}

const struct colour *colour_of(FILE *out, enum colour_when when)
{
	static const struct colour none = {"", "", "", "", "", "", ""};
	static const struct colour some = {"\033[32m", "\033[33m", "\033[1;31m", "\033[1m",
					   "\033[2m",  "\033[7m",  "\033[0m"};
	return when == COLOUR_ALWAYS || (when == COLOUR_AUTO && is_wanted(out)) ? &some : &none;
}
