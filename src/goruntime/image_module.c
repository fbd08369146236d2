#include "dwarf/build_info.h"
#include "dwarf/code_globals.h"
#include "goruntime/resolve.h"

enum {
	/* Modules found by a search: that of the program, and what else one may carry of Go. */
	MODULES_MAX = 8,
	GO_VERSION_TEXT_MAX = 256, /* "devel go1.26-<hash> <date> X:a,b,c" */
};

/* What the code of a module says while the version of Go is not known yet. */
static enum gospy_code look_at_code(struct image *image, const struct moduledata *md,
				    struct code_globals *ret, struct gospy_error *err)
{
	struct pclntab pcln;
	enum gospy_code code =
		pcln_init(&pcln, &image->window, md, pcln_minor_of_magic(md->magic), err);
	return code ? code : code_globals_find(&pcln, ret, err);
}

/* Of several the one with the runtime, which refers to its own module by a constant: that of a
 * plugin has none, and a copy of a program among data refers to other places. */
static enum gospy_code choose_module(struct image *image, const struct moduledata *found, size_t n,
				     const struct moduledata **ret, struct gospy_error *err)
{
	for (size_t i = 0; i < n; i++) {
		struct code_globals globals;
		enum gospy_code code = look_at_code(image, &found[i], &globals, err);
		if (code == GOSPY_E_NOMEM || code == GOSPY_E_UNSUPPORTED)
			return code;
		if (code == GOSPY_OK && globals.at[CODE_GLOBAL_firstmoduledata].count) {
			*ret = &found[i];
			return GOSPY_OK;
		}
	}
	return err_set(err, GOSPY_E_NOT_FOUND,
		       "none of the %zu Go modules that were found has a runtime", n);
}

enum gospy_code image_find_module(struct image *image, struct gospy_error *err)
{
	if (image->globals.firstmoduledata.addr)
		return moduledata_read(&image->window, image->globals.firstmoduledata.addr,
				       &image->md, err);
	struct moduledata found[MODULES_MAX];
	const struct moduledata *chosen = found;
	size_t n;
	enum gospy_code code = moduledata_find(&image->window, &image->elf, image->bias, found,
					       MODULES_MAX, &n, err);
	if (!code && n > 1)
		code = choose_module(image, found, n, &chosen, err);
	if (!code)
		image->md = *chosen;
	return code;
}

/* Where build information was left out, which Bazel does, the runtime still has its version. */
static enum gospy_code find_version_text(struct image *image, struct gospy_error *err)
{
	struct build_info_text text;
	struct code_globals globals;
	uint64_t addr = image->globals.buildVersion.addr;
	if (!addr && build_info_find(&image->elf, image->window.fetch, image->window.ctx,
				     image->bias, &image->arena, &text, NULL) == GOSPY_OK) {
		image->go_version = text.go_version;
		return GOSPY_OK;
	}
	if (!addr) {
		enum gospy_code code = look_at_code(image, &image->md, &globals, err);
		if (code)
			return code;
		const struct code_global *found = &globals.at[CODE_GLOBAL_buildVersion];
		if (found->count != 1)
			return err_set(
				err, GOSPY_E_NOT_FOUND,
				"the Go version is not to be found: neither build information "
				"nor runtime.buildVersion");
		addr = found->addr[0];
	}
	enum gospy_code code =
		image_read_string(image, addr, GO_VERSION_TEXT_MAX, &image->go_version, err);
	return code ? err_context(err, code, "runtime.buildVersion") : GOSPY_OK;
}

enum gospy_code image_find_version(struct image *image, struct gospy_error *err)
{
	enum gospy_code code = find_version_text(image, err);
	if (code)
		return code;
	if (!go_version_parse(image->go_version, &image->version))
		return err_set(err, GOSPY_E_UNSUPPORTED, "unknown Go version \"%s\"",
			       image->go_version);
	if (image->version.minor < GO_MINOR_OLDEST)
		return err_set(err, GOSPY_E_UNSUPPORTED,
			       "%s is older than Go 1.%d, the oldest that gospy reads",
			       image->go_version, GO_MINOR_OLDEST);
	return GOSPY_OK;
}
