#define _GNU_SOURCE /* O_TMPFILE, F_OFD_SETLK, MADV_DONTFORK, program_invocation_short_name */
#include "ring_file.h"

#include "error.h"
#include "memory_limit.h"
#include "ring_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum {
	NAME_BYTES = sizeof(PAYI_RING_FILE_PREFIX) + 2 * PAYI_RING_ID_BYTES,
	/* For what the kernel takes beside the pages, and the application meanwhile. */
	MEMORY_SPARE = 256 * 1024,
	/* Of larger lanes taking the pages is not for a call of payi_track(). */
	LATER_LANE_BYTES_MAX = PAYI_RING_BYTES / PAYI_RING_LANES,
	ZEROS = 4096, /* bytes; no page is smaller */
	PARTS = 128,
};

/* ---- Creating a ring file ------------------------------------------------------------------------- */

static uint64_t data_offset(void)
{
	const long page = sysconf(_SC_PAGESIZE);
	return page > PAYI_RING_DATA_AT_MIN ? (uint64_t)page : PAYI_RING_DATA_AT_MIN;
}

static uint64_t ring_bytes(const struct payi__ring_file *file)
{
	return data_offset() + PAYI_RING_LANES * file->lane_bytes;
}

static payi_status no_room(uint64_t bytes, const char *path)
{
	return payi__fail_errno(
		PAYI_ERR_NO_SPACE,
		"no room for a ring of %lld bytes in %s (a smaller ring_bytes, or a larger tmpfs: "
		"docker run --shm-size)",
		(long long)bytes, path);
}

/*
 * Asks whether there is room for all of the ring, however few of its pages are taken at first. A file beyond RLIMIT_FSIZE would
 * be a SIGXFSZ, and pages beyond what the control group allows a SIGKILL. Once: a lane that is taken later is charged like any memory
 * of the application, and a signal handler, which may be the one to take it, has not the stack to ask.
 */
static payi_status check_room(const struct payi__ring_dir *dir, uint64_t bytes, const char *path)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur < bytes)
		return payi__fail(PAYI_ERR_NO_SPACE,
				  "a ring of %lld bytes is over this process's file size limit "
				  "(ulimit -f) of %lld",
				  (long long)bytes, (long long)limit.rlim_cur);
	const int64_t left = payi__memory_left();
	if (left < (int64_t)bytes + MEMORY_SPARE)
		return payi__fail(PAYI_ERR_NO_SPACE,
				  "a ring of %lld bytes is too much for the memory that this "
				  "process's control group may still use: %lld (a smaller "
				  "ring_bytes, or a higher limit)",
				  (long long)bytes, (long long)left);
	if (dir->free_bytes < bytes) {
		errno = ENOSPC;
		return no_room(bytes, path);
	}
	return PAYI_OK;
}

/* The sign of life: held until the mapping made of this descriptor is gone, whatever happens to it. */
static payi_status lock(int fd)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};
	if (fcntl(fd, F_OFD_SETLK, &lock))
		return payi__fail_errno(PAYI_ERR_SYSTEM, "cannot lock the ring file");
	return PAYI_OK;
}

static void *map_fixed(void *at, size_t bytes, int fd, uint64_t offset)
{
	return mmap(at, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, (off_t)offset);
}

/*
 * One range of addresses: header and counters, then each lane twice, so that a record that goes on at the
 * lane's start is in one piece for us. A lane's second place and its neighbour's first lie side by side in the file, too, so they
 * are one mapping.
 */
