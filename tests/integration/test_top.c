/* payi-agent top on a terminal of our own: what it shows, its keys, and that the terminal is given back as it was. */
#define _GNU_SOURCE /* TIOCSWINSZ, posix_openpt() */
#include "help/help.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

static struct help_site site;

static void begin(void)
{
	unsetenv("NO_COLOR");
	unsetenv("COLUMNS");
	setenv("TERM", "xterm", 1);
	help_site_make(&site);
	help_agent_start(&site, NULL, NULL);
}

static void end(void)
{
	help_site_remove(&site);
}

TestSuite(top, .init = begin, .fini = end);

/* The terminal, from its other side. */
struct terminal {
	int fd;
	int slave; /* kept open, so that what it is set to can be asked when top is gone */
	pid_t pid;
	struct termios before;
	char text[262144];
	size_t len;
	size_t from; /* what was said before is not looked at again */
	const char *wanted;
};

static void resize(struct terminal *terminal, unsigned short columns, unsigned short lines)
{
	const struct winsize size = {.ws_col = columns, .ws_row = lines};
	cr_assert_eq(ioctl(terminal->fd, TIOCSWINSZ, &size), 0);
}

static void run_top(const struct terminal *terminal)
{
	setsid();
	ioctl(terminal->slave, TIOCSCTTY, 0);
	for (int i = 0; i < 3; i++)
		dup2(terminal->slave, i);
	execl(AGENT_PROGRAM, "payi-agent", "top", "--interval", "0.2", (char *)NULL);
	_exit(127);
}

static void start(struct terminal *terminal)
{
	memset(terminal, 0, sizeof(*terminal));
	terminal->fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	cr_assert(terminal->fd >= 0 && grantpt(terminal->fd) == 0 && unlockpt(terminal->fd) == 0);
	terminal->slave = open(ptsname(terminal->fd), O_RDWR | O_NOCTTY | O_CLOEXEC);
	cr_assert(terminal->slave >= 0);
	resize(terminal, 80, 24);
	cr_assert_eq(tcgetattr(terminal->slave, &terminal->before), 0);
	terminal->pid = fork();
	cr_assert(terminal->pid >= 0);
	if (terminal->pid == 0)
		run_top(terminal);
	fcntl(terminal->fd, F_SETFL, O_NONBLOCK);
}

static bool has_shown(void *context)
{
	struct terminal *terminal = context;
	if (terminal->len > sizeof(terminal->text) / 2) { /* frames of long ago */
		memmove(terminal->text, terminal->text + terminal->from,
			terminal->len - terminal->from);
		terminal->len -= terminal->from;
		terminal->from = 0;
	}
	const ssize_t n = read(terminal->fd, terminal->text + terminal->len,
			       sizeof(terminal->text) - terminal->len - 1);
	terminal->len += n > 0 ? (size_t)n : 0;
	terminal->text[terminal->len] = '\0';
	return strstr(terminal->text + terminal->from, terminal->wanted) != NULL;
}

static void shows(struct terminal *terminal, const char *wanted)
{
	terminal->wanted = wanted;
	help_wait(has_shown, terminal, 20, wanted);
}

static void press(struct terminal *terminal, const char *keys)
{
	terminal->wanted = "nothing like it";
	has_shown(terminal);
	terminal->from = terminal->len;
	cr_assert_eq(write(terminal->fd, keys, strlen(keys)), (ssize_t)strlen(keys));
}

#define GIVEN_BACK "\033[?25h\033[?1049l"

static void is_as_before(const struct terminal *terminal)
{
	struct termios now;
	cr_assert_eq(tcgetattr(terminal->slave, &now), 0);
	cr_expect_eq(now.c_lflag, terminal->before.c_lflag);
	cr_expect_eq(now.c_iflag, terminal->before.c_iflag);
	cr_expect_eq(now.c_cc[VMIN], terminal->before.c_cc[VMIN]);
}

static void ends(struct terminal *terminal)
{
	int status = 0;
	shows(terminal, GIVEN_BACK);
	cr_assert_eq(waitpid(terminal->pid, &status, 0), terminal->pid);
	cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %x", (unsigned)status);
	is_as_before(terminal);
	close(terminal->fd);
	close(terminal->slave);
}

static void track(int n, const char *use_case)
{
	char *output = NULL;
	cr_assert_eq(
		help_shell(
			&output,
			"for i in $(seq %d); do echo '{\"category\":\"c\",\"resource\":\"gpt-4o\","
			"\"units\":{\"text\":{\"input\":1,\"output\":2}},\"use_case_name\":\"%s\","
			"\"use_case_id\":\"t-1\"}'; done | " AGENT_PROGRAM " track 2>&1",
			n, use_case),
		0, "%s", output);
	free(output);
}

