/* The ring directory: which one, and whether it can be trusted. */
#ifndef PAYI_CLIENT_RING_DIR_H
#define PAYI_CLIENT_RING_DIR_H

#include "payi/payi.h"

#include <stdint.h>
#include <sys/types.h>

enum { PAYI__PATH_BYTES = 512 };

struct payi__ring_dir {
	int fd;              /* -1: not open */
	mode_t mode;         /* a setgid directory is shared by a group */
	uint64_t free_bytes; /* UINT64_MAX: as much as there is memory */
};

/* Writes given, or the default when it is NULL or "", as an absolute path: chdir() shall not move it. */
payi_status payi__ring_dir_resolve(const char *given, char path[PAYI__PATH_BYTES]);

/*
 * Opens the directory, making it (itself alone, for us alone) if it is not there. It must be on tmpfs and
 * not be open to everybody.
 */
payi_status payi__ring_dir_open(const char *path, struct payi__ring_dir *dir);

#endif
