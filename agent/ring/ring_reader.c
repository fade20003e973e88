#define _GNU_SOURCE /* F_OFD_GETLK */
#include "ring/ring_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define TMPFS_MAGIC_NUMBER 0x01021994 /* linux/magic.h */

/* ---- Opening -------------------------------------------------------------------------------------- */

const char *ring_name_digits(const char *file_name)
{
	const size_t prefix = sizeof(PAYI_RING_FILE_PREFIX) - 1;
	if (strncmp(file_name, PAYI_RING_FILE_PREFIX, prefix) != 0)
		return NULL;
	const char *digits = file_name + prefix;
	const size_t n = 2 * PAYI_RING_ID_BYTES;
	return strspn(digits, "0123456789abcdef") == n && digits[n] == '\0' ? digits : NULL;
}

/* The name is the id: a copy of a ring under another name is refused. */
static bool name_is_id(const char *digits, const uint8_t id[PAYI_RING_ID_BYTES])
{
	static const char hex[] = "0123456789abcdef";
	for (size_t i = 0; i < PAYI_RING_ID_BYTES; i++)
		if (digits[2 * i] != hex[id[i] >> 4] || digits[2 * i + 1] != hex[id[i] & 15])
			return false;
	return true;
}

static bool is_power_of_two(uint64_t number)
{
	return number && (number & (number - 1)) == 0;
}

/* digits NULL: its name does not matter. */
static int check_header(const struct payi_ring_header *header, const char *digits,
			uint64_t file_bytes, struct err *err)
{
	if (memcmp(header->magic, PAYI_RING_MAGIC, sizeof(header->magic)) != 0)
		return err_set(err, ERR_INVALID, "it does not begin with " PAYI_RING_MAGIC);
	if (header->abi_major != PAYI_RING_ABI_MAJOR)
		return err_set(err, ERR_INVALID, "its layout is version %u, this agent knows %d",
			       header->abi_major, PAYI_RING_ABI_MAJOR);
	if (digits && !name_is_id(digits, header->ring_id))
		return err_set(err, ERR_INVALID, "its id is not its name");
	if (header->n_lanes < 1 || header->n_lanes > PAYI_RING_LANES_MAX)
		return err_set(err, ERR_INVALID, "it has %u lanes", header->n_lanes);
	if (!is_power_of_two(header->lane_bytes) || header->lane_bytes < PAYI_RING_LANE_BYTES_MIN ||
	    header->lane_bytes > PAYI_RING_LANE_BYTES_MAX)
		return err_set(err, ERR_INVALID, "its lanes are %llu bytes",
			       (unsigned long long)header->lane_bytes);
	if (header->data_offset < PAYI_RING_DATA_AT_MIN || header->data_offset > 1024 * 1024 ||
	    header->data_offset % 4096)
		return err_set(err, ERR_INVALID, "its data begin at %llu",
			       (unsigned long long)header->data_offset);
	if (header->data_offset + header->n_lanes * header->lane_bytes != file_bytes)
		return err_set(err, ERR_INVALID,
			       "it is %llu bytes long, which is not what its lanes take",
			       (unsigned long long)file_bytes);
	return 0;
}

static int check_file(int fd, bool copy, uint64_t *file_bytes, uint32_t *uid, struct err *err)
{
	struct stat stat;
	struct statfs fs;
	if (fstat(fd, &stat) || fstatfs(fd, &fs))
		return err_errno(err, "cannot look at it");
	if (!S_ISREG(stat.st_mode))
		return err_set(err, ERR_INVALID, "it is not a regular file");
	if (stat.st_nlink > 1 && !copy)
		return err_set(err, RING_READER_BARRED, "it has a second name");
	if (fs.f_type != TMPFS_MAGIC_NUMBER && !copy)
		return err_set(err, ERR_INVALID, "it is not on tmpfs");
	*file_bytes = (uint64_t)stat.st_size;
	*uid = stat.st_uid;
	return 0;
}

