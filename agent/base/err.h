/*
 * What went wrong, in words: filled in where it happened, wrapped on its way out.
 *
 * Functions return 0, or a negative enum err_code that is forwarded unchanged with its text; few match on
 * it, and say so. A positive result is a documented condition of that one function.
 */
#ifndef PAYI_BASE_ERR_H
#define PAYI_BASE_ERR_H

enum err_code {
	ERR_SYSTEM = -1,  /* errno said no */
	ERR_STORE = -2,   /* SQLite said no */
	ERR_INVALID = -3, /* what came from outside makes no sense */
	ERR_MEMORY = -4,
	ERR_CONFIG = -5, /* a setting is wrong */
	ERR_BUSY = -6,   /* somebody else holds it */
	ERR_HTTP = -7,
	ERR_CORRUPT = -8, /* the database is damaged */
	ERR_FENCED = -9,  /* somebody else writes to our database */
	ERR_CLOSED = -10, /* nobody reads our output any more */
};

enum { ERR_TEXT_BYTES = 400 };

struct err {
	int code;
	char text[ERR_TEXT_BYTES];
};

/* Its argument. A call, since not everybody wants the result of the macros below. */
static inline int err_code(int code)
{
	return code;
}

/*
 * err_set(err, code, format, …) sets text and code, and gives the code, so that "return err_set(…)" works; a
 * macro, so that compilers and analysers see that it is not 0. err may be NULL.
 */
#define err_set(err, code, ...) (err_describe((err), (code), __VA_ARGS__), err_code(code))
void err_describe(struct err *err, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Likewise ERR_SYSTEM, with ": " and the text of errno behind. Keeps errno. */
#define err_errno(err, ...) (err_describe_errno((err), __VA_ARGS__), err_code(ERR_SYSTEM))
void err_describe_errno(struct err *err, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Puts "what: " before the text, as an outer layer adds what it was doing. Returns err's code. */
int err_wrap(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
