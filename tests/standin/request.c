#include "standin/request.h"

#include "standin/memory.h"

#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>

/* ---- Names and values ----------------------------------------------------------------------------- */

const char *request_header(const struct request *request, const char *name)
{
	return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

struct each_header {
	request_header_fn *each;
	void *context;
};

static enum MHD_Result pass_header(void *context, enum MHD_ValueKind kind, const char *name,
				   const char *value)
{
	const struct each_header *call = context;
	(void)kind;
	return call->each(call->context, name, value ? value : "") ? MHD_YES : MHD_NO;
}

void request_each_header(const struct request *request, request_header_fn *each, void *context)
{
	struct each_header call = {each, context};
	MHD_get_connection_values(request->connection, MHD_HEADER_KIND, pass_header, &call);
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static char *decoded(const char *text, size_t length)
{
	char *out = memory_get(length + 1);
	size_t n = 0;
	for (size_t i = 0; i < length; i++) {
		int c = (unsigned char)text[i];
		if (c == '%') {
			const int high = i + 2 < length ? hex(text[i + 1]) : -1;
			const int low = high < 0 ? -1 : hex(text[i + 2]);
			c = low < 0 ? 0 : high * 16 + low;
			i += 2;
		}
		if (c == 0) {
			free(out);
			return NULL;
		}
		out[n++] = (char)c;
	}
	out[n] = '\0';
	return out;
}

char *request_query(const struct request *request, const char *name)
{
	const char *value =
		MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, name);
	return value ? decoded(value, strlen(value)) : NULL;
}

/* ---- The path ------------------------------------------------------------------------------------- */

/* The segment that begins at *at, which is moved behind it; false at the end. */
static bool next_segment(const char **at, const char **segment, size_t *length)
{
	if (**at != '/')
		return false;
	*segment = ++*at;
	*length = strcspn(*at, "/");
	*at += *length;
	return true;
}

char *request_segment(const struct request *request, size_t at)
{
	const char *rest = request->path, *segment = NULL;
	size_t length = 0;
	for (size_t i = 0; i <= at; i++)
		if (!next_segment(&rest, &segment, &length))
			return NULL;
	return decoded(segment, length);
}

bool request_path_is(const struct request *request, const char *pattern)
{
	const char *path = request->path, *have, *want;
	size_t have_length, want_length;
	while (next_segment(&pattern, &want, &want_length)) {
		if (!next_segment(&path, &have, &have_length))
			return false;
		const bool any = want_length == 1 && *want == '*';
		if (any ? have_length == 0
			: have_length != want_length || strncmp(have, want, want_length) != 0)
			return false;
	}
	return *path == '\0';
}

/* ---- The body ------------------------------------------------------------------------------------- */

bool request_says_json(const struct request *request)
{
	static const char JSON[] = "application/json";
	const char *type = request_header(request, MHD_HTTP_HEADER_CONTENT_TYPE);
	if (!type || strncasecmp(type, JSON, sizeof(JSON) - 1) != 0)
		return false;
	const char *rest = type + sizeof(JSON) - 1;
	rest += strspn(rest, "; ");
	return *rest == '\0' || strcasecmp(rest, "charset=utf-8") == 0;
}

enum request_packing request_packing(const struct request *request)
{
	const char *encoding = request_header(request, MHD_HTTP_HEADER_CONTENT_ENCODING);
	if (!encoding)
		return REQUEST_PLAIN;
	return strcasecmp(encoding, "gzip") == 0 ? REQUEST_GZIP : REQUEST_PACKED_OTHERWISE;
}

/* Of one gzip member, whole, nothing behind it; what is not is none of JSON either. */
static char *unpacked(const struct request *request, size_t *bytes)
{
	enum { ROOM = 64 << 20, GZIP_FORMAT = 15 + 16 };
	char *text = memory_get(ROOM);
	z_stream stream = {.next_in = (unsigned char *)request->body,
			   .avail_in = (unsigned)request->body_bytes,
			   .next_out = (unsigned char *)text,
			   .avail_out = ROOM};
	const bool good = inflateInit2(&stream, GZIP_FORMAT) == Z_OK &&
			  inflate(&stream, Z_FINISH) == Z_STREAM_END && stream.avail_in == 0;
	*bytes = good ? stream.total_out : 0;
	inflateEnd(&stream);
	return text;
}

json_t *request_json(const struct request *request, json_error_t *error)
{
	if (request_packing(request) == REQUEST_PLAIN)
		return json_loadb(request->body ? request->body : "", request->body_bytes,
				  JSON_REJECT_DUPLICATES, error);
	size_t bytes;
	char *text = unpacked(request, &bytes);
	json_t *json = json_loadb(text, bytes, JSON_REJECT_DUPLICATES, error);
	free(text);
	return json;
}

/* ---- Answers -------------------------------------------------------------------------------------- */

void answer_json(struct answer *answer, int status, json_t *json)
{
	answer->status = status;
	answer->body = json_dumps(json, JSON_COMPACT);
	answer->body_bytes = strlen(answer->body);
	json_decref(json);
}

json_t *answer_api_error(int status, const char *code, const char *message)
{
	json_t *error = json_pack("{s:s, s:i}", "message", message, "statusCode", status);
	if (code)
		json_object_set_new(error, "xproxy_error",
				    json_pack("{s:s, s:s}", "code", code, "message", message));
	return error;
}

void answer_error(struct answer *answer, int status, const char *code, const char *message)
{
	answer_json(answer, status, answer_api_error(status, code, message));
}

void answer_release(struct answer *answer)
{
	free(answer->body);
	*answer = (struct answer){0};
}
