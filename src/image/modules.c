#include "image/modules.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "dwarf/eh_frame_hdr.h"

enum {
	/* The beginning of a file, with all of its program headers: the page that is mapped. */
	HEAD = 4096,
	/* The kernel's own has two pages, or four. */
	VDSO_MAX = 64 << 10,
};

void modules_deinit(struct modules *modules)
{
	for (struct module *m = modules->first; m; m = m->next) {
		elf_funcs_deinit(&m->funcs);
		elf_file_close(&m->elf);
	}
	map_deinit(&modules->by_base);
	free(modules->firsts);
	mappings_deinit(&modules->maps);
	arena_deinit(&modules->arena);
	*modules = (struct modules){0};
}

/* For each mapping, the one of the beginning of the same file. A target may have a million mappings
 * of one file: to look back each time that somebody asks would be quadratic. */
static bool find_firsts(struct modules *modules)
{
	const struct mapping *maps = modules->maps.maps.at;
	size_t n = modules->maps.maps.len;
	modules->firsts = malloc((n + 1) * sizeof(*modules->firsts));
	for (size_t i = 0; modules->firsts && i < n; i++) {
		const struct mapping **first = &modules->firsts[i];
		if (!maps[i].offset)
			*first = &maps[i];
		else if (i && strcmp(maps[i - 1].path, maps[i].path) == 0)
			*first = first[-1];
		else
			*first = NULL;
	}
	return modules->firsts;
}

enum gospy_code modules_init(struct source *source, struct modules *ret, struct gospy_error *err)
{
	*ret = (struct modules){.source = source};
	return source_mappings(source, &ret->maps, err);
}

static bool is_vdso(const struct mapping *map)
{
	return strcmp(map->path, "[vdso]") == 0;
}

/* The mapping of the beginning of the file that `map` is of, or NULL. */
static const struct mapping *first_of(struct modules *modules, const struct mapping *map)
{
	if (!modules->firsts && !find_firsts(modules))
		return NULL;
	return modules->firsts[map - modules->maps.maps.at];
}

static bool find_bias(const struct elf_file *elf, uint64_t base, uint64_t *ret)
{
	for (size_t i = 0; i < elf->phdr_count; i++) {
		const Elf64_Phdr *ph = &elf->phdrs[i];
		if (ph->p_type != PT_LOAD || ph->p_offset >= HEAD)
			continue;
		*ret = base - (ph->p_vaddr - ph->p_offset);
		return true;
	}
	return false;
}

static void find_table(const struct modules *modules, const struct elf_file *elf,
		       struct module *module)
{
	for (size_t i = 0; i < elf->phdr_count; i++) {
		const Elf64_Phdr *ph = &elf->phdrs[i];
		uint8_t bytes[EH_FRAME_HDR_MAX];
		struct eh_frame_hdr hdr;
		uint64_t addr = module->bias + ph->p_vaddr, end;
		size_t len = ph->p_memsz < sizeof(bytes) ? ph->p_memsz : sizeof(bytes);
		if (ph->p_type != PT_GNU_EH_FRAME ||
		    __builtin_add_overflow(addr, ph->p_memsz, &end) ||
		    mem_read(modules->source->mem, addr, bytes, len, NULL) ||
		    !eh_frame_hdr_parse((struct span){bytes, len}, ph->p_memsz, &hdr))
			continue;
		module->hdr = addr;
		module->hdr_end = end;
		module->table = addr + hdr.table_off;
		module->table_count = hdr.count;
		return;
	}
}

/* What is mapped at `map` as an ELF file, or NULL. */
static struct module *examine(struct modules *modules, const struct mapping *map)
{
	uint8_t head[HEAD];
	size_t len = map->end - map->start < HEAD ? map->end - map->start : HEAD;
	struct elf_file elf;
	struct module *module = arena_alloc(&modules->arena, sizeof(*module));
	if (!module || mem_read(modules->source->mem, map->start, head, len, NULL) ||
	    elf_file_open_span((struct span){head, len}, map->path, &elf, NULL))
		return NULL;
	module->path = map->path;
	module->base = map->start;
	module->map = map;
	bool known = find_bias(&elf, map->start, &module->bias) &&
		     elf_file_range(&elf, &module->start, &module->end);
	module->start += module->bias;
	module->end += module->bias;
	if (known)
		find_table(modules, &elf, module);
	elf_file_close(&elf);
	return known ? module : NULL;
}

