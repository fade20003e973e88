#include "sink/payi/probe.h"

#include "base/clock.h"
#include "sink/payi/http.h"
#include "sink/payi/key.h"
#include "sink/payi/service.h"
#include "sink/payi/url.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Before anything is sent ------------------------------------------------------------------------ */

int probe_check_url(const struct probe_options *options, bool *loopback, struct err *err)
{
	return url_check(options->base_url, options->allow_insecure, loopback, err);
}

static int look_for_key(const struct probe_options *options, struct key *key, struct err *err)
{
	*key = (struct key){.given = options->api_key, .path = options->api_key_file};
	return key_look(key, err);
}

int probe_check_key(const struct probe_options *options, struct err *err)
{
	struct key key;
	return look_for_key(options, &key, err);
}

/* Of the variable's URL only host and port: it may hold a password. */
static void say_proxy(const char *variable, const char *value, char text[PROBE_TEXT_BYTES])
{
	char *host = NULL;
	char *port = NULL;
	CURLU *url = curl_url();
	if (url &&
	    !curl_url_set(url, CURLUPART_URL, value,
			  CURLU_GUESS_SCHEME | CURLU_NON_SUPPORT_SCHEME) &&
	    !curl_url_get(url, CURLUPART_HOST, &host, 0)) {
		const bool has_port = !curl_url_get(url, CURLUPART_PORT, &port, 0);
		snprintf(text, PROBE_TEXT_BYTES, "%s=%s%s%s", variable, host, has_port ? ":" : "",
			 has_port ? port : "");
	} else {
		snprintf(text, PROBE_TEXT_BYTES, "%s, which is no URL", variable);
	}
	curl_free(host);
	curl_free(port);
	curl_url_cleanup(url);
}

/* The variables that libcurl reads, in its order; HTTP_PROXY in capitals is not among them. */
void probe_proxy(const char *base_url, char text[PROBE_TEXT_BYTES])
{
	static const char *const of_https[] = {"https_proxy", "HTTPS_PROXY", "all_proxy",
					       "ALL_PROXY"};
	static const char *const of_http[] = {"http_proxy", "all_proxy", "ALL_PROXY"};
	const bool secure = strncmp(base_url, "https:", 6) == 0;
	const char *const *variables = secure ? of_https : of_http;
	text[0] = '\0';
	for (int i = 0; i < (secure ? 4 : 3); i++) {
		const char *value = getenv(variables[i]);
		if (!value || !*value)
			continue;
		say_proxy(variables[i], value, text);
		return;
	}
}

/* ---- What to do about an answer --------------------------------------------------------------------- */

static const char *advice_on_status(int status)
{
	if (status >= 200 && status <= 299)
		return NULL;
	if (status >= 300 && status <= 399)
		return "it sends elsewhere, and the key does not follow: correct base_url";
	switch (status) {
	case 401:
	case 403:
		return "check the key, and base_url: some accounts have a host of their own, and "
		       "another one's refuses the key, too";
	case 404:
		return "there is no Pay-i at this path: correct base_url";
	case 407:
		return "the proxy asks for a password: put it into the proxy's URL, or name the "
		       "host in no_proxy";
	case 408:
	case 429:
		return "it is there, and busy; the agent waits and tries again";
	default:
		return status >= 500
			       ? "it is there, and has trouble of its own; the agent waits and "
				 "tries again"
			       : "it is there, but does not answer as Pay-i does: check base_url";
	}
}

