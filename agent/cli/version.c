#include "cli/cli.h"

#include "payi/payi.h"
#include "store/query.h"

#include <argp.h>
#include <curl/curl.h>
#include <microhttpd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

/* Reads a number and passes over the point behind it. */
static long read_number(const char **text)
{
	char *end = NULL;
	const long number = strtol(*text, &end, 10);
	*text = *end == '.' ? end + 1 : end;
	return number;
}

/*
 * SQLite before 3.51.3 may corrupt a database in WAL mode when one connection checkpoints while another
 * commits (sqlite.org/wal.html, "the WAL-reset bug"); 3.44.6 and 3.50.7 have the fix, too.
 */
static bool has_wal_reset_defect(const char *version)
{
	const long major = read_number(&version);
	const long minor = read_number(&version);
	const long patch = read_number(&version);
	if (major != 3)
		return major < 3;
	if (minor == 44)
		return patch < 6;
	if (minor == 50)
		return patch < 7;
	return minor < 51 || (minor == 51 && patch < 3);
}

static const char doc[] = "The versions of the agent and of the libraries it runs with.\v"
			  "Example:\n  payi-agent version";

int cli_version(int argc, char **argv)
{
	char name[] = "payi-agent version";
	const struct argp argp = {.doc = doc};
	argv[0] = name;
	if (argp_parse(&argp, argc, argv, 0, NULL, NULL))
		return CLI_USAGE;
	const char *sqlite = query_sqlite_version();
	printf("payi-agent %s\n", payi_version());
	printf("SQLite %s%s\n", sqlite,
	       has_wal_reset_defect(sqlite)
		       ? " (has the WAL-reset defect; harmless here: one connection makes every "
			 "write and every checkpoint)"
		       : "");
	printf("libcurl %s\n", curl_version_info(CURLVERSION_NOW)->version);
	printf("libuv %s\n", uv_version_string());
	printf("libmicrohttpd %s\n", MHD_get_version());
	return cli_finish(name);
}
