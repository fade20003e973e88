/*
 * A POST for each event over HTTPS with a connection that is kept, to a service on this very host: what Pay-i's SDKs
 * do, without the network between.
 */
#include "bench/peers/peer.h"
#include "standin/standin_client.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>

enum { PATH_BYTES = 512, URL_BYTES = 128, BODY_BYTES = 1024, COMMAND_BYTES = 2048 };

struct https {
	struct standin standin;
	CURL *easy;
	struct curl_slist *headers;
	long n;
	char certificate[PATH_BYTES];
	char key[PATH_BYTES];
};

static size_t forget(char *bytes, size_t size, size_t n, void *context)
{
	(void)bytes;
	(void)context;
	return size * n;
}

static void end(void *self)
{
	struct https *https = self;
	curl_slist_free_all(https->headers);
	curl_easy_cleanup(https->easy);
	if (https->standin.pid)
		standin_stop(&https->standin);
	free(https);
}

static int hand_over(void *self)
{
	struct https *https = self;
	char url[URL_BYTES];
	char body[BODY_BYTES];
	long status = 0;
	snprintf(url, sizeof(url), "%s/api/v1/ingest?id=payi-bench-%ld", https->standin.url,
		 https->n);
	curl_easy_setopt(https->easy, CURLOPT_URL, url);
	snprintf(body, sizeof(body),
		 "{\"category\":\"system.openai\",\"resource\":\"gpt-4o\",\"units\":{\"text\":"
		 "{\"input\":1200,\"output\":300}},\"end_to_end_latency_ms\":2150,"
		 "\"time_to_first_token_ms\":430,\"http_status_code\":200,"
		 "\"provider_response_id\":\"payi-bench-%ld\"}",
		 https->n++);
	curl_easy_setopt(https->easy, CURLOPT_POSTFIELDS, body);
	return curl_easy_perform(https->easy) != CURLE_OK ||
	       curl_easy_getinfo(https->easy, CURLINFO_RESPONSE_CODE, &status) || status != 200;
}

static int wait_for(void *self, long n)
{
	(void)self;
	(void)n;
	return 0;
}

static pid_t process(const void *self)
{
	return ((const struct https *)self)->standin.pid;
}

static int make_certificate(const struct peer_place *place, struct https *https)
{
	char command[COMMAND_BYTES];
	snprintf(https->certificate, PATH_BYTES, "%s/c.pem", place->site->data);
	snprintf(https->key, PATH_BYTES, "%s/k.pem", place->site->data);
	snprintf(
		command, sizeof(command),
		"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
		"-keyout %s -out %s -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 "
		">/dev/null 2>&1",
		https->key, https->certificate);
	/* NOLINTNEXTLINE(cert-env33-c): the tool that every Debian has, by name */
	return system(command) ? PEER_ABSENT : 0;
}

static int connect_to(struct https *https)
{
	https->easy = curl_easy_init();
	if (!https->easy)
		return bench_fail(0, "out of memory");
	static const char *const headers[] = {"Content-Type: application/json",
					      "xProxy-api-key: " STANDIN_KEY,
					      "xProxy-UseCase-Name: document_summarization",
					      "xProxy-UseCase-ID: document-4711-2025",
					      "xProxy-UseCase-Step: outline",
					      "xProxy-User-ID: user-0042"};
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
		https->headers = curl_slist_append(https->headers, headers[i]);
	curl_easy_setopt(https->easy, CURLOPT_CAINFO, https->certificate);
	curl_easy_setopt(https->easy, CURLOPT_HTTPHEADER, https->headers);
	curl_easy_setopt(https->easy, CURLOPT_WRITEFUNCTION, forget);
	return hand_over(https) ? bench_fail(0, "the stand-in refuses the event") : 0;
}

static int begin(const struct peer_place *place, void **self)
{
	struct https *https = calloc(1, sizeof(*https));
	if (!https)
		return bench_fail(0, "out of memory");
	int status = make_certificate(place, https);
	const char *const arguments[] = {"--tls-cert", https->certificate, "--tls-key", https->key,
					 NULL};
	if (!status)
		status = standin_start(&https->standin, arguments);
	if (!status)
		status = connect_to(https);
	if (status)
		end(https);
	else
		*self = https;
	return status;
}

const struct peer peer_https = {
	.name = "HTTPS POST, to this host",
	.events = 10000,
	.open = begin,
	.hand_over = hand_over,
	.wait = wait_for,
	.process = process,
	.close = end,
};
