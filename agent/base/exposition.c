#include "base/exposition.h"

void exposition_family(struct buf *out, const char *name, enum exposition_type type,
		       const char *help)
{
	static const char *const types[] = {"counter", "gauge", "histogram"};
	buf_addf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, types[type]);
}

static void add_label_value(struct buf *out, const char *value)
{
	for (; *value; value++) {
		if (*value == '\n') {
			buf_add_str(out, "\\n");
			continue;
		}
		if (*value == '\\' || *value == '"')
			buf_add_char(out, '\\');
		buf_add_char(out, *value);
	}
}

void exposition_int(struct buf *out, const char *name, const char *label, const char *value,
		    int64_t number)
{
	buf_add_str(out, name);
	if (label) {
		buf_addf(out, "{%s=\"", label);
		add_label_value(out, value);
		buf_add_str(out, "\"}");
	}
	buf_addf(out, " %lld\n", (long long)number);
}

static void add_seconds(struct buf *out, int64_t us)
{
	buf_addf(out, "%s%lld.%06lld", us < 0 ? "-" : "", (long long)(us < 0 ? -us : us) / 1000000,
		 (long long)(us < 0 ? -us : us) % 1000000);
}

void exposition_seconds(struct buf *out, const char *name, int64_t us)
{
	buf_addf(out, "%s ", name);
	add_seconds(out, us);
	buf_add_char(out, '\n');
}

/* The count is the sum of the buckets as they were read here: so the two never contradict each other. */
void exposition_histogram(struct buf *out, const char *name, const struct histogram *histogram)
{
	uint64_t n = 0;
	for (int i = 0; i < HISTOGRAM_BOUNDS; i++) {
		n += counter_read(&histogram->bucket[i]);
		buf_addf(out, "%s_bucket{le=\"%g\"} %llu\n", name,
			 (double)histogram_bounds_us[i] / 1e6, (unsigned long long)n);
	}
	n += counter_read(&histogram->bucket[HISTOGRAM_BOUNDS]);
	buf_addf(out, "%s_bucket{le=\"+Inf\"} %llu\n%s_sum ", name, (unsigned long long)n, name);
	add_seconds(out, (int64_t)counter_read(&histogram->sum_us));
	buf_addf(out, "\n%s_count %llu\n", name, (unsigned long long)n);
}

void exposition_one(struct buf *out, const char *name, enum exposition_type type, const char *help,
		    int64_t number)
{
	exposition_family(out, name, type, help);
	exposition_int(out, name, NULL, NULL, number);
}
