/* The agent's reading of what applications say of use cases: each rule refuses what breaks it, in words. */
#include "event/use_case.h"

#include "help/pack.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define HANDLE PAYI_HANDLE_PREFIX "018f2b6e-0000-7000-8000-000000000001"

enum { TIME_US = 1700000000 };

static void pack_notice(struct pack *pack, const char *name, int text_field, const char *text)
{
	pack_init(pack, 3);
	pack_field_str(pack, (enum payi_field)PAYI_USE_CASE_NAME, name);
	pack_field_int(pack, (enum payi_field)PAYI_USE_CASE_TIME, TIME_US);
	pack_field_str(pack, (enum payi_field)text_field, text);
}

/* Decodes a copy at the end of its own memory, so that a step beyond it is seen. */
static const char *decode(struct use_case_notice *notice, enum use_case_kind kind,
			  const void *record, size_t bytes)
{
	static char reason[EVENT_REASON_BYTES];
	uint8_t *copy = malloc(bytes ? bytes : 1);
	memcpy(copy, record, bytes);
	const char *why = use_case_decode(notice, kind, copy, bytes, reason);
	free(copy);
	return why;
}

static void expect_packed(enum use_case_kind kind, struct pack *pack, const char *words)
{
	struct use_case_notice notice;
	const char *reason = decode(&notice, kind, pack->buf.data, pack->buf.size);
	if (words)
		cr_expect(reason && strstr(reason, words), "\"%s\" does not say \"%s\"",
			  reason ? reason : "taken", words);
	else
		cr_expect(!reason, "%s", reason);
	pack_release(pack);
}

static void expect(enum use_case_kind kind, const char *name, int text_field, const char *text,
		   const char *words)
{
	struct pack pack;
	pack_notice(&pack, name, text_field, text);
	expect_packed(kind, &pack, words);
}

Test(use_case, reads_what_applications_say)
{
	struct pack pack;
	struct use_case_notice notice;
	char reason[EVENT_REASON_BYTES];
	pack_notice(&pack, "triage", PAYI_USE_CASE_DESCRIPTION, "Sorts tickets.");
	const uint8_t *record = (const uint8_t *)pack.buf.data;
	cr_assert_null(use_case_decode(&notice, USE_CASE_DEFINE, record, pack.buf.size, reason));
	cr_assert_eq(notice.kind, USE_CASE_DEFINE);
	cr_assert_eq(notice.time_us, TIME_US);
	cr_assert(notice.name.len == 6 && memcmp(notice.name.text, "triage", 6) == 0);
	cr_assert(notice.description.len == 14);
	cr_assert(memcmp(notice.description.text, "Sorts tickets.", 14) == 0);
	cr_assert_null(notice.id.text);
	pack_release(&pack);
	expect(USE_CASE_CREATE, "triage", PAYI_USE_CASE_ID, "ticket-7", NULL);
	expect(USE_CASE_REQUEST, "triage", PAYI_USE_CASE_ID, HANDLE, NULL);
}

Test(use_case, keeps_the_rules_of_names_ids_and_descriptions)
{
	static char long_text[PAYI_LIMIT_DESCRIPTION + 2];
	memset(long_text, 'x', PAYI_LIMIT_DESCRIPTION + 1);
	const char *much = long_text;
	expect(USE_CASE_DEFINE, "two words", PAYI_USE_CASE_DESCRIPTION, "d", "use_case_name");
	expect(USE_CASE_DEFINE, "", PAYI_USE_CASE_DESCRIPTION, "d", "use_case_name");
	expect(USE_CASE_DEFINE, much + sizeof(long_text) - 66, PAYI_USE_CASE_DESCRIPTION, "d",
	       "1 to 64");
	expect(USE_CASE_DEFINE, much + sizeof(long_text) - 65, PAYI_USE_CASE_DESCRIPTION, "d",
	       NULL);
	expect(USE_CASE_DEFINE, "a", PAYI_USE_CASE_DESCRIPTION, "", "description");
	expect(USE_CASE_DEFINE, "a", PAYI_USE_CASE_DESCRIPTION, much, "description is 4097");
	expect(USE_CASE_DEFINE, "a", PAYI_USE_CASE_DESCRIPTION, much + 1, NULL);
	expect(USE_CASE_DEFINE, "a", PAYI_USE_CASE_DESCRIPTION, "\xff", "UTF-8");
	expect(USE_CASE_CREATE, "a", PAYI_USE_CASE_ID, "", "use_case_id");
	expect(USE_CASE_CREATE, "a", PAYI_USE_CASE_ID, much + sizeof(long_text) - 1026, "1025");
	expect(USE_CASE_CREATE, "a", PAYI_USE_CASE_ID, much + sizeof(long_text) - 1025, NULL);
	expect(USE_CASE_CREATE, "a", PAYI_USE_CASE_ID, "\xc3", "UTF-8");
}

