/* Plugins, which have function tables of their own. */
#ifndef GOSPY_IMAGE_PROGRAM_PLUGINS_H
#define GOSPY_IMAGE_PROGRAM_PLUGINS_H

#include "image/program.h"
#include "target/source.h"

/** Add the function tables of plugins: program->pcln leads to them then. One that cannot be read is
 * left out, and the provenance says so. GOSPY_E_NOMEM. */
enum gospy_code program_find_plugins(struct program *program, struct source *source,
				     struct gospy_error *err);

#endif
