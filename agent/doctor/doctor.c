#include "doctor/doctor_parts.h"

#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/types.h>

/* ---- Findings --------------------------------------------------------------------------------------- */

void doctor_end(struct doctor *doctor)
{
	if (doctor->has_finding)
		doctor->take(doctor->ctx, &doctor->finding);
	doctor->has_finding = false;
}

void doctor_say(struct doctor *doctor, enum doctor_result result, const char *about,
		const char *format, ...)
{
	va_list arguments;
	doctor_end(doctor);
	doctor->finding = (struct doctor_finding){.result = result, .about = about};
	va_start(arguments, format);
	vsnprintf(doctor->finding.text, sizeof(doctor->finding.text), format, arguments);
	va_end(arguments);
	doctor->has_finding = true;
}

void doctor_advise(struct doctor *doctor, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(doctor->finding.advice, sizeof(doctor->finding.advice), format, arguments);
	va_end(arguments);
}

/* ---- Words ------------------------------------------------------------------------------------------ */

const char *doctor_user(uid_t uid, char text[DOCTOR_OWNER_BYTES])
{
	const struct passwd *user = getpwuid(uid);
	if (user)
		snprintf(text, DOCTOR_OWNER_BYTES, "%s", user->pw_name);
	else
		snprintf(text, DOCTOR_OWNER_BYTES, "%lu", (unsigned long)uid);
	return text;
}

const char *doctor_owner(const struct stat *stat, char text[DOCTOR_OWNER_BYTES])
{
	char user[DOCTOR_OWNER_BYTES];
	snprintf(text, DOCTOR_OWNER_BYTES, "mode %04o, owner %.80s",
		 (unsigned)(stat->st_mode & 07777), doctor_user(stat->st_uid, user));
	return text;
}

/* ---- The examination -------------------------------------------------------------------------------- */

void doctor_examine(const struct settings *settings, bool network, doctor_take_fn *take, void *ctx)
{
	struct doctor doctor = {.settings = settings, .take = take, .ctx = ctx};
	doctor_settings(&doctor);
	doctor_ring_directory(&doctor);
	doctor_other_ring_directories(&doctor);
	doctor_data_directory(&doctor);
	doctor_agent(&doctor);
	doctor_database(&doctor);
	doctor_service(&doctor, network);
	doctor_system(&doctor);
	doctor_end(&doctor);
}
