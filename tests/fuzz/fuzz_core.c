/* A core file: its headers and notes, and memory where they say that there is some. */
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "core/core.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The first bytes of what is at `addr`, and those around the end. */
static void read_around(struct source *source, uint64_t addr, uint64_t end)
{
	uint8_t bytes[64];
	struct mem_req reqs[] = {
		{.addr = addr, .dst = bytes, .len = sizeof(bytes)},
		{.addr = end - sizeof(bytes) / 2, .dst = bytes, .len = sizeof(bytes)},
		{.addr = addr + (end - addr) / 2, .dst = bytes, .len = 1},
	};
	(void)!mem_readv(source->mem, reqs, 3, NULL);
}

static void read_memory(struct source *source)
{
	struct mappings maps = {0};
	read_around(source, 0, UINT64_MAX);
	if (source_mappings(source, &maps, NULL))
		return;
	for (size_t i = 0; i < maps.maps.len; i++)
		read_around(source, maps.maps.at[i].start, maps.maps.at[i].end);
	for (size_t i = 0; i < maps.maps.len && i < 8; i++) {
		CLEANUP_CLOSE int fd = -1;
		(void)!source_open_mapped(source, &maps.maps.at[i], &fd, NULL);
	}
	mappings_deinit(&maps);
}

static void ask_the_rest(struct source *source)
{
	struct arena arena = {0};
	struct tasks tasks = {0};
	struct auxv auxv;
	const char *path;
	bool deleted;
	CLEANUP_CLOSE int fd = -1;
	(void)!source_auxv(source, &auxv, NULL);
	(void)!source_exe_path(source, &arena, &path, &deleted, NULL);
	(void)!source_open_exe(source, &fd, NULL);
	if (!source_tasks(source, NULL, &tasks, NULL))
		tasks_deinit(&tasks);
	(void)source_clock_ns(source, SOURCE_MONO);
	(void)source_private_bytes(source);
	struct gospy_error err = {0};
	(void)!source_explain(source, GOSPY_E_NOT_GO, &err);
	arena_deinit(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[32];
	struct source *source;
	const struct core_options options = {.max_unpacked = 1 << 20};
	CLEANUP_CLOSE int fd = memfd_create("core", MFD_CLOEXEC);
	if (fd < 0 || pwrite(fd, data, size, 0) != (ssize_t)size)
		return 0;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (core_open(path, &options, &source, NULL))
		return 0;
	ask_the_rest(source);
	read_memory(source);
	source_destroy(source);
	return 0;
}
