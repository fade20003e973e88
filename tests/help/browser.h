/*
 * A real browser for tests: Debian's chromium, driven through chromedriver by WebDriver. Ends with the thread that
 * started it, whatever becomes of that. What cannot work fails the test.
 */
#ifndef PAYI_TESTS_BROWSER_H
#define PAYI_TESTS_BROWSER_H

#include <jansson.h>
#include <stdbool.h>
#include <sys/types.h>

struct browser {
	pid_t driver;
	int port;
	char session[64]; /* "": none */
	char profile[64]; /* a directory of its own */
};

/* Whether there is one at all: chromium and chromedriver, in the PATH. */
bool browser_is_installed(void);

void browser_start(struct browser *browser);
void browser_stop(struct browser *browser); /* one that was not started is fine */

void browser_go(struct browser *browser, const char *url);
void browser_resize(struct browser *browser, int width, int height); /* of what the page sees */
void browser_be_dark(struct browser *browser, bool dark); /* what the page is told is preferred */

/* What the body of a function returns; json_decref() it. */
json_t *browser_eval(struct browser *browser, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Likewise: whether it is true, its number, and its text, malloc'd. */
bool browser_is(struct browser *browser, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
double browser_number(struct browser *browser, const char *expression);
char *browser_text(struct browser *browser, const char *expression);

/* Waits until the expression is true; fails the test after some seconds, with what the page says. */
void browser_wait(struct browser *browser, const char *expression);

/* Presses keys, one after the other, as a person does: UTF-8, with BROWSER_… for those that are no characters. */
void browser_keys(struct browser *browser, const char *keys);

#define BROWSER_TAB    "\xee\x80\x84"
#define BROWSER_ENTER  "\xee\x80\x87"
#define BROWSER_ESCAPE "\xee\x80\x8c"
#define BROWSER_END    "\xee\x80\x90"
#define BROWSER_LEFT   "\xee\x80\x92"
#define BROWSER_RIGHT  "\xee\x80\x94"

/* What the console said since the last time, errors of scripts and of the policy among it: [{level, message}, …]. */
json_t *browser_console(struct browser *browser);

/* The addresses that were asked for since the last time, by whatever part of the page. */
json_t *browser_requests(struct browser *browser);

#endif
