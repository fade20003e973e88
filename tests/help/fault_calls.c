#define _GNU_SOURCE
#include "help/fault_calls.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

/* The linker names them. */
#pragma GCC diagnostic ignored "-Wmissing-prototypes"

enum { PLACES_MAX = 1 << 16, DEPTH = 40 };

static uint64_t places[PLACES_MAX]; /* by hash; 0: free */
static int n_places;
static bool armed;
static void (*before)(const char *name);
static const char *failed; /* by this arming */
static int code;           /* what SQLite is to say of it; 0: it knows by itself */

/* ---- Whether a call fails ------------------------------------------------------------------------- */

static uint64_t hash_way(void)
{
	void *frames[DEPTH];
	const int n = backtrace(frames, DEPTH);
	uint64_t hash = 14695981039346656037u;
	for (int i = 0; i < n; i++)
		hash = (hash ^ (uint64_t)(uintptr_t)frames[i]) * 1099511628211u;
	return hash | 1;
}

/* Whether the place is new; it is known afterwards. */
static bool is_new(uint64_t hash)
{
	size_t at = hash % PLACES_MAX;
	while (places[at] && places[at] != hash)
		at = (at + 1) % PLACES_MAX;
	if (places[at])
		return false;
	cr_assert_lt(++n_places, PLACES_MAX / 2);
	places[at] = hash;
	return true;
}

static void let_act(const char *name)
{
	static bool acting; /* it calls, too */
	if (!before || acting)
		return;
	acting = true;
	before(name);
	acting = false;
}

/* variant: one place may fail in several ways, each in its turn. */
static bool fails_as(const char *name, int variant)
{
	if (!armed || failed)
		return false;
	armed = false; /* what asks itself calls */
	if (is_new((hash_way() ^ (uint64_t)variant << 8) | 1))
		failed = name;
	armed = true;
	return failed != NULL;
}

static bool fails(const char *name)
{
	let_act(name);
	return fails_as(name, 0);
}

static int fails_with(const char *name, const int *errors)
{
	let_act(name);
	for (int i = 0; errors[i]; i++)
		if (fails_as(name, errors[i]))
			return errno = errors[i];
	return 0;
}

void fault_calls_arm(void)
{
	void *frame;
	backtrace(&frame, 1); /* loads its library */
	failed = NULL;
	code = 0;
	armed = true;
}

const char *fault_calls_disarm(void)
{
	armed = false;
	code = 0;
	return failed;
}

void fault_calls_before(void (*act)(const char *name))
{
	before = act;
}

int fault_calls_places(void)
{
	return n_places;
}

/* ---- Memory --------------------------------------------------------------------------------------- */

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t n, size_t bytes);
void *__real_realloc(void *memory, size_t bytes);
char *__real_strdup(const char *text);

void *__wrap_malloc(size_t bytes)
{
	return fails("malloc") ? NULL : __real_malloc(bytes);
}

void *__wrap_calloc(size_t n, size_t bytes)
{
	return fails("calloc") ? NULL : __real_calloc(n, bytes);
}

void *__wrap_realloc(void *memory, size_t bytes)
{
	return fails("realloc") ? NULL : __real_realloc(memory, bytes);
}

char *__wrap_strdup(const char *text)
{
	return fails("strdup") ? NULL : __real_strdup(text);
}

/* ---- The system ----------------------------------------------------------------------------------- */

