/*
 * M22. An agent comes into directories in which anything lies about: files of all names that an agent or a client gives, and
 * of others, that are empty, full of chance, cut, changed in places, older, or sound; in every combination. It starts, is ready within
 * ten seconds, stores what comes, starts again, and what it cannot read it leaves or sets aside.
 */
#include "payi/ring.h"
#include "prove/kit/oracle.h"
#include "prove/kit/prove.h"
#include "prove/kit/revival.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CHANCE_BYTES_MAX = 70000, RING_BYTES = 64 * 1024, NAME_BYTES = 64 };

static struct place
	model; /* what an agent that was killed leaves behind: where sound contents come from */
static struct place place;
static char model_ring[NAME_BYTES];
static char made[4000]; /* what lies about in this run, in words */

static void note_model_ring(void)
{
	DIR *dir = opendir(model.rings);
	const struct dirent *entry;
	while (dir && (entry = readdir(dir)))
		if (strncmp(entry->d_name, PAYI_RING_FILE_PREFIX,
			    sizeof(PAYI_RING_FILE_PREFIX) - 1) == 0)
			snprintf(model_ring, sizeof(model_ring), "%.60s", entry->d_name);
	if (dir)
		closedir(dir);
	if (!model_ring[0])
		prove_broken("there is no ring");
}

static void make_model(void)
{
	struct oracle oracle;
	place_make(&model);
	oracle_open(&oracle, &model);
	place_agent_start(&model);
	const pid_t child = fork();
	if (child == 0) {
		payi_client *client = place_client(&model, "old", RING_BYTES, false);
		for (uint32_t i = 0; i < 100; i++)
			oracle_track(&oracle, client, 1, i);
		_exit(payi_flush(client, 20000) == PAYI_OK ? 0 : 1);
	}
	kill(model.agent, SIGSTOP);
	kill(model.agent, SIGCONT);
	int status;
	waitpid(child, &status, 0);
	place_agent_kill(&model);
	oracle_close(&oracle);
}

/* A dead client's ring, which no agent has seen. */
static void leave_model_ring(void)
{
	const pid_t child = fork();
	if (child == 0) {
		payi_client *client = place_client(&model, "old", RING_BYTES, false);
		for (uint32_t i = 0; i < 100; i++) {
			struct oracle_event event;
			oracle_event(&event, 2, i);
			payi_track(client, &event.event);
		}
		kill(getpid(), SIGKILL);
	}
	waitpid(child, NULL, 0);
	note_model_ring();
}

/* ---- Contents ------------------------------------------------------------------------------------- */

static void fill_by_chance(int fd)
{
	uint8_t bytes[CHANCE_BYTES_MAX];
	const size_t n = (size_t)(1 + prove_below(CHANCE_BYTES_MAX));
	const bool zeros = prove_below(4) == 0;
	for (size_t i = 0; i < n; i++)
		bytes[i] = zeros ? 0 : (uint8_t)prove_random();
	if (write(fd, bytes, n) != (ssize_t)n)
		prove_broken("cannot write");
}

static void copy_sound(int fd, const char *from)
{
	char part[65536];
	ssize_t n;
	const int in = open(from, O_RDONLY | O_CLOEXEC);
	while (in >= 0 && (n = read(in, part, sizeof(part))) > 0)
		if (write(fd, part, (size_t)n) != n)
			prove_broken("cannot write");
	if (in >= 0)
		close(in);
}

static void spoil(int fd)
{
	struct stat stat_buf;
	if (fstat(fd, &stat_buf) || stat_buf.st_size == 0)
		return;
	const bool head = prove_below(2) == 0;
	for (int i = 0; i < 8; i++) {
		const uint8_t byte = (uint8_t)prove_random();
		const int end = head && stat_buf.st_size > 128 ? 128 : (int)stat_buf.st_size;
		if (pwrite(fd, &byte, 1, prove_below(end)) != 1)
			prove_broken("cannot write");
	}
}

enum content { EMPTY, CHANCE, SOUND, SPOILT, CUT, N_CONTENTS };

static void write_content(int fd, enum content content, const char *sound)
{
	struct stat stat_buf;
	if (content == CHANCE)
		fill_by_chance(fd);
	if (content >= SOUND)
		copy_sound(fd, sound);
	if (content == SPOILT)
		spoil(fd);
	if (content == CUT && fstat(fd, &stat_buf) == 0 && stat_buf.st_size > 0 &&
	    ftruncate(fd, prove_below((int)stat_buf.st_size)))
		prove_broken("cannot truncate");
}

