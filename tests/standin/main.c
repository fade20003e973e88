/*
 * payi-standin: a service like Pay-i's for tests, benchmarks and the quick start. It checks what it gets more
 * strictly than the real one is known to, remembers it, and misbehaves on command. Never for production.
 */
#include "standin/http.h"
#include "standin/memory.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_KEY "standin-key"

enum { EXIT_USAGE = 2 };

struct options {
	struct http_options http;
	const char *key;
	bool keep_bodies;
};

static void print_help(void)
{
	fputs("payi-standin: a service like Pay-i's, on 127.0.0.1, for tests\n\n"
	      "  --port N         0, the default: any that is free; the first line tells which\n"
	      "  --key KEY        what xProxy-api-key must be; " DEFAULT_KEY " unless given\n"
	      "  --log FILE       a line for each request\n"
	      "  --keep-bodies    remember whole events, for /control/event\n"
	      "  --tls-cert FILE  with --tls-key FILE: HTTPS, with this certificate\n"
	      "  --tls-clients FILE  speak only to who shows a certificate of this authority\n\n"
	      "  GET  /control/stats                     what came, and what became of it\n"
	      "  GET  /control/events?after=N&limit=M    what was taken, as JSON lines\n"
	      "  GET  /control/event?id=ID               the whole of one\n"
	      "  GET  /control/instances                 use case ids that it gave, with their "
	      "names\n"
	      "  POST /control/faults                    misbehave: tests/standin/faults.h\n"
	      "  POST /control/reset                     forget everything\n",
	      stdout);
}

static char *read_file(const char *path)
{
	char *text = NULL;
	size_t length = 0;
	FILE *file = fopen(path, "r");
	FILE *to = open_memstream(&text, &length);
	for (int c; file && to && (c = getc(file)) != EOF;)
		putc(c, to);
	if (to)
		fclose(to);
	if (!file) {
		fprintf(stderr, "payi-standin: cannot read %s: %s\n", path, strerror(errno));
		exit(EXIT_FAILURE);
	}
	fclose(file);
	return text;
}

static FILE *open_log(const char *path)
{
	FILE *log = fopen(path, "a");
	if (!log) {
		fprintf(stderr, "payi-standin: cannot write %s: %s\n", path, strerror(errno));
		exit(EXIT_FAILURE);
	}
	setvbuf(log, NULL, _IOLBF, BUFSIZ);
	return log;
}

static uint16_t read_port(const char *text)
{
	char *end;
	const unsigned long port = strtoul(text, &end, 10);
	if (end > text && *end == '\0' && port <= UINT16_MAX)
		return (uint16_t)port;
	fprintf(stderr, "payi-standin: --port must be 0 to 65535, it is '%s'\n", text);
	exit(EXIT_USAGE);
}

static void read_options(int argc, char **argv, struct options *options)
{
	static const struct option NAMES[] = {
		{"port", required_argument, NULL, 'p'},
		{"key", required_argument, NULL, 'k'},
		{"log", required_argument, NULL, 'l'},
		{"keep-bodies", no_argument, NULL, 'b'},
		{"tls-cert", required_argument, NULL, 'c'},
		{"tls-key", required_argument, NULL, 'y'},
		{"tls-clients", required_argument, NULL, 'a'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	for (int option; (option = getopt_long(argc, argv, "", NAMES, NULL)) != -1;) {
		switch (option) {
		case 'p':
			options->http.port = read_port(optarg);
			break;
		case 'k':
			options->key = optarg;
			break;
		case 'l':
			options->http.log = open_log(optarg);
			break;
		case 'b':
			options->keep_bodies = true;
			break;
		case 'c':
			options->http.tls_certificate = read_file(optarg);
			break;
		case 'y':
			options->http.tls_key = read_file(optarg);
			break;
		case 'a':
			options->http.tls_clients = read_file(optarg);
			break;
		case 'h':
			print_help();
			exit(EXIT_SUCCESS);
		default:
			exit(EXIT_USAGE);
		}
	}
	if (optind == argc && !options->http.tls_certificate == !options->http.tls_key)
		return;
	fputs("payi-standin: see --help\n", stderr);
	exit(EXIT_USAGE);
}

static int serve(struct service *service, const struct options *options)
{
	sigset_t end;
	int signal_number;
	sigemptyset(&end);
	sigaddset(&end, SIGINT);
	sigaddset(&end, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &end, NULL); /* before there are threads to inherit it */
	struct http_server *server = http_start(service, &options->http);
	if (!server) {
		fprintf(stderr, "payi-standin: cannot listen on 127.0.0.1:%u\n",
			options->http.port);
		return EXIT_FAILURE;
	}
	printf("listening on http%s://127.0.0.1:%u\n", options->http.tls_key ? "s" : "",
	       http_port(server));
	fflush(stdout);
	sigwait(&end, &signal_number);
	service_stop(service);
	http_stop(server);
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	struct options options = {.key = DEFAULT_KEY};
	struct service service;
	read_options(argc, argv, &options);
	service_open(&service, options.key, options.keep_bodies);
	const int status = serve(&service, &options);
	service_close(&service);
	free(options.http.tls_certificate);
	free(options.http.tls_key);
	free(options.http.tls_clients);
	if (options.http.log)
		fclose(options.http.log);
	return status;
}
