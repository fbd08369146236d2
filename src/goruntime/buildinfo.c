#include "goruntime/buildinfo.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "goruntime/image.h"
#include "goruntime/object.h"

static void mem_free(struct mem **mem)
{
	mem_destroy(*mem);
}

static enum gospy_code fetch_mem(void *mem, uint64_t addr, void *dst, size_t len,
				 struct gospy_error *err)
{
	return mem_read(mem, addr, dst, len, err);
}

static enum gospy_code read_object(const struct objects *objects, struct object *object,
				   struct mem *mem, struct arena *arena,
				   struct build_info_text *ret, struct gospy_error *err)
{
	enum gospy_code code =
		build_info_find(&object->elf, fetch_mem, mem, object->bias, arena, ret, err);
	if (code != GOSPY_E_NOT_FOUND)
		return code;
	const struct sweep sweep = object_sweep(objects, object);
	return sweep_build_info(&sweep, arena, ret, err);
}

/* A program of 32 bits, if that is what is not supported: by its file alone. */
static enum gospy_code read_narrow(const struct process *process, struct arena *arena,
				   struct build_info_text *ret, struct gospy_error *err)
{
	CLEANUP_CLOSE int fd = -1;
	CLEANUP(elf_file_close) struct elf_file elf = {0};
	if (procfs_open_exe(process->live_tid, &fd, NULL) ||
	    elf_file_open_any(fd, "the executable", &elf, NULL) || !elf.narrow)
		return GOSPY_E_UNSUPPORTED;
	return build_info_find(&elf, NULL, NULL, 0, arena, ret, err);
}

enum gospy_code buildinfo_read(const struct process *process, struct arena *arena,
			       struct build_info_text *ret, struct gospy_error *err)
{
	CLEANUP(mem_free) struct mem *mem = NULL;
	struct objects objects;
	enum gospy_code code = mem_live_create(process, &mem, err);
	if (!code)
		code = objects_find(process, mem, &objects, err);
	if (code == GOSPY_E_UNSUPPORTED)
		return read_narrow(process, arena, ret, err);
	if (code)
		return code;
	code = read_object(&objects, &objects.found.at[0], mem, arena, ret, err);
	objects_deinit(&objects);
	return code;
}

static const char *version_in_image(const struct process *process, struct arena *arena)
{
	CLEANUP(mem_free) struct mem *mem = NULL;
	struct image *image = NULL;
	const char *version = NULL;
	if (!mem_live_create(process, &mem, NULL) &&
	    !image_create(process, mem, NULL, &image, NULL))
		version = arena_strdup(arena, image->go_version);
	image_unref(image);
	return version;
}

enum gospy_code buildinfo_or_version(const struct process *process, struct arena *arena,
				     struct build_info_text *ret, struct gospy_error *err)
{
	enum gospy_code code = buildinfo_read(process, arena, ret, err);
	if (code != GOSPY_E_NOT_FOUND)
		return code;
	*ret = (struct build_info_text){.go_version = version_in_image(process, arena)};
	return ret->go_version ? GOSPY_OK : code;
}

struct owned_info {
	struct gospy_build_info pub; /* first: what the caller gives back */
	struct arena arena;
};

static enum gospy_code fill(const struct process *process, struct owned_info *owned,
			    struct gospy_error *err)
{
	struct build_info_text text;
	bool deleted;
	enum gospy_code code = buildinfo_or_version(process, &owned->arena, &text, err);
	if (!code)
		code = procfs_exe_path(process->live_tid, &owned->arena, &owned->pub.exe, &deleted,
				       err);
	if (code)
		return code;
	owned->pub.go_version = text.go_version;
	return text.modinfo
		       ? build_info_parse_modules(text.modinfo, &owned->arena, &owned->pub, err)
		       : GOSPY_OK;
}

enum gospy_code gospy_build_info_create(pid_t pid, struct gospy_build_info **ret,
					struct gospy_error *err)
{
	CLEANUP(process_close) struct process process = PROCESS_NONE;
	if (pid <= 0 || !ret)
		return err_set(err, GOSPY_E_USAGE, "gospy_build_info_create: bad argument");
	enum gospy_code code = process_open(pid, &process, err);
	if (code)
		return code;
	struct owned_info *owned = calloc(1, sizeof(*owned));
	if (!owned)
		return err_nomem(err);
	code = fill(&process, owned, err);
	code = code ? process_explain(&process, code, err) : process_check(&process, err);
	if (code) {
		gospy_build_info_destroy(&owned->pub);
		return code == GOSPY_E_PERM ? process_diagnose_eperm(pid, PROCESS_READ_MEMORY, err)
					    : code;
	}
	*ret = &owned->pub;
	return GOSPY_OK;
}

void gospy_build_info_destroy(struct gospy_build_info *info)
{
	if (!info)
		return;
	struct owned_info *owned = (struct owned_info *)info;
	arena_deinit(&owned->arena);
	free(owned);
}
