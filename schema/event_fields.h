/*
 * The fields of an event: one table, from which the client's encoder, the agent's decoder, the JSON
 * writer and the store's INSERT are made. To add a field, add a row here, a member of the same name
 * to payi_event, and, if analysts shall see it as a column, that column in a new migration.
 *
 * PAYI_EVENT_FIELDS(X) calls X(id, name, type, json, column) once per field:
 *
 *   id      the key of the field in the record's msgpack map. Part of the ring's format: an id is
 *           never changed and never given to another field. 1 to 63.
 *   name    the member of payi_event, and the field's name in error texts.
 *   type    how the value is written (below).
 *   json    its name in Pay-i's bulk ingest item; see the OpenAPI document, BulkIngestRequest.
 *   column  how the store shows it beside the whole record: NAME (a small integer for a string that
 *           repeats), TEXT, INT, JSON (the JSON text of the value), INSTANCE (by the row of its use
 *           case instance), or NONE (in the record only).
 *
 * Types, as msgpack values:
 *   STR     str, UTF-8, no NUL
 *   ID      str as STR, or bin of 16 bytes: a UUIDv7 made by the client, shown as "payi_<uuid>"
 *   I32     int, -2147483647 .. 2147483647
 *   TIME    int, microseconds since 1970-01-01 UTC
 *   UNITS   map: unit type (str) -> array of two: input, output (int 0 .. 2147483647, or nil)
 *   PROPS   map: name (str) -> value (str or nil)
 *   PAIRS   array of arrays of two: name (str), value (str or nil)
 *   LIST    array of str
 *   CHUNKS  array of str; in JSON a lone one is written as a plain string
 */
#ifndef PAYI_SCHEMA_EVENT_FIELDS_H
#define PAYI_SCHEMA_EVENT_FIELDS_H

/* clang-format off */
#define PAYI_EVENT_FIELDS(X) \
	X( 1, category,                           STR,    "category",                           NAME) \
	X( 2, resource,                           STR,    "resource",                           NAME) \
	X( 3, units,                              UNITS,  "units",                              JSON) \
	X( 4, event_timestamp_us,                 TIME,   "event_timestamp",                    INT)  \
	X( 5, end_to_end_latency_ms,              I32,    "end_to_end_latency_ms",              INT)  \
	X( 6, time_to_first_token_ms,             I32,    "time_to_first_token_ms",             INT)  \
	X( 7, time_to_first_completion_token_ms,  I32,    "time_to_first_completion_token_ms",  NONE) \
	X( 8, http_status_code,                   I32,    "http_status_code",                   INT)  \
	X( 9, provider_response_id,               ID,     "provider_response_id",               TEXT) \
	X(10, provider_uri,                       STR,    "provider_uri",                       NONE) \
	X(11, provider_request_json,              STR,    "provider_request_json",              NONE) \
	X(12, provider_request_reasoning_json,    STR,    "provider_request_reasoning_json",    NONE) \
	X(13, provider_response_json,             CHUNKS, "provider_response_json",             NONE) \
	X(14, provider_request_headers,           PAIRS,  "provider_request_headers",           NONE) \
	X(15, provider_response_headers,          PAIRS,  "provider_response_headers",          NONE) \
	X(16, provider_response_function_calls,   PAIRS,  "provider_response_function_calls",   NONE) \
	X(17, use_case_name,                      STR,    "use_case_name",                      INSTANCE) \
	X(18, use_case_id,                        STR,    "use_case_id",                        INSTANCE) \
	X(19, use_case_step,                      STR,    "use_case_step",                      NAME) \
	X(20, use_case_version,                   I32,    "use_case_version",                   INT)  \
	X(21, use_case_properties,                PROPS,  "use_case_properties",                JSON) \
	X(22, properties,                         PROPS,  "properties",                         JSON) \
	X(23, limit_ids,                          LIST,   "limit_ids",                          JSON) \
	X(24, request_tags,                       LIST,   "request_tags",                       NONE) \
	X(25, user_id,                            STR,    "user_id",                            NAME) \
	X(26, account_name,                       STR,    "account_name",                       NAME) \
	X(27, scope,                              STR,    "scope",                              NAME)
/* clang-format on */

/* PAYI_FIELD_category = 1, and so on. */
enum payi_field {
#define X(id, name, type, json, column) PAYI_FIELD_##name = (id),
	PAYI_EVENT_FIELDS(X)
#undef X
		PAYI_FIELD_MAX = 63
};

/*
 * Bounds that both sides keep, so that what the client accepts the agent accepts too. Pay-i documents
 * the use case name's rule (1 to 64 of A-Z a-z 0-9 . - _) and the id's 1,024; it documents none for
 * the others, which are ours, and generous.
 */
enum {
	PAYI_LIMIT_USE_CASE_NAME = 64,
	/*
	 * Bytes of an STR or ID field that has a column, of a unit type, of the name of a property, header or
	 * call, and of an item of a LIST. Other strings are bounded by the record alone.
	 */
	PAYI_LIMIT_NAME = 1024,
	PAYI_LIMIT_UNITS = 64,   /* unit types in an event */
	PAYI_LIMIT_ITEMS = 1024, /* properties, headers, limits, … in an event; chunks: no bound */
	PAYI_LIMIT_UNIT = 2147483647, /* of one unit type in one event: Pay-i's int32 */
};

#define PAYI_GENERATED_ID_PREFIX "payi_" /* before the UUID of an id that the client made */

#endif
