#include "sink/payi/batch_body.h"

#include "event/event_json.h"
#include "sink/payi/single.h"
#include "sink/payi/url.h"

void batch_body_append(struct batch *batch, const struct event *event)
{
	buf_add_char(&batch->body, batch->n_in_body == 0 ? '[' : ',');
	event_json(&batch->body, event, EVENT_JSON_FOR_SERVICE);
	batch->n_in_body++;
}

void batch_body_replace_id(struct event *event, const char *given_id, size_t bytes)
{
	struct event_field *id = &event->field[PAYI_FIELD_use_case_id];
	if (bytes == 0 || !event_has(event, PAYI_FIELD_use_case_id))
		return;
	id->text = given_id;
	id->len = (uint32_t)bytes;
}

static void replace_limits(struct event *event, const struct batch *batch,
			   const struct batch_item *item)
{
	struct event_field *limits = &event->field[PAYI_FIELD_limit_ids];
	limits->raw = batch->records.data + item->limits_at;
	limits->raw_bytes = item->limits_bytes;
	if (item->limits_bytes == 0)
		event->present &= ~(UINT64_C(1) << PAYI_FIELD_limit_ids);
}

/* It was decoded when it was added: it cannot fail now. */
void batch_body_read(const struct batch *batch, const struct batch_item *item, struct event *event)
{
	char reason[EVENT_REASON_BYTES];
	const uint8_t *record = batch->records.data + item->record_at;
	event_decode(event, record, item->record_bytes, reason);
	batch_body_replace_id(event, (const char *)record + item->record_bytes,
			      item->given_id_bytes);
	if (item->limits_cut)
		replace_limits(event, batch, item);
}

static void make_bulk(struct batch *batch, size_t n)
{
	struct event event;
	for (size_t i = 0; i < n; i++) {
		batch_body_read(batch, &batch->items[i], &event);
		batch_body_append(batch, &event);
	}
	buf_add_char(&batch->body, ']');
}

static void make_single(struct batch *batch)
{
	struct event event;
	batch_body_read(batch, &batch->items[0], &event);
	batch->n_in_body = 1;
	single_query(&batch->query, &event);
	single_headers(&batch->headers, &event);
	single_body(&batch->body, &event);
}

static size_t find_doubt(const struct batch *batch)
{
	size_t at = 0;
	while (at < batch->n_items && !batch->items[at].in_doubt)
		at++;
	return at;
}

static void make_lookup(struct batch *batch, size_t at)
{
	struct event event;
	batch_body_read(batch, &batch->items[at], &event);
	const struct event_field *category = &event.field[PAYI_FIELD_category];
	const struct event_field *id = &event.field[PAYI_FIELD_provider_response_id];
	buf_add_str(&batch->query, "/api/v1/requests/provider/");
	url_add_encoded(&batch->query, category->text, category->len);
	buf_add_char(&batch->query, '/');
	url_add_encoded(&batch->query, id->text, id->len);
	buf_add_str(&batch->query, "/result");
	batch->looked_up = at;
	batch->n_in_body = 1;
}

/* The one that the events have now, where none is in doubt. */
static void make(struct batch *batch, enum ingest_form form)
{
	size_t doubt = find_doubt(batch);
	size_t n = batch->n_wanted < batch->n_items ? batch->n_wanted : batch->n_items;
	batch->form = doubt < batch->n_items ? INGEST_LOOKUP : form;
	if (batch->form == INGEST_LOOKUP)
		make_lookup(batch, doubt);
	else if (n > 0 && form == INGEST_SINGLE)
		make_single(batch);
	else if (n > 0)
		make_bulk(batch, n);
}

bool batch_prepare(struct batch *batch, enum ingest_form form)
{
	batch_close(batch);
	batch_let_go(batch);
	bool has_form = batch->form == form || batch->form == INGEST_LOOKUP;
	if (batch->n_in_body > 0 && has_form && !batch->body.failed)
		return true;
	batch->n_in_body = 0;
	buf_clear(&batch->body);
	buf_clear(&batch->query);
	buf_clear(&batch->headers);
	make(batch, form);
	if (!batch->body.failed && !batch->query.failed && !batch->headers.failed)
		return true;
	batch->n_in_body = 0;
	return false;
}
