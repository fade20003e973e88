#include "agent_file.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_agent_file(const struct payi_ring_agent *agent)
{
	return memcmp(agent->magic, PAYI_RING_AGENT_MAGIC, sizeof(agent->magic)) == 0 &&
	       agent->abi_major == PAYI_RING_ABI_MAJOR && agent->n_slots <= PAYI_RING_SLOTS;
}

const struct payi_ring_agent *payi__agent_file_map(const char *directory)
{
	const int dir = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return NULL;
	const int fd =
		openat(dir, PAYI_RING_AGENT_FILE, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	close(dir);
	if (fd < 0)
		return NULL;
	struct stat stat;
	void *mapping = MAP_FAILED;
	if (fstat(fd, &stat) == 0 && S_ISREG(stat.st_mode) &&
	    stat.st_size >= (off_t)sizeof(struct payi_ring_agent))
		mapping = mmap(NULL, sizeof(struct payi_ring_agent), PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	if (mapping == MAP_FAILED)
		return NULL;
	const struct payi_ring_agent *agent = mapping;
	if (is_agent_file(agent))
		return agent;
	payi__agent_file_unmap(agent);
	return NULL;
}

void payi__agent_file_unmap(const struct payi_ring_agent *agent)
{
	if (agent)
		munmap((void *)(uintptr_t)agent, sizeof(struct payi_ring_agent));
}

const struct payi_ring_slot *payi__agent_file_slot(const struct payi_ring_agent *agent,
						   const uint8_t ring_id[PAYI_RING_ID_BYTES])
{
	uint64_t id[2];
	memcpy(id, ring_id, sizeof(id));
	for (uint32_t i = 0; i < PAYI_RING_SLOTS; i++) {
		const struct payi_ring_slot *slot = &agent->slot[i];
		/* Acquire, pairs with the releases in the agent's take_slot(): done is ours, too. */
		if (payi_ring_load_acquire(&slot->state) != PAYI_RING_SLOT_FREE &&
		    payi_ring_load_acquire(&slot->ring_id[0]) == id[0] &&
		    payi_ring_load_acquire(&slot->ring_id[1]) == id[1])
			return slot;
	}
	return NULL;
}
