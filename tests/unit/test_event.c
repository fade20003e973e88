/* The agent's reading of records: each rule refuses what breaks it, and names the field. */
#include "event/event.h"

#include "help/pack.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

/* A record of the required fields and one more, made by add(). */
static void expect(void (*add)(struct pack *pack), const char *words)
{
	struct pack pack;
	struct event event;
	pack_init(&pack, PACK_REQUIRED + 1);
	pack_required(&pack, "id-1");
	add(&pack);
	const char *reason = pack_decode(&pack, &event);
	if (words)
		cr_assert(reason && strstr(reason, words), "\"%s\" does not say \"%s\"",
			  reason ? reason : "taken", words);
	else
		cr_assert(!reason, "%s", reason);
	pack_release(&pack);
}

/* ---- Whole records -------------------------------------------------------------------------------- */

Test(event, reads_the_required_fields)
{
	struct pack pack;
	struct event event;
	pack_init(&pack, PACK_REQUIRED);
	pack_required(&pack, "id-1");
	char reason[EVENT_REASON_BYTES];
	cr_assert(!event_decode(&event, (const uint8_t *)pack.buf.data, pack.buf.size, reason));
	cr_assert(event_has(&event, PAYI_FIELD_category));
	cr_assert(!event_has(&event, PAYI_FIELD_resource));
	cr_assert_eq(event.field[PAYI_FIELD_provider_response_id].len, 4);
	cr_assert(memcmp(event.field[PAYI_FIELD_provider_response_id].text, "id-1", 4) == 0);
	cr_assert_eq(event.field[PAYI_FIELD_event_timestamp_us].number, 1700000000123456);
	cr_assert_eq(event.input_units, 1);
	cr_assert_eq(event.output_units, 2);
	uint32_t n;
	struct event_units units;
	struct msgpack in = event_open(&event, PAYI_FIELD_units, &n);
	cr_assert_eq(n, 1);
	event_units_next(&in, &units);
	cr_assert(units.type.len == 4 && units.input == 1 && units.output == 2);
	pack_release(&pack);
}

Test(event, misses_required_fields_by_name)
{
	static const char *const names[] = {"category", "units", "event_timestamp_us",
					    "provider_response_id"};
	for (int left_out = 0; left_out < 4; left_out++) {
		struct pack pack;
		struct event event;
		pack_init(&pack, 3);
		if (left_out != 0)
			pack_field_str(&pack, PAYI_FIELD_category, "c");
		if (left_out != 1)
			pack_field_units(&pack, "text", 1, 2);
		if (left_out != 2)
			pack_field_int(&pack, PAYI_FIELD_event_timestamp_us, 5);
		if (left_out != 3)
			pack_field_str(&pack, PAYI_FIELD_provider_response_id, "x");
		const char *reason = pack_decode(&pack, &event);
		cr_assert(reason && strstr(reason, names[left_out]) && strstr(reason, "missing"),
			  "%s", reason);
		pack_release(&pack);
	}
}

Test(event, writes_a_generated_id_out)
{
	static const char uuid[] =
		"\x01\x02\x03\x04\x05\x06\x70\x08\x89\x0a\x0b\x0c\x0d\x0e\x0f\xff";
	struct pack pack;
	struct event event;
	pack_init(&pack, PACK_REQUIRED);
	pack_field_str(&pack, PAYI_FIELD_category, "c");
	pack_field_units(&pack, "text", 1, 2);
	pack_field_int(&pack, PAYI_FIELD_event_timestamp_us, 5);
	msgpack_pack_int(&pack.to, PAYI_FIELD_provider_response_id);
	msgpack_pack_bin(&pack.to, 16);
	msgpack_pack_bin_body(&pack.to, uuid, 16);
	cr_assert(!pack_decode(&pack, &event));
	cr_assert_str_eq(event.generated_id, "payi_01020304-0506-7008-890a-0b0c0d0e0fff");
	pack_release(&pack);
}

static void add_twice(struct pack *pack)
{
	pack_field_str(pack, PAYI_FIELD_category, "d");
}

static void add_unknown(struct pack *pack)
{
	msgpack_pack_int(&pack->to, 60);
	pack_str(pack, "x");
}

static void add_key_beyond(struct pack *pack)
{
	msgpack_pack_int(&pack->to, 64);
	pack_str(pack, "x");
}

static void add_trailing(struct pack *pack)
{
	pack_field_str(pack, PAYI_FIELD_resource, "r");
	msgpack_pack_nil(&pack->to);
}

