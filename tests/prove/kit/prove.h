/*
 * The frame of a program that proves something: its arguments, its rows in the table, its random numbers, and its
 * way to fail. A program runs one proof; all state is the process's.
 *
 *     int main(int argc, char **argv)
 *     {
 *             prove_begin(argc, argv);
 *             …
 *             prove_row("M2", "2,000 kills, nothing lost", lost == 0, "%d kills, %d lost", kills, lost);
 *             return prove_end();
 *     }
 */
#ifndef PAYI_PROVE_H
#define PAYI_PROVE_H

#include <stdbool.h>
#include <stdint.h>

/* Reads "short" or "all" and PROVE_SEED, and prints the seed on standard error. */
void prove_begin(int argc, char **argv);

/* 0, or 1 when a row was missed. */
int prove_end(void);

bool prove_all(void); /* all, or the short share */

/* One of two figures: for the short share, and for all. */
int prove_figure(int few, int many);

/* A row of the table. goal and reached must hold no '|'. */
void prove_row(const char *row, const char *goal, bool reached, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
void prove_skip(const char *row, const char *goal, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Something was found: says it on standard error, with the seed, and counts it. */
void prove_finding(const char *format, ...) __attribute__((format(printf, 1, 2)));
int prove_findings(void);

/* The proof itself cannot go on, for a reason that is no finding. Ends the program. */
_Noreturn void prove_broken(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- Random numbers, from the seed; one thread ---- */

uint64_t prove_seed(void);
void prove_reseed(uint64_t seed); /* from here on as if begun with it */
uint64_t prove_random(void);
int prove_below(int n); /* 0 to n - 1 */

double prove_now_s(void); /* for intervals */
void prove_sleep_us(int us);

#endif
