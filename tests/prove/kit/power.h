/*
 * A disk whose power can be cut: a file system in memory for SQLite (a VFS, made the default) that remembers of each file
 * what was synced, and every write since. A cut makes a copy as the disk might be found afterwards: of the writes since
 * the last sync each sector is there or not, by lot, or torn in its middle; sizes and deletions likewise.
 *
 * One thread, one connection to each database, no other process: locks are not kept.
 */
#ifndef PAYI_PROVE_POWER_H
#define PAYI_PROVE_POWER_H

/* Called after each write, truncation, sync and deletion that SQLite makes, within it. NULL: nobody. */
void power_install(void (*on_operation)(void));

/* The database at path from as it may be found after a cut now, with its WAL and journal, as the database at path to. */
void power_cut(const char *from, const char *to);

/* A database with its WAL and journal is no more. */
void power_remove(const char *path);

#endif
