/*
 * One event, one INSERT. Which columns it has, and how each is bound, comes from PAYI_EVENT_FIELDS:
 * a new field that analysts shall see is one row there and one column in a migration.
 */
#include "event/event_json.h"
#include "store/sql.h"
#include "store/store_parts.h"

enum column_kind { COLUMN_NAME, COLUMN_TEXT, COLUMN_INT, COLUMN_JSON };

struct column {
	enum payi_field field;
	enum column_kind kind;
};

/* The columns that are no single field of the event come first. */
enum {
	BIND_ID = 1,
	BIND_RING,
	BIND_STORED,
	BIND_INSTANCE,
	BIND_INPUT,
	BIND_OUTPUT,
	BIND_RECORD,
	BIND_FIELDS
};

/* clang-format off */
#define LIST_NAME(name)     ", " #name
#define LIST_TEXT(name)     ", " #name
#define LIST_INT(name)      ", " #name
#define LIST_JSON(name)     ", " #name
#define LIST_INSTANCE(name) ""
#define LIST_NONE(name)     ""
#define MARK_NAME           ", ?"
#define MARK_TEXT           ", ?"
#define MARK_INT            ", ?"
#define MARK_JSON           ", ?"
#define MARK_INSTANCE       ""
#define MARK_NONE           ""
#define ROW_NAME(id)        {(id), COLUMN_NAME},
#define ROW_TEXT(id)        {(id), COLUMN_TEXT},
#define ROW_INT(id)         {(id), COLUMN_INT},
#define ROW_JSON(id)        {(id), COLUMN_JSON},
#define ROW_INSTANCE(id)
#define ROW_NONE(id)

static const char insert_sql[] =
	"INSERT INTO events (id, ring, stored_us, instance, input_units, output_units, record"
#define X(id, name, type, json, column) LIST_##column(name)
	PAYI_EVENT_FIELDS(X)
#undef X
	") VALUES (?, ?, ?, ?, ?, ?, ?"
#define X(id, name, type, json, column) MARK_##column
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
	int64_t name[PAYI_FIELD_MAX + 1];
};

int store_event_prepare(struct store *store, struct err *err)
{
	return sql_prepare(store->db, insert_sql, &store->event_insert, err);
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
	const int status =
		ids_find(store->names, 0, name->text, name->len, &refs->use_case_name, err);
	if (status)
		return status;
	return ids_find(store->instances, refs->use_case_name, has_id ? id->text : "",
			has_id ? id->len : 0, &refs->instance, err);
}

static int find_refs(struct store *store, const struct event *event, struct refs *refs,
		     struct err *err)
{
	int status = find_instance(store, event, refs, err);
	for (int i = 0; !status && i < N_COLUMNS; i++) {
		const enum payi_field field = columns[i].field;
		if (columns[i].kind == COLUMN_NAME && event_has(event, field))
			status = ids_find(store->names, 0, event->field[field].text,
					  event->field[field].len, &refs->name[field], err);
	}
	return status;
}

/* ---- The row itself ------------------------------------------------------------------------------- */

static void bind_fixed(const struct store *store, int64_t ring, const struct event *event,
		       const struct refs *refs, int64_t now_us)
{
	sqlite3_stmt *insert = store->event_insert;
	sqlite3_bind_int64(insert, BIND_ID, store->last_id + 1);
	sqlite3_bind_int64(insert, BIND_RING, ring);
	sqlite3_bind_int64(insert, BIND_STORED, now_us);
	if (refs->instance)
		sqlite3_bind_int64(insert, BIND_INSTANCE, refs->instance);
	sqlite3_bind_int64(insert, BIND_INPUT, event->input_units);
	sqlite3_bind_int64(insert, BIND_OUTPUT, event->output_units);
	sqlite3_bind_blob64(insert, BIND_RECORD, event->record, event->record_bytes, SQLITE_STATIC);
}

static void bind_field(sqlite3_stmt *insert, int at, enum column_kind kind,
		       const struct event_field *field, int64_t name)
{
	switch (kind) {
	case COLUMN_NAME:
		sqlite3_bind_int64(insert, at, name);
		break;
	case COLUMN_TEXT:
		sqlite3_bind_text64(insert, at, field->text, field->len, SQLITE_STATIC,
				    SQLITE_UTF8);
		break;
	case COLUMN_INT:
		sqlite3_bind_int64(insert, at, field->number);
		break;
	case COLUMN_JSON: /* bind_json() */
		break;
	}
}

/* All JSON texts lie in one buffer, which may move while it grows: they are bound when it is complete. */
static int bind_json(struct store *store, const struct event *event, struct err *err)
{
	size_t end[N_COLUMNS];
	buf_clear(&store->json);
	for (int i = 0; i < N_COLUMNS; i++) {
		if (columns[i].kind == COLUMN_JSON && event_has(event, columns[i].field))
			event_json_field(&store->json, event, columns[i].field,
					 EVENT_JSON_FOR_HISTORY);
		end[i] = store->json.len;
	}
	if (store->json.failed)
		return err_set(err, ERR_MEMORY, "out of memory");
	for (int i = 0; i < N_COLUMNS; i++) {
		const size_t begin = i ? end[i - 1] : 0;
		if (end[i] > begin)
			sqlite3_bind_text64(store->event_insert, BIND_FIELDS + i,
					    (const char *)store->json.data + begin, end[i] - begin,
					    SQLITE_STATIC, SQLITE_UTF8);
	}
	return 0;
}

static int insert_event(struct store *store, int64_t ring, const struct event *event,
			const struct refs *refs, int64_t now_us, struct err *err)
{
	sqlite3_clear_bindings(store->event_insert);
	bind_fixed(store, ring, event, refs, now_us);
	for (int i = 0; i < N_COLUMNS; i++) {
		const enum payi_field field = columns[i].field;
		if (event_has(event, field))
			bind_field(store->event_insert, BIND_FIELDS + i, columns[i].kind,
				   &event->field[field], refs->name[field]);
	}
	const int status = bind_json(store, event, err);
	return status ? status : sql_finish(store->event_insert, err);
}

int store_event_put(struct store *store, int64_t ring, const struct event *event, int64_t now_us,
		    struct err *err)
{
	struct refs refs = {0};
	int status = find_refs(store, event, &refs, err);
	if (!status)
		status = insert_event(store, ring, event, &refs, now_us, err);
	if (status)
		return err_wrap(err, "event");
	store->last_id++;
	const struct rollups_event share = {
		.event = event,
		.instance = refs.instance,
		.use_case_name = refs.use_case_name,
		.category = refs.name[PAYI_FIELD_category],
		.resource = refs.name[PAYI_FIELD_resource],
		.step = refs.name[PAYI_FIELD_use_case_step],
		.user_id = refs.name[PAYI_FIELD_user_id],
	};
	return rollups_add(store->rollups, &share, err);
}
