/*
 * What the commands share: their entry points, their exit codes, and how a command line becomes settings.
 *
 * A command is a function cli_<command>() in a file of its own; argv[0] is the command's name. It prints
 * its result to standard output and what is wrong to standard error, and returns an exit code. One thread.
 */
#ifndef PAYI_CLI_CLI_H
#define PAYI_CLI_CLI_H

#include "base/err.h"
#include "settings.h"

#include <stdint.h>

struct argp;
struct output;

enum cli_exit {
	CLI_FINE = 0,
	CLI_FAILED = 1,      /* at run time */
	CLI_USAGE = 2,       /* wrong usage, or a wrong setting */
	CLI_NOT_RUNNING = 3, /* of status: no agent serves the ring directory */
	CLI_DESCRIBED =
		64, /* the command said what it is (describe.h), and did nothing: main() makes 0 of it */
};

/* CLI_COMMANDS(X) calls X(function, name, summary) once per command, in the order of `payi-agent help`. */
#define CLI_COMMANDS(X)                                                                            \
	X(run, "run", "run the agent: store what applications track, send it to Pay-i")            \
	X(status, "status", "whether the agent runs, the rings, the books, the sink")              \
	X(top, "top", "how the agent stands and what is tracked, live")                            \
	X(events, "events", "tracked events")                                                      \
	X(tail, "tail", "tracked events, as they are stored")                                      \
	X(use_cases, "use-cases", "use case instances, correlated over all their events")          \
	X(usage, "usage", "usage by hour, day, user or step; what changed")                        \
	X(series, "series", "usage over time, in buckets as a plot has them")                      \
	X(waiting, "waiting", "events on their way to Pay-i, and why they are not there yet")      \
	X(sql, "sql", "a query of your own, in SQL, for reading alone")                            \
	X(dead, "dead", "refused events: list them, show one, send them again or drop them")       \
	X(track, "track", "track events from standard input")                                      \
	X(ring, "ring", "the ring files, and what is in them")                                     \
	X(doctor, "doctor", "what is wrong on this host, and what to do about it")                 \
	X(health, "health", "whether a running agent is alive, or ready; for probes")              \
	X(config, "config", "a sample configuration file; check or show the settings")             \
	X(completion, "completion", "what makes bash or zsh complete command lines")               \
	X(manual, "manual", "a page of the manual, where there is no man(1)")                      \
	X(version, "version", "the versions of the agent and of the libraries it runs with")

#define X(function, name, summary) int cli_##function(int argc, char **argv);
CLI_COMMANDS(X)
#undef X

/* Which settings a command has as flags: --config, --data-dir and --ring-dir, all of the table, or none (nor loads any). */
enum cli_settings { CLI_SETTINGS_PATHS, CLI_SETTINGS_ALL, CLI_SETTINGS_NONE };

struct cli_line {
	const char *command;     /* "payi-agent events": usage and errors begin with it */
	const struct argp *argp; /* the command's own options, arguments and words; no children */
	void *input;             /* for its parser, as state->input */
	enum cli_settings settings;
	struct output *output; /* what --format and its like choose; NULL: there are none */
};

/*
 * Parses the arguments by the command's own argp and the settings' flags, then loads the settings; give
 * them to settings_release(). Returns CLI_FINE, CLI_USAGE after saying what is wrong, or CLI_DESCRIBED; wrong
 * flags and --help leave the process, as argp does (with CLI_USAGE and CLI_FINE).
 */
int cli_parse(const struct cli_line *line, int argc, char **argv, struct settings *settings);

/*
 * Likewise, but what is wrong in the files or the environment is passed over, and told in *passed_over (code 0: nothing
 * is). Where it is a directory that is missing, settings->database is NULL.
 */
int cli_parse_around(const struct cli_line *line, int argc, char **argv, struct settings *settings,
		     struct err *passed_over);

/* CLI_FINE; or, said, CLI_USAGE with settings released: what was passed over does not even say where to look. */
int cli_need_paths(const struct cli_line *line, struct settings *settings,
		   const struct err *passed_over);

/*
 * As that, and says on standard error what was passed over, if anything was, and that the rest counts.
 */
int cli_warn_of_settings(const struct cli_line *line, struct settings *settings,
			 const struct err *passed_over);

/*
 * Says "COMMAND: text" on standard error. Returns CLI_USAGE for ERR_CONFIG, else CLI_FAILED. ERR_CLOSED, that nobody
 * reads the output any more (`| head`), needs no words.
 */
int cli_fail(const char *command, const struct err *err);

/*
 * The nearest of names to one that is none of them, if it is near enough for a slip of the finger; NULL: none is. The
 * names follow one another with a NUL behind each, and an empty one ends them.
 */
const char *cli_nearest(const char *name, const char *names);

/* Where a word stands in a list of them, "table|json|csv", as --help and completion have it; -1: nowhere. */
int cli_word(const char *words, const char *word);

/* Reads how long, as "10" (seconds), "10s" or "5m"; 0, or -1 for anything else. */
int cli_duration(const char *text, int64_t *duration_us);

/* Flushes standard output: CLI_FINE, or CLI_FAILED after saying why not all of it was written. */
int cli_finish(const char *command);

#endif
