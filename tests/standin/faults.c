#include "standin/faults.h"

#include "standin/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FOR_EVER = -1, HUGE_BYTES_MAX = 256 << 20, WAIT_MS_MAX = 600 * 1000 };

static const char *const KINDS[] = {"bulk",   "single",      "limits",
				    "lookup", "definitions", "instances"};

enum { N_KINDS = sizeof(KINDS) / sizeof(KINDS[0]) };

struct request_rule {
	struct fault fault;
	int times_left;
	const char *on; /* NULL: any kind */
	double from_s, until_s;
};

struct item_rule {
	const char *field, *text;
	bool prefix; /* text is how it begins */
	bool whole_batch;
	int times_left;
	struct refusal refusal;
};

/* ---- Reading: rules for requests ------------------------------------------------------------------ */

static int action_of(const char *name)
{
	static const char *const NAMES[] = {
		[FAULT_NONE] = "",
		[FAULT_RESET_BEFORE] = "reset_before",
		[FAULT_RESET_AFTER] = "reset_after",
		[FAULT_TRUNCATE] = "truncate",
		[FAULT_SLOW] = "slow",
		[FAULT_CHUNKED] = "chunked",
	};
	for (int i = 0; i < (int)(sizeof(NAMES) / sizeof(NAMES[0])); i++)
		if (strcmp(name, NAMES[i]) == 0)
			return i;
	return -1;
}

static bool is_kind(const char *name)
{
	for (size_t i = 0; i < N_KINDS; i++)
		if (strcmp(KINDS[i], name) == 0)
			return true;
	return false;
}

static bool is_within(int value, int max)
{
	return value >= 0 && value <= max;
}

static bool is_map_of_texts(json_t *map)
{
	const char *name;
	json_t *value;
	json_object_foreach(map, name, value) if (!json_is_string(value)) return false;
	return json_is_object(map);
}

static const char *check_request_rule(const struct request_rule *rule, const char *action)
{
	const struct fault *fault = &rule->fault;
	if (action_of(action) < 0)
		return "action is none of reset_before, reset_after, truncate, slow, chunked";
	if (rule->on && !is_kind(rule->on))
		return "on is none of bulk, single, limits, lookup, definitions, instances";
	if (rule->times_left < 1 && rule->times_left != FOR_EVER)
		return "times must be at least 1";
	if (fault->status && (fault->status < 200 || fault->status > 599))
		return "status must be 200 to 599";
	if (fault->piece_bytes < 1 || !is_within(fault->piece_ms, WAIT_MS_MAX))
		return "piece_bytes must be at least 1, piece_ms 0 to 600000";
	if (!is_within(fault->hang_ms, WAIT_MS_MAX) ||
	    !is_within(fault->hang_after_ms, WAIT_MS_MAX))
		return "hang_ms and hang_after_ms must be 0 to 600000";
	if (!is_within(fault->huge_bytes, HUGE_BYTES_MAX))
		return "huge_bytes must be 0 to 268435456";
	if (fault->headers && !is_map_of_texts(fault->headers))
		return "headers must be an object of strings";
	return NULL;
}

/* A body given as JSON becomes its text, in the rule itself, so that it can be borrowed. */
static const char *body_of(json_t *rule)
{
	json_t *body = json_object_get(rule, "body");
	if (body && !json_is_string(body)) {
		char *text = json_dumps(body, JSON_COMPACT | JSON_ENCODE_ANY);
		json_object_set_new(rule, "body", json_string(text));
		free(text);
	}
	return json_string_value(json_object_get(rule, "body"));
}

static const char *read_request_rule(json_t *json, struct request_rule *rule, json_error_t *error)
{
	struct fault *fault = &rule->fault;
	const char *action = "";
	int processed = 0;
	const bool timed = json_object_get(json, "from_s") || json_object_get(json, "until_s");
	*rule = (struct request_rule){
		.fault = {.rule = json, .piece_bytes = 1, .piece_ms = 20},
		.times_left = timed ? FOR_EVER : 1,
	};
	const char *body = body_of(json);
	if (json_unpack_ex(json, error, 0,
			   "{s?i s?s s?F s?F s?i s?b s?s s?s s?o s?s s?i s?i s?i s?i s?i !}",
			   "times", &rule->times_left, "on", &rule->on, "from_s", &rule->from_s,
			   "until_s", &rule->until_s, "status", &fault->status, "processed",
			   &processed, "body", &fault->body, "raw", &fault->raw, "headers",
			   &fault->headers, "action", &action, "hang_ms", &fault->hang_ms,
			   "hang_after_ms", &fault->hang_after_ms, "piece_bytes",
			   &fault->piece_bytes, "piece_ms", &fault->piece_ms, "huge_bytes",
			   &fault->huge_bytes) != 0)
		return error->text;
	fault->action = action_of(action) < 0 ? FAULT_NONE : (enum fault_action)action_of(action);
	fault->processed = processed;
	fault->body = body;
	return check_request_rule(rule, action);
}

