/*
 * Runs a fuzz target over a corpus without libFuzzer: each argument is a file, or a directory whose
 * files are taken. The empty input comes first, so there is always something to run.
 */
#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void replay_bytes(const uint8_t *data, size_t size)
{
	// A heap block of exactly this size, so that a sanitizer sees a read behind its end.
	CLEANUP_FREE uint8_t *copy = malloc(size ? size : 1);
	if (!copy)
		abort();
	if (size)
		memcpy(copy, data, size);
	(void)LLVMFuzzerTestOneInput(copy, size);
}

static bool replay_file(const char *path)
{
	CLEANUP_FCLOSE FILE *f = fopen(path, "rb");
	struct stat st;
	if (!f || fstat(fileno(f), &st) != 0) {
		perror(path);
		return false;
	}
	size_t size = (size_t)st.st_size;
	CLEANUP_FREE uint8_t *data = malloc(size ? size : 1);
	if (!data || fread(data, 1, size, f) != size) {
		fprintf(stderr, "%s: cannot be read\n", path);
		return false;
	}
	replay_bytes(data, size);
	return true;
}

static bool replay_path(const char *path, size_t *count)
{
	CLEANUP_CLOSEDIR DIR *dir = opendir(path);
	if (!dir) {
		++*count;
		return replay_file(path);
	}
	bool ok = true;
	for (const struct dirent *e; (e = readdir(dir));) {
		char file[4096];
		if (e->d_name[0] == '.')
			continue;
		snprintf(file, sizeof(file), "%s/%s", path, e->d_name);
		ok &= replay_file(file);
		++*count;
	}
	return ok;
}

int main(int argc, char **argv)
{
	size_t count = 0;
	bool ok = true;
	replay_bytes(NULL, 0);
	for (int i = 1; i < argc; i++)
		ok &= replay_path(argv[i], &count);
	printf("%zu files replayed\n", count);
	return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
