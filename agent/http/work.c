#include "http/work.h"

#include <sys/resource.h>

enum { WORK_NICE = 15 };

void work_line_init(struct work_line *line, uv_loop_t *loop)
{
	*line = (struct work_line){.loop = loop, .last = &line->first};
}

static struct work *take_first(struct work_line *line)
{
	struct work *work = line->first;
	if (!work)
		return NULL;
	line->first = work->next;
	if (!line->first)
		line->last = &line->first;
	line->n_waiting--;
	return work;
}

/* Of this thread alone, as Linux has it: where the processor is short, storing and sending go first. */
static void on_run(uv_work_t *uv)
{
	struct work *work = uv->data;
	(void)setpriority(PRIO_PROCESS, 0, WORK_NICE);
	work->run(work);
}

static void on_done(uv_work_t *uv, int status);

static void start(struct work_line *line, struct work *work)
{
	work->uv.data = work;
	line->n_running++;
	uv_queue_work(line->loop, &work->uv, on_run, on_done);
}

static void on_done(uv_work_t *uv, int status)
{
	(void)status;
	struct work *work = uv->data;
	struct work_line *line = work->line;
	line->n_running--;
	struct work *next = take_first(line);
	if (next)
		start(line, next);
	work->done(work);
}

bool work_post(struct work_line *line, struct work *work)
{
	work->line = line;
	work->next = NULL;
	if (line->n_running < WORK_RUNNING_MAX) {
		start(line, work);
		return true;
	}
	if (line->n_waiting >= WORK_WAITING_MAX)
		return false;
	*line->last = work;
	line->last = &work->next;
	line->n_waiting++;
	return true;
}

void work_line_clear(struct work_line *line)
{
	struct work *work;
	while ((work = take_first(line)))
		work->done(work);
}
