/* Who may ask the local HTTP: every rule, by what browsers, tools and attackers send. */
#include "http/guard.h"

#include <criterion/criterion.h>
#include <string.h>

static const struct guard guard = {
	.host = {"localhost", "127.0.0.1", "[::1]", "agent.example", NULL}, .token = "s3cret"};

static int check(struct guard_request request)
{
	const char *why = NULL;
	if (!request.method)
		request.method = "GET";
	if (!request.n_hosts)
		request.n_hosts = request.host ? 1 : 0;
	const int status = guard_check(&guard, &request, &why);
	cr_expect_eq(status == 0, why == NULL);
	return status;
}

#define CHECK(...) check((struct guard_request){__VA_ARGS__})

Test(guard, lets_tools_ask_that_name_this_host)
{
	static const char *const hosts[] = {"localhost",      "LOCALHOST:80",   "127.0.0.1",
					    "127.0.0.1:9464", "[::1]",          "[::1]:9464",
					    "localhost:",     "agent.example:1"};
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++)
		cr_expect_eq(CHECK(.host = hosts[i]), 0, "%s", hosts[i]);
}

/* What DNS rebinding and its cousins send. */
Test(guard, refuses_every_other_host)
{
	static const char *const hosts[] = {
		"",
		"evil.example",
		"evil.example:9464",
		"127.0.0.1.evil.example",
		"localhost.evil",
		"xlocalhost",
		"localhos",
		"localhost.",
		"127.0.0.1:80.evil",
		"[::1",
		"[::1]x",
		"[::1]:8x",
		"localhost:80@evil",
		"evil:localhost",
		" localhost",
		"localhost ",
		"0.0.0.0",
		"127.0.0.2",
		"[::]",
		"]:1",
	};
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++)
		cr_expect_eq(CHECK(.host = hosts[i]), 403, "%s", hosts[i]);
	cr_expect_eq(CHECK(.host = NULL), 400);
	cr_expect_eq(CHECK(.host = "localhost", .n_hosts = 2), 400);
}

Test(guard, refuses_pages_of_other_sites)
{
	cr_expect_eq(CHECK(.host = "localhost:1", .origin = "http://localhost:1"), 0);
	cr_expect_eq(CHECK(.host = "localhost:1", .origin = "http://localhost:2"), 403);
	cr_expect_eq(CHECK(.host = "localhost:1", .origin = "https://localhost:1"), 403);
	cr_expect_eq(CHECK(.host = "localhost:1", .origin = "http://evil.example"), 403);
	cr_expect_eq(CHECK(.host = "localhost:1", .origin = "null"), 403);
	cr_expect_eq(CHECK(.host = "localhost:1", .origin = ""), 403);
	cr_expect_eq(CHECK(.host = "localhost", .sec_fetch_site = "none"), 0);
	cr_expect_eq(CHECK(.host = "localhost", .sec_fetch_site = "same-origin"), 0);
	cr_expect_eq(CHECK(.host = "localhost", .sec_fetch_site = "same-site"), 403);
	cr_expect_eq(CHECK(.host = "localhost", .sec_fetch_site = "cross-site"), 403);
	cr_expect_eq(CHECK(.host = "localhost", .sec_fetch_site = "cross-site",
			   .sec_fetch_mode = "no-cors"),
		     403);
}

Test(guard, lets_people_follow_links_to_read)
{
	cr_expect_eq(CHECK(.host = "localhost", .sec_fetch_site = "cross-site",
			   .sec_fetch_mode = "navigate"),
		     0);
	cr_expect_eq(CHECK(.method = "POST", .host = "localhost", .sec_fetch_site = "cross-site",
			   .sec_fetch_mode = "navigate", .content_type = "application/json"),
		     403);
	cr_expect_eq(CHECK(.host = "localhost", .sec_fetch_site = "cross-site",
			   .sec_fetch_mode = "navigate", .origin = "http://evil.example"),
		     403);
}

Test(guard, takes_no_post_that_a_form_can_make)
{
	static const char *const types[] = {NULL,
					    "text/plain",
					    "application/x-www-form-urlencoded",
					    "multipart/form-data; boundary=x",
					    "application/jsonx",
					    "text/plain; application/json"};
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		cr_expect_eq(CHECK(.method = "POST", .host = "localhost", .content_type = types[i]),
			     415, "%s", types[i] ? types[i] : "none");
	cr_expect_eq(CHECK(.method = "POST", .host = "localhost",
			   .content_type = "application/json; charset=utf-8"),
		     0);
	cr_expect_eq(CHECK(.method = "POST", .host = "localhost", .own_header = "1"), 0);
}

Test(guard, wants_the_token_over_tcp_but_for_health)
{
	cr_expect_eq(CHECK(.host = "localhost", .over_tcp = true), 401);
	cr_expect_eq(CHECK(.host = "localhost", .over_tcp = true, .is_public = true), 0);
	cr_expect_eq(CHECK(.host = "localhost", .over_tcp = false), 0);
	cr_expect_eq(CHECK(.host = "localhost", .over_tcp = true, .authorization = "Bearer s3cret"),
		     0);
	static const char *const wrong[] = {
		"Bearer ", "Bearer s3cre", "Bearer s3crets", "Bearer s3creT",
		"s3cret",  "Basic s3cret", "Bearer  s3cret", ""};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		cr_expect_eq(
			CHECK(.host = "localhost", .over_tcp = true, .authorization = wrong[i]),
			401, "%s", wrong[i]);
}
