/* The leaf tools: errors, buffers, clocks, back-off, msgpack cursors. */
#include "base/backoff.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/msgpack.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <msgpack.h>
#include <stdlib.h>
#include <string.h>

/* ---- Errors --------------------------------------------------------------------------------------- */

Test(err, is_wrapped_on_its_way_out)
{
	struct err err;
	errno = ENOENT;
	cr_assert_eq(err_errno(&err, "cannot open %s", "x"), ERR_SYSTEM);
	cr_assert_eq(errno, ENOENT);
	cr_assert_eq(err_wrap(&err, "load %d", 7), ERR_SYSTEM);
	cr_assert_str_eq(err.text, "load 7: cannot open x: No such file or directory");
}

Test(err, is_cut_not_overrun)
{
	struct err err;
	char long_text[1000];
	memset(long_text, 'y', sizeof(long_text) - 1);
	long_text[999] = '\0';
	cr_assert_eq(err_set(&err, ERR_STORE, "%s", long_text), ERR_STORE);
	cr_assert_eq(strlen(err.text), sizeof(err.text) - 1);
	err_wrap(&err, "%s", long_text);
	cr_assert(strlen(err.text) < sizeof(err.text));
	cr_assert_eq(err_set(NULL, ERR_STORE, "nobody listens"), ERR_STORE);
}

/* ---- Buffers -------------------------------------------------------------------------------------- */

Test(buf, grows_and_keeps_what_it_has)
{
	struct buf buf = BUF_INIT;
	for (int i = 0; i < 1000; i++)
		buf_addf(&buf, "%d,", i);
	buf_add_int(&buf, INT64_MIN);
	const char *text = buf_text(&buf);
	cr_assert(strncmp(text, "0,1,2,", 6) == 0);
	cr_assert_str_eq(text + buf.len - 20, "-9223372036854775808");
	buf_clear(&buf);
	buf_add_str(&buf, "again");
	cr_assert_str_eq(buf_text(&buf), "again");
	buf_release(&buf);
}

Test(buf, fails_once_and_stays_failed)
{
	struct buf buf = BUF_INIT;
	buf_add_str(&buf, "x");
	cr_assert(!buf_reserve(&buf, SIZE_MAX - 10));
	cr_assert(buf.failed);
	buf_add_str(&buf, "y");
	cr_assert_eq(buf.len, 1);
	cr_assert_str_eq(buf_text(&buf), "");
	buf_clear(&buf);
	cr_assert(!buf.failed);
	buf_release(&buf);
}

/* ---- Clocks --------------------------------------------------------------------------------------- */

static void expect_text(int64_t us, int digits, const char *expected)
{
	char text[CLOCK_TEXT_BYTES];
	cr_assert_str_eq(clock_text(us, digits, text), expected);
}

Test(clock, writes_times)
{
	expect_text(0, 0, "1970-01-01T00:00:00Z");
	expect_text(1700000000123456, 6, "2023-11-14T22:13:20.123456Z");
	expect_text(1700000000123456, 3, "2023-11-14T22:13:20.123Z");
	expect_text(951782400000000, 0, "2000-02-29T00:00:00Z");
	expect_text(-1, 6, "1969-12-31T23:59:59.999999Z");
	expect_text(253402300799999999, 6, "9999-12-31T23:59:59.999999Z");
}

static void expect_time(const char *text, int64_t expected)
{
	int64_t us;
	cr_assert_eq(clock_parse(text, &us), 0, "%s", text);
	cr_assert_eq(us, expected, "%s is %lld", text, (long long)us);
}

