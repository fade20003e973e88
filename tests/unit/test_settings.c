/* Where a setting comes from, what is refused, and what the refusal says. */
#include "settings.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char path[] = "/tmp/payi-settings-XXXXXX";

static void begin(void)
{
	static const char *const variables[] = {
		"PAYI_CONFIG",     "PAYI_LOG",          "PAYI_LOG_FORMAT",
		"PAYI_BASE_URL",   "ASCERTA_BASE_URL",  "PAYI_API_KEY",
		"ASCERTA_API_KEY", "PAYI_API_KEY_FILE", "CREDENTIALS_DIRECTORY"};
	for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++)
		unsetenv(variables[i]);
	setenv("PAYI_DATA_DIR", "/data", 1);
	setenv("PAYI_RING_DIR", "/rings", 1);
	const int fd = mkstemp(path);
	cr_assert(fd >= 0);
	close(fd);
}

static void end(void)
{
	unlink(path);
}

TestSuite(settings, .init = begin, .fini = end);

static void write_file(const char *text)
{
	FILE *file = fopen(path, "w");
	cr_assert(file && fputs(text, file) >= 0 && fclose(file) == 0);
}

static int load(struct settings *settings, struct err *err)
{
	const struct settings_flags flags = {.config_file = path};
	return settings_load(settings, &flags, err);
}

/* The file is refused, and the text has all that is asked for. */
static void refused(const char *text, const char *place, const char *what)
{
	struct settings settings;
	struct err err = {0};
	write_file(text);
	cr_assert_eq(load(&settings, &err), ERR_CONFIG, "%s was taken", text);
	char expected[300];
	snprintf(expected, sizeof(expected), "%s%s", path, place);
	cr_expect(strncmp(err.text, expected, strlen(expected)) == 0, "%s", err.text);
	cr_expect(strstr(err.text, what), "%s", err.text);
}

Test(settings, are_the_defaults_when_nothing_is_said)
{
	struct settings settings;
	struct err err;
	cr_assert_eq(load(&settings, &err), 0, "%s", err.text);
	cr_expect_str_eq(settings.log_level, "info");
	cr_expect_eq(settings.batch_events, 100);
	cr_expect_not(settings.allow_insecure);
	cr_expect_str_eq(settings.database, "/data/payi.db");
	cr_expect_str_eq(settings.origin[SETTING_batch_events], "default");
	settings_release(&settings);
}

Test(settings, of_the_environment_beat_the_file_and_flags_beat_both)
{
	struct settings settings;
	struct err err;
	char origin[300];
	write_file("# a comment\n[agent]\nlog_level = warn\n  log_format = json ; "
		   "inline\n[payi]\nin_flight=7\n");
	setenv("PAYI_LOG", "error", 1);
	struct settings_flags flags = {.config_file = path};
	flags.value[SETTING_in_flight] = "9";
	cr_assert_eq(settings_load(&settings, &flags, &err), 0, "%s", err.text);
	cr_expect_str_eq(settings.log_level, "error");
	cr_expect_str_eq(settings.origin[SETTING_log_level], "PAYI_LOG");
	cr_expect_str_eq(settings.log_format, "json");
	snprintf(origin, sizeof(origin), "%s:4", path);
	cr_expect_str_eq(settings.origin[SETTING_log_format], origin);
	cr_expect_eq(settings.in_flight, 9);
	cr_expect_str_eq(settings.origin[SETTING_in_flight], "--in-flight");
	settings_release(&settings);
}

Test(settings, take_the_first_variable_that_is_not_empty)
{
	struct settings settings;
	struct err err;
	setenv("ASCERTA_API_KEY", "", 1);
	setenv("PAYI_API_KEY", "old", 1);
	cr_assert_eq(load(&settings, &err), 0, "%s", err.text);
	cr_expect_str_eq(settings.api_key, "old");
	settings_release(&settings);
	setenv("ASCERTA_API_KEY", "new", 1);
	cr_assert_eq(load(&settings, &err), 0, "%s", err.text);
	cr_expect_str_eq(settings.api_key, "new");
	settings_release(&settings);
}

