/* payi-agent run: the daemon, in the foreground. */
#include "agent.h"
#include "base/log.h"
#include "base/secrecy.h"
#include "cli/cli.h"

#include <argp.h>
#include <string.h>

int cli_run(int argc, char **argv)
{
	static const struct argp argp = {
		.doc = "Runs the agent in the foreground: drains the rings into the database, and "
		       "sends what is "
		       "there to Pay-i.\v"
		       "SIGTERM or SIGINT: the rings are stored, the sink flushes for at most "
		       "shutdown-flush-s seconds, and "
		       "the agent ends. SIGHUP: it reads its configuration again, and goes on with "
		       "the old one where the new one is wrong. Without a key it works offline; "
		       "what waits is sent when there is one.\n\n"
		       "Example: PAYI_API_KEY_FILE=/etc/payi/key payi-agent run --data-dir "
		       "/var/lib/payi",
	};
	const struct cli_line line = {
		.command = "payi-agent run", .argp = &argp, .settings = CLI_SETTINGS_ALL};
	struct settings settings;
	const int usage = cli_parse(&line, argc, argv, &settings);
	if (usage)
		return usage;
	log_setup(log_level_of(settings.log_level),
		  strcmp(settings.log_format, "json") == 0 ? LOG_JSON : LOG_LOGFMT);
	settings_hide_secrets();
	if (!settings.core_dumps)
		secrecy_seal();
	struct err err;
	const int status = agent_run(&settings, &err);
	const int code = status ? cli_fail(line.command, &err) : CLI_FINE;
	settings_release(&settings);
	return code;
}
