/* The answers as people read them, to the letter: one small database, and the table of each question. */
#include "help/help.h"
#include "use_case_fixture.h"

static struct fixture fixture[1];

/* In a time to come, so that nothing has ever been idle for longer than 0s. */
#define NOON_US (INT64_C(4102488000) * SECOND_US) /* 2100-01-01T12:00:00Z */

#define AT(hours) (NOON_US + (hours)*HOUR_US)

static const struct sample samples[] = {
	{AT(0), "triage", "T-1", "plan", "ann", "gpt-4o", 1200, 200, 2, "text", 1200, 300},
	{AT(1), "triage", "T-1", "draft", "ann", "gpt-4o", 2500, 200, 2, "text", 800, 1500},
	{AT(2), "triage", "T-1", "draft", "bob", "gpt-4o-mini", 90, 429, 2, "text", 800, 0},
	{AT(27), "triage", "T-2", "plan", "bob", "gpt-4o", 1300, 200, 2, "vision", 100, 10},
	{AT(28), "Triage", "T-3", "plan", "eve", "gpt-4o", 30, 200, 0, "text", 5, 5},
	{AT(29), "document_chat", "T-1", NULL, "eve", "o3", 0, 0, 0, "text", 70000, 9000},
};

static void begin(void)
{
	fixture_open(fixture);
	fixture_commit(fixture, samples, sizeof(samples) / sizeof(samples[0]));
	tell(fixture, USE_CASE_DEFINE, "triage", "who takes a ticket", NOON_US);
	setenv("PAYI_DATA_DIR", fixture->directory, 1);
	setenv("PAYI_CONFIG", "/dev/null", 1);
	setenv("TZ", "UTC", 1);
}

static void end(void)
{
	fixture_close(fixture);
}

TestSuite(questions_table, .init = begin, .fini = end);

static void answers(const char *arguments, const char *expected)
{
	char *output = NULL;
	cr_expect_eq(help_shell(&output, AGENT_PROGRAM " %s", arguments), 0);
	cr_expect_str_eq(output, expected, "%s\n%s", arguments, output);
	free(output);
}

/* clang-format off */

Test(questions_table, of_a_ticket_ends_with_sums)
{
	answers("events --id T-1 --use-case triage --reverse",
		"TIME                     STEP   CATEGORY       RESOURCE     INPUT  OUTPUT  UNITS            MS  STATUS  USER  APP   DELIVERY\n"
		"2100-01-01 12:00:00.000  plan   system.openai  gpt-4o        1200     300  text 1200/300  1200     200  ann   test  waiting\n"
		"2100-01-01 13:00:00.000  draft  system.openai  gpt-4o         800    1500  text 800/1500  2500     200  ann   test  waiting\n"
		"2100-01-01 14:00:00.000  draft  system.openai  gpt-4o-mini    800       0  text 800/0       90     429  bob   test  waiting\n"
		"total of 3                                                   2800    1800\n");
}

Test(questions_table, of_instances)
{
	answers("use-cases --sort units",
		"LAST SEEN                FIRST SEEN               USE CASE       ID   LASTED  EVENTS  FAILED  INPUT  OUTPUT  UNITS            USERS  MEAN MS  MAX MS  VERSIONS  STEPS            P50 MS  P95 MS  P99 MS  IDLE\n"
		"2100-01-02 17:00:00.000  2100-01-02 17:00:00.000  document_chat  T-1      0s       1       0  70000    9000  text 70000/9000      1                                                                        0s\n"
		"2100-01-01 14:00:00.000  2100-01-01 12:00:00.000  triage         T-1      2h       3       1   2800    1800  text 2800/1800       2   1263.3    2500  2         plan 1, draft 2    1184    2496    2496    0s\n"
		"2100-01-02 15:00:00.000  2100-01-02 15:00:00.000  triage         T-2      0s       1       0    100      10  vision 100/10        1   1300.0    1300  2         plan 1             1300    1300    1300    0s\n"
		"2100-01-02 16:00:00.000  2100-01-02 16:00:00.000  Triage         T-3      0s       1       0      5       5  text 5/5             1     30.0      30            plan 1               30      30      30    0s\n");
}

Test(questions_table, of_a_distribution)
{
	answers("use-cases --distribution",
		"USE CASE       INSTANCES  UNITS MIN  MEDIAN    P95    MAX  EVENTS MIN  MEDIAN  P95  MAX  LASTED MIN  MEDIAN  P95  MAX\n"
		"Triage                 1         10      10     10     10           1       1    1    1          0s      0s   0s   0s\n"
		"document_chat          1      79000   79000  79000  79000           1       1    1    1          0s      0s   0s   0s\n"
		"triage                 2        110     110   4600   4600           1       1    3    3          0s      0s   2h   2h\n");
}

