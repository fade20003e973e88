#include "cli/cli.h"
#include "cli/listing.h"

#include <argp.h>

static const struct argp_option filters[] = {
	{"category", LISTING_CATEGORY, "CATEGORY", 0, "of this category", 1},
	{"resource", LISTING_RESOURCE, "RESOURCE", 0, "of this resource (a model)", 1},
	{"by", LISTING_BY, "hour|day", 0,
	 "a row for each hour, or for each day of UTC [default: hour]", 2},
	{0},
};

static const char doc[] = "Usage by hour or day, use case, category and resource, the newest "
			  "first. From rollups, in whole "
			  "hours; with --id or --user from the events that are still kept."
			  "\vExamples:\n"
			  "  payi-agent usage --by day --since 30d\n"
			  "  payi-agent usage --user user-7 --since 7d --format csv";

int cli_usage(int argc, char **argv)
{
	static const struct listing listing = {"payi-agent usage", doc, filters,
					       HISTORY_USAGE_BY_HOUR, HISTORY_USAGE_BY_DAY};
	return listing_run(&listing, argc, argv);
}
