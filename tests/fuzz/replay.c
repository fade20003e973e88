/* Gives a fuzz target each file of the directories and files named: what libFuzzer once found stays mended. */
#include "fuzz/fuzz.h"

#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

enum { INPUT_BYTES_MAX = 1 << 20 };

static int n_inputs;

static void replay_file(const char *path)
{
	FILE *file = fopen(path, "re");
	uint8_t *bytes = malloc(INPUT_BYTES_MAX);
	fuzz_must(file && bytes);
	const size_t n = fread(bytes, 1, INPUT_BYTES_MAX, file);
	fclose(file);
	/* At the end of its own memory, so that a checker sees a step beyond it. */
	uint8_t *exact = malloc(n ? n : 1);
	fuzz_must(exact);
	memcpy(exact, bytes, n);
	free(bytes);
	fprintf(stderr, "%s\n", path);
	LLVMFuzzerTestOneInput(exact, n);
	free(exact);
	n_inputs++;
}

static void replay_directory(const char *path)
{
	DIR *dir = opendir(path);
	const struct dirent *entry;
	fuzz_must(dir);
	while ((entry = readdir(dir))) {
		char name[4096];
		snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
		if (entry->d_name[0] != '.')
			replay_file(name);
	}
	closedir(dir);
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		struct stat stat_buf;
		if (stat(argv[i], &stat_buf) == 0 && S_ISDIR(stat_buf.st_mode))
			replay_directory(argv[i]);
		else
			replay_file(argv[i]);
	}
	printf("%d inputs\n", n_inputs);
	return n_inputs > 0 ? 0 : 1;
}
