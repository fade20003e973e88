/* Log lines: one a line, whatever is in them, and never a flood. */
#include "base/log.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

static FILE *lines_of(void)
{
	fflush(stderr);
	return cr_get_redirected_stderr();
}

Test(log, quotes_what_would_break_a_line, .init = cr_redirect_stderr)
{
	log_setup(LOG_INFO, LOG_LOGFMT);
	log_debug("not shown", LOG_END);
	log_info("two words", LOG_STR("plain", "word"), LOG_STR("hard", "a \"b\"\n=c"),
		 LOG_STR("none", NULL), LOG_INT("n", -5), LOG_END);
	char line[512];
	FILE *lines = lines_of();
	cr_assert(fgets(line, sizeof(line), lines));
	cr_assert(strstr(line, " level=info msg=\"two words\" plain=word hard=\"a \\\"b\\\"\\n=c\" "
			       "none=\"\" n=-5\n"),
		  "%s", line);
	cr_assert(strncmp(line, "time=2", 6) == 0);
}

Test(log, writes_json_that_parses, .init = cr_redirect_stderr)
{
	log_setup(LOG_DEBUG, LOG_JSON);
	log_warn("it \\ failed", LOG_STR("text", "\x01\t\"\xe2\x82\xac"), LOG_INT("n", 7), LOG_END);
	char line[512];
	cr_assert(fgets(line, sizeof(line), lines_of()));
	json_t *json = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
	cr_assert(json, "%s", line);
	cr_assert_str_eq(json_string_value(json_object_get(json, "msg")), "it \\ failed");
	cr_assert_str_eq(json_string_value(json_object_get(json, "text")), "\x01\t\"\xe2\x82\xac");
	cr_assert_str_eq(json_string_value(json_object_get(json, "level")), "warn");
	cr_assert_eq(json_integer_value(json_object_get(json, "n")), 7);
	json_decref(json);
}

Test(log, limits_each_message_by_itself, .init = cr_redirect_stderr)
{
	log_setup(LOG_INFO, LOG_LOGFMT);
	for (int i = 0; i < 1000; i++)
		log_info("flood", LOG_INT("i", i), LOG_END);
	log_info("still heard", LOG_END);
	char line[512];
	FILE *lines = lines_of();
	for (int i = 0; i < LOG_BURST; i++)
		cr_assert(fgets(line, sizeof(line), lines) && strstr(line, "flood"));
	cr_assert(fgets(line, sizeof(line), lines) && strstr(line, "still heard"), "%s", line);
}