/* A function that answers -1 and errno. */
#define ERRORS(...) ((const int[]){__VA_ARGS__, 0})
#define WRAP(name, errors, parameters, arguments)                                                  \
	int __real_##name parameters;                                                              \
	int __wrap_##name parameters                                                               \
	{                                                                                          \
		return fails_with(#name, errors) ? -1 : __real_##name arguments;                   \
	}

WRAP(fstat, ERRORS(EIO), (int fd, struct stat *to), (fd, to))
WRAP(fstatfs, ERRORS(EIO), (int fd, struct statfs *to), (fd, to))
WRAP(fstatat, ERRORS(EIO), (int dir, const char *name, struct stat *to, int flags),
     (dir, name, to, flags))
WRAP(stat, ERRORS(EIO), (const char *name, struct stat *to), (name, to))
WRAP(unlinkat, ERRORS(EIO, EACCES, EPERM, EROFS), (int dir, const char *name, int flags),
     (dir, name, flags))
WRAP(renameat, ERRORS(EACCES), (int dir, const char *from, int to_dir, const char *to),
     (dir, from, to_dir, to))
WRAP(fchmod, ERRORS(EPERM), (int fd, mode_t mode), (fd, mode))
WRAP(chmod, ERRORS(EPERM), (const char *name, mode_t mode), (name, mode))
WRAP(mkdir, ERRORS(ENOSPC), (const char *name, mode_t mode), (name, mode))
WRAP(access, ERRORS(EIO, EACCES), (const char *name, int mode), (name, mode))
WRAP(rename, ERRORS(EIO), (const char *from, const char *to), (from, to))
WRAP(statvfs, ERRORS(EIO), (const char *name, struct statvfs *to), (name, to))
WRAP(getrlimit, ERRORS(EINVAL), (__rlimit_resource_t what, struct rlimit *to), (what, to))

int __real_open(const char *name, int flags, ...);
int __real_openat(int dir, const char *name, int flags, ...);
int __real_fcntl(int fd, int command, ...);
int __real_posix_fallocate(int fd, off_t at, off_t bytes);
ssize_t __real_pread(int fd, void *to, size_t bytes, off_t at);
void *__real_mmap(void *at, size_t bytes, int rights, int flags, int fd, off_t from);
DIR *__real_fdopendir(int fd);

int __wrap_open(const char *name, int flags, ...)
{
	va_list arguments;
	va_start(arguments, flags);
	const mode_t mode = flags & O_CREAT ? va_arg(arguments, mode_t) : 0;
	va_end(arguments);
	if (!fails("open"))
		return __real_open(name, flags, mode);
	errno = EMFILE;
	return -1;
}

int __wrap_openat(int dir, const char *name, int flags, ...)
{
	va_list arguments;
	va_start(arguments, flags);
	const mode_t mode = flags & O_CREAT ? va_arg(arguments, mode_t) : 0;
	va_end(arguments);
	if (fails_with("openat", ERRORS(EMFILE, EACCES, EPERM, ENOENT)))
		return -1;
	return __real_openat(dir, name, flags, mode);
}

int __wrap_fcntl(int fd, int command, ...)
{
	va_list arguments;
	va_start(arguments, command);
	void *argument = va_arg(arguments, void *);
	va_end(arguments);
	if (!fails("fcntl"))
		return __real_fcntl(fd, command, argument);
	errno = ENOLCK;
	return -1;
}

int __wrap_posix_fallocate(int fd, off_t at, off_t bytes)
{
	return fails("posix_fallocate") ? ENOSPC : __real_posix_fallocate(fd, at, bytes);
}

ssize_t __wrap_pread(int fd, void *to, size_t bytes, off_t at)
{
	return fails_with("pread", ERRORS(EIO, EINTR)) ? -1 : __real_pread(fd, to, bytes, at);
}

void *__wrap_mmap(void *at, size_t bytes, int rights, int flags, int fd, off_t from)
{
	if (!fails("mmap"))
		return __real_mmap(at, bytes, rights, flags, fd, from);
	errno = ENOMEM;
	return MAP_FAILED;
}

DIR *__wrap_fdopendir(int fd)
{
	if (!fails("fdopendir"))
		return __real_fdopendir(fd);
	errno = ENOMEM;
	return NULL;
}

/* ---- SQLite --------------------------------------------------------------------------------------- */

static int say(int result)
{
	return code = result;
}

static int stop(void *context)
{
	(void)context;
	return 1;
}

int __real_sqlite3_step(sqlite3_stmt *statement);
int __real_sqlite3_extended_errcode(sqlite3 *db);
int __real_sqlite3_errcode(sqlite3 *db);

int __wrap_sqlite3_step(sqlite3_stmt *statement)
{
	if (!fails("sqlite3_step"))
		return __real_sqlite3_step(statement);
	sqlite3 *db = sqlite3_db_handle(statement);
	sqlite3_progress_handler(db, 1, stop, NULL);
	const int result = __real_sqlite3_step(statement);
	sqlite3_progress_handler(db, 0, NULL, NULL);
	return result;
}

int __wrap_sqlite3_extended_errcode(sqlite3 *db)
{
	return code ? code : __real_sqlite3_extended_errcode(db);
}

int __wrap_sqlite3_errcode(sqlite3 *db)
{
	return code ? code & 0xff : __real_sqlite3_errcode(db);
}

/* A function that says what went wrong. */
#define WRAP_SQLITE(name, result, parameters, arguments)                                           \
	int __real_##name parameters;                                                              \
	int __wrap_##name parameters                                                               \
	{                                                                                          \
		return fails(#name) ? say(result) : __real_##name arguments;                       \
	}

WRAP_SQLITE(sqlite3_prepare_v2, SQLITE_NOMEM,
	    (sqlite3 * db, const char *sql, int bytes, sqlite3_stmt **to, const char **rest),
	    (db, sql, bytes, to, rest))
WRAP_SQLITE(sqlite3_prepare_v3, SQLITE_NOMEM,
	    (sqlite3 * db, const char *sql, int bytes, unsigned flags, sqlite3_stmt **to,
	     const char **rest),
	    (db, sql, bytes, flags, to, rest))
WRAP_SQLITE(sqlite3_exec, SQLITE_IOERR,
	    (sqlite3 * db, const char *sql, int (*row)(void *, int, char **, char **),
	     void *context, char **error),
	    (db, sql, row, context, error))
WRAP_SQLITE(sqlite3_bind_int64, SQLITE_NOMEM,
	    (sqlite3_stmt * statement, int at, sqlite3_int64 number), (statement, at, number))
WRAP_SQLITE(sqlite3_bind_text, SQLITE_NOMEM,
	    (sqlite3_stmt * statement, int at, const char *text, int bytes,
	     void (*release)(void *)),
	    (statement, at, text, bytes, release))
WRAP_SQLITE(sqlite3_bind_text64, SQLITE_NOMEM,
	    (sqlite3_stmt * statement, int at, const char *text, sqlite3_uint64 bytes,
	     void (*release)(void *), unsigned char encoding),
	    (statement, at, text, bytes, release, encoding))
WRAP_SQLITE(sqlite3_bind_blob64, SQLITE_NOMEM,
	    (sqlite3_stmt * statement, int at, const void *blob, sqlite3_uint64 bytes,
	     void (*release)(void *)),
	    (statement, at, blob, bytes, release))
WRAP_SQLITE(sqlite3_wal_checkpoint_v2, SQLITE_IOERR,
	    (sqlite3 * db, const char *database, int mode, int *pages, int *moved),
	    (db, database, mode, pages, moved))

WRAP_SQLITE(sqlite3_declare_vtab, SQLITE_NOMEM, (sqlite3 * db, const char *sql), (db, sql))
WRAP_SQLITE(sqlite3_create_function, SQLITE_NOMEM,
	    (sqlite3 * db, const char *name, int n, int flags, void *context,
	     void (*call)(sqlite3_context *, int, sqlite3_value **),
	     void (*step)(sqlite3_context *, int, sqlite3_value **),
	     void (*finish)(sqlite3_context *)),
	    (db, name, n, flags, context, call, step, finish))
WRAP_SQLITE(sqlite3_create_module, SQLITE_NOMEM,
	    (sqlite3 * db, const char *name, const sqlite3_module *module, void *context),
	    (db, name, module, context))
WRAP_SQLITE(sqlite3_open, SQLITE_NOMEM, (const char *path, sqlite3 **db), (path, db))

/* Without memory for a connection there is none; else there is one, to ask what was wrong. */
int __real_sqlite3_open_v2(const char *path, sqlite3 **db, int flags, const char *vfs);

int __wrap_sqlite3_open_v2(const char *path, sqlite3 **db, int flags, const char *vfs)
{
	if (!fails("sqlite3_open_v2"))
		return __real_sqlite3_open_v2(path, db, flags, vfs);
	*db = NULL;
	return SQLITE_NOMEM;
}
