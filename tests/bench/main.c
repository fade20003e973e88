/*
 * payi-bench [--quick] [--events N] [--only NAME] [--database FILE] [--question TEXT] [--json FILE] [--agent PROGRAM]
 *            [--dir DIR] [PART …]
 *
 * Parts: see the table below; all of them when none is named. The database is made in a fresh directory
 * in DIR (/tmp): what a transaction costs depends on the disk. Nothing is left behind, but
 * the history of N events where a FILE is named for it, which another run asks again.
 */
#include "bench/bench.h"
#include "bench/table.h"
#include "bench/ticks.h"
#include "store/query.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

static const struct part {
	const char *name;
	int (*run)(const struct bench *bench);
} parts[] = {
	{"track", bench_track},     {"threads", bench_threads},     {"laps", bench_laps},
	{"size", bench_size},       {"processes", bench_processes}, {"attach", bench_attach},
	{"peers", bench_peers},     {"calls", bench_system_calls},  {"store", bench_store},
	{"latency", bench_latency}, {"sustained", bench_sustained}, {"growth", bench_growth},
	{"rings", bench_rings},     {"idle", bench_idle},           {"json", bench_json},
	{"deliver", bench_deliver}, {"backlog", bench_backlog},     {"history", bench_history},
};

enum { N_PARTS = sizeof(parts) / sizeof(parts[0]) };

int bench_fail(int error, const char *format, ...)
{
	va_list arguments;
	fflush(stdout);
	fputs("payi-bench: ", stderr);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fprintf(stderr, "%s%s\n", error ? ": " : "", error ? strerror(error) : "");
	return -1;
}

/* The processor's name, as /proc/cpuinfo has it. */
static void find_processor(char name[128])
{
	char line[256];
	snprintf(name, 128, "unknown");
	FILE *file = fopen("/proc/cpuinfo", "r");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "model name : %127[^\n]", name) == 1)
			break;
	if (file)
		fclose(file);
}

static void describe_machine(const struct bench *bench)
{
	char processor[128];
	struct utsname system;
	find_processor(processor);
	uname(&system);
	const long n = sysconf(_SC_NPROCESSORS_ONLN);
	printf("%s, %ld processors, %s %s, SQLite %s, database in %s%s\n", processor, n,
	       system.sysname, system.release, query_sqlite_version(), bench->parent,
	       bench->quick ? "\nA smoke run: too short for good numbers." : "");
	if (bench->table->json)
		fprintf(bench->table->json,
			"{\"section\":\"machine\",\"processor\":\"%s\",\"processors\":%ld,"
			"\"kernel\":\"%s\",\"sqlite\":\"%s\",\"quick\":%s}\n",
			processor, n, system.release, query_sqlite_version(),
			bench->quick ? "true" : "false");
}

static int usage(void)
{
	fputs("Usage: payi-bench [--quick] [--events N] [--only NAME] [--database FILE]\n"
	      "                  [--question TEXT] [--json FILE] "
	      "[--agent PROGRAM] [--dir DIR] [PART ...]\n"
	      "Parts:",
	      stderr);
	for (int i = 0; i < N_PARTS; i++)
		fprintf(stderr, " %s", parts[i].name);
	fputc('\n', stderr);
	return 2;
}

static int parse(int argc, char **argv, struct bench *bench)
{
	static const struct option options[] = {{"quick", no_argument, NULL, 'q'},
						{"events", required_argument, NULL, 'e'},
						{"json", required_argument, NULL, 'j'},
						{"agent", required_argument, NULL, 'a'},
						{"dir", required_argument, NULL, 'd'},
						{"database", required_argument, NULL, 'b'},
						{"question", required_argument, NULL, 'n'},
						{"only", required_argument, NULL, 'o'},
						{NULL, 0, NULL, 0}};
	int option;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'q')
			bench->quick = true;
		else if (option == 'e')
			bench->events = strtol(optarg, NULL, 10);
		else if (option == 'n')
			bench->question = optarg;
		else if (option == 'b')
			bench->database = optarg;
		else if (option == 'a')
			bench->agent = optarg;
		else if (option == 'd')
			bench->parent = optarg;
		else if (option == 'o')
			bench->only = optarg;
		else if (option != 'j')
			return -1;
		else if (!(bench->table->json = fopen(optarg, "w")))
			return bench_fail(errno, "cannot write %s", optarg);
	}
	return 0;
}

static const struct part *find(const char *name)
{
	for (int i = 0; i < N_PARTS; i++)
		if (strcmp(parts[i].name, name) == 0)
			return &parts[i];
	return NULL;
}

static int run(const struct bench *bench, char **names, int n_names)
{
	int status = 0;
	for (int i = 0; i < n_names; i++)
		if (find(names[i])->run(bench))
			status = -1;
	for (int i = 0; i < N_PARTS && n_names == 0; i++)
		if (parts[i].run(bench))
			status = -1;
	return status;
}

int main(int argc, char **argv)
{
	struct table table = {0};
	struct bench bench = {.table = &table, .agent = AGENT_PROGRAM, .parent = "/tmp"};
	if (parse(argc, argv, &bench))
		return usage();
	for (int i = optind; i < argc; i++)
		if (!find(argv[i]))
			return usage();
	describe_machine(&bench);
	int status = run(&bench, argv + optind, argc - optind);
	if (table.json && fclose(table.json))
		status = bench_fail(errno, "cannot write all of the JSON file");
	return status ? EXIT_FAILURE : EXIT_SUCCESS;
}
