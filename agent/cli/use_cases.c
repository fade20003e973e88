#include "cli/cli.h"
#include "cli/listing.h"

#include <argp.h>

static const struct argp_option filters[] = {{0}};

static const char doc[] =
	"Use case instances, each correlated over all its events, the one seen last first. "
	"--since and --until choose those that were active between."
	"\vExamples:\n"
	"  payi-agent use-cases --use-case support --since today\n"
	"  payi-agent use-cases --id ticket-4711 --format json";

int cli_use_cases(int argc, char **argv)
{
	static const struct listing listing = {"payi-agent use-cases", doc, filters,
					       HISTORY_USE_CASES, HISTORY_USE_CASES};
	return listing_run(&listing, argc, argv);
}
