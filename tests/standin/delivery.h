/*
 * How an answer leaves: whole, or as a fault wants it: cut off, drop by drop, in chunks, behind megabytes of
 * blanks, as raw bytes, or not at all. For the thread of the connection.
 */
#ifndef PAYI_STANDIN_DELIVERY_H
#define PAYI_STANDIN_DELIVERY_H

#include "standin/faults.h"
#include "standin/request.h"
#include "standin/service.h"

#include <microhttpd.h>

/* Takes the answer's body. MHD_NO: the connection is to be closed. */
enum MHD_Result delivery_send(struct service *service, const struct request *request,
			      struct answer *answer, const struct fault *fault);

/* The answer of a fault that has its own, in place of the true one. */
void delivery_replace(struct answer *answer, const struct fault *fault);

/* Ends the connection so that the client sees a reset; MHD_NO, for the handler to return. */
enum MHD_Result delivery_reset(const struct request *request);

#endif
