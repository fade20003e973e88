/*
 * The page in a real browser, before a real agent with real events: what a person sees, clicks and presses. Without a
 * browser on this machine the tests are skipped, and say so.
 */
#include "help/browser.h"
#include "help/local_http.h"
#include "payi/payi.h"
#include "standin/standin_client.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static struct help_site site;
static struct standin service;
static struct browser browser;
static char base_url[64];
static char origin[64];

/* ---- The scene ------------------------------------------------------------------------------------ */

enum { EVENTS = 240, PER_INSTANCE = 8, REFUSED = 3 };

#define MARKUP "<img src=x onerror=\"window.pwned=1\">"

static const char *const use_cases[] = {"support_ticket", "document_chat", "review"};
static const char *const models[] = {"gpt-4o", "claude-sonnet-4", "gpt-4o-mini", "gemini-2.5-pro"};

static void track(payi_client *client, const payi_event *event)
{
	cr_assert(payi_track(client, event) == PAYI_OK, "%s", payi_last_error());
}

/* One instance after the other, over the last twenty hours. */
static void track_calls(payi_client *client)
{
	static const char *const steps[] = {"plan", "draft", "check"};
	const int64_t now_us = (int64_t)time(NULL) * 1000000;
	for (int i = 0; i < EVENTS; i++) {
		char id[32];
		const payi_units units[] = {{"text", 100 + i * 7, 20 + i % 9}};
		payi_event event = PAYI_EVENT_INIT;
		snprintf(id, sizeof(id), "id-%d", i / PER_INSTANCE);
		event.category = i % 4 == 1 ? "system.anthropic" : "system.openai";
		event.resource = models[i % 4];
		event.event_timestamp_us = now_us - (EVENTS - i) * INT64_C(300000000);
		event.units = units;
		event.n_units = 1;
		event.end_to_end_latency_ms = 200 + i * 13 % 900;
		event.http_status_code = i % 20 ? 200 : 429;
		event.use_case_name = use_cases[i / PER_INSTANCE % 3];
		event.use_case_id = id;
		event.use_case_step = steps[i % 3];
		event.user_id = i % 2 ? "ann" : "bob";
		track(client, &event);
	}
}

static void track_trouble(payi_client *client)
{
	const payi_units units[] = {{"text", 5, 5}};
	payi_event event = PAYI_EVENT_INIT;
	event.category = "system.openai";
	event.resource = MARKUP;
	event.units = units;
	event.n_units = 1;
	event.use_case_name = "markup";
	event.use_case_id = MARKUP;
	event.use_case_step = MARKUP;
	event.user_id = MARKUP;
	track(client, &event);
	for (int i = 0; i < REFUSED; i++) {
		event.resource = "gpt-4o";
		event.use_case_name = "review";
		event.use_case_id = "refused";
		event.user_id = "nobody";
		track(client, &event);
	}
}

static void track_all(void)
{
	payi_client *client;
	cr_assert(payi_client_open(NULL, &client) == PAYI_OK, "%s", payi_last_error());
	track_calls(client);
	track_trouble(client);
	cr_assert(payi_flush(client, 20000) == PAYI_OK, "%s", payi_last_error());
	payi_client_close(client);
	char sql[128];
	snprintf(sql, sizeof(sql), "SELECT delivered = %d AND dead = %d FROM sink_books",
		 EVENTS + 1, REFUSED);
	help_wait_query(&site, sql, 1, 30);
}

static void start_agent(const char *listen, const char *more)
{
	static const char *const environment[] = {"PAYI_API_KEY=" STANDIN_KEY, NULL};
	snprintf(base_url, sizeof(base_url), "--base-url=%s", service.url);
	const char *const arguments[] = {base_url, "--batch-age-ms=20", listen, more, NULL};
	help_agent_start(&site, arguments, environment);
	snprintf(origin, sizeof(origin), "http://127.0.0.1:%d/", local_port(&site));
}

static void set_up(void)
{
	if (!browser_is_installed())
		cr_skip("there is no browser: install chromium and chromium-driver");
	help_site_make(&site);
	cr_assert_eq(standin_start(&service, NULL), 0);
	cr_assert_eq(standin_faults(&service,
				    "[{\"match\":{\"user_id\":\"nobody\"},\"item_error\":{\"code\":"
				    "\"invalid_user_id\",\"message\":\""
				    "<b>who?</b>"
				    "\",\"status\":422}}]"),
		     0);
	start_agent("--http-listen=127.0.0.1:0", NULL);
	track_all();
	browser_start(&browser);
	browser_resize(&browser, 1300, 900);
}

static void tear_down(void)
{
	if (!site.data[0])
		return;
	browser_stop(&browser);
	help_site_remove(&site);
	standin_stop(&service);
}

