#include "goruntime/object.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"

enum {
	/* Objects of Go in one process; a program and some plugins or libraries. */
	OBJECTS_MAX = 64,
	/* Segments of one object may lie this far apart: what linkers align them to, at most. */
	GAP_MAX = 2 << 20,
	HEAD = 4096,
};

struct finder {
	struct objects *objects;
	const struct process *process;
	struct mem *mem;
	uint64_t program_base; /* of the mapping that begins with the program's headers, or 0 */
	const char *why;       /* the program's file is not used, or NULL */
	struct gospy_error *err;
};

void objects_deinit(struct objects *objects)
{
	for (size_t i = 0; i < objects->found.len; i++)
		elf_file_close(&objects->found.at[i].elf);
	vec_free(&objects->found);
	modules_deinit(&objects->modules);
	arena_deinit(&objects->arena);
}

struct sweep object_sweep(const struct objects *objects, const struct object *object)
{
	return (struct sweep){objects->modules.mem, &objects->modules.maps, object->start,
			      object->end};
}

/* Of a file that was written to, even what is mapped may be new in part, so that comparing tells
 * nothing; what was resolved by it is only checked as all else is. */
static bool written_since(const struct process *process, const struct elf_file *elf)
{
	// Both clocks are coarse.
	enum { SLACK_S = 2, NS_PER_S = 1000000000 };
	uint64_t age_ns = clock_boot_ns() - procfs_ticks_to_ns(process->start_ticks);
	int64_t start_s = (int64_t)((clock_real_ns() - age_ns) / NS_PER_S);
	return elf->mtime_s > start_s + SLACK_S;
}

/* Takes the object's file in any case. */
static enum gospy_code add(struct finder *f, struct object *object)
{
	if (!object->note && written_since(f->process, &object->elf))
		object->note = arena_printf(&f->objects->arena,
					    "%s was written to after the process began: it may not "
					    "be what was loaded",
					    object->path ? object->path : "the executable");
	if (f->objects->found.len < OBJECTS_MAX && vec_push(&f->objects->found, *object))
		return GOSPY_OK;
	elf_file_close(&object->elf);
	return f->objects->found.len < OBJECTS_MAX ? err_nomem(f->err) : GOSPY_OK;
}

/* If it is of Go: as its headers say, or else what its memory holds. Takes the object's file. */
static enum gospy_code add_if_go(struct finder *f, struct object *object, enum go_sign sign)
{
	enum gospy_code code = sign == GO_SIGN_NO ? GOSPY_E_NOT_FOUND : GOSPY_OK;
	if (sign == GO_SIGN_UNCLEAR) {
		const struct sweep sweep = object_sweep(f->objects, object);
		code = sweep_moduledata(&sweep, &object->moduledata, f->err);
		// A header may say anything: so large a range is none.
		if (code == GOSPY_E_LIMIT)
			code = GOSPY_E_NOT_FOUND;
	}
	if (!code)
		return add(f, object);
	elf_file_close(&object->elf);
	return code == GOSPY_E_NOT_FOUND ? GOSPY_OK : code;
}

/* Are the file's headers in memory, too? Only what can be read proves that they are not. */
static bool is_mapped(const struct finder *f, const struct object *object)
{
	for (size_t i = 0; i < object->elf.phdr_count; i++) {
		const Elf64_Phdr *ph = &object->elf.phdrs[i];
		uint8_t mapped[HEAD];
		size_t len = ph->p_filesz < HEAD ? (size_t)ph->p_filesz : HEAD;
		struct span stored = span_sub(object->elf.bytes, 0, len);
		if (ph->p_type != PT_LOAD || ph->p_offset || !stored.len)
			continue;
		enum gospy_code code =
			mem_read(f->mem, ph->p_vaddr + object->bias, mapped, len, NULL);
		return code ? code != GOSPY_E_FAULT : memcmp(mapped, stored.ptr, len) == 0;
	}
	return true;
}

/* A program is loaded at AT_ENTRY - e_entry, whatever the address of its first segment: an
 * internally linked PIE has that at 0x400000. False, and why: its file is not what runs. */
static bool place_program(struct finder *f, struct object *object)
{
	uint64_t start, end;
	if (!f->objects->auxv.entry || !elf_file_range(&object->elf, &start, &end)) {
		f->why = "neither its entry point nor its segments are known";
		return false;
	}
	object->bias = f->objects->auxv.entry - object->elf.entry;
	object->start = start + object->bias;
	object->end = end + object->bias;
	if ((object->elf.type == ET_EXEC && object->bias) || !is_mapped(f, object)) {
		f->why = "its headers are not those in memory";
		return false;
	}
	return true;
}

static enum gospy_code add_program(struct finder *f)
{
	CLEANUP_CLOSE int fd = -1;
	struct object object = {.kind = OBJECT_PROGRAM};
	enum gospy_code code = procfs_open_exe(f->process->live_tid, &fd, f->err);
	if (code == GOSPY_E_PERM) {
		// Of a process whose memory may be read: auxv was.
		f->why = "it may not be read";
		return GOSPY_OK;
	}
	if (code)
		return code;
	const char *name = arena_printf(&f->objects->arena, "/proc/%d/exe", f->process->pid);
	if (!name)
		return err_nomem(f->err);
	code = elf_file_open(fd, name, &object.elf, f->err);
	if (code == GOSPY_E_BAD_DATA) {
		f->why = "it is no ELF file, or a broken one";
		return GOSPY_OK;
	}
	if (code)
		return code;
	if (!place_program(f, &object)) {
		elf_file_close(&object.elf);
		return GOSPY_OK;
	}
	f->program_base = object.start / HEAD * HEAD;
	return add_if_go(f, &object, build_info_sign(&object.elf));
}

