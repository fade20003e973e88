#include "cli/colour.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const struct colour *colour_of(FILE *out)
{
	static const struct colour none = {"", "", "", "", "", ""};
	static const struct colour some = {"\033[32m", "\033[33m", "\033[1;31m",
					   "\033[1m",  "\033[2m",  "\033[0m"};
	const char *refused = getenv("NO_COLOR");
	const char *terminal = getenv("TERM");
	if (!isatty(fileno(out)) || (refused && *refused) || !terminal ||
	    strcmp(terminal, "dumb") == 0)
		return &none;
	return &some;
}
