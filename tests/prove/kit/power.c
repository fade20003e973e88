#include "prove/kit/power.h"

#include "prove/kit/prove.h"

#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum { SECTOR = 512, FILES_MAX = 64, NAME_BYTES = 320, REGIONS_MAX = 64 };

struct content {
	uint8_t *bytes;
	size_t size, capacity;
};

/* A write, or, where bytes is NULL, a truncation to offset. */
struct operation {
	uint64_t offset;
	size_t n;
	uint8_t *bytes;
};

struct file {
	char name[NAME_BYTES]; /* "": the place is free */
	bool exists, exists_on_disk;
	struct content now, on_disk;
	struct operation *operations; /* since the last sync */
	size_t n_operations, capacity;
	void *regions[REGIONS_MAX]; /* shared memory, as the WAL wants it; lost with the power */
	int n_shared;               /* handles that hold a lock */
};

/* What SQLite holds of an open file. */
struct handle {
	sqlite3_file base;
	struct file *file;
	bool remove; /* at close */
	bool shared; /* it holds a lock */
};

static struct file files[FILES_MAX];
static void (*operation_hook)(void);
static int (*fault_hook)(enum power_operation);
static enum power_sync failed_sync;

static void *need(void *memory)
{
	if (!memory)
		prove_broken("no memory for the disk");
	return memory;
}

/* ---- Content -------------------------------------------------------------------------------------- */

/* What lies between the old and the new end is zero. */
static void resize(struct content *content, size_t size)
{
	if (size > content->capacity) {
		content->capacity = size + size / 2;
		content->bytes = need(realloc(content->bytes, content->capacity));
	}
	if (size > content->size)
		memset(content->bytes + content->size, 0, size - content->size);
	content->size = size;
}

static void put(struct content *content, uint64_t offset, const uint8_t *bytes, size_t n)
{
	if (n == 0)
		return;
	if (offset + n > content->size)
		resize(content, offset + n);
	memcpy(content->bytes + offset, bytes, n);
}

static void copy(struct content *to, const struct content *from)
{
	resize(to, 0);
	put(to, 0, from->bytes, from->size);
}

static void forget_operations(struct file *file)
{
	for (size_t i = 0; i < file->n_operations; i++)
		free(file->operations[i].bytes);
	file->n_operations = 0;
}

static void remember(struct file *file, uint64_t offset, const void *bytes, size_t n)
{
	if (file->n_operations == file->capacity) {
		file->capacity = 2 * file->capacity + 64;
		file->operations =
			need(realloc(file->operations, file->capacity * sizeof(*file->operations)));
	}
	struct operation *it = &file->operations[file->n_operations++];
	*it = (struct operation){.offset = offset, .n = n};
	if (bytes)
		it->bytes = memcpy(need(malloc(n + 1)), bytes, n);
}

/* ---- Files ---------------------------------------------------------------------------------------- */

static struct file *find(const char *name)
{
	for (int i = 0; i < FILES_MAX; i++)
		if (strcmp(files[i].name, name) == 0)
			return &files[i];
	return NULL;
}

static void forget(struct file *file)
{
	forget_operations(file);
	for (int i = 0; i < REGIONS_MAX; i++)
		free(file->regions[i]);
	free(file->operations);
	free(file->now.bytes);
	free(file->on_disk.bytes);
	*file = (struct file){0};
}

static struct file *make(const char *name)
{
	struct file *file = find("");
	if (!file)
		prove_broken("too many files on the disk");
	snprintf(file->name, sizeof(file->name), "%s", name);
	return file;
}

static void operated(void)
{
	if (operation_hook)
		operation_hook();
}

static int fault_of(enum power_operation operation)
{
	return fault_hook ? fault_hook(operation) : SQLITE_OK;
}

/* ---- An open file --------------------------------------------------------------------------------- */

static struct file *file_of(sqlite3_file *base)
{
	return ((struct handle *)(void *)base)->file;
}

static int do_close(sqlite3_file *base)
{
	struct handle *handle = (struct handle *)(void *)base;
	handle->file->n_shared -= handle->shared;
	if (handle->remove)
		forget(handle->file);
	return SQLITE_OK;
}

