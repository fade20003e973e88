/*
 * Damaged databases: whatever the file holds, the store opens it or says that it is damaged; it never
 * crashes or hangs, and a damaged one can be set aside with all that belongs to it.
 */
#include "store/set_aside.h"
#include "store_fixture.h"

#include <fcntl.h>
#include <sys/stat.h>

TestSuite(damage, .timeout = 100);

enum { SEEDS = 300, NAME_BYTES = 256 };

static int open_store(struct fixture *fixture)
{
	const struct store_options options = {.path = fixture->path, .sync_full = false};
	return store_open(&options, &fixture->store, &fixture->err);
}

static void put_file(const char *path, const void *bytes, size_t n)
{
	FILE *file = fopen(path, "we");
	cr_assert(file && fwrite(bytes, 1, n, file) == n);
	fclose(file);
}

static size_t get_file(const char *path, char *bytes, size_t size)
{
	FILE *file = fopen(path, "re");
	cr_assert_not_null(file);
	const size_t n = fread(bytes, 1, size, file);
	fclose(file);
	cr_assert_lt(n, size);
	return n;
}

static void remove_all(struct fixture *fixture)
{
	char command[200];
	store_close(fixture->store);
	snprintf(command, sizeof(command), "rm -rf '%s'", fixture->directory);
	cr_assert_eq(system(command), 0);
}

static void make(struct fixture *fixture)
{
	fixture_open(fixture);
	fixture_fill(fixture, 300);
	store_close(fixture->store);
	fixture->store = NULL;
}

static void expect_corrupt(struct fixture *fixture)
{
	cr_assert_eq(open_store(fixture), ERR_CORRUPT, "%s", fixture->err.text);
	cr_assert(strstr(fixture->err.text, fixture->path), "%s", fixture->err.text);
}

/* ---- What is found -------------------------------------------------------------------------------- */

Test(damage, an_empty_file_is_a_new_database)
{
	struct fixture fixture[1];
	make(fixture);
	put_file(fixture->path, "", 0);
	cr_assert_eq(open_store(fixture), 0, "%s", fixture->err.text);
	remove_all(fixture);
}

Test(damage, an_empty_file_beside_a_wal_is_damaged)
{
	struct fixture fixture[1];
	char wal[128];
	make(fixture);
	put_file(fixture->path, "", 0);
	snprintf(wal, sizeof(wal), "%s-wal", fixture->path);
	put_file(wal, "what was in the WAL", 19);
	expect_corrupt(fixture);
	cr_assert_eq(access(wal, F_OK), 0, "SQLite would have deleted it");
	remove_all(fixture);
}

Test(damage, a_truncated_file_is_damaged_wherever_it_ends)
{
	struct fixture fixture[1];
	struct stat stat_buf;
	make(fixture);
	stat(fixture->path, &stat_buf);
	for (off_t size = stat_buf.st_size - 8192; size > 0; size -= 3 * 8192 + 77) {
		cr_assert_eq(truncate(fixture->path, size), 0);
		expect_corrupt(fixture);
	}
	remove_all(fixture);
}

Test(damage, a_header_that_does_not_fit_its_tables_is_damaged)
{
	struct fixture fixture[1];
	static const off_t application_id = 68, user_version = 60;
	const off_t places[] = {application_id, user_version};
	for (int i = 0; i < 2; i++) {
		make(fixture);
		const int fd = open(fixture->path, O_WRONLY | O_CLOEXEC);
		cr_assert_eq(pwrite(fd, "\x55", 1, places[i]), 1);
		close(fd);
		expect_corrupt(fixture);
		remove_all(fixture);
	}
}

Test(damage, events_beyond_the_last_are_found)
{
	struct fixture fixture[1];
	char command[200];
	make(fixture);
	snprintf(command, sizeof(command),
		 "sqlite3 '%s' 'UPDATE agent_state SET last_event_id = 17'", fixture->path);
	cr_assert_eq(system(command), 0);
	expect_corrupt(fixture);
	remove_all(fixture);
}

Test(damage, a_table_that_is_missing_is_found)
{
	static const char *const tables[] = {"lanes", "names", "usage_hours", "events"};
	for (int i = 0; i < 4; i++) {
		struct fixture fixture[1];
		char command[300];
		make(fixture);
		snprintf(command, sizeof(command),
			 "sqlite3 '%s' \"PRAGMA writable_schema = on; DELETE FROM sqlite_schema "
			 "WHERE "
			 "tbl_name = '%s'\" >/dev/null",
			 fixture->path, tables[i]);
		cr_assert_eq(system(command), 0);
		expect_corrupt(fixture);
		remove_all(fixture);
	}
}

Test(damage, a_directory_of_that_name_is_no_damage)
{
	struct fixture fixture[1];
	make(fixture);
	unlink(fixture->path);
	cr_assert_eq(mkdir(fixture->path, 0700), 0);
	cr_assert_eq(open_store(fixture), ERR_SYSTEM);
	cr_assert(strstr(fixture->err.text, "not a regular file"), "%s", fixture->err.text);
	remove_all(fixture);
}

/* ---- Setting aside -------------------------------------------------------------------------------- */

