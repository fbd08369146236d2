#include "image/binary.h"

#include <string.h>

#include "base/cancel.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "dwarf/go/moduledata_find.h"

enum {
	/* Binaries of Go in one process; a program and some plugins or libraries. */
	BINARIES_MAX = 64,
	/* Segments of one binary may lie this far apart: what linkers align them to, at most. */
	GAP_MAX = 2 << 20,
	HEAD = 4096,
};

struct finder {
	struct binaries *binaries;
	struct source *source;
	uint64_t program_base; /* of the mapping that begins with the program's headers, or 0 */
	const char *why;       /* the program's file is not used, or NULL */
	struct gospy_error *err;
};

void binaries_deinit(struct binaries *binaries)
{
	for (size_t i = 0; i < binaries->found.len; i++)
		elf_file_close(&binaries->found.at[i].elf);
	vec_free(&binaries->found);
	modules_deinit(&binaries->modules);
	arena_deinit(&binaries->arena);
}

struct sweep binary_sweep(const struct binaries *binaries, const struct binary *binary)
{
	return (struct sweep){binaries->modules.source->mem, &binaries->modules.maps, binary->start,
			      binary->end};
}

/* Was the file written to since the process began? Then even what is mapped may be new in part, so
 * that comparing tells nothing. What is resolved by such a file is checked only as all else is. */
static bool written_since(struct source *source, const struct elf_file *elf)
{
	// Both clocks are coarse.
	enum { SLACK_S = 2, NS_PER_S = 1000000000 };
	uint64_t real_ns = source_clock_ns(source, SOURCE_REAL);
	uint64_t boot_ns = source_clock_ns(source, SOURCE_BOOT);
	if (real_ns == GOSPY_UNKNOWN || boot_ns == GOSPY_UNKNOWN ||
	    source->start_ns == GOSPY_UNKNOWN)
		return false;
	int64_t start_s = (int64_t)((real_ns - (boot_ns - source->start_ns)) / NS_PER_S);
	return elf->identity.mtime_s > start_s + SLACK_S;
}

/* Add a binary to those that were found. Takes the binary's file in any case. */
static enum gospy_code add(struct finder *f, struct binary *binary)
{
	if (!binary->note && written_since(f->source, &binary->elf))
		binary->note = arena_printf(&f->binaries->arena,
					    "%s was written to after the process began: it may not "
					    "be what was loaded",
					    binary->path ? binary->path : "the executable");
	if (f->binaries->found.len < BINARIES_MAX && vec_push(&f->binaries->found, *binary))
		return GOSPY_OK;
	elf_file_close(&binary->elf);
	return f->binaries->found.len < BINARIES_MAX ? err_nomem(f->err) : GOSPY_OK;
}

static enum gospy_code fetch(void *mem, uint64_t addr, void *dst, size_t len,
			     struct gospy_error *err)
{
	return mem_read(mem, addr, dst, len, err);
}

/* Anybody may map a file of Go's. Only once it was loaded, its moduledata has the addresses where
 * the tables are. GOSPY_E_NOT_FOUND: it has not. Tables of an unknown format (garble's) tell
 * nothing: the error is left to who opens the binary. */
static enum gospy_code check_loaded(struct finder *f, const struct binary *binary)
{
	struct paged window = {0};
	struct moduledata md;
	size_t n;
	enum gospy_code code = paged_init(&window, binary->start, binary->end - binary->start,
					  fetch, f->source->mem, f->err);
	if (!code)
		code = moduledata_find(&window, &binary->elf, binary->bias, &md, 1, &n, f->err);
	paged_deinit(&window);
	if (code == GOSPY_E_UNSUPPORTED)
		return GOSPY_OK;
	return code == GOSPY_E_LIMIT ? GOSPY_E_NOT_FOUND : code;
}

/* Add it if it is Go's, by what its headers say, or else by what its memory holds. Takes the
 * binary's file in any case. */