/* ---- Files ---------------------------------------------------------------------------------------- */

/* In a directory, a file of that name, with contents made of the model's file of the name sound. */
static void leave(const char *directory, const char *name, const char *model_directory,
		  const char *sound)
{
	static const char *const words[] = {"empty", "chance", "sound", "spoilt", "cut"};
	char path[PLACE_PATH_BYTES + 2 * NAME_BYTES], from[PLACE_PATH_BYTES + 2 * NAME_BYTES];
	const enum content content = (enum content)prove_below(N_CONTENTS);
	snprintf(path, sizeof(path), "%s/%s", directory, name);
	snprintf(from, sizeof(from), "%s/%s", model_directory, sound);
	const int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return; /* there already */
	write_content(fd, content, from);
	close(fd);
	const size_t n = strlen(made);
	snprintf(made + n, sizeof(made) - n, " %s(%s)", name, words[content]);
}

static void leave_socket(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	snprintf(address.sun_path, sizeof(address.sun_path), "%.90s/agent.sock", place.data);
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		strncat(made, " agent.sock(socket)", sizeof(made) - strlen(made) - 1);
	close(fd);
}

static void leave_data(void)
{
	static const char *const names[] = {
		"payi.db",           "payi.db",
		"payi.db-wal",       "payi.db-shm",
		"payi.db-journal",   "agent.lock",
		"agent.sock",        "payi.db.corrupt-20260101T000000Z",
		"payi.db.corrupt-x", "core",
		".hidden",
	};
	const int n = prove_below(7);
	for (int i = 0; i < n; i++) {
		const char *name = names[prove_below(sizeof(names) / sizeof(names[0]))];
		if (strcmp(name, "agent.sock") == 0 && prove_below(2) == 0)
			leave_socket();
		else
			leave(place.data, name, model.data,
			      strstr(name, "-wal")   ? "payi.db-wal"
			      : strstr(name, "-shm") ? "payi.db-shm"
						     : "payi.db");
	}
}

static void leave_rings(void)
{
	char name[NAME_BYTES];
	const int n = prove_below(7);
	for (int i = 0; i < n; i++) {
		switch (prove_below(5)) {
		case 0:
			leave(place.rings, PAYI_RING_AGENT_FILE, model.rings, PAYI_RING_AGENT_FILE);
			break;
		case 1:
			leave(place.rings, PAYI_RING_LOCK_FILE, model.rings, PAYI_RING_LOCK_FILE);
			break;
		case 2:
			leave(place.rings, model_ring, model.rings, model_ring);
			break;
		case 3:
			snprintf(name, sizeof(name), PAYI_RING_FILE_PREFIX "%016llx%016llx",
				 (unsigned long long)prove_random(),
				 (unsigned long long)prove_random());
			leave(place.rings, name, model.rings, model_ring);
			break;
		default:
			snprintf(name, sizeof(name), "%x", (unsigned)prove_random());
			leave(place.rings, name, model.rings, model_ring);
		}
	}
}

/* ---- One run -------------------------------------------------------------------------------------- */

/* What says of itself that it is another version's, or another program's, may be so, and is not for us to change. */
static bool is_anothers(void)
{
	return place_count_log(&place, "made by a newer payi-agent") > 0 ||
	       place_count_log(&place, "a database of another program") > 0 ||
	       place_count_log(&place, "is laid out as version") > 0;
}

static int n_others;

static void run(void)
{
	struct revival revival;
	const int before = prove_findings();
	made[0] = '\0';
	place_empty(&place);
	leave_data();
	leave_rings();
	const enum revival_result result = revival_try(&place, &revival);
	if (result == REVIVAL_REFUSED && is_anothers())
		n_others++;
	else if (result == REVIVAL_REFUSED)
		prove_finding("the agent does not start");
	if (prove_findings() != before)
		fprintf(stderr, "  among:%s\n", made);
}

int main(int argc, char **argv)
{
	prove_begin(argc, argv);
	make_model();
	leave_model_ring();
	place_make(&place);
	const int n = prove_figure(15, 1000);
	for (int i = 0; i < n && prove_findings() == 0; i++)
		run();
	prove_row("M22",
		  prove_all()
			  ? "1,000 times into what lies about in both directories: starts, stores"
			  : "into what lies about in both directories: starts, stores",
		  prove_findings() == 0,
		  "%d times: %d taken for those of another program or version, %d wrong", n,
		  n_others, prove_findings());
	place_remove(&place);
	place_remove(&model);
	return prove_end();
}
