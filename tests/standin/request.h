/*
 * One HTTP request, whole, and the answer to it. Names and values that a client percent-encoded are decoded
 * here and nowhere else. Borrows from the connection; for the connection's thread alone.
 */
#ifndef PAYI_STANDIN_REQUEST_H
#define PAYI_STANDIN_REQUEST_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct MHD_Connection;

struct request {
	struct MHD_Connection *connection;
	const char *method;
	const char *path; /* as it was sent: percent-encoded, without the query */
	char *body;
	size_t body_bytes;
	bool too_large; /* for this program; the body is not there */
};

const char *request_header(const struct request *request, const char *name);

typedef bool request_header_fn(void *context, const char *name, const char *value);

/* Calls each() for every header until it is false. */
void request_each_header(const struct request *request, request_header_fn *each, void *context);

/* Decoded and malloc'd; NULL when there is none, or when it is encoded wrongly. */
char *request_query(const struct request *request, const char *name);
char *request_segment(const struct request *request, size_t at); /* of the path, from 0 */

/* Whether the path has these segments; a star in the pattern stands for any one that is not empty. */
bool request_path_is(const struct request *request, const char *pattern);

bool request_says_json(const struct request *request); /* the Content-Type */

/* The Content-Encoding. */
enum request_packing { REQUEST_PLAIN, REQUEST_GZIP, REQUEST_PACKED_OTHERWISE };
enum request_packing request_packing(const struct request *request);

/* The body, unpacked, strictly: UTF-8, no member twice, nothing behind it. NULL: message says what is wrong. */
json_t *request_json(const struct request *request, json_error_t *error);

struct answer {
	int status;
	char *body; /* malloc'd */
	size_t body_bytes;
	const char *content_type; /* NULL: JSON */
};

void answer_json(struct answer *answer, int status, json_t *json); /* takes the reference */
void answer_error(struct answer *answer, int status, const char *code, const char *message);
void answer_release(struct answer *answer);

/* The service's ApiError; code NULL: as a gateway says it, without xproxy_error. */
json_t *answer_api_error(int status, const char *code, const char *message);

#endif