static enum gospy_code add_if_go(struct finder *f, struct binary *binary, enum go_sign sign)
{
	enum gospy_code code = sign == GO_SIGN_NO ? GOSPY_E_NOT_FOUND : GOSPY_OK;
	if (sign == GO_SIGN_YES && build_info_imports_runtime(&binary->elf)) {
		f->binaries->shared = true;
		code = GOSPY_E_NOT_FOUND;
	}
	if (!code && sign == GO_SIGN_YES && binary->kind == BINARY_LIBRARY)
		code = check_loaded(f, binary);
	if (sign == GO_SIGN_UNCLEAR) {
		const struct sweep sweep = binary_sweep(f->binaries, binary);
		code = sweep_moduledata(&sweep, &binary->moduledata, f->err);
		// A header may say anything: so large a range is none.
		if (code == GOSPY_E_LIMIT)
			code = GOSPY_E_NOT_FOUND;
	}
	if (!code)
		return add(f, binary);
	elf_file_close(&binary->elf);
	return code == GOSPY_E_NOT_FOUND ? GOSPY_OK : code;
}

/* Are the file's headers in memory, too? Only what can be read proves that they are not. */
static bool is_mapped(const struct finder *f, const struct binary *binary)
{
	for (size_t i = 0; i < binary->elf.phdr_count; i++) {
		const Elf64_Phdr *ph = &binary->elf.phdrs[i];
		uint8_t mapped[HEAD], stored[HEAD];
		size_t len = ph->p_filesz < HEAD ? (size_t)ph->p_filesz : HEAD;
		if (ph->p_type != PT_LOAD || ph->p_offset || !len ||
		    elf_file_read(&binary->elf, 0, stored, len) != len)
			continue;
		enum gospy_code code =
			mem_read(f->source->mem, ph->p_vaddr + binary->bias, mapped, len, NULL);
		return code ? code != GOSPY_E_FAULT : memcmp(mapped, stored, len) == 0;
	}
	return true;
}

/* A program is loaded at AT_ENTRY - e_entry, whatever the address of its first segment: an
 * internally linked PIE has that at 0x400000. False, and why: its file is not what runs. */
static bool place_program(struct finder *f, struct binary *binary)
{
	uint64_t start, end;
	if (!f->binaries->auxv.entry || !elf_file_range(&binary->elf, &start, &end)) {
		f->why = "neither its entry point nor its segments are known";
		return false;
	}
	binary->bias = f->binaries->auxv.entry - binary->elf.entry;
	binary->start = start + binary->bias;
	binary->end = end + binary->bias;
	if ((binary->elf.type == ET_EXEC && binary->bias) || !is_mapped(f, binary)) {
		f->why = "its headers are not those in memory";
		return false;
	}
	return true;
}

static enum gospy_code add_program(struct finder *f)
{
	CLEANUP_CLOSE int fd = -1;
	struct binary binary = {.kind = BINARY_PROGRAM};
	enum gospy_code code = source_open_exe(f->source, &fd, f->err);
	if (code == GOSPY_E_PERM) {
		// The memory of the process may be read all the same: auxv was.
		f->why = "it may not be read";
		return GOSPY_OK;
	}
	if (code == GOSPY_E_NOT_FOUND && f->source->kind == GOSPY_TARGET_CORE) {
		// The core may hold all that is needed of it.
		f->why = "it is not here";
		return GOSPY_OK;
	}
	if (code)
		return code;
	const char *name = arena_printf(&f->binaries->arena, "/proc/%d/exe", f->source->pid);
	if (!name)
		return err_nomem(f->err);
	code = elf_file_open(fd, name, &binary.elf, f->err);
	if (code == GOSPY_E_BAD_DATA) {
		f->why = "it is no ELF file, or a broken one";
		return GOSPY_OK;
	}
	if (code)
		return code;
	if (!place_program(f, &binary)) {
		elf_file_close(&binary.elf);
		return GOSPY_OK;
	}
	f->program_base = binary.start / HEAD * HEAD;
	return add_if_go(f, &binary, build_info_sign(&binary.elf));
}

