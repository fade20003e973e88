#include "bench/drainer.h"

#include "bench/bench.h"
#include "payi/ring.h"
#include "ring/agent_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct drainer {
	struct agent_file *agent_file;
	struct payi_ring_slot *slot;
	const uint8_t *map; /* the ring file: our own, so it may be mapped */
	size_t map_bytes;
	const struct payi_ring_header *header;
	const struct payi_ring_counters *counters;
	uint64_t position[PAYI_RING_LANES_MAX];
	uint8_t *copy; /* a lane's */
};

static int open_ring(DIR *dir)
{
	const size_t prefix = sizeof(PAYI_RING_FILE_PREFIX) - 1;
	const struct dirent *entry;
	while ((entry = readdir(dir)))
		if (strncmp(entry->d_name, PAYI_RING_FILE_PREFIX, prefix) == 0)
			return openat(dirfd(dir), entry->d_name, O_RDONLY | O_CLOEXEC);
	errno = ENOENT;
	return -1;
}

static bool map_ring(struct drainer *drainer, DIR *dir)
{
	struct stat stat;
	const int fd = open_ring(dir);
	if (fd < 0)
		return false;
	void *map = MAP_FAILED;
	if (fstat(fd, &stat) == 0)
		map = mmap(NULL, (size_t)stat.st_size, PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	if (map == MAP_FAILED)
		return false;
	drainer->map = map;
	drainer->map_bytes = (size_t)stat.st_size;
	drainer->header = map;
	drainer->counters = (const void *)(drainer->map + PAYI_RING_COUNTERS_AT);
	drainer->copy = malloc(drainer->header->lane_bytes);
	return drainer->copy != NULL;
}

static bool take_slot(struct drainer *drainer, DIR *dir)
{
	struct err err;
	if (agent_file_open(dirfd(dir), false, &drainer->agent_file, &err))
		return false;
	drainer->slot = agent_file_slot(drainer->agent_file, drainer->header->ring_id);
	return drainer->slot != NULL;
}

int drainer_open(const char *ring_dir, struct drainer **out)
{
	DIR *dir = opendir(ring_dir);
	struct drainer *drainer = calloc(1, sizeof(*drainer));
	const bool fine = dir && drainer && map_ring(drainer, dir) && take_slot(drainer, dir);
	if (!fine)
		bench_fail(errno, "cannot drain the ring in %s", ring_dir);
	if (dir)
		closedir(dir);
	if (!fine) {
		drainer_close(drainer);
		return -1;
	}
	*out = drainer;
	return 0;
}

void drainer_close(struct drainer *drainer)
{
	if (!drainer)
		return;
	agent_file_close(drainer->agent_file);
	if (drainer->map)
		munmap((void *)(uintptr_t)drainer->map, drainer->map_bytes);
	free(drainer->copy);
	free(drainer);
}

/* [position, tail), which may go on at the lane's start. */
static void copy_records(struct drainer *drainer, uint32_t lane, uint64_t tail)
{
	const uint64_t lane_bytes = drainer->header->lane_bytes;
	const uint8_t *data = drainer->map + drainer->header->data_offset + lane * lane_bytes;
	const uint64_t from = drainer->position[lane] % lane_bytes;
	const uint64_t n = tail - drainer->position[lane];
	const uint64_t first = n < lane_bytes - from ? n : lane_bytes - from;
	memcpy(drainer->copy, data + from, first);
	memcpy(drainer->copy + first, data, n - first);
}

void drainer_empty(struct drainer *drainer)
{
	for (uint32_t lane = 0; lane < drainer->header->n_lanes; lane++) {
		const uint64_t tail = payi_ring_tail(&drainer->counters->lane[lane]);
		if (tail == drainer->position[lane])
			continue;
		copy_records(drainer, lane, tail);
		drainer->position[lane] = tail;
		payi_ring_release(&drainer->slot->done[lane], tail);
	}
}

void drainer_forget(struct drainer *drainer)
{
	for (uint32_t lane = 0; lane < drainer->header->n_lanes; lane++)
		payi_ring_release(&drainer->slot->done[lane],
				  payi_ring_tail(&drainer->counters->lane[lane]));
}
