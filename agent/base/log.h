/*
 * Structured log lines on standard error: a time, a level, a message that is a constant, and fields.
 *
 *     log_warn("ring put aside", LOG_STR("ring", name), LOG_STR("reason", reason), LOG_END);
 *
 *     time=2026-11-23T12:00:00.123456Z level=warn msg="ring put aside" ring=… reason="…"
 *     {"time":"2026-11-23T12:00:00.123456Z","level":"warn","msg":"ring put aside","ring":"…"}
 *
 * Any thread; a line is one write(). Lines of one message are limited (LOG_BURST, then one each
 * LOG_INTERVAL with the count of those that were left out), so that no fault can flood the disk. Never
 * give it a key, a prompt or a whole event.
 */
#ifndef PAYI_BASE_LOG_H
#define PAYI_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_LOGFMT, LOG_JSON };

enum { LOG_BURST = 10, LOG_INTERVAL_S = 10 };

struct log_field {
	const char *name; /* NULL ends the list */
	enum { LOG_FIELD_STR, LOG_FIELD_INT } kind;
	const char *text;
	int64_t number;
};

#define LOG_STR(field_name, value) ((struct log_field){(field_name), LOG_FIELD_STR, (value), 0})
#define LOG_INT(field_name, value)                                                                 \
	((struct log_field){(field_name), LOG_FIELD_INT, 0, (int64_t)(value)})
#define LOG_END ((struct log_field){0, LOG_FIELD_INT, 0, 0})

/* Before the first line, from one thread. */
void log_setup(enum log_level level, enum log_format format);

/* Another level, from now on. Any thread. */
void log_set_level(enum log_level level);

/* Of "debug", "info", "warn" and "error"; LOG_INFO for any other name. */
enum log_level log_level_of(const char *name);

/* message must be a string constant: lines are limited by its address. */
void log_line(enum log_level level, const char *message, const struct log_field *fields);

#define log_debug(message, ...)                                                                    \
	log_line(LOG_DEBUG, (message), (const struct log_field[]){__VA_ARGS__})
#define log_info(message, ...)                                                                     \
	log_line(LOG_INFO, (message), (const struct log_field[]){__VA_ARGS__})
#define log_warn(message, ...)                                                                     \
	log_line(LOG_WARN, (message), (const struct log_field[]){__VA_ARGS__})
#define log_error(message, ...)                                                                    \
	log_line(LOG_ERROR, (message), (const struct log_field[]){__VA_ARGS__})

#endif
