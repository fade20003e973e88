/* A configuration file: settings within their rules, or an error that says where. */
#define _GNU_SOURCE /* memfd_create() */
#include "fuzz/fuzz.h"
#include "settings.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[64];
	struct settings settings;
	struct err err = {0};
	const int fd = memfd_create("config", MFD_CLOEXEC);
	fuzz_must(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	fuzz_must(fchmod(fd, 0600) == 0); /* it is made for everybody to write */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
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
	close(fd);
	return 0;
}