Test(settings, find_the_key_that_systemd_hands_over_when_no_other_is_named)
{
	struct settings settings;
	struct err err;
	char directory[] = "/tmp/payi-credentials-XXXXXX";
	char key_path[64];
	cr_assert(mkdtemp(directory));
	snprintf(key_path, sizeof(key_path), "%s/payi-api-key", directory);
	setenv("CREDENTIALS_DIRECTORY", directory, 1);
	cr_assert_eq(load(&settings, &err), 0, "%s", err.text);
	cr_expect_str_eq(settings.api_key_file, "", "there is no such credential");
	settings_release(&settings);

	FILE *file = fopen(key_path, "w");
	cr_assert(file);
	fclose(file);
	cr_assert_eq(load(&settings, &err), 0, "%s", err.text);
	cr_expect_str_eq(settings.api_key_file, key_path);
	cr_expect_str_eq(settings.origin[SETTING_api_key_file], "CREDENTIALS_DIRECTORY");
	settings_release(&settings);

	setenv("PAYI_API_KEY_FILE", "/another", 1);
	cr_assert_eq(load(&settings, &err), 0, "%s", err.text);
	cr_expect_str_eq(settings.api_key_file, "/another");
	settings_release(&settings);
	unlink(key_path);
	rmdir(directory);
}

Test(settings, in_a_file_that_are_wrong_are_refused_with_their_line)
{
	refused("[payi]\nin_flight = 0\n", ":2: ", "it must be 1 to 64");
	refused("[payi]\nin_flight = 65\n", ":2: ", "it must be 1 to 64");
	refused("[payi]\nin_flight = 4x\n", ":2: ", "\"4x\"");
	refused("[payi]\nbatch_bytes = 99999999999999999999\n", ":2: ", "1024 to 67108864");
	refused("[agent]\n\nlog_level = loud\n", ":3: ", "one of: debug info warn error");
	refused("[agent]\nlog_level = debug info\n", ":2: ", "one of: debug info warn error");
	refused("[payi]\nallow_insecure = maybe\n", ":2: ", "yes or no");
}

Test(settings, that_are_unknown_are_refused_with_the_name_that_was_meant)
{
	refused("[payi]\nbase_ulr = x\n", ":2: ", "did you mean base_url in [payi]?");
	refused("[payi]\nlog_level = info\n", ":2: ", "did you mean log_level in [agent]?");
	refused("[pay]\n\nbase_url = x\n", ":3: ", "did you mean [payi]?");
	refused("[payi]\nthe_answer_to_it_all = 42\n", ":2: ", "config sample");
	refused("base_url = x\n", ":1: ", "before any [section]");
}

Test(settings, given_twice_are_refused)
{
	refused("[payi]\nin_flight = 3\n[agent]\n[payi]\nin_flight = 3\n", ":5: ", "in line 2");
}

Test(settings, refuse_a_line_that_is_none)
{
	refused("[agent]\nlog_level\n", ":2: ", "neither");
	char text[3000] = "[payi]\nbase_url = ";
	memset(text + strlen(text), 'x', 2000);
	refused(text, ":2: ", "longer than");
}

Test(settings, refuse_a_section_that_is_no_line)
{
	refused("[payi] in_flight = 3\n", ":1: ", "a line of its own");
	refused("[payi\nin_flight = 3\n", ":1: ", "a line of its own");
}

static void write_bytes(const char *bytes, size_t n)
{
	FILE *file = fopen(path, "w");
	cr_assert(file && fwrite(bytes, 1, n, file) == n && fclose(file) == 0);
}

/* A text that ends early at a NUL would be half a configuration. */
Test(settings, refuse_bytes_that_are_no_text)
{
	struct settings settings;
	struct err err;
	char expected[300];
	static const char with_nul[] = "[payi]\nin_flight = 7\0\nbatch_events = 5\n";
	static const char utf_16[] = "\xff\xfe[\0p\0a\0y\0i\0]\0\n\0";
	write_bytes(with_nul, sizeof(with_nul) - 1);
	cr_assert_eq(load(&settings, &err), ERR_CONFIG);
	snprintf(expected, sizeof(expected), "%s:2: there is a control character in it", path);
	cr_expect_str_eq(err.text, expected);
	write_bytes(utf_16, sizeof(utf_16) - 1);
	cr_expect_eq(load(&settings, &err), ERR_CONFIG);
}

/* For who only looks: the directories that stand behind what is wrong are found all the same. */
Test(settings, that_are_wrong_are_passed_over_where_one_only_looks)
{
	static const char *const wrong[] = {"log_level = loud\n",
					    "[payi]\nlog_levle = info\n",
					    "there is no sense in it\n",
					    "[agent] ring_dir = /x\n",
					    "log_format = \x01 json\n",
					    "[nowhere]\nx = 1\n",
					    "\x01"
					    "at once\n"};
	unsetenv("PAYI_RING_DIR");
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct settings settings;
		struct err err = {0}, passed_over = {0};
		const struct settings_flags flags = {.config_file = path,
						     .passed_over = &passed_over};
		char text[256];
		snprintf(text, sizeof(text),
			 "[agent]\nlog_format = json\n%s[agent]\nring_dir = /seen\n", wrong[i]);
		write_file(text);
		cr_expect_eq(load(&settings, &err), ERR_CONFIG, "%s", text);
		cr_assert_eq(settings_load(&settings, &flags, &err), 0, "%s: %s", text, err.text);
		cr_expect_eq(passed_over.code, ERR_CONFIG, "%s", text);
		cr_expect(strncmp(passed_over.text, path, strlen(path)) == 0, "%s: %s", text,
			  passed_over.text);
		cr_expect_str_eq(settings.ring_dir, "/seen", "%s", text);
		cr_expect_str_eq(settings.log_format, "json", "%s", text);
		cr_expect_str_eq(settings.log_level, "info", "%s", text);
		settings_release(&settings);
	}
}

