#define _GNU_SOURCE /* strerrordesc_np(): strerror() would allocate, and translate */
#include "error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

enum { ERROR_BYTES = 384 };

/*
 * initial-exec: otherwise a library opened by dlopen() would get its thread-local memory by malloc(), at
 * first use, perhaps in a signal handler.
 */
static _Thread_local char last_error[ERROR_BYTES] __attribute__((tls_model("initial-exec")));

static char *add_text(char *to, const char *text)
{
	const size_t room = (size_t)(last_error + ERROR_BYTES - 1 - to);
	const size_t len = strlen(text ? text : "(null)");
	const size_t n = len < room ? len : room;
	memcpy(to, text ? text : "(null)", n);
	return to + n;
}

static char *add_number(char *to, unsigned long long number, bool negative)
{
	char digits[24];
	char *at = digits + sizeof(digits);
	*--at = '\0';
	do
		*--at = (char)('0' + number % 10);
	while (number /= 10);
	if (negative)
		*--at = '-';
	return add_text(to, at);
}

static char *add_signed(char *to, long long number)
{
	const unsigned long long magnitude = (unsigned long long)number;
	return add_number(to, number < 0 ? 0 - magnitude : magnitude, number < 0);
}

/* Renders one conversion; *format stands behind the '%', and is moved behind the conversion. */
static char *add_conversion(char *to, const char **format, va_list *arguments)
{
	const char *at = *format;
	if (strncmp(at, "lld", 3) == 0) {
		*format = at + 3;
		return add_signed(to, va_arg(*arguments, long long));
	}
	if (strncmp(at, "zu", 2) == 0) {
		*format = at + 2;
		return add_number(to, va_arg(*arguments, size_t), false);
	}
	*format = at + 1;
	if (*at == 'd')
		return add_signed(to, va_arg(*arguments, int));
	return add_text(to, va_arg(*arguments, const char *));
}

static char *render(const char *format, va_list *arguments)
{
	char *to = last_error;
	while (*format && to < last_error + ERROR_BYTES - 1) {
		if (*format == '%') {
			format++;
			to = add_conversion(to, &format, arguments);
		} else {
			*to++ = *format++;
		}
	}
	*to = '\0';
	return to;
}

payi_status payi__fail(payi_status status, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	render(format, &arguments);
	va_end(arguments);
	return status;
}

payi_status payi__fail_errno(payi_status status, const char *format, ...)
{
	const char *why = strerrordesc_np(errno);
	va_list arguments;
	va_start(arguments, format);
	char *to = render(format, &arguments);
	va_end(arguments);
	to = add_text(to, ": ");
	*add_text(to, why ? why : "unknown error") = '\0';
	return status;
}

const char *payi_last_error(void)
{
	return last_error;
}

const char *payi_status_text(payi_status status)
{
	switch (status) {
#define X(name, value, text)                                                                       \
	case name:                                                                                 \
		return (text);
		PAYI_STATUSES(X)
#undef X
	}
	return "unknown status";
}

const char *payi_version(void)
{
	return PAYI_VERSION;
}
