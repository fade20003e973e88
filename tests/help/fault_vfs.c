#include "help/fault_vfs.h"

#include <criterion/criterion.h>
#include <sqlite3.h>
#include <string.h>

struct fault_file {
	sqlite3_file base;
	sqlite3_file *real; /* lies behind */
};

enum need { NEED_NOTHING, NEED_CHANGE, NEED_SPACE };

static struct fault_plan plan;
static int n_calls;
static sqlite3_vfs *real_vfs;
static sqlite3_vfs fault_vfs;

/* ---- Whether a call fails ------------------------------------------------------------------------- */

static bool fails(enum need need)
{
	if ((plan.kind == FAULT_FULL && need != NEED_SPACE) ||
	    (plan.kind == FAULT_READ_ONLY && need == NEED_NOTHING))
		return false;
	n_calls++;
	return plan.at && (n_calls == plan.at || (plan.for_ever && n_calls > plan.at));
}

static int code(int eio)
{
	if (plan.kind == FAULT_FULL)
		return SQLITE_FULL;
	return plan.kind == FAULT_READ_ONLY ? SQLITE_READONLY : eio;
}

/* Fails, before the call or after it, or makes it. */
#define WITH_FAULT(need, eio, call)                                                                \
	do {                                                                                       \
		if (!fails(need))                                                                  \
			return (call);                                                             \
		if (plan.kind == FAULT_LATE)                                                       \
			(void)(call);                                                              \
		return code(eio);                                                                  \
	} while (0)

static sqlite3_file *real_of(sqlite3_file *file)
{
	return ((struct fault_file *)(void *)file)->real;
}

/* ---- A file --------------------------------------------------------------------------------------- */

static int file_close(sqlite3_file *file)
{
	return real_of(file)->pMethods->xClose(real_of(file));
}

/* What SQLite's own file system says of EIO at a read. */
static int file_read(sqlite3_file *file, void *to, int bytes, sqlite3_int64 at)
{
	sqlite3_file *real = real_of(file);
	WITH_FAULT(NEED_NOTHING, SQLITE_IOERR_CORRUPTFS,
		   real->pMethods->xRead(real, to, bytes, at));
}

static int file_write(sqlite3_file *file, const void *from, int bytes, sqlite3_int64 at)
{
	sqlite3_file *real = real_of(file);
	if (!fails(NEED_SPACE))
		return real->pMethods->xWrite(real, from, bytes, at);
	if (plan.kind == FAULT_TORN || plan.kind == FAULT_FULL)
		real->pMethods->xWrite(real, from, bytes / 2, at);
	else if (plan.kind == FAULT_LATE)
		real->pMethods->xWrite(real, from, bytes, at);
	return code(SQLITE_IOERR_WRITE);
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	sqlite3_file *real = real_of(file);
	WITH_FAULT(NEED_CHANGE, SQLITE_IOERR_TRUNCATE, real->pMethods->xTruncate(real, size));
}

static int file_sync(sqlite3_file *file, int flags)
{
	(void)file;
	(void)flags;
	WITH_FAULT(NEED_CHANGE, SQLITE_IOERR_FSYNC, SQLITE_OK);
}

static int file_size(sqlite3_file *file, sqlite3_int64 *size)
{
	sqlite3_file *real = real_of(file);
	WITH_FAULT(NEED_NOTHING, SQLITE_IOERR_FSTAT, real->pMethods->xFileSize(real, size));
}

static int file_lock(sqlite3_file *file, int lock)
{
	sqlite3_file *real = real_of(file);
	if (fails(NEED_NOTHING))
		return code(SQLITE_IOERR_LOCK);
	return real->pMethods->xLock(real, lock);
}

static int file_unlock(sqlite3_file *file, int lock)
{
	return real_of(file)->pMethods->xUnlock(real_of(file), lock);
}

static int file_reserved(sqlite3_file *file, int *out)
{
	sqlite3_file *real = real_of(file);
	if (fails(NEED_NOTHING))
		return code(SQLITE_IOERR_CHECKRESERVEDLOCK);
	return real->pMethods->xCheckReservedLock(real, out);
}

