#include "ring/agent_file.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NO_AGENT_FILE = 1 };
enum { AGENT_FILE_NAME_BYTES = sizeof(PAYI_RING_FILE_PREFIX) + 2 * PAYI_RING_ID_BYTES };

struct agent_file {
	struct payi_ring_agent *map;
	uint32_t next_slot; /* where to look for a free one */
};

static int allocate(int fd, struct err *err)
{
	const int error = posix_fallocate(fd, 0, sizeof(struct payi_ring_agent));
	if (!error)
		return 0;
	errno = error;
	return err_errno(err, "no room for %zu bytes in the ring directory's tmpfs",
			 sizeof(struct payi_ring_agent));
}

static bool is_blank(const struct payi_ring_agent *map)
{
	static const char zero[sizeof(map->magic)];
	return memcmp(map->magic, zero, sizeof(zero)) == 0;
}

/*
 * A blank file is new, or its creator was killed before it wrote the magic, which comes last: then
 * nobody has believed it yet. Returns NO_AGENT_FILE for what has another magic.
 */
static int check(struct payi_ring_agent *map, struct err *err)
{
	if (is_blank(map)) {
		map->abi_major = PAYI_RING_ABI_MAJOR;
		map->abi_minor = PAYI_RING_ABI_MINOR;
		map->n_slots = PAYI_RING_SLOTS;
		memcpy(map->magic, PAYI_RING_AGENT_MAGIC, sizeof(map->magic));
		return 0;
	}
	if (memcmp(map->magic, PAYI_RING_AGENT_MAGIC, sizeof(map->magic)) != 0)
		return NO_AGENT_FILE;
	if (map->abi_major != PAYI_RING_ABI_MAJOR || map->n_slots != PAYI_RING_SLOTS)
		return err_set(err, ERR_INVALID,
			       "the ring directory is laid out as version %u, this agent knows %d; "
			       "run the agent that "
			       "fits, or stop the applications and empty the directory",
			       map->abi_major, PAYI_RING_ABI_MAJOR);
	return 0;
}

