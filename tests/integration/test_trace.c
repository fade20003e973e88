/*
 * A trace of calls to a conversational service, the whole way: JSON lines, payi-agent track, ring, database,
 * the stand-in. A real one is used where it lies beside the project (the Azure LLM inference trace of 2023, CC-BY
 * 4.0); elsewhere one is made up. Sums are computed here, from the trace itself.
 */
#include "help/help.h"
#include "standin/standin_client.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REAL_TRACE SOURCE_DIR "/../shared/data/AzureLLMInferenceTrace_conv.csv"

enum { MADE_UP_ROWS = 3000, CONVERSATIONS = 500, USERS = 70 };

struct trace {
	char path[HELP_PATH_BYTES + 32];
	int64_t rows;
	int64_t input;
	int64_t output;
};

static void write_event(FILE *to, struct trace *trace, const char *time, int64_t input,
			int64_t output)
{
	fprintf(to,
		"{\"category\":\"system.azureopenai\",\"resource\":\"gpt-4\",\"event_timestamp\":"
		"\"%s\","
		"\"units\":{\"text\":{\"input\":%" PRId64 ",\"output\":%" PRId64
		"}},\"use_case_name\":\"conversation\","
		"\"use_case_id\":\"conversation %" PRId64 "\",\"user_id\":\"user-%" PRId64 "\"}\n",
		time, input, output, trace->rows % CONVERSATIONS, trace->rows % USERS);
	trace->rows++;
	trace->input += input;
	trace->output += output;
}

/* TIMESTAMP,ContextTokens,GeneratedTokens */
static void convert(FILE *from, FILE *to, struct trace *trace)
{
	char line[128], time[64];
	int64_t input, output;
	cr_assert(fgets(line, sizeof(line), from), "the trace is empty");
	while (fgets(line, sizeof(line), from))
		if (sscanf(line, "%63[^,],%" SCNd64 ",%" SCNd64, time, &input, &output) == 3)
			write_event(to, trace, time, input, output);
}

static void make_up(FILE *to, struct trace *trace)
{
	srand(2023);
	for (int i = 0; i < MADE_UP_ROWS; i++) {
		char time[64];
		snprintf(time, sizeof(time), "2023-11-16 18:%02d:%02d.%07d", i / 60 % 60, i % 60,
			 i);
		write_event(to, trace, time, rand() % 8000, rand() % 1000);
	}
}

static void write_trace(const struct help_site *site, struct trace *trace)
{
	*trace = (struct trace){.rows = 0};
	snprintf(trace->path, sizeof(trace->path), "%s/trace.jsonl", site->data);
	FILE *to = fopen(trace->path, "w");
	FILE *from = fopen(REAL_TRACE, "r");
	cr_assert(to);
	if (from) {
		convert(from, to, trace);
		fclose(from);
		cr_assert_eq(trace->rows, 19366, "the real trace has 19,366 calls");
	} else {
		make_up(to, trace);
	}
	fclose(to);
}

struct arrival {
	struct standin *service;
	int64_t rows;
};

static bool has_arrived(void *context)
{
	const struct arrival *arrival = context;
	return standin_stat(arrival->service, "accepted") == arrival->rows;
}

Test(trace, arrives_whole_and_once, .timeout = 120)
{
	struct help_site site;
	struct standin service;
	struct trace trace;
	char base_url[64];
	help_site_make(&site);
	cr_assert_eq(standin_start(&service, NULL), 0);
	write_trace(&site, &trace);
	snprintf(base_url, sizeof(base_url), "--base-url=%s", service.url);
	help_agent_start(&site, (const char *const[]){base_url, NULL},
			 (const char *const[]){"PAYI_API_KEY=" STANDIN_KEY, NULL});

	char *output;
	const int code = help_shell(&output, "'%s' track --ring-dir '%s' '%s' 2>&1", AGENT_PROGRAM,
				    site.rings, trace.path);
	cr_assert_eq(code, 0, "%s", output);
	free(output);
	struct arrival arrival = {&service, trace.rows};
	help_wait(has_arrived, &arrival, 60, "the service to have the whole trace");

	cr_assert_eq(standin_stat(&service, "refused"), 0);
	cr_assert_eq(standin_stat(&service, "duplicates_same") +
			     standin_stat(&service, "duplicates_different"),
		     0);
	cr_assert_eq(standin_stat(&service, "units.text.input"), trace.input);
	cr_assert_eq(standin_stat(&service, "units.text.output"), trace.output);
	cr_assert_eq(help_query_int(&site, "SELECT count(*) FROM event_history"), trace.rows);
	cr_assert_eq(help_query_int(&site, "SELECT sum(input) FROM event_units"), trace.input);
	cr_assert_eq(help_query_int(&site, "SELECT sum(output_units) FROM usage_by_hour"),
		     trace.output);
	cr_assert_eq(help_query_int(&site, "SELECT sum(input_units) FROM use_case_history"),
		     trace.input);
	cr_assert_eq(help_query_int(&site, "SELECT count(*) FROM use_case_history"), CONVERSATIONS);
	cr_assert_eq(help_query_int(&site, "SELECT max(users) FROM use_case_history") > 1, 1);
	help_wait_query(&site, "SELECT delivered FROM sinks", trace.rows, 10);
	cr_assert_eq(help_agent_stop(&site), 0);
	standin_stop(&service);
	help_site_remove(&site);
}