static int file_control(sqlite3_file *file, int op, void *argument)
{
	return real_of(file)->pMethods->xFileControl(real_of(file), op, argument);
}

static int file_sector(sqlite3_file *file)
{
	return real_of(file)->pMethods->xSectorSize(real_of(file));
}

static int file_device(sqlite3_file *file)
{
	return real_of(file)->pMethods->xDeviceCharacteristics(real_of(file));
}

static int file_shm_map(sqlite3_file *file, int page, int bytes, int extend, void volatile **to)
{
	sqlite3_file *real = real_of(file);
	*to = NULL;
	if (fails(extend ? NEED_SPACE : NEED_NOTHING))
		return extend ? SQLITE_IOERR_SHMSIZE : SQLITE_IOERR_SHMMAP;
	return real->pMethods->xShmMap(real, page, bytes, extend, to);
}

static int file_shm_lock(sqlite3_file *file, int at, int n, int flags)
{
	sqlite3_file *real = real_of(file);
	if ((flags & SQLITE_SHM_LOCK) && fails(NEED_NOTHING))
		return code(SQLITE_IOERR_SHMLOCK);
	return real->pMethods->xShmLock(real, at, n, flags);
}

static void file_shm_barrier(sqlite3_file *file)
{
	real_of(file)->pMethods->xShmBarrier(real_of(file));
}

static int file_shm_unmap(sqlite3_file *file, int delete)
{
	return real_of(file)->pMethods->xShmUnmap(real_of(file), delete);
}

static const sqlite3_io_methods methods = {
	.iVersion = 2, /* without xFetch: nothing is mapped */
	.xClose = file_close,
	.xRead = file_read,
	.xWrite = file_write,
	.xTruncate = file_truncate,
	.xSync = file_sync,
	.xFileSize = file_size,
	.xLock = file_lock,
	.xUnlock = file_unlock,
	.xCheckReservedLock = file_reserved,
	.xFileControl = file_control,
	.xSectorSize = file_sector,
	.xDeviceCharacteristics = file_device,
	.xShmMap = file_shm_map,
	.xShmLock = file_shm_lock,
	.xShmBarrier = file_shm_barrier,
	.xShmUnmap = file_shm_unmap,
};

/* ---- The file system ------------------------------------------------------------------------------ */

static int vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *to, int flags, int *out_flags)
{
	(void)vfs;
	struct fault_file *file = (struct fault_file *)(void *)to;
	*file = (struct fault_file){.real = (sqlite3_file *)(void *)(file + 1)};
	if (fails(NEED_NOTHING))
		return SQLITE_CANTOPEN;
	const int result = real_vfs->xOpen(real_vfs, name, file->real, flags, out_flags);
	if (result == SQLITE_OK)
		file->base.pMethods = &methods;
	return result;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *name, int sync)
{
	(void)vfs;
	WITH_FAULT(NEED_CHANGE, SQLITE_IOERR_DELETE, real_vfs->xDelete(real_vfs, name, sync));
}

static int vfs_access(sqlite3_vfs *vfs, const char *name, int flags, int *out)
{
	(void)vfs;
	WITH_FAULT(NEED_NOTHING, SQLITE_IOERR_ACCESS,
		   real_vfs->xAccess(real_vfs, name, flags, out));
}

void fault_vfs_install(void)
{
	real_vfs = sqlite3_vfs_find("unix");
	cr_assert_not_null(real_vfs);
	fault_vfs = *real_vfs;
	fault_vfs.zName = "fault";
	fault_vfs.szOsFile = (int)sizeof(struct fault_file) + real_vfs->szOsFile;
	fault_vfs.xOpen = vfs_open;
	fault_vfs.xDelete = vfs_delete;
	fault_vfs.xAccess = vfs_access;
	plan = (struct fault_plan){0};
	cr_assert_eq(sqlite3_vfs_register(&fault_vfs, 1), SQLITE_OK);
}

void fault_vfs_plan(const struct fault_plan *new_plan)
{
	plan = *new_plan;
	n_calls = 0;
}

int fault_vfs_calls(void)
{
	return n_calls;
}
