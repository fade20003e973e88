#include "cli/cli.h"
#include "cli/listing.h"

#include <argp.h>

/* clang-format off */
static const struct argp_option filters[] = {
	{"active",       LISTING_ACTIVE, "WHEN", 0, "seen since then: 2h (ago), today, …; the same as --since", 1},
	{"sort",         LISTING_SORT, LISTING_SORTS, 0, "by what they are sorted, the most first: latency is the mean, last when they were seen "
	 "[default: last; of steps and users: units]", 2},
	{"steps",        LISTING_KIND + HISTORY_USE_CASE_STEPS, NULL, 0, "what each step used, over all instances", 3},
	{"users",        LISTING_KIND + HISTORY_USE_CASE_USERS, NULL, 0, "what each user used", 3},
	{"distribution", LISTING_KIND + HISTORY_USE_CASE_DISTRIBUTION, NULL, 0,
	 "how instances differ: least, median, 95th percentile and most of their units, events and duration", 3},
	{"histogram",    LISTING_KIND + HISTORY_USE_CASE_HISTOGRAM, NULL, 0,
	 "instances by the units they used", 3},
	{"definitions",  LISTING_KIND + HISTORY_USE_CASE_DEFINITIONS, NULL, 0,
	 "the use cases themselves: defined explicitly or by being used, and what Pay-i knows of them", 3},
	{"alike",        LISTING_KIND + HISTORY_USE_CASES_ALIKE, NULL, 0,
	 "pairs of names that look like one use case spelt twice", 3},
	{0},
};
/* clang-format on */

static const char doc[] = "Use case instances, each correlated over all its events, the one seen "
			  "last first. --since and --until choose "
			  "those that were active between; their sums are of all time (of a time "
			  "alone: payi-agent usage)."
			  "\vExamples:\n"
			  "  payi-agent use-cases --use-case support --sort units --limit 10\n"
			  "  payi-agent use-cases --active 2h\n"
			  "  payi-agent use-cases --use-case support --steps\n"
			  "  payi-agent use-cases --id ticket-4711 --format json";

int cli_use_cases(int argc, char **argv)
{
	static const struct listing listing = {
		.command = "payi-agent use-cases",
		.doc = doc,
		.filters = filters,
		.kind = HISTORY_USE_CASES,
	};
	return listing_run(&listing, argc, argv);
}
