#include "base/log.h"

#include "base/buf.h"
#include "base/clock.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LIMITS = 128 };

/* How often one message was written lately. The message's address is its name. */
struct limit {
	const char *message;
	int64_t since_us;
	int64_t written;
	int64_t left_out;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct limit limits[LIMITS];        /* under mutex */
static atomic_int lowest_level = LOG_INFO; /* alone: nothing else depends on it */
static enum log_format format = LOG_LOGFMT;

static const char *const level_names[] = {"debug", "info", "warn", "error"};

void log_setup(enum log_level level, enum log_format chosen)
{
	log_set_level(level);
	format = chosen;
}

void log_set_level(enum log_level level)
{
	atomic_store_explicit(&lowest_level, (int)level, memory_order_relaxed);
}

enum log_level log_level_of(const char *name)
{
	for (enum log_level level = LOG_DEBUG; level <= LOG_ERROR; level++)
		if (strcmp(name, level_names[level]) == 0)
			return level;
	return LOG_INFO;
}

/* ---- Limits --------------------------------------------------------------------------------------- */

static struct limit *limit_of(const char *message)
{
	const size_t start = ((uintptr_t)message >> 3) % LIMITS;
	for (size_t i = 0; i < LIMITS; i++) {
		struct limit *limit = &limits[(start + i) % LIMITS];
		if (!limit->message)
			limit->message = message;
		if (limit->message == message)
			return limit;
	}
	return NULL; /* more messages than places: those are not limited */
}

/* Whether this line is to be written; *left_out is how many like it were not, since the last one. */
static bool may_write(const char *message, int64_t now_us, int64_t *left_out)
{
	struct limit *limit = limit_of(message);
	*left_out = 0;
	if (!limit)
		return true;
	if (now_us - limit->since_us >= (int64_t)LOG_INTERVAL_S * 1000000) {
		/* A message that went on all the time gets one line an interval, else a new burst. */
		limit->written = limit->left_out ? LOG_BURST - 1 : 0;
		limit->since_us = now_us;
	}
	if (limit->written >= LOG_BURST) {
		limit->left_out++;
		return false;
	}
	limit->written++;
	*left_out = limit->left_out;
	limit->left_out = 0;
	return true;
}

/* ---- Lines ---------------------------------------------------------------------------------------- */

/* Quotes are needed for anything but plain words; inside, JSON's escapes serve both formats. */
static void add_quoted(struct buf *line, const char *text)
{
	buf_add_char(line, '"');
	for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
		if (*c == '"' || *c == '\\')
			buf_addf(line, "\\%c", *c);
		else if (*c == '\n')
			buf_add_str(line, "\\n");
		else if (*c < 0x20 || *c == 0x7f)
			buf_addf(line, "\\u%04x", *c);
		else
			buf_add_char(line, (char)*c);
	}
	buf_add_char(line, '"');
}

static bool is_word(const char *text)
{
	if (!*text)
		return false;
	for (const unsigned char *c = (const unsigned char *)text; *c; c++)
		if (*c <= ' ' || *c == '"' || *c == '=' || *c == '\\' || *c == 0x7f)
			return false;
	return true;
}

static void add_name(struct buf *line, const char *name)
{
	if (line->len > 1)
		buf_add_char(line, format == LOG_JSON ? ',' : ' ');
	if (format == LOG_JSON)
		buf_addf(line, "\"%s\":", name);
	else
		buf_addf(line, "%s=", name);
}

static void add_text(struct buf *line, const char *name, const char *text)
{
	add_name(line, name);
	if (format == LOG_LOGFMT && is_word(text))
		buf_add_str(line, text);
	else
		add_quoted(line, text);
}

static void add_number(struct buf *line, const char *name, int64_t number)
{
	add_name(line, name);
	buf_add_int(line, number);
}

static void add_field(struct buf *line, const struct log_field *field)
{
	if (field->kind == LOG_FIELD_INT)
		add_number(line, field->name, field->number);
	else
		add_text(line, field->name, field->text ? field->text : "");
}

static void build(struct buf *line, enum log_level level, const char *message,
		  const struct log_field *fields, int64_t left_out)
{
	char time[CLOCK_TEXT_BYTES];
	if (format == LOG_JSON)
		buf_add_char(line, '{');
	add_text(line, "time", clock_text(clock_wall_us(), 6, time));
	add_text(line, "level", level_names[level]);
	add_name(line, "msg");
	add_quoted(line, message);
	for (; fields->name; fields++)
		add_field(line, fields);
	if (left_out)
		add_number(line, "left_out", left_out);
	buf_add_str(line, format == LOG_JSON ? "}\n" : "\n");
}

/* Without memory the fields are lost, but not the message. */
static void build_bare(char *line, size_t size, enum log_level level, const char *message)
{
	snprintf(line, size,
		 format == LOG_JSON ? "{\"level\":\"%s\",\"msg\":\"%s\"}\n"
				    : "level=%s msg=\"%s\"\n",
		 level_names[level], message);
}

static void write_line(const void *line, size_t n)
{
	if (write(STDERR_FILENO, line, n) < 0)
		return; /* nobody is left to be told when standard error itself fails */
}

void log_line(enum log_level level, const char *message, const struct log_field *fields)
{
	if ((int)level < atomic_load_explicit(&lowest_level, memory_order_relaxed))
		return;
	int64_t left_out;
	pthread_mutex_lock(&mutex);
	const bool write_it = may_write(message, clock_boot_us(), &left_out);
	pthread_mutex_unlock(&mutex);
	if (!write_it)
		return;
	struct buf line = BUF_INIT;
	build(&line, level, message, fields, left_out);
	if (line.failed) {
		char bare[400];
		build_bare(bare, sizeof(bare), level, message);
		write_line(bare, strlen(bare));
	} else {
		write_line(line.data, line.len);
	}
	buf_release(&line);
}