TestSuite(browser, .init = set_up, .fini = tear_down, .timeout = 100);

static void go(const char *hash)
{
	char url[512];
	snprintf(url, sizeof(url), "%s%s", origin, hash);
	browser_go(&browser, "about:blank");
	browser_go(&browser, url);
	browser_wait(&browser, "document.querySelector('#tiles .tile')");
}

#define PLOTTED(id) "document.querySelector('#" id " svg path[d]:not([d=\"\"])')"

static void expect_text(const char *expression, const char *expected)
{
	char *text = browser_text(&browser, expression);
	cr_expect_str_eq(text, expected, "%s is '%s'", expression, text);
	free(text);
}

/* The sum of the legend's events, which has all of them while they are few. */
#define LEGEND_EVENTS                                                                              \
	"[...document.querySelectorAll('#legend tbody tr td:nth-child(2)')]"                       \
	".reduce((n, td) => n + Number(td.textContent.replace(/\\D/g, '')), 0)"

/* ---- Looking -------------------------------------------------------------------------------------- */

static void nothing_went_wrong(void)
{
	json_t *console = browser_console(&browser);
	json_t *requests = browser_requests(&browser);
	char *text = json_dumps(console, 0);
	cr_expect_eq(json_array_size(console), 0, "the console: %s", text);
	free(text);
	cr_expect_gt(json_array_size(requests), 10);
	for (size_t i = 0; i < json_array_size(requests); i++) {
		const char *url = json_string_value(json_array_get(requests, i));
		cr_expect(strncmp(url, origin, strlen(origin)) == 0 ||
				  strcmp(url, "about:blank") == 0 ||
				  strncmp(url, "data:", 5) == 0, /* an icon of the browser itself */
			  "it asked for %s", url);
	}
	json_decref(console);
	json_decref(requests);
}

/* What the database says is what is seen; and names that are markup are text. */
Test(browser, shows_what_there_is)
{
	go("");
	browser_wait(&browser, PLOTTED("usage-plot"));
	browser_wait(&browser, PLOTTED("latency-plot"));
	browser_wait(&browser, PLOTTED("spread-plot"));
	browser_wait(&browser, "document.querySelectorAll('#instances-table tbody tr').length > 5");
	browser_wait(&browser, "document.querySelector('#differ-table svg')");
	browser_wait(&browser, "document.querySelector('#dead-table tbody tr')");
	cr_expect_eq(browser_number(&browser, LEGEND_EVENTS), EVENTS + 1 + REFUSED);
	cr_expect_eq(
		browser_number(&browser, "document.querySelectorAll('#usage-plot path').length"),
		4);
	cr_expect_eq(browser_number(&browser,
				    "document.querySelectorAll('#dead-table tbody tr').length"),
		     REFUSED);
	expect_text("document.querySelector('#books-body .sum:nth-of-type(2) dd').textContent",
		    "241");
	expect_text("document.querySelector('#verdict').textContent", "1 thing needs a look");
	expect_text("document.querySelector('#dead-table .message').textContent", "<b>who?</b>");
	go("#by=resource&metric=events");
	browser_wait(&browser, "document.querySelector('#legend').textContent.includes('<img')");
	go("#name=markup&id=%3Cimg%20src%3Dx%20onerror%3D%22window.pwned%3D1%22%3E");
	browser_wait(&browser, "document.querySelectorAll('.call').length === 1");
	cr_expect(browser_is(
		&browser, "return document.querySelector('.call').textContent.includes('<img')"));
	cr_expect(browser_is(&browser, "return !window.pwned &&"
				       " !document.querySelector('img[onerror], main b b')"));
	nothing_went_wrong();
}

/* ---- Asking --------------------------------------------------------------------------------------- */

Test(browser, filters_and_its_address_brings_the_same_again)
{
	go("#range=7d");
	browser_wait(&browser, PLOTTED("usage-plot"));
	json_decref(browser_eval(&browser, "document.getElementById('use-case').focus()"));
	browser_keys(&browser, "review" BROWSER_ENTER);
	browser_wait(&browser, "location.hash.includes('use-case=review')");
	browser_wait(&browser, LEGEND_EVENTS " === 83");
	browser_wait(&browser, "document.querySelectorAll('#steps-table tbody tr').length === 4");
	json_decref(browser_eval(&browser,
				 "document.querySelector('#by input[value=resource]').click()"));
	browser_wait(&browser, "document.querySelectorAll('#legend tbody tr').length === 4");
	char *address = browser_text(&browser, "location.hash");
	char *legend = browser_text(&browser, "document.querySelector('#legend').innerText");

	go(address);
	browser_wait(&browser, "document.querySelectorAll('#legend tbody tr').length === 4");
	expect_text("document.querySelector('#legend').innerText", legend);
	expect_text("document.getElementById('use-case').value", "review");
	expect_text("document.querySelector('#range input:checked').value", "7d");
	expect_text("document.querySelector('#by input:checked').value", "resource");
	/* A pick in the plot is a time of one's own, and Back takes it back. */
	json_decref(browser_eval(&browser, "const plot = document.querySelector('#usage-plot "
					   ".canvas'); plot.focus()"));
	browser_keys(&browser, BROWSER_END BROWSER_ENTER);
	browser_wait(&browser, "location.hash.includes('range=custom')");
	browser_wait(&browser, "!document.getElementById('custom').hidden");
	json_decref(browser_eval(&browser, "history.back()"));
	browser_wait(&browser, "location.hash.includes('range=7d')");
	free(address);
	free(legend);
	nothing_went_wrong();
}

