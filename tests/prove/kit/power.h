/*
 * A disk whose power can be cut: a file system in memory for SQLite (a VFS, made the default) that remembers of each file
 * what was synced, and every write since. A cut makes a copy as the disk might be found afterwards: of the writes since
 * the last sync each sector is there or not, by lot, or torn in its middle; sizes and deletions likewise.
 *
 * One thread, no other process, one connection that writes to each database; others may read between its transactions.
 */
#ifndef PAYI_PROVE_POWER_H
#define PAYI_PROVE_POWER_H

/* Called after each write, truncation, sync and deletion that SQLite makes, within it. NULL: nobody. */
void power_install(void (*on_operation)(void));

enum power_operation { POWER_OPEN, POWER_READ, POWER_WRITE, POWER_SYNC };

/*
 * Asked before each of these: whatever it answers but SQLITE_OK is what the disk answers, and nothing is done. NULL: nobody
 * is asked. What of a process that was killed is still to be closed must find such a disk.
 */
void power_fail(int (*fault)(enum power_operation operation));

/*
 * What a sync that is told to fail has done before. POWER_SYNC_SOME: some of what was written is on the disk, by lot, and all of it
 * is taken for written from now on, as Linux does, so that the next sync succeeds whatever is missing.
 */
enum power_sync { POWER_SYNC_NOTHING, POWER_SYNC_ALL, POWER_SYNC_SOME };
void power_fail_sync(enum power_sync how);

/* What the last process had mapped of the database is gone with it. Everybody has closed it. */
void power_unmap(const char *path);

/* The database at path from as it may be found after a cut now, with its WAL and journal, as the database at path to. */
void power_cut(const char *from, const char *to);

/* A database with its WAL and journal is no more. */
void power_remove(const char *path);

#endif
