#include "image/program_origins.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "dwarf/go/build_info.h"

enum gospy_code program_find_origins(struct program *program, struct gospy_error *err)
{
	CLEANUP(arena_deinit) struct arena scratch = {0};
	struct build_info_text text = {0};
	enum gospy_code code =
		build_info_find(&program->elf, program->window.fetch, program->window.ctx,
				program->bias, &scratch, &text, NULL);
	if (code == GOSPY_E_NOMEM ||
	    !origins_find(&program->pcln, program->main_main, code ? NULL : text.modinfo,
			  &program->arena, &program->origins))
		return err_nomem(err);
	return GOSPY_OK;
}
