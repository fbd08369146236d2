#include "profile/executables.h"

#include <string.h>

#include "base/cleanup.h"
#include "dwarf/elf_file.h"
#include "image/program_facts.h"

static const char *hex(struct arena *arena, struct span id)
{
	static const char digits[] = "0123456789abcdef";
	char *text = arena_alloc(arena, 2 * id.len + 1);
	for (size_t i = 0; text && i < id.len; i++) {
		text[2 * i] = digits[id.ptr[i] >> 4];
		text[2 * i + 1] = digits[id.ptr[i] & 15];
	}
	return text;
}

/* Of one file there are often several mappings; NULL: out of memory. */
static const char *build_id(struct source *source, struct locations *l, const struct mapping *map,
			    const char *file)
{
	for (size_t i = 0; i < l->mappings.len; i++) {
		if (strcmp(l->mappings.at[i].file, file) == 0)
			return l->mappings.at[i].build_id;
	}
	if (source->program_facts.len)
		return program_facts_file(source->program_facts, map->path, l->arena);
	CLEANUP_CLOSE int fd = -1;
	struct elf_file elf;
	if (!map->inode || source_open_mapped(source, map, &fd, NULL))
		return "";
	if (elf_file_open(fd, file, &elf, NULL))
		return "";
	const char *text = hex(l->arena, elf_file_build_id(&elf));
	elf_file_close(&elf);
	return text;
}

static bool add(struct source *source, struct locations *l, const struct mapping *map)
{
	static const char deleted[] = " (deleted)";
	size_t len = strlen(map->path), cut = sizeof(deleted) - 1;
	if (len >= cut && strcmp(map->path + len - cut, deleted) == 0)
		len -= cut;
	char *file = arena_strndup(l->arena, map->path, len);
	if (!file)
		return false;
	struct gospy_profile_mapping mapping = {
		.start = map->start,
		.end = map->end,
		.offset = map->offset,
		.file = file,
		.build_id = build_id(source, l, map, file),
	};
	return mapping.build_id && vec_push(&l->mappings, mapping) && vec_push(&l->looked_up, 0);
}

enum gospy_code executables_list(struct source *source, struct locations *l,
				 struct gospy_error *err)
{
	CLEANUP(mappings_deinit) struct mappings maps = {0};
	enum gospy_code code = source_mappings(source, &maps, err);
	for (size_t i = 0; i < maps.maps.len && !code; i++) {
		const struct mapping *map = &maps.maps.at[i];
		// Memory that a huge page left behind has neither.
		if (!map->exec || (!map->inode && !*map->path))
			continue;
		if (!add(source, l, map))
			code = err_nomem(err);
	}
	return code;
}
