/* What a record carries of use case, limits, user and price, as one line to compare: by field name, in a fixed order. */
#ifndef PAYI_TESTS_RECORD_TEXT_H
#define PAYI_TESTS_RECORD_TEXT_H

#include "event/event.h"

/*
 * "use_case_name=a use_case_id=b …", the fields that a context can supply, those that are there; properties as
 * {name:value,…} and limit_ids as [id,…], sorted. malloc'd. Fails the test when the record is no valid event.
 */
char *record_text(const uint8_t *payload, uint32_t bytes);

/*
 * Likewise of the record in the directory's ring files whose provider_response_id is this; NULL when there is none.
 */
char *record_text_find(const char *directory, int n_rings, const char *provider_response_id);

#endif
