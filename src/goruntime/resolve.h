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
/** Globals by the symbol table, that of --bin if it is given; image_globals.c. A program without
 * one is no error. */
enum gospy_code image_find_symbols(struct image *image, struct gospy_error *err);
/** The module that the runtime is in: by its symbol, else by a search; image_module.c.
 * GOSPY_E_NOT_FOUND. */
enum gospy_code image_find_module(struct image *image, struct gospy_error *err);
/** The Go version that the runtime itself states, else the build information; image_module.c.
 * GOSPY_E_UNSUPPORTED. */
enum gospy_code image_find_version(struct image *image, struct gospy_error *err);
/** The globals that had no symbol, by the code that uses them; image_globals.c. */
enum gospy_code image_find_globals(struct image *image, struct gospy_error *err);
/** The layouts of structures; image_layout.c. */
enum gospy_code image_find_layout(struct image *image, struct gospy_error *err);
/** Drop what came from a table and does not fit the process; the globals must be known. What is
 * left is noted as found; image_layout.c. GOSPY_E_NOMEM. */
enum gospy_code image_check_layout(struct image *image, struct gospy_error *err);
/** Does what is at this address look like the global called so ("runtime.allgs")? For addresses
 * that no symbol vouches for; image_check.c. */
bool image_check_global(struct image *image, const char *name, uint64_t addr);
/** Address of allgs by the shape of what it refers to, or 0; image_check.c. */
uint64_t image_scan_allgs(struct image *image);
/** Drops what was found by code and does not look like it in the process; is all there that has to
 * be? image_globals.c. GOSPY_E_NOT_FOUND names what is missing. */
enum gospy_code image_check_globals(struct image *image, struct gospy_error *err);
/** Texts of wait reasons, and where the settings of tracebacks are; image_texts.c. */
enum gospy_code image_read_texts(struct image *image, struct gospy_error *err);

/** The function tables of plugins, which image->pcln then leads to; image_plugins.c. One that
 * cannot be read is left out, and said so in the provenance. GOSPY_E_NOMEM. */
enum gospy_code image_find_plugins(struct image *image, const struct process *process,
				   struct gospy_error *err);

/** Memory of the target, as struct paged wants it; `image` is a struct image. */
enum gospy_code image_fetch(void *image, uint64_t addr, void *dst, size_t len,
			    struct gospy_error *err);
/** The Go string at `addr` in the image, of at most `max` bytes; a copy in its arena.
 * image_texts.c. GOSPY_E_LIMIT, GOSPY_E_BAD_DATA. */
enum gospy_code image_read_string(struct image *image, uint64_t addr, size_t max, const char **ret,
				  struct gospy_error *err);

/** Add what a person should know, which is shown with every report. The text is copied. */
void image_add_note(struct image *image, const char *text);
/** Note where something was found; shown by `-v`. `name` and `source` live as long as the image;
 * NULL as name is ignored. */
void image_note_source(struct image *image, const char *name, const char *source, uint64_t addr);

#endif