Test(event, refuses_records_that_are_not_made_right)
{
	expect(add_twice, "category is there twice");
	expect(add_unknown, "field 60 is not known");
	expect(add_key_beyond, "key");
	expect(add_trailing, "follow behind");
}

/* ---- Fields --------------------------------------------------------------------------------------- */

static const char *text; /* what the next add_…() adds */

static void add_resource(struct pack *pack)
{
	pack_field_str(pack, PAYI_FIELD_resource, text);
}

static void add_name(struct pack *pack)
{
	pack_field_str(pack, PAYI_FIELD_use_case_name, text);
}

static void add_prompt(struct pack *pack)
{
	pack_field_str(pack, PAYI_FIELD_provider_request_json, text);
}

static void expect_resource(const char *resource, const char *words)
{
	text = resource;
	expect(add_resource, words);
}

Test(event, refuses_what_is_no_text)
{
	expect_resource("gpt-4o", NULL);
	expect_resource("\xe2\x82\xac uro", NULL);
	expect_resource("\xf0\x9f\x98\x80", NULL);
	expect_resource("abcdefgh\xff", "resource is not valid UTF-8");
	expect_resource("\xc0\xaf", "resource is not valid UTF-8");
	expect_resource("\xe0\x80\xaf", "resource is not valid UTF-8");
	expect_resource("\xed\xa0\x80", "resource is not valid UTF-8");
	expect_resource("\xf4\x90\x80\x80", "resource is not valid UTF-8");
	expect_resource("cut \xe2\x82", "resource is not valid UTF-8");
	expect_resource("", "resource is empty");
}

static void add_nul(struct pack *pack)
{
	msgpack_pack_int(&pack->to, PAYI_FIELD_resource);
	msgpack_pack_str(&pack->to, 12);
	msgpack_pack_str_body(&pack->to, "twelve\0bytes", 12);
}

static void add_number_for_text(struct pack *pack)
{
	pack_field_int(pack, PAYI_FIELD_resource, 5);
}

static void add_text_for_number(struct pack *pack)
{
	pack_field_str(pack, PAYI_FIELD_http_status_code, "200");
}

static void add_number_too_large(struct pack *pack)
{
	pack_field_int(pack, PAYI_FIELD_http_status_code, 2147483648);
}

Test(event, refuses_values_of_another_type_or_range)
{
	expect(add_nul, "holds a NUL");
	expect(add_number_for_text, "no string");
	expect(add_text_for_number, "http_status_code is not a whole number");
	expect(add_number_too_large, "http_status_code is 2147483648");
}

Test(event, bounds_names_but_not_bodies)
{
	char long_text[2000];
	memset(long_text, 'x', sizeof(long_text) - 1);
	long_text[1999] = '\0';
	text = long_text;
	expect(add_resource, "resource is 1999 bytes long");
	expect(add_prompt, NULL);
	long_text[1024] = '\0';
	expect(add_resource, NULL);
}

Test(event, keeps_the_rule_of_use_case_names)
{
	text = "Document.summarization_v-2";
	expect(add_name, NULL);
	text = "has space";
	expect(add_name, "use_case_name");
	text = "0123456789012345678901234567890123456789012345678901234567890123";
	expect(add_name, NULL);
	text = "01234567890123456789012345678901234567890123456789012345678901234";
	expect(add_name, "use_case_name");
	text = "n\xc3\xa4me";
	expect(add_name, "use_case_name");
}

static void add_orphan_id(struct pack *pack)
{
	pack_field_str(pack, PAYI_FIELD_use_case_id, "x");
}

static void add_orphan_version(struct pack *pack)
{
	pack_field_int(pack, PAYI_FIELD_use_case_version, 1);
}

Test(event, refuses_parts_of_a_use_case_without_its_name)
{
	expect(add_orphan_id, "use_case_id is there without use_case_name");
	expect(add_orphan_version, "use_case_version is there without use_case_name");
}

/* ---- Units and lists ------------------------------------------------------------------------------ */

static void expect_units(const char *type, int64_t input, const char *words)
{
	struct pack pack;
	struct event event;
	pack_init(&pack, PACK_REQUIRED);
	pack_field_str(&pack, PAYI_FIELD_category, "c");
	pack_field_units(&pack, type, input, 1);
	pack_field_int(&pack, PAYI_FIELD_event_timestamp_us, 5);
	pack_field_str(&pack, PAYI_FIELD_provider_response_id, "x");
	const char *reason = pack_decode(&pack, &event);
	cr_assert(words ? reason && strstr(reason, words) : !reason, "%s",
		  reason ? reason : "taken");
	pack_release(&pack);
}

