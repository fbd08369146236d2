#include "record/foreign.h"

#include <string.h>

enum {
	/* Addresses that are named. */
	NAMES_MAX = 1 << 20,
};

enum gospy_code foreign_init(struct foreign *f, struct source *source, struct gospy_error *err)
{
	f->source = source;
	return modules_init(source, &f->modules, err);
}

void foreign_deinit(struct foreign *f)
{
	modules_deinit(&f->modules);
	map_deinit(&f->names);
	arena_deinit(&f->arena);
}

static const char *base_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

static const char *find_name(struct foreign *f, uint64_t addr)
{
	struct module *module = modules_find(&f->modules, addr);
	const struct elf_func *func = module ? modules_func(&f->modules, module, addr) : NULL;
	if (func && *func->name)
		return arena_strdup(&f->arena, func->name);
	const struct mapping *map = mappings_find(&f->modules.maps, addr);
	if (map && *map->path == '[')
		return arena_strdup(&f->arena, map->path);
	if (map && *map->path)
		return arena_printf(&f->arena, "[%s]", base_of(map->path));
	return arena_strdup(&f->arena, map ? "[anonymous code]" : "[unknown code]");
}

bool foreign_look(struct foreign *f, uint64_t addr)
{
	if (f->names.len >= NAMES_MAX)
		return true;
	uint64_t *slot = map_put(&f->names, addr);
	if (!slot)
		return false;
	if (*slot)
		return true;
	const char *name = find_name(f, addr);
	*slot = (uint64_t)(uintptr_t)name;
	return name;
}

const char *foreign_name(const struct foreign *f, uint64_t addr)
{
	const uint64_t *slot = map_get(&f->names, addr);
	return slot ? (const char *)(uintptr_t)*slot : NULL;
}