/* Whoever may write to it does not decide where one looks, either. */
Test(settings, that_anybody_may_write_are_not_even_looked_by)
{
	struct settings settings;
	struct err err = {0}, passed_over = {0};
	const struct settings_flags flags = {.config_file = path, .passed_over = &passed_over};
	unsetenv("PAYI_DATA_DIR");
	setenv("HOME", "/home/ann", 1);
	unsetenv("XDG_STATE_HOME");
	write_file("[agent]\ndata_dir = /elsewhere\n");
	cr_assert_eq(chmod(path, 0666), 0);
	cr_assert_eq(settings_load(&settings, &flags, &err), 0, "%s", err.text);
	cr_expect(strstr(passed_over.text, "everybody"), "%s", passed_over.text);
	cr_expect_str_neq(settings.data_dir, "/elsewhere");
	settings_release(&settings);
}

Test(settings, may_come_from_other_editors)
{
	struct settings settings;
	struct err err;
	write_file("\xef\xbb\xbf[payi] # ours\r\nbase_url = https://x\r\nin_flight = 7\r\n");
	cr_assert_eq(load(&settings, &err), 0, "%s", err.text);
	cr_expect_str_eq(settings.base_url, "https://x");
	cr_expect_eq(settings.in_flight, 7);
	settings_release(&settings);
}

Test(settings, refuse_a_file_that_is_none_or_anybodys)
{
	struct settings settings;
	struct err err;
	chmod(path, 0602);
	cr_assert_eq(load(&settings, &err), ERR_CONFIG);
	cr_expect(strstr(err.text, "can be written by everybody"), "%s", err.text);
	chmod(path, 0600);
	cr_assert_eq(truncate(path, (1 << 20) + 1), 0);
	cr_assert_eq(load(&settings, &err), ERR_CONFIG);
	cr_expect(strstr(err.text, "larger than 1 MiB"), "%s", err.text);
	cr_assert(unlink(path) == 0 && mkfifo(path, 0600) == 0);
	cr_assert_eq(load(&settings, &err), ERR_CONFIG, "and does not wait for a writer");
	cr_expect(strstr(err.text, "is no file"), "%s", err.text);
}

static void write_part(const char *name, const char *text, char part[300])
{
	snprintf(part, 300, "%s.d/%s", path, name);
	FILE *file = fopen(part, "w");
	cr_assert(file && fputs(text, file) >= 0 && fclose(file) == 0);
}

/* Like the shell's *.conf: in their order, and nothing hidden or left behind. */
Test(settings, of_the_directory_beat_the_file_in_the_order_of_names)
{
	struct settings settings;
	struct err err;
	char dir[300], part[4][300], origin[320];
	snprintf(dir, sizeof(dir), "%s.d", path);
	cr_assert_eq(mkdir(dir, 0700), 0);
	write_file("[payi]\nin_flight = 1\nbatch_events = 11\ntimeout_s = 21\n");
	write_part("10-first.conf", "[payi]\nin_flight = 2\nbatch_events = 12\n", part[0]);
	write_part("20-second.conf", "[payi]\nin_flight = 3\n", part[1]);
	write_part("30-third.conf~", "[payi]\nin_flight = 4\n", part[2]);
	write_part(".hidden.conf", "[payi]\nin_flight = 5\n", part[3]);
	cr_assert_eq(load(&settings, &err), 0, "%s", err.text);
	cr_expect_eq(settings.in_flight, 3);
	cr_expect_eq(settings.batch_events, 12);
	cr_expect_eq(settings.timeout_s, 21);
	snprintf(origin, sizeof(origin), "%s:2", part[1]);
	cr_expect_str_eq(settings.origin[SETTING_in_flight], origin);
	settings_release(&settings);

	write_part("20-second.conf", "[payi]\n\nin_fligth = 3\n", part[1]);
	cr_assert_eq(load(&settings, &err), ERR_CONFIG);
	snprintf(origin, sizeof(origin), "%s:3: ", part[1]);
	cr_expect(strstr(err.text, origin), "%s", err.text);
	chmod(dir, 0707);
	cr_assert_eq(load(&settings, &err), ERR_CONFIG);
	cr_expect(strstr(err.text, "can be written by everybody"), "%s", err.text);
	for (int i = 0; i < 4; i++)
		unlink(part[i]);
	rmdir(dir);
}

