#include "http/response.h"

#include "history/row_json.h"

/* Nothing here may be embedded, guessed at, told on, or read by a page of another site. */
void response_add_headers(struct MHD_Response *out, const char *type)
{
	MHD_add_response_header(out, "Cross-Origin-Resource-Policy", "same-origin");
	MHD_add_response_header(out, "Referrer-Policy", "no-referrer");
	MHD_add_response_header(out, "X-Content-Type-Options", "nosniff");
	MHD_add_response_header(out, MHD_HTTP_HEADER_CONTENT_TYPE, type);
}

void response_error(struct response *response, int status, const char *text)
{
	response->status = status;
	response->type = RESPONSE_JSON;
	buf_clear(&response->body);
	buf_add_str(&response->body, "{\"error\":");
	row_json_string(&response->body, text);
	buf_add_str(&response->body, "}\n");
}

static void add_headers(struct MHD_Response *out, const struct response *response)
{
	response_add_headers(out, response->type);
	MHD_add_response_header(out, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	MHD_add_response_header(out, "Content-Security-Policy",
				"default-src 'none'; frame-ancestors 'none'");
	if (response->status == MHD_HTTP_UNAUTHORIZED)
		MHD_add_response_header(out, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer");
	if (response->status == MHD_HTTP_SERVICE_UNAVAILABLE)
		MHD_add_response_header(out, MHD_HTTP_HEADER_RETRY_AFTER, "1");
	if (response->status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(out, MHD_HTTP_HEADER_ALLOW, "GET, HEAD, POST");
}

enum MHD_Result response_send(struct response *response, struct MHD_Connection *connection)
{
	if (response->body.failed)
		response_error(response, MHD_HTTP_INTERNAL_SERVER_ERROR, "out of memory");
	struct MHD_Response *out = MHD_create_response_from_buffer(
		response->body.len, response->body.data, MHD_RESPMEM_MUST_FREE);
	if (!out) {
		buf_release(&response->body);
		return MHD_NO;
	}
	response->body = (struct buf)BUF_INIT;
	add_headers(out, response);
	const enum MHD_Result result =
		MHD_queue_response(connection, (unsigned)response->status, out);
	MHD_destroy_response(out);
	return result;
}
