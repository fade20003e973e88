#include "dead_order.h"

#include "base/clock.h"
#include "base/lock_file.h"
#include "http/post.h"
#include "settings.h"
#include "store/store.h"

#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ---- By a running agent --------------------------------------------------------------------------- */

static void add_text(struct buf *path, const char *name, const char *value)
{
	if (value)
		post_add_param(path, name, value);
}

static void add_time(struct buf *path, const char *name, int64_t time_us)
{
	char text[CLOCK_TEXT_BYTES];
	if (time_us != INT64_MIN && time_us != INT64_MAX)
		post_add_param(path, name, clock_text(time_us, 6, text));
}

static void add_events(struct buf *path, const struct dead_filter *filter)
{
	struct buf list = BUF_INIT;
	for (size_t i = 0; i < filter->n_events; i++)
		buf_addf(&list, "%s%lld", i ? "," : "", (long long)filter->events[i]);
	if (filter->n_events > 0)
		post_add_param(path, "event", buf_text(&list));
	path->failed |= list.failed;
	buf_release(&list);
}

static void add_filter(struct buf *path, const struct dead_filter *filter)
{
	char status[24];
	add_text(path, "use-case", filter->use_case_name);
	add_text(path, "id", filter->use_case_id);
	add_text(path, "user", filter->user_id);
	add_text(path, "reason", filter->code);
	snprintf(status, sizeof(status), "%lld", (long long)filter->http_status);
	add_text(path, "status", filter->http_status ? status : NULL);
	add_time(path, "since", filter->since_us);
	add_time(path, "until", filter->until_us);
	add_events(path, filter);
	if (!dead_filter_is_set(filter))
		post_add_param(path, "all", "yes");
}

/* {"events":12} or {"error":"…"} */
static int read_answer(int status, struct buf *body, int64_t *n, struct err *err)
{
	json_t *answer = json_loads(buf_text(body), 0, NULL);
	const json_t *events = json_object_get(answer, "events");
	const char *error = json_string_value(json_object_get(answer, "error"));
	int done = 0;
	if (status == 200 && json_is_integer(events))
		*n = json_integer_value(events);
	else
		done = err_set(err, ERR_BUSY, "the agent says: %s",
			       error ? error : "nothing that makes sense");
	json_decref(answer);
	return done;
}

static int ask_agent(const char *data_dir, enum dead_action action,
		     const struct dead_filter *filter, int64_t *n, struct err *err)
{
	char socket_path[PATH_MAX];
	struct buf path = BUF_INIT;
	struct buf body = BUF_INIT;
	int http_status = 0;
	snprintf(socket_path, sizeof(socket_path), "%s/agent.sock", data_dir);
	buf_add_str(&path, action == DEAD_RETRY ? "/api/v1/dead/retry" : "/api/v1/dead/drop");
	add_filter(&path, filter);
	const char *text = buf_text(&path);
	int status = path.failed ? err_set(err, ERR_MEMORY, "out of memory")
				 : post_to_agent(socket_path, text, &http_status, &body, err);
	if (!status)
		status = read_answer(http_status, &body, n, err);
	buf_release(&path);
	buf_release(&body);
	return status;
}

/* ---- By this process ------------------------------------------------------------------------------ */

static int carry_out(struct store *store, struct store_dead *dead, struct err *err)
{
	int status = STORE_DEAD_MORE;
	while (status == STORE_DEAD_MORE) {
		status = store_begin(store, err);
		if (!status)
			status = store_dead_step(store, dead, clock_wall_us(), err);
		if (status < 0)
			break;
		const int failed = store_commit(store, err);
		status = failed ? failed : status;
	}
	if (status)
		store_rollback(store);
	return status;
}

static int do_it_here(const struct settings *settings, enum dead_action action,
		      const struct dead_filter *filter, int64_t *n, struct err *err)
{
	const struct store_options options = {.path = settings->database, .sync_full = true};
	struct store_dead dead = {.sink = "payi", .action = action, .filter = filter};
	struct store *store = NULL;
	int status = store_open(&options, &store, err);
	if (status)
		return status;
	status = carry_out(store, &dead, err);
	store_close(store);
	*n = dead.n;
	return status;
}

int dead_order(const struct settings *settings, enum dead_action action,
	       const struct dead_filter *filter, int64_t *n, struct err *err)
{
	char lock[PATH_MAX];
	char who[64];
	int fd = -1;
	if (access(settings->database, F_OK))
		return err_set(err, ERR_STORE, "there is no database at %s: %s", settings->database,
			       strerror(errno));
	if (snprintf(lock, sizeof(lock), "%s/agent.lock", settings->data_dir) >= (int)sizeof(lock))
		return err_set(err, ERR_CONFIG, "the data directory's path is too long");
	snprintf(who, sizeof(who), "pid %ld, payi-agent dead\n", (long)getpid());
	int status = lock_file_take(lock, who, &fd, err);
	if (status == ERR_BUSY)
		return ask_agent(settings->data_dir, action, filter, n, err);
	if (status)
		return status;
	status = do_it_here(settings, action, filter, n, err);
	close(fd);
	return status;
}
