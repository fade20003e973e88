/*
 * A lock that one process holds for its life: an open-file-description lock on a file of its own. The
 * kernel drops it with the process, so nothing is ever stale; the text inside tells who holds it, for people.
 */
#ifndef PAYI_BASE_LOCK_FILE_H
#define PAYI_BASE_LOCK_FILE_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Takes the lock at path, creating the file (mode 0600), and writes who holds it into it. The descriptor
 * comes out in *fd; closing it gives the lock up. ERR_BUSY when another process has it: the text says which.
 */
int lock_file_take(const char *path, const char *who, int *fd, struct err *err);

/* Its holder says something else: a line of who it is, and where there is more to tell, another line. */
int lock_file_tell(int fd, const char *who, const char *note, struct err *err);

enum { LOCK_FILE_WHO_BYTES = 512 };

/* Who holds the lock at path, or held it last. */
struct lock_file_holder {
	bool holds; /* now */
	char who[LOCK_FILE_WHO_BYTES];
	char note[LOCK_FILE_WHO_BYTES]; /* what else it tells; "": nothing */
	int64_t since_us;               /* wall clock: when it was taken */
};

/* Looks without touching. 0; ERR_SYSTEM when it cannot be told; 1: there is no such file. */
int lock_file_look(const char *path, struct lock_file_holder *holder, struct err *err);

#endif
