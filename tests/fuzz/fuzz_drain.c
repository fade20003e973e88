/*
 * A ring file on its whole way into the database, of a dead owner: it is taken in one look, put aside or
 * closed with the next, and let alone then.
 */
#include "base/log.h"
#include "fuzz/fuzz.h"
#include "fuzz/rings.h"
#include "intake.h"

#include <fcntl.h>
#include <unistd.h>

static struct intake *intake;
static char directory[] = "/dev/shm/payi-fuzz-XXXXXX";
static int64_t now_us;

static void leave(void)
{
	char command[100];
	intake_close(intake);
	snprintf(command, sizeof(command), "rm -rf '%s'", directory);
	fuzz_must(system(command) == 0);
}

static void open_intake(void)
{
	char database[64];
	struct err err;
	if (intake)
		return;
	fuzz_must(mkdtemp(directory));
	snprintf(database, sizeof(database), "%s/payi.db", directory);
	const struct intake_options options = {
		.database = database, .ring_dir = directory, .commit_events = 100};
	fuzz_must(intake_open(&options, &intake, &err) == 0);
	/* Lines of the log would be most of the work. */
	log_setup((enum log_level)(LOG_ERROR + 1), LOG_LOGFMT);
	atexit(leave);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint64_t number;
	struct forge forge;
	open_intake();
	forge_init(&forge, ++number);
	rings_change(&forge, data, size);
	forge_put(&forge, directory, false);
	enum intake_result result = INTAKE_STORED;
	for (int i = 0; i < 3 && result == INTAKE_STORED; i++)
		result = intake_step(intake, now_us += 200000, 1, true);
	fuzz_must(result == INTAKE_IDLE);
	forge_remove(&forge, directory);
	return 0;
}