Test(top, shows_what_comes_and_changes_views)
{
	struct terminal *terminal = malloc(sizeof(*terminal));
	start(terminal);
	shows(terminal, "\033[?1049h");
	shows(terminal, "Nothing was tracked");
	track(1234, "support");
	shows(terminal, "stored 1,234");
	shows(terminal, "support");
	press(terminal, "\t");
	shows(terminal, "RESOURCE");
	shows(terminal, "gpt-4o");
	press(terminal, "\033[C");
	shows(terminal, "t-1");
	press(terminal, "4");
	shows(terminal, "of living or recent processes");
	press(terminal, "1s");
	shows(terminal, "by units");
	press(terminal, "?");
	shows(terminal, "Ctrl-C                 quit");
	press(terminal, "?p");
	shows(terminal, "PAUSED");
	press(terminal, "q");
	ends(terminal);
	free(terminal);
}

/* A wide screen has room for what a narrow one cuts; and then a narrower one again. */
Test(top, fits_the_terminal)
{
	struct terminal *terminal = malloc(sizeof(*terminal));
	start(terminal);
	shows(terminal, "stored 0, in rings 0");
	shows(terminal, "…\r");
	press(terminal, "p");
	resize(terminal, 200, 40);
	shows(terminal, "rejected 0, refused 0");
	press(terminal, "");
	resize(terminal, 40, 10);
	shows(terminal, "Events");
	shows(terminal, "…");
	kill(terminal->pid, SIGTERM);
	ends(terminal);
	free(terminal);
}

Test(top, gives_the_terminal_back_while_stopped_and_at_the_end)
{
	struct terminal *terminal = malloc(sizeof(*terminal));
	int status = 0;
	start(terminal);
	shows(terminal, "balanced");
	kill(terminal->pid,
	     SIGTSTP); /* the terminal's own Ctrl-Z is for jobs of a shell; here is none */
	cr_assert_eq(waitpid(terminal->pid, &status, WUNTRACED), terminal->pid);
	cr_assert(WIFSTOPPED(status));
	shows(terminal, GIVEN_BACK);
	is_as_before(terminal);
	press(terminal, "");
	kill(terminal->pid, SIGCONT);
	shows(terminal, "\033[?1049h");
	shows(terminal, "balanced");
	press(terminal, "\003"); /* Ctrl-C */
	ends(terminal);
	free(terminal);
}

/* Another agent, another database, none at all: it goes on. */
Test(top, outlives_agent_and_database)
{
	struct terminal *terminal = malloc(sizeof(*terminal));
	char *output = NULL;
	start(terminal);
	shows(terminal, "runs");
	cr_assert_eq(help_agent_stop(&site), 0);
	shows(terminal, "does not run");
	cr_assert_eq(help_shell(&output, "rm %s/payi.db*", site.data), 0);
	free(output);
	press(terminal, "r");
	shows(terminal, "Nothing was tracked");
	help_agent_start(&site, NULL, NULL);
	track(3, "again");
	shows(terminal, "again");
	press(terminal, "q");
	ends(terminal);
	free(terminal);
}

static void says(const char *arguments, int code, const char *text)
{
	char *output = NULL;
	cr_expect_eq(help_shell(&output, AGENT_PROGRAM " top %s 2>&1", arguments), code, "%s: %s",
		     arguments, output);
	cr_expect(strstr(output, text), "%s: %s", arguments, output);
	free(output);
}

Test(top, prints_once_where_there_is_no_terminal)
{
	track(3, "support");
	says("", 0,
	     "\nBooks     balanced\n\nuse-cases: 1 in the last 24 h, by events\nUSE CASE  EV/S  "
	     "EVENTS");
	says("--view resources --since 2h", 0,
	     "\n\nresources: 1 in the last 2 h, by events\nCATEGORY  RESOURCE");
	says("--once --color always", 0, "\033[32mruns\033[0m");
	says("--format csv --view instances", 0, "\r\ninstances,support,t-1,3,0,3,6,,,20");
	says("--format jsonl", 0,
	     "{\"view\":\"resources\",\"name\":\"c\",\"detail\":\"gpt-4o\",\"events\":3,");
	says("--interval 0", 2, "0.1 to 3600");
	says("--view all", 2, "one of: use-cases|resources|instances|rings");
	says("--sort size", 2, "one of: rate|events");
	says("--since yesterday", 0, "use-cases: 1 in the last");
	says("--since tomorrow", 2, "a moment of the past: 30s, 15m, 2h");
}
