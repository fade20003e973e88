/* payi-agent top: how the agent stands and what is tracked, live at a terminal, or once. */
#include "base/clock.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "cli/screen.h"
#include "cli/top_once.h"
#include "cli/top_view.h"
#include "history/when.h"

#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COMMAND "payi-agent top"

enum { KEY_INTERVAL = 0x200, KEY_ONCE, KEY_SORT, KEY_VIEW, KEY_SINCE };

#define INTERVAL_MIN_S 0.1
#define INTERVAL_MAX_S 3600.0
#define SINCE_US       (24 * INT64_C(3600000000))

static const struct argp_option options[] = {
	{"view", KEY_VIEW, TOP_TAB_WORDS, 0,
	 "what to begin with; of a snapshot: what to show [default: use-cases; of a snapshot: all]",
	 1},
	{"sort", KEY_SORT, TOP_SORTS, 0, "by what rows are sorted [default: events]", 1},
	{"since", KEY_SINCE, "WHEN", 0,
	 "from then on, in whole hours: 15m, 2h, 7d (ago), today, yesterday, a date [default: 24h]",
	 1},
	{"interval", KEY_INTERVAL, "SECONDS", 0, "look so often: 0.1 to 3600 [default: 2]", 2},
	{"once", KEY_ONCE, NULL, 0,
	 "look once, print that and end; so it is, too, where there is no terminal, and in formats "
	 "for programs",
	 2},
	{0},
};

static const char doc[] = "Shows live how the agent stands (events stored per second, what waits "
			  "and since when, the last error, whether the books "
			  "balance), and what is tracked by use case, resource and instance, or "
			  "the rings. It reads sums that are kept "
			  "anyway, and costs the same with millions of events."
			  "\vKeys: arrows or Tab for another view, s to sort, p to pause, q to "
			  "quit, ? for the others.\n\n"
			  "Examples:\n"
			  "  payi-agent top\n"
			  "  payi-agent top --view resources --sort rate --interval 1\n"
			  "  payi-agent top --once --view instances --since 1h\n"
			  "  payi-agent top --format csv --view resources --since 30d";

struct request {
	struct output output;
	enum top_tab tab;
	enum top_sort sort;
	int64_t since_us;
	double interval_s;
	bool once;
	bool has_tab;
};

/* ---- The command line ----------------------------------------------------------------------------- */

static void read_interval(const char *text, double *seconds, struct argp_state *state)
{
	char *end = NULL;
	*seconds = strtod(text, &end);
	if (end == text || (*end && strcmp(end, "s") != 0) ||
	    !(*seconds >= INTERVAL_MIN_S && *seconds <= INTERVAL_MAX_S))
		argp_error(state, "--interval is '%s'; it must be 0.1 to 3600 seconds", text);
}

/* As long ago as that moment is now. */
static void read_since(const char *text, int64_t *since_us, struct argp_state *state)
{
	const int64_t now_us = clock_wall_us();
	int64_t when_us = 0;
	if (history_when(text, now_us, false, &when_us) || when_us >= now_us)
		argp_error(state,
			   "--since is '%s'; it takes a moment of the past: " HISTORY_WHEN_FORMS,
			   text);
	*since_us = now_us - when_us;
}

static void read_tab(const char *text, struct request *request, struct argp_state *state)
{
	const int i = cli_word(TOP_TAB_WORDS, text);
	if (i < 0)
		argp_error(state, "--view is '%s'; it must be one of: " TOP_TAB_WORDS, text);
	request->tab = (enum top_tab)i;
	request->has_tab = true;
}