/* An indented line is a line, and does not go on with the value above. */
Test(settings, may_be_indented)
{
	struct settings settings;
	struct err err;
	write_file("[agent]\n\tlog_level = warn\n\tlog_format = json\n");
	cr_assert_eq(load(&settings, &err), 0, "%s", err.text);
	cr_expect_str_eq(settings.log_level, "warn");
	cr_expect_str_eq(settings.log_format, "json");
	settings_release(&settings);
}

Test(settings, need_the_file_that_was_named)
{
	struct settings settings;
	struct err err;
	const struct settings_flags flags = {.config_file = "/nowhere/agent.conf"};
	cr_assert_eq(settings_load(&settings, &flags, &err), ERR_CONFIG);
	cr_expect(strstr(err.text, "/nowhere/agent.conf"), "%s", err.text);
	setenv("PAYI_CONFIG", "/nowhere/else.conf", 1);
	const struct settings_flags none = {0};
	cr_assert_eq(settings_load(&settings, &none, &err), ERR_CONFIG);
	cr_expect(strstr(err.text, "/nowhere/else.conf"), "%s", err.text);
}

Test(settings, of_the_environment_and_flags_are_checked_alike)
{
	struct settings settings;
	struct err err;
	setenv("PAYI_LOG_FORMAT", "xml", 1);
	cr_assert_eq(load(&settings, &err), ERR_CONFIG);
	cr_expect(strstr(err.text, "PAYI_LOG_FORMAT: log_format is \"xml\""), "%s", err.text);
	setenv("PAYI_LOG_FORMAT", "", 1);
	struct settings_flags flags = {.config_file = path};
	flags.value[SETTING_timeout_s] = "0";
	cr_assert_eq(settings_load(&settings, &flags, &err), ERR_CONFIG);
	cr_expect(strstr(err.text, "--timeout-s: timeout_s is \"0\""), "%s", err.text);
	flags.value[SETTING_timeout_s] = "";
	cr_assert_eq(settings_load(&settings, &flags, &err), ERR_CONFIG);
}

Test(settings, choose_a_data_directory_below_home)
{
	struct settings settings;
	struct err err;
	if (access("/var/lib/payi", W_OK) == 0)
		cr_skip_test("this host has /var/lib/payi");
	unsetenv("PAYI_DATA_DIR");
	setenv("HOME", "/home/ann", 1);
	setenv("XDG_STATE_HOME", "/state", 1);
	cr_assert_eq(load(&settings, &err), 0, "%s", err.text);
	cr_expect_str_eq(settings.data_dir, "/state/payi");
	settings_release(&settings);
	unsetenv("XDG_STATE_HOME");
	cr_assert_eq(load(&settings, &err), 0, "%s", err.text);
	cr_expect_str_eq(settings.database, "/home/ann/.local/state/payi/payi.db");
	settings_release(&settings);
	unsetenv("HOME");
	cr_assert_eq(load(&settings, &err), ERR_CONFIG);
	cr_expect(strstr(err.text, "--data-dir"), "%s", err.text);
}

/* With every comment taken off, the sample is a file that says the defaults. */
Test(settings, sample_is_a_file_that_loads)
{
	struct settings settings;
	struct err err;
	char *text = NULL;
	size_t bytes = 0;
	FILE *out = open_memstream(&text, &bytes);
	settings_sample(out);
	fclose(out);
	FILE *file = fopen(path, "w");
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		fprintf(file, "%s\n", line[0] == '#' && line[1] != ' ' ? line + 1 : line);
	fclose(file);
	free(text);
	cr_assert_eq(load(&settings, &err), 0, "%s", err.text);
	cr_expect_str_neq(settings.origin[SETTING_batch_bytes], "default");
	cr_expect_eq(settings.batch_bytes, 524288);
	settings_release(&settings);
}

Test(settings, never_show_a_key)
{
	struct settings settings;
	struct err err;
	char *text = NULL;
	size_t bytes = 0;
	setenv("PAYI_API_KEY", "sekrit", 1);
	cr_assert_eq(load(&settings, &err), 0, "%s", err.text);
	FILE *out = open_memstream(&text, &bytes);
	for (int i = 0; i < SETTINGS_N; i++)
		settings_print_value(&settings, i, out);
	fclose(out);
	cr_expect_not(strstr(text, "sekrit"));
	cr_expect(strstr(text, "not shown"));
	free(text);
	settings_release(&settings);
}