/* Where the file of a library cannot be had, its memory decides. */
static enum gospy_code add_module(struct finder *f, struct module *module)
{
	struct binary binary = {
		.kind = BINARY_LIBRARY,
		.start = module->start,
		.end = module->end,
		.bias = module->bias,
		.path = module->path,
	};
	if (modules_open(&f->binaries->modules, module)) {
		binary.elf = module->elf;
		module->elf = (struct elf_file){0};
		module->has_file = false;
		return add_if_go(f, &binary, build_info_sign(&binary.elf));
	}
	binary.kind = BINARY_MEMORY;
	binary.bias = 0;
	binary.note = arena_printf(&f->binaries->arena,
				   "%s cannot be opened, or is not the file that is mapped: only "
				   "its memory was read",
				   module->path);
	if (!binary.note || elf_file_none(module->path, &binary.elf, f->err))
		return err_nomem(f->err);
	return add_if_go(f, &binary, GO_SIGN_UNCLEAR);
}

static enum gospy_code add_libraries(struct finder *f)
{
	struct modules *modules = &f->binaries->modules;
	const struct module *last = NULL;
	for (size_t i = 0; i < modules->maps.maps.len; i++) {
		const struct mapping *map = &modules->maps.maps.at[i];
		if (!map->exec || *map->path != '/')
			continue;
		struct module *module = modules_find(modules, map->start);
		if (!module || module == last || module->base == f->program_base)
			continue;
		last = module;
		enum gospy_code code = cancel_check(f->err);
		if (!code)
			code = add_module(f, module);
		if (code)
			return code;
	}
	return GOSPY_OK;
}

/* Is it memory of no file? A program may have unpacked itself into it. */
static bool is_anonymous(const struct mapping *map)
{
	return *map->path == '\0' || strncmp(map->path, "/memfd:", 7) == 0 ||
	       strncmp(map->path, "/dev/zero", 9) == 0 || strncmp(map->path, "[anon", 5) == 0;
}

static bool is_programs(const struct mapping *map, struct source *source)
{
	return map->inode && map->inode == source->exe_inode;
}

/* The group of neighbouring mappings that begins with number `*at`, which moves behind it: of no
 * file, or of the program. True: there is code in it. */
static bool next_group(const struct finder *f, size_t *at, struct binary *ret)
{
	const struct mappings *maps = &f->binaries->modules.maps;
	bool code = false;
	ret->start = ret->end = 0;
	for (; *at < maps->maps.len; (*at)++) {
		const struct mapping *map = &maps->maps.at[*at];
		bool belongs = is_anonymous(map) || is_programs(map, f->source);
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
	for (size_t at = 0; at < f->binaries->modules.maps.maps.len;) {
		struct binary binary = {.kind = BINARY_MEMORY};
		if (!next_group(f, &at, &binary))
			continue;
		binary.note =
			arena_printf(&f->binaries->arena,
				     "the runtime was found in memory: the executable's "
				     "file does not describe it%s%s",
				     f->why ? ", " : " (a packed program?)", f->why ? f->why : "");
		if (!binary.note || elf_file_none("the executable", &binary.elf, f->err))
			return err_nomem(f->err);
		enum gospy_code code = add_if_go(f, &binary, GO_SIGN_UNCLEAR);
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
	if (!code && f->binaries->found.len == 0 && !f->binaries->shared)
		code = add_memory(f);
	if (!code && f->binaries->found.len == 0 && f->binaries->shared)
		code = err_set(f->err, GOSPY_E_NOT_FOUND,
			       "%s (%s) takes its Go runtime from a shared library "
			       "(go build -linkshared), but none that it has mapped holds one",
			       f->source->name, f->source->comm);
	if (!code && f->binaries->found.len == 0)
		code = err_set(f->err, GOSPY_E_NOT_GO,
			       "%s (%s) is not a Go program: neither its executable%s%s%s nor a "
			       "library of its has sections, a note or symbols of Go's, and no "
			       "moduledata with a function table of Go is in its memory",
			       f->source->name, f->source->comm, f->why ? " (" : "",
			       f->why ? f->why : "", f->why ? ")" : "");
	return code;
}

enum gospy_code binaries_find(struct source *source, struct binaries *ret, struct gospy_error *err)
{
	struct binaries binaries = {0};
	struct finder f = {.binaries = &binaries, .source = source, .err = err};
	enum gospy_code code = source_auxv(source, &binaries.auxv, err);
	if (!code)
		code = modules_init(source, &binaries.modules, err);
	if (!code)
		code = find(&f);
	if (code)
		binaries_deinit(&binaries);
	else
		*ret = binaries;
	return code;
}