Test(clock, reads_times)
{
	expect_time("2023-11-14T22:13:20Z", 1700000000000000);
	expect_time("2023-11-14 22:13:20.5", 1700000000500000);
	expect_time("2023-11-14T23:13:20.1234567+01:00", 1700000000123456);
	expect_time("2023-11-14T16:43:20-0530", 1700000000000000);
	expect_time("2023-11-14T22:13Z", 1699999980000000);
	expect_time("1970-01-01", 0);
	int64_t us;
	static const char *const bad[] = {"",
					  "2023",
					  "2023-13-01",
					  "2023-02-29",
					  "2023-11-14T",
					  "2023-11-14T25:00:00Z",
					  "2023-11-14T22:13:20X",
					  "2023-11-14T22:13:20.Z",
					  "2023-11-14T22:13:20Z ",
					  "14.11.2023"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_assert_neq(clock_parse(bad[i], &us), 0, "taken: %s", bad[i]);
}

Test(clock, reads_what_it_writes)
{
	for (int64_t us = 1; us < 253402300799000000; us += us / 7 + 1) {
		char text[CLOCK_TEXT_BYTES];
		expect_time(clock_text(us, 6, text), us);
	}
}

/* ---- Back-off ------------------------------------------------------------------------------------- */

Test(backoff, doubles_to_a_cap_with_full_jitter)
{
	cr_assert_eq(backoff_of(1, 0), 0);
	cr_assert_eq(backoff_of(1, BACKOFF_FIRST_US), BACKOFF_FIRST_US);
	cr_assert_eq(backoff_of(3, 4 * (uint64_t)BACKOFF_FIRST_US), 4 * BACKOFF_FIRST_US);
	cr_assert_eq(backoff_of(1000000, BACKOFF_MAX_US), BACKOFF_MAX_US);
	int64_t most = 0;
	for (int i = 0; i < 1000; i++) {
		const int64_t us = backoff_us(2);
		cr_assert(us >= 0 && us <= 2 * BACKOFF_FIRST_US);
		most = us > most ? us : most;
	}
	cr_assert(most > BACKOFF_FIRST_US, "no jitter at all");
}

/* ---- msgpack -------------------------------------------------------------------------------------- */

/* msgpack-c writes, we read. */
Test(msgpack, reads_numbers_of_every_size)
{
	static const int64_t numbers[] = {
		0,         1,  127, 128, 255,  256,  65535,  65536,  4294967295,    4294967296,
		INT64_MAX, -1, -32, -33, -128, -129, -32768, -32769, -2147483648LL, -2147483649LL,
		INT64_MIN};
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		msgpack_sbuffer buf;
		msgpack_packer packer;
		msgpack_sbuffer_init(&buf);
		msgpack_packer_init(&packer, &buf, msgpack_sbuffer_write);
		msgpack_pack_int64(&packer, numbers[i]);
		struct msgpack in = {(uint8_t *)buf.data, (uint8_t *)buf.data + buf.size};
		int64_t number;
		cr_assert(msgpack_read_int(&in, &number) && number == numbers[i], "%lld",
			  (long long)numbers[i]);
		cr_assert(in.at == in.end);
		msgpack_sbuffer_destroy(&buf);
	}
	const uint8_t too_large[] = {0xcf, 0x80, 0, 0, 0, 0, 0, 0, 0};
	struct msgpack in = {too_large, too_large + sizeof(too_large)};
	int64_t number;
	cr_assert(!msgpack_read_int(&in, &number), "beyond int64");
}

Test(msgpack, reads_strings_and_counts_of_every_size)
{
	static const size_t sizes[] = {0, 1, 31, 32, 255, 256, 65535, 65536, 100000};
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		const size_t n = sizes[i];
		msgpack_sbuffer buf;
		msgpack_packer packer;
		char *text = calloc(n + 1, 1);
		memset(text, 'a', n);
		msgpack_sbuffer_init(&buf);
		msgpack_packer_init(&packer, &buf, msgpack_sbuffer_write);
		msgpack_pack_str(&packer, n);
		msgpack_pack_str_body(&packer, text, n);
		msgpack_pack_bin(&packer, n);
		msgpack_pack_bin_body(&packer, text, n);
		msgpack_pack_array(&packer, n);
		for (size_t j = 0; j < n; j++)
			msgpack_pack_nil(&packer);
		struct msgpack in = {(uint8_t *)buf.data, (uint8_t *)buf.data + buf.size};
		struct msgpack_text str, bin;
		uint32_t count;
		cr_assert(msgpack_read_str(&in, &str) && str.len == n &&
			  memcmp(str.text, text, n) == 0);
		cr_assert(msgpack_read_bin(&in, &bin) && bin.len == n);
		cr_assert(msgpack_read_array(&in, &count) && count == n);
		for (size_t j = 0; j < n; j++)
			cr_assert(msgpack_skip_nil(&in));
		cr_assert(in.at == in.end && !msgpack_skip_nil(&in));
		msgpack_sbuffer_destroy(&buf);
		free(text);
	}
}

/* Counts that promise more than there are bytes are found out at once. */
Test(msgpack, refuses_counts_that_lie)
{
	const uint8_t array[] = {0xdd, 0xff, 0, 0, 0};
	const uint8_t map[] = {0x82, 1, 2, 3};
	const uint8_t str[] = {0xdb, 0, 0, 0, 9, 'x'};
	struct msgpack in = {array, array + sizeof(array)};
	uint32_t n;
	struct msgpack_text text;
	cr_assert(!msgpack_read_array(&in, &n));
	in = (struct msgpack){map, map + sizeof(map)};
	cr_assert(!msgpack_read_map(&in, &n));
	in = (struct msgpack){str, str + sizeof(str)};
	cr_assert(!msgpack_read_str(&in, &text));
	in = (struct msgpack){str, str};
	cr_assert(!msgpack_read_str(&in, &text) && !msgpack_read_map(&in, &n) &&
		  !msgpack_skip_nil(&in));
}
