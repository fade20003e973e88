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

static int64_t doubled(int64_t us, int times, int64_t max_us)
{
	for (; times > 0 && us < max_us; times--)
		us *= 2;
	return us < max_us ? us : max_us;
}

void endpoint_answered(struct endpoint *endpoint, bool probe, enum ingest_form form, int64_t now_us)
{
	if (form != INGEST_LOOKUP) {
		endpoint->n_answers++;
		endpoint->suspects_failed = 0;
	}
	if (form == INGEST_BULK) {
		endpoint->form = ENDPOINT_BULK;
		endpoint->bulk_refusals = 0;
	} else if (form == INGEST_SINGLE && endpoint->form == ENDPOINT_TRYING_SINGLE) {
		endpoint->form = ENDPOINT_SINGLE;
		endpoint->bulk_again_us =
			now_us + doubled(ENDPOINT_BULK_AGAIN_US, endpoint->bulk_refusals++,
					 ENDPOINT_BULK_AGAIN_MAX_US);
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

static bool is_held(const struct endpoint *endpoint)
{
	return endpoint->state == ENDPOINT_KEY_REFUSED || endpoint->state == ENDPOINT_HELD;
}

void endpoint_hold(struct endpoint *endpoint, enum endpoint_state state, int64_t retry_after_us,
		   int64_t now_us)
{
	if (endpoint->form == ENDPOINT_TRYING_SINGLE)
		endpoint->form = ENDPOINT_BULK;
	/* Requests that were under way together are held together: that is once. */
	const bool was_held = is_held(endpoint);
	if (!was_held || now_us >= endpoint->next_try_us) {
		endpoint->holds = was_held ? endpoint->holds + 1 : 0;
		endpoint->next_try_us =
			later(endpoint->next_try_us, /* another answer may have asked for more */
			      now_us + doubled(ENDPOINT_HELD_FIRST_US, endpoint->holds,
					       ENDPOINT_HELD_US));
	}
	endpoint->state = state;
	endpoint->next_try_us = later(endpoint->next_try_us, now_us + retry_after_us);
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
