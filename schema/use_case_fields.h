/*
 * What an application says of use cases beside its events: records of the types PAYI_RING_DEFINE,
 * PAYI_RING_CREATE and PAYI_RING_REQUEST. Each is a msgpack map with the keys below, all of them there; keys that
 * event_fields.h has, too, mean the same and keep the same bounds.
 *
 *     DEFINE   use_case_name, description, time
 *     CREATE   use_case_name, use_case_id, time
 *     REQUEST  use_case_name, use_case_id (a handle), time
 *
 * A handle is a use_case_id that stands for one that the service is yet to give. Applications use it like any
 * other id, at once and for ever; the agent asks the service once, and what goes to the service carries the
 * id that it gave. It is known by its prefix, so that an event under it may come before its REQUEST, or without.
 */
#ifndef PAYI_SCHEMA_USE_CASE_FIELDS_H
#define PAYI_SCHEMA_USE_CASE_FIELDS_H

#include "schema/event_fields.h"

enum payi_use_case_field {
	PAYI_USE_CASE_TIME = PAYI_FIELD_event_timestamp_us, /* when the application said it */
	PAYI_USE_CASE_NAME = PAYI_FIELD_use_case_name,
	PAYI_USE_CASE_ID = PAYI_FIELD_use_case_id,
	PAYI_USE_CASE_DESCRIPTION = 28, /* str, 1 to PAYI_LIMIT_DESCRIPTION bytes */
};

enum { PAYI_LIMIT_DESCRIPTION = 4096 }; /* bytes; Pay-i documents no bound */

#define PAYI_HANDLE_PREFIX "payi-handle-" /* before a UUID */

#endif
