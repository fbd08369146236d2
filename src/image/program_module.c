#include "image/program_module.h"

#include "dwarf/go/build_info.h"
#include "dwarf/go/code_globals.h"
#include "dwarf/go/moduledata_find.h"
#include "image/program_texts.h"

enum {
	/* Modules found by a search: that of the program, and what else one may carry of Go. */
	MODULES_MAX = 8,
	GO_VERSION_TEXT_MAX = 256, /* "devel go1.26-<hash> <date> X:a,b,c" */
};

/* What the code of a module says while the version of Go is not known yet. */
static enum gospy_code look_at_code(struct program *program, const struct moduledata *md,
				    struct code_globals *ret, struct gospy_error *err)
{
	struct pclntab pcln;
	enum gospy_code code =
		pcln_init(&pcln, &program->window, md, pcln_minor_of_magic(md->magic), err);
	return code ? code : code_globals_find(&pcln, CODE_GLOBALS_ALWAYS, ret, err);
}

/* If there are several modules, take the one with the runtime, which refers to its own module by a
 * constant. A plugin has no such constant, and in a copy of a program among data it refers to
 * another place. */
static enum gospy_code choose_module(struct program *program, const struct moduledata *found,
				     size_t n, const struct moduledata **ret,
				     struct gospy_error *err)
{
	for (size_t i = 0; i < n; i++) {
		struct code_globals globals;
		enum gospy_code code = look_at_code(program, &found[i], &globals, err);
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

enum gospy_code program_find_module(struct program *program, struct gospy_error *err)
{
	if (program->globals.firstmoduledata.addr)
		return moduledata_read(&program->window, program->globals.firstmoduledata.addr,
				       &program->md, err);
	struct moduledata found[MODULES_MAX];
	const struct moduledata *chosen = found;
	size_t n;
	enum gospy_code code = moduledata_find(&program->window, &program->elf, program->bias,
					       found, MODULES_MAX, &n, err);
	if (!code && n > 1)
		code = choose_module(program, found, n, &chosen, err);
	if (!code)
		program->md = *chosen;
	return code;
}

/* Where build information was left out, as Bazel does, the runtime still has its version. */
static enum gospy_code find_version_text(struct program *program, struct gospy_error *err)
{
	struct build_info_text text;
	struct code_globals globals;
	uint64_t addr = program->globals.buildVersion.addr;
	if (!addr && build_info_find(&program->elf, program->window.fetch, program->window.ctx,
				     program->bias, &program->arena, &text, NULL) == GOSPY_OK) {
		program->go_version = text.go_version;
		return GOSPY_OK;
	}
	if (!addr) {
		enum gospy_code code = look_at_code(program, &program->md, &globals, err);
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
		program_read_string(program, addr, GO_VERSION_TEXT_MAX, &program->go_version, err);
	return code ? err_context(err, code, "runtime.buildVersion") : GOSPY_OK;
}

enum gospy_code program_find_version(struct program *program, struct gospy_error *err)
{
	enum gospy_code code = find_version_text(program, err);
	if (code)
		return code;
	if (!go_version_parse(program->go_version, &program->version))
		return err_set(err, GOSPY_E_UNSUPPORTED, "unknown Go version \"%s\"",
			       program->go_version);
	if (program->version.minor < GO_MINOR_OLDEST)
		return err_set(err, GOSPY_E_UNSUPPORTED,
			       "%s is older than Go 1.%d, the oldest that gospy reads",
			       program->go_version, GO_MINOR_OLDEST);
	return GOSPY_OK;
}
