#include <inttypes.h>

#include "goruntime/modules.h"
#include "goruntime/resolve.h"

/* A program that opens more has a table of them that lies. */
enum { PLUGINS_MAX = 256 };

static enum gospy_code open_plugin(struct image *image, struct modules *modules, uint64_t addr,
				   struct plugin *plugin, struct gospy_error *err)
{
	struct moduledata md;
	const struct module *module = modules_at(modules, addr);
	if (!module)
		return err_set(err, GOSPY_E_NOT_FOUND, "no object is mapped at 0x%" PRIx64, addr);
	enum gospy_code code = paged_init(&plugin->window, module->start,
					  module->end - module->start, image_fetch, image, err);
	if (!code)
		code = moduledata_read(&plugin->window, addr, &md, err);
	if (!code)
		code = pcln_init(&plugin->pcln, &plugin->window, &md, image->version.minor, err);
	if (!code)
		image_note_source(image, arena_printf(&image->arena, "plugin %s", module->path),
				  "module list", addr);
	return code;
}

/* Behind the last one known. */
static enum gospy_code add_plugin(struct image *image, struct modules *modules, uint64_t addr,
				  struct pclntab **last, struct gospy_error *err)
{
	struct gospy_error why;
	struct plugin *plugin = arena_calloc(&image->arena, 1, sizeof(*plugin));
	if (!plugin || !vec_push(&image->plugins, plugin))
		return err_nomem(err);
	enum gospy_code code = open_plugin(image, modules, addr, plugin, &why);
	if (code == GOSPY_E_NOMEM)
		return err_nomem(err);
	if (code) {
		image_note_source(image, "plugin", arena_strdup(&image->arena, why.msg), addr);
		return code;
	}
	(*last)->next = &plugin->pcln;
	*last = &plugin->pcln;
	return GOSPY_OK;
}

enum gospy_code image_find_plugins(struct image *image, const struct process *process,
				   struct gospy_error *err)
{
	struct modules modules;
	struct pclntab *last = &image->pcln;
	int minor = image->version.minor;
	uint64_t next = moduledata_next(last->image, &last->md, minor);
	if (!next)
		return GOSPY_OK;
	enum gospy_code code = modules_init(process, image->mem, &modules, err);
	if (code)
		return code;
	while (!code && next && image->plugins.len < PLUGINS_MAX) {
		code = add_plugin(image, &modules, next, &last, err);
		next = moduledata_next(last->image, &last->md, minor);
	}
	modules_deinit(&modules);
	return code == GOSPY_E_NOMEM ? code : GOSPY_OK;
}
