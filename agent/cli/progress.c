#include "cli/progress.h"

#include "base/buf.h"
#include "base/clock.h"
#include "cli/display.h"

#include <stdio.h>
#include <unistd.h>

enum { FIRST_US = 500000, NEXT_US = 200000, BAR = 20 };

bool progress_is_wanted(void)
{
	return isatty(STDERR_FILENO) && !isatty(STDOUT_FILENO);
}

void progress_begin(struct progress *progress, int64_t total)
{
	*progress = (struct progress){
		.wanted = progress_is_wanted(), .total = total, .begun_us = clock_boot_us()};
	progress->drawn_us = progress->begun_us + FIRST_US - NEXT_US;
}

/* An estimate may be too low: then it is done but for the end. */
static void add_bar(struct buf *out, int64_t rows, int64_t total, double rate)
{
	const double part = rows < total ? (double)rows / (double)total : 0.999;
	const int64_t left_s = rows < total ? (int64_t)((double)(total - rows) / rate + 0.5) : 0;
	buf_add_char(out, '[');
	for (int i = 0; i < BAR; i++)
		buf_add_char(out, i < (int)(part * BAR) ? '#' : '.');
	buf_addf(out, "] %2d %%, ", (int)(part * 100));
	display_add_seconds(out, left_s);
	buf_add_str(out, " left, ");
}

void progress_at(struct progress *progress, int64_t rows)
{
	const int64_t now_us = clock_boot_us();
	struct buf line = BUF_INIT;
	if (!progress->wanted || rows == 0 || now_us - progress->drawn_us < NEXT_US)
		return;
	const double rate = (double)rows * 1e6 / (double)(now_us - progress->begun_us);
	buf_add_str(&line, "\r\033[K");
	if (progress->total)
		add_bar(&line, rows, progress->total, rate);
	display_add_int(&line, rows, true);
	buf_add_str(&line, " rows, ");
	display_add_int(&line, (int64_t)(rate + 0.5), true);
	buf_add_str(&line, "/s");
	fputs(buf_text(&line), stderr);
	buf_release(&line);
	progress->drawn_us = now_us;
	progress->shown = true;
}

void progress_end(struct progress *progress)
{
	if (progress->shown)
		fputs("\r\033[K", stderr);
	progress->shown = false;
}
