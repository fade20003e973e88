#define _GNU_SOURCE /* syscall() */
#include "prove/kit/oracle.h"

#include "prove/kit/prove.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum what { ATTEMPTED = 1, ACCEPTED = 2, REFUSED = 4, STORED = 8, DELIVERED = 16 };

/*
 * One line. A process that is killed within a write has written as much as was in one page of the file, and none of the rest:
 * no line lies across two pages.
 */
struct entry {
	uint32_t producer, number, what, unused;
};
static_assert(4096 % sizeof(struct entry) == 0, "a line would be torn at the end of a page");

void oracle_open(struct oracle *oracle, const struct place *place)
{
	snprintf(oracle->path, sizeof(oracle->path), "%s/oracle", place->root);
	unlink(oracle->path);
	oracle->log = open(oracle->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (oracle->log < 0)
		prove_broken("cannot write %s", oracle->path);
}

void oracle_close(struct oracle *oracle)
{
	close(oracle->log);
	oracle->log = -1;
}

/* ---- In a producer -------------------------------------------------------------------------------- */

static void write_down(const struct oracle *oracle, uint32_t producer, uint32_t number,
		       enum what what)
{
	const struct entry entry = {producer, number, (uint32_t)what, 0};
	long n;
	/* Not write(), at which a cancelled thread would end. */
	while ((n = syscall(SYS_write, oracle->log, &entry, sizeof(entry))) < 0 && errno == EINTR)
		continue;
	if (n != sizeof(entry))
		_exit(9);
}

static int fill_bytes(uint32_t producer, uint32_t number)
{
	return 1 + (int)((number * 37 + producer * 101) % 400) +
	       (number % 64 == 63 ? ORACLE_FILL_MAX - 401 : 0);
}

static void fill_text(char text[ORACLE_FILL_MAX + 1], uint32_t producer, uint32_t number)
{
	const int n = fill_bytes(producer, number);
	memset(text, 'a' + (int)((producer + number) % 26), (size_t)n);
	text[n] = '\0';
}

void oracle_event(struct oracle_event *it, uint32_t producer, uint32_t number)
{
	snprintf(it->id, sizeof(it->id), "e%" PRIu32 "-%" PRIu32, producer, number);
	snprintf(it->use_case_id, sizeof(it->use_case_id), "case-%" PRIu32, number % 23);
	snprintf(it->user, sizeof(it->user), "user-%" PRIu32, producer % 7);
	fill_text(it->fill, producer, number);
	it->units[0] = (payi_units){"text", number, producer};
	it->properties[0] = (payi_property){"fill", it->fill};
	it->event = (payi_event)PAYI_EVENT_INIT;
	it->event.event_timestamp_us = INT64_C(1795000000000000) + number;
	it->event.category = "system.openai";
	it->event.resource = "gpt-4o";
	it->event.units = it->units;
	it->event.n_units = 1;
	it->event.provider_response_id = it->id;
	it->event.use_case_name = "proof";
	it->event.use_case_id = it->use_case_id;
	it->event.user_id = it->user;
	it->event.properties = it->properties;
	it->event.n_properties = 1;
}

payi_status oracle_track(const struct oracle *oracle, payi_client *client, uint32_t producer,
			 uint32_t number)
{
	struct oracle_event event;
	oracle_event(&event, producer, number);
	write_down(oracle, producer, number, ATTEMPTED);
	const payi_status status = payi_track(client, &event.event);
	write_down(oracle, producer, number, status == PAYI_OK ? ACCEPTED : REFUSED);
	return status;
}

void oracle_note_accepted(const struct oracle *oracle, uint32_t producer, uint32_t number)
{
	write_down(oracle, producer, number, ATTEMPTED);
	write_down(oracle, producer, number, ACCEPTED);
}

/* ---- Loading -------------------------------------------------------------------------------------- */

struct producer {
	uint8_t *events;
	uint32_t n;
};

struct check {
	struct producer *producers;
	uint32_t n_producers, dead_from;
	struct oracle_sums *sums;
};

/* What is known of an event; grows as needed. */
static uint8_t *state_of(struct check *check, uint32_t producer, uint32_t number)
{
	if (producer >= check->n_producers) {
		const uint32_t n = producer + 1024;
		check->producers = realloc(check->producers, n * sizeof(*check->producers));
		if (!check->producers)
			prove_broken("no memory for the oracle");
		memset(check->producers + check->n_producers, 0,
		       (n - check->n_producers) * sizeof(*check->producers));
		check->n_producers = n;
	}
	struct producer *it = &check->producers[producer];
	if (number >= it->n) {
		const uint32_t n = number + number / 2 + 64;
		it->events = realloc(it->events, n);
		if (!it->events)
			prove_broken("no memory for the oracle");
		memset(it->events + it->n, 0, n - it->n);
		it->n = n;
	}
	return &it->events[number];
}

static void load(struct check *check, const struct oracle *oracle)
{
	struct entry entry;
	FILE *log = fopen(oracle->path, "re");
	while (log && fread(&entry, sizeof(entry), 1, log) == 1)
		*state_of(check, entry.producer, entry.number) |= (uint8_t)entry.what;
	if (!log)
		prove_broken("cannot read %s", oracle->path);
	fclose(log);
}

static void release(struct check *check)
{
	for (uint32_t i = 0; i < check->n_producers; i++)
		free(check->producers[i].events);
	free(check->producers);
}

/* Counts, and says it in words as long as there are few. */
static void wrong(int64_t *count, const char *what, const char *id)
{
	if (++*count <= 5)
		prove_finding("%s: %s", what, id);
}

/* Whether the service is to refuse what this producer tracks. */
static bool must_be_dead(const struct check *check, uint32_t producer)
{
	return check->dead_from && producer >= check->dead_from;
}

/* The numbers in an id, or NULL state when it is none of ours. */
static uint8_t *find(struct check *check, const char *id, uint32_t *producer, uint32_t *number)
{
	int end = 0;
	if (!id || sscanf(id, "e%" SCNu32 "-%" SCNu32 "%n", producer, number, &end) != 2 ||
	    id[end] != '\0')
		return NULL;
	if (*producer >= check->n_producers || *number >= check->producers[*producer].n)
		return NULL;
	uint8_t *state = &check->producers[*producer].events[*number];
	return *state & ATTEMPTED ? state : NULL;
}

/* ---- SQLite --------------------------------------------------------------------------------------- */

static bool is_as_tracked(sqlite3_stmt *row, uint32_t producer, uint32_t number)
{
	char fill[ORACLE_FILL_MAX + 1], properties[ORACLE_FILL_MAX + 32], units[80];
	fill_text(fill, producer, number);
	snprintf(properties, sizeof(properties), "{\"fill\":\"%s\"}", fill);
	snprintf(units, sizeof(units), "{\"text\":{\"input\":%" PRIu32 ",\"output\":%" PRIu32 "}}",
		 number, producer);
	const char *stored_units = (const char *)sqlite3_column_text(row, 1);
	const char *stored_properties = (const char *)sqlite3_column_text(row, 2);
	return stored_units && strcmp(stored_units, units) == 0 && stored_properties &&
	       strcmp(stored_properties, properties) == 0;
}

static void check_stored(void *context, sqlite3_stmt *row)
{
	struct check *check = context;
	struct oracle_sums *sums = check->sums;
	uint32_t producer, number;
	const char *id = (const char *)sqlite3_column_text(row, 0);
	uint8_t *state = find(check, id, &producer, &number);
	sums->stored++;
	if (!state) {
		wrong(&sums->invented, "stored and never attempted", id);
		return;
	}
	if (*state & STORED)
		wrong(&sums->doubled, "stored twice", id);
	if (*state & REFUSED)
		wrong(&sums->undead, "stored though refused", id);
	if (!is_as_tracked(row, producer, number))
		wrong(&sums->changed, "stored otherwise than it was tracked", id);
	*state |= STORED;
}

/* ---- The service ---------------------------------------------------------------------------------- */

static void check_line(struct check *check, const char *line)
{
	static const char name[] = "\"provider_response_id\":\"";
	char id[40] = "";
	uint32_t producer, number;
	const char *at = strstr(line, name);
	if (at)
		sscanf(at + sizeof(name) - 1, "%39[^\"]", id);
	uint8_t *state = find(check, id, &producer, &number);
	check->sums->delivered++;
	if (!state || !(*state & STORED))
		wrong(&check->sums->delivered_invented, "at the service and not stored", id);
	else if (must_be_dead(check, producer))
		wrong(&check->sums->delivered_invented, "at the service though it refuses it", id);
	else
		*state |= DELIVERED;
}

/* One page of what the service took; how many there were. */
static int check_page(struct check *check, const struct standin *service, int64_t after)
{
	char path[80];
	int n = 0;
	snprintf(path, sizeof(path), "/control/events?after=%" PRId64 "&limit=20000", after);
	char *body = standin_get(service, path);
	for (char *rest = body, *line; rest && (line = strsep(&rest, "\n"));)
		if (*line) {
			check_line(check, line);
			n++;
		}
	free(body);
	return n;
}

static void check_service(struct check *check, const struct standin *service)
{
	int64_t after = 0;
	for (int n; (n = check_page(check, service, after)) > 0; after += n)
		continue;
	if (standin_stat(service, "duplicates_different") != 0)
		prove_finding("%" PRId64 " events came to the service again with another body",
			      standin_stat(service, "duplicates_different"));
}

/* ---- The sets ------------------------------------------------------------------------------------- */

static void check_sets(struct check *check, bool service)
{
	struct oracle_sums *sums = check->sums;
	for (uint32_t producer = 0; producer < check->n_producers; producer++)
		for (uint32_t number = 0; number < check->producers[producer].n; number++) {
			const uint8_t state = check->producers[producer].events[number];
			char id[40];
			snprintf(id, sizeof(id), "e%" PRIu32 "-%" PRIu32, producer, number);
			sums->attempted += (state & ATTEMPTED) != 0;
			sums->accepted += (state & ACCEPTED) != 0;
			sums->refused += (state & REFUSED) != 0;
			sums->unknown += (state & ATTEMPTED) && !(state & (ACCEPTED | REFUSED));
			if ((state & ACCEPTED) && !(state & STORED))
				wrong(&sums->lost, "accepted and not stored", id);
			const bool dead = must_be_dead(check, producer);
			sums->dead += dead && (state & STORED);
			if (service && (state & STORED) && !(state & DELIVERED) && !dead)
				wrong(&sums->undelivered, "stored and not at the service", id);
		}
}

int64_t oracle_accepted(const struct oracle *oracle)
{
	struct oracle_sums sums = {0};
	struct check check = {.sums = &sums};
	load(&check, oracle);
	for (uint32_t producer = 0; producer < check.n_producers; producer++)
		for (uint32_t number = 0; number < check.producers[producer].n; number++)
			sums.accepted += (check.producers[producer].events[number] & ACCEPTED) != 0;
	release(&check);
	return sums.accepted;
}

void oracle_check(const struct oracle *oracle, const struct place *place,
		  const struct standin *service, struct oracle_sums *sums)
{
	struct check check = {.sums = sums, .dead_from = oracle->dead_from};
	*sums = (struct oracle_sums){0};
	load(&check, oracle);
	place_each_row(place, "SELECT provider_response_id, units, properties FROM events",
		       check_stored, &check);
	if (service)
		check_service(&check, service);
	check_sets(&check, service != NULL);
	release(&check);
}

int64_t oracle_wrongs(const struct oracle_sums *sums)
{
	return sums->lost + sums->doubled + sums->invented + sums->changed + sums->undead +
	       sums->undelivered + sums->delivered_invented;
}

/* ---- The books ------------------------------------------------------------------------------------ */

struct books {
	int n_wrong;
	int64_t in_flight;
};

static void check_lane(void *context, sqlite3_stmt *row)
{
	struct books *books = context;
	const int64_t missing = sqlite3_column_int64(row, 3);
	books->in_flight += missing;
	if (missing >= 0 && missing <= 1 &&
	    strcmp((const char *)sqlite3_column_text(row, 1), "closed") == 0)
		return;
	books->n_wrong++;
	prove_finding("the books of ring %s (%s), lane %d, do not balance: %" PRId64 " in flight",
		      (const char *)sqlite3_column_text(row, 0),
		      (const char *)sqlite3_column_text(row, 1), sqlite3_column_int(row, 2),
		      missing);
}

static void check_ring(void *context, sqlite3_stmt *row)
{
	struct books *books = context;
	const int64_t unstored = sqlite3_column_int64(row, 1);
	if (unstored == 0)
		return;
	books->n_wrong++;
	prove_finding("ring %s has %" PRId64 " records more than events",
		      (const char *)sqlite3_column_text(row, 0), unstored);
}

int place_check_books(const struct place *place, int64_t *in_flight)
{
	static const char lanes[] = "SELECT g.app_name, g.state, l.lane, l.attempted - l.sequence"
				    " - l.refused - l.dropped_full - l.dropped_too_big"
				    " FROM rings g JOIN lanes l ON l.ring = g.id";
	static const char rings[] =
		"SELECT g.app_name, coalesce(sum(l.sequence - l.rejected - l.notices), 0)"
		" - coalesce(max(n.events), 0)"
		" FROM rings g LEFT JOIN lanes l ON l.ring = g.id"
		" LEFT JOIN (SELECT ring, count(*) AS events FROM events GROUP BY ring) n"
		" ON n.ring = g.id GROUP BY g.id";
	struct books books = {0};
	place_each_row(place, lanes, check_lane, &books);
	place_each_row(place, rings, check_ring, &books);
	if (in_flight)
		*in_flight = books.in_flight;
	return books.n_wrong;
}