/* ---- Reading: rules for events -------------------------------------------------------------------- */

/* What the rule looks for: by match_id, poison_id, or match; an id may end in a star. */
static const char *read_match(const char *id, json_t *match, struct item_rule *rule)
{
	if ((id != NULL) + (match != NULL) != 1 || (match && json_object_size(match) != 1))
		return "one of match_id, poison_id, or match with one member must be given";
	rule->field = "provider_response_id";
	rule->text = id;
	if (match) {
		rule->field = json_object_iter_key(json_object_iter(match));
		rule->text = json_string_value(json_object_get(match, rule->field));
	}
	if (!rule->text)
		return "what to match must be a string";
	const size_t length = strlen(rule->text);
	rule->prefix = length > 0 && rule->text[length - 1] == '*';
	return NULL;
}

static const char *read_item_rule(json_t *json, struct item_rule *rule, json_error_t *error)
{
	const char *match_id = NULL, *poison_id = NULL, *code = NULL,
		   *message = "as it was told to";
	json_t *match = NULL, *item_error = NULL;
	int whole_batch = 0;
	*rule = (struct item_rule){.times_left = FOR_EVER};
	if (json_unpack_ex(json, error, 0, "{s?s s?s s?o s?o s?b !}", "match_id", &match_id,
			   "poison_id", &poison_id, "match", &match, "item_error", &item_error,
			   "whole_batch", &whole_batch) != 0)
		return error->text;
	rule->whole_batch = whole_batch || poison_id;
	if (rule->whole_batch == (item_error != NULL))
		return "either item_error or whole_batch must be given";
	if (item_error) {
		if (json_unpack_ex(item_error, error, 0, "{s:s s?s s?i s?i !}", "code", &code,
				   "message", &message, "status", &rule->refusal.status, "times",
				   &rule->times_left) != 0)
			return error->text;
		rule->refusal.code = code;
		snprintf(rule->refusal.message, sizeof(rule->refusal.message), "%s", message);
		if (rule->refusal.status == 0)
			rule->refusal.status = strcmp(code, "unexpected_error") == 0 ? 500 : 400;
	}
	return read_match(match_id ? match_id : poison_id, match, rule);
}

/* ---- Reading: settings, scripts ------------------------------------------------------------------- */

static const char *read_settings(json_t *json, struct faults *faults, json_error_t *error)
{
	struct fault_settings *settings = &faults->settings;
	int bulk_enabled = !settings->bulk_disabled, unauthorized = settings->unauthorized;
	int gzip = settings->gzip;
	if (json_unpack_ex(json, error, 0, "{s?i s?b s?i s?i s?i s?b s?b s?i s?i s?i s?s !}",
			   "index_base", &settings->index_base, "gzip", &gzip, "bulk_status",
			   &settings->bulk_status, "max_items", &settings->max_items, "max_bytes",
			   &settings->max_bytes, "bulk_enabled", &bulk_enabled, "unauthorized",
			   &unauthorized, "partial_status", &settings->partial_status,
			   "duplicate_status", &settings->duplicate_status, "clock_offset_s",
			   &settings->clock_offset_s, "key", &faults->key) != 0)
		return error->text;
	settings->bulk_disabled = !bulk_enabled;
	settings->unauthorized = unauthorized;
	settings->gzip = gzip;
	return NULL;
}

static bool has_any(const json_t *json, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (json_object_get(json, names[i]))
			return true;
	return false;
}

