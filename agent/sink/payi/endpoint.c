#include "sink/payi/endpoint.h"

#include "base/backoff.h"

enum { NARROWING_FAILURES = 2 };

void endpoint_init(struct endpoint *endpoint)
{
	*endpoint = (struct endpoint){.state = ENDPOINT_UP, .form = ENDPOINT_BULK};
}

bool endpoint_may_send(const struct endpoint *endpoint, int n_under_way, int64_t now_us)
{
	bool alone = n_under_way == 0;
	if (endpoint->state != ENDPOINT_UP)
		return alone && now_us >= endpoint->next_try_us;
	return alone || endpoint->form != ENDPOINT_TRYING_SINGLE;
}

bool endpoint_is_probing(const struct endpoint *endpoint)
{
	return endpoint->state != ENDPOINT_UP;
}

enum ingest_form endpoint_form_now(struct endpoint *endpoint, int64_t now_us)
{
	if (endpoint->form == ENDPOINT_SINGLE && now_us >= endpoint->bulk_again_us)
		endpoint->form = ENDPOINT_BULK;
	return endpoint->form == ENDPOINT_BULK ? INGEST_BULK : INGEST_SINGLE;
}

void endpoint_answered(struct endpoint *endpoint, bool probe, enum ingest_form form, int64_t now_us)
{
	endpoint->n_answers += form != INGEST_LOOKUP;
	if (form == INGEST_BULK) {
		endpoint->form = ENDPOINT_BULK;
	} else if (form == INGEST_SINGLE && endpoint->form == ENDPOINT_TRYING_SINGLE) {
		endpoint->form = ENDPOINT_SINGLE;
		endpoint->bulk_again_us = now_us + ENDPOINT_BULK_AGAIN_US;
	}
	endpoint_alive(endpoint, probe);
}

void endpoint_alive(struct endpoint *endpoint, bool probe)
{
	endpoint_reached(endpoint, probe);
	if (endpoint->state == ENDPOINT_UP)
		endpoint->failures = 0;
}

/* A late answer from before the trouble began does not end it. */
void endpoint_reached(struct endpoint *endpoint, bool probe)
{
	if (probe)
		endpoint->state = ENDPOINT_UP;
}

static int64_t later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* The service's word is obeyed in full; a little is added, so that not everybody comes back at once. */
static int64_t wait_us(const struct endpoint *endpoint, int64_t retry_after_us)
{
	return retry_after_us >= 0 ? retry_after_us + backoff_us(1)
				   : backoff_us(endpoint->failures);
}

void endpoint_failed(struct endpoint *endpoint, bool probe, int64_t retry_after_us, int64_t now_us)
{
	/* Requests that were under way together fail together: that is one failure. */
	if (endpoint->state == ENDPOINT_UP || probe) {
		endpoint->state = ENDPOINT_WAITING;
		endpoint->failures++;
		endpoint->next_try_us = now_us + wait_us(endpoint, retry_after_us);
	} else if (retry_after_us >= 0) {
		endpoint->next_try_us =
			later(endpoint->next_try_us, now_us + wait_us(endpoint, retry_after_us));
	}
}

/* A request that is halved again and again shall find what it fails over in seconds. */
void endpoint_narrows(struct endpoint *endpoint)
{
	if (endpoint->failures > NARROWING_FAILURES)
		endpoint->failures = NARROWING_FAILURES;
}

void endpoint_no_bulk(struct endpoint *endpoint)
{
	if (endpoint->form == ENDPOINT_BULK)
		endpoint->form = ENDPOINT_TRYING_SINGLE;
}

void endpoint_hold(struct endpoint *endpoint, enum endpoint_state state, int64_t retry_after_us,
		   int64_t now_us)
{
	if (endpoint->form == ENDPOINT_TRYING_SINGLE)
		endpoint->form = ENDPOINT_BULK;
	endpoint->state = state;
	endpoint->next_try_us = now_us + later(ENDPOINT_HELD_US, retry_after_us);
}

void endpoint_new_key(struct endpoint *endpoint, int64_t now_us)
{
	endpoint->form = ENDPOINT_BULK; /* another key may be another account */
	endpoint->next_try_us = now_us;
}

int64_t endpoint_defer_us(int32_t attempts)
{
	return backoff_us(attempts + 1);
}
