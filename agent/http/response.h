/* What a request is answered with: made on any thread, handed to libmicrohttpd on the loop's. */
#ifndef PAYI_HTTP_RESPONSE_H
#define PAYI_HTTP_RESPONSE_H

#include "base/buf.h"

#include <microhttpd.h>

#define RESPONSE_JSON "application/json"
#define RESPONSE_TEXT "text/plain; charset=utf-8"

struct response {
	int status;
	const char *type;
	struct buf body;
};

/* Instead of what there was: {"error":"…"} with a newline. */
void response_error(struct response *response, int status, const char *text);

/* What every answer has, and its type. */
void response_add_headers(struct MHD_Response *out, const char *type);

/* Gives it to the client, and leaves it empty. */
enum MHD_Result response_send(struct response *response, struct MHD_Connection *connection);

#endif
