#include "http/params.h"

#include "base/clock.h"
#include "history/when.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- Taking them ---------------------------------------------------------------------------------- */

struct reading {
	struct params *params;
	struct err *err;
	int status;
};

static int check(const struct reading *reading, const char *name, size_t name_bytes,
		 const char *value, size_t value_bytes)
{
	if (!value)
		return err_set(reading->err, ERR_INVALID, "the parameter %.64s has no value", name);
	if (strlen(name) != name_bytes || strlen(value) != value_bytes)
		return err_set(reading->err, ERR_INVALID, "the parameter %.64s holds a NUL", name);
	if (reading->params->n == PARAMS_MAX)
		return err_set(reading->err, ERR_INVALID, "there are more than %d parameters",
			       PARAMS_MAX);
	return 0;
}

static enum MHD_Result take(void *context, enum MHD_ValueKind kind, const char *name,
			    size_t name_bytes, const char *value, size_t value_bytes)
{
	(void)kind;
	struct reading *reading = context;
	struct params *params = reading->params;
	reading->status = check(reading, name, name_bytes, value, value_bytes);
	if (reading->status)
		return MHD_NO;
	buf_add(&params->text, name, name_bytes + 1);
	buf_add(&params->text, value, value_bytes + 1);
	params->n++;
	return MHD_YES;
}

/* Once all are there, and do not move any more. */
static int point(struct params *params, struct err *err)
{
	const char *at = (const char *)params->text.data;
	const int n = params->n;
	if (params->text.failed)
		return err_set(err, ERR_MEMORY, "out of memory");
	params->n = 0;
	for (int i = 0; i < n; i++) {
		if (params_get(params, at))
			return err_set(err, ERR_INVALID, "the parameter %.64s is there twice", at);
		params->item[i].name = at;
		params->item[i].value = at + strlen(at) + 1;
		at = params->item[i].value + strlen(params->item[i].value) + 1;
		params->n++;
	}
	return 0;
}

int params_read(struct MHD_Connection *connection, struct params *params, struct err *err)
{
	struct reading reading = {.params = params, .err = err};
	MHD_get_connection_values_n(connection, MHD_GET_ARGUMENT_KIND, take, &reading);
	return reading.status ? reading.status : point(params, err);
}

void params_release(struct params *params)
{
	buf_release(&params->text);
	params->n = 0;
}

int params_check(const struct params *params, const char *const *names, struct err *err)
{
	for (int i = 0; i < params->n; i++) {
		const char *const *name = names;
		while (*name && strcmp(*name, params->item[i].name) != 0)
			name++;
		if (*name)
			continue;
		struct buf list = BUF_INIT;
		for (name = names; *name; name++)
			buf_addf(&list, " %s", *name);
		err_set(err, ERR_INVALID, "there is no parameter %.64s here; there are:%s",
			params->item[i].name, buf_text(&list));
		buf_release(&list);
		return ERR_INVALID;
	}
	return 0;
}

/* ---- Reading them --------------------------------------------------------------------------------- */

const char *params_get(const struct params *params, const char *name)
{
	for (int i = 0; i < params->n; i++)
		if (strcmp(params->item[i].name, name) == 0)
			return params->item[i].value;
	return NULL;
}

int params_int(const struct params *params, const char *name, int64_t min, int64_t max,
	       int64_t *number, struct err *err)
{
	const char *text = params_get(params, name);
	char *end = NULL;
	if (!text)
		return 0;
	errno = 0;
	const long long parsed = strtoll(text, &end, 10);
	if (errno || end == text || *end || parsed < min || parsed > max)
		return err_set(err, ERR_INVALID, "%s is '%.64s'; it must be %lld to %lld", name,
			       text, (long long)min, (long long)max);
	*number = parsed;
	return 0;
}

int params_bool(const struct params *params, const char *name, bool *truth, struct err *err)
{
	const char *text = params_get(params, name);
	if (!text)
		return 0;
	if (strcmp(text, "yes") != 0 && strcmp(text, "no") != 0)
		return err_set(err, ERR_INVALID, "%s is '%.64s'; it must be yes or no", name, text);
	*truth = *text == 'y';
	return 0;
}

int params_when(const struct params *params, const char *name, int64_t *when_us, struct err *err)
{
	const char *text = params_get(params, name);
	if (text && history_when(text, clock_wall_us(), true, when_us))
		return err_set(err, ERR_INVALID, "%s is '%.64s'; it takes " HISTORY_WHEN_FORMS,
			       name, text);
	return 0;
}
