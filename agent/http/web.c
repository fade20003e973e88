#include "http/web.h"

#include "base/buf.h"
#include "base/gzip.h"
#include "http/response.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { ETAG_BYTES = 128 };

/*
 * Nothing but these files may be loaded, run or asked, and no text becomes markup, whatever an event's names
 * are. A browser keeps the files, and asks each time whether they are still the same: the next agent may have others.
 */
static const char policy[] =
	"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src "
	"'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
	"require-trusted-types-for 'script'; trusted-types 'none'";

static const char *type_of(const struct web_file *file)
{
	static const char *const types[][2] = {
		{".html", "text/html; charset=utf-8"},
		{".css", "text/css; charset=utf-8"},
		{".js", "text/javascript; charset=utf-8"},
		{".svg", "image/svg+xml"},
	};
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (strcmp(types[i][0], file->extension) == 0)
			return types[i][1];
	return "application/octet-stream";
}

const struct web_file *web_find(const char *path)
{
	for (size_t i = 0; i < web_n_files; i++)
		if (strcmp(web_files[i].path, path) == 0)
			return &web_files[i];
	return NULL;
}

/* Of a list; a digest of ours is no part of anybody else's. */
static bool is_known(const struct web_file *file, struct MHD_Connection *connection)
{
	const char *known = MHD_lookup_connection_value(connection, MHD_HEADER_KIND,
							MHD_HTTP_HEADER_IF_NONE_MATCH);
	return known && (strcmp(known, "*") == 0 || strstr(known, file->etag));
}

/* "gzip, deflate;q=0.5": whether it is named, and not with a weight of nothing. */
static bool takes_gzip(struct MHD_Connection *connection)
{
	const char *at = MHD_lookup_connection_value(connection, MHD_HEADER_KIND,
						     MHD_HTTP_HEADER_ACCEPT_ENCODING);
	while (at && *at) {
		at += strspn(at, " \t,");
		const size_t len = strcspn(at, ",");
		const size_t name_len = strcspn(at, " \t,;");
		const char *weight = memchr(at, '=', len);
		if (name_len == 4 && strncasecmp(at, "gzip", 4) == 0)
			return !weight || strtod(weight + 1, NULL) > 0;
		at += len;
	}
	return false;
}

/* Packed anew each time: it takes a tenth of a millisecond, and who looks has the file from then on. NULL: it stays plain. */
static struct MHD_Response *packed(const struct web_file *file)
{
	struct buf out = BUF_INIT;
	struct MHD_Response *response = NULL;
	if (gzip_add(&out, file->bytes, file->n_bytes))
		response =
			MHD_create_response_from_buffer(out.len, out.data, MHD_RESPMEM_MUST_FREE);
	if (!response) {
		buf_release(&out);
		return NULL;
	}
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_ENCODING, "gzip");
	return response;
}

static struct MHD_Response *plain(const struct web_file *file, bool known)
{
	const struct MHD_IoVec bytes = {file->bytes, file->n_bytes};
	return MHD_create_response_from_iovec(&bytes, !known, NULL, NULL);
}

enum MHD_Result web_send(const struct web_file *file, struct MHD_Connection *connection)
{
	const bool known = is_known(file, connection);
	char etag[ETAG_BYTES];
	struct MHD_Response *out = !known && takes_gzip(connection) ? packed(file) : NULL;
	if (!out)
		out = plain(file, known);
	if (!out)
		return MHD_NO;
	snprintf(etag, sizeof(etag), "W/%s", file->etag); /* the same file, packed or plain */
	response_add_headers(out, type_of(file));
	MHD_add_response_header(out, MHD_HTTP_HEADER_CACHE_CONTROL, "no-cache");
	MHD_add_response_header(out, MHD_HTTP_HEADER_VARY, MHD_HTTP_HEADER_ACCEPT_ENCODING);
	MHD_add_response_header(out, MHD_HTTP_HEADER_ETAG, etag);
	MHD_add_response_header(out, "Content-Security-Policy", policy);
	MHD_add_response_header(out, "Cross-Origin-Opener-Policy", "same-origin");
	const enum MHD_Result result =
		MHD_queue_response(connection, known ? MHD_HTTP_NOT_MODIFIED : MHD_HTTP_OK, out);
	MHD_destroy_response(out);
	return result;
}
