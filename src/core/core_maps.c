#include "core/core_maps.h"

#include <elf.h>
#include <stdlib.h>

#include "base/error.h"

/* Of every process: arch/x86/include/uapi/asm/vsyscall.h. */
#define VSYSCALL_ADDR UINT64_C(0xffffffffff600000)

struct maker {
	const struct segments *segments;
	const struct mapped_files *files;
	struct mappings *maps;
	const char *last_path, *last_copy; /* neighbours often have the same path */
};

/* A copy that lives as long as the mappings. */
static const char *keep_path(struct maker *maker, const char *path)
{
	if (path != maker->last_path) {
		maker->last_copy = arena_strdup(&maker->maps->arena, path);
		maker->last_path = path;
	}
	return maker->last_copy;
}

static bool add(struct maker *maker, struct mapping map, const struct mapped_range *range)
{
	map.path = "";
	if (range) {
		map.path = keep_path(maker, range->path);
		map.inode = range->file + 1;
		map.offset = range->offset + (map.start - range->start);
	}
	return map.path && vec_push(&maker->maps->maps, map);
}

/* Where what there is at `at` ends, as far as files are concerned. */
static uint64_t end_of_range(const struct mapped_files *files, uint64_t at,
			     const struct mapped_range **ret)
{
	size_t next = mapped_files_before(files, at);
	const struct mapped_range *range = next ? &files->ranges.at[next - 1] : NULL;
	*ret = range && at < range->end ? range : NULL;
	if (*ret)
		return range->end;
	return next < files->ranges.len ? files->ranges.at[next].start : UINT64_MAX;
}

/* A segment may be a part of one file, of several, or of none. */
static bool add_segment(struct maker *maker, const struct segment *segment)
{
	for (uint64_t at = segment->start; at < segment->end;) {
		const struct mapped_range *range;
		uint64_t end = end_of_range(maker->files, at, &range);
		struct mapping map = {
			.start = at,
			.end = end < segment->end ? end : segment->end,
			.read = segment->flags & PF_R,
			.write = segment->flags & PF_W,
			.exec = segment->flags & PF_X,
		};
		if (!add(maker, map, range))
			return false;
		at = map.end;
	}
	return true;
}

/* gdb leaves out what the filter for cores leaves out, headers and all. Such memory could be read;
 * what else is not known. */
static bool add_unlisted(struct maker *maker, const struct mapped_range *range)
{
	const struct segments *segments = maker->segments;
	for (uint64_t at = range->start; at < range->end;) {
		size_t next = segments_before(segments, at);
		uint64_t end = next < segments->at.len ? segments->at.at[next].start : UINT64_MAX;
		struct mapping map = {
			.start = at,
			.end = end < range->end ? end : range->end,
			.read = true,
			.exec = true,
		};
		if (next && at < segments->at.at[next - 1].end)
			map.end = segments->at.at[next - 1].end;
		else if (!add(maker, map, range))
			return false;
		at = map.end;
	}
	return true;
}

static int compare_start(const void *a, const void *b)
{
	const struct mapping *x = a, *y = b;
	return (x->start > y->start) - (x->start < y->start);
}

/* As the kernel names what it maps itself. */
static void name(struct mappings *maps, uint64_t addr, const char *path)
{
	const struct mapping *map = addr ? mappings_find(maps, addr) : NULL;
	if (map && !*map->path)
		maps->maps.at[map - maps->maps.at].path = path;
}

enum gospy_code core_maps(const struct segments *segments, const struct mapped_files *files,
			  uint64_t vdso, struct mappings *ret, struct gospy_error *err)
{
	struct mappings maps = {0};
	struct maker maker = {.segments = segments, .files = files, .maps = &maps};
	bool ok = true;
	for (size_t i = 0; i < segments->at.len && ok; i++)
		ok = add_segment(&maker, &segments->at.at[i]);
	for (size_t i = 0; i < files->ranges.len && ok; i++)
		ok = add_unlisted(&maker, &files->ranges.at[i]);
	if (!ok) {
		mappings_deinit(&maps);
		return err_nomem(err);
	}
	if (maps.maps.len)
		qsort(maps.maps.at, maps.maps.len, sizeof(*maps.maps.at), compare_start);
	name(&maps, vdso, "[vdso]");
	name(&maps, VSYSCALL_ADDR, "[vsyscall]");
	*ret = maps;
	return GOSPY_OK;
}
