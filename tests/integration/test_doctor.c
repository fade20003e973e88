/* The doctor, as a process, on hosts that are well and hosts that are not: what it finds, advises, and exits with. */
#include "help/help.h"
#include "standin/standin_client.h"

#include "payi/payi.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct help_site site;
static struct standin standin;

static void begin(void)
{
	static const char *const variables[] = {
		"PAYI_CONFIG",     "PAYI_BASE_URL",     "ASCERTA_BASE_URL", "PAYI_API_KEY",
		"ASCERTA_API_KEY", "PAYI_API_KEY_FILE", "https_proxy",      "http_proxy"};
	for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++)
		unsetenv(variables[i]);
	help_site_make(&site);
}

static void end(void)
{
	help_site_remove(&site);
}

TestSuite(doctor, .init = begin, .fini = end);

static char *examine(const char *arguments, int code)
{
	char *output = NULL;
	cr_expect_eq(help_shell(&output, AGENT_PROGRAM " doctor %s 2>&1", arguments), code,
		     "%s: %s", arguments, output);
	return output;
}

/* Without the network, which most of these do not need. */
static void finds(const char *text, int code)
{
	char *output = examine("--no-network", code);
	cr_expect(strstr(output, text), "%s is not in: %s", text, output);
	free(output);
}

static void finds_of_service(const char *arguments, const char *text, int code)
{
	char all[600];
	char *output = NULL;
	snprintf(all, sizeof(all), "--base-url %s %s", standin.url, arguments);
	output = examine(all, code);
	cr_expect(strstr(output, text), "%s is not in: %s", text, output);
	free(output);
}

static void write_file(const char *name, const char *text, mode_t mode)
{
	char path[300];
	snprintf(path, sizeof(path), "%s/%s", site.data, name);
	FILE *file = fopen(path, "w");
	cr_assert(file && fputs(text, file) >= 0 && fclose(file) == 0);
	cr_assert_eq(chmod(path, mode), 0);
}

static void track(void)
{
	payi_client *client = NULL;
	const payi_units units[] = {{"text", 10, 3}};
	payi_event event = PAYI_EVENT_INIT;
	cr_assert_eq(payi_client_open(NULL, &client), PAYI_OK, "%s", payi_last_error());
	event.category = "system.openai";
	event.resource = "gpt-4o";
	event.units = units;
	event.n_units = 1;
	cr_assert_eq(payi_track(client, &event), PAYI_OK, "%s", payi_last_error());
	cr_assert_eq(payi_flush(client, 10000), PAYI_OK, "%s", payi_last_error());
	payi_client_close(client);
}

/* ---- A host that is well ---------------------------------------------------------------------------- */

Test(doctor, finds_nothing_where_all_is_well)
{
	cr_assert_eq(standin_start(&standin, NULL), 0);
	help_agent_start(&site, NULL, NULL);
	track();
	write_file("key", STANDIN_KEY "\n", 0600);
	char arguments[400];
	snprintf(arguments, sizeof(arguments), "--base-url %s --api-key-file %s/key", standin.url,
		 site.data);
	char *output = examine(arguments, 0);
	cr_expect(strstr(output, "takes the key"), "%s", output);
	cr_expect(strstr(output, "clock: as the service's"), "%s", output);
	cr_expect(strstr(output, "agent: runs (pid "), "%s", output);
	cr_expect(strstr(output, "books: balanced; 1 events stored"), "%s", output);
	cr_expect(strstr(output, "every page was read, and is sound"), "%s", output);
	cr_expect_not(strstr(output, "FAILED"), "%s", output);
	cr_expect_not(strstr(output, STANDIN_KEY), "%s", output);
	free(output);
	standin_stop(&standin);
}

Test(doctor, speaks_json)
{
	char *output = examine("--no-network --format json", 0);
	json_t *json = json_loads(output, 0, NULL);
	cr_assert(json, "%s", output);
	const json_t *checks = json_object_get(json, "checks");
	int warnings = 0;
	for (size_t i = 0; i < json_array_size(checks); i++) {
		const json_t *check = json_array_get(checks, i);
		const bool warning =
			strcmp(json_string_value(json_object_get(check, "result")), "warning") == 0;
		warnings += warning;
		cr_expect(json_is_string(json_object_get(check, "about")));
		cr_expect_eq(warning, json_is_string(json_object_get(check, "advice")) != 0, "%s",
			     output);
	}
	cr_expect_eq(json_integer_value(json_object_get(json, "warnings")), warnings);
	cr_expect_eq(json_integer_value(json_object_get(json, "failed")), 0);
	json_decref(json);
	free(output);
}

