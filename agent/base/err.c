#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void err_describe(struct err *err, int code, const char *format, ...)
{
	if (err) {
		va_list arguments;
		va_start(arguments, format);
		vsnprintf(err->text, sizeof(err->text), format, arguments);
		va_end(arguments);
		err->code = code;
	}
}

void err_describe_errno(struct err *err, const char *format, ...)
{
	const int number = errno;
	if (err) {
		va_list arguments;
		va_start(arguments, format);
		const int n = vsnprintf(err->text, sizeof(err->text), format, arguments);
		va_end(arguments);
		const size_t at = n < 0 ? 0 : (size_t)n;
		char why[128];
		if (strerror_r(number, why, sizeof(why)))
			snprintf(why, sizeof(why), "error %d", number);
		if (at < sizeof(err->text))
			snprintf(err->text + at, sizeof(err->text) - at, ": %s", why);
		err->code = ERR_SYSTEM;
	}
	errno = number;
}

int err_wrap(struct err *err, const char *format, ...)
{
	if (!err)
		return ERR_SYSTEM;
	char what[ERR_TEXT_BYTES];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(what, sizeof(what), format, arguments);
	va_end(arguments);
	/* In front goes "what: "; of the inner text stays what fits. */
	const size_t n = strnlen(what, sizeof(what) - 3);
	memmove(err->text + n + 2, err->text, sizeof(err->text) - n - 2);
	memcpy(err->text, what, n);
	memcpy(err->text + n, ": ", 2);
	err->text[sizeof(err->text) - 1] = '\0';
	return err->code;
}
