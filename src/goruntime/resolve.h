/*
 * The steps in which an image is resolved, in their order; image.c calls them. Each fills its part
 * of struct image and notes in its provenance where that came from.
 */
#ifndef GOSPY_GORUNTIME_RESOLVE_H
#define GOSPY_GORUNTIME_RESOLVE_H

#include "goruntime/image.h"

/** The object that holds the runtime: its file, load bias and the window on its memory;
 * image_open.c. GOSPY_E_NOT_GO. */
enum gospy_code image_open(struct image *image, const struct process *process, const char *bin_path,
			   struct gospy_error *err);
/** Addresses of the runtime's globals; image_globals.c. GOSPY_E_NOT_FOUND names what is missing. */
enum gospy_code image_find_globals(struct image *image, const struct process *process,
				   struct gospy_error *err);
/** The Go version that the runtime itself states; image_globals.c. GOSPY_E_UNSUPPORTED. */
enum gospy_code image_find_version(struct image *image, struct gospy_error *err);
/** The layouts of structures; image_layout.c. */
enum gospy_code image_find_layout(struct image *image, struct gospy_error *err);
/** Texts of wait reasons, and where the settings of tracebacks are; image_globals.c. */
enum gospy_code image_read_texts(struct image *image, struct gospy_error *err);

/** The function tables of plugins, which image->pcln then leads to; image_plugins.c. One that
 * cannot be read is left out, and said so in the provenance. GOSPY_E_NOMEM. */
enum gospy_code image_find_plugins(struct image *image, const struct process *process,
				   struct gospy_error *err);

/** Memory of the target, as struct paged wants it; `image` is a struct image. */
enum gospy_code image_fetch(void *image, uint64_t addr, void *dst, size_t len,
			    struct gospy_error *err);
/** Note where something was found; shown by `-v`. `name` and `source` live as long as the image;
 * NULL as name is ignored. */
void image_note_source(struct image *image, const char *name, const char *source, uint64_t addr);

#endif
