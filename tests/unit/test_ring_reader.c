/* One ring from the agent's side: which files are rings, which copies may be looked at, what a copy of a record says. */
#define _DEFAULT_SOURCE
#include "ring/ring_reader.h"

#include "help/forge.h"
#include "help/help.h"
#include "ring/agent_file.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct help_site site;
static struct err err;

static void begin(void)
{
	help_site_make(&site);
	cr_assert_not_null(freopen(site.log, "we", stderr));
}

static void end(void)
{
	help_site_remove(&site);
}

TestSuite(ring_reader, .init = begin, .fini = end);

#define DIGITS "0123456789abcdef0123456789abcdef"

Test(ring_reader, a_ring_has_a_name_of_32_digits_and_no_other)
{
	static const char *const others[] = {"ring.",
					     "ring",
					     "ring.0123",
					     "ring." DIGITS "0",
					     "ring." DIGITS "g",
					     "ring." DIGITS ".aside",
					     "rung." DIGITS,
					     "ring.0123456789ABCDEF0123456789abcdef"};
	struct ring_reader ring;
	cr_assert_str_eq(ring_name_digits("ring." DIGITS), DIGITS);
	const int dir = open(site.rings, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		cr_expect_null(ring_name_digits(others[i]), "%s", others[i]);
		cr_expect_eq(ring_reader_open(dir, others[i], &ring, &err), ERR_INVALID);
	}
	close(dir);
}

