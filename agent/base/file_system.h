/* What kind of file system a directory is on, as far as a database there has to care. Any thread. */
#ifndef PAYI_BASE_FILE_SYSTEM_H
#define PAYI_BASE_FILE_SYSTEM_H

struct file_system_kind {
	unsigned long magic;
	enum { FILE_SYSTEM_RISKY, FILE_SYSTEM_UNFIT } fitness;
	const char *text;   /* "is on tmpfs: what waits there is lost with the host" */
	const char *advice; /* what to do about it */
};

/* NULL: nothing is known against it, or it cannot be looked at. */
const struct file_system_kind *file_system_of(const char *path);

#endif
