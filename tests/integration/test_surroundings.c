/* What the agent makes sure of before it begins, and what it says when a probe asks. */
#include "help/help.h"
#include "payi/payi.h"
#include "payi/ring.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct help_site site;

static void set_up(void)
{
	help_site_make(&site);
}

static void tear_down(void)
{
	help_site_remove(&site);
}

TestSuite(surroundings, .init = set_up, .fini = tear_down, .timeout = 60);

static bool log_has(const char *text)
{
	char *output;
	const int code = help_shell(&output, "grep -q -- '%s' '%s'", text, site.log);
	free(output);
	return code == 0;
}

/* Runs the agent where it should refuse to; its exit code. */
static int refuses_to_run(char **said)
{
	return help_shell(said, "timeout 20 %s run 2>&1", help_agent_program());
}

Test(surroundings, that_anybody_may_write_to_are_refused)
{
	char *said;
	cr_assert_eq(chmod(site.data, 0707), 0);
	cr_expect_eq(refuses_to_run(&said), 2, "%s", said);
	cr_expect(strstr(said, "can be written by everybody; chmod 0700"), "%s", said);
	free(said);
	chmod(site.data, 0700);
	cr_assert_eq(chmod(site.rings, 0707), 0);
	cr_expect_neq(refuses_to_run(&said), 0);
	cr_expect(strstr(said, "can be written by everybody"), "%s", said);
	free(said);
}

Test(surroundings, where_a_database_does_not_last_are_pointed_out)
{
	char data[HELP_PATH_BYTES];
	char *output;
	snprintf(data, sizeof(data), "/dev/shm/payi-test-data-XXXXXX");
	cr_assert(mkdtemp(data) && chmod(data, 0770) == 0);
	const char *const environment[] = {NULL};
	char flag[HELP_PATH_BYTES + 16];
	snprintf(flag, sizeof(flag), "--data-dir=%s", data);
	const char *const arguments[] = {flag, NULL};
	help_agent_start(&site, arguments, environment);
	cr_expect(log_has("is on tmpfs: what waits there is lost"));
	cr_expect(log_has("can be written by its group"));
	help_agent_stop(&site);
	help_shell(&output, "rm -rf '%s'", data);
	free(output);
}

Test(surroundings, do_not_have_the_secrets_of_tls_written_down)
{
	static const char *const environment[] = {"SSLKEYLOGFILE=/nowhere/keys", NULL};
	help_agent_start(&site, NULL, environment);
	cr_expect(log_has("variable=SSLKEYLOGFILE"));
}

/* As Kubernetes makes a volume that containers share: the rings are for their group, without anybody's help. */
Test(surroundings, of_a_group_have_a_ring_directory_for_the_group)
{
	char rings[HELP_PATH_BYTES + 8];
	struct stat stat_buf;
	cr_assert(chmod(site.rings, 02777) == 0);
	snprintf(rings, sizeof(rings), "%s/rings", site.rings);
	setenv("PAYI_RING_DIR", rings, 1);
	char flag[HELP_PATH_BYTES + 32];
	snprintf(flag, sizeof(flag), "--ring-dir=%s", rings);
	const char *const arguments[] = {flag, NULL};
	help_agent_start(&site, arguments, NULL);
	cr_assert_eq(stat(rings, &stat_buf), 0);
	cr_expect_eq(stat_buf.st_mode & 07777, 03770, "%o", stat_buf.st_mode);
	payi_client *client;
	cr_assert(payi_client_open(NULL, &client) == PAYI_OK, "%s", payi_last_error());
	payi_client_close(client);
}

static int health(const char *flags, char **said)
{
	return help_shell(said, "%s health %s 2>&1", help_agent_program(), flags);
}

Test(surroundings, are_well_when_the_agent_says_so)
{
	char *said;
	cr_expect_eq(health("", &said), 1);
	cr_expect(strstr(said, "cannot reach the agent"), "%s", said);
	free(said);
	help_agent_start(&site, NULL, NULL);
	cr_expect_eq(health("", &said), 0, "%s", said);
	cr_expect_str_eq(said, "alive\n");
	free(said);
	cr_expect_eq(health("--ready", &said), 0, "%s", said);
	cr_expect_str_eq(said, "ready\n");
	free(said);
	help_agent_kill(&site);
	cr_expect_eq(health("--ready", &said), 1);
	free(said);
}
