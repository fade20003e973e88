/* The data directory: can the agent write there, does it stay, is there room. */
#include "base/file_system.h"
#include "base/human.h"
#include "doctor/doctor_parts.h"
#include "settings.h"

#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum {
	ROOM_FAILED = 64 << 20,
	ROOM_WARNING = 1 << 30,
};

static const char about[] = "data directory";

static void say_missing(struct doctor *doctor, const char *path)
{
	if (errno == ENOENT) {
		doctor_say(doctor, DOCTOR_OK, about, "%s: the agent will make it", path);
		return;
	}
	doctor_say(doctor, DOCTOR_FAILED, about, "cannot look at %s: %s", path, strerror(errno));
	doctor_advise(doctor, "run this as the agent's user, or give data_dir another");
}

static void look_at_rights(struct doctor *doctor, const char *path, const struct stat *stat_buf)
{
	char owner[DOCTOR_OWNER_BYTES];
	doctor_owner(stat_buf, owner);
	if (access(path, R_OK | W_OK | X_OK)) {
		doctor_say(doctor, DOCTOR_FAILED, about, "%s: this user cannot write to it (%s)",
			   path, owner);
		doctor_advise(doctor, "run this, and the agent, as its owner");
	} else if (stat_buf->st_mode & S_IWOTH) {
		doctor_say(doctor, DOCTOR_FAILED, about,
			   "%s: everybody can write to it, and the agent refuses that (%s)", path,
			   owner);
		doctor_advise(doctor, "chmod 0700 %s", path);
	} else if (stat_buf->st_mode & S_IROTH) {
		doctor_say(doctor, DOCTOR_WARNING, about, "%s: everybody can look into it (%s)",
			   path, owner);
		doctor_advise(doctor, "chmod 0700 %s: prompts and answers may be in it", path);
	} else {
		doctor_say(doctor, DOCTOR_OK, about, "%s: %s", path, owner);
	}
}

static void look_at_kind(struct doctor *doctor, const char *path)
{
	const struct file_system_kind *kind = file_system_of(path);
	if (!kind)
		return;
	doctor_say(doctor, kind->fitness == FILE_SYSTEM_UNFIT ? DOCTOR_FAILED : DOCTOR_WARNING,
		   about, "%s %s", path, kind->text);
	doctor_advise(doctor, "%s", kind->advice);
}

static void look_at_room(struct doctor *doctor, const char *path)
{
	struct statvfs room;
	char bytes[HUMAN_BYTES];
	if (statvfs(path, &room))
		return;
	const int64_t left = (int64_t)(room.f_bavail * room.f_frsize);
	const bool short_of = left < ROOM_WARNING;
	doctor_say(doctor,
		   left < ROOM_FAILED ? DOCTOR_FAILED
		   : short_of         ? DOCTOR_WARNING
				      : DOCTOR_OK,
		   "disk", "%s free in %s", human_bytes(left, bytes), path);
	if (short_of)
		doctor_advise(doctor, "make room: with none left, events stay in the rings, and "
				      "full rings drop new ones");
}

static void look_for_corrupt(struct doctor *doctor, const char *database)
{
	char pattern[PATH_MAX];
	glob_t found = {0};
	if (snprintf(pattern, sizeof(pattern), "%s.corrupt-????????T??????Z", database) <
		    (int)sizeof(pattern) &&
	    glob(pattern, 0, NULL, &found) == 0 && found.gl_pathc) {
		doctor_say(doctor, DOCTOR_WARNING, about,
			   "%zu damaged database%s set aside, the newest %s", found.gl_pathc,
			   found.gl_pathc == 1 ? " was" : "s were",
			   found.gl_pathv[found.gl_pathc - 1]);
		doctor_advise(doctor,
			      "what it had not sent is not sent: save it with `sqlite3 FILE "
			      ".recover`, then remove it; and check the disk");
	}
	globfree(&found);
}

void doctor_data_directory(struct doctor *doctor)
{
	const char *path = doctor->settings->data_dir;
	struct stat stat_buf;
	if (stat(path, &stat_buf)) {
		say_missing(doctor, path);
		return;
	}
	if (!S_ISDIR(stat_buf.st_mode)) {
		doctor_say(doctor, DOCTOR_FAILED, about, "%s is no directory", path);
		doctor_advise(doctor, "remove it, or give data_dir another");
		return;
	}
	look_at_rights(doctor, path, &stat_buf);
	look_at_kind(doctor, path);
	look_at_room(doctor, path);
	look_for_corrupt(doctor, doctor->settings->database);
}
