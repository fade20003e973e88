#include "put.h"

#include "error.h"

#include <assert.h>

static_assert(sizeof(struct payi__pair) == sizeof(payi_property), "pair of property");
static_assert(sizeof(struct payi__pair) == sizeof(payi_header), "pair of header");
static_assert(sizeof(struct payi__pair) == sizeof(payi_function_call), "pair of function call");

/* Where in the event a value stands, for error texts: field, field[index], field[index].part. */
struct place {
	const char *field;
	size_t index;
	const char *part;
};
#define WHOLE SIZE_MAX

/* ---- Refusals ------------------------------------------------------------------------------------- */

/* Puts the trouble into words, where there is more to say than that room is short. Returns NULL. */
static uint8_t *refuse(struct encoder *to, struct place place)
{
	if (to->trouble == NO_ROOM || to->trouble == TOLD)
		return NULL;
	const char *what = to->trouble == NOT_TEXT   ? "is not valid UTF-8"
			   : to->trouble == TOO_LONG ? "is longer than 1024 bytes"
						     : "is empty; leave the item out instead";
	if (place.index == WHOLE)
		payi__fail(PAYI_ERR_INVALID, "%s %s", place.field, what);
	else
		payi__fail(PAYI_ERR_INVALID, "%s[%zu]%s%s %s", place.field, place.index,
			   place.part ? "." : "", place.part ? place.part : "", what);
	return stuck(to, TOLD);
}

static uint8_t *refuse_repeated(struct encoder *to, const char *field, size_t index,
				const char *name)
{
	payi__fail(PAYI_ERR_INVALID, "%s[%zu] repeats '%s', which may be there once", field, index,
		   name);
	return stuck(to, TOLD);
}

static uint8_t *refuse_unit(struct encoder *to, size_t index, const char *side, int64_t value)
{
	payi__fail(PAYI_ERR_INVALID,
		   "units[%zu].%s is %lld; it must be 0 to 2147483647, or PAYI_UNSET_UNITS", index,
		   side, (long long)value);
	return stuck(to, TOLD);
}

static uint8_t *refuse_count(struct encoder *to, const char *field, size_t n, size_t limit)
{
	payi__fail(PAYI_ERR_INVALID, "n_%s is %zu; it may be at most %zu", field, n, limit);
	return stuck(to, TOLD);
}

static uint8_t *refuse_null(struct encoder *to, const char *field)
{
	payi__fail(PAYI_ERR_INVALID, "%s is NULL while n_%s is not 0", field, field);
	return stuck(to, TOLD);
}

static uint8_t *refuse_comma(struct encoder *to, const char *field, size_t index, const char *id)
{
	payi__fail(PAYI_ERR_INVALID, "%s[%zu] is '%s'; a limit id has no comma", field, index, id);
	return stuck(to, TOLD);
}

/* ---- The types of the table -------------------------------------------------------------------------- */

/* The name at the start of item i of an array of structures that are size bytes each. */
static inline const char *name_at(const void *items, size_t size, size_t i)
{
	const char *name;
	memcpy(&name, (const char *)items + i * size, sizeof(name));
	return name;
}

/* Whether item i's name stands among those before it. */
static inline bool repeats(const void *items, size_t size, size_t i)
{
	const char *name = name_at(items, size, i);
	for (size_t j = 0; j < i; j++) {
		const char *other = name_at(items, size, j);
		if (other && *other == *name && strcmp(other, name) == 0)
			return true;
	}
	return false;
}

/* A name that an item must have: not NULL, not empty, text. */
static inline uint8_t *put_name(struct encoder *to, uint8_t *at, const char *name)
{
	if (!name || !*name)
		return stuck(to, EMPTY);
	return put_str(to, at, name, PAYI_LIMIT_NAME);
}

static inline bool unit_valid(int64_t units)
{
	return units == PAYI_UNSET_UNITS || (units >= 0 && units <= PAYI_LIMIT_UNIT);
}

static inline uint8_t *put_unit(uint8_t *at, int64_t units)
{
	if (units != PAYI_UNSET_UNITS)
		return put_int(at, units);
	*at = 0xc0;
	return at + 1;
}

/* The array of one unit type's input and output. */
static inline uint8_t *put_sides(struct encoder *to, uint8_t *at, const payi_units *units)
{
	if (!has_room(to, at, 1 + 2 * INT_MAX_BYTES))
		return stuck(to, NO_ROOM);
	*at = 0x92;
	return put_unit(put_unit(at + 1, units->input), units->output);
}