static int map_file(int fd, struct agent_file *file, struct err *err)
{
	int status = allocate(fd, err);
	if (status)
		return status;
	void *map = mmap(NULL, sizeof(*file->map), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return err_errno(err, "cannot map the agent's file");
	file->map = map;
	return check(file->map, err);
}

static int open_file(int dir, bool group, struct agent_file **file_out, struct err *err)
{
	const mode_t mode = group ? 0640 : 0600;
	const int fd = openat(dir, PAYI_RING_AGENT_FILE,
			      O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, mode);
	if (fd < 0)
		return err_errno(err, "cannot open the agent's file in the ring directory");
	struct stat stat;
	struct agent_file *file = NULL;
	int status = 0;
	if (fstat(fd, &stat) || !S_ISREG(stat.st_mode) || stat.st_uid != geteuid())
		status = err_set(err, ERR_INVALID,
				 "the file \"" PAYI_RING_AGENT_FILE
				 "\" in the ring directory is not a file of this user's");
	else if (fchmod(fd, mode))
		status = err_errno(err, "cannot set the mode of the agent's file");
	else if (!(file = calloc(1, sizeof(*file))))
		status = err_set(err, ERR_MEMORY, "out of memory");
	else
		status = map_file(fd, file, err);
	close(fd);
	if (status) {
		agent_file_close(file);
		return status;
	}
	*file_out = file;
	return 0;
}

/*
 * Clients map nothing without the magic, and what the file says is in the database, too: so one that is none is replaced,
 * and by another file, since a client that has mapped it before it was spoilt must not see slots that are others'.
 */
static int set_aside(int dir, struct err *err)
{
	static const char name[] = PAYI_RING_AGENT_FILE ".aside";
	if (renameat(dir, PAYI_RING_AGENT_FILE, dir, name))
		return err_errno(err, "the file \"" PAYI_RING_AGENT_FILE
				      "\" in the ring directory is not an agent's, and cannot be "
				      "renamed");
	log_warn("the agent's file in the ring directory is none; it was set aside, and another "
		 "begun. "
		 "Applications that run since before must be started again to be served",
		 LOG_STR("set_aside", name), LOG_END);
	return 0;
}

int agent_file_open(int dir, bool group, struct agent_file **file_out, struct err *err)
{
	int status = open_file(dir, group, file_out, err);
	if (status == NO_AGENT_FILE) {
		status = set_aside(dir, err);
		if (!status)
			status = open_file(dir, group, file_out, err);
	}
	if (status == NO_AGENT_FILE)
		return err_set(err, ERR_INVALID, "somebody else writes the agent's file");
	if (status)
		return status;
	payi_ring_word *epoch = &(*file_out)->map->epoch;
	payi_ring_store_release(epoch, payi_ring_load_own(epoch) + 1);
	return 0;
}

void agent_file_close(struct agent_file *file)
{
	if (file && file->map)
		munmap(file->map, sizeof(*file->map));
	free(file);
}

/* In the order that ring.h gives for a slot: positions, id, state. */
static void take_slot(struct payi_ring_slot *slot, const uint64_t id[2])
{
	for (int i = 0; i < PAYI_RING_LANES_MAX; i++)
		payi_ring_store_release(&slot->done[i], 0);
	/* Releases, pair with the client's acquires in payi__agent_file_slot(). */
	payi_ring_store_release(&slot->ring_id[0], id[0]);
	payi_ring_store_release(&slot->ring_id[1], id[1]);
	payi_ring_store_release(&slot->state, PAYI_RING_SLOT_SERVED);
}

static bool is_slot_of(const struct payi_ring_slot *slot, const uint64_t id[2])
{
	return payi_ring_load_own(&slot->ring_id[0]) == id[0] &&
	       payi_ring_load_own(&slot->ring_id[1]) == id[1];
}

struct payi_ring_slot *agent_file_slot(struct agent_file *file,
				       const uint8_t ring_id[PAYI_RING_ID_BYTES])
{
	struct payi_ring_slot *free_slot = NULL;
	uint64_t id[2];
	memcpy(id, ring_id, sizeof(id));
	for (uint32_t i = 0; i < PAYI_RING_SLOTS; i++) {
		struct payi_ring_slot *slot =
			&file->map->slot[(file->next_slot + i) % PAYI_RING_SLOTS];
		const bool used = payi_ring_load_own(&slot->state) != PAYI_RING_SLOT_FREE;
		if (used && is_slot_of(slot, id))
			return slot;
		if (!used && !free_slot)
			free_slot = slot;
	}
	if (!free_slot)
		return NULL;
	take_slot(free_slot, id);
	file->next_slot = (uint32_t)(free_slot - file->map->slot + 1) % PAYI_RING_SLOTS;
	return free_slot;
}

void agent_file_slot_free(struct payi_ring_slot *slot)
{
	payi_ring_store_release(&slot->state, PAYI_RING_SLOT_FREE);
}

/* The name of the ring that a slot serves. */
static void slot_file_name(const struct payi_ring_slot *slot, char name[AGENT_FILE_NAME_BYTES])
{
	uint8_t id[PAYI_RING_ID_BYTES];
	const uint64_t words[2] = {payi_ring_load_own(&slot->ring_id[0]),
				   payi_ring_load_own(&slot->ring_id[1])};
	memcpy(id, words, sizeof(id));
	memcpy(name, PAYI_RING_FILE_PREFIX, sizeof(PAYI_RING_FILE_PREFIX));
	char *digits = name + sizeof(PAYI_RING_FILE_PREFIX) - 1;
	for (size_t i = 0; i < sizeof(id); i++)
		snprintf(digits + 2 * i, 3, "%02x", id[i]);
}

void agent_file_sweep(struct agent_file *file, int dir, bool all)
{
	for (uint32_t i = 0; i < PAYI_RING_SLOTS; i++) {
		struct payi_ring_slot *slot = &file->map->slot[i];
		char name[AGENT_FILE_NAME_BYTES];
		struct stat stat;
		const uint64_t state = payi_ring_load_own(&slot->state);
		if (state == PAYI_RING_SLOT_FREE || (!all && state != PAYI_RING_SLOT_ASIDE))
			continue;
		slot_file_name(slot, name);
		if (fstatat(dir, name, &stat, AT_SYMLINK_NOFOLLOW) && errno == ENOENT)
			agent_file_slot_free(slot);
	}
}

void agent_file_beat(struct agent_file *file, int64_t now_us)
{
	payi_ring_store_release(&file->map->heartbeat_us, (uint64_t)now_us);
}
