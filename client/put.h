/*
 * Writing the values of schema/event_fields.h: a step for each type, checked on its way. For events and for
 * contexts alike. Steps are as in msgpack.h: the place to write to, then the place behind, or NULL.
 */
#ifndef PAYI_CLIENT_PUT_H
#define PAYI_CLIENT_PUT_H

#include "msgpack.h"
#include "payi/payi.h"
#include "schema/event_fields.h"

#include <assert.h>

/* Units, properties, headers and calls all begin with a name; properties, headers and calls are pairs. */
struct payi__pair {
	const char *name;
	const char *value;
};

/* How long a string of a field with this kind of column may be. */
#define PAYI__LIMIT_OF_NAME     PAYI_LIMIT_NAME
#define PAYI__LIMIT_OF_TEXT     PAYI_LIMIT_NAME
#define PAYI__LIMIT_OF_INSTANCE PAYI_LIMIT_NAME
#define PAYI__LIMIT_OF_NONE     UINT32_MAX

static inline bool payi__given(const char *text)
{
	return text && *text;
}

/* Of each field: its key, and a number, or the head of a list; of one the id that is made for it. */
static_assert(PAYI_FIELD_scope * (1 + INT_MAX_BYTES) + 3 + 16 <= ENCODER_RESERVE, "reserve");

static inline uint8_t *put_key(uint8_t *at, unsigned id)
{
	*at = (uint8_t)id;
	return at + 1;
}

static inline uint8_t *put_STR(struct encoder *to, uint8_t *at, unsigned id, const char *text,
			       size_t limit)
{
	return put_str(to, put_key(at, id), text, limit);
}

static inline uint8_t *put_I32(uint8_t *at, unsigned id, int64_t number)
{
	return put_int(put_key(at, id), number);
}

uint8_t *put_UNITS(struct encoder *to, uint8_t *at, unsigned id, const char *field,
		   const payi_units *units, size_t n);
/* A map, in which each name is there once. */
uint8_t *put_PROPS(struct encoder *to, uint8_t *at, unsigned id, const char *field,
		   const void *pairs, size_t n);
/* An array of pairs, in which names may repeat, as they do in HTTP. */
uint8_t *put_PAIRS(struct encoder *to, uint8_t *at, unsigned id, const char *field,
		   const void *pairs, size_t n);
/* A set of ids: empty ones are absent, one that repeats counts once. */
uint8_t *put_LIST(struct encoder *to, uint8_t *at, unsigned id, const char *field,
		  const char *const *list, size_t n);
/* Strings in their order, each as it is, as many as there are. */
uint8_t *put_CHUNKS(struct encoder *to, uint8_t *at, unsigned id, const char *field,
		    const char *const *chunks, size_t n);

/*
 * For a step of this field that returned NULL: puts the trouble into words, where there is more to say
 * than that room is short, and that has not been done.
 */
void payi__refuse_field(struct encoder *to, const char *field);

#endif
