#include "bench/backlog.h"

#include "bench/bench.h"
#include "bench/sample.h"

enum { FLUSH_MS = 600000 };

static int track_all(const struct site *site, int64_t n)
{
	payi_client *client;
	int status = 0;
	if (site_client(site, 0, &client))
		return -1;
	for (int64_t i = 0; i < n && !status; i++)
		if (sample_track(client, SAMPLE_FEW, (uint64_t)i) != PAYI_OK)
			status = bench_fail(0, "%s", payi_last_error());
	if (!status && payi_flush(client, FLUSH_MS) != PAYI_OK)
		status = bench_fail(0, "%s", payi_last_error());
	payi_client_close(client);
	return status;
}

int backlog_make(struct site *site, const struct bench *bench, int64_t n)
{
	if (site_agent_start(site, bench))
		return -1;
	const int status = track_all(site, n);
	return site_agent_stop(site) ? -1 : status;
}