struct module *modules_at(struct modules *modules, uint64_t addr)
{
	const struct mapping *map = mappings_find(&modules->maps, addr);
	if (!map || !(*map->path == '/' || is_vdso(map)))
		return NULL;
	map = first_of(modules, map);
	const uint64_t *known = map ? map_get(&modules->by_base, map->start) : NULL;
	if (!map || known)
		return known ? (struct module *)(uintptr_t)*known : NULL;
	uint64_t *slot = map_put(&modules->by_base, map->start);
	struct module *module = slot ? examine(modules, map) : NULL;
	if (!module)
		return NULL;
	*slot = (uint64_t)(uintptr_t)module;
	module->next = modules->first;
	modules->first = module;
	return module;
}

struct module *modules_find(struct modules *modules, uint64_t addr)
{
	const struct mapping *map = mappings_find(&modules->maps, addr);
	return map && map->exec ? modules_at(modules, addr) : NULL;
}

/* Is it the file that is mapped? The first page tells: it has the headers, and most often the build
 * ID. */
static bool is_mapped_file(const struct modules *modules, const struct module *module, int fd)
{
	uint8_t mapped[HEAD], stored[HEAD];
	size_t len = module->map->end - module->map->start;
	ssize_t n = pread(fd, stored, len < HEAD ? len : HEAD, 0);
	return n >= (ssize_t)sizeof(Elf64_Ehdr) &&
	       !mem_read(modules->source->mem, module->base, mapped, (size_t)n, NULL) &&
	       memcmp(mapped, stored, (size_t)n) == 0;
}

static bool open_file(const struct modules *modules, struct module *module)
{
	struct source *source = modules->source;
	CLEANUP_CLOSE int mapped = -1;
	CLEANUP_CLOSE int exe = -1;
	if (!source_open_mapped(source, module->map, &mapped, NULL) &&
	    is_mapped_file(modules, module, mapped))
		return !elf_file_open(mapped, module->path, &module->elf, NULL);
	// The program was deleted or replaced.
	return !source_open_exe(source, &exe, NULL) && is_mapped_file(modules, module, exe) &&
	       !elf_file_open(exe, module->path, &module->elf, NULL);
}

/* The whole file is mapped, and nowhere else. */
static bool open_vdso(struct modules *modules, struct module *module)
{
	uint64_t len = module->map->end - module->map->start;
	uint8_t *bytes = len <= VDSO_MAX ? arena_alloc(&modules->arena, len) : NULL;
	return bytes && !mem_read(modules->source->mem, module->base, bytes, len, NULL) &&
	       !elf_file_open_span((struct span){bytes, len}, module->path, &module->elf, NULL);
}

bool modules_open(struct modules *modules, struct module *module)
{
	if (!module->opened) {
		module->opened = true;
		module->has_file = is_vdso(module->map) ? open_vdso(modules, module)
							: open_file(modules, module);
	}
	return module->has_file;
}

static void list_funcs(struct modules *modules, struct module *module)
{
	if (modules->names_cost >= MODULES_NAMES_MAX) {
		modules->unnamed++;
		return;
	}
	if (!modules_open(modules, module) || elf_funcs_create(&module->elf, &module->funcs, NULL))
		module->funcs = (struct elf_funcs){0};
	// There may be more libraries than descriptors.
	elf_file_release(&module->elf);
	modules->names_cost += module->elf.arena.bytes + module->elf.passed;
}

const struct elf_func *modules_func(struct modules *modules, struct module *module, uint64_t addr)
{
	if (!module->listed) {
		module->listed = true;
		list_funcs(modules, module);
	}
	return elf_funcs_find(&module->funcs, addr - module->bias);
}

enum gospy_code modules_set_exact(const struct modules *modules, struct paged *window,
				  struct gospy_error *err)
{
	const struct mappings *maps = &modules->maps;
	for (size_t i = 0; i < maps->maps.len; i++) {
		const struct mapping *map = &maps->maps.at[i];
		if (map->write && map->end > window->addr &&
		    map->start < window->addr + window->len)
			return paged_set_exact(window, map->start, UINT64_MAX, err);
	}
	return GOSPY_OK;
}
