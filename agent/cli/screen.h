/*
 * A terminal as a whole screen: taken over by screen_open(), given back as it was by screen_close(), by a signal that ends us, and
 * while we are stopped (Ctrl-Z). Plain ANSI sequences, no terminfo. One per process, one thread.
 */
#ifndef PAYI_CLI_SCREEN_H
#define PAYI_CLI_SCREEN_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>

struct screen;

/* Standard input and output must be terminals (screen_is_possible()). Ending signals wait from now on. */
bool screen_is_possible(void);
int screen_open(struct screen **screen, struct err *err);
void screen_close(struct screen *screen); /* NULL is fine */

/* How large it is now. */
void screen_size(const struct screen *screen, int *width, int *height);

/* Shows text, of lines; what is beyond the screen's edges is not seen. */
void screen_draw(struct screen *screen, const struct buf *text);

enum screen_key {
	SCREEN_NOTHING = 0,     /* the time was over */
	SCREEN_RESIZED = 0x100, /* or somebody else wrote on it: to be drawn again */
	SCREEN_UP,
	SCREEN_DOWN,
	SCREEN_LEFT,
	SCREEN_RIGHT,
	SCREEN_BACK_TAB,
	SCREEN_END, /* a signal, or the terminal is gone */
};

/* Waits for a key, but no longer than that: its byte, or one of the above. */
int screen_key(struct screen *screen, int timeout_ms);

#endif
