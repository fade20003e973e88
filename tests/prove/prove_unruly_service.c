/*
 * M4, M21, M33. A service that goes from one fault to the next, by lot, while applications and the agent are killed and come
 * back: in the end each event is there once by its id, those that the service refuses are dead with its reason, an outage
 * saw a few requests in a second, and what status said all along lies within the bounds of what the oracle knew.
 *
 * PROVE_SECONDS: for how long, else 8 in the short share and 300 in all.
 */
#include "prove/kit/oracle.h"
#include "prove/kit/prove.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	TAKEN,   /* applications whose events the service takes */
	REFUSED, /* … refuses, each with a code */
	POISON,  /* … answers with a 400 for the whole batch */
	KINDS,
};

enum {
	PRODUCERS = 5,
	RING_BYTES = 64 * 1024,
	REFUSED_FROM = 800000, /* numbers of applications, which ids begin with */
	POISON_FROM = 900000,
	OUTAGE_MS = 2500,
	SAID_WITHIN_MS = 1500,  /* of an outage's begin, that something is wrong */
	REQUESTS_PER_S_MAX = 5, /* in an outage */
	ROUND_S = 30,
	SETTLE_S = 120,
};

/* What stands all the time; a script follows. */
#define ALWAYS                                                                                     \
	"[{\"gzip\":true},{\"match_id\":\"e8000*\",\"item_error\":{\"code\":\"invalid_user_id\"}}" \
	","                                                                                        \
	"{\"match_id\":\"e9000*\",\"whole_batch\":true}"

static const char *const FAULTS[] = {
	"",
	",{\"times\":2,\"status\":503}",
	",{\"times\":1,\"status\":429,\"headers\":{\"retry-after-ms\":\"300\"}}",
	",{\"times\":1,\"status\":502,\"headers\":{\"Content-Type\":\"text/html\"},"
	"\"body\":\"<html><h1>502 Bad Gateway</h1></html>\"}",
	",{\"times\":2,\"action\":\"reset_before\"},{\"times\":2,\"action\":\"reset_after\"}",
	",{\"times\":2,\"action\":\"truncate\"}",
	",{\"times\":-1,\"action\":\"chunked\"}",
	",{\"times\":2,\"action\":\"slow\",\"piece_ms\":20}",
	",{\"times\":1,\"huge_bytes\":3000000}",
	",{\"times\":2,\"hang_ms\":2000}",
	",{\"times\":2,\"hang_after_ms\":2000}",
	",{\"times\":2,\"on\":\"bulk\",\"status\":200,\"processed\":true,\"body\":\"<html>OK</"
	"html>\"}",
	",{\"times\":1,\"on\":\"bulk\",\"processed\":true,\"raw\":\"HTTP/1.1 200 OK\\r\\n"
	"Content-Length: 99\\r\\n\\r\\n{}\"}",
	",{\"times\":1,\"on\":\"bulk\",\"processed\":true,\"raw\":\"HTTP/1.1 200 OK\\r\\n"
	"Content-Length: 5\\r\\n\\r\\n{\\\"ingest_timestamp\\\":1}\"}",
	/* Says that it took them, and did not. */
	",{\"times\":2,\"on\":\"bulk\",\"status\":200,\"body\":\"{\\\"ingest\"}",
	",{\"times\":1,\"raw\":\"nonsense\"}",
	",{\"times\":1,\"raw\":\"HTTP/1.1 100 Continue\\r\\n\\r\\n\"}",
	",{\"duplicate_status\":409},{\"times\":2,\"action\":\"reset_after\"}",
	",{\"partial_status\":400}",
	",{\"max_bytes\":20000}",
};

enum { N_FAULTS = sizeof(FAULTS) / sizeof(FAULTS[0]) };

static const char *const OUTAGES[] = {
	",{\"times\":-1,\"status\":503}",
	",{\"times\":-1,\"action\":\"reset_before\"}",
	",{\"times\":-1,\"raw\":\"nonsense\"}",
	",{\"times\":-1,\"status\":500,\"body\":\"<html>\"}",
};