static payi_status map(int fd, struct payi__ring_file *file)
{
	const uint64_t data = data_offset();
	const uint64_t lane = file->lane_bytes;
	const size_t total = (size_t)(data + 2 * PAYI_RING_LANES * lane);
	uint8_t *base =
		mmap(NULL, total, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (base == MAP_FAILED)
		return payi__fail_errno(PAYI_ERR_NO_MEMORY, "cannot reserve %zu bytes of addresses",
					total);
	bool ok = map_fixed(base, (size_t)(data + lane), fd, 0) != MAP_FAILED;
	for (uint32_t i = 0; ok && i < PAYI_RING_LANES; i++) {
		const uint64_t bytes = i + 1 < PAYI_RING_LANES ? 2 * lane : lane;
		ok = map_fixed(base + data + (2 * i + 1) * lane, (size_t)bytes, fd,
			       data + i * lane) != MAP_FAILED;
	}
	if (!ok || madvise(base, total, MADV_DONTFORK)) {
		payi__fail_errno(PAYI_ERR_NO_MEMORY, "cannot map the ring");
		munmap(base, total);
		return PAYI_ERR_NO_MEMORY;
	}
	file->mapping = base;
	file->mapping_bytes = total;
	file->header = (struct payi_ring_header *)(void *)base;
	file->counters = (struct payi_ring_counters *)(void *)(base + PAYI_RING_COUNTERS_AT);
	file->lanes = base + data;
	return PAYI_OK;
}

/* ---- Its pages ---------------------------------------------------------------------------------------- */

/*
 * An untaken page would be a SIGBUS in the application, on a tmpfs that has filled up: so no byte is written but in pages that
 * are known to be there. Taking one costs the kernel a microsecond, so all of a ring would take ten times what all else here
 * does; most processes track on a thread or two, and use as many lanes.
 */

/* Written pages, other than those of posix_fallocate(), are mapped many at a time when one of them is read. */
static int write_zeros(int fd, uint64_t at, uint64_t bytes)
{
	static const uint8_t zeros[ZEROS];
	struct iovec parts[PARTS];
	while (bytes > 0) {
		int n = 0;
		for (uint64_t left = bytes; left > 0 && n < PARTS; left -= parts[n++].iov_len)
			parts[n] = (struct iovec){.iov_base = (void *)(uintptr_t)zeros,
						  .iov_len = left < ZEROS ? (size_t)left : ZEROS};
		const ssize_t written = pwritev(fd, parts, n, (off_t)at);
		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return -1;
		at += (uint64_t)written;
		bytes -= (uint64_t)written;
	}
	return 0;
}

/* Takes a lane's pages, and has them mapped, so that no event waits for that. */
static int take_lane(int fd, struct payi__ring_file *file, uint32_t lane)
{
	if (write_zeros(fd, data_offset() + lane * file->lane_bytes, file->lane_bytes))
		return -1;
	for (uint64_t i = 0; i < file->lane_bytes; i += ZEROS)
		(void)payi_ring_load_own(
			(payi_ring_word *)(void *)(payi__ring_file_lane(file, lane) + i));
	file->populated |= 1U << lane;
	return 0;
}

bool payi__ring_file_populate(const struct payi__ring_file *file, uint32_t lane)
{
	return madvise(payi__ring_file_lane(file, lane), (size_t)file->lane_bytes,
		       MADV_POPULATE_WRITE) == 0;
}

/* The pages of header and counters, which are there: whether the kernel knows the call (Linux 5.14) by which more are taken. */
static bool may_come_later(const struct payi__ring_file *file)
{
	return file->lane_bytes <= LATER_LANE_BYTES_MAX &&
	       madvise(file->header, (size_t)data_offset(), MADV_POPULATE_WRITE) == 0;
}

static payi_status take_pages(int fd, const struct payi__ring_plan *plan,
			      struct payi__ring_file *file)
{
	int failed = write_zeros(fd, 0, data_offset());
	if (!failed)
		failed = take_lane(fd, file, plan->first_lane);
	if (!failed && !may_come_later(file))
		for (uint32_t i = 0; i < PAYI_RING_LANES && !failed; i++)
			failed = i == plan->first_lane ? 0 : take_lane(fd, file, i);
	return failed ? no_room(ring_bytes(file), plan->directory) : PAYI_OK;
}

/* ---- Its contents, and its name ------------------------------------------------------------------------ */

static payi_status fill_header(struct payi__ring_file *file, const char *app_name)
{
	struct payi_ring_header *header = file->header;
	if (getrandom(header->ring_id, sizeof(header->ring_id), 0) != sizeof(header->ring_id))
		return payi__fail_errno(PAYI_ERR_SYSTEM,
					"cannot get random bytes for the ring's id");
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	memcpy(header->magic, PAYI_RING_MAGIC, sizeof(header->magic));
	header->abi_major = PAYI_RING_ABI_MAJOR;
	header->abi_minor = PAYI_RING_ABI_MINOR;
	header->n_lanes = PAYI_RING_LANES;
	header->lane_bytes = file->lane_bytes;
	header->data_offset = data_offset();
	header->created_us = (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
	header->pid = (uint64_t)getpid();
	snprintf(header->app_name, sizeof(header->app_name), "%s",
		 app_name && *app_name ? app_name : program_invocation_short_name);
	return PAYI_OK;
}

static void ring_file_name(const uint8_t id[PAYI_RING_ID_BYTES], char name[NAME_BYTES])
{
	const size_t prefix = sizeof(PAYI_RING_FILE_PREFIX) - 1;
	memcpy(name, PAYI_RING_FILE_PREFIX, prefix);
	for (size_t i = 0; i < PAYI_RING_ID_BYTES; i++)
		snprintf(name + prefix + 2 * i, 3, "%02x", id[i]);
}

/* Gives the unnamed file its name. From here on the agent sees it, complete and locked. */
static payi_status publish(int fd, int dir, const struct payi_ring_header *header, const char *path)
{
	char name[NAME_BYTES];
	char self[32];
	ring_file_name(header->ring_id, name);
	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	if (linkat(AT_FDCWD, self, dir, name, AT_SYMLINK_FOLLOW))
		return payi__fail_errno(PAYI_ERR_SYSTEM,
					"cannot name the ring file in %s (is /proc mounted?)",
					path);
	return PAYI_OK;
}

/* The steps from an open, unnamed file to a ring in the directory. */
static payi_status build(int fd, const struct payi__ring_dir *dir,
			 const struct payi__ring_plan *plan, struct payi__ring_file *file)
{
	/* For a group's directory (setgid) the agent may be another user of the group; else only ours. */
	const mode_t mode = dir->mode & S_ISGID ? 0640 : 0600;
	if (fchmod(fd, mode))
		return payi__fail_errno(PAYI_ERR_SYSTEM, "cannot set the ring file's mode");
	payi_status status = check_room(dir, ring_bytes(file), plan->directory);
	if (!status && ftruncate(fd, (off_t)ring_bytes(file)))
		status = no_room(ring_bytes(file), plan->directory);
	if (!status)
		status = lock(fd);
	if (!status)
		status = map(fd, file);
	if (status)
		return status;
	status = take_pages(fd, plan, file);
	if (!status)
		status = fill_header(file, plan->app_name);
	if (!status)
		status = publish(fd, dir->fd, file->header, plan->directory);
	if (status)
		payi__ring_file_close(file);
	return status;
}

payi_status payi__ring_file_create(const struct payi__ring_plan *plan, struct payi__ring_file *file)
{
	*file = (struct payi__ring_file){.lane_bytes = plan->lane_bytes};
	struct payi__ring_dir dir;
	payi_status status = payi__ring_dir_open(plan->directory, &dir);
	if (status)
		return status;
	const int fd = openat(dir.fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0) {
		status = payi__fail_errno(PAYI_ERR_RING_DIR,
					  "cannot create a file in the ring directory %s",
					  plan->directory);
	} else {
		status = build(fd, &dir, plan, file);
		close(fd); /* the mapping keeps the file, and its lock */
	}
	close(dir.fd);
	return status;
}

void payi__ring_file_close(struct payi__ring_file *file)
{
	if (file->mapping)
		munmap(file->mapping, file->mapping_bytes);
	*file = (struct payi__ring_file){0};
}
