#include "prove/kit/prove.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { FINDINGS_SAID_MAX = 30 }; /* in words; all are counted */

static bool all;
static uint64_t seed;
static uint64_t state;
static int n_missed;
static int n_findings;

/* ---- The frame ------------------------------------------------------------------------------------ */

void prove_begin(int argc, char **argv)
{
	const char *share = argc > 1 ? argv[1] : "short";
	if (argc > 2 || (strcmp(share, "short") != 0 && strcmp(share, "all") != 0)) {
		fprintf(stderr, "%s: it takes one argument, short or all\n", argv[0]);
		exit(2);
	}
	const char *given = getenv("PROVE_SEED");
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	all = strcmp(share, "all") == 0;
	seed = given && *given ? strtoull(given, NULL, 10)
			       : (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
	prove_reseed(seed);
	setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
	fprintf(stderr, "PROVE_SEED=%llu %s %s\n", (unsigned long long)seed, argv[0], share);
}

int prove_end(void)
{
	return n_missed > 0 ? 1 : 0;
}

bool prove_all(void)
{
	return all;
}

int prove_figure(int few, int many)
{
	return all ? many : few;
}

__attribute__((format(printf, 4, 0))) static void print_row(const char *row, const char *goal,
							    const char *verdict, const char *format,
							    va_list arguments)
{
	char reached[512];
	vsnprintf(reached, sizeof(reached), format, arguments);
	printf("row|%s|%s|%s|%s\n", row, goal, reached, verdict);
}

void prove_row(const char *row, const char *goal, bool reached, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	print_row(row, goal, reached ? "proved" : "MISSED", format, arguments);
	va_end(arguments);
	n_missed += !reached;
}

void prove_skip(const char *row, const char *goal, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	print_row(row, goal, "skipped", format, arguments);
	va_end(arguments);
}

void prove_finding(const char *format, ...)
{
	va_list arguments;
	if (++n_findings > FINDINGS_SAID_MAX)
		return;
	va_start(arguments, format);
	fputs("FOUND: ", stderr);
	vfprintf(stderr, format, arguments);
	fprintf(stderr, " (PROVE_SEED=%llu)\n", (unsigned long long)seed);
	va_end(arguments);
}

int prove_findings(void)
{
	return n_findings;
}

void prove_broken(const char *format, ...)
{
	const int error = errno;
	va_list arguments;
	va_start(arguments, format);
	fputs("BROKEN: ", stderr);
	vfprintf(stderr, format, arguments);
	fprintf(stderr, " (errno %d: %s; PROVE_SEED=%llu)\n", error, strerror(error),
		(unsigned long long)seed);
	va_end(arguments);
	exit(3);
}

/* ---- Random numbers: SplitMix64 ------------------------------------------------------------------- */

uint64_t prove_seed(void)
{
	return seed;
}

void prove_reseed(uint64_t number)
{
	state = number;
}

uint64_t prove_random(void)
{
	uint64_t z = state += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

int prove_below(int n)
{
	return (int)(prove_random() % (uint64_t)n);
}

/* ---- Time ----------------------------------------------------------------------------------------- */

double prove_now_s(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void prove_sleep_us(int us)
{
	struct timespec left = {.tv_sec = us / 1000000, .tv_nsec = (long)(us % 1000000) * 1000};
	while (nanosleep(&left, &left) && errno == EINTR)
		continue;
}
