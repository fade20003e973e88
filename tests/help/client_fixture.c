#include "help/client_fixture.h"

#include <criterion/criterion.h>

struct help_site client_site;

void client_set_up(void)
{
	help_site_make(&client_site);
}

void client_tear_down(void)
{
	help_site_remove(&client_site);
}

payi_client *client_open(size_t ring_bytes)
{
	payi_client_options options = PAYI_CLIENT_OPTIONS_INIT;
	options.ring_dir = client_site.rings;
	options.ring_bytes = ring_bytes;
	options.app_name = "test";
	payi_client *client;
	cr_assert(payi_client_open(&options, &client) == PAYI_OK, "%s", payi_last_error());
	return client;
}

payi_event client_small_event(void)
{
	static const payi_units units[] = {{"text", 1200, 300}};
	payi_event event = PAYI_EVENT_INIT;
	event.category = "system.openai";
	event.units = units;
	event.n_units = 1;
	return event;
}

void client_check_accounts(const struct ring_view *view, uint64_t records)
{
	uint64_t attempted = 0, refused = 0, dropped = 0;
	for (uint32_t i = 0; i < view->reader.n_lanes; i++) {
		const struct ring_lane *lane = &view->counters.lane[i];
		attempted += lane->attempted;
		refused += lane->refused;
		dropped += lane->dropped_full + lane->dropped_too_big;
	}
	cr_assert_eq(attempted, records + refused + dropped);
}
