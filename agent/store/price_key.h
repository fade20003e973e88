/*
 * The key by which the prices of a resource are asked for: the rows of its category and its name, in one number. For the
 * store alone; others hand it on.
 */
#ifndef PAYI_STORE_PRICE_KEY_H
#define PAYI_STORE_PRICE_KEY_H

#include <stdint.h>

static inline int64_t price_key(int64_t category, int64_t resource)
{
	return (int64_t)((uint64_t)category << 32 | (uint64_t)resource);
}

static inline int64_t price_key_category(int64_t key)
{
	return key >> 32;
}

static inline int64_t price_key_resource(int64_t key)
{
	return key & INT64_C(0xffffffff);
}

#endif
