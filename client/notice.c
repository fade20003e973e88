/* payi_use_case_define() and its like: what an application says of use cases beside its events. */
#include "client.h"
#include "error.h"
#include "schema/use_case_fields.h"
#include "use_case.h"

#include <string.h>

static payi_status check_name(payi_client *client, const char *name)
{
	const payi_status status = payi__client_ready(client);
	if (status)
		return status;
	return payi__use_case_check_name("name", name ? name : "");
}

payi_status payi_use_case_define(payi_client *client, const char *name, const char *description)
{
	const payi_status status = check_name(client, name);
	if (status)
		return status;
	if (!description || !*description)
		return payi__fail(PAYI_ERR_INVALID,
				  "description is missing; Pay-i requires one with a definition");
	if (strlen(description) > PAYI_LIMIT_DESCRIPTION)
		return payi__fail(PAYI_ERR_INVALID, "description is %zu bytes; it may be %d",
				  strlen(description), PAYI_LIMIT_DESCRIPTION);
	const struct payi__notice notice = {
		.type = PAYI_RING_DEFINE, .use_case_name = name, .description = description};
	return payi__track_notice(client, &notice);
}

/* A new run, under a UUID with this prefix; its id is the caller's to use whatever becomes of the record. */
static payi_status make_run(payi_client *client, enum payi_ring_type type, const char *prefix,
			    const char *name, char *id)
{
	if (!id)
		return payi__fail(PAYI_ERR_INVALID, "there is nowhere to put the id");
	*id = '\0';
	const payi_status status = check_name(client, name);
	if (status)
		return status;
	const size_t prefix_bytes = strlen(prefix);
	memcpy(id, prefix, prefix_bytes);
	payi__uuid_write(payi__next_uuid(&client->ids), id + prefix_bytes);
	const struct payi__notice notice = {.type = type, .use_case_name = name, .use_case_id = id};
	return payi__track_notice(client, &notice);
}

payi_status payi_use_case_create(payi_client *client, const char *name,
				 char id[PAYI_USE_CASE_ID_MAX])
{
	return make_run(client, PAYI_RING_CREATE, "", name, id);
}

payi_status payi_use_case_request(payi_client *client, const char *name,
				  char handle[PAYI_USE_CASE_ID_MAX])
{
	return make_run(client, PAYI_RING_REQUEST, PAYI_HANDLE_PREFIX, name, handle);
}
