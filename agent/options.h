/*
 * How the settings become what the parts are opened with: in one place, for the agent that starts, for the one that
 * reads its configuration again, and for `payi-agent config check`.
 */
#ifndef PAYI_OPTIONS_H
#define PAYI_OPTIONS_H

#include "base/err.h"
#include "http/server.h"
#include "sink/payi/payi_sink.h"

#include <limits.h>

struct price_list;
struct settings;

/* Texts are the settings' own. */
struct payi_sink_options options_of_sink(const struct settings *settings);

/* Likewise; the socket's path is put into path. */
struct server_options options_of_server(const struct settings *settings, char path[PATH_MAX]);

/*
 * Whether an agent would start with them, as far as the settings themselves decide it. ERR_CONFIG: the text says
 * which is wrong. Opens nothing that matters. prices: the operator's, as options_prices() gives them; NULL: they are not wanted.
 */
int options_check(const struct settings *settings, struct price_list **prices, struct err *err);

/* The operator's prices, or NULL where there is no file of them; free(). ERR_CONFIG: it cannot be read, or is wrong. */
int options_prices(const struct settings *settings, struct price_list **prices, struct err *err);

#endif
