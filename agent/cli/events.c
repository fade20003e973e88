#include "cli/cli.h"
#include "cli/listing.h"

#include <argp.h>

static const struct argp_option filters[] = {
	{"category", LISTING_CATEGORY, "CATEGORY", 0, "of this category", 1},
	{"resource", LISTING_RESOURCE, "RESOURCE", 0, "of this resource (a model)", 1},
	{0},
};

static const char doc[] = "Tracked events, the newest first. JSON and CSV have every column of the "
			  "view event_history."
			  "\vExamples:\n"
			  "  payi-agent events --use-case support --since 2h\n"
			  "  payi-agent events --id ticket-4711 --since 7d --reverse\n"
			  "  payi-agent events --id ticket-4711 --limit 0 --format jsonl";

int cli_events(int argc, char **argv)
{
	static const struct listing listing = {
		.command = "payi-agent events",
		.doc = doc,
		.filters = filters,
		.kind = HISTORY_EVENTS,
		.total = true,
	};
	return listing_run(&listing, argc, argv);
}