Test(questions_table, of_steps_and_users)
{
	answers("use-cases --steps",
		"USE CASE  STEP   INSTANCES  EVENTS  FAILED  INPUT  OUTPUT  FIRST SEEN               LAST SEEN\n"
		"triage    draft          1       2       1   1600    1500  2100-01-01 13:00:00.000  2100-01-01 14:00:00.000\n"
		"triage    plan           2       2       0   1300     310  2100-01-01 12:00:00.000  2100-01-02 15:00:00.000\n"
		"Triage    plan           1       1       0      5       5  2100-01-02 16:00:00.000  2100-01-02 16:00:00.000\n");
	answers("use-cases --users --use-case triage",
		"USE CASE  USER  INSTANCES  EVENTS  FAILED  INPUT  OUTPUT  FIRST SEEN               LAST SEEN\n"
		"triage    ann           1       2       0   2000    1800  2100-01-01 12:00:00.000  2100-01-01 13:00:00.000\n"
		"triage    bob           2       2       1    900      10  2100-01-01 14:00:00.000  2100-01-02 15:00:00.000\n");
}

Test(questions_table, of_names)
{
	answers("use-cases --alike",
		"USE CASE  INSTANCES  EVENTS  LAST SEEN                LOOKS LIKE  INSTANCES  EVENTS  LAST SEEN                DIFFERS IN\n"
		"triage            2       4  2100-01-02 15:00:00.000  Triage              1       1  2100-01-02 16:00:00.000  case\n");
	answers("use-cases --definitions",
		"USE CASE       DEFINITION  AT PAY-I  INSTANCES  EVENTS  FAILED  INPUT  OUTPUT  FIRST SEEN               LAST SEEN                DESCRIPTION\n"
		"Triage         implicit                      1       1       0      5       5  2100-01-02 16:00:00.000  2100-01-02 16:00:00.000\n"
		"document_chat  implicit                      1       1       0  70000    9000  2100-01-02 17:00:00.000  2100-01-02 17:00:00.000\n"
		"triage         explicit    waiting           2       4       1   2900    1810  2100-01-01 12:00:00.000  2100-01-02 15:00:00.000  who takes a ticket\n");
}

Test(questions_table, of_changes)
{
	answers("usage --changes --since 2100-01-02T12:00 --until 2100-01-03T12:00",
		"2100-01-02 12:00:00.000 to 2100-01-03 12:00:00.000, and before: from 2100-01-01 12:00:00.000\n"
		"USE CASE       CATEGORY       RESOURCE     NEW/GONE  EVENTS  BEFORE   CHANGE  UNITS  BEFORE   CHANGE  FAILED  BEFORE   CHANGE  P95 MS  BEFORE  CHANGE\n"
		"document_chat  system.openai  o3           new            1       0           79000       0                0       0\n"
		"triage         system.openai  gpt-4o                      1       2   -50.0%    110    3800   -97.1%       0       0             1312    2496  -47.4%\n"
		"triage         system.openai  gpt-4o-mini  gone           0       1  -100.0%      0     800  -100.0%       0       1  -100.0%              90\n"
		"Triage         system.openai  gpt-4o       new            1       0              10       0                0       0               30\n");
}

Test(questions_table, of_usage)
{
	answers("usage --by user",
		"USER  USE CASE       CATEGORY       RESOURCE     EVENTS  FAILED  INPUT  OUTPUT  MEAN MS  MAX MS  P50 MS  P95 MS  P99 MS\n"
		"eve   document_chat  system.openai  o3                1       0  70000    9000\n"
		"ann   triage         system.openai  gpt-4o            2       0   2000    1800   1850.0    2500    1200    2500    2500\n"
		"bob   triage         system.openai  gpt-4o-mini       1       1    800       0     90.0      90      90      90      90\n"
		"bob   triage         system.openai  gpt-4o            1       0    100      10   1300.0    1300    1300    1300    1300\n"
		"eve   Triage         system.openai  gpt-4o            1       0      5       5     30.0      30      30      30      30\n");
	answers("usage --by day",
		"DAY         USE CASE       CATEGORY       RESOURCE     EVENTS  FAILED  INPUT  OUTPUT  UNITS            MEAN MS  MAX MS  P50 MS  P95 MS  P99 MS\n"
		"2100-01-02  Triage         system.openai  gpt-4o            1       0      5       5  text 5/5            30.0      30      30      30      30\n"
		"2100-01-02  document_chat  system.openai  o3                1       0  70000    9000  text 70000/9000\n"
		"2100-01-02  triage         system.openai  gpt-4o            1       0    100      10  vision 100/10     1300.0    1300    1300    1300    1300\n"
		"2100-01-01  triage         system.openai  gpt-4o            2       0   2000    1800  text 2000/1800    1850.0    2500    1184    2496    2496\n"
		"2100-01-01  triage         system.openai  gpt-4o-mini       1       1    800       0  text 800/0          90.0      90      90      90      90\n");
}
