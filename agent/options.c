#include "options.h"

#include "prices/price_list.h"
#include "settings.h"

#include <stdio.h>
#include <stdlib.h>

struct payi_sink_options options_of_sink(const struct settings *settings)
{
	return (struct payi_sink_options){
		.base_url = settings->base_url,
		.api_key = settings->api_key,
		.api_key_file = settings->api_key_file,
		.ca_file = settings->ca_file,
		.client_cert = settings->client_cert,
		.client_key = settings->client_key,
		.gzip = settings->gzip,
		.allow_insecure = settings->allow_insecure,
		.batch_events = settings->batch_events,
		.batch_bytes = settings->batch_bytes,
		.batch_age_ms = settings->batch_age_ms,
		.in_flight = settings->in_flight,
		.drain_rate = settings->drain_rate,
		.timeout_s = settings->timeout_s,
	};
}

struct server_options options_of_server(const struct settings *settings, char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, "%s/agent.sock", settings->data_dir);
	return (struct server_options){
		.socket_path = path,
		.listen = settings->http_listen,
		.allow_remote = settings->http_allow_remote,
		.token_file = settings->http_token_file,
		.host = settings->http_host,
		.database = settings->database,
		.ring_dir = settings->ring_dir,
	};
}

int options_prices(const struct settings *settings, struct price_list **prices, struct err *err)
{
	*prices = NULL;
	if (!*settings->prices_file || price_list_read(settings->prices_file, prices, err) == 0)
		return 0;
	return err->code = ERR_CONFIG;
}

int options_check(const struct settings *settings, struct price_list **prices, struct err *err)
{
	char path[PATH_MAX];
	const struct payi_sink_options sink = options_of_sink(settings);
	const struct server_options server = options_of_server(settings, path);
	struct price_list *list = NULL;
	int status = payi_sink_check(&sink, err);
	if (!status)
		status = server_check(&server, err);
	if (!status)
		status = options_prices(settings, &list, err);
	if (prices)
		*prices = list;
	else
		free(list);
	return status;
}