/* A library whose file cannot be had is judged by its memory. */
static enum gospy_code add_module(struct finder *f, struct module *module)
{
	struct object object = {
		.kind = OBJECT_LIBRARY,
		.start = module->start,
		.end = module->end,
		.bias = module->bias,
		.path = module->path,
	};
	if (modules_open(&f->objects->modules, module)) {
		object.elf = module->elf;
		module->elf = (struct elf_file){0};
		module->has_file = false;
		return add_if_go(f, &object, build_info_sign(&object.elf));
	}
	object.kind = OBJECT_MEMORY;
	object.bias = 0;
	object.note = arena_printf(&f->objects->arena,
				   "%s cannot be opened, or is not the file that is mapped: only "
				   "its memory was read",
				   module->path);
	if (!object.note || elf_file_none(module->path, &object.elf, f->err))
		return err_nomem(f->err);
	return add_if_go(f, &object, GO_SIGN_UNCLEAR);
}

static enum gospy_code add_libraries(struct finder *f)
{
	struct modules *modules = &f->objects->modules;
	const struct module *last = NULL;
	for (size_t i = 0; i < modules->maps.maps.len; i++) {
		const struct proc_map *map = &modules->maps.maps.at[i];
		if (!map->exec || *map->path != '/')
			continue;
		struct module *module = modules_find(modules, map->start);
		if (!module || module == last || module->base == f->program_base)
			continue;
		last = module;
		enum gospy_code code = add_module(f, module);
		if (code)
			return code;
	}
	return GOSPY_OK;
}

/* Memory that is of no file: a program may have unpacked itself into it. */
static bool is_anonymous(const struct proc_map *map)
{
	return *map->path == '\0' || strncmp(map->path, "/memfd:", 7) == 0 ||
	       strncmp(map->path, "/dev/zero", 9) == 0 || strncmp(map->path, "[anon", 5) == 0;
}

static bool is_programs(const struct proc_map *map, const struct process *process)
{
	return map->inode && map->inode == process->exe_ino;
}

/* The group of neighbouring mappings that begins with number `*at`, which moves behind it: of no
 * file, or of the program. True: there is code in it. */
static bool next_group(const struct finder *f, size_t *at, struct object *ret)
{
	const struct proc_maps *maps = &f->objects->modules.maps;
	bool code = false;
	ret->start = ret->end = 0;
	for (; *at < maps->maps.len; (*at)++) {
		const struct proc_map *map = &maps->maps.at[*at];
		bool belongs = is_anonymous(map) || is_programs(map, f->process);
		if (ret->end && (!belongs || map->start - ret->end > GAP_MAX ||
				 map->end - ret->start > PAGED_MAX))
			break;
		if (!belongs || map->end - map->start > PAGED_MAX)
			continue;
		ret->start = ret->end ? ret->start : map->start;
		ret->end = map->end;
		code |= map->exec;
	}
	return code;
}

static enum gospy_code add_memory(struct finder *f)
{
	for (size_t at = 0; at < f->objects->modules.maps.maps.len;) {
		struct object object = {.kind = OBJECT_MEMORY};
		if (!next_group(f, &at, &object))
			continue;
		object.note =
			arena_printf(&f->objects->arena,
				     "the runtime was found in memory: the executable's "
				     "file does not describe it%s%s",
				     f->why ? ", " : " (a packed program?)", f->why ? f->why : "");
		if (!object.note || elf_file_none("the executable", &object.elf, f->err))
			return err_nomem(f->err);
		enum gospy_code code = add_if_go(f, &object, GO_SIGN_UNCLEAR);
		if (code)
			return code;
	}
	return GOSPY_OK;
}

static enum gospy_code find(struct finder *f)
{
	enum gospy_code code = add_program(f);
	if (!code)
		code = add_libraries(f);
	if (!code && f->objects->found.len == 0)
		code = add_memory(f);
	if (!code && f->objects->found.len == 0)
		code = err_set(
			f->err, GOSPY_E_NOT_GO,
			"pid %d (%s) is not a Go program: neither its executable%s%s%s nor a "
			"library of its has sections, a note or symbols of Go's, and no "
			"moduledata with a function table of Go is in its memory",
			f->process->pid, f->process->comm, f->why ? " (" : "", f->why ? f->why : "",
			f->why ? ")" : "");
	return code;
}

enum gospy_code objects_find(const struct process *process, struct mem *mem, struct objects *ret,
			     struct gospy_error *err)
{
	struct objects objects = {0};
	struct finder f = {.objects = &objects, .process = process, .mem = mem, .err = err};
	enum gospy_code code = procfs_auxv(process->live_tid, &objects.auxv, err);
	if (!code)
		code = modules_init(process, mem, &objects.modules, err);
	if (!code)
		code = find(&f);
	if (code)
		objects_deinit(&objects);
	else
		*ret = objects;
	return code;
}
