/* The service's key: given in the settings, or in a file that is looked at again when it is needed. */
#ifndef PAYI_SINK_PAYI_KEY_H
#define PAYI_SINK_PAYI_KEY_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

enum { KEY_BYTES_MAX = 4096 };

struct key {
	const char *given;            /* borrowed; "" or NULL: use the file */
	const char *path;             /* borrowed; "" or NULL: there is none */
	uint32_t generation;          /* goes up with each new key */
	char text[KEY_BYTES_MAX + 1]; /* "": there is no key (yet) */
};

/*
 * Looks for the key again. 0, or negative when there is none to be had; err then says where it was
 * looked for, and never what was found. A key that was good to read before is kept.
 */
int key_look(struct key *key, struct err *err);

/* There is none any more, and none was kept. */
void key_forget(struct key *key);

#endif
