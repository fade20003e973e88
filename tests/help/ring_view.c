#include "help/ring_view.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int only_rings(const struct dirent *entry)
{
	return ring_name_digits(entry->d_name) != NULL;
}

void ring_view_open(struct ring_view *view, const char *directory, int number)
{
	struct dirent **names;
	const int n = scandir(directory, &names, only_rings, alphasort);
	cr_assert(n > number, "%s holds %d rings", directory, n);
	memcpy(view->name, names[number]->d_name, strlen(names[number]->d_name) + 1);
	for (int i = 0; i < n; i++)
		free(names[i]);
	free(names);
	struct err err;
	const int dir = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cr_assert(ring_reader_open(dir, view->name, &view->reader, &err) == 0, "%s: %s", view->name,
		  err.text);
	close(dir);
	view->alive = ring_reader_alive(&view->reader, &err) == 1;
	cr_assert(ring_reader_counters(&view->reader, &view->counters, &err) == 0, "%s", err.text);
}

void ring_view_close(struct ring_view *view)
{
	ring_reader_close(&view->reader);
}

int ring_view_each(const struct ring_view *view,
		   void (*each)(void *context, uint32_t lane, const uint8_t *payload,
				uint32_t bytes),
		   void *context)
{
	int n = 0;
	for (uint32_t lane = 0; lane < view->reader.n_lanes; lane++) {
		const size_t bytes = (size_t)view->counters.lane[lane].tail;
		cr_assert(bytes <= view->reader.lane_bytes, "the lane's start is overwritten");
		uint8_t *copy = malloc(bytes ? bytes : 1);
		struct err err;
		cr_assert(ring_reader_copy(&view->reader, lane, 0, copy, bytes, &err) == 0, "%s",
			  err.text);
		uint64_t sequence = 1;
		for (size_t at = 0; at < bytes; n++, sequence++) {
			struct payi_ring_record record;
			cr_assert(ring_reader_parse(copy + at, bytes - at, bytes - at, sequence,
						    &record, &err) == 1,
				  "lane %u byte %zu: %s", lane, at, err.text);
			if (each)
				each(context, lane, copy + at + sizeof(record),
				     record.payload_bytes);
			at += (size_t)payi_ring_record_bytes(record.payload_bytes);
		}
		free(copy);
	}
	return n;
}
