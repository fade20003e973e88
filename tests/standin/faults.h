/*
 * Misbehaviour on command: a script in JSON, an array of rules. The script replaces the one before; "[]" ends
 * all misbehaviour (but a changed key stays changed). What is not understood is refused, the old script stays.
 *
 * A rule for requests applies to the first requests that it fits, in the order of the rules:
 *   which:   "times" (else 1, or -1, without bound, where seconds are given), "on" ("bulk", "single", "limits",
 *            "lookup", "definitions", "instances"; else any), "from_s" and "until_s" (seconds since the script came)
 *   instead of an answer: "status", "headers", "body" (text, or JSON); "raw" (bytes for the socket, then it is
 *            closed); with "processed": true the request is carried out first and its answer lost
 *   or:      "action": "reset_before" or "reset_after" carrying it out; "truncate", "slow" or "chunked"
 *   slow and raw: "piece_bytes" at a time, "piece_ms" apart
 *   besides: "hang_ms" before carrying it out, "hang_after_ms" before the answer, "huge_bytes" of blanks before
 *            the answer's body, "headers" alone are added to the true answer
 *
 * A rule for events: "match_id" (a last * stands for anything), or "match": {"field": "text"} with a text field
 * or an item of a list, and "item_error": {"code", "message", "status", "times"}. Or "poison_id" (or "match")
 * with "whole_batch": true: the whole batch is refused by a 400 that does not say why.
 *
 * A setting stands until the next script: "max_items", "max_bytes" (413), "bulk_enabled": false (a 404, or "bulk_status"),
 * "unauthorized": true, "partial_status" (of a bulk answer with some errors), "duplicate_status" (409: what is
 * known already is refused), "clock_offset_s" (the service's clock is wrong), "key" (from now on), "index_base" (of an
 * error's item_index), "gzip": true (packed bodies are taken; else a 415).
 *
 * Not for several threads: the service has a lock. It is held for fault_release() too, as jansson's counts of
 * references are not quite for several threads; what a fault points to may be read without it.
 */
#ifndef PAYI_STANDIN_FAULTS_H
#define PAYI_STANDIN_FAULTS_H

#include "standin/validate.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum fault_action {
	FAULT_NONE,
	FAULT_RESET_BEFORE,
	FAULT_RESET_AFTER,
	FAULT_TRUNCATE,
	FAULT_SLOW,
	FAULT_CHUNKED,
};

/* What shall go wrong with one request. All strings live as long as rule. */
struct fault {
	json_t *rule; /* a reference; NULL: nothing goes wrong */
	enum fault_action action;
	int status; /* 0: the true answer */
	bool processed;
	const char *body; /* NULL: one like a gateway's */
	const char *raw;
	json_t *headers; /* NULL: none */
	int hang_ms, hang_after_ms;
	int piece_bytes, piece_ms;
	int huge_bytes;
};

struct fault_settings {
	int max_items, max_bytes; /* 0: no bound */
	bool bulk_disabled, unauthorized;
	int bulk_status;                      /* where bulk is disabled */
	int partial_status, duplicate_status; /* 0: 200 */
	int clock_offset_s;
	int index_base;
	bool gzip;
};

struct request_rule;
struct item_rule;

struct faults {
	json_t *script; /* what the rules borrow their strings from */
	double began_s;
	struct request_rule *requests;
	size_t n_requests;
	struct item_rule *items;
	size_t n_items;
	struct fault_settings settings;
	const char *key; /* NULL: the script does not change it */
};

/* now_s: on a clock that only goes forward. Takes a reference. Returns 0, or -1 with words in message. */
int faults_load(struct faults *faults, json_t *script, double now_s,
		char message[VALIDATE_MESSAGE_BYTES]);
void faults_release(struct faults *faults);

/* What shall go wrong with a request of this kind ("bulk", …); counts it off. */
void faults_take(struct faults *faults, const char *kind, double now_s, struct fault *fault);
void fault_release(struct fault *fault);

/* Whether the whole batch that holds this event is refused. */
bool faults_poison(const struct faults *faults, const json_t *item);

/* Whether this event is refused; counts it off. */
bool faults_refuse(struct faults *faults, const json_t *item, struct refusal *refusal);

#endif