/* It is no cure: what it has looked at is as it was. */
Test(doctor, changes_nothing)
{
	char rings[HELP_PATH_BYTES + 8];
	snprintf(rings, sizeof(rings), "%s/none", site.rings);
	setenv("PAYI_RING_DIR", rings, 1);
	finds("does not exist yet", 0);
	cr_expect(access(rings, F_OK));
	cr_expect(access(site.database, F_OK));
}

/* ---- Directories ------------------------------------------------------------------------------------ */

Test(doctor, wants_rings_on_tmpfs_that_not_everybody_writes)
{
	setenv("PAYI_RING_DIR", site.data, 1);
	finds("is not on tmpfs", 1);
	setenv("PAYI_RING_DIR", site.rings, 1);
	cr_assert_eq(chmod(site.rings, 0777), 0);
	finds("everybody can write to it (mode 0777", 1);
	cr_assert_eq(chmod(site.rings, 02770), 0);
	finds("mode 2770", 0);
}

Test(doctor, warns_of_a_data_directory_that_others_see_or_that_does_not_last)
{
	cr_assert_eq(chmod(site.data, 0755), 0);
	finds("everybody can look into it", 0);
	setenv("PAYI_DATA_DIR", site.rings, 1);
	finds("is on tmpfs: what waits there is lost with the host", 0);
	setenv("PAYI_DATA_DIR", "/proc/self/status", 1);
	finds("is no directory", 1);
}

Test(doctor, tells_of_databases_that_were_set_aside)
{
	write_file("payi.db.corrupt-20261123T120000Z", "", 0600);
	write_file("payi.db.corrupt-20261123T120000Z-wal", "", 0600);
	finds("1 damaged database was set aside", 0);
}

/* ---- The agent -------------------------------------------------------------------------------------- */

Test(doctor, sees_when_rings_and_data_are_not_of_one_agent)
{
	help_agent_start(&site, NULL, NULL);
	finds("ok       agent: runs (pid ", 0);
	setenv("PAYI_DATA_DIR", "/tmp/payi-doctor-elsewhere", 1);
	finds("but not on the data directory /tmp/payi-doctor-elsewhere", 1);
	setenv("PAYI_DATA_DIR", site.data, 1);
	setenv("PAYI_RING_DIR", "/dev/shm/payi-doctor-elsewhere", 1);
	finds("but not on the rings in /dev/shm/payi-doctor-elsewhere", 1);
}

Test(doctor, finds_a_damaged_database)
{
	help_agent_start(&site, NULL, NULL);
	track();
	cr_assert_eq(help_agent_stop(&site), 0);
	finds("every page was read, and is sound", 0);
	FILE *file = fopen(site.database, "r+");
	for (long page = 2; page < 40; page++) {
		cr_assert(file && fseek(file, page * 8192, SEEK_SET) == 0);
		fputs("this is no page", file);
	}
	fclose(file);
	finds("FAILED   database: ", 1);
}

Test(doctor, finds_a_database_of_a_newer_agent_or_a_stranger)
{
	char *output = NULL;
	help_agent_start(&site, NULL, NULL);
	cr_assert_eq(help_agent_stop(&site), 0);
	cr_assert_eq(help_shell(&output,
				"printf '\\0\\0\\003\\347' | dd of=%s bs=1 seek=60 "
				"conv=notrunc 2>/dev/null",
				site.database),
		     0);
	free(output);
	finds("its schema is version 999, a newer agent's", 1);
	write_file("payi.db", "a letter to my aunt, and not a database of any kind", 0600);
	finds("FAILED   database: ", 1);
}

/* ---- Settings and key ------------------------------------------------------------------------------- */

Test(doctor, sees_slips_of_the_finger_and_rivals)
{
	setenv("PAYI_API_KEYFILE", "x", 1);
	finds("did you mean PAYI_API_KEY_FILE?", 0);
	unsetenv("PAYI_API_KEYFILE");
	setenv("PAYI_BASE_URL", "http://127.0.0.1:1", 1);
	setenv("ASCERTA_BASE_URL", "http://127.0.0.1:2", 1);
	finds("ASCERTA_BASE_URL and PAYI_BASE_URL differ, and ASCERTA_BASE_URL is read", 0);
}