/* An id is a handle by its prefix, in events too: what is said of it must not contradict that. */
Test(use_case, takes_a_handle_for_a_request_alone)
{
	expect(USE_CASE_REQUEST, "a", PAYI_USE_CASE_ID, "ticket-7", "payi-handle-");
	expect(USE_CASE_REQUEST, "a", PAYI_USE_CASE_ID, "payi-handle", "payi-handle-");
	expect(USE_CASE_CREATE, "a", PAYI_USE_CASE_ID, HANDLE, "payi-handle-");
	cr_assert(use_case_id_is_handle(HANDLE, strlen(HANDLE)));
	cr_assert(use_case_id_is_handle("payi-handle-", 12));
	cr_assert_not(use_case_id_is_handle("payi-handle-", 11));
	cr_assert_not(use_case_id_is_handle("Payi-handle-1", 13));
	cr_assert_not(use_case_id_is_handle(NULL, 0));
}

Test(use_case, refuses_fields_that_are_missing_twice_or_of_another_kind)
{
	struct pack pack;
	expect(USE_CASE_DEFINE, "a", PAYI_USE_CASE_ID, "7", "field 18 does not belong here");
	expect(USE_CASE_CREATE, "a", PAYI_USE_CASE_DESCRIPTION, "d", "field 28 does not belong");
	expect(USE_CASE_REQUEST, "a", PAYI_FIELD_category, "d", "field 1 does not belong");
	expect(USE_CASE_CREATE, "a", PAYI_USE_CASE_NAME, "a", "there twice");
	expect(USE_CASE_CREATE, "a", 64, "x", "1 to 63");
	expect(USE_CASE_CREATE, "a", 0, "x", "1 to 63");
	expect(USE_CASE_CREATE, NULL, PAYI_USE_CASE_ID, "7", "use_case_name");
	pack_init(&pack, 2);
	pack_field_str(&pack, PAYI_FIELD_use_case_name, "a");
	pack_field_str(&pack, PAYI_FIELD_use_case_id, "7");
	expect_packed(USE_CASE_CREATE, &pack, "missing");
	pack_init(&pack, 1);
	pack_field_str(&pack, (enum payi_field)PAYI_USE_CASE_TIME, "soon");
	expect_packed(USE_CASE_CREATE, &pack, "not a whole number");
	pack_init(&pack, 1);
	pack_field_int(&pack, (enum payi_field)PAYI_USE_CASE_TIME, -1);
	expect_packed(USE_CASE_CREATE, &pack, "the time is -1");
	pack_init(&pack, 1);
	pack_field_int(&pack, (enum payi_field)PAYI_USE_CASE_TIME, EVENT_TIME_MAX_US + 1);
	expect_packed(USE_CASE_CREATE, &pack, "the time is 253402300800000000");
	pack_init(&pack, 0);
	expect_packed(USE_CASE_DEFINE, &pack, "missing");
	pack_notice(&pack, "a", PAYI_USE_CASE_ID, "7");
	msgpack_pack_nil(&pack.to);
	expect_packed(USE_CASE_CREATE, &pack, "bytes follow");
}

Test(use_case, refuses_every_truncation)
{
	struct pack pack;
	struct use_case_notice notice;
	pack_notice(&pack, "triage", PAYI_USE_CASE_ID, HANDLE);
	for (size_t bytes = 0; bytes < pack.buf.size; bytes++)
		cr_assert_not_null(decode(&notice, USE_CASE_REQUEST, pack.buf.data, bytes));
	pack_release(&pack);
}

/* What it takes after a change keeps the rules all the same. */
Test(use_case, survives_every_change_of_a_byte)
{
	struct pack pack;
	struct use_case_notice notice;
	char reason[EVENT_REASON_BYTES];
	pack_notice(&pack, "triage", PAYI_USE_CASE_DESCRIPTION, "Sorts tickets.");
	uint8_t *record = malloc(pack.buf.size);
	memcpy(record, pack.buf.data, pack.buf.size);
	for (size_t at = 0; at < pack.buf.size; at++) {
		const uint8_t good = record[at];
		for (int value = 0; value < 256; value++) {
			record[at] = (uint8_t)value;
			if (use_case_decode(&notice, USE_CASE_DEFINE, record, pack.buf.size,
					    reason))
				continue;
			cr_assert(use_case_name_is_good(notice.name.text, notice.name.len));
			cr_assert(notice.description.len > 0);
			cr_assert((const uint8_t *)notice.description.text >= record);
			cr_assert((const uint8_t *)notice.description.text +
					  notice.description.len <=
				  record + pack.buf.size);
		}
		record[at] = good;
	}
	free(record);
	pack_release(&pack);
}