uint8_t *put_UNITS(struct encoder *to, uint8_t *at, unsigned id, const char *field,
		   const payi_units *units, size_t n)
{
	if (n > PAYI_LIMIT_UNITS)
		return refuse_count(to, field, n, PAYI_LIMIT_UNITS);
	if (n && !units)
		return refuse_null(to, field);
	at = put_head(put_key(at, id), 0x80, 15, 0xde, n);
	for (size_t i = 0; i < n; i++) {
		if (!unit_valid(units[i].input))
			return refuse_unit(to, i, "input", units[i].input);
		if (!unit_valid(units[i].output))
			return refuse_unit(to, i, "output", units[i].output);
		at = put_name(to, at, units[i].type);
		if (!at)
			return refuse(to, (struct place){field, i, "type"});
		if (repeats(units, sizeof(*units), i))
			return refuse_repeated(to, field, i, units[i].type);
		at = put_sides(to, at, &units[i]);
		if (!at)
			return NULL;
	}
	return at;
}

/* One name and value; pairs are an array of two in PAIRS, a key and its value in PROPS. */
static uint8_t *put_pair(struct encoder *to, uint8_t *at, const struct payi__pair *pair,
			 const char **part)
{
	*part = "name";
	at = put_name(to, at, pair->name);
	if (!at)
		return NULL;
	*part = "value";
	if (pair->value)
		return put_str(to, at, pair->value, UINT32_MAX);
	if (!has_room(to, at, 1))
		return stuck(to, NO_ROOM);
	*at = 0xc0;
	return at + 1;
}

/* PROPS (a map, each name once) and PAIRS (an array of pairs, in which HTTP repeats names). */
static uint8_t *put_pairs(struct encoder *to, uint8_t *at, unsigned id, const char *field,
			  const void *pairs, size_t n, bool map)
{
	if (n > PAYI_LIMIT_ITEMS)
		return refuse_count(to, field, n, PAYI_LIMIT_ITEMS);
	if (!pairs)
		return refuse_null(to, field);
	at = put_head(put_key(at, id), map ? 0x80 : 0x90, 15, map ? 0xde : 0xdc, n);
	for (size_t i = 0; i < n; i++) {
		struct payi__pair pair;
		memcpy(&pair, (const char *)pairs + i * sizeof(pair), sizeof(pair));
		if (!has_room(to, at, 1))
			return stuck(to, NO_ROOM);
		if (!map)
			*at++ = 0x92;
		const char *part;
		at = put_pair(to, at, &pair, &part);
		if (!at)
			return refuse(to, (struct place){field, i, part});
		if (map && repeats(pairs, sizeof(pair), i))
			return refuse_repeated(to, field, i, pair.name);
	}
	return at;
}

uint8_t *put_PROPS(struct encoder *to, uint8_t *at, unsigned id, const char *field,
		   const void *pairs, size_t n)
{
	return put_pairs(to, at, id, field, pairs, n, true);
}

uint8_t *put_PAIRS(struct encoder *to, uint8_t *at, unsigned id, const char *field,
		   const void *pairs, size_t n)
{
	return put_pairs(to, at, id, field, pairs, n, false);
}

/*
 * LIST: a set of ids. Empty ones are absent, one that repeats counts once. How many are left is known
 * behind them, so the count has its 16-bit form, filled in at the end.
 */
uint8_t *put_LIST(struct encoder *to, uint8_t *at, unsigned id, const char *field,
		  const char *const *list, size_t n)
{
	if (n > PAYI_LIMIT_ITEMS)
		return refuse_count(to, field, n, PAYI_LIMIT_ITEMS);
	if (!list)
		return refuse_null(to, field);
	uint8_t *head = put_key(at, id);
	size_t count = 0;
	at = head + 3;
	for (size_t i = 0; i < n; i++) {
		if (!list[i] || !*list[i] || repeats(list, sizeof(*list), i))
			continue;
		if (id == PAYI_FIELD_limit_ids && strchr(list[i], ','))
			return refuse_comma(to, field, i, list[i]);
		at = put_str(to, at, list[i], PAYI_LIMIT_NAME);
		if (!at)
			return refuse(to, (struct place){field, i, NULL});
		count++;
	}
	head[0] = 0xdc;
	head[1] = (uint8_t)(count >> 8);
	head[2] = (uint8_t)count;
	return at;
}

/* CHUNKS: strings in their order, each as it is, as many as there are. */
uint8_t *put_CHUNKS(struct encoder *to, uint8_t *at, unsigned id, const char *field,
		    const char *const *chunks, size_t n)
{
	if (!chunks)
		return refuse_null(to, field);
	if (n > UINT32_MAX)
		return refuse_count(to, field, n, UINT32_MAX);
	at = put_head(put_key(at, id), 0x90, 15, 0xdc, n);
	for (size_t i = 0; i < n; i++) {
		at = chunks[i] ? put_str(to, at, chunks[i], UINT32_MAX) : stuck(to, EMPTY);
		if (!at)
			return refuse(to, (struct place){field, i, NULL});
	}
	return at;
}

void payi__refuse_field(struct encoder *to, const char *field)
{
	refuse(to, (struct place){field, WHOLE, NULL});
}
