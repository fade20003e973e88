#include "history/status.h"

#include "ring/ring_reader.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static int64_t not_negative(int64_t number)
{
	return number > 0 ? number : 0;
}

/*
 * What the file says beyond what is committed. The database was read first, so the file is never behind
 * it, but for a ring that was put aside or rewritten by somebody.
 */
static void add_counters(const struct ring_reader *reader, const struct ring_counters *counters,
			 struct status_ring *ring, struct status *status)
{
	const struct books_ring *stored = &ring->stored;
	int64_t attempted = 0, refused = 0, full = 0, too_big = 0;
	for (uint32_t i = 0; i < reader->n_lanes; i++) {
		const struct ring_lane *lane = &counters->lane[i];
		ring->lag_bytes += not_negative((int64_t)lane->tail - stored->position[i]);
		attempted += (int64_t)lane->attempted;
		refused += (int64_t)lane->refused;
		full += (int64_t)lane->dropped_full;
		too_big += (int64_t)lane->dropped_too_big;
	}
	ring->lag_events = not_negative(attempted - refused - full - too_big - stored->records);
	status->in_rings += ring->lag_events;
	status->books.refused += not_negative(refused - stored->refused);
	status->books.dropped_full += not_negative(full - stored->dropped_full);
	status->books.dropped_too_big += not_negative(too_big - stored->dropped_too_big);
	status->books.dropped_busy +=
		not_negative((int64_t)counters->dropped_busy - stored->dropped_busy);
	ring->stored.dropped_full = full;
	ring->stored.dropped_too_big = too_big;
	ring->stored.dropped_busy = (int64_t)counters->dropped_busy;
	ring->stored.refused = refused;
}

static int read_file(const struct ring_reader *reader, struct status_ring *ring,
		     struct status *status, struct err *err)
{
	struct ring_counters counters;
	int alive = ring_reader_alive(reader, err);
	if (alive < 0)
		return alive;
	const int failed = ring_reader_counters(reader, &counters, err);
	if (failed)
		return failed;
	ring->owner_lives = alive;
	ring->is_readable = true;
	ring->uid = reader->uid;
	if (!ring->in_database) {
		ring->stored.pid = (int64_t)reader->pid;
		snprintf(ring->stored.app_name, sizeof(ring->stored.app_name), "%s",
			 reader->app_name);
	}
	if (strcmp(ring->stored.state, "aside") != 0)
		add_counters(reader, &counters, ring, status);
	return 0;
}

/* The ring of this id: as the database named it, or a new one; NULL when there are too many. */
static struct status_ring *find_ring(struct status *status, const uint8_t *ring_id)
{
	for (int i = 0; i < status->n_rings; i++)
		if (memcmp(status->ring[i].stored.ring_id, ring_id, BOOKS_ID_BYTES) == 0)
			return &status->ring[i];
	if (status->n_rings == STATUS_RINGS_MAX)
		return NULL;
	struct status_ring *ring = &status->ring[status->n_rings++];
	*ring = (struct status_ring){0};
	memcpy(ring->stored.ring_id, ring_id, BOOKS_ID_BYTES);
	return ring;
}

static uint8_t nibble(char c)
{
	return (uint8_t)(c <= '9' ? c - '0' : c - 'a' + 10);
}

static void read_entry(int dir, const char *name, struct status *status)
{
	struct ring_reader reader;
	struct err err = {0};
	uint8_t ring_id[BOOKS_ID_BYTES];
	const char *digits = ring_name_digits(name);
	if (!digits)
		return;
	for (int i = 0; i < BOOKS_ID_BYTES; i++)
		ring_id[i] = (uint8_t)(nibble(digits[2 * i]) << 4 | nibble(digits[2 * i + 1]));
	struct status_ring *ring = find_ring(status, ring_id);
	if (!ring)
		return;
	ring->has_file = true;
	if (ring_reader_open(dir, name, &reader, &err) == 0) {
		read_file(&reader, ring, status, &err);
		ring_reader_close(&reader);
	}
	snprintf(ring->note, sizeof(ring->note), "%.*s", BOOKS_TEXT_BYTES - 1, err.text);
}

int status_read_rings(struct status *status, struct err *err)
{
	const char *path = status->ring_dir;
	DIR *dir = opendir(path);
	if (!dir && (errno == ENOENT || errno == ENOTDIR))
		return 0; /* nobody has tracked yet */
	if (!dir)
		return err_errno(err, "cannot read the ring directory %s", path);
	for (const struct dirent *entry; (entry = readdir(dir));)
		read_entry(dirfd(dir), entry->d_name, status);
	closedir(dir);
	return 0;
}
