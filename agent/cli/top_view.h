/* A look of `payi-agent top` as lines, for a screen of any size or for a file. */
#ifndef PAYI_CLI_TOP_VIEW_H
#define PAYI_CLI_TOP_VIEW_H

#include "cli/format.h"
#include "cli/top_look.h"

struct top_view {
	const struct format_options *format; /* width: 0: any */
	enum top_sort sort;
	int64_t since_us;
	int first;  /* row of the table that is shown first */
	int height; /* lines in all; 0: any */
	bool live;  /* there is somebody to press keys */
	bool paused;
	bool help;
	double interval_s;
};

/* The agent, its events, its sink, its books: five lines or six. */
void top_view_header(const struct top_view *view, const struct top_look *look, struct buf *out);

/* What the tab's rows are: "6 in the last 24 h, by events". */
void top_view_what(const struct top_view *view, const struct top_look *look, struct buf *out);

/* The tab's rows. */
void top_view_rows(const struct top_view *view, const struct top_look *look, struct buf *out);

/* All of it, with the keys at the foot, as many lines as there are. */
void top_view_screen(const struct top_view *view, const struct top_look *look, struct buf *out);

/* The words for tabs, in the order of enum top_tab. */
#define TOP_TAB_WORDS "use-cases|resources|instances|rings"

/* Appends the word at that place of a list of words. */
void top_view_word(struct buf *out, const char *words, int i);

#endif
