/* payi-agent series: usage over time, for those who plot it. */
#include "cli/cli.h"
#include "cli/listing.h"

#include <argp.h>

/* clang-format off */
static const struct argp_option filters[] = {
	{"category", LISTING_CATEGORY, "CATEGORY", 0, "of this category", 1},
	{"resource", LISTING_RESOURCE, "RESOURCE", 0, "of this resource (a model)", 1},
	{"by",       LISTING_BY, "use-case|resource|category", 0,
	 "in each bucket a row for each of the greatest, and one for all others [default: all in one]", 2},
	{"points",   LISTING_POINTS, "N", 0, "at most so many buckets; 1: one for all the time [default: 100]", 2},
	{"top",      LISTING_TOP, "N", 0, "so many by name, the others added up [default: 7]", 2},
	{"sort",     LISTING_SORT, "units|events|failures|last|cost", 0, "by what the greatest are found [default: units]", 2},
	{0},
};
/* clang-format on */

static const enum history_kind by[] = {HISTORY_SERIES_BY_USE_CASE, HISTORY_SERIES_BY_RESOURCE,
				       HISTORY_SERIES_BY_CATEGORY};

static const char doc[] =
	"Usage over time as a plot has it: in buckets of one width, minutes to weeks, the first "
	"bucket first; buckets without an event are left out. In whole hours, as payi-agent usage."
	"\vExamples:\n"
	"  payi-agent series --since 7d --points 24\n"
	"  payi-agent series --by resource --since 30d --sort cost --format csv\n"
	"  payi-agent series --by use-case --points 1 --since today";

int cli_series(int argc, char **argv)
{
	static const struct listing listing = {
		.command = "payi-agent series",
		.doc = doc,
		.filters = filters,
		.kind = HISTORY_SERIES,
		.by = by,
		.total = true,
		.is_bounded = true,
	};
	return listing_run(&listing, argc, argv);
}
