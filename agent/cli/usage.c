#include "cli/cli.h"
#include "cli/listing.h"

#include <argp.h>

/* clang-format off */
static const struct argp_option filters[] = {
	{"category", LISTING_CATEGORY, "CATEGORY", 0, "of this category", 1},
	{"resource", LISTING_RESOURCE, "RESOURCE", 0, "of this resource (a model)", 1},
	{"by",       LISTING_BY, "hour|day|user|step", 0,
	 "a row for each hour, day of UTC, user or step [default: hour]", 2},
	{"changes",  LISTING_KIND + HISTORY_USAGE_CHANGES, NULL, 0,
	 "from --since [default: yesterday] to --until [now], beside as long a time before; the greatest change first", 3},
	{"unpriced", LISTING_KIND + HISTORY_UNPRICED, NULL, 0,
	 "what was used and has no price, by category, resource and unit type", 3},
	{0},
};
/* clang-format on */

static const char doc[] = "Usage by use case, category and resource. By hour or day it is from "
			  "rollups, in whole hours, the newest first; "
			  "with --id or --user from the events that are still kept. By user or "
			  "step it is from those, too, to the "
			  "microsecond, the most units first. Changes are from rollups, and from "
			  "events where an hour is not whole; in whole hours, and says so, where "
			  "those events are gone."
			  "\vExamples:\n"
			  "  payi-agent usage --by day --since 30d\n"
			  "  payi-agent usage --by step --use-case support --since 24h\n"
			  "  payi-agent usage --changes --since yesterday\n"
			  "  payi-agent usage --user user-7 --since 7d --format csv";

static const enum history_kind by[] = {HISTORY_USAGE_BY_HOUR, HISTORY_USAGE_BY_DAY,
				       HISTORY_USAGE_BY_USER, HISTORY_USAGE_BY_STEP};

int cli_usage(int argc, char **argv)
{
	static const struct listing listing = {
		.command = "payi-agent usage",
		.doc = doc,
		.filters = filters,
		.kind = HISTORY_USAGE_BY_HOUR,
		.by = by,
	};
	return listing_run(&listing, argc, argv);
}