Test(damage, all_that_belongs_to_a_database_is_set_aside_under_a_free_name)
{
	static const char *const suffixes[] = {"", "-wal", "-shm"};
	struct fixture fixture[1];
	char name[NAME_BYTES], path[NAME_BYTES + 8], bytes[32];
	make(fixture);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 3; i++) {
			snprintf(path, sizeof(path), "%s%s", fixture->path, suffixes[i]);
			put_file(path, suffixes[i], strlen(suffixes[i]));
		}
		must(set_aside(fixture->path, START_US, name, sizeof(name), &fixture->err));
		for (int i = 0; i < 3; i++) {
			snprintf(path, sizeof(path), "%s%s", name, suffixes[i]);
			bytes[get_file(path, bytes, sizeof(bytes))] = '\0';
			cr_assert_str_eq(bytes, suffixes[i]);
		}
	}
	cr_assert(strstr(name, "/payi.db.corrupt-20261118T110640Z-2"), "%s", name);
	cr_assert_eq(open_store(fixture), 0, "%s", fixture->err.text);
	remove_all(fixture);
}

Test(damage, a_disk_that_damages_one_after_the_other_is_not_filled_with_them)
{
	struct fixture fixture[1];
	char name[NAME_BYTES];
	make(fixture);
	for (int i = 0; i < SET_ASIDE_MAX; i++) {
		put_file(fixture->path, "x", 1);
		must(set_aside(fixture->path, START_US + i * SECOND_US, name, sizeof(name),
			       &fixture->err));
	}
	put_file(fixture->path, "x", 1);
	cr_assert_eq(set_aside(fixture->path, START_US, name, sizeof(name), &fixture->err),
		     ERR_CORRUPT);
	cr_assert(strstr(fixture->err.text, "look after the disk"), "%s", fixture->err.text);
	cr_assert_eq(access(fixture->path, F_OK), 0);
	remove_all(fixture);
}

/* ---- Anything ------------------------------------------------------------------------------------- */

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static void flip(char *bytes, size_t n, uint64_t seed)
{
	uint64_t state = seed * 0x9e3779b97f4a7c15u + 1;
	const uint64_t n_flips = 1 + next_random(&state) % 16;
	/* Half of them where the schema and the roots are. */
	for (uint64_t i = 0; i < n_flips; i++) {
		const uint64_t where = next_random(&state);
		const size_t end = where & 1 && n > 65536 ? 65536 : n;
		bytes[(where >> 8) % end] ^= (char)(1 << (where >> 1) % 8);
	}
}

static const char *const questions[] = {"SELECT * FROM event_history",
					"SELECT * FROM use_case_history",
					"SELECT * FROM usage_by_hour", "SELECT * FROM sink_books"};

/* What the history's readers ask: an answer or an error. */
static void ask_all(const struct fixture *fixture)
{
	struct err err;
	for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++) {
		struct query_db *db = NULL;
		struct query *query = NULL;
		if (query_db_open(fixture->path, &db, &err))
			continue;
		if (query_prepare(db, questions[i], &query, &err) == 0)
			while (query_step(query, &err) > 0)
				continue;
		query_free(query);
		query_db_close(db);
	}
}

/* A transaction as any, and the end of it. */
static int use(struct fixture *fixture)
{
	struct err *err = &fixture->err;
	const struct store_ring ring = {
		.ring_id = {9, 9}, .app_name = "flip", .created_us = START_US, .n_lanes = 8};
	struct store_lane lanes[PAYI_RING_LANES_MAX];
	int status = store_ring_open(fixture->store, &ring, START_US, &fixture->ring, lanes, err);
	if (status >= 0)
		status = store_begin(fixture->store, err);
	if (!status) {
		lanes[0] = (struct store_lane){.position = 8, .sequence = 1};
		status = store_lane_put(fixture->store, fixture->ring, 0, &lanes[0], err);
	}
	if (!status)
		status = store_commit(fixture->store, err);
	if (status)
		store_rollback(fixture->store);
	return status;
}

/* Opened it is used, or is said to be damaged; then it is set aside, and a new one is as good as any. */
static void try_flipped(struct fixture *fixture, uint64_t seed)
{
	char name[NAME_BYTES];
	int status = open_store(fixture);
	if (!status) {
		status = use(fixture);
		ask_all(fixture);
		store_close(fixture->store);
		fixture->store = NULL;
	} else if (status != ERR_CORRUPT) {
		cr_assert(strstr(fixture->err.text, "newer payi-agent"), "seed %llu: %d: %s",
			  (unsigned long long)seed, status, fixture->err.text);
	}
	if (!status)
		return;
	must(set_aside(fixture->path, START_US, name, sizeof(name), &fixture->err));
	must(open_store(fixture));
	must(use(fixture));
	store_close(fixture->store);
	fixture->store = NULL;
}

Test(damage, flipped_bits_never_crash_or_hang_and_a_new_database_works)
{
	static char sound[4 << 20], bytes[4 << 20];
	struct fixture fixture[1];
	char command[200];
	make(fixture);
	const size_t n = get_file(fixture->path, sound, sizeof(sound));
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		memcpy(bytes, sound, n);
		flip(bytes, n, seed);
		put_file(fixture->path, bytes, n);
		try_flipped(fixture, seed);
		snprintf(command, sizeof(command), "rm -f '%s'*", fixture->path);
		cr_assert_eq(system(command), 0);
	}
	remove_all(fixture);
}
