/*
 * The page: the files of agent/web/, in the program's own memory since it was built. They say nothing of this
 * host, so that whoever reaches the server may have them; what they show, they ask for by the API.
 */
#ifndef PAYI_HTTP_WEB_H
#define PAYI_HTTP_WEB_H

#include <microhttpd.h>
#include <stddef.h>

struct web_file {
	const char *path; /* of the request */
	const char *extension;
	const char *etag; /* with its quotes */
	const unsigned char *bytes;
	size_t n_bytes;
};

extern const struct web_file web_files[];
extern const size_t web_n_files;

/* NULL: there is none. */
const struct web_file *web_find(const char *path);

/* The file, or 304 where the client has it already. */
enum MHD_Result web_send(const struct web_file *file, struct MHD_Connection *connection);

#endif