Test(browser, is_used_by_the_keyboard_alone)
{
	go("");
	browser_wait(&browser, PLOTTED("latency-plot"));
	browser_keys(&browser, BROWSER_TAB);
	expect_text("document.activeElement.textContent", "Skip to the content");
	browser_keys(&browser, BROWSER_ENTER);
	expect_text("document.activeElement.id", "main");
	/* The plot is read, slot by slot. */
	json_decref(
		browser_eval(&browser, "document.querySelector('#latency-plot .canvas').focus()"));
	browser_keys(&browser, BROWSER_END);
	const double end = browser_number(&browser, "document.activeElement.ariaValueNow");
	browser_keys(&browser, BROWSER_LEFT BROWSER_LEFT BROWSER_LEFT BROWSER_RIGHT);
	cr_expect_eq(browser_number(&browser, "document.activeElement.ariaValueNow"), end - 2);
	cr_expect(browser_is(&browser, "return /p95 .*ms.*events/.test(document.activeElement"
				       ".getAttribute('aria-valuetext'))"));
	cr_expect(browser_is(&browser,
			     "return !document.querySelector('#latency-plot .tip').hidden"));
	browser_keys(&browser, BROWSER_ESCAPE);
	cr_expect(
		browser_is(&browser, "return document.querySelector('#latency-plot .tip').hidden"));
	/* An instance, call by call. */
	browser_wait(&browser, "document.querySelector('#instances-table a.id')");
	json_decref(browser_eval(&browser, "document.querySelector('#instances-table "
					   "a.id').focus()"));
	browser_keys(&browser, BROWSER_ENTER);
	browser_wait(&browser, "document.querySelectorAll('.call').length === 8");
	expect_text("document.activeElement.id", "instance-title");
	json_decref(browser_eval(&browser, "document.querySelector('.call summary').focus()"));
	browser_keys(&browser, BROWSER_ENTER);
	browser_wait(&browser, "document.querySelector('.call details').open");
	cr_expect(browser_is(&browser, "return document.querySelector('.call details')"
				       ".innerText.includes('delivered')"));
	json_decref(browser_eval(&browser, "document.querySelector('a.back').focus()"));
	browser_keys(&browser, BROWSER_ENTER);
	browser_wait(&browser, "!document.getElementById('overview').hidden");
	nothing_went_wrong();
}

/* ---- Acting --------------------------------------------------------------------------------------- */

static int64_t of_books(const char *column)
{
	char sql[64];
	snprintf(sql, sizeof(sql), "SELECT %s FROM sink_books", column);
	return help_query_int(&site, sql);
}

Test(browser, sends_dead_events_again_and_gives_them_up)
{
	go("");
	browser_wait(&browser, "document.querySelectorAll('#dead-table tbody tr').length === 3");
	/* Asked, and thought better of. */
	json_decref(
		browser_eval(&browser, "document.querySelector('[data-key=drop-all]').focus()"));
	browser_keys(&browser, BROWSER_ENTER);
	browser_wait(&browser, "document.getElementById('confirm').open");
	browser_keys(&browser, BROWSER_ESCAPE);
	browser_wait(&browser, "!document.getElementById('confirm').open");
	cr_expect_eq(of_books("dead"), REFUSED);
	/* One is given up, asked for in the very moment in which the question before it was shut: what the browser
	 * still has to say of that one is not taken for an answer to this. */
	json_decref(browser_eval(&browser, "document.querySelector('[data-key=drop-all]').click();"
					   "document.getElementById('confirm').close();"
					   "document.querySelector('[data-key^=drop-2]').click()"));
	browser_wait(&browser, "document.getElementById('confirm').open");
	json_decref(browser_eval(&browser,
				 "document.querySelector('#confirm [data-answer=yes]').click()"));
	browser_wait(&browser, "document.querySelectorAll('#dead-table tbody tr').length === 2");
	cr_expect_eq(of_books("discarded"), 1);
	/* The others are sent again, and this time Pay-i takes them. */
	cr_assert_eq(standin_faults(&service, "[]"), 0);
	json_decref(
		browser_eval(&browser, "document.querySelector('[data-key=retry-all]').focus()"));
	browser_keys(&browser, BROWSER_ENTER);
	browser_wait(&browser, "document.getElementById('confirm').open");
	browser_keys(&browser, BROWSER_TAB BROWSER_ENTER);
	browser_wait(&browser, "document.querySelector('#dead-table .empty')");
	help_wait_query(&site, "SELECT delivered FROM sink_books", EVENTS + REFUSED, 20);
	browser_wait(&browser, "document.querySelector('#verdict').textContent === 'All is well'");
	nothing_went_wrong();
}