static int do_read(sqlite3_file *base, void *to, int n, sqlite3_int64 offset)
{
	const struct content *now = &file_of(base)->now;
	const int fault = fault_of(POWER_READ);
	if (fault)
		return fault;
	const size_t at = (size_t)offset < now->size ? (size_t)offset : now->size;
	const size_t there = now->size - at < (size_t)n ? now->size - at : (size_t)n;
	if (there)
		memcpy(to, now->bytes + at, there);
	memset((char *)to + there, 0, (size_t)n - there);
	return there == (size_t)n ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

static int do_write(sqlite3_file *base, const void *from, int n, sqlite3_int64 offset)
{
	struct file *file = file_of(base);
	const int fault = fault_of(POWER_WRITE);
	if (fault)
		return fault;
	put(&file->now, (uint64_t)offset, from, (size_t)n);
	remember(file, (uint64_t)offset, from, (size_t)n);
	operated();
	return SQLITE_OK;
}

static int do_truncate(sqlite3_file *base, sqlite3_int64 size)
{
	struct file *file = file_of(base);
	const int fault = fault_of(POWER_WRITE);
	if (fault)
		return fault;
	resize(&file->now, (size_t)size);
	remember(file, (uint64_t)size, NULL, 0);
	operated();
	return SQLITE_OK;
}

/* Names that came and went are on the disk now. */
static void sync_directory(void)
{
	for (int i = 0; i < FILES_MAX; i++) {
		struct file *file = &files[i];
		file->exists_on_disk = file->exists;
		if (file->exists)
			continue;
		resize(&file->on_disk, 0);
		forget_operations(file);
	}
}

static void write_to_disk(struct file *file)
{
	for (size_t i = 0; i < file->n_operations; i++) {
		const struct operation *it = &file->operations[i];
		if (it->bytes)
			put(&file->on_disk, it->offset, it->bytes, it->n);
		else
			resize(&file->on_disk, (size_t)it->offset);
	}
	forget_operations(file);
}

/* Each of them is there or not. */
static void write_some_to_disk(struct file *file)
{
	size_t n = 0;
	for (size_t i = 0; i < file->n_operations; i++) {
		if (prove_below(2))
			file->operations[n++] = file->operations[i];
		else
			free(file->operations[i].bytes);
	}
	file->n_operations = n;
	write_to_disk(file);
}

static void fail_to_sync(struct file *file)
{
	if (failed_sync == POWER_SYNC_ALL)
		write_to_disk(file);
	else if (failed_sync == POWER_SYNC_SOME)
		write_some_to_disk(file);
}

/* The first sync of a new file syncs its directory, too: SQLite's own VFS does so. */
static int do_sync(sqlite3_file *base, int flags)
{
	struct file *file = file_of(base);
	(void)flags;
	operated(); /* the moment before */
	const int fault = fault_of(POWER_SYNC);
	if (fault) {
		fail_to_sync(file);
		return fault;
	}
	write_to_disk(file);
	if (!file->exists_on_disk)
		sync_directory();
	operated();
	return SQLITE_OK;
}

static int do_file_size(sqlite3_file *base, sqlite3_int64 *size)
{
	*size = (sqlite3_int64)file_of(base)->now.size;
	return SQLITE_OK;
}

/* All that matters of locks on one thread: nobody has a database for himself while others have it open. */
static int do_lock(sqlite3_file *base, int lock)
{
	struct handle *handle = (struct handle *)(void *)base;
	if (lock == SQLITE_LOCK_EXCLUSIVE && handle->file->n_shared > handle->shared)
		return SQLITE_BUSY;
	handle->file->n_shared += !handle->shared;
	handle->shared = true;
	return SQLITE_OK;
}

static int do_unlock(sqlite3_file *base, int lock)
{
	struct handle *handle = (struct handle *)(void *)base;
	if (lock == SQLITE_LOCK_NONE) {
		handle->file->n_shared -= handle->shared;
		handle->shared = false;
	}
	return SQLITE_OK;
}

static int do_check_lock(sqlite3_file *base, int *reserved)
{
	(void)base;
	*reserved = 0;
	return SQLITE_OK;
}

static int do_file_control(sqlite3_file *base, int operation, void *argument)
{
	(void)base;
	(void)operation;
	(void)argument;
	return SQLITE_NOTFOUND;
}

static int do_sector_size(sqlite3_file *base)
{
	(void)base;
	return 4096;
}

static int do_characteristics(sqlite3_file *base)
{
	(void)base;
	return SQLITE_IOCAP_POWERSAFE_OVERWRITE; /* as SQLite takes of any disk */
}

static int do_shm_map(sqlite3_file *base, int region, int bytes, int extend, void volatile **at)
{
	struct file *file = file_of(base);
	*at = NULL;
	if (region >= REGIONS_MAX)
		return SQLITE_IOERR_SHMMAP;
	if (!file->regions[region] && extend)
		file->regions[region] = need(calloc(1, (size_t)bytes));
	*at = file->regions[region];
	return SQLITE_OK;
}

static int do_shm_lock(sqlite3_file *base, int offset, int n, int flags)
{
	(void)base;
	(void)offset;
	(void)n;
	(void)flags;
	return SQLITE_OK;
}

static void do_shm_barrier(sqlite3_file *base)
{
	(void)base;
}

static int do_shm_unmap(sqlite3_file *base, int remove)
{
	struct file *file = file_of(base);
	for (int i = 0; remove && i < REGIONS_MAX; i++) {
		free(file->regions[i]);
		file->regions[i] = NULL;
	}
	return SQLITE_OK;
}

/* ---- The file system ------------------------------------------------------------------------------ */

static const sqlite3_io_methods methods = {
	.iVersion = 2,
	.xClose = do_close,
	.xRead = do_read,
	.xWrite = do_write,
	.xTruncate = do_truncate,
	.xSync = do_sync,
	.xFileSize = do_file_size,
	.xLock = do_lock,
	.xUnlock = do_unlock,
	.xCheckReservedLock = do_check_lock,
	.xFileControl = do_file_control,
	.xSectorSize = do_sector_size,
	.xDeviceCharacteristics = do_characteristics,
	.xShmMap = do_shm_map,
	.xShmLock = do_shm_lock,
	.xShmBarrier = do_shm_barrier,
	.xShmUnmap = do_shm_unmap,
};

static int do_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *base, int flags,
		   int *flags_out)
{
	static int n_nameless;
	char nameless[40];
	struct handle *handle = (struct handle *)(void *)base;
	(void)vfs;
	snprintf(nameless, sizeof(nameless), "nameless-%d", ++n_nameless);
	struct file *file = find(name ? name : nameless);
	handle->base.pMethods = NULL;
	if (fault_of(POWER_OPEN))
		return SQLITE_CANTOPEN;
	if (!(file && file->exists) && !(flags & SQLITE_OPEN_CREATE) &&
	    !(flags & SQLITE_OPEN_MAIN_DB))
		return SQLITE_CANTOPEN;
	if (!file)
		file = make(name ? name : nameless);
	file->exists = true;
	handle->base.pMethods = &methods;
	handle->file = file;
	handle->shared = false;
	handle->remove = (flags & SQLITE_OPEN_DELETEONCLOSE) || !name;
	if (flags_out)
		*flags_out = flags;
	return SQLITE_OK;
}

