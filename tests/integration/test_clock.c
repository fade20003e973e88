/*
 * The clock is set, and the machine sleeps: an agent under them stores and delivers what comes, once, and does not
 * storm the service.
 */
#include "help/help.h"
#include "payi/payi.h"
#include "standin/standin_client.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define DAY_S INT64_C(86400)

static struct help_site site;
static struct standin service;
static payi_client *client;
static int64_t
	*offsets; /* of the wall clock and of the one that intervals are measured by; in seconds */
static int n_tracked;

static void open_clock(char *variable, size_t size)
{
	char path[HELP_PATH_BYTES + 16];
	snprintf(path, sizeof(path), "%s/clock", site.data);
	const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	cr_assert(fd >= 0 && ftruncate(fd, 2 * sizeof(int64_t)) == 0);
	offsets = mmap(NULL, 2 * sizeof(int64_t), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	cr_assert(offsets != MAP_FAILED);
	close(fd);
	snprintf(variable, size, "PRELOAD_CLOCK=%s", path);
}

static void set_up(void)
{
	static char clock[HELP_PATH_BYTES + 32], base_url[80];
	help_site_make(&site);
	open_clock(clock, sizeof(clock));
	cr_assert_eq(standin_start(&service, NULL), 0);
	snprintf(base_url, sizeof(base_url), "--base-url=%s", service.url);
	const char *const arguments[] = {base_url, "--batch-age-ms=20", NULL};
	const char *const environment[] = {"PAYI_API_KEY=" STANDIN_KEY, clock,
					   "LD_PRELOAD=" PRELOAD_MODULE,
					   "ASAN_OPTIONS=verify_asan_link_order=0", NULL};
	help_agent_start(&site, arguments, environment);
	payi_client_options options = PAYI_CLIENT_OPTIONS_INIT;
	options.ring_dir = site.rings;
	cr_assert(payi_client_open(&options, &client) == PAYI_OK, "%s", payi_last_error());
}

static void tear_down(void)
{
	payi_client_close(client);
	help_site_remove(&site);
	standin_stop(&service);
}

TestSuite(clock, .init = set_up, .fini = tear_down, .timeout = 100);

static bool all_is_delivered(void *context)
{
	(void)context;
	return standin_stat(&service, "accepted") == n_tracked;
}

/* Tracks some, and waits until they are stored. */
static void track(const char *when)
{
	const payi_units units[] = {{"text", 1, 1}};
	payi_event event = PAYI_EVENT_INIT;
	event.category = "system.openai";
	event.units = units;
	event.n_units = 1;
	for (int i = 0; i < 5; i++, n_tracked++) {
		char id[32];
		snprintf(id, sizeof(id), "event-%d", n_tracked);
		event.provider_response_id = id;
		cr_assert(payi_track(client, &event) == PAYI_OK, "%s", payi_last_error());
	}
	cr_assert(payi_flush(client, 10000) == PAYI_OK, "%s: %s", when, payi_last_error());
}

/* And delivered. */
static void go_on(const char *when)
{
	track(when);
	help_wait(all_is_delivered, NULL, 15, when);
}

static void check(int n_refused)
{
	cr_assert_eq(help_query_int(&site, "SELECT count(*) FROM event_history"), n_tracked);
	cr_assert_eq(standin_stat(&service, "refused"), n_refused);
	cr_assert_lt(standin_stat(&service, "requests"), 10 + 2 * n_tracked);
	cr_assert_eq(help_agent_stop(&site), 0);
}

/* The agent's alone: events that are ahead of it wait until it is right again. */
Test(clock, the_wall_clock_may_jump_anywhere)
{
	const int64_t now = (int64_t)time(NULL);
	const int64_t jumps[] = {
		DAY_S, -DAY_S, 3 * DAY_S, -30 * DAY_S, -now, 4291747200 - now /* 2106 */, 0};
	go_on("before");
	for (size_t i = 0; i < sizeof(jumps) / sizeof(jumps[0]); i++) {
		char when[64];
		snprintf(when, sizeof(when), "clock set by %lld s", (long long)jumps[i]);
		offsets[0] = jumps[i];
		track(when);
	}
	go_on("right again");
	check(0);
}

/* Asleep for three days: both clocks have gone on, and nobody was there. */
Test(clock, the_machine_may_sleep_for_days)
{
	go_on("before");
	for (int i = 1; i <= 3; i++) {
		offsets[0] = offsets[1] = i * 3 * DAY_S;
		go_on("after a sleep");
	}
	check(0);
}

/* What waits to be sent again does not wait for a clock that was set back by a day to come so far again. */
Test(clock, what_was_deferred_is_sent_although_the_clock_was_set_back)
{
	offsets[0] = DAY_S;
	cr_assert_eq(standin_faults(&service, "[{\"match_id\": \"event-1\", \"item_error\": "
					      "{\"code\": \"unexpected_error\", \"times\": 1}}]"),
		     0);
	track("ahead");
	help_wait_query(&site, "SELECT count(*) FROM sink_exceptions WHERE state = 'deferred'", 1,
			10);
	offsets[0] = 0;
	go_on("set back");
	check(1);
}
