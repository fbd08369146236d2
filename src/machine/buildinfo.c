#include "machine/buildinfo.h"

#include <stdlib.h>

#include "base/cancel.h"
#include "base/cleanup.h"
#include "base/sized.h"
#include "core/core.h"
#include "image/binary.h"
#include "image/image.h"
#include "image/image_create.h"
#include "image/program_facts.h"
#include "live/diagnose.h"
#include "live/live.h"

static enum gospy_code fetch_mem(void *mem, uint64_t addr, void *dst, size_t len,
				 struct gospy_error *err)
{
	return mem_read(mem, addr, dst, len, err);
}

static enum gospy_code read_binary(const struct binaries *binaries, struct binary *binary,
				   struct mem *mem, struct arena *arena,
				   struct build_info_text *ret, struct gospy_error *err)
{
	enum gospy_code code =
		build_info_find(&binary->elf, fetch_mem, mem, binary->bias, arena, ret, err);
	if (code != GOSPY_E_NOT_FOUND)
		return code;
	const struct sweep sweep = binary_sweep(binaries, binary);
	return sweep_build_info(&sweep, arena, ret, err);
}

/* If the program is not supported because it has 32 bits: read its file alone. */
static enum gospy_code read_narrow(struct source *source, struct arena *arena,
				   struct build_info_text *ret, struct gospy_error *err)
{
	CLEANUP_CLOSE int fd = -1;
	CLEANUP(elf_file_close) struct elf_file elf = {0};
	if (source_open_exe(source, &fd, NULL) ||
	    elf_file_open_any(fd, "the executable", &elf, NULL) || !elf.narrow)
		return GOSPY_E_UNSUPPORTED;
	return build_info_find(&elf, NULL, NULL, 0, arena, ret, err);
}

enum gospy_code buildinfo_read(struct source *source, struct arena *arena,
			       struct build_info_text *ret, struct gospy_error *err)
{
	struct binaries binaries;
	struct program_facts facts;
	if (source->program_facts.len) {
		enum gospy_code known =
			program_facts_read(source->program_facts, arena, &facts, err);
		if (known)
			return known;
		*ret = (struct build_info_text){facts.info_version, facts.modinfo};
		program_facts_deinit(&facts);
		return ret->go_version ? GOSPY_OK
				       : err_set(err, GOSPY_E_NOT_FOUND, "no build information");
	}
	enum gospy_code code = binaries_find(source, &binaries, err);
	if (code == GOSPY_E_UNSUPPORTED)
		return read_narrow(source, arena, ret, err);
	if (code)
		return code;
	code = read_binary(&binaries, &binaries.found.at[0], source->mem, arena, ret, err);
	binaries_deinit(&binaries);
	return code;
}

static const char *version_in_image(struct source *source, struct arena *arena)
{
	struct image *image;
	if (image_create(source, NULL, &image, NULL))
		return NULL;
	const char *version = arena_strdup(arena, image->go_version);
	image_unref(image);
	return version;
}

enum gospy_code buildinfo_or_version(struct source *source, struct arena *arena,
				     struct build_info_text *ret, struct gospy_error *err)
{
	enum gospy_code code = buildinfo_read(source, arena, ret, err);
	if (code != GOSPY_E_NOT_FOUND)
		return code;
	*ret = (struct build_info_text){.go_version = version_in_image(source, arena)};
	return ret->go_version ? GOSPY_OK : code;
}

struct owned_info {
	struct gospy_build_info pub; /* first: what the caller gives back */
	struct arena arena;
};

static enum gospy_code fill(struct source *source, struct owned_info *owned,
			    struct gospy_error *err)
{
	struct build_info_text text;
	bool deleted;
	enum gospy_code code = buildinfo_or_version(source, &owned->arena, &text, err);
	if (!code)
		code = source_exe_path(source, &owned->arena, &owned->pub.exe, &deleted, err);
	if (code)
		return code;
	owned->pub.go_version = text.go_version;
	if (source->left_out &&
	    !(owned->pub.left_out = arena_strdup(&owned->arena, source->left_out)))
		return err_nomem(err);
	return text.modinfo
		       ? build_info_parse_modules(text.modinfo, &owned->arena, &owned->pub, err)
		       : GOSPY_OK;
}

static enum gospy_code read_build_info(struct source *source, struct gospy_build_info **ret,
				       struct gospy_error *err)
{
	struct owned_info *owned = calloc(1, sizeof(*owned));
	if (!owned)
		return err_nomem(err);
	enum gospy_code code = fill(source, owned, err);
	code = cancel_verdict(code ? source_explain(source, code, err) : source_check(source, err),
			      err);
	if (code)
		gospy_build_info_destroy(&owned->pub);
	else
		*ret = &owned->pub;
	return code;
}

enum gospy_code gospy_build_info_create_with(pid_t pid, const struct gospy_process_options *options,
					     struct gospy_build_info **ret, struct gospy_error *err)
{
	struct gospy_process_options how;
	if (pid <= 0 || !ret)
		return err_set(err, GOSPY_E_USAGE, "gospy_build_info_create: bad argument");
	if (SIZED_READ(&how, options, err))
		return GOSPY_E_USAGE;
	CLEANUP(cancel_end) struct cancel cancel;
	cancel_begin(&cancel, how.cancel_fd);
	CLEANUP(source_free) struct source *source = NULL;
	enum gospy_code code = cancel_verdict(live_open(pid, &source, err), err);
	if (!code)
		code = read_build_info(source, ret, err);
	return code == GOSPY_E_PERM ? diagnose_eperm(pid, PROCESS_READ_MEMORY, err) : code;
}

enum gospy_code gospy_build_info_create_core(const char *path,
					     const struct gospy_open_options *options,
					     struct gospy_build_info **ret, struct gospy_error *err)
{
	struct gospy_open_options how;
	if (!path || !*path || !ret)
		return err_set(err, GOSPY_E_USAGE, "gospy_build_info_create_core: bad argument");
	if (SIZED_READ(&how, options, err))
		return GOSPY_E_USAGE;
	CLEANUP(cancel_end) struct cancel cancel;
	cancel_begin(&cancel, how.cancel_fd);
	CLEANUP(source_free) struct source *source = NULL;
	const struct core_options core = {how.bin, how.root, how.max_unpacked};
	enum gospy_code code = cancel_verdict(core_open(path, &core, &source, err), err);
	return code ? code : read_build_info(source, ret, err);
}

enum gospy_code gospy_build_info_create(pid_t pid, struct gospy_build_info **ret,
					struct gospy_error *err)
{
	return gospy_build_info_create_with(pid, NULL, ret, err);
}

void gospy_build_info_destroy(struct gospy_build_info *info)
{
	if (!info)
		return;
	struct owned_info *owned = (struct owned_info *)info;
	arena_deinit(&owned->arena);
	free(owned);
}
