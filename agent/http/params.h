/* The parameters of a request, "?name=value&…", decoded; a copy, which outlives the connection. */
#ifndef PAYI_HTTP_PARAMS_H
#define PAYI_HTTP_PARAMS_H

#include "base/buf.h"
#include "base/err.h"

#include <microhttpd.h>
#include <stdbool.h>
#include <stdint.h>

enum { PARAMS_MAX = 16 };

struct params {
	int n;
	struct {
		const char *name;
		const char *value;
	} item[PARAMS_MAX];
	struct buf text; /* name, NUL, value, NUL, … */
};

/*
 * params is zeroed; give it to params_release(), whatever came of it. ERR_INVALID: too many, twice the same, without
 * a value, or no text.
 */
int params_read(struct MHD_Connection *connection, struct params *params, struct err *err);
void params_release(struct params *params);

/* ERR_INVALID when there is one whose name is not among names (NULL ends them); the text lists those. */
int params_check(const struct params *params, const char *const *names, struct err *err);

const char *params_get(const struct params *params, const char *name); /* NULL: not there */

/* *number stays as it is where there is none. */
int params_int(const struct params *params, const char *name, int64_t min, int64_t max,
	       int64_t *number, struct err *err);
int params_bool(const struct params *params, const char *name, bool *truth, struct err *err);

/* A moment as the commands take it; a date or time without a zone is UTC. */
int params_when(const struct params *params, const char *name, int64_t *when_us, struct err *err);

#endif
