/* Records for tests, written by msgpack-c: an independent hand. */
#ifndef PAYI_TESTS_PACK_H
#define PAYI_TESTS_PACK_H

#include "event/event.h"

#include <msgpack.h>

struct pack {
	msgpack_sbuffer buf;
	msgpack_packer to;
};

/* A map of n fields is to follow. */
void pack_init(struct pack *pack, uint32_t n_fields);
void pack_release(struct pack *pack);

void pack_str(struct pack *pack, const char *text); /* NULL: nil */
void pack_field_str(struct pack *pack, enum payi_field field, const char *text);
void pack_field_int(struct pack *pack, enum payi_field field, int64_t number);

/* units with one type */
void pack_field_units(struct pack *pack, const char *type, int64_t input, int64_t output);

/* The four fields that every record has: category "c", units text 1/2, a time, the id. */
void pack_required(struct pack *pack, const char *id);
enum { PACK_REQUIRED = 4 };

/* Decodes a copy of the record at the end of its own memory, so that a step beyond it is seen. Returns the reason, or NULL. */
const char *pack_decode(const struct pack *pack, struct event *event);

#endif
