#define _GNU_SOURCE /* F_OFD_SETLK */
#include "help/forge.h"

#include "help/pack.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct payi_ring_counters *forge_counters(struct forge *forge)
{
	return (struct payi_ring_counters *)(void *)(forge->at + PAYI_RING_COUNTERS_AT);
}

struct payi_ring_record *forge_record(struct forge *forge, int i)
{
	return (struct payi_ring_record *)(void *)(forge->at + forge->record_at[i]);
}

static void add_record(struct forge *forge, int i, const char *id)
{
	struct pack pack;
	struct payi_ring_lane *lane = &forge_counters(forge)->lane[0];
	const uint64_t tail = payi_ring_load_own(&lane->tail);
	pack_init(&pack, PACK_REQUIRED);
	pack_required(&pack, id);
	forge->record_at[i] = PAYI_RING_DATA_AT_MIN + (size_t)tail;
	*forge_record(forge, i) = (struct payi_ring_record){
		.payload_bytes = (uint32_t)pack.buf.size, PAYI_RING_EVENT, 0, (uint64_t)i + 1};
	memcpy(forge_record(forge, i) + 1, pack.buf.data, pack.buf.size);
	payi_ring_store_own(&lane->tail, tail + payi_ring_record_bytes(pack.buf.size));
	payi_ring_count(&lane->attempted);
	pack_release(&pack);
}

void forge_init(struct forge *forge, uint64_t number)
{
	char id[48];
	memset(forge, 0, sizeof(*forge));
	forge->fd = -1;
	forge->bytes = sizeof(forge->at);
	forge->header = (struct payi_ring_header){.abi_major = PAYI_RING_ABI_MAJOR,
						  .abi_minor = PAYI_RING_ABI_MINOR,
						  .n_lanes = FORGE_LANES,
						  .lane_bytes = FORGE_LANE_BYTES,
						  .data_offset = PAYI_RING_DATA_AT_MIN,
						  .created_us = 1,
						  .pid = 1,
						  .app_name = "forged"};
	memcpy(forge->header.magic, PAYI_RING_MAGIC, sizeof(forge->header.magic));
	memcpy(forge->header.ring_id, &number, sizeof(number));
	for (int i = 0; i < FORGE_RECORDS; i++) {
		snprintf(id, sizeof(id), "forged-%llu-%d", (unsigned long long)number, i);
		add_record(forge, i, id);
	}
	char *name = forge->name +
		     snprintf(forge->name, sizeof(forge->name), "%s", PAYI_RING_FILE_PREFIX);
	for (size_t i = 0; i < PAYI_RING_ID_BYTES; i++)
		name += snprintf(name, 3, "%02x", forge->header.ring_id[i]);
}

/* Under another name first: a ring appears complete, and locked. */
void forge_put(struct forge *forge, const char *directory, bool alive)
{
	char hidden[320], path[320];
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};
	snprintf(hidden, sizeof(hidden), "%s/forge", directory);
	snprintf(path, sizeof(path), "%s/%s", directory, forge->name);
	forge->fd = open(hidden, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	cr_assert_geq(forge->fd, 0);
	const size_t n = forge->bytes < sizeof(forge->at) ? forge->bytes : sizeof(forge->at);
	cr_assert_eq(pwrite(forge->fd, forge->at, n, 0), (ssize_t)n);
	cr_assert_eq(ftruncate(forge->fd, (off_t)forge->bytes), 0);
	cr_assert(!alive || fcntl(forge->fd, F_OFD_SETLK, &lock) == 0);
	cr_assert_eq(rename(hidden, path), 0);
}

void forge_remove(struct forge *forge, const char *directory)
{
	char path[320];
	snprintf(path, sizeof(path), "%s/%s", directory, forge->name);
	unlink(path);
	close(forge->fd);
	forge->fd = -1;
}
