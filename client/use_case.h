/* The rules of use cases that hold wherever one is named: in an event, in a context, by itself. */
#ifndef PAYI_CLIENT_USE_CASE_H
#define PAYI_CLIENT_USE_CASE_H

#include "payi/payi.h"

/* 1 to 64 of A-Z a-z 0-9 . - _; else PAYI_ERR_INVALID, which names field and value. */
payi_status payi__use_case_check_name(const char *field, const char *name);

/* What belongs to a use case, where there is no name: PAYI_OK if none of it is set. */
payi_status payi__use_case_check_orphans(const char *id, const char *step, int32_t version,
					 size_t n_properties);

#endif
