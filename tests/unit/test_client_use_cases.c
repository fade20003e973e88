/* payi_use_case_define(), _create() and _request(): what they answer, and what they put into the ring. */
#include "help/client_fixture.h"
#include "schema/use_case_fields.h"

#include <criterion/criterion.h>
#include <msgpack.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(client_use_cases, .init = client_set_up, .fini = client_tear_down);

/* ---- What is in the ring ---------------------------------------------------------------------------- */

static void print_record(FILE *out, const msgpack_object *map)
{
	for (uint32_t i = 0; i < map->via.map.size; i++) {
		const msgpack_object_kv *pair = &map->via.map.ptr[i];
		if (pair->key.via.u64 == PAYI_USE_CASE_TIME)
			cr_assert_gt(pair->val.via.u64, 1700000000000000u);
		else
			fprintf(out, "%d=%.*s ", (int)pair->key.via.u64,
				(int)pair->val.via.str.size, pair->val.via.str.ptr);
	}
}

static void print_payload(void *context, uint32_t lane, const uint8_t *payload, uint32_t bytes)
{
	(void)lane;
	struct payi_ring_record header;
	size_t offset = 0;
	msgpack_unpacked unpacked;
	memcpy(&header, payload - sizeof(header), sizeof(header));
	msgpack_unpacked_init(&unpacked);
	cr_assert(msgpack_unpack_next(&unpacked, (const char *)payload, bytes, &offset) ==
		  MSGPACK_UNPACK_SUCCESS);
	fprintf(context, "%d: ", header.type);
	print_record(context, &unpacked.data);
	fprintf(context, "\n");
	msgpack_unpacked_destroy(&unpacked);
}

static void ring_holds(const char *expected)
{
	char *text;
	size_t len;
	struct ring_view view;
	FILE *out = open_memstream(&text, &len);
	ring_view_open(&view, client_site.rings, 0);
	ring_view_each(&view, print_payload, out);
	ring_view_close(&view);
	fclose(out);
	cr_assert_str_eq(text, expected);
	free(text);
}

/* ---- What is said ----------------------------------------------------------------------------------- */

Test(client_use_cases, each_is_a_record_of_its_own_type)
{
	char id[PAYI_USE_CASE_ID_MAX];
	char handle[PAYI_USE_CASE_ID_MAX];
	char expected[3 * PAYI_USE_CASE_ID_MAX];
	payi_client *client = client_open(0);
	cr_assert(payi_use_case_define(client, "chat", "Answers questions \xe2\x82\xac") ==
		  PAYI_OK);
	cr_assert(payi_use_case_create(client, "chat", id) == PAYI_OK);
	cr_assert(payi_use_case_request(client, "chat", handle) == PAYI_OK);
	cr_assert_eq(strlen(id), 36u);
	cr_assert_eq(strncmp(handle, PAYI_HANDLE_PREFIX, strlen(PAYI_HANDLE_PREFIX)), 0);
	cr_assert_eq(strlen(handle), strlen(PAYI_HANDLE_PREFIX) + 36);
	snprintf(expected, sizeof(expected),
		 "2: 17=chat 28=Answers questions \xe2\x82\xac \n3: 17=chat 18=%s \n4: 17=chat "
		 "18=%s \n",
		 id, handle);
	ring_holds(expected);
	payi_client_stats stats = PAYI_CLIENT_STATS_INIT;
	cr_assert(payi_client_stats_get(client, &stats) == PAYI_OK);
	cr_assert_eq(stats.tracked, 3u);
	payi_client_close(client);
}

/* The id is whoever's who asked; contexts do not matter. */
Test(client_use_cases, a_created_id_can_be_used_at_once)
{
	char id[PAYI_USE_CASE_ID_MAX];
	payi_client *client = client_open(0);
	PAYI_TRACK_CONTEXT (client, .use_case_name = "other") {
		cr_assert(payi_use_case_create(client, "chat", id) == PAYI_OK);
	}
	PAYI_TRACK_CONTEXT (client, .use_case_name = "chat", .use_case_id = id) {
		const payi_event event = client_small_event();
		cr_assert_str_eq(payi_current_use_case_id(client), id);
		cr_assert(payi_track(client, &event) == PAYI_OK);
	}
	payi_client_close(client);
}

Test(client_use_cases, ids_are_never_the_same)
{
	enum { N = 2000 };
	char(*ids)[PAYI_USE_CASE_ID_MAX] = calloc(N, sizeof(*ids));
	payi_client *client = client_open(16 << 20);
	for (int i = 0; i < N; i++)
		cr_assert(payi_use_case_create(client, "chat", ids[i]) == PAYI_OK);
	qsort(ids, N, sizeof(*ids), (int (*)(const void *, const void *))strcmp);
	for (int i = 1; i < N; i++)
		cr_assert_str_neq(ids[i - 1], ids[i]);
	free(ids);
	payi_client_close(client);
}

static void refused(payi_status status, const char *why)
{
	cr_assert_eq(status, PAYI_ERR_INVALID);
	cr_assert(strstr(payi_last_error(), why), "'%s' lacks '%s'", payi_last_error(), why);
}

Test(client_use_cases, bad_ones_are_refused_and_leave_nothing)
{
	char id[PAYI_USE_CASE_ID_MAX] = "before";
	char *large = malloc(PAYI_LIMIT_DESCRIPTION + 2);
	payi_client *client = client_open(0);
	memset(large, 'd', PAYI_LIMIT_DESCRIPTION + 1);
	large[PAYI_LIMIT_DESCRIPTION + 1] = '\0';
	refused(payi_use_case_create(client, "no spaces", id), "name is 'no spaces'; it must be");
	cr_assert_str_eq(id, "");
	refused(payi_use_case_create(client, NULL, id), "name is ''");
	refused(payi_use_case_request(client, "", id), "name is ''");
	refused(payi_use_case_create(client, "chat", NULL), "nowhere to put the id");
	refused(payi_use_case_define(client, "a b", "text"), "name is 'a b'");
	refused(payi_use_case_define(client, "chat", ""), "description is missing");
	refused(payi_use_case_define(client, "chat", NULL), "description is missing");
	refused(payi_use_case_define(client, "chat", large),
		"description is 4097 bytes; it may be 4096");
	refused(payi_use_case_define(client, "chat", "\xff"), "description is not valid UTF-8");
	refused(payi_use_case_define(NULL, "chat", "text"), "the client is NULL");
	large[PAYI_LIMIT_DESCRIPTION] = '\0';
	ring_holds("");
	cr_assert(payi_use_case_define(client, "chat", large) == PAYI_OK);
	free(large);
	payi_client_close(client);
}

Test(client_use_cases, a_full_ring_is_told_and_the_id_is_good_all_the_same)
{
	char id[PAYI_USE_CASE_ID_MAX];
	payi_client *client = client_open(32768);
	payi_status status;
	do
		status = payi_use_case_create(client, "chat", id);
	while (status == PAYI_OK);
	cr_assert_eq(status, PAYI_ERR_FULL);
	cr_assert_eq(strlen(id), 36u);
	payi_client_stats stats = PAYI_CLIENT_STATS_INIT;
	cr_assert(payi_client_stats_get(client, &stats) == PAYI_OK);
	cr_assert_eq(stats.dropped_full, 1u);
	payi_client_close(client);
}