enum { N_OUTAGES = sizeof(OUTAGES) / sizeof(OUTAGES[0]) };

static struct place place;
static struct oracle oracle;
static struct standin service;
static char base_url[64];

static struct {
	int producers_killed, agents_killed, faults, outages, looks, rounds;
	int64_t stored, dead, resent, accepted, unknown;
	double requests_per_s; /* in an outage, the most */
} totals;

static void misbehave(const char *fault)
{
	char script[2000];
	snprintf(script, sizeof(script), ALWAYS "%s]", fault);
	if (standin_faults(&service, script))
		prove_broken("the stand-in refuses %s", script);
}

/* ---- Applications --------------------------------------------------------------------------------- */

struct application {
	pid_t pid;
	uint32_t next; /* number */
};

static struct application applications[PRODUCERS + KINDS - 1];

enum { N_APPLICATIONS = sizeof(applications) / sizeof(applications[0]) };

/* The last ones track what the service does not want: seldom, as each such event costs several requests. */
static int kind_of(int i)
{
	return i < PRODUCERS ? TAKEN : i - PRODUCERS + 1;
}

static _Noreturn void be_application(int kind, uint32_t number, uint64_t seed)
{
	static const int pause_us[KINDS] = {4000, 150000, 300000};
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prove_reseed(seed);
	payi_client *client = place_client(&place, "unruly", RING_BYTES, true);
	for (uint32_t i = 0;; i++) {
		oracle_track(&oracle, client, number, i);
		prove_sleep_us(prove_below(pause_us[kind]));
	}
}

static void start_application(int i)
{
	const uint64_t seed = prove_random();
	struct application *it = &applications[i];
	it->pid = fork();
	if (it->pid < 0)
		prove_broken("cannot fork");
	if (it->pid == 0)
		be_application(kind_of(i), it->next, seed);
	it->next += kind_of(i) == TAKEN ? PRODUCERS : 1;
}

static void kill_application(int i)
{
	kill(applications[i].pid, SIGKILL);
	while (waitpid(applications[i].pid, NULL, 0) < 0 && errno == EINTR)
		continue;
}

static void start_applications(void)
{
	static const uint32_t first[KINDS] = {0, REFUSED_FROM, POISON_FROM};
	for (int i = 0; i < N_APPLICATIONS; i++) {
		applications[i].next = first[kind_of(i)] + (i < PRODUCERS ? (uint32_t)i : 0);
		start_application(i);
	}
}

/* ---- What status says ----------------------------------------------------------------------------- */

struct said {
	int64_t tracked, stored, delivered, waiting, deferred, dead;
	char state[24], error[400];
	bool has_success, has_next_try;
};

static json_t *run_status(void)
{
	char command[3 * PLACE_PATH_BYTES];
	snprintf(command, sizeof(command),
		 "'" AGENT_PROGRAM "' status --json --data-dir '%s' --ring-dir '%s'", place.data,
		 place.rings);
	FILE *output = popen(command, "r");
	json_t *json = output ? json_loadf(output, 0, NULL) : NULL;
	if (output)
		pclose(output);
	if (!json)
		prove_finding("status says nothing");
	return json;
}

static int64_t number_of(const json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}

static void copy_text(char *to, size_t size, const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));
	snprintf(to, size, "%s", text ? text : "");
}

static bool ask_status(struct said *said)
{
	json_t *json = run_status();
	const json_t *sink = json_array_get(json_object_get(json, "sinks"), 0);
	*said = (struct said){
		.tracked = number_of(json_object_get(json, "books"), "tracked"),
		.stored = number_of(sink, "stored"),
		.delivered = number_of(sink, "delivered"),
		.waiting = number_of(sink, "waiting"),
		.deferred = number_of(sink, "deferred"),
		.dead = number_of(sink, "dead"),
		.has_success = json_is_string(json_object_get(sink, "last_success")),
		.has_next_try = json_is_string(json_object_get(sink, "next_try")),
	};
	copy_text(said->state, sizeof(said->state), sink, "state");
	copy_text(said->error, sizeof(said->error), sink, "last_error");
	json_decref(json);
	return sink != NULL;
}

