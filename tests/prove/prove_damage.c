/*
 * M9. Bytes of the database are other ones than were written: in its header, anywhere in it, in its WAL, a bit, a byte, a
 * sector of zeros, an end that is missing. The agent is ready within ten seconds, stores what comes, starts again as well, and
 * sets aside no database without saying so. What is damaged so that no agent can tell (a letter of a name) stays.
 */
#include "prove/kit/oracle.h"
#include "prove/kit/prove.h"
#include "prove/kit/revival.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { OLD_EVENTS = 300, SECTOR = 512, HEADER = 100 };

static struct place original; /* sound, by an agent that was killed: with a WAL */
static struct place place;
static int n_aside, n_newer;

static void make_original(void)
{
	struct oracle oracle;
	place_make(&original);
	oracle_open(&oracle, &original);
	for (uint32_t part = 0; part < 2; part++) {
		place_agent_start(&original);
		payi_client *client = place_client(&original, "old", 1024 * 1024, false);
		for (uint32_t i = 0; i < OLD_EVENTS; i++)
			oracle_track(&oracle, client, part, i);
		if (payi_flush(client, 20000) != PAYI_OK)
			prove_broken("%s", payi_last_error());
		payi_client_close(client);
		if (part == 0)
			place_agent_stop(&original); /* this part is in the database itself */
	}
	place_agent_kill(&original);
	oracle_close(&oracle);
}

/* ---- The damage ----------------------------------------------------------------------------------- */

static void flip_bit(int fd, off_t at)
{
	uint8_t byte = 0;
	if (pread(fd, &byte, 1, at) != 1)
		return;
	byte = (uint8_t)(byte ^ (1u << prove_below(8)));
	if (pwrite(fd, &byte, 1, at) != 1)
		prove_broken("cannot write");
}

static void change_byte(int fd, off_t at)
{
	const uint8_t byte = (uint8_t)prove_below(256);
	if (pwrite(fd, &byte, 1, at) != 1)
		prove_broken("cannot write");
}

static void zero_sector(int fd, off_t at)
{
	static const uint8_t zeros[SECTOR];
	if (pwrite(fd, zeros, SECTOR, at - at % SECTOR) != SECTOR)
		prove_broken("cannot write");
}

static void cut(int fd, off_t at)
{
	if (ftruncate(fd, at))
		prove_broken("cannot truncate");
}

static void damage(char *what, size_t size)
{
	static void (*const kinds[])(int fd, off_t at) = {flip_bit, flip_bit, change_byte,
							  zero_sector, cut};
	static const char *const names[] = {"bit", "bit", "byte", "sector", "end"};
	const bool wal = prove_below(4) == 0;
	const int kind = prove_below(5);
	char path[PLACE_PATH_BYTES + 32];
	struct stat stat_buf;
	snprintf(path, sizeof(path), "%s%s", place.database, wal ? "-wal" : "");
	const int fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &stat_buf) || stat_buf.st_size < HEADER)
		prove_broken("there is no %s", path);
	const bool header = prove_below(4) == 0;
	const off_t at = prove_below(header ? HEADER : (int)stat_buf.st_size);
	kinds[kind](fd, at);
	close(fd);
	snprintf(what, size, "%s at %lld of %s", names[kind], (long long)at,
		 wal ? "the WAL" : "the database");
}

/* ---- One run -------------------------------------------------------------------------------------- */

static void run(void)
{
	char what[100];
	struct revival revival;
	const int before = prove_findings();
	place_empty(&place);
	place_copy_data(&original, &place);
	damage(what, sizeof(what));
	const enum revival_result result = revival_try(&place, &revival);
	/* A number of a later schema can be the truth. */
	if (result == REVIVAL_REFUSED && place_count_log(&place, "made by a newer payi-agent") > 0)
		n_newer++;
	else if (result == REVIVAL_REFUSED)
		prove_finding("the agent does not start");
	if (revival_count_aside(&place) != revival.n_said)
		prove_finding("%d databases set aside, and %d said to be",
			      revival_count_aside(&place), revival.n_said);
	n_aside += revival.n_said;
	if (prove_findings() != before)
		fprintf(stderr, "  after damage: %s\n", what);
}

int main(int argc, char **argv)
{
	prove_begin(argc, argv);
	make_original();
	place_make(&place);
	const int n = prove_figure(15, 1000);
	for (int i = 0; i < n && prove_findings() == 0; i++)
		run();
	prove_row("M9",
		  prove_all() ? "1,000 times damage to the database: ready in 10 s, stores, says so"
			      : "damage to the database: ready in 10 s, stores, says so",
		  prove_findings() == 0,
		  "%d times: %d set aside, %d taken for a newer agent's, %d wrong", n, n_aside,
		  n_newer, prove_findings());
	place_remove(&place);
	place_remove(&original);
	return prove_end();
}