Test(event, bounds_units)
{
	expect_units("text", 0, NULL);
	expect_units("text", 2147483647, NULL);
	expect_units("text", 2147483648, "units.text.input is 2147483648");
	expect_units("text", -1, "units.text.input is -1");
	expect_units("", 1, "units has an empty name");
}

static void add_properties_that_repeat(struct pack *pack)
{
	msgpack_pack_int(&pack->to, PAYI_FIELD_properties);
	msgpack_pack_map(&pack->to, 3);
	for (int i = 0; i < 3; i++) {
		pack_str(pack, i == 1 ? "b" : "a");
		pack_str(pack, NULL);
	}
}

static void add_count_that_lies(struct pack *pack)
{
	msgpack_pack_int(&pack->to, PAYI_FIELD_properties);
	msgpack_pack_map(&pack->to, 0x7fffffff);
}

static void add_limit_with_comma(struct pack *pack)
{
	msgpack_pack_int(&pack->to, PAYI_FIELD_limit_ids);
	msgpack_pack_array(&pack->to, 1);
	pack_str(pack, "1,2");
}

Test(event, refuses_bad_lists)
{
	expect(add_properties_that_repeat, "properties repeats 'a'");
	expect(add_count_that_lies, "properties is not a map");
	expect(add_limit_with_comma, "comma");
}

Test(event, knows_failures)
{
	static const struct {
		int64_t status;
		bool failed;
	} cases[] = {{200, false}, {399, false}, {400, true},
		     {503, true},  {299, true},  {298, false}};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct event event = {.present = (uint64_t)1 << PAYI_FIELD_http_status_code};
		event.field[PAYI_FIELD_http_status_code].number = cases[i].status;
		cr_assert_eq(event_failed(&event), cases[i].failed, "%lld",
			     (long long)cases[i].status);
	}
}

/* ---- Anything at all ------------------------------------------------------------------------------ */

static void pack_rich(struct pack *pack)
{
	pack_init(pack, PACK_REQUIRED + 6);
	pack_required(pack, "id-1");
	pack_field_str(pack, PAYI_FIELD_use_case_name, "n");
	pack_field_str(pack, PAYI_FIELD_use_case_id, "some id");
	pack_field_int(pack, PAYI_FIELD_http_status_code, 200);
	msgpack_pack_int(&pack->to, PAYI_FIELD_properties);
	msgpack_pack_map(&pack->to, 2);
	pack_str(pack, "a");
	pack_str(pack, "1");
	pack_str(pack, "b");
	pack_str(pack, NULL);
	msgpack_pack_int(&pack->to, PAYI_FIELD_provider_request_headers);
	msgpack_pack_array(&pack->to, 1);
	msgpack_pack_array(&pack->to, 2);
	pack_str(pack, "h");
	pack_str(pack, "v");
	msgpack_pack_int(&pack->to, PAYI_FIELD_provider_response_json);
	msgpack_pack_array(&pack->to, 2);
	pack_str(pack, "x");
	pack_str(pack, "");
}

/* Cut anywhere, it is refused, and nothing beyond the cut is looked at (the sanitizer would tell). */
Test(event, refuses_every_truncation)
{
	struct pack pack;
	struct event event;
	pack_rich(&pack);
	cr_assert(!pack_decode(&pack, &event));
	const size_t whole = pack.buf.size;
	for (size_t n = 0; n < whole; n++) {
		pack.buf.size = n;
		cr_assert(pack_decode(&pack, &event), "taken, though cut at %zu", n);
	}
	pack.buf.size = whole;
	pack_release(&pack);
}

/* With any byte changed to any other, it is refused, or decodes to something that can be walked. */
Test(event, survives_every_change_of_a_byte)
{
	struct pack pack;
	struct event event;
	pack_rich(&pack);
	int taken = 0, refused = 0;
	for (size_t at = 0; at < pack.buf.size; at++) {
		const char kept = pack.buf.data[at];
		for (int byte = 0; byte < 256; byte++) {
			pack.buf.data[at] = (char)byte;
			if (pack_decode(&pack, &event))
				refused++;
			else
				taken++;
		}
		pack.buf.data[at] = kept;
	}
	cr_assert(taken > 0 && refused > taken, "%d taken, %d refused", taken, refused);
	pack_release(&pack);
}