static const char *read_rule(json_t *json, struct faults *faults, json_error_t *error)
{
	static const char *const OF_ITEMS[] = {"item_error", "whole_batch", "poison_id", "match_id",
					       "match"};
	static const char *const SETTINGS[] = {"max_items",
					       "max_bytes",
					       "bulk_enabled",
					       "bulk_status",
					       "unauthorized",
					       "partial_status",
					       "duplicate_status",
					       "clock_offset_s",
					       "key",
					       "index_base",
					       "gzip"};
	if (!json_is_object(json) || json_object_size(json) == 0)
		return "a rule must be an object that says something";
	if (has_any(json, OF_ITEMS, sizeof(OF_ITEMS) / sizeof(OF_ITEMS[0])))
		return read_item_rule(json, &faults->items[faults->n_items++], error);
	if (has_any(json, SETTINGS, sizeof(SETTINGS) / sizeof(SETTINGS[0])))
		return read_settings(json, faults, error);
	return read_request_rule(json, &faults->requests[faults->n_requests++], error);
}

int faults_load(struct faults *faults, json_t *script, double now_s,
		char message[VALIDATE_MESSAGE_BYTES])
{
	if (!json_is_array(script)) {
		snprintf(message, VALIDATE_MESSAGE_BYTES, "a script must be an array of rules");
		return -1;
	}
	const size_t n = json_array_size(script);
	struct faults fresh = {
		.script = json_incref(script),
		.began_s = now_s,
		.requests = memory_zeroed(n, sizeof(fresh.requests[0])),
		.items = memory_zeroed(n, sizeof(fresh.items[0])),
	};
	for (size_t i = 0; i < n; i++) {
		json_error_t error;
		const char *problem = read_rule(json_array_get(script, i), &fresh, &error);
		if (problem) {
			snprintf(message, VALIDATE_MESSAGE_BYTES, "rule %zu: %s", i, problem);
			faults_release(&fresh);
			return -1;
		}
	}
	faults_release(faults);
	*faults = fresh;
	return 0;
}

void faults_release(struct faults *faults)
{
	free(faults->requests);
	free(faults->items);
	json_decref(faults->script);
	*faults = (struct faults){0};
}

/* ---- Requests ------------------------------------------------------------------------------------- */

static bool fits(const struct request_rule *rule, const char *kind, double since_s)
{
	return rule->times_left != 0 && (!rule->on || strcmp(rule->on, kind) == 0) &&
	       since_s >= rule->from_s && (rule->until_s <= 0 || since_s < rule->until_s);
}

void faults_take(struct faults *faults, const char *kind, double now_s, struct fault *fault)
{
	*fault = (struct fault){0};
	for (size_t i = 0; i < faults->n_requests; i++) {
		struct request_rule *rule = &faults->requests[i];
		if (!fits(rule, kind, now_s - faults->began_s))
			continue;
		if (rule->times_left > 0)
			rule->times_left--;
		*fault = rule->fault;
		json_incref(fault->rule);
		return;
	}
}

void fault_release(struct fault *fault)
{
	json_decref(fault->rule);
	*fault = (struct fault){0};
}

/* ---- Events --------------------------------------------------------------------------------------- */

static bool is_alike(const struct item_rule *rule, const json_t *value)
{
	const char *text = json_string_value(value);
	if (!text)
		return false;
	return rule->prefix ? strncmp(text, rule->text, strlen(rule->text) - 1) == 0
			    : strcmp(text, rule->text) == 0;
}

static bool matches(const struct item_rule *rule, const json_t *item)
{
	const json_t *value = json_object_get(item, rule->field);
	bool found = is_alike(rule, value);
	for (size_t i = 0; !found && i < json_array_size(value); i++)
		found = is_alike(rule, json_array_get(value, i));
	return found;
}

bool faults_poison(const struct faults *faults, const json_t *item)
{
	for (size_t i = 0; i < faults->n_items; i++)
		if (faults->items[i].whole_batch && matches(&faults->items[i], item))
			return true;
	return false;
}

bool faults_refuse(struct faults *faults, const json_t *item, struct refusal *refusal)
{
	for (size_t i = 0; i < faults->n_items; i++) {
		struct item_rule *rule = &faults->items[i];
		if (rule->whole_batch || rule->times_left == 0 || !matches(rule, item))
			continue;
		if (rule->times_left > 0)
			rule->times_left--;
		*refusal = rule->refusal;
		return true;
	}
	return false;
}