/* ---- Anywhere ------------------------------------------------------------------------------------- */

static double brightness(void)
{
	return browser_number(&browser,
			      "getComputedStyle(document.body).backgroundColor.match(/\\d+/g)[0]");
}

static void expect_no_sideways(const char *what)
{
	cr_expect_leq(browser_number(&browser, "document.documentElement.scrollWidth"), 360, "%s",
		      what);
}

Test(browser, is_light_or_dark_and_fits_a_phone)
{
	browser_be_dark(&browser, false);
	go("");
	cr_expect_gt(brightness(), 200);
	browser_be_dark(&browser, true);
	browser_wait(&browser, PLOTTED("usage-plot"));
	cr_expect_lt(brightness(), 60);
	json_decref(browser_eval(&browser, "document.getElementById('theme').click()"));
	expect_text("document.getElementById('theme').textContent", "Light");
	cr_expect_gt(brightness(), 200);
	go("");
	cr_expect_gt(brightness(), 200, "it is remembered");

	browser_resize(&browser, 360, 740);
	browser_wait(&browser, PLOTTED("spread-plot"));
	browser_wait(&browser, "document.querySelector('#dead-table tbody tr')");
	browser_wait(&browser, "document.querySelector('#differ-table tbody tr')");
	expect_no_sideways("the page");
	go("#range=custom&since=2026-01-01T00:00:00Z&use-case=review");
	browser_wait(&browser, "document.querySelector('#steps-table tbody tr')");
	expect_no_sideways("with filters");
	go("#name=review&id=id-2");
	browser_wait(&browser, "document.querySelectorAll('.call').length === 8");
	json_decref(browser_eval(&browser, "document.querySelector('.call details').open = true"));
	expect_no_sideways("an instance");
	nothing_went_wrong();
}

/* ---- An agent that wants a token, and one that is gone --------------------------------------------- */

Test(browser, asks_for_the_token_and_waits_for_an_agent_that_is_gone)
{
	char path[HELP_PATH_BYTES + 16], flag[HELP_PATH_BYTES + 64], listen[64];
	snprintf(path, sizeof(path), "%s/token", site.data);
	snprintf(flag, sizeof(flag), "--http-token-file=%s", path);
	FILE *file = fopen(path, "w");
	cr_assert(file);
	fputs("a-long-secret\n", file);
	fclose(file);
	help_agent_stop(&site);
	start_agent("--http-listen=127.0.0.1:0", flag);
	snprintf(listen, sizeof(listen), "--http-listen=127.0.0.1:%d", local_port(&site));

	browser_go(&browser, origin);
	browser_wait(&browser, "document.getElementById('ask-token').open");
	browser_keys(&browser, "a-wrong-secret" BROWSER_ENTER);
	browser_wait(&browser, "document.getElementById('token-wrong').textContent");
	browser_keys(&browser, "a-long-secret" BROWSER_ENTER);
	browser_wait(&browser, PLOTTED("usage-plot"));
	cr_expect(browser_is(&browser, "return !document.getElementById('ask-token').open &&"
				       " !localStorage.getItem('payi-agent-token')"));
	browser_go(&browser, origin);
	browser_wait(&browser, PLOTTED("usage-plot"));

	help_agent_stop(&site);
	browser_wait(&browser, "!document.getElementById('outage').hidden");
	cr_expect(browser_is(&browser, "return document.getElementById('outage').textContent"
				       ".includes('has not answered since')"));
	expect_text("document.getElementById('verdict').textContent", "No answer");
	cr_expect_eq(browser_number(&browser, LEGEND_EVENTS), EVENTS + 1 + REFUSED,
		     "what was known is still shown");
	start_agent(listen, flag);
	json_decref(browser_eval(&browser, "document.querySelector('[data-key=try]').click()"));
	browser_wait(&browser, "document.getElementById('outage').hidden");
	cr_expect(browser_is(&browser, "return document.getElementById('verdict').textContent !== "
				       "'No answer'"));
}
