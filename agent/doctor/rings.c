/* The ring directory: what libpayi and the agent ask of it. And others, where applications may be talking to nobody. */
#define _DEFAULT_SOURCE /* the macros of linux/magic.h are plain; statfs() is not POSIX's */
#include "base/human.h"
#include "doctor/doctor_parts.h"
#include "history/status.h"
#include "payi/payi.h"
#include "payi/ring.h"
#include "settings.h"

#include <dirent.h>
#include <errno.h>
#include <glob.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

enum {
	ROOM_RINGS = 4,          /* fewer that still fit: it is full soon */
	RING_BYTES = 4 << 20,    /* of a ring, unless its application says otherwise */
	FIRST_HUMAN_USER = 1000, /* whose things systemd-logind may remove when he leaves */
};

static const char about[] = "ring directory";

int doctor_count_rings(const char *path)
{
	int n = 0;
	DIR *dir = opendir(path);
	if (!dir)
		return -1;
	for (const struct dirent *entry; (entry = readdir(dir));)
		n += strncmp(entry->d_name, PAYI_RING_FILE_PREFIX,
			     sizeof(PAYI_RING_FILE_PREFIX) - 1) == 0;
	closedir(dir);
	return n;
}

/* ---- Ours ------------------------------------------------------------------------------------------- */

static void say_missing(struct doctor *doctor, const char *path)
{
	if (errno != ENOENT) {
		doctor_say(doctor, DOCTOR_FAILED, about, "cannot look at %s: %s", path,
			   strerror(errno));
		doctor_advise(doctor, "run this as the agent's user, or give ring_dir another");
		return;
	}
	doctor_say(doctor, DOCTOR_WARNING, about, "%s does not exist yet", path);
	doctor_advise(doctor,
		      "the agent, or the first application, makes it for its own user alone; "
		      "for several users: install -d -m 3770 -o AGENT -g GROUP %s",
		      path);
}

/* True when it is what libpayi takes. */
static bool look_at_rights(struct doctor *doctor, const char *path, const struct stat *stat_buf)
{
	char owner[DOCTOR_OWNER_BYTES];
	doctor_owner(stat_buf, owner);
	if (!S_ISDIR(stat_buf->st_mode)) {
		doctor_say(doctor, DOCTOR_FAILED, about, "%s is no directory", path);
		doctor_advise(doctor, "remove it, or give ring_dir another");
	} else if (stat_buf->st_mode & S_IWOTH) {
		doctor_say(doctor, DOCTOR_FAILED, about, "%s: everybody can write to it (%s)", path,
			   owner);
		doctor_advise(doctor, "chmod 0700 %s, or 3770 and a group for several users", path);
	} else if (access(path, R_OK | W_OK | X_OK)) {
		doctor_say(doctor, DOCTOR_FAILED, about, "%s: this user cannot write to it (%s)",
			   path, owner);
		doctor_advise(doctor, "run this, and the agent, as its owner");
	} else {
		return true;
	}
	return false;
}

static void look_at_room(struct doctor *doctor, const char *path, const struct stat *stat_buf)
{
	struct statvfs room;
	char owner[DOCTOR_OWNER_BYTES];
	char bytes[HUMAN_BYTES];
	if (statvfs(path, &room))
		return;
	const int64_t left = (int64_t)(room.f_bavail * room.f_frsize);
	const int64_t rings = left / RING_BYTES;
	const bool few = rings < ROOM_RINGS;
	doctor_say(doctor,
		   rings < 1 ? DOCTOR_FAILED
		   : few     ? DOCTOR_WARNING
			     : DOCTOR_OK,
		   about, "%s: tmpfs, %s, %s free, room for %lld more processes", path,
		   doctor_owner(stat_buf, owner), human_bytes(left, bytes), (long long)rings);
	if (few)
		doctor_advise(doctor, "make the tmpfs larger (in a container: --shm-size, or the "
				      "volume's sizeLimit), or rings smaller (ring_bytes)");
}

/* systemd-logind removes what a user who has left owns in /dev/shm, unless it is told not to. */
static void look_at_logind(struct doctor *doctor, const char *path, const struct stat *stat_buf)
{
	if (strncmp(path, "/dev/shm/", 9) != 0 || stat_buf->st_uid < FIRST_HUMAN_USER ||
	    access("/run/systemd/system", F_OK))
		return;
	doctor_say(doctor, DOCTOR_WARNING, about,
		   "systemd may remove %s when its owner logs out (RemoveIPC=)", path);
	doctor_advise(doctor, "run the agent as a system user with /run/payi/rings, as its unit "
			      "does, or set RemoveIPC=no in logind.conf");
}

void doctor_ring_directory(struct doctor *doctor)
{
	const char *path = doctor->settings->ring_dir;
	struct stat stat_buf;
	struct statfs fs;
	if (stat(path, &stat_buf)) {
		say_missing(doctor, path);
		return;
	}
	if (!look_at_rights(doctor, path, &stat_buf))
		return;
	if (statfs(path, &fs) || fs.f_type != TMPFS_MAGIC) {
		doctor_say(doctor, DOCTOR_FAILED, about, "%s is not on tmpfs", path);
		doctor_advise(doctor, "choose one below /run or /dev/shm: rings are memory, and "
				      "libpayi refuses a disk");
		return;
	}
	look_at_room(doctor, path, &stat_buf);
	look_at_logind(doctor, path, &stat_buf);
}

/* ---- Others' ---------------------------------------------------------------------------------------- */

static void look_at_other(struct doctor *doctor, const char *path)
{
	struct stat ours, theirs;
	struct status_agent agent;
	char user[DOCTOR_OWNER_BYTES];
	const char *ring_dir = doctor->settings->ring_dir;
	if (stat(path, &theirs) || !S_ISDIR(theirs.st_mode))
		return;
	if (stat(ring_dir, &ours) == 0 && ours.st_dev == theirs.st_dev &&
	    ours.st_ino == theirs.st_ino)
		return;
	const int n = doctor_count_rings(path);
	status_read_agent(path, &agent);
	if (n <= 0 || agent.runs || *agent.note)
		return;
	doctor_say(doctor, DOCTOR_WARNING, "other rings",
		   "%d in %s (owner %s), which no agent reads", n, path,
		   doctor_user(theirs.st_uid, user));
	doctor_advise(doctor,
		      "applications that should be read by this agent need PAYI_RING_DIR=%s",
		      ring_dir);
}

/* Where libpayi tracks to, when nobody tells it: an application that was not told talks to nobody. */
void doctor_other_ring_directories(struct doctor *doctor)
{
	glob_t found = {0};
	look_at_other(doctor, "/run/payi/rings");
	if (glob("/dev/shm/payi-[0-9]*", GLOB_NOSORT, NULL, &found) == 0)
		for (size_t i = 0; i < found.gl_pathc; i++)
			look_at_other(doctor, found.gl_pathv[i]);
	globfree(&found);
}