/* The books are of one moment; the service, asked afterwards, has at least what is said to be delivered. */
static void look(void)
{
	struct said said;
	if (!ask_status(&said))
		return;
	const int64_t taken = standin_stat(&service, "accepted");
	totals.looks++;
	if (said.stored != said.delivered + said.waiting + said.deferred + said.dead)
		prove_finding("status: stored %" PRId64 " is not the sum of its parts",
			      said.stored);
	if (said.delivered > taken)
		prove_finding("status: %" PRId64 " delivered, the service has %" PRId64,
			      said.delivered, taken);
	if (said.delivered > 0 && !said.has_success)
		prove_finding("status: %" PRId64 " delivered, and no success ever", said.delivered);
}

/* ---- An outage ------------------------------------------------------------------------------------ */

static void look_in_outage(void)
{
	struct said said;
	if (!ask_status(&said) || said.waiting + said.deferred == 0)
		return;
	totals.looks++;
	if (strcmp(said.state, "waiting") != 0 && strcmp(said.state, "sending") != 0)
		prove_finding("status: in an outage it is '%s'", said.state);
	if (!said.error[0])
		prove_finding("status: in an outage there is no error");
	if (strcmp(said.state, "waiting") == 0 && !said.has_next_try)
		prove_finding("status: it waits, and does not say until when");
}

/* Nobody is killed meanwhile: each new agent may ask at once. */
static void have_outage(void)
{
	misbehave(OUTAGES[prove_below(N_OUTAGES)]);
	const double began = prove_now_s();
	const int64_t before = standin_stat(&service, "requests");
	prove_sleep_us(SAID_WITHIN_MS * 1000);
	look_in_outage();
	prove_sleep_us((OUTAGE_MS - SAID_WITHIN_MS) * 1000);
	const int64_t requests = standin_stat(&service, "requests") - before;
	const double per_s = (double)requests / (prove_now_s() - began);
	totals.outages++;
	if (per_s > totals.requests_per_s)
		totals.requests_per_s = per_s;
	if (per_s > REQUESTS_PER_S_MAX)
		prove_finding("%.1f requests per second in an outage", per_s);
}

/* ---- A round -------------------------------------------------------------------------------------- */

static void restart_agent(void)
{
	place_agent_kill(&place);
	totals.agents_killed++;
	place_agent_launch(&place);
}

static void check_agent_lives(void)
{
	int status;
	if (waitpid(place.agent, &status, WNOHANG) != place.agent)
		return;
	prove_finding("the agent ended by itself: %x, %s", (unsigned)status, place.log);
	place_agent_launch(&place);
}

static void happen(void)
{
	const int what = prove_below(100);
	if (what < 6) {
		have_outage();
		misbehave("");
	} else if (what < 40) {
		misbehave(FAULTS[prove_below(N_FAULTS)]);
		totals.faults++;
	} else if (what < 70) {
		const int i = prove_below(N_APPLICATIONS);
		kill_application(i);
		start_application(i);
		totals.producers_killed++;
	} else if (what < 78) {
		restart_agent();
	} else {
		look();
	}
	check_agent_lives();
	prove_sleep_us(prove_below(200000));
}

static void settle(void)
{
	for (int i = 0; i < N_APPLICATIONS; i++)
		kill_application(i);
	misbehave("");
	restart_agent();
	place_agent_ready(&place);
	if (!place_wait_no_rings(&place, 60))
		prove_finding("rings of dead applications are not reaped");
	if (!place_wait_number(&place, "SELECT waiting + deferred FROM sink_books", 0, SETTLE_S))
		prove_finding("%" PRId64 " events neither delivered nor dead",
			      place_number(&place, "SELECT waiting + deferred FROM sink_books"));
	look();
	if (place_agent_stop(&place) != 0)
		prove_finding("the agent does not end well: %s", place.log);
}

