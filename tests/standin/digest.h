/*
 * Hashes: of bytes, and of a JSON value whatever the order of its members and however it was written, so
 * that two sends of one event can be compared without keeping either.
 */
#ifndef PAYI_STANDIN_DIGEST_H
#define PAYI_STANDIN_DIGEST_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

uint64_t digest_bytes(uint64_t seed, const void *bytes, size_t n);
uint64_t digest_json(const json_t *value);

#endif
