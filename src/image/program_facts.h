/*
 * What is known of a program and its Go runtime, as text: a bundle holds it, so that whoever opens
 * the bundle searches for nothing and needs no file. The text consists of lines (base/pairs.h).
 *
 * It says what image.h holds of one process, with the addresses of that process. It may lie. So all
 * that is read by it is bounded as if it came from the program itself, and checked in the same way
 * (image_check.h, verify.h).
 */
#ifndef GOSPY_IMAGE_PROGRAM_FACTS_H
#define GOSPY_IMAGE_PROGRAM_FACTS_H

#include "base/strbuf.h"
#include "image/image.h"

/** Append the text. `modinfo`: of the build information, or NULL. */
void program_facts_write(const struct image *image, const char *modinfo, struct strbuf *text);

/* All of it lives in the arena that it was read with. */
struct program_facts {
	uint64_t start, end; /* of the binary that holds the runtime */
	uint64_t bias;
	bool described, pie;
	/* Or NULL: as in struct gospy_target_info. */
	const char *build_id, *go_build_id, *object;
	const char *note; /* or NULL */
	const char *go_version;
	const char *modinfo; /* or NULL */
	uint64_t main_main;
	int64_t tls_g;
	struct globals globals;
	uint64_t by_code;
	struct layout layout;
	VEC(struct gospy_provenance) provenance;
};

/** GOSPY_E_BAD_DATA: something is missing. To be freed by program_facts_deinit(). */
enum gospy_code program_facts_read(struct span text, struct arena *arena, struct program_facts *ret,
				   struct gospy_error *err);
/** The build ID, in hex, of a file that is mapped. */
void program_facts_write_file(const char *path, const char *build_id, struct strbuf *text);
/** The same, in the arena; "": there is none; NULL: out of memory. */
const char *program_facts_file(struct span text, const char *path, struct arena *arena);
void program_facts_deinit(struct program_facts *facts);

#endif