/* Copies all of [offset, offset + bytes), or says that the file is too short. */
static int copy_at(int fd, void *to, size_t bytes, uint64_t offset, struct err *err)
{
	size_t done = 0;
	while (done < bytes) {
		const ssize_t n =
			pread(fd, (char *)to + done, bytes - done, (off_t)(offset + done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(err, "cannot read it");
		if (n == 0)
			return err_set(err, ERR_INVALID, "it was truncated: nothing at byte %llu",
				       (unsigned long long)(offset + done));
		done += (size_t)n;
	}
	return 0;
}

static int read_header(int fd, const char *digits, struct ring_reader *ring, struct err *err)
{
	struct payi_ring_header header;
	uint64_t file_bytes = 0;
	int status = check_file(fd, !digits, &file_bytes, &ring->uid, err);
	if (!status)
		status = copy_at(fd, &header, sizeof(header), 0, err);
	if (!status)
		status = check_header(&header, digits, file_bytes, err);
	if (status)
		return status;
	memcpy(ring->ring_id, header.ring_id, sizeof(ring->ring_id));
	ring->n_lanes = header.n_lanes;
	ring->lane_bytes = header.lane_bytes;
	ring->data_offset = header.data_offset;
	ring->created_us = header.created_us;
	ring->pid = header.pid;
	memcpy(ring->app_name, header.app_name, sizeof(ring->app_name));
	ring->app_name[sizeof(ring->app_name) - 1] = '\0';
	/* For logs, status and SQL: nothing that moves a terminal, nothing that is not text. */
	for (char *c = ring->app_name; *c; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
	return 0;
}

static int refuse_open(struct err *err)
{
	const int number = errno;
	err_errno(err, "cannot open it");
	switch (number) {
	case ENOENT:
		return RING_READER_GONE;
	case EACCES:
	case EPERM:
		return RING_READER_BARRED;
	case ELOOP: /* a symbolic link */
	case ENXIO: /* a socket */
	case EISDIR:
		return err_set(err, ERR_INVALID, "it is not a regular file");
	default: /* no descriptors, no memory, a failing machine: nothing against this ring */
		return ERR_SYSTEM;
	}
}

/* digits NULL: a copy. */
static int open_file(int dir, const char *file_name, const char *digits, struct ring_reader *ring,
		     struct err *err)
{
	/* O_NONBLOCK: a FIFO of that name shall not hold us up. */
	const int fd =
		openat(dir, file_name,
		       O_RDONLY | (digits ? O_NOFOLLOW : 0) | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return refuse_open(err);
	const int status = read_header(fd, digits, ring, err);
	if (status) {
		close(fd);
		return status;
	}
	ring->fd = fd;
	return 0;
}

int ring_reader_open(int dir, const char *file_name, struct ring_reader *ring, struct err *err)
{
	const char *digits = ring_name_digits(file_name);
	if (!digits)
		return err_set(err, ERR_INVALID, "its name is not that of a ring");
	return open_file(dir, file_name, digits, ring, err);
}

int ring_reader_open_copy(const char *path, struct ring_reader *ring, struct err *err)
{
	return open_file(AT_FDCWD, path, NULL, ring, err);
}

void ring_reader_close(struct ring_reader *ring)
{
	close(ring->fd);
	ring->fd = -1;
}

/* ---- Reading -------------------------------------------------------------------------------------- */

int ring_reader_alive(const struct ring_reader *ring, struct err *err)
{
	struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};
	if (fcntl(ring->fd, F_OFD_GETLK, &lock))
		return err_errno(err, "cannot ask for its owner's lock");
	return lock.l_type != F_UNLCK;
}

int ring_reader_counters(const struct ring_reader *ring, struct ring_counters *counters,
			 struct err *err)
{
	struct payi_ring_counters copy;
	const int status = copy_at(ring->fd, &copy, sizeof(copy), PAYI_RING_COUNTERS_AT, err);
	if (status)
		return status;
	for (uint32_t i = 0; i < ring->n_lanes; i++) {
		const struct payi_ring_lane *from = &copy.lane[i];
		/*
		 * The acquire is of our copy, whose bytes come from the ring's word: what is read after it is read
		 * after that word, also where loads may pass each other.
		 */
		counters->lane[i] = (struct ring_lane){
			.tail = payi_ring_load_acquire(&from->tail),
			.attempted = payi_ring_load_own(&from->attempted),
			.refused = payi_ring_load_own(&from->refused),
			.dropped_full = payi_ring_load_own(&from->dropped_full),
			.dropped_too_big = payi_ring_load_own(&from->dropped_too_big),
		};
	}
	counters->dropped_busy = payi_ring_load_own(&copy.dropped_busy);
	return 0;
}

int ring_reader_copy(const struct ring_reader *ring, uint32_t lane, uint64_t position, uint8_t *to,
		     size_t bytes, struct err *err)
{
	const uint64_t start = ring->data_offset + lane * ring->lane_bytes;
	const uint64_t at = position % ring->lane_bytes;
	const uint64_t to_end = ring->lane_bytes - at;
	const size_t first = bytes < to_end ? bytes : (size_t)to_end;
	const int status = copy_at(ring->fd, to, first, start + at, err);
	if (status || first == bytes)
		return status;
	return copy_at(ring->fd, to + first, bytes - first, start, err);
}

int ring_reader_parse(const uint8_t *copy, size_t bytes, uint64_t available, uint64_t sequence,
		      struct payi_ring_record *record, struct err *err)
{
	if (available < PAYI_RING_RECORD_HEADER)
		return err_set(err, ERR_INVALID,
			       "only %llu bytes lie before the tail, less than a record's header",
			       (unsigned long long)available);
	*record = (struct payi_ring_record){0};
	if (bytes < sizeof(*record))
		return 0;
	memcpy(record, copy, sizeof(*record));
	const uint64_t record_bytes = payi_ring_record_bytes(record->payload_bytes);
	if (record->payload_bytes == 0 || record_bytes > available)
		return err_set(err, ERR_INVALID, "a record of %u bytes, with %llu before the tail",
			       record->payload_bytes, (unsigned long long)available);
	if (record->sequence != sequence)
		return err_set(err, ERR_INVALID, "record %llu where %llu was due",
			       (unsigned long long)record->sequence, (unsigned long long)sequence);
	return record_bytes <= bytes;
}
