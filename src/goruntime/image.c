#include "goruntime/image.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "dwarf/build_info.h"
#include "dwarf/dwarf_info.h"
#include "dwarf/rtype.h"
#include "goruntime/twin.h"

enum {
	WAIT_REASON_MAX = 256, /* waitReason is a uint8 */
	WAIT_REASON_TEXT_MAX = 128,
	GO_VERSION_TEXT_MAX = 256, /* "devel go1.26-<hash> <date> X:a,b,c" */
};

static enum gospy_code fetch(void *ctx, uint64_t addr, void *dst, size_t len,
			     struct gospy_error *err)
{
	const struct image *image = ctx;
	if (!image->mem)
		return err_set(err, GOSPY_E_GONE, "the target was closed");
	return mem_read(image->mem, addr, dst, len, err);
}

static void add_provenance(struct image *image, const char *name, const char *source, uint64_t addr)
{
	struct gospy_provenance p = {.name = name, .source = source, .addr = addr};
	// It is only reported: running out of memory here costs a line of `-v`.
	if (name && !vec_push(&image->provenance, p))
		return;
}

static enum gospy_code open_program(struct image *image, const struct process *process,
				    struct gospy_error *err)
{
	CLEANUP_CLOSE int fd = -1;
	enum gospy_code code = procfs_open_exe(process->live_tid, &fd, err);
	if (code)
		return code;
	const char *name = arena_printf(&image->arena, "/proc/%d/exe", process->pid);
	if (!name)
		return err_nomem(err);
	code = elf_file_open(fd, name, &image->elf, err);
	if (code)
		return err_context(err, code, "pid %d (%s)", process->pid, process->comm);
	return GOSPY_OK;
}

static enum gospy_code open_bin(struct image *image, const char *path, struct gospy_error *err)
{
	CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_os(err, errno, "cannot open %s", path);
	struct stat st;
	if (fstat(fd, &st) == 0 && !S_ISREG(st.st_mode))
		return err_set(err, GOSPY_E_USAGE, "%s is not a file", path);
	enum gospy_code code = elf_file_open(fd, path, &image->bin, err);
	if (code)
		return err_context(err, code, "%s", path);
	image->has_bin = true;
	return GOSPY_OK;
}

/* A Go main program is loaded at AT_ENTRY - e_entry, whatever the address of its first segment: an
 * internally linked PIE has that at 0x400000. */
static enum gospy_code map_window(struct image *image, const struct process *process,
				  struct gospy_error *err)
{
	enum gospy_code code = procfs_auxv(process->live_tid, &image->auxv, err);
	if (code)
		return code;
	uint64_t lo, hi;
	if (!image->auxv.entry || !elf_file_range(&image->elf, &lo, &hi))
		return err_set(err, GOSPY_E_BAD_DATA,
			       "pid %d (%s): neither entry point nor loadable segments are known",
			       process->pid, process->comm);
	image->bias = image->auxv.entry - image->elf.entry;
	if (image->elf.type == ET_EXEC && image->bias)
		return err_set(err, GOSPY_E_BAD_DATA,
			       "pid %d (%s) does not run the code of its file (a packed program?)",
			       process->pid, process->comm);
	return paged_init(&image->window, lo + image->bias, hi - lo, fetch, image, err);
}

#define GLOBAL_NAME_(name, required) {"runtime." #name, offsetof(struct globals, name), (required)},

static const struct {
	const char *name;
	size_t offset;
	bool required;
} global_table[] = {IMAGE_GLOBALS(GLOBAL_NAME_)};

enum { GLOBAL_COUNT = sizeof(global_table) / sizeof(global_table[0]) };

static enum gospy_code find_globals(struct image *image, const struct process *process,
				    struct gospy_error *err)
{
	struct elf_file *elf = image->has_bin ? &image->bin : &image->elf;
	struct elf_symbol symbols[GLOBAL_COUNT + 1] = {[GLOBAL_COUNT] = {.name = "main.main"}};
	for (size_t i = 0; i < GLOBAL_COUNT; i++)
		symbols[i].name = global_table[i].name;
	enum gospy_code code = elf_file_symbols(elf, symbols, GLOBAL_COUNT + 1, err);
	if (code && code != GOSPY_E_NOT_FOUND)
		return code;
	for (size_t i = 0; i < GLOBAL_COUNT; i++) {
		struct global *global =
			(struct global *)((char *)&image->globals + global_table[i].offset);
		if (symbols[i].found) {
			global->addr = symbols[i].addr + image->bias;
			global->size = symbols[i].size;
			add_provenance(image, global_table[i].name, "symtab", global->addr);
		} else if (global_table[i].required) {
			return err_set(err, GOSPY_E_NOT_FOUND,
				       "pid %d (%s): %s has no symbol %s: the program is stripped; "
				       "name an unstripped build of it with --bin FILE",
				       process->pid, process->comm,
				       image->has_bin ? image->bin.name : "its executable",
				       global_table[i].name);
		}
	}
	if (symbols[GLOBAL_COUNT].found)
		image->main_main = symbols[GLOBAL_COUNT].addr + image->bias;
	return GOSPY_OK;
}

