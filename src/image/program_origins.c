#include "image/program_origins.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "dwarf/go/build_info.h"
#include "image/sweep.h"

/* No file tells where it is: it is looked for in memory. */
static enum gospy_code search(const struct program *program, struct source *source,
			      struct arena *arena, struct build_info_text *ret)
{
	CLEANUP(mappings_deinit) struct mappings maps = {0};
	const struct paged *window = &program->window;
	const struct sweep sweep = {source->mem, &maps, window->addr, window->addr + window->len};
	enum gospy_code code = source_mappings(source, &maps, NULL);
	return code ? code : sweep_build_info(&sweep, arena, ret, NULL);
}

enum gospy_code program_find_origins(struct program *program, struct source *source,
				     struct gospy_error *err)
{
	CLEANUP(arena_deinit) struct arena scratch = {0};
	struct build_info_text text = {0};
	enum gospy_code code =
		build_info_find(&program->elf, program->window.fetch, program->window.ctx,
				program->bias, &scratch, &text, NULL);
	if (code == GOSPY_E_NOT_FOUND && program->own)
		code = search(program, source, &scratch, &text);
	if (code == GOSPY_E_NOMEM ||
	    !origins_find(&program->pcln, program->main_main, code ? NULL : text.modinfo,
			  &program->arena, &program->origins))
		return err_nomem(err);
	return GOSPY_OK;
}
