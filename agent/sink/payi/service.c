#include "sink/payi/service.h"

void service_release(struct service *service)
{
	buf_release(&service->url);
	buf_release(&service->headers);
}

static void add_header(struct buf *headers, const char *name, const char *value)
{
	buf_add_str(headers, name);
	buf_add_str(headers, value);
	buf_add_char(headers, '\0');
}

void service_begin(struct service *service, const char *path)
{
	buf_clear(&service->url);
	buf_add_str(&service->url, service->base_url);
	buf_add_str(&service->url, path);
	buf_clear(&service->headers);
	add_header(&service->headers, HTTP_KEY_HEADER, service->key.text);
	add_header(&service->headers, "Content-Type: ", "application/json");
	add_header(&service->headers, "Accept: ", "application/json");
}

int service_send(struct service *service, enum http_method method, const struct buf *body,
		 http_done_fn *done, void *ctx, struct err *err)
{
	const struct http_request request = {
		.method = method,
		.url = buf_text(&service->url),
		.headers = (const char *)service->headers.data,
		.headers_bytes = service->headers.len,
		.body = (const char *)body->data,
		.body_bytes = body->len,
	};
	if (service->url.failed || service->headers.failed || body->failed)
		return err_set(err, ERR_MEMORY, "out of memory");
	return http_send(service->http, &request, done, ctx, err);
}
