/* payi-agent waiting: events that the service does not have yet. */
#include "cli/cli.h"
#include "cli/listing.h"

#include <argp.h>

static const struct argp_option filters[] = {
	{"category", LISTING_CATEGORY, "CATEGORY", 0, "of this category", 1},
	{"resource", LISTING_RESOURCE, "RESOURCE", 0, "of this resource (a model)", 1},
	{0},
};

static const char doc[] =
	"Events on their way to Pay-i, in the order in which they were stored: waiting (not sent "
	"yet), deferred (to be sent again: why, and when) or held (until their use case instance "
	"has been given its id). What was refused for good is listed by payi-agent dead."
	"\vExamples:\n"
	"  payi-agent waiting --limit 5\n"
	"  payi-agent waiting --use-case support --until 1h --format csv";

int cli_waiting(int argc, char **argv)
{
	static const struct listing listing = {
		.command = "payi-agent waiting",
		.doc = doc,
		.filters = filters,
		.kind = HISTORY_WAITING,
	};
	return listing_run(&listing, argc, argv);
}
