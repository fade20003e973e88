/* The thread's last error, as payi_last_error() gives it. Safe in signal handlers: no allocation, no stdio. */
#ifndef PAYI_CLIENT_ERROR_H
#define PAYI_CLIENT_ERROR_H

#include "payi/payi.h"

/*
 * Sets the text and returns status. The format knows %s (NULL: "(null)"), %d, %lld and %zu; what does not
 * fit is cut.
 */
payi_status payi__fail(payi_status status, const char *format, ...)
	__attribute__((cold, format(printf, 2, 3)));

/* Likewise, with ": " and the name of errno behind. */
payi_status payi__fail_errno(payi_status status, const char *format, ...)
	__attribute__((cold, format(printf, 2, 3)));

#endif