/* Where a copy lies and how many names it has is nobody's business; that of a ring that is drained is ours. */
Test(ring_reader, a_copy_may_lie_anywhere_under_any_names)
{
	struct forge forge;
	struct ring_reader ring;
	struct ring_counters counters;
	char path[HELP_PATH_BYTES + 80], second[HELP_PATH_BYTES + 80];
	forge_init(&forge, 1);
	forge_put(&forge, site.data, false);
	snprintf(path, sizeof(path), "%s/%s", site.data, forge.name);
	snprintf(second, sizeof(second), "%s/copy", site.data);
	cr_assert_eq(link(path, second), 0);
	cr_assert_eq(ring_reader_open_copy(second, &ring, &err), 0, "%s", err.text);
	cr_assert_eq(ring_reader_counters(&ring, &counters, &err), 0);
	cr_assert_eq(counters.lane[0].attempted, FORGE_RECORDS);
	ring_reader_close(&ring);
	const int dir = open(site.data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cr_assert_eq(ring_reader_open(dir, forge.name, &ring, &err), RING_READER_BARRED);
	unlink(second);
	cr_assert_eq(ring_reader_open(dir, forge.name, &ring, &err), ERR_INVALID);
	cr_assert_str_eq(err.text, "it is not on tmpfs");
	close(dir);
	forge_remove(&forge, site.data);
}

/* Data that begin before their place, far behind it, or at no page. */
Test(ring_reader, the_data_of_a_ring_begin_at_a_page_near_its_header)
{
	static const uint64_t offsets[] = {0, 4096, PAYI_RING_DATA_AT_MIN - 4096,
					   PAYI_RING_DATA_AT_MIN + 8, 1024 * 1024 + 4096};
	const int dir = open(site.rings, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
		struct forge forge;
		struct ring_reader ring;
		forge_init(&forge, 1);
		forge.header.data_offset = offsets[i];
		forge.bytes = offsets[i] + FORGE_LANES * FORGE_LANE_BYTES;
		forge_put(&forge, site.rings, false);
		cr_expect_eq(ring_reader_open(dir, forge.name, &ring, &err), ERR_INVALID, "%d",
			     (int)offsets[i]);
		forge_remove(&forge, site.rings);
	}
	close(dir);
}

Test(ring_reader, a_record_is_whole_in_part_there_or_nonsense)
{
	struct {
		struct payi_ring_record head;
		uint8_t payload[16];
	} copy = {.head = {.payload_bytes = 16, .sequence = 5}};
	const size_t bytes = sizeof(copy);
	struct payi_ring_record record;
	const uint8_t *at = (const uint8_t *)&copy;
	cr_expect_eq(ring_reader_parse(at, bytes, bytes, 5, &record, &err), 1);
	cr_expect_eq(ring_reader_parse(at, bytes - 1, bytes, 5, &record, &err), 0);
	cr_expect_eq(record.payload_bytes, 16);
	cr_expect_eq(ring_reader_parse(at, sizeof(record) - 1, bytes, 5, &record, &err), 0);
	cr_expect_eq(record.payload_bytes, 0, "its header is not there");
	cr_expect_eq(ring_reader_parse(at, bytes, bytes - 8, 5, &record, &err), ERR_INVALID);
	cr_expect_eq(ring_reader_parse(at, bytes, 8, 5, &record, &err), ERR_INVALID);
	cr_expect_eq(ring_reader_parse(at, bytes, bytes, 4, &record, &err), ERR_INVALID);
	cr_expect_eq(ring_reader_parse(at, bytes, bytes, 6, &record, &err), ERR_INVALID);
	copy.head.payload_bytes = 0;
	cr_expect_eq(ring_reader_parse(at, bytes, bytes, 5, &record, &err), ERR_INVALID);
}

/* ---- The agent's file ------------------------------------------------------------------------------ */

static void put_agent_file(const void *bytes, size_t n)
{
	char path[HELP_PATH_BYTES + 16];
	snprintf(path, sizeof(path), "%s/" PAYI_RING_AGENT_FILE, site.rings);
	FILE *file = fopen(path, "we");
	cr_assert(file && fwrite(bytes, n, 1, file) == 1);
	fclose(file);
}

static int open_agent_file(struct agent_file **file)
{
	const int dir = open(site.rings, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const int status = agent_file_open(dir, false, file, &err);
	close(dir);
	return status;
}

Test(ring_reader, an_agents_file_of_another_layout_is_refused_and_left)
{
	struct agent_file *file = NULL;
	struct payi_ring_agent agent = {.abi_major = PAYI_RING_ABI_MAJOR,
					.n_slots = PAYI_RING_SLOTS / 2};
	memcpy(agent.magic, PAYI_RING_AGENT_MAGIC, sizeof(agent.magic));
	put_agent_file(&agent, sizeof(agent));
	cr_assert_eq(open_agent_file(&file), ERR_INVALID);
	agent.n_slots = PAYI_RING_SLOTS;
	agent.abi_major++;
	put_agent_file(&agent, sizeof(agent));
	cr_assert_eq(open_agent_file(&file), ERR_INVALID);
	agent.abi_major--;
	put_agent_file(&agent, sizeof(agent));
	cr_assert_eq(open_agent_file(&file), 0, "%s", err.text);
	agent_file_close(file);
}

Test(ring_reader, what_is_no_file_of_ours_is_not_taken_for_the_agents)
{
	struct agent_file *file = NULL;
	char path[HELP_PATH_BYTES + 16];
	snprintf(path, sizeof(path), "%s/" PAYI_RING_AGENT_FILE, site.rings);
	cr_assert_eq(mkfifo(path, 0600), 0);
	cr_assert_eq(open_agent_file(&file), ERR_INVALID, "%s", err.text);
	unlink(path);
	if (geteuid() != 0)
		return;
	put_agent_file("", 1);
	cr_assert_eq(chown(path, 65501, 65501), 0);
	cr_assert_eq(open_agent_file(&file), ERR_INVALID, "%s", err.text);
}

/* An id is sixteen bytes, and all of them tell. */
Test(ring_reader, rings_whose_ids_begin_alike_have_slots_of_their_own)
{
	struct agent_file *file = NULL;
	const uint8_t one[PAYI_RING_ID_BYTES] = {1}, other[PAYI_RING_ID_BYTES] = {1, [15] = 1};
	cr_assert_eq(open_agent_file(&file), 0, "%s", err.text);
	struct payi_ring_slot *slot = agent_file_slot(file, one);
	cr_assert_not_null(slot);
	cr_assert_neq(agent_file_slot(file, other), slot);
	cr_assert_eq(agent_file_slot(file, one), slot, "it is found again");
	agent_file_close(file);
}
