/* Looking through the ring directory, in portions. */
#include "drain/scan.h"

#include "help/help.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PORTION = 128, RINGS = 300 };

static struct help_site site;
static struct scan *scan;
static struct err err;
static int dir;

static void begin(void)
{
	help_site_make(&site);
	dir = open(site.rings, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cr_assert_eq(scan_new(dir, &scan, &err), 0);
}

static void end(void)
{
	scan_free(scan);
	close(dir);
	help_site_remove(&site);
}

TestSuite(scan, .init = begin, .fini = end, .timeout = 60);

static void make(int first, int n)
{
	for (int i = first; i < first + n; i++) {
		char name[64];
		snprintf(name, sizeof(name), "ring.%032x", (unsigned)i);
		const int fd = openat(dir, name, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
		cr_assert_geq(fd, 0);
		close(fd);
	}
}

static int count_portion(bool whole)
{
	int n = 0;
	cr_assert_eq(scan_begin(scan, whole, &err), 0, "%s", err.text);
	while (scan_next(scan))
		n++;
	return n;
}

Test(scan, gives_out_so_many_at_a_time_and_each_once)
{
	make(0, RINGS);
	cr_assert_eq(count_portion(false), PORTION);
	cr_assert(scan_is_under_way(scan));
	cr_assert_eq(count_portion(false), PORTION);
	cr_assert_eq(count_portion(false), RINGS - 2 * PORTION);
	cr_assert_not(scan_is_under_way(scan));
	cr_assert_null(scan_next(scan), "the pass is over");
	cr_assert_eq(count_portion(false), 0);
}

/* Who wants all of it gets what is left, although a pass is under way. */
Test(scan, a_whole_pass_begins_anew)
{
	make(0, RINGS);
	cr_assert_eq(count_portion(false), PORTION);
	make(RINGS, 5);
	cr_assert_eq(count_portion(true), RINGS + 5 - PORTION);
	cr_assert_not(scan_is_under_way(scan));
}

static int next_descriptor(void)
{
	const int fd = dup(dir);
	close(fd);
	return fd;
}

/* One of a pass that is given up, and one of a scan that is. */
Test(scan, leaves_no_descriptor_behind)
{
	struct scan *other;
	make(0, RINGS);
	const int before = next_descriptor();
	cr_assert_eq(scan_new(dir, &other, &err), 0);
	for (int i = 0; i < 3; i++) {
		cr_assert_eq(scan_begin(other, false, &err), 0);
		cr_assert_not_null(scan_next(other));
		cr_assert(scan_is_under_way(other));
		cr_assert_eq(scan_begin(other, true, &err), 0);
		cr_assert_not_null(scan_next(other));
		cr_assert_eq(next_descriptor(), before + 1);
	}
	scan_free(other);
	scan_free(NULL);
	cr_assert_eq(next_descriptor(), before);
}

/* Among files that are none, and that take portions all the same. */
Test(scan, finds_a_ring_among_a_heap_of_other_files)
{
	int n = 0, portions = 0;
	for (int i = 0; i < 10000; i++) {
		char name[32];
		snprintf(name, sizeof(name), "other-%d", i);
		close(openat(dir, name, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	}
	make(0, 1);
	do {
		n += count_portion(false);
		portions++;
	} while (scan_is_under_way(scan));
	cr_assert_eq(n, 1);
	cr_assert_gt(portions, 2);
}

/* More files than it remembers: it comes to its end all the same, and those beyond are found again in each pass. */
Test(scan, more_rings_than_are_remembered)
{
	enum { KNOWN = 16384, MANY = 2 * KNOWN + 500 };
	make(0, MANY);
	cr_assert_eq(count_portion(true), MANY);
	cr_assert_eq(count_portion(true), MANY - KNOWN);
	cr_assert_eq(count_portion(true), MANY - KNOWN);
}

Test(scan, what_is_to_come_again_comes_with_the_next_pass_or_much_later)
{
	char name[64];
	make(7, 1);
	snprintf(name, sizeof(name), "ring.%032x", 7U);
	scan_again(scan, "ring.00000000000000000000000000000008", false); /* it is not known */
	cr_assert_eq(count_portion(false), 1);
	scan_again(scan, name, false);
	cr_assert_eq(count_portion(false), 1);
	scan_again(scan, name, true);
	int passes = 1;
	while (count_portion(false) == 0)
		cr_assert_lt(passes++, 100);
	cr_assert_gt(passes, 10);
	unlinkat(dir, name, 0);
	cr_assert_eq(count_portion(false), 0);
	make(7, 1);
	cr_assert_eq(count_portion(false), 1, "it was gone, and is another");
}
