/* What a bundle that has the heap holds of the program's variables: their names, and what they are
 * of, with the addresses of that process. variables.h and variable_types.h read it again. */
#ifndef GOSPY_IMAGE_VARIABLE_FACTS_H
#define GOSPY_IMAGE_VARIABLE_FACTS_H

#include "base/strbuf.h"
#include "image/image.h"

/** Append it to the facts of the program (program_facts.h), as far as there is room. GOSPY_E_NOMEM,
 * GOSPY_E_CANCELLED. */
enum gospy_code variable_facts_write(struct image *image, struct source *source,
				     struct strbuf *text, struct gospy_error *err);

#endif