static int do_delete(sqlite3_vfs *vfs, const char *name, int sync)
{
	struct file *file = find(name);
	(void)vfs;
	if (fault_of(POWER_WRITE))
		return SQLITE_IOERR_DELETE;
	if (!file || !file->exists)
		return SQLITE_IOERR_DELETE_NOENT;
	file->exists = false;
	resize(&file->now, 0);
	remember(file, 0, NULL, 0);
	if (sync)
		sync_directory();
	operated();
	return SQLITE_OK;
}

static int do_access(sqlite3_vfs *vfs, const char *name, int flags, int *result)
{
	const struct file *file = find(name);
	(void)vfs;
	*result = file && file->exists && (flags != SQLITE_ACCESS_EXISTS || file->now.size > 0);
	return SQLITE_OK;
}

static int do_full_path(sqlite3_vfs *vfs, const char *name, int n, char *to)
{
	(void)vfs;
	snprintf(to, (size_t)n, "%s", name);
	return SQLITE_OK;
}

/* The same as everybody else's, so that a program that has chance in its hands has SQLite's, too. */
static int do_randomness(sqlite3_vfs *vfs, int n, char *to)
{
	(void)vfs;
	return getrandom(to, (size_t)n, 0) == n ? n : 0;
}

void power_install(void (*on_operation)(void))
{
	static sqlite3_vfs vfs;
	operation_hook = on_operation;
	if (vfs.zName)
		return;
	vfs = *sqlite3_vfs_find(NULL); /* its clock */
	vfs.zName = "power";
	vfs.iVersion = 2;
	vfs.szOsFile = sizeof(struct handle);
	vfs.mxPathname = NAME_BYTES - 16;
	vfs.pNext = NULL;
	vfs.xOpen = do_open;
	vfs.xDelete = do_delete;
	vfs.xAccess = do_access;
	vfs.xFullPathname = do_full_path;
	vfs.xRandomness = do_randomness;
	if (sqlite3_vfs_register(&vfs, 1) != SQLITE_OK)
		prove_broken("SQLite does not take the disk");
}

