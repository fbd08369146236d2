#include "base/free_memory.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum {
	SHARE = 4, /* one part of so many */
	LEAST = 64 << 20,
	PATH = 1024, /* longer ones are not looked at */
};

/* Where a cgroup says how much it may use, and how much it does.
 * Documentation/admin-guide/cgroup-v2 and cgroup-v1/memory of the kernel. */
struct hierarchy {
	const char *mount, *most, *used, *cache;
};

static const struct hierarchy second = {"/sys/fs/cgroup", "memory.max", "memory.current",
					"inactive_file"};
static const struct hierarchy first = {"/sys/fs/cgroup/memory", "memory.limit_in_bytes",
				       "memory.usage_in_bytes", "total_inactive_file"};

/* "max" is no number: then it is UINT64_MAX, as if the file was not there. */
static uint64_t read_number(const char *root, const char *mount, const char *group,
			    const char *file)
{
	char path[PATH];
	uint64_t n = UINT64_MAX;
	int len = snprintf(path, sizeof(path), "%s%s%s/%s", root, mount, group, file);
	FILE *f = len > 0 && (size_t)len < sizeof(path) ? fopen(path, "re") : NULL;
	if (f && fscanf(f, "%" SCNu64, &n) != 1)
		n = UINT64_MAX;
	if (f)
		fclose(f);
	return n;
}

/* What stands behind a name in a file of such pairs; 0: nothing. */
static uint64_t read_pair(const char *path, const char *name)
{
	char line[256];
	uint64_t n = 0;
	size_t len = strlen(name);
	FILE *f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		if (strncmp(line, name, len) == 0 && sscanf(line + len, " %" SCNu64, &n) == 1)
			break;
	}
	if (f)
		fclose(f);
	return n;
}

/* Files that nobody has used for a while are given up first. */
static uint64_t left_in(const char *root, const struct hierarchy *h, const char *group)
{
	char path[PATH];
	uint64_t most = read_number(root, h->mount, group, h->most);
	uint64_t used = read_number(root, h->mount, group, h->used);
	if (most == UINT64_MAX || used == UINT64_MAX)
		return UINT64_MAX;
	int len = snprintf(path, sizeof(path), "%s%s%s/memory.stat", root, h->mount, group);
	uint64_t cache = len > 0 && (size_t)len < sizeof(path) ? read_pair(path, h->cache) : 0;
	used -= cache < used ? cache : used;
	return used < most ? most - used : 0;
}

/* The group, and all that it is in. In a container its path may be that outside, where there is
 * none; what is at the mount itself counts then, too. */
static uint64_t left_up_to(const char *root, const struct hierarchy *h, char *group)
{
	uint64_t least = UINT64_MAX;
	for (;;) {
		uint64_t left = left_in(root, h, group);
		least = left < least ? left : least;
		char *slash = strrchr(group, '/');
		if (!slash)
			return least;
		*slash = '\0';
	}
}

static bool has_controller(const char *list, const char *name)
{
	size_t len = strlen(name);
	for (const char *at = list; (at = strstr(at, name)); at += len) {
		bool begins = at == list || at[-1] == ',';
		if (begins && (at[len] == ',' || !at[len]))
			return true;
	}
	return false;
}

/* /proc/self/cgroup: number, controllers, path; the second version has no controllers there. */
static uint64_t left_in_cgroups(const char *root)
{
	char line[PATH], path[PATH];
	uint64_t least = UINT64_MAX;
	snprintf(path, sizeof(path), "%s/proc/self/cgroup", root);
	FILE *f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		char *list = strchr(line, ':'), *group = list ? strchr(list + 1, ':') : NULL;
		if (!group)
			continue;
		*group++ = '\0';
		bool is_second = !list[1];
		if (!is_second && !has_controller(list + 1, "memory"))
			continue;
		uint64_t left = left_up_to(root, is_second ? &second : &first, group);
		least = left < least ? left : least;
	}
	if (f)
		fclose(f);
	return least;
}

uint64_t free_memory_below(const char *root)
{
	char path[PATH];
	snprintf(path, sizeof(path), "%s/proc/meminfo", root);
	uint64_t kib = read_pair(path, "MemAvailable:");
	uint64_t machine = kib ? kib << 10 : UINT64_MAX, groups = left_in_cgroups(root);
	return groups < machine ? groups : machine;
}

uint64_t free_memory(void)
{
	return free_memory_below("");
}

uint64_t free_memory_share(void)
{
	uint64_t bytes = free_memory();
	uint64_t share = bytes == UINT64_MAX ? 0 : bytes / SHARE;
	return share < LEAST ? LEAST : share;
}
