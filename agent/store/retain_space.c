/*
 * Room: whether the database is too large or its disk too full, and free pages given back. Deleted rows leave free
 * pages in the file, which new rows take first; what is more than those need is cut off the end of the file, a few
 * pages at a time (auto_vacuum is incremental since before the first table), which needs no room of its own.
 */
#include "store/retention_parts.h"
#include "store/sql.h"

#include <sys/statvfs.h>

enum {
	SPARE_PAGES = 8192,  /* 64 MiB that stay for what comes next, */
	SPARE_SHARE = 32,    /* or that share of the file, where that is less */
	MIN_FREE_SHARE = 10, /* of a small file system, min_free_bytes is no more than this share */
};

struct room {
	int64_t pages;
	int64_t free_pages;
	int64_t missing_bytes; /* on the file system, of what shall be free */
};

static int64_t smaller(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int ask_file_system(void *context, const char *path, int64_t *free_bytes, int64_t *all_bytes)
{
	struct statvfs room;
	(void)context;
	if (statvfs(path, &room))
		return -1;
	*free_bytes = (int64_t)room.f_bavail * (int64_t)room.f_frsize;
	*all_bytes = (int64_t)room.f_blocks * (int64_t)room.f_frsize;
	return 0;
}

/* A file system that does not tell is taken for large. */
int64_t retain_missing(const struct retention_policy *policy, const char *path,
		       int64_t *wanted_bytes)
{
	*wanted_bytes = INT64_MAX;
	int64_t free_bytes = 0;
	int64_t all_bytes = 0;
	if (policy->min_free_bytes == 0 ||
	    (policy->room ? policy->room : ask_file_system)(policy->room_context, path, &free_bytes,
							    &all_bytes))
		return 0;
	*wanted_bytes = smaller(policy->min_free_bytes, all_bytes / MIN_FREE_SHARE);
	return *wanted_bytes - free_bytes;
}

static int look(struct retain *job, struct room *room, struct err *err)
{
	bool found = false;
	int64_t wanted_bytes;
	int status = retain_number(retain_statement(job, RETAIN_PAGES), &room->pages, &found, err);
	if (!status)
		status = retain_number(retain_statement(job, RETAIN_FREE_PAGES), &room->free_pages,
				       &found, err);
	room->missing_bytes =
		retain_missing(&job->retention->policy, job->store->path, &wanted_bytes);
	return status;
}

/* How many free pages may stay in the file. */
static int64_t spare(int64_t pages)
{
	return smaller(pages / SPARE_SHARE, SPARE_PAGES);
}

/*
 * Pages that are free count as given back: deleting more would not free the disk sooner. A bound of bytes includes
 * the spare pages.
 */
int retain_pressure(struct retain *job, enum retain_reason *reason, struct err *err)
{
	const int64_t max_pages = job->retention->policy.max_bytes / STORE_PAGE_BYTES;
	struct room room = {0};
	const int status = look(job, &room, err);
	const int64_t used = room.pages - room.free_pages;
	*reason = RETAIN_NO_REASON;
	if (max_pages && used > max_pages - spare(max_pages))
		*reason = RETAIN_BYTES;
	else if (room.missing_bytes > room.free_pages * STORE_PAGE_BYTES)
		*reason = RETAIN_DISK;
	return status;
}

int retain_give_back(struct retain *job, struct err *err)
{
	const int64_t max_pages = job->retention->policy.max_bytes / STORE_PAGE_BYTES;
	struct room room = {0};
	const int status = look(job, &room, err);
	const bool all = room.missing_bytes > 0 || (max_pages && room.pages > max_pages);
	/* A database that gives nothing back, since another program has made it anew: that is no reason to go on for ever. */
	const bool stuck = room.pages == job->retention->after;
	job->retention->after = room.pages;
	if (status || stuck || room.free_pages <= (all ? 0 : spare(room.pages)))
		return status;
	const int given = sql_finish(retain_statement(job, RETAIN_GIVE_BACK), err);
	job->store->shrunk |= !given;
	return given ? given : RETAIN_MORE;
}
