#include "standin/digest.h"

#include <string.h>

/* The finalizer of MurmurHash3: every bit of the input reaches every bit of the result. */
static uint64_t mix(uint64_t x)
{
	x ^= x >> 33;
	x *= UINT64_C(0xff51afd7ed558ccd);
	x ^= x >> 33;
	x *= UINT64_C(0xc4ceb9fe1a85ec53);
	return x ^ (x >> 33);
}

uint64_t digest_bytes(uint64_t seed, const void *bytes, size_t n)
{
	const unsigned char *at = bytes;
	uint64_t hash = mix(seed ^ (uint64_t)n);
	for (; n >= 8; n -= 8, at += 8) {
		uint64_t word;
		memcpy(&word, at, 8);
		hash = mix(hash ^ word) + word;
	}
	uint64_t rest = 0;
	memcpy(&rest, at, n);
	return mix(hash ^ rest);
}

/* The sum of its members, so that their order does not matter. */
static uint64_t digest_object(const json_t *object)
{
	uint64_t sum = 0;
	const char *key;
	json_t *value;
	json_object_foreach((json_t *)(uintptr_t)object, key, value) sum +=
		digest_bytes(digest_json(value), key, strlen(key));
	return sum;
}

static uint64_t digest_array(const json_t *array)
{
	uint64_t hash = 0;
	for (size_t i = 0; i < json_array_size(array); i++)
		hash = mix(hash + digest_json(json_array_get(array, i)));
	return hash;
}

static uint64_t digest_contents(const json_t *value)
{
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		return digest_object(value);
	case JSON_ARRAY:
		return digest_array(value);
	case JSON_STRING:
		return digest_bytes(0, json_string_value(value), json_string_length(value));
	case JSON_INTEGER:
		return mix((uint64_t)json_integer_value(value));
	case JSON_REAL: {
		const double real = json_real_value(value);
		return digest_bytes(0, &real, sizeof(real));
	}
	case JSON_TRUE:
	case JSON_FALSE:
	case JSON_NULL:
		break;
	}
	return 0;
}

uint64_t digest_json(const json_t *value)
{
	return mix(digest_contents(value) +
		   UINT64_C(0x9e3779b97f4a7c15) * (1u + json_typeof(value)));
}