/* By libcurl's code; and by a word of its text, where one code has several causes. The first that fits. */
static const char *advice_on_error(int code, const char *text)
{
	static const struct {
		int code;
		const char *word;
		const char *advice;
	} known[] = {
		{CURLE_COULDNT_RESOLVE_HOST, "",
		 "the name has no address: check base_url, /etc/resolv.conf, and whether this host "
		 "may use the network"},
		{CURLE_COULDNT_RESOLVE_PROXY, "", "correct the proxy's variable"},
		{CURLE_COULDNT_CONNECT, "",
		 "nobody listens there, or a firewall refuses: check base_url's port, and the "
		 "proxy's variables"},
		{CURLE_OPERATION_TIMEDOUT, "",
		 "no answer in time: a firewall that drops packets? check the route, or name a "
		 "proxy in https_proxy"},
		{CURLE_PEER_FAILED_VERIFICATION, "expired",
		 "the certificate is out of date, or this host's clock is wrong"},
		{CURLE_PEER_FAILED_VERIFICATION, "not yet valid",
		 "this host's clock is behind, most likely: set it"},
		{CURLE_PEER_FAILED_VERIFICATION, "subject name",
		 "the certificate is another host's: check base_url"},
		{CURLE_PEER_FAILED_VERIFICATION, "",
		 "its authority is not trusted here: install ca-certificates; behind a proxy that "
		 "opens TLS, give that proxy's certificate with ca_file"},
		{CURLE_SSL_CERTPROBLEM, "",
		 "client_cert and client_key must be PEM files that belong together, readable by "
		 "the agent's user, the key without a passphrase"},
		{CURLE_SSL_CACERT_BADFILE, "", "ca_file cannot be read, or is no PEM file"},
		{CURLE_SSL_CONNECT_ERROR, "",
		 "what answers there speaks no TLS: check base_url's scheme and port"},
		{CURLE_RECV_ERROR, "", "the connection broke; something between here and there?"},
		{CURLE_GOT_NOTHING, "",
		 "it closed the connection: check base_url's scheme and port"},
	};
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i].code == code && strstr(text, known[i].word))
			return known[i].advice;
	return strstr(text, "from proxy") ? advice_on_status(407)
					  : "check base_url and the network; the agent tries again "
					    "by itself";
}

/* ---- The question ------------------------------------------------------------------------------------ */

struct asking {
	struct probe *probe;
	uv_loop_t *loop;
	int64_t sent_us;
};

static void on_answer(void *ctx, const struct http_answer *answer)
{
	const struct asking *asking = ctx;
	struct probe *probe = asking->probe;
	probe->took_us = clock_boot_us() - asking->sent_us;
	probe->status = answer->status;
	if (!answer->status)
		snprintf(probe->error, sizeof(probe->error), "%s", answer->error);
	probe->advice = answer->status ? advice_on_status(answer->status)
				       : advice_on_error(answer->error_code, answer->error);
	probe->clock_known = answer->date_us != 0;
	if (probe->clock_known)
		probe->clock_ahead_us = clock_wall_us() - probe->took_us / 2 - answer->date_us;
	uv_stop(asking->loop);
}

static void on_closed(void *ctx)
{
	(void)ctx;
}

/* As the sink does it: no slash twice. */
static int ask(struct http *http, const struct probe_options *options, struct asking *asking,
	       struct err *err)
{
	const struct buf body = BUF_INIT;
	struct err no_key;
	struct service service = {.http = http};
	char *base_url = strdup(options->base_url);
	if (!base_url)
		return err_set(err, ERR_MEMORY, "out of memory");
	for (size_t n = strlen(base_url); n > 0 && base_url[n - 1] == '/'; n--)
		base_url[n - 1] = '\0';
	look_for_key(options, &service.key, &no_key);
	service.base_url = base_url;
	service_begin(&service, "/api/v1/limits");
	asking->sent_us = clock_boot_us();
	const int status = service_send(&service, HTTP_GET, &body, on_answer, asking, err);
	if (!status)
		uv_run(asking->loop, UV_RUN_DEFAULT);
	service_release(&service);
	free(base_url);
	return status;
}

int probe_run(const struct probe_options *options, struct probe *probe, struct err *err)
{
	uv_loop_t loop;
	struct http *http = NULL;
	struct asking asking = {.probe = probe, .loop = &loop};
	bool loopback = false;
	*probe = (struct probe){0};
	int status = probe_check_url(options, &loopback, err);
	if (status)
		return status;
	if (uv_loop_init(&loop))
		return err_set(err, ERR_SYSTEM, "cannot make an event loop");
	const struct http_options http_options = {.ca_file = options->ca_file,
						  .client_cert = options->client_cert,
						  .client_key = options->client_key,
						  .direct = loopback,
						  .connections = 1,
						  .timeout_s = options->timeout_s};
	status = http_open(&loop, &http_options, &http, err);
	if (!status)
		status = ask(http, options, &asking, err);
	if (http)
		http_close(http, on_closed, NULL);
	uv_run(&loop, UV_RUN_DEFAULT);
	uv_loop_close(&loop);
	return status;
}

struct probe_library probe_library(void)
{
	const curl_version_info_data *info = curl_version_info(CURLVERSION_NOW);
	return (struct probe_library){
		.version = info->version,
		.tls = (info->features & CURL_VERSION_SSL) && info->ssl_version ? info->ssl_version
										: "",
		.waits_for_names = !(info->features & CURL_VERSION_ASYNCHDNS),
	};
}
