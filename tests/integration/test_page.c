/* The page as a browser fetches it: its files, what is said of them, and nothing beside them. */
#include "help/local_http.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct help_site site;

static void set_up(void)
{
	help_site_make(&site);
}

static void tear_down(void)
{
	help_site_remove(&site);
}

TestSuite(page, .init = set_up, .fini = tear_down, .timeout = 60);

/* A header's value; "" where there is none. Ends with the next call. */
static const char *header(const struct local_reply *reply, const char *name)
{
	static char value[1024];
	char line[64];
	snprintf(line, sizeof(line), "\r\n%s: ", name);
	const char *at = strstr(reply->text, line);
	value[0] = '\0';
	if (at && at < reply->body)
		snprintf(value, sizeof(value), "%.*s", (int)strcspn(at + strlen(line), "\r"),
			 at + strlen(line));
	return value;
}

static void ask(const char *method, const char *path, const char *headers,
		struct local_reply *reply)
{
	char request[1024];
	snprintf(request, sizeof(request),
		 "%s %s HTTP/1.1\r\nHost: localhost\r\n%sConnection: close\r\n\r\n", method, path,
		 headers);
	local_exchange(local_connect(&site), request, reply);
}

static char *file_text(const char *name)
{
	char *text;
	cr_assert_eq(help_shell(&text, "cat '%s/agent/web/%s'", SOURCE_DIR, name), 0, "%s", name);
	return text;
}

static const struct {
	const char *path;
	const char *file;
	const char *type;
} files[] = {
	{"/", "index.html", "text/html; charset=utf-8"},
	{"/page.css", "page.css", "text/css; charset=utf-8"},
	{"/main.js", "main.js", "text/javascript; charset=utf-8"},
	{"/icon.svg", "icon.svg", "image/svg+xml"},
};

Test(page, comes_as_it_was_written)
{
	help_agent_start(&site, NULL, NULL);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		struct local_reply reply;
		char *text = file_text(files[i].file);
		ask("GET", files[i].path, "", &reply);
		cr_expect_eq(reply.status, 200, "%s: %s", files[i].path, reply.text);
		cr_expect_str_eq(reply.body, text, "%s", files[i].path);
		cr_expect_str_eq(header(&reply, "Content-Type"), files[i].type);
		cr_expect_str_eq(header(&reply, "Cache-Control"), "no-cache");
		cr_expect_str_eq(header(&reply, "X-Content-Type-Options"), "nosniff");
		cr_expect_str_eq(header(&reply, "Referrer-Policy"), "no-referrer");
		cr_expect_str_eq(header(&reply, "Cross-Origin-Resource-Policy"), "same-origin");
		local_release(&reply);
		free(text);
	}
}

/* What a browser fetches is packed, and what it unpacks is the file; who does not ask for that gets it plain. */
Test(page, is_packed_for_who_takes_it)
{
	static const struct {
		const char *accepts;
		bool packed;
	} cases[] = {
		{"gzip, deflate, br", true}, {"deflate, GZIP;q=0.5", true},
		{"br,gzip", true},           {"gzip;q=0", false},
		{"gzip; q=0.000", false},    {"deflate", false},
		{"gzipped", false},          {"", false},
	};
	char *sizes;
	help_agent_start(&site, NULL, NULL);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char headers[128];
		struct local_reply reply;
		snprintf(headers, sizeof(headers), "Accept-Encoding: %s\r\n", cases[i].accepts);
		ask("GET", "/main.js", headers, &reply);
		cr_expect_eq(reply.status, 200, "%s", cases[i].accepts);
		cr_expect_str_eq(header(&reply, "Content-Encoding"), cases[i].packed ? "gzip" : "",
				 "%s", cases[i].accepts);
		cr_expect_str_eq(header(&reply, "Vary"), "Accept-Encoding");
		local_release(&reply);
	}
	cr_assert_eq(
		help_shell(&sizes,
			   "set -e; cd '%s/agent/web'; for f in *.css *.js *.svg; do "
			   "curl -sSf --compressed --unix-socket '%s/agent.sock' "
			   "http://localhost/$f -o '%s/page-file'; cmp '%s/page-file' $f; done; "
			   "curl -sSf --unix-socket '%s/agent.sock' -H 'Accept-Encoding: gzip' "
			   "http://localhost/usage.js | wc -c",
			   SOURCE_DIR, site.data, site.data, site.data, site.data),
		0, "%s", sizes);
	char *plain = file_text("usage.js");
	cr_expect(atoi(sizes) > 100 && (size_t)atoi(sizes) < strlen(plain) / 2, "%s bytes of %zu",
		  sizes, strlen(plain));
	free(plain);
	free(sizes);
}

/* Every file of the folder that a browser takes is there, and none needs another host. */
Test(page, is_all_there)
{
	char *names;
	help_agent_start(&site, NULL, NULL);
	cr_assert_eq(help_shell(&names, "cd '%s/agent/web' && ls *.css *.js *.svg", SOURCE_DIR), 0);
	int n = 0;
	for (char *at = names, *name; (name = strtok_r(at, "\n", &at)); n++) {
		char path[128];
		snprintf(path, sizeof(path), "/%s", name);
		char *body = local_body(&site, path);
		const char *foreign = strstr(body, "://");
		cr_expect(!foreign || strncmp(foreign, "://www.w3.org/2000/svg", 22) == 0,
			  "%s: %.60s", name, foreign);
		free(body);
	}
	cr_expect_geq(n, 5);
	free(names);
}

