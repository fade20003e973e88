/*
 * One event, one row. Which columns it has, and how each is set, comes from PAYI_EVENT_FIELDS:
 * a new field that analysts shall see is one row there and one column in a migration.
 */
#include "event/event_json.h"
#include "store/store_parts.h"

#include <stddef.h>
#include <string.h>

enum column_kind { COLUMN_NAME, COLUMN_TEXT, COLUMN_INT, COLUMN_JSON };

struct column {
	enum payi_field field;
	enum column_kind kind;
};

/* The columns that are no single field of the event come first. */
enum { AT_ID, AT_RING, AT_STORED, AT_INSTANCE, AT_INPUT, AT_OUTPUT, AT_RECORD, AT_FIELDS };

/* clang-format off */
#define LIST_NAME(name)     ", " #name
#define LIST_TEXT(name)     ", " #name
#define LIST_INT(name)      ", " #name
#define LIST_JSON(name)     ", " #name
#define LIST_INSTANCE(name) ""
#define LIST_NONE(name)     ""
#define ROW_NAME(id)        {(id), COLUMN_NAME},
#define ROW_TEXT(id)        {(id), COLUMN_TEXT},
#define ROW_INT(id)         {(id), COLUMN_INT},
#define ROW_JSON(id)        {(id), COLUMN_JSON},
#define ROW_INSTANCE(id)
#define ROW_NONE(id)

static const char into[] =
	"events (id, ring, stored_us, instance, input_units, output_units, record"
#define X(id, name, type, json, column) LIST_##column(name)
	PAYI_EVENT_FIELDS(X)
#undef X
	")";

static const struct column columns[] = {
#define X(id, name, type, json, column) ROW_##column(id)
	PAYI_EVENT_FIELDS(X)
#undef X
};
/* clang-format on */

enum { N_COLUMNS = sizeof(columns) / sizeof(columns[0]) };

/* The rows that an event's names have, by field; 0 for none. */
struct refs {
	int64_t instance;
	int64_t use_case_name;
	bool handle; /* the instance's id is one */
	int64_t name[PAYI_FIELD_MAX + 1];
	uint32_t n_units;
	struct pack_units units[PAYI_LIMIT_UNITS]; /* n_units of them; the others are not set */
};

int store_event_prepare(struct store *store, struct err *err)
{
	return rows_open(store->db, into, AT_FIELDS + N_COLUMNS, "", &store->events, err);
}

/* ---- The rows that it refers to ------------------------------------------------------------------- */

static int find_instance(struct store *store, const struct event *event, struct refs *refs,
			 struct err *err)
{
	if (!event_has(event, PAYI_FIELD_use_case_name))
		return 0;
	const struct event_field *name = &event->field[PAYI_FIELD_use_case_name];
	const struct event_field *id = &event->field[PAYI_FIELD_use_case_id];
	const bool has_id = event_has(event, PAYI_FIELD_use_case_id);
	refs->handle = has_id && use_case_id_is_handle(id->text, id->len);
	const int status =
		ids_find(store->names, 0, name->text, name->len, &refs->use_case_name, err);
	if (status)
		return status;
	return ids_find(store->instances, refs->use_case_name, has_id ? id->text : "",
			has_id ? id->len : 0, &refs->instance, err);
}

/* A side that is absent (-1) counts for nothing. */
static int find_units(struct store *store, const struct event *event, struct refs *refs,
		      struct err *err)
{
	int status = 0;
	struct msgpack in = event_open(event, PAYI_FIELD_units, &refs->n_units);
	for (uint32_t i = 0; !status && i < refs->n_units; i++) {
		struct event_units one;
		struct pack_units *units = &refs->units[i];
		event_units_next(&in, &one);
		units->input = one.input < 0 ? 0 : one.input;
		units->output = one.output < 0 ? 0 : one.output;
		status = ids_find(store->names, 0, one.type.text, one.type.len, &units->type, err);
	}
	return status;
}

