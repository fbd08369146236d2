/* What a call could leave behind: descriptors and threads of this program, and threads of its
 * target that are traced or stand still. */
#ifndef GOSPY_TESTS_LEFT_BEHIND_H
#define GOSPY_TESTS_LEFT_BEHIND_H

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

struct left_behind {
	size_t descriptors, threads, held;
};

static inline size_t count_entries(const char *path)
{
	size_t n = 0;
	DIR *dir CLEANUP_CLOSEDIR = opendir(path);
	assert_non_null(dir);
	while (readdir(dir))
		n++;
	return n;
}

/* "TracerPid:\t0" and "State:\tS (sleeping)" of a thread that goes its own way. */
static inline bool is_held(pid_t pid, const char *tid)
{
	char path[64], line[256];
	bool held = false;
	snprintf(path, sizeof(path), "/proc/%d/task/%.20s/status", (int)pid, tid);
	FILE *status CLEANUP_FCLOSE = fopen(path, "re");
	while (status && fgets(line, sizeof(line), status)) {
		if (strncmp(line, "TracerPid:", 10) == 0)
			held |= strcmp(line + 10, "\t0\n") != 0;
		if (strncmp(line, "State:", 6) == 0)
			held |= line[7] == 't' || line[7] == 'T';
	}
	return held;
}

static inline size_t count_held(pid_t pid)
{
	char path[64];
	size_t n = 0;
	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	DIR *dir CLEANUP_CLOSEDIR = opendir(path);
	assert_non_null(dir);
	for (const struct dirent *entry; (entry = readdir(dir));)
		n += entry->d_name[0] != '.' && is_held(pid, entry->d_name);
	return n;
}

static inline struct left_behind left_behind(pid_t pid)
{
	return (struct left_behind){
		.descriptors = count_entries("/proc/self/fd"),
		.threads = count_entries("/proc/self/task"),
		.held = count_held(pid),
	};
}

/** Checks that nothing was left behind since. A thread that was joined is still there for a moment,
 * and so is what it held; only if that does not end it is an error. */
static inline void check_left_behind(const struct left_behind *before, pid_t pid)
{
	enum { TRIES = 10000 };
	struct left_behind now = left_behind(pid);
	for (unsigned i = 0; i < TRIES && memcmp(&now, before, sizeof(now)) != 0; i++) {
		usleep(1000);
		now = left_behind(pid);
	}
	assert_int_equal(now.descriptors, before->descriptors);
	assert_int_equal(now.threads, before->threads);
	assert_int_equal(now.held, before->held);
}

#endif
