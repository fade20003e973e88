/*
 * A file system that fails: a layer over SQLite's own, for tests. Once installed every connection goes
 * through it; as long as no fault is planned it passes everything on, but for fsync, which it leaves out.
 */
#ifndef PAYI_TESTS_FAULT_VFS_H
#define PAYI_TESTS_FAULT_VFS_H

#include <stdbool.h>

enum fault_kind {
	FAULT_EIO,      /* any call fails */
	FAULT_TORN,     /* any call fails; a write or truncation is half done before */
	FAULT_LATE,     /* any call fails, after it was done */
	FAULT_FULL,     /* calls that need space fail, writes after half of them was done */
	FAULT_READ_ONLY /* calls that change something fail */
};

struct fault_plan {
	enum fault_kind kind;
	int at; /* the call that fails, counted from 1 among those that the kind concerns; 0: none */
	bool for_ever; /* and all after it */
};

/* Makes it the default. */
void fault_vfs_install(void);

/* Counting begins anew. */
void fault_vfs_plan(const struct fault_plan *plan);

/* How many calls of the plan's kind there were since. */
int fault_vfs_calls(void);

#endif