static enum gospy_code read_string(struct image *image, uint64_t header, size_t max,
				   const char **ret, struct gospy_error *err)
{
	uint64_t words[2]; // a Go string: pointer, length
	enum gospy_code code = mem_read(image->mem, header, words, sizeof(words), err);
	if (code)
		return code;
	if (words[1] > max)
		return err_set(err, GOSPY_E_LIMIT, "a string of %llu bytes at 0x%llx",
			       (unsigned long long)words[1], (unsigned long long)header);
	char *s = arena_alloc(&image->arena, words[1] + 1);
	if (!s)
		return err_nomem(err);
	if (words[1] && (code = mem_read(image->mem, words[0], s, words[1], err)))
		return code;
	*ret = s;
	return GOSPY_OK;
}

static enum gospy_code find_version(struct image *image, struct gospy_error *err)
{
	enum gospy_code code = read_string(image, image->globals.buildVersion.addr,
					   GO_VERSION_TEXT_MAX, &image->go_version, err);
	if (code)
		return err_context(err, code, "runtime.buildVersion");
	if (!go_version_parse(image->go_version, &image->version))
		return err_set(err, GOSPY_E_UNSUPPORTED, "unknown Go version \"%s\"",
			       image->go_version);
	if (image->version.minor < GO_MINOR_OLDEST)
		return err_set(err, GOSPY_E_UNSUPPORTED,
			       "%s is older than Go 1.%d, the oldest that gospy reads",
			       image->go_version, GO_MINOR_OLDEST);
	return GOSPY_OK;
}

static void note_layout(void *ctx, const char *go_name, uint64_t size, const char *source)
{
	struct image *image = ctx;
	(void)size;
	if (source)
		add_provenance(image, arena_printf(&image->arena, "layout %s", go_name), source, 0);
}

/* Type descriptors first: they are in every binary and cost next to nothing. DWARF only for what
 * has none, and only where the program carries it. */
static enum gospy_code find_layout(struct image *image, struct gospy_error *err)
{
	struct rtype_named *named =
		arena_calloc(&image->arena, layout_struct_count, sizeof(*named));
	if (!named)
		return err_nomem(err);
	for (size_t i = 0; i < layout_struct_count; i++)
		named[i].name = layout_struct_names[i];
	struct rtypes rtypes;
	enum gospy_code code = rtypes_init(&rtypes, &image->window, &image->md,
					   image->version.minor, named, layout_struct_count, err);
	if (code)
		return err_context(err, code, "type descriptors");

	struct type_source *sources[2] = {&rtypes.source};
	size_t n = 1;
	struct dwinfo *dwinfo = NULL;
	if (layout_needs_more(&rtypes.source)) {
		struct elf_file *elf = image->has_bin ? &image->bin : &image->elf;
		code = dwinfo_create(elf, &dwinfo, err);
		if (code == GOSPY_OK)
			sources[n++] = dwinfo_types(dwinfo);
		else if (code != GOSPY_E_NOT_FOUND)
			return err_context(err, code, "debug information");
	}
	code = layout_resolve(sources, n, &image->layout, err);
	dwinfo_destroy(dwinfo);
	if (code == GOSPY_OK)
		layout_each(&image->layout, note_layout, image);
	return code;
}

static enum gospy_code read_wait_reasons(struct image *image, struct gospy_error *err)
{
	struct global g = image->globals.waitReasonStrings;
	size_t n = (size_t)(g.size / 16); // an array of Go strings
	if (n < 2 || n > WAIT_REASON_MAX)
		return err_set(err, GOSPY_E_BAD_DATA,
			       "runtime.waitReasonStrings has a size of %llu bytes",
			       (unsigned long long)g.size);
	image->wait_reasons = arena_calloc(&image->arena, n, sizeof(*image->wait_reasons));
	if (!image->wait_reasons)
		return err_nomem(err);
	for (size_t i = 0; i < n; i++) {
		enum gospy_code code = read_string(image, g.addr + i * 16, WAIT_REASON_TEXT_MAX,
						   &image->wait_reasons[i], err);
		if (code)
			return err_context(err, code, "runtime.waitReasonStrings[%zu]", i);
	}
	image->wait_reason_count = n;
	return GOSPY_OK;
}

/* Address of the value of a GODEBUG setting, or 0. src/runtime/runtime1.go: dbgvars is a slice of
 * dbgVar{name string; value *int32}, from Go 1.21 on of *dbgVar{..., atomic *int32; def int32}. */
