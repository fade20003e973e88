/*
 * What is not Pay-i's: questions and orders from a test, under /control/, without a key.
 *
 *   GET  /control/stats                     the accounts, as JSON
 *   GET  /control/events?after=N&limit=M    what was taken, in order of arrival, as JSON lines
 *   GET  /control/event?id=ID[&category=C]  the whole body of one (with --keep-bodies)
 *   POST /control/faults                    a script of misbehaviour: faults.h
 *   POST /control/reset                     as if just started
 */
#ifndef PAYI_STANDIN_CONTROL_H
#define PAYI_STANDIN_CONTROL_H

#include "standin/service.h"

bool control_is_for(const struct request *request);
void control_answer(struct service *service, const struct request *request, struct answer *answer);

#endif
