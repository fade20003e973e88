#define _GNU_SOURCE /* pipe2() */
/* payi-agent tail beside an agent that is killed, started again, and given a new database. */
#include "help/help.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct help_site site;

static void begin(void)
{
	help_site_make(&site);
	help_agent_start(&site, NULL, NULL);
}

static void end(void)
{
	help_site_remove(&site);
}

TestSuite(tail, .init = begin, .fini = end);

/* A tail, and what it has said so far. */
struct tail {
	pid_t pid;
	int out;
	char text[65536];
	size_t len;
	const char *wanted;
};

static void start(struct tail *tail, const char *format, const char *lines)
{
	int ends[2];
	cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
	*tail = (struct tail){.out = ends[0]};
	tail->pid = fork();
	cr_assert(tail->pid >= 0);
	if (tail->pid == 0) {
		dup2(ends[1], STDOUT_FILENO);
		dup2(ends[1], STDERR_FILENO);
		execl(AGENT_PROGRAM, "payi-agent", "tail", "--format", format, "--lines", lines,
		      (char *)NULL);
		_exit(127);
	}
	close(ends[1]);
	fcntl(tail->out, F_SETFL, O_NONBLOCK);
}

static bool has_said(void *context)
{
	struct tail *tail = context;
	const ssize_t n =
		read(tail->out, tail->text + tail->len, sizeof(tail->text) - tail->len - 1);
	tail->len += n > 0 ? (size_t)n : 0;
	tail->text[tail->len] = '\0';
	return strstr(tail->text, tail->wanted) != NULL;
}

static void wait_said(struct tail *tail, const char *wanted)
{
	tail->wanted = wanted;
	help_wait(has_said, tail, 20, wanted);
}

static int end_of(struct tail *tail)
{
	int status = 0;
	cr_assert_eq(waitpid(tail->pid, &status, 0), tail->pid);
	cr_assert(WIFEXITED(status), "ended by signal %d", WTERMSIG(status));
	return WEXITSTATUS(status);
}

static void track(const char *id)
{
	char *output = NULL;
	cr_assert_eq(
		help_shell(
			&output,
			"echo '{\"category\":\"c\",\"units\":{\"text\":{\"input\":1,\"output\":2}},"
			"\"use_case_name\":\"u\",\"use_case_id\":\"%s\"}' | " AGENT_PROGRAM
			" track 2>&1",
			id),
		0, "%s", output);
	free(output);
}

static int count(const char *text, const char *word)
{
	int n = 0;
	while ((text = strstr(text, word))) {
		text += strlen(word);
		n++;
	}
	return n;
}

Test(tail, follows_through_kills_and_ends_by_a_signal)
{
	struct tail tail;
	track("past-1");
	start(&tail, "jsonl", "5");
	wait_said(&tail, "past-1");
	track("live-1");
	wait_said(&tail, "live-1");
	help_agent_kill(&site);
	track("ring-1");
	help_agent_start(&site, NULL, NULL);
	wait_said(&tail, "ring-1");
	kill(tail.pid, SIGINT);
	cr_expect_eq(end_of(&tail), 0);
	cr_expect_eq(count(tail.text, "\"event\":"), 3, "%s", tail.text);
	close(tail.out);
}

Test(tail, goes_on_in_a_new_database)
{
	struct tail tail;
	char *output = NULL;
	track("old-1");
	start(&tail, "csv", "0");
	wait_said(&tail, "event_time,"); /* the heading: it has begun */
	track("old-2");
	wait_said(&tail, "old-2");
	cr_assert_eq(help_agent_stop(&site), 0);
	cr_assert_eq(help_shell(&output, "cd %s && mkdir aside && mv payi.db* aside", site.data),
		     0);
	free(output);
	help_agent_start(&site, NULL, NULL);
	track("new-1");
	wait_said(&tail, "new-1");
	wait_said(&tail, "there is a new database");
	cr_expect_not(strstr(tail.text, "old-1"));
	kill(tail.pid, SIGTERM);
	cr_expect_eq(end_of(&tail), 0);
	close(tail.out);
}

/* Nobody stores anything, and still it notices. An array is whole at its end. */
Test(tail, ends_when_nobody_reads_it)
{
	struct tail tail;
	track("past-1");
	start(&tail, "json", "1");
	wait_said(&tail, "past-1");
	close(tail.out);
	cr_expect_eq(end_of(&tail), 0);
}

Test(tail, ends_an_array)
{
	struct tail tail;
	track("past-1");
	start(&tail, "json", "1");
	wait_said(&tail, "past-1");
	track("live-1");
	wait_said(&tail, "live-1");
	kill(tail.pid, SIGHUP);
	cr_expect_eq(end_of(&tail), 0);
	wait_said(&tail, "}\n]\n");
	close(tail.out);
}