void power_fail(int (*fault)(enum power_operation))
{
	fault_hook = fault;
}

void power_fail_sync(enum power_sync how)
{
	failed_sync = how;
}

/* ---- The cut -------------------------------------------------------------------------------------- */

/* A write of which the sectors are there by lot: chance in 8. One may be torn. */
static void put_some(struct content *to, const struct operation *it, int chance)
{
	for (size_t at = 0; at < it->n;) {
		const size_t to_end = SECTOR - (size_t)((it->offset + at) % SECTOR);
		size_t n = it->n - at < to_end ? it->n - at : to_end;
		const size_t next = at + n;
		if (prove_below(8) < chance) {
			if (prove_below(64) == 0)
				n = (size_t)prove_below((int)n + 1);
			put(to, it->offset + at, it->bytes + at, n);
		}
		at = next;
	}
}

static void cut_file(const struct file *from, struct file *to)
{
	static const int chances[] = {0, 1, 4, 7, 8};
	const int chance = chances[prove_below(5)];
	/* How many of the last writes had not even begun. */
	const size_t n = from->n_operations ? (size_t)prove_below((int)from->n_operations + 1) : 0;
	copy(&to->on_disk, &from->on_disk);
	for (size_t i = 0; i < n; i++) {
		const struct operation *it = &from->operations[i];
		if (it->bytes)
			put_some(&to->on_disk, it, chance);
		else if (prove_below(8) < chance)
			resize(&to->on_disk, (size_t)it->offset);
	}
	/* The size may be on the disk before what is in it. */
	if (from->now.size > to->on_disk.size && prove_below(4) == 0)
		resize(&to->on_disk, from->now.size);
	to->exists_on_disk = from->exists_on_disk || (from->exists && prove_below(2));
	if (from->exists_on_disk && !from->exists && prove_below(2))
		to->exists_on_disk = false;
	to->exists = to->exists_on_disk;
	if (!to->exists)
		resize(&to->on_disk, 0);
	copy(&to->now, &to->on_disk);
}

static const char *const suffixes[] = {"", "-wal", "-journal"};

void power_cut(const char *from, const char *to)
{
	char name[NAME_BYTES];
	power_remove(to);
	for (int i = 0; i < 3; i++) {
		snprintf(name, sizeof(name), "%s%s", from, suffixes[i]);
		const struct file *file = find(name);
		snprintf(name, sizeof(name), "%s%s", to, suffixes[i]);
		if (file)
			cut_file(file, make(name));
	}
}

void power_unmap(const char *path)
{
	struct file *file = find(path);
	for (int i = 0; file && i < REGIONS_MAX; i++) {
		free(file->regions[i]);
		file->regions[i] = NULL;
	}
}

void power_remove(const char *path)
{
	char name[NAME_BYTES];
	for (int i = 0; i < 3; i++) {
		snprintf(name, sizeof(name), "%s%s", path, suffixes[i]);
		struct file *file = find(name);
		if (file)
			forget(file);
	}
}
