#include "image/program_plugins.h"

#include <inttypes.h>

#include "image/modules.h"

/* If there seem to be more, the table of them lies. */
enum { PLUGINS_MAX = 256 };

static enum gospy_code open_plugin(struct program *program, struct modules *modules, uint64_t addr,
				   struct plugin *plugin, struct gospy_error *err)
{
	struct moduledata md;
	const struct module *module = modules_at(modules, addr);
	if (!module)
		return err_set(err, GOSPY_E_NOT_FOUND, "no binary is mapped at 0x%" PRIx64, addr);
	enum gospy_code code = paged_init(&plugin->window, module->start,
					  module->end - module->start, program_fetch, program, err);
	if (!code && program->known)
		code = modules_set_exact(modules, &plugin->window, err);
	if (!code)
		code = moduledata_read(&plugin->window, addr, &md, err);
	if (!code)
		code = pcln_init(&plugin->pcln, &plugin->window, &md, program->version.minor, err);
	if (code)
		return code;
	program_note_source(program, arena_printf(&program->arena, "module %s", module->path),
			    "module list", addr);
	plugin->start = module->base;
	plugin->end = module->end;
	return GOSPY_OK;
}

/* Put a plugin behind the last one that is known. */
static enum gospy_code add_plugin(struct program *program, struct modules *modules, uint64_t addr,
				  struct pclntab **last, struct gospy_error *err)
{
	struct gospy_error why;
	struct plugin *plugin = arena_calloc(&program->arena, 1, sizeof(*plugin));
	if (!plugin || !vec_push(&program->plugins, plugin))
		return err_nomem(err);
	enum gospy_code code = open_plugin(program, modules, addr, plugin, &why);
	if (code == GOSPY_E_NOMEM)
		return err_nomem(err);
	if (code) {
		program_note_source(program, "module", arena_strdup(&program->arena, why.msg),
				    addr);
		return code;
	}
	(*last)->next = &plugin->pcln;
	*last = &plugin->pcln;
	return GOSPY_OK;
}

static enum gospy_code follow(struct program *program, struct source *source, uint64_t next,
			      struct gospy_error *err)
{
	struct modules modules;
	struct pclntab *last = &program->pcln;
	enum gospy_code code = modules_init(source, &modules, err);
	if (code)
		return code;
	while (!code && next && program->plugins.len < PLUGINS_MAX) {
		code = add_plugin(program, &modules, next, &last, err);
		next = moduledata_next(last->image, &last->md, program->version.minor);
	}
	modules_deinit(&modules);
	return code == GOSPY_E_NOMEM ? code : GOSPY_OK;
}

enum gospy_code program_find_plugins(struct program *program, struct source *source,
				     struct gospy_error *err)
{
	uint64_t next = moduledata_next(&program->window, &program->md, program->version.minor);
	return next ? follow(program, source, next, err) : GOSPY_OK;
}