static uint64_t find_dbgvar(const struct image *image, const char *name)
{
	enum { POINTERS_SINCE = 21, VARS_MAX = 1024, NAME_MAX_LEN = 32, VAR_LEN = 3 * 8 };
	bool pointers = image->version.minor >= POINTERS_SINCE;
	size_t len = strlen(name);
	uint64_t vars[2]; // array, len
	if (!image->globals.dbgvars.addr ||
	    mem_read(image->mem, image->globals.dbgvars.addr, vars, sizeof(vars), NULL) ||
	    vars[1] > VARS_MAX)
		return 0;
	for (uint64_t i = 0; i < vars[1]; i++) {
		uint64_t addr = vars[0] + i * (pointers ? sizeof(addr) : VAR_LEN);
		uint64_t var[4] = {0}; // name, len, value, atomic
		char text[NAME_MAX_LEN];
		if ((pointers && mem_read_u64(image->mem, addr, &addr, NULL)) ||
		    mem_read(image->mem, addr, var, pointers ? sizeof(var) : VAR_LEN, NULL))
			return 0;
		if (var[1] == len && len <= sizeof(text) &&
		    !mem_read(image->mem, var[0], text, len, NULL) && memcmp(text, name, len) == 0)
			return var[3] ? var[3] : var[2];
	}
	return 0;
}

static void find_traceback_settings(struct image *image)
{
	image->traceback_labels = find_dbgvar(image, "tracebacklabels");
	image->traceback_ancestors = find_dbgvar(image, "tracebackancestors");
}

static enum gospy_code resolve(struct image *image, const struct process *process,
			       const char *bin_path, struct gospy_error *err)
{
	enum gospy_code code = open_program(image, process, err);
	if (code)
		return code;
	if (!build_info_is_go(&image->elf))
		return err_set(err, GOSPY_E_NOT_GO,
			       "pid %d (%s) is not a Go program: its executable has no Go build "
			       "information, no function table and no runtime symbols",
			       process->pid, process->comm);
	if ((code = map_window(image, process, err)))
		return code;
	if (bin_path &&
	    ((code = open_bin(image, bin_path, err)) ||
	     (code = twin_check(&image->elf, &image->bin, &image->window, image->bias, err))))
		return code;
	if ((code = find_globals(image, process, err)) || (code = find_version(image, err)))
		return code;
	code = moduledata_read(&image->window, image->globals.firstmoduledata.addr, &image->md,
			       err);
	if (!code)
		code = pcln_init(&image->pcln, &image->window, &image->md, image->version.minor,
				 err);
	if (!code)
		code = find_layout(image, err);
	if (!code)
		code = read_wait_reasons(image, err);
	if (!code)
		find_traceback_settings(image);
	if (code)
		return err_context(err, code, "pid %d (%s, %s)", process->pid, process->comm,
				   image->go_version);
	return GOSPY_OK;
}

enum gospy_code image_create(const struct process *process, struct mem *mem, const char *bin_path,
			     struct image **ret, struct gospy_error *err)
{
	struct image *image = calloc(1, sizeof(*image));
	if (!image)
		return err_nomem(err);
	atomic_init(&image->refs, 1);
	pthread_mutex_init(&image->lock, NULL);
	image->mem = mem;
	enum gospy_code code = resolve(image, process, bin_path, err);
	if (code) {
		image_unref(image);
		return code;
	}
	*ret = image;
	return GOSPY_OK;
}

struct image *image_ref(struct image *image)
{
	atomic_fetch_add(&image->refs, 1);
	return image;
}

void image_unref(struct image *image)
{
	if (!image || atomic_fetch_sub(&image->refs, 1) > 1)
		return;
	paged_deinit(&image->window);
	elf_file_close(&image->elf);
	if (image->has_bin)
		elf_file_close(&image->bin);
	map_deinit(&image->locations);
	map_deinit(&image->sites);
	vec_free(&image->provenance);
	arena_deinit(&image->arena);
	pthread_mutex_destroy(&image->lock);
	free(image);
}

void image_forget_target(struct image *image)
{
	pthread_mutex_lock(&image->lock);
	image->mem = NULL;
	pthread_mutex_unlock(&image->lock);
}

enum gospy_code image_check(const struct image *image, const struct process *process,
			    struct gospy_error *err)
{
	struct proc_auxv now;
	enum gospy_code code = procfs_auxv(process->live_tid, &now, err);
	if (code)
		return code;
	// The vDSO and the program headers are placed anew by every exec.
	if (now.entry != image->auxv.entry || now.phdr != image->auxv.phdr ||
	    now.base != image->auxv.base || now.sysinfo_ehdr != image->auxv.sysinfo_ehdr)
		return err_set(err, GOSPY_E_GONE,
			       "pid %d (%s) has executed a new program meanwhile", process->pid,
			       process->comm);
	return GOSPY_OK;
}

const char *image_wait_reason(const struct image *image, unsigned reason)
{
	return reason < image->wait_reason_count ? image->wait_reasons[reason]
						 : "unknown wait reason";
}