static bool allows(const char *policy, const char *directive)
{
	const char *at = strstr(policy, directive);
	return at && strchr("; ", at[strlen(directive)]);
}

Test(page, may_load_nothing_but_its_own)
{
	static const char *const directives[] = {
		"default-src 'none'",     "script-src 'self'",
		"style-src 'self'",       "connect-src 'self'",
		"base-uri 'none'",        "form-action 'none'",
		"frame-ancestors 'none'", "require-trusted-types-for 'script'",
	};
	struct local_reply reply;
	help_agent_start(&site, NULL, NULL);
	ask("GET", "/", "", &reply);
	const char *policy = header(&reply, "Content-Security-Policy");
	for (size_t i = 0; i < sizeof(directives) / sizeof(directives[0]); i++)
		cr_expect(allows(policy, directives[i]), "%s is not in: %s", directives[i], policy);
	cr_expect_not(strstr(policy, "unsafe"), "%s", policy);
	cr_expect_not(strstr(policy, "*"), "%s", policy);
	cr_expect_not(strstr(reply.body, "<style"), "the policy forbids it");
	cr_expect_not(strstr(reply.body, "style="), "the policy forbids it");
	local_release(&reply);
}

Test(page, is_sent_once_while_it_stays_the_same)
{
	struct local_reply reply;
	char headers[256];
	char etag[64];
	help_agent_start(&site, NULL, NULL);
	ask("GET", "/main.js", "", &reply);
	snprintf(etag, sizeof(etag), "%s", header(&reply, "ETag"));
	cr_expect(strncmp(etag, "W/\"", 3) == 0, "packed or plain it is the same: %s", etag);
	local_release(&reply);

	const char *const known[] = {"", "\"x\", ", "Accept-Encoding: gzip\r\n"};
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		const bool other = strchr(known[i], ':') != NULL;
		snprintf(headers, sizeof(headers), "%sIf-None-Match: %s%s\r\n",
			 other ? known[i] : "", other ? "" : known[i], etag);
		ask("GET", "/main.js", headers, &reply);
		cr_expect_eq(reply.status, 304, "%s: %s", headers, reply.text);
		cr_expect_str_eq(reply.body, "");
		cr_expect_str_eq(header(&reply, "ETag"), etag);
		local_release(&reply);
	}
	snprintf(headers, sizeof(headers), "If-None-Match: %s\r\n", etag);
	ask("GET", "/page.css", headers, &reply);
	cr_expect_eq(reply.status, 200, "another file's: %s", reply.text);
	local_release(&reply);
}

Test(page, tells_a_head_how_long_it_is)
{
	struct local_reply reply;
	char *text = file_text("index.html");
	help_agent_start(&site, NULL, NULL);
	ask("HEAD", "/", "", &reply);
	cr_expect_eq(reply.status, 200);
	cr_expect_str_eq(reply.body, "");
	cr_expect_eq((size_t)strtol(header(&reply, "Content-Length"), NULL, 10), strlen(text));
	local_release(&reply);
	free(text);
}

Test(page, is_nothing_but_its_files)
{
	static const struct {
		const char *method;
		const char *path;
		const char *headers;
		int status;
	} cases[] = {
		{"GET", "/index.html", "", 404},
		{"GET", "/embed.cmake", "", 404},
		{"GET", "/../main.js", "", 404},
		{"GET", "/%2e%2e/%2e%2e/etc/passwd", "", 404},
		{"GET", "/..%2fetc/passwd", "", 404},
		{"GET", "//main.js", "", 404},
		{"GET", "/main.js/", "", 404},
		{"GET", "/MAIN.JS", "", 404},
		{"POST", "/", "X-Payi-Agent: 1\r\nContent-Length: 0\r\n", 405},
		{"POST", "/", "Content-Length: 0\r\n", 415},
		{"GET", "/main.js", "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\n",
		 403},
		{"GET", "/", "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\n", 200},
	};
	help_agent_start(&site, NULL, NULL);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct local_reply reply;
		ask(cases[i].method, cases[i].path, cases[i].headers, &reply);
		cr_expect_eq(reply.status, cases[i].status, "%s %s: %s", cases[i].method,
			     cases[i].path, reply.text);
		local_release(&reply);
	}
}

/* It asks for the token; so it has to come without one. What it shows does not. */
Test(page, comes_by_tcp_without_the_token_and_shows_nothing_without_it)
{
	char path[HELP_PATH_BYTES + 16], flag[HELP_PATH_BYTES + 64];
	snprintf(path, sizeof(path), "%s/token", site.data);
	snprintf(flag, sizeof(flag), "--http-token-file=%s", path);
	FILE *file = fopen(path, "w");
	cr_assert(file);
	fputs("a-long-secret\n", file);
	fclose(file);
	const char *const arguments[] = {"--http-listen=127.0.0.1:0", flag, NULL};
	help_agent_start(&site, arguments, NULL);
	static const struct {
		const char *path;
		int status;
	} cases[] = {{"/", 200},
		     {"/main.js", 200},
		     {"/api/v1/status", 401},
		     {"/api/v1/history/series", 401},
		     {"/nothing", 401}};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct local_reply reply;
		char request[256];
		snprintf(request, sizeof(request),
			 "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
			 cases[i].path);
		local_exchange(local_connect_tcp(local_port(&site)), request, &reply);
		cr_expect_eq(reply.status, cases[i].status, "%s: %s", cases[i].path, reply.text);
		local_release(&reply);
	}
}
