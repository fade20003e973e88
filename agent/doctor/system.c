/* What the agent finds in its process and its libraries. */
#define _GNU_SOURCE /* gnu_get_libc_version() */
#include "doctor/doctor_parts.h"
#include "payi/payi.h"
#include "sink/payi/probe.h"
#include "store/query.h"

#ifdef __GLIBC__
#include <gnu/libc-version.h>
#endif
#include <sys/resource.h>

enum { DESCRIPTORS_FEW = 1024 }; /* a ring each, and what SQLite, libcurl and local clients need */

static const char *libc_version(void)
{
#ifdef __GLIBC__
	return gnu_get_libc_version();
#else
	return "another than glibc";
#endif
}

/* The agent raises the soft limit to the hard one by itself. */
static void look_at_descriptors(struct doctor *doctor)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	const bool few = limit.rlim_max < DESCRIPTORS_FEW;
	doctor_say(doctor, few ? DOCTOR_WARNING : DOCTOR_OK, "limits",
		   "up to %llu open files: one for each process that tracks",
		   (unsigned long long)limit.rlim_max);
	if (few)
		doctor_advise(doctor, "LimitNOFILE=65536 in the unit, or ulimit -Hn");
}

static void look_at_sqlite(struct doctor *doctor)
{
	doctor_say(doctor, DOCTOR_OK, "SQLite", "%s%s", query_sqlite_version(),
		   query_sqlite_has_reset_defect(query_sqlite_version_number())
			   ? ": has the WAL-reset defect, harmless here as long as the agent alone "
			     "writes and checkpoints (sqlite3 -readonly for you)"
			   : "");
}

static void look_at_libcurl(struct doctor *doctor)
{
	const struct probe_library library = probe_library();
	const bool no_tls = !*library.tls;
	doctor_say(doctor,
		   no_tls                    ? DOCTOR_FAILED
		   : library.waits_for_names ? DOCTOR_WARNING
					     : DOCTOR_OK,
		   "libcurl", "%s, %s%s", library.version, no_tls ? "without TLS" : library.tls,
		   library.waits_for_names ? ", without asynchronous name look-ups" : "");
	if (no_tls || library.waits_for_names)
		doctor_advise(doctor,
			      "use a libcurl that was built with TLS and a threaded resolver, "
			      "as Debian's is");
}

void doctor_system(struct doctor *doctor)
{
	look_at_descriptors(doctor);
	doctor_say(doctor, DOCTOR_OK, "versions", "payi-agent %s, libc %s", payi_version(),
		   libc_version());
	look_at_sqlite(doctor);
	look_at_libcurl(doctor);
}
