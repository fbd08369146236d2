#include <inttypes.h>

#include "goruntime/modules.h"
#include "goruntime/resolve.h"

/* A program that opens more has a table of them that lies. */
enum { PLUGINS_MAX = 256 };

static void forget_other(struct image *image, const struct module *module)
{
	for (size_t i = 0; i < image->others.len; i++) {
		uint64_t start = image->others.at[i];
		if (start >= module->base && start < module->end)
			image->others.at[i] = image->others.at[--image->others.len];
	}
}

/* Objects of Go that are no part of this runtime have one of their own. */
static void note_others(struct image *image)
{
	if (image->others.len) {
		const char *note = arena_printf(
			&image->arena,
			"%zu objects of this process have a Go runtime: this is %s; --bin FILE "
			"chooses the one that FILE is a twin of",
			image->others.len + 1, image->object ? image->object : "the executable");
		if (note)
			image_add_note(image, note);
	}
}

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
	if (code)
		return code;
	image_note_source(image, arena_printf(&image->arena, "plugin %s", module->path),
			  "module list", addr);
	forget_other(image, module);
	return GOSPY_OK;
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

static enum gospy_code follow(struct image *image, const struct process *process, uint64_t next,
			      struct gospy_error *err)
{
	struct modules modules;
	struct pclntab *last = &image->pcln;
	enum gospy_code code = modules_init(process, image->mem, &modules, err);
	if (code)
		return code;
	while (!code && next && image->plugins.len < PLUGINS_MAX) {
		code = add_plugin(image, &modules, next, &last, err);
		next = moduledata_next(last->image, &last->md, image->version.minor);
	}
	modules_deinit(&modules);
	return code == GOSPY_E_NOMEM ? code : GOSPY_OK;
}

enum gospy_code image_find_plugins(struct image *image, const struct process *process,
				   struct gospy_error *err)
{
	uint64_t next = moduledata_next(&image->window, &image->md, image->version.minor);
	enum gospy_code code = next ? follow(image, process, next, err) : GOSPY_OK;
	if (!code)
		note_others(image);
	return code;
}
