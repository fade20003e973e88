#include "cli/cli.h"

#include "payi/payi.h"
#include "store/query.h"

#include <argp.h>
#include <curl/curl.h>
#include <microhttpd.h>
#include <stdio.h>
#include <uv.h>

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
	       query_sqlite_has_reset_defect()
		       ? " (has the WAL-reset defect; harmless here: one connection makes every "
			 "write and every checkpoint)"
		       : "");
	printf("libcurl %s\n", curl_version_info(CURLVERSION_NOW)->version);
	printf("libuv %s\n", uv_version_string());
	printf("libmicrohttpd %s\n", MHD_get_version());
	return cli_finish(name);
}
