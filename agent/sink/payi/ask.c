#include "sink/payi/ask.h"

#include "event/event_json.h"
#include "sink/payi/url.h"

#include <stdlib.h>
#include <string.h>

static const char instances[] = "/api/v1/use_cases/instances/";
static const char definitions[] = "/api/v1/use_cases/definitions";
static const char categories[] = "/api/v1/categories/";

static void forget_pages(struct ask *ask)
{
	free(ask->pages);
	ask->pages = NULL;
	ask->n_pages = 0;
	buf_clear(&ask->cursor);
}

void ask_restart(struct ask *ask)
{
	forget_pages(ask);
	static const enum ask_step first[] = {[SINK_ASK_DEFINE] = ASK_DEFINE,
					      [SINK_ASK_ID] = ASK_GIVE,
					      [SINK_ASK_PRICES] = ASK_PRICES};
	ask->step = first[ask->what.kind];
}

bool ask_begin(struct ask *ask, const struct sink_ask *what)
{
	const char *description = what->description ? what->description : "";
	const size_t name_bytes = strlen(what->use_case_name) + 1;
	buf_clear(&ask->texts);
	buf_add(&ask->texts, what->use_case_name, name_bytes);
	buf_add(&ask->texts, description, strlen(description) + 1);
	if (ask->texts.failed)
		return false;
	ask->what = *what;
	ask->what.use_case_name = (const char *)ask->texts.data;
	ask->what.description = (const char *)ask->texts.data + name_bytes;
	ask_restart(ask);
	return true;
}

void ask_advance(struct ask *ask)
{
	switch (ask->step) {
	case ASK_GIVE:
		ask->step = ASK_MAKE;
		break;
	case ASK_MAKE:
		ask->step = ASK_GIVE_AGAIN;
		break;
	case ASK_DEFINE:
		ask->step = ASK_UPDATE;
		break;
	case ASK_GIVE_AGAIN:
	case ASK_UPDATE:
	case ASK_PRICES:
		break;
	}
}

void ask_release(struct ask *ask)
{
	forget_pages(ask);
	buf_release(&ask->cursor);
	buf_release(&ask->texts);
	buf_release(&ask->body);
}

bool ask_turn_page(struct ask *ask, struct ask_answer *answer)
{
	struct price_list *all = price_list_join(ask->pages, answer->prices);
	if (!all)
		return false;
	free(answer->prices);
	answer->prices = NULL;
	buf_clear(&ask->cursor);
	if (!answer->cursor) {
		forget_pages(ask);
		answer->prices = all;
		return true;
	}
	free(ask->pages);
	ask->pages = all;
	ask->n_pages++;
	buf_add_str(&ask->cursor, answer->cursor);
	return !ask->cursor.failed;
}

bool ask_is(const struct ask *ask, const struct sink_ask *what)
{
	return ask->what.attempts == what->attempts &&
	       strcmp(ask->what.description, what->description ? what->description : "") == 0;
}

static bool is_dots(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* The rule of names lets these two through, but as a part of a path they mean another one. */
const char *ask_refusal(const struct ask *ask)
{
	if (is_dots(ask->what.use_case_name))
		return "a name that is . or .. cannot be named in a URL";
	if (ask->what.kind == SINK_ASK_PRICES && is_dots(ask->what.description))
		return "a resource called . or .. cannot be named in a URL";
	return NULL;
}

static void add_member(struct buf *body, const char *name, const char *value)
{
	buf_add_str(body, body->len == 0 ? "{\"" : ",\"");
	buf_add_str(body, name);
	buf_add_str(body, "\":");
	event_json_string(body, value, strlen(value));
}

/* A definition that nobody described is described by its name: there must be a description. */
static void make_body(struct ask *ask)
{
	const char *name = ask->what.use_case_name;
	buf_clear(&ask->body);
	if (ask->step == ASK_GIVE || ask->step == ASK_GIVE_AGAIN)
		return;
	if (ask->step != ASK_UPDATE)
		add_member(&ask->body, "name", name);
	add_member(&ask->body, "description", ask->step == ASK_MAKE ? name : ask->what.description);
	buf_add_char(&ask->body, '}');
}

/* All versions of the resource, those that are over among them: events of their time may yet come. */
static int send_for_prices(struct ask *ask, struct service *service, http_done_fn *done, void *ctx,
			   struct err *err)
{
	const char *category = ask->what.use_case_name;
	const char *resource = ask->what.description;
	service_begin(service, categories);
	url_add_encoded(&service->url, category, strlen(category));
	buf_add_str(&service->url, "/resources/");
	url_add_encoded(&service->url, resource, strlen(resource));
	buf_add_str(&service->url, "?limit=100");
	if (ask->cursor.len) {
		buf_add_str(&service->url, "&cursor=");
		url_add_encoded(&service->url, (const char *)ask->cursor.data, ask->cursor.len);
	}
	buf_clear(&ask->body);
	return service_send(service, HTTP_GET, &ask->body, done, ctx, err);
}

int ask_send(struct ask *ask, struct service *service, http_done_fn *done, void *ctx,
	     struct err *err)
{
	if (ask->step == ASK_PRICES)
		return send_for_prices(ask, service, done, ctx, err);
	const char *name = ask->what.use_case_name;
	const bool gives = ask->step == ASK_GIVE || ask->step == ASK_GIVE_AGAIN;
	service_begin(service, gives ? instances : definitions);
	if (ask->step == ASK_UPDATE)
		buf_add_char(&service->url, '/');
	if (gives || ask->step == ASK_UPDATE)
		url_add_encoded(&service->url, name, strlen(name));
	make_body(ask);
	return service_send(service, ask->step == ASK_UPDATE ? HTTP_PUT : HTTP_POST, &ask->body,
			    done, ctx, err);
}