Test(doctor, looks_at_the_key_and_never_shows_it)
{
	char path[300];
	snprintf(path, sizeof(path), "%s/key", site.data);
	setenv("PAYI_API_KEY_FILE", path, 1);
	finds("cannot open the key file", 1);
	write_file("key", "sekrit", 0644);
	finds("others may read or change it (mode 0644", 0);
	write_file("key", "two words", 0600);
	finds("is no key: one word of ASCII", 1);
	setenv("PAYI_API_KEY", "sekrit", 1);
	char *output = examine("--no-network", 0);
	cr_expect(strstr(output, "there is one, of PAYI_API_KEY (not shown)"), "%s", output);
	cr_expect(strstr(output, "api_key is set, so"), "%s", output);
	cr_expect_not(strstr(output, "sekrit"), "%s", output);
	free(output);
}

Test(doctor, refuses_an_address_to_which_no_key_may_go)
{
	char *output = examine("--no-network --base-url http://example.com", 1);
	cr_expect(strstr(output, "FAILED   base URL: "), "%s", output);
	cr_expect(strstr(output, "the agent does not start with this one"), "%s", output);
	free(output);
	output = examine("--no-network --base-url http://example.com --allow-insecure", 0);
	cr_expect(strstr(output, "the key travels unencrypted"), "%s", output);
	free(output);
	setenv("https_proxy", "http://user:sekrit@proxy.example:3128", 1);
	output = examine("--no-network", 0);
	cr_expect(strstr(output, "proxy: https_proxy=proxy.example:3128"), "%s", output);
	cr_expect_not(strstr(output, "sekrit"), "%s", output);
	free(output);
}

/* ---- The service ------------------------------------------------------------------------------------ */

Test(doctor, tells_what_the_service_answers)
{
	cr_assert_eq(standin_start(&standin, NULL), 0);
	finds_of_service("", "asks for a key", 0);
	setenv("PAYI_API_KEY", "wrong", 1);
	finds_of_service("", "FAILED   service: answers 401", 1);
	setenv("PAYI_API_KEY", STANDIN_KEY, 1);
	finds_of_service("", "takes the key", 0);
	char url[80];
	snprintf(url, sizeof(url), "%s/nowhere", standin.url);
	setenv("PAYI_BASE_URL", url, 1);
	char *output = examine("", 1);
	cr_expect(strstr(output, "there is no Pay-i at this path"), "%s", output);
	free(output);
	standin_stop(&standin);
	finds_of_service("", "no answer: ", 1);
}

/* A key is for the address beside it: where that cannot be read, none is asked. */
Test(doctor, goes_on_with_wrong_settings_but_asks_no_service)
{
	char *output;
	char path[HELP_PATH_BYTES + 16];
	struct standin service;
	cr_assert_eq(standin_start(&service, NULL), 0);
	snprintf(path, sizeof(path), "%s/agent.conf", site.data);
	FILE *file = fopen(path, "w");
	cr_assert(file);
	fprintf(file, "[payi]\nbase_url = %s\napi_key = " STANDIN_KEY "\nbase_ulr = x\n",
		service.url);
	fclose(file);
	cr_expect_eq(help_shell(&output, AGENT_PROGRAM " doctor --config '%s'", path), 1, "%s",
		     output);
	cr_expect(strstr(output, "agent.conf:4"), "%s", output);
	cr_expect(strstr(output, "ring directory"), "%s", output);
	cr_expect_eq(standin_stat(&service, "requests"), 0);
	free(output);
	standin_stop(&service);
}

Test(doctor, explains_what_is_wrong_with_tls)
{
	char *output = NULL;
	char certificate[300], key[300];
	snprintf(certificate, sizeof(certificate), "%s/c.pem", site.data);
	snprintf(key, sizeof(key), "%s/k.pem", site.data);
	cr_assert_eq(help_shell(&output,
				"openssl req -x509 -newkey rsa:2048 -nodes -keyout %s -out %s "
				"-days 1 -subj /CN=other -addext subjectAltName=DNS:other 2>&1",
				key, certificate),
		     0, "%s", output);
	free(output);
	const char *const arguments[] = {"--tls-cert", certificate, "--tls-key", key, NULL};
	cr_assert_eq(standin_start(&standin, arguments), 0);
	finds_of_service("", "its authority is not trusted here", 1);
	char trusting[400];
	snprintf(trusting, sizeof(trusting), "--ca-file %s", certificate);
	finds_of_service(trusting, "the certificate is another host's", 1);
	finds_of_service("--ca-file /nowhere", "ca_file cannot be read", 1);
	standin_stop(&standin);
}
