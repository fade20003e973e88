/* A configuration file: settings within their rules, or an error that says where. */
#define _GNU_SOURCE /* memfd_create() */
#include "fuzz/fuzz.h"
#include "fuzz/one_file.h"
#include "settings.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[64];
	struct settings settings;
	struct err err = {0};
	snprintf(path, sizeof(path), "/proc/self/fd/%d", one_file(data, size));
	const struct settings_flags flags = {.config_file = path};
	const int status = settings_load(&settings, &flags, &err);
	if (status == 0) {
		fuzz_must(settings.commit_events >= 1 && settings.commit_events <= 65536);
		fuzz_must(settings.in_flight >= 1 && settings.in_flight <= 64);
		fuzz_must(settings.database && settings.ring_dir);
		settings_release(&settings);
	} else {
		fuzz_must(status == ERR_CONFIG && strlen(err.text) > 0);
	}
	return 0;
}
