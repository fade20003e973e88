/*
 * The settings from inside: what settings.c and settings_file.c share.
 */
#ifndef PAYI_SETTINGS_PARTS_H
#define PAYI_SETTINGS_PARTS_H

#include "settings.h"

/* Checks the value and puts it in place. origin is where it stands, for people and for the error. */
int settings_set(struct settings *settings, int setting, const char *value, const char *origin,
		 struct err *err);

/* What becomes of a status when the flags say that what is wrong is passed over: 0 for ERR_CONFIG, which is told there. */
int settings_pass_over(const struct settings *settings, int status, const struct err *err);

/*
 * Reads a configuration file into the settings. 1: there is none, and it need not exist. ERR_CONFIG: the text
 * begins with file:line.
 */
int settings_read_file(struct settings *settings, const char *path, bool must_exist,
		       struct err *err);

/* Reads *.conf of the directory path.d, in the order of their names, where there is such a directory. */
int settings_read_parts(struct settings *settings, const char *path, struct err *err);

/*
 * Opens a file that settings are read from; NULL with errno when it cannot be opened, and NULL with errno 0 when it is
 * refused: by its kind, its size, or because anybody may write to it.
 */
FILE *settings_open_file(const char *path, struct err *err);

#endif
