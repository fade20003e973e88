#include "http/guard.h"

#include <string.h>
#include <strings.h>

/* ---- Host ----------------------------------------------------------------------------------------- */

/* How long the name is, without the port; -1 when what follows the name is no port. */
static long name_length(const char *host)
{
	const size_t len = host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":");
	if (len > strlen(host))
		return -1;
	const char *rest = host + len;
	if (!*rest)
		return (long)len;
	if (*rest != ':' || strspn(rest + 1, "0123456789") != strlen(rest + 1))
		return -1;
	return (long)len;
}

static bool is_ours(const struct guard *guard, const char *host)
{
	const long len = name_length(host);
	for (int i = 0; len > 0 && i < GUARD_HOSTS_MAX && guard->host[i]; i++)
		if (strlen(guard->host[i]) == (size_t)len &&
		    strncasecmp(guard->host[i], host, (size_t)len) == 0)
			return true;
	return false;
}

/* ---- Other pages ---------------------------------------------------------------------------------- */

static bool is_same_origin(const char *origin, const char *host)
{
	static const char scheme[] = "http://";
	const size_t len = sizeof(scheme) - 1;
	return strncasecmp(origin, scheme, len) == 0 && strcasecmp(origin + len, host) == 0;
}

static bool is_read(const struct guard_request *request)
{
	return strcmp(request->method, "GET") == 0 || strcmp(request->method, "HEAD") == 0;
}

/* A link that a person follows shows its answer to that person alone. */
static bool is_followed_link(const struct guard_request *request)
{
	return is_read(request) && !request->origin && request->sec_fetch_mode &&
	       strcmp(request->sec_fetch_mode, "navigate") == 0;
}

static bool is_from_here(const struct guard_request *request)
{
	const char *site = request->sec_fetch_site;
	if (request->origin && !is_same_origin(request->origin, request->host))
		return false;
	return !site || strcmp(site, "same-origin") == 0 || strcmp(site, "none") == 0 ||
	       is_followed_link(request);
}

static bool is_json(const char *content_type)
{
	static const char json[] = "application/json";
	const size_t len = sizeof(json) - 1;
	return content_type && strncasecmp(content_type, json, len) == 0 &&
	       (!content_type[len] || strchr("; \t", content_type[len]));
}

/* ---- The token ------------------------------------------------------------------------------------ */

/* Takes the same time wherever the two differ. */
static bool is_same_token(const char *token, const char *given)
{
	const size_t len = strlen(given);
	size_t n = strlen(token);
	unsigned char differ = n != len;
	for (size_t i = 0; i < n; i++)
		differ |= (unsigned char)(token[i] ^ given[len ? i % len : 0]);
	return !differ;
}

static bool has_token(const struct guard *guard, const struct guard_request *request)
{
	static const char bearer[] = "Bearer ";
	const char *given = request->authorization;
	if (!guard->token[0] || !request->over_tcp || request->is_public)
		return true;
	return given && strncasecmp(given, bearer, sizeof(bearer) - 1) == 0 &&
	       is_same_token(guard->token, given + sizeof(bearer) - 1);
}

/* ---- All of it ------------------------------------------------------------------------------------ */

static int refuse(int status, const char *text, const char **why)
{
	*why = text;
	return status;
}

int guard_check(const struct guard *guard, const struct guard_request *request, const char **why)
{
	if (request->n_hosts != 1 || !request->host)
		return refuse(400, "a request needs one Host header", why);
	if (!is_ours(guard, request->host))
		return refuse(403,
			      "the Host header names another host than this one; ask for "
			      "http://localhost/, or set http_host",
			      why);
	if (!is_from_here(request))
		return refuse(403, "the request comes from a page of another site", why);
	if (!has_token(guard, request))
		return refuse(401, "the request has no valid token (Authorization: Bearer …)", why);
	if (!is_read(request) && !is_json(request->content_type) && !request->own_header)
		return refuse(
			415,
			"a POST needs Content-Type: application/json, or a header " GUARD_HEADER,
			why);
	return 0;
}
