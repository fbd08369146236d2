#include "goruntime/modules.h"

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

enum gospy_code modules_init(const struct process *process, struct mem *mem, struct modules *ret,
			     struct gospy_error *err)
{
	*ret = (struct modules){.process = process, .mem = mem};
	return procfs_maps(process->live_tid, &ret->maps, err);
}

void modules_deinit(struct modules *modules)
{
	for (struct module *m = modules->first; m; m = m->next) {
		elf_funcs_deinit(&m->funcs);
		elf_file_close(&m->elf);
	}
	map_deinit(&modules->by_base);
	proc_maps_deinit(&modules->maps);
	arena_deinit(&modules->arena);
	*modules = (struct modules){0};
}

static bool is_vdso(const struct proc_map *map)
{
	return strcmp(map->path, "[vdso]") == 0;
}

/* The mapping of the beginning of the file that `map` is of. */
static const struct proc_map *first_of(const struct modules *modules, const struct proc_map *map)
{
	for (; map->offset; map--) {
		if (map == modules->maps.maps.at || strcmp(map[-1].path, map->path) != 0)
			return NULL;
	}
	return map;
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
		    mem_read(modules->mem, addr, bytes, len, NULL) ||
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
static struct module *examine(struct modules *modules, const struct proc_map *map)
{
	uint8_t head[HEAD];
	size_t len = map->end - map->start < HEAD ? map->end - map->start : HEAD;
	struct elf_file elf;
	struct module *module = arena_alloc(&modules->arena, sizeof(*module));
	if (!module || mem_read(modules->mem, map->start, head, len, NULL) ||
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
	const struct proc_map *map = proc_maps_find(&modules->maps, addr);
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
	const struct proc_map *map = proc_maps_find(&modules->maps, addr);
	return map && map->exec ? modules_at(modules, addr) : NULL;
}

/* Is it the file that is mapped? Its headers, and most often its build ID, are in the first page.
 */
static bool is_mapped_file(const struct modules *modules, const struct module *module, int fd)
{
	uint8_t mapped[HEAD], stored[HEAD];
	size_t len = module->map->end - module->map->start;
	ssize_t n = pread(fd, stored, len < HEAD ? len : HEAD, 0);
	return n >= (ssize_t)sizeof(Elf64_Ehdr) &&
	       !mem_read(modules->mem, module->base, mapped, (size_t)n, NULL) &&
	       memcmp(mapped, stored, (size_t)n) == 0;
}

static bool open_file(const struct modules *modules, struct module *module)
{
	pid_t pid = modules->process->live_tid;
	CLEANUP_CLOSE int mapped = -1;
	CLEANUP_CLOSE int exe = -1;
	if (!procfs_open_mapped(pid, module->map, &mapped, NULL) &&
	    is_mapped_file(modules, module, mapped))
		return !elf_file_open(mapped, module->path, &module->elf, NULL);
	// A program that was deleted or replaced.
	return !procfs_open_exe(pid, &exe, NULL) && is_mapped_file(modules, module, exe) &&
	       !elf_file_open(exe, module->path, &module->elf, NULL);
}

/* The whole file is mapped, and nowhere else. */
static bool open_vdso(struct modules *modules, struct module *module)
{
	uint64_t len = module->map->end - module->map->start;
	uint8_t *bytes = len <= VDSO_MAX ? arena_alloc(&modules->arena, len) : NULL;
	return bytes && !mem_read(modules->mem, module->base, bytes, len, NULL) &&
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

const struct elf_func *modules_func(struct modules *modules, struct module *module, uint64_t addr)
{
	if (!module->listed) {
		module->listed = true;
		if (!modules_open(modules, module) ||
		    elf_funcs_create(&module->elf, &module->funcs, NULL))
			module->funcs = (struct elf_funcs){0};
	}
	return elf_funcs_find(&module->funcs, addr - module->bias);
}
