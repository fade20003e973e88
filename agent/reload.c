#include "reload.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "keeping.h"
#include "options.h"
#include "prices/price_list.h"
#include "settings.h"
#include "storage.h"

#include <stdbool.h>
#include <stdlib.h>

void reload_init(struct reload *reload)
{
	*reload = (struct reload){0};
	counter_set(&reload->read_us, (uint64_t)clock_wall_us());
}

/* The names of those that have changed, separated by spaces. */
static void add_changes(const struct settings *settings, const struct settings *next,
			enum setting_effect effect, struct buf *names)
{
	for (int i = 0; i < SETTINGS_N; i++)
		if (settings_table[i].effect == effect && !settings_agree(settings, next, i))
			buf_addf(names, "%s%s", names->len ? " " : "", settings_table[i].name);
}

static void say(const struct settings *settings, const struct settings *next,
		const struct price_list *prices)
{
	struct buf live = BUF_INIT;
	struct buf waiting = BUF_INIT;
	add_changes(settings, next, SETTING_LIVE, &live);
	add_changes(settings, next, SETTING_AT_START, &waiting);
	log_info("the configuration was read again", LOG_STR("changed", buf_text(&live)), LOG_END);
	if (prices)
		log_info("the file of prices was read again", LOG_INT("prices", (int64_t)prices->n),
			 LOG_END);
	if (waiting.len)
		log_warn("settings have changed that take effect at the next start",
			 LOG_STR("settings", buf_text(&waiting)), LOG_END);
	buf_release(&live);
	buf_release(&waiting);
}

static int read_next(const struct settings *settings, struct settings *next,
		     struct price_list **prices, struct err *err)
{
	int status = settings_load(next, &settings->flags, err);
	if (status)
		return status;
	status = options_check(next, prices, err);
	if (status)
		settings_release(next);
	return status;
}

/* The sink comes first, since it alone can fail. */
static int apply(struct settings *settings, struct settings *next, const struct price_list *prices,
		 const struct reload_parts *parts, struct err *err)
{
	const struct payi_sink_options options = options_of_sink(next);
	const int status = payi_sink_configure(parts->sink, &options, err);
	if (status) {
		settings_release(next);
		return status;
	}
	const struct intake_limits limits = {.commit_events = next->commit_events,
					     .retention = keeping_policy(next)};
	storage_configure(parts->storage, &limits);
	storage_prices(parts->storage, prices);
	if (log_level_of(next->log_level) < log_level_of(settings->log_level))
		log_set_level(log_level_of(next->log_level));
	say(settings, next, prices); /* at the more talkative of the two levels */
	log_set_level(log_level_of(next->log_level));
	settings_adopt(settings, next);
	return 0;
}

void reload_settings(struct reload *reload, struct settings *settings,
		     const struct reload_parts *parts)
{
	struct settings next;
	struct price_list *prices = NULL;
	struct err err = {0};
	int status = read_next(settings, &next, &prices, &err);
	if (!status)
		status = apply(settings, &next, prices, parts, &err);
	free(prices);
	counter_set(&reload->refused, status != 0);
	counter_add(status ? &reload->rejected : &reload->accepted, 1);
	reload->why = err;
	if (status)
		log_error("the configuration is wrong; the one that was read before stays in force",
			  LOG_STR("error", err.text), LOG_END);
	else
		counter_set(&reload->read_us, (uint64_t)clock_wall_us());
}