/* Those that are refused, each of both kinds with its reason, and no other. */
static void check_dead(const struct oracle_sums *sums)
{
	static const char dead[] =
		"SELECT count(*) FROM sink_exceptions x JOIN events e ON e.id = x.event"
		" WHERE x.state = 'dead' AND x.http_status = 400 AND x.attempts > 0"
		" AND ((e.provider_response_id GLOB 'e8000*' AND x.code = 'invalid_user_id')"
		" OR e.provider_response_id GLOB 'e9000*')";
	const int64_t right = place_number(&place, dead);
	const int64_t all = place_number(&place, "SELECT count(*) FROM sink_exceptions");
	if (right != sums->dead || all != sums->dead)
		prove_finding("%" PRId64 " are refused: %" PRId64
			      " dead with the right reason, %" PRId64 " exceptions in all",
			      sums->dead, right, all);
}

static void check(uint64_t seed)
{
	struct oracle_sums sums;
	settle();
	oracle_check(&oracle, &place, &service, &sums);
	check_dead(&sums);
	place_check_books(&place, NULL);
	totals.accepted += sums.accepted;
	totals.unknown += sums.unknown;
	totals.stored += sums.stored;
	totals.dead += sums.dead;
	totals.resent += standin_stat(&service, "duplicates_same");
	if (prove_findings() == 0)
		return;
	fprintf(stderr, "in the round of seed %" PRIu64 "\n", seed);
	place_remove(&place); /* says where it is, and keeps it */
	exit(1);
}

/* Packed or plain, a backlog at once or at a rate: by lot. */
static void choose_ways(void)
{
	int n = 3;
	if (prove_below(2))
		place.arguments[n++] = "--gzip=yes";
	if (prove_below(2))
		place.arguments[n++] = "--drain-rate=3000";
	place.arguments[n] = NULL;
}

static void run_round(double until)
{
	const uint64_t seed = prove_random();
	place_empty(&place);
	choose_ways();
	standin_reset(&service);
	misbehave("");
	oracle_open(&oracle, &place);
	oracle.dead_from = REFUSED_FROM;
	place_agent_launch(&place);
	start_applications();
	while (prove_now_s() < until)
		happen();
	have_outage();
	check(seed);
	oracle_close(&oracle);
	totals.rounds++;
	fprintf(stderr, "%d rounds, %" PRId64 " events\n", totals.rounds, totals.stored);
}

static double seconds_to_run(void)
{
	const char *given = getenv("PROVE_SECONDS");
	const double seconds = given ? strtod(given, NULL) : 0;
	return seconds > 0 ? seconds : prove_figure(5, 300);
}

static void print_rows(void)
{
	prove_row("M4",
		  "an unruly service, all killed at random: each event there once or dead with its "
		  "reason",
		  true,
		  "%" PRId64 " events, %" PRId64
		  " of them dead, %d faults, %d applications and %d agents killed",
		  totals.stored, totals.dead, totals.faults, totals.producers_killed,
		  totals.agents_killed);
	prove_row("M33", "an outage sees at most 5 requests per second", true,
		  "%d outages, %.1f at the most", totals.outages, totals.requests_per_s);
	prove_row("M21", "status tells the truth all along", true, "%d looks, 0 out of bounds",
		  totals.looks);
}

int main(int argc, char **argv)
{
	prove_begin(argc, argv);
	const double end = prove_now_s() + seconds_to_run();
	if (standin_start(&service, NULL))
		prove_broken("no stand-in");
	place_make(&place);
	snprintf(base_url, sizeof(base_url), "--base-url=%s", service.url);
	place.arguments[0] = base_url;
	place.arguments[1] = "--batch-age-ms=20";
	place.arguments[2] = "--timeout-s=1";
	place.key = STANDIN_KEY;
	for (double now; (now = prove_now_s()) < end;)
		run_round(now + ROUND_S < end ? now + ROUND_S : end);
	place_remove(&place);
	standin_stop(&service);
	print_rows();
	return prove_end();
}
