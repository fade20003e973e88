/* An input as a file, for what reads files: one for all inputs, as making and removing it would take longer than reading. */
#ifndef PAYI_TESTS_FUZZ_ONE_FILE_H
#define PAYI_TESTS_FUZZ_ONE_FILE_H

#ifndef _GNU_SOURCE
#error "memfd_create() wants _GNU_SOURCE"
#endif

#include "fuzz/fuzz.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* A descriptor at the file's beginning, good until the next call; not to be closed. */
static inline int one_file(const uint8_t *data, size_t size)
{
	static int fd = -1;
	if (fd < 0) {
		fd = memfd_create("input", MFD_CLOEXEC);
		fuzz_must(fd >= 0 && fchmod(fd, 0600) == 0); /* it is made for everybody to write */
	}
	fuzz_must(pwrite(fd, data, size, 0) == (ssize_t)size);
	fuzz_must(ftruncate(fd, (off_t)size) == 0 && lseek(fd, 0, SEEK_SET) == 0);
	return fd;
}

#endif
