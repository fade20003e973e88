/* The doctor from inside: what its examinations, one file each, share. */
#ifndef PAYI_DOCTOR_DOCTOR_PARTS_H
#define PAYI_DOCTOR_DOCTOR_PARTS_H

#include "doctor/doctor.h"

#include <sys/stat.h>

struct doctor {
	const struct settings *settings;
	doctor_take_fn *take;
	void *ctx;
	struct doctor_finding finding; /* not given away yet: its advice may follow */
	bool has_finding;
};

void doctor_settings(struct doctor *doctor);
void doctor_ring_directory(struct doctor *doctor);
void doctor_other_ring_directories(struct doctor *doctor);
void doctor_data_directory(struct doctor *doctor);
void doctor_agent(struct doctor *doctor);
void doctor_database(struct doctor *doctor);
void doctor_service(struct doctor *doctor, bool network);
void doctor_system(struct doctor *doctor);

/* Says what was found; the finding before it is complete now. */
void doctor_say(struct doctor *doctor, enum doctor_result result, const char *about,
		const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Adds to what was said last what to do about it. */
void doctor_advise(struct doctor *doctor, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Gives the last finding away. */
void doctor_end(struct doctor *doctor);

enum { DOCTOR_OWNER_BYTES = 128 };

/* "mode 0700, owner payi": who may do what with it. Returns text. */
const char *doctor_owner(const struct stat *stat, char text[DOCTOR_OWNER_BYTES]);

/* A user's name, else his number. Returns text. */
const char *doctor_user(uid_t uid, char text[DOCTOR_OWNER_BYTES]);

/* How many ring files the directory holds; -1 when it cannot be read. */
int doctor_count_rings(const char *path);

#endif
