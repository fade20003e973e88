#include "drain/scan.h"

#include "ring/ring_reader.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	PORTION_ENTRIES = 4096, /* looked at; a third of a millisecond */
	PORTION_FOUND = 128,    /* given out: each costs an open */
	KNOWN_MAX = 16384,      /* what is beyond is found again in each pass */
	SLOTS = 2 * KNOWN_MAX,
	LATER_PASSES = 30,
};

/* A name that need not be looked at, by its hash. seen_pass 0: the slot is free. */
struct known {
	uint64_t hash;
	uint32_t seen_pass;
	uint32_t until_pass; /* UINT32_MAX: for good */
};

struct scan {
	int dir;
	DIR *pass; /* NULL between two passes */
	uint32_t n_passes;
	int entries_left; /* of the portion */
	int found_left;
	struct known *known;
	struct known *spare; /* to sort out those that are gone */
	int n_known;
	int n_seen; /* of the known, in this pass */
};

int scan_new(int dir, struct scan **out, struct err *err)
{
	struct scan *scan = calloc(1, sizeof(*scan));
	if (scan) {
		scan->dir = dir;
		scan->known = calloc(SLOTS, sizeof(*scan->known));
		scan->spare = calloc(SLOTS, sizeof(*scan->spare));
	}
	if (!scan || !scan->known || !scan->spare) {
		scan_free(scan);
		return err_set(err, ERR_MEMORY, "out of memory");
	}
	*out = scan;
	return 0;
}

void scan_free(struct scan *scan)
{
	if (!scan)
		return;
	if (scan->pass)
		closedir(scan->pass);
	free(scan->known);
	free(scan->spare);
	free(scan);
}

/* ---- Known names ---------------------------------------------------------------------------------- */

static uint64_t hash_name(const char *name)
{
	uint64_t hash = 14695981039346656037u; /* FNV-1a */
	for (; *name; name++)
		hash = (hash ^ (uint8_t)*name) * 1099511628211u;
	return hash;
}

/* The name's slot, or the free one where it would go. Half of the slots are always free. */
static struct known *find(struct known *slots, uint64_t hash)
{
	size_t at = (size_t)(hash ^ hash >> 32) % SLOTS;
	while (slots[at].seen_pass && slots[at].hash != hash)
		at = (at + 1) % SLOTS;
	return &slots[at];
}

/* Whether the name was known; it is, afterwards, as long as there is room. */
static bool know(struct scan *scan, const char *name)
{
	const uint64_t hash = hash_name(name);
	struct known *known = find(scan->known, hash);
	const bool before = known->seen_pass && known->until_pass > scan->n_passes;
	if (!known->seen_pass) {
		if (scan->n_known == KNOWN_MAX)
			return false;
		scan->n_known++;
	}
	scan->n_seen += known->seen_pass != scan->n_passes;
	known->hash = hash;
	known->seen_pass = scan->n_passes;
	if (!before)
		known->until_pass = UINT32_MAX;
	return before;
}

/* Names that the last pass has not met are names of files that are gone. */
static void forget_gone(struct scan *scan)
{
	if (scan->n_seen == scan->n_known)
		return;
	memset(scan->spare, 0, SLOTS * sizeof(*scan->spare));
	scan->n_known = 0;
	for (size_t i = 0; i < SLOTS; i++) {
		const struct known *known = &scan->known[i];
		if (known->seen_pass != scan->n_passes)
			continue;
		*find(scan->spare, known->hash) = *known;
		scan->n_known++;
	}
	struct known *kept = scan->spare;
	scan->spare = scan->known;
	scan->known = kept;
}

void scan_again(struct scan *scan, const char *name, bool later)
{
	struct known *known = find(scan->known, hash_name(name));
	if (known->seen_pass)
		known->until_pass = scan->n_passes + (later ? LATER_PASSES : 1);
}

/* ---- Passes --------------------------------------------------------------------------------------- */

int scan_begin(struct scan *scan, bool whole, struct err *err)
{
	scan->entries_left = whole ? INT32_MAX : PORTION_ENTRIES;
	scan->found_left = whole ? INT32_MAX : PORTION_FOUND;
	if (scan->pass && !whole)
		return 0;
	if (scan->pass)
		closedir(scan->pass);
	const int fd = openat(scan->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	scan->pass = fd < 0 ? NULL : fdopendir(fd);
	if (!scan->pass) {
		err_errno(err, "cannot read the ring directory");
		if (fd >= 0)
			close(fd);
		return ERR_SYSTEM;
	}
	scan->n_passes++;
	scan->n_seen = 0;
	return 0;
}

static void end_pass(struct scan *scan)
{
	closedir(scan->pass);
	scan->pass = NULL;
	forget_gone(scan);
}

const char *scan_next(struct scan *scan)
{
	while (scan->pass && scan->found_left > 0 && scan->entries_left > 0) {
		const struct dirent *entry = readdir(scan->pass);
		scan->entries_left--;
		if (!entry) {
			end_pass(scan);
			break;
		}
		if (ring_name_digits(entry->d_name) && !know(scan, entry->d_name)) {
			scan->found_left--;
			return entry->d_name;
		}
	}
	return NULL;
}

bool scan_is_under_way(const struct scan *scan)
{
	return scan->pass != NULL;
}