static int find_refs(struct store *store, const struct event *event, struct refs *refs,
		     struct err *err)
{
	memset(refs, 0, offsetof(struct refs, units));
	int status = find_instance(store, event, refs, err);
	for (int i = 0; !status && i < N_COLUMNS; i++) {
		const enum payi_field field = columns[i].field;
		if (columns[i].kind == COLUMN_NAME && event_has(event, field))
			status = ids_find(store->names, 0, event->field[field].text,
					  event->field[field].len, &refs->name[field], err);
	}
	return status ? status : find_units(store, event, refs, err);
}

/* ---- The row itself ------------------------------------------------------------------------------- */

static void set_fixed(struct rows *row, int64_t id, int64_t ring, const struct event *event,
		      int64_t instance, int64_t now_us)
{
	rows_set_int(row, AT_ID, id);
	rows_set_int(row, AT_RING, ring);
	rows_set_int(row, AT_STORED, now_us);
	if (instance)
		rows_set_int(row, AT_INSTANCE, instance);
	rows_set_int(row, AT_INPUT, event->input_units);
	rows_set_int(row, AT_OUTPUT, event->output_units);
	rows_set_blob(row, AT_RECORD, event->record, event->record_bytes);
}

static void set_field(struct rows *row, int at, const struct column *column,
		      const struct event *event, const struct refs *refs)
{
	const struct event_field *field = &event->field[column->field];
	switch (column->kind) { /* gcov: no other */
	case COLUMN_NAME:
		rows_set_int(row, at, refs->name[column->field]);
		break;
	case COLUMN_TEXT:
		rows_set_text(row, at, field->text, field->len);
		break;
	case COLUMN_INT:
		rows_set_int(row, at, field->number);
		break;
	case COLUMN_JSON:
		event_json_field(rows_begin_text(row), event, column->field,
				 EVENT_JSON_FOR_HISTORY);
		rows_end_text(row, at);
		break;
	}
}

static int put_row(struct store *store, int64_t ring, const struct event *event,
		   const struct refs *refs, int64_t now_us, struct err *err)
{
	set_fixed(store->events, store->last_id + 1, ring, event, refs->instance, now_us);
	for (int i = 0; i < N_COLUMNS; i++)
		if (event_has(event, columns[i].field))
			set_field(store->events, AT_FIELDS + i, &columns[i], event, refs);
	return rows_put(store->events, err);
}

/* ---- Its pack -------------------------------------------------------------------------------------- */

static int put_pack(struct store *store, const struct event *event, const struct refs *refs,
		    struct err *err)
{
	struct pack_event one = {
		.id = store->last_id + 1,
		.time_us = event->field[PAYI_FIELD_event_timestamp_us].number,
		.user_id = refs->name[PAYI_FIELD_user_id],
		.step = refs->name[PAYI_FIELD_use_case_step],
		.use_case_name = refs->use_case_name,
		.category = refs->name[PAYI_FIELD_category],
		.resource = refs->name[PAYI_FIELD_resource],
		.has_latency = event_has(event, PAYI_FIELD_end_to_end_latency_ms),
		.failed = event_failed(event),
		.n_units = refs->n_units,
	};
	if (one.has_latency)
		one.latency_ms = event->field[PAYI_FIELD_end_to_end_latency_ms].number;
	struct buf *pack = NULL;
	const int status = packs_add(store->packs, &one, &pack, err);
	for (uint32_t i = 0; !status && i < refs->n_units; i++)
		pack_put_units(pack, &refs->units[i]);
	return status;
}

int store_event_put(struct store *store, int64_t ring, const struct event *event, int64_t now_us,
		    struct err *err)
{
	struct refs refs;
	int status = find_refs(store, event, &refs, err);
	if (!status)
		status = put_row(store, ring, event, &refs, now_us, err);
	if (!status)
		status = put_pack(store, event, &refs, err);
	if (status)
		return err_wrap(err, "event");
	store->last_id++;
	const struct rollups_event share = {
		.event = event,
		.instance = refs.instance,
		.handle = refs.handle,
		.use_case_name = refs.use_case_name,
		.category = refs.name[PAYI_FIELD_category],
		.resource = refs.name[PAYI_FIELD_resource],
		.step = refs.name[PAYI_FIELD_use_case_step],
		.user_id = refs.name[PAYI_FIELD_user_id],
		.n_units = refs.n_units,
		.units = refs.units,
	};
	return rollups_add(store->rollups, &share, err);
}