static void read_sort(const char *text, enum top_sort *sort, struct argp_state *state)
{
	const int i = cli_word(TOP_SORTS, text);
	if (i < 0)
		argp_error(state, "--sort is '%s'; it must be one of: " TOP_SORTS, text);
	*sort = (enum top_sort)i;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct request *request = state->input;
	switch (key) {
	case KEY_INTERVAL:
		read_interval(arg, &request->interval_s, state);
		return 0;
	case KEY_ONCE:
		request->once = true;
		return 0;
	case KEY_SORT:
		read_sort(arg, &request->sort, state);
		return 0;
	case KEY_VIEW:
		read_tab(arg, request, state);
		return 0;
	case KEY_SINCE:
		read_since(arg, &request->since_us, state);
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "'%s' is not expected", arg);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* ---- Live ----------------------------------------------------------------------------------------- */

struct live {
	struct screen *screen;
	struct format_options format;
	struct top_question question;
	struct top_view view;
	struct top_look look;
	bool ends;
	bool looks_now; /* at once */
};

static int look(struct live *live, struct err *err)
{
	const struct top_look before = live->look;
	const int status =
		top_look_take(&live->look, before.row ? &before : NULL, &live->question, err);
	struct top_look old = before;
	top_look_release(&old);
	live->looks_now = false;
	return status;
}

static int n_rows(const struct live *live)
{
	return live->question.tab == TOP_RINGS ? live->look.status.n_rings : live->look.n_rows;
}

static void draw(struct live *live)
{
	struct buf text = BUF_INIT;
	screen_size(live->screen, &live->format.width, &live->view.height);
	if (live->view.first >= n_rows(live))
		live->view.first = n_rows(live) ? n_rows(live) - 1 : 0;
	live->view.sort = live->question.sort;
	top_view_screen(&live->view, &live->look, &text);
	screen_draw(live->screen, &text);
	buf_release(&text);
}

static void choose_tab(struct live *live, int tab)
{
	live->question.tab = (enum top_tab)((tab + TOP_TABS) % TOP_TABS);
	live->view.first = 0;
	live->looks_now = true;
}

static void choose_sort(struct live *live, int sort)
{
	live->question.sort = (enum top_sort)((sort + TOP_N_SORTS) % TOP_N_SORTS);
	live->view.first = 0;
	top_look_sort(&live->look, live->question.sort);
	live->looks_now = live->look.n_rows == PULSE_ROWS_MAX; /* others may come first */
}

static void scroll(struct live *live, int n)
{
	live->view.first += n;
	if (live->view.first < 0)
		live->view.first = 0;
}

static void change_interval(struct live *live, double factor)
{
	const double interval_s = live->view.interval_s * factor;
	if (interval_s >= INTERVAL_MIN_S && interval_s <= INTERVAL_MAX_S)
		live->view.interval_s = interval_s;
}

/* Another view, or the same one sorted otherwise. */
static void press_for_view(struct live *live, int key)
{
	switch (key) {
	case '\t':
	case SCREEN_RIGHT:
		choose_tab(live, (int)live->question.tab + 1);
		break;
	case SCREEN_LEFT:
	case SCREEN_BACK_TAB:
		choose_tab(live, (int)live->question.tab - 1);
		break;
	case '1':
	case '2':
	case '3':
	case '4':
		choose_tab(live, key - '1');
		break;
	case 's':
		choose_sort(live, (int)live->question.sort + 1);
		break;
	case 'S':
		choose_sort(live, (int)live->question.sort - 1);
		break;
	default:
		break;
	}
}

static void press_for_rows(struct live *live, int key)
{
	switch (key) {
	case 'k':
	case SCREEN_UP:
		scroll(live, -1);
		break;
	case 'j':
	case SCREEN_DOWN:
		scroll(live, 1);
		break;
	case 'g':
		live->view.first = 0;
		break;
	default:
		press_for_view(live, key);
		break;
	}
}

static void press(struct live *live, int key)
{
	const bool helped = live->view.help;
	live->view.help = helped && key == SCREEN_RESIZED;
	switch (key) {
	case 'q':
	case 'Q':
	case SCREEN_END:
		live->ends = !helped || key == SCREEN_END;
		break;
	case '?':
	case 'h':
		live->view.help = !helped;
		break;
	case 'p':
	case ' ':
		live->view.paused = !live->view.paused;
		break;
	case 'r':
		live->looks_now = true;
		break;
	case '+':
		change_interval(live, 2);
		break;
	case '-':
		change_interval(live, 0.5);
		break;
	default:
		press_for_rows(live, key);
		break;
	}
}

/* Keys, until it is time for the next look. */
static void wait_for_keys(struct live *live)
{
	const int64_t end_us = clock_boot_us() + (int64_t)(live->view.interval_s * 1e6);
	bool over = false;
	while (!live->ends && !live->looks_now && !over) {
		const int64_t left_us = end_us - clock_boot_us();
		over = left_us <= 0 && !live->view.paused;
		const int wait_ms = live->view.paused ? 60000 : (int)((left_us + 999) / 1000);
		const int key = over ? SCREEN_NOTHING : screen_key(live->screen, wait_ms);
		if (key == SCREEN_NOTHING)
			continue;
		press(live, key);
		draw(live);
	}
}

static int go_live(const struct request *request, const struct top_question *question,
		   struct err *err)
{
	struct live live = {.format = request->output.format, .question = *question};
	live.view = (struct top_view){.format = &live.format,
				      .since_us = request->since_us,
				      .interval_s = request->interval_s,
				      .live = true};
	int status = screen_open(&live.screen, err);
	while (!status && !live.ends) {
		status = look(&live, err);
		if (!status) {
			draw(&live);
			wait_for_keys(&live);
		}
	}
	screen_close(live.screen);
	top_look_release(&live.look);
	return status;
}

int cli_top(int argc, char **argv)
{
	struct settings settings;
	struct err err;
	struct request request = {.sort = TOP_BY_EVENTS, .since_us = SINCE_US, .interval_s = 2};
	const struct argp argp = {.options = options, .parser = parse, .doc = doc};
	const struct cli_line line = {COMMAND, &argp, &request, CLI_SETTINGS_PATHS,
				      &request.output};
	int status = cli_parse(&line, argc, argv, &settings);
	if (status)
		return status;
	const struct top_question question = {.database = settings.database,
					      .ring_dir = settings.ring_dir,
					      .tab = request.tab,
					      .sort = request.sort,
					      .since_us = request.since_us};
	if (request.once || request.output.format.kind != FORMAT_TABLE || !screen_is_possible())
		status = top_once(&question, request.has_tab, &request.output.format, &err);
	else
		status = go_live(&request, &question, &err);
	settings_release(&settings);
	return status ? cli_fail(COMMAND, &err) : cli_finish(COMMAND);
}
