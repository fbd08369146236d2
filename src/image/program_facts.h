/*
 * What is known of a program and its Go runtime, as text: a bundle holds it, so that whoever opens
 * the bundle searches for nothing and needs no file. The text consists of lines (base/pairs.h).
 *
 * It says what image.h holds of one process, with the addresses of that process. It may lie. So all
 * that is read by it is bounded as if it came from the program itself.
 *
 * It also says how the checks of image_check.h and verify.h ended. They look again at what they may
 * have seen half changed, which only those can who have the process.
 */
#ifndef GOSPY_IMAGE_PROGRAM_FACTS_H
#define GOSPY_IMAGE_PROGRAM_FACTS_H

#include "base/strbuf.h"
#include "dwarf/go/build_info.h"
#include "image/image.h"

/** Append the text. `info`: NULL if there is no build information. */
void program_facts_write(const struct image *image, const struct build_info_text *info,
			 struct strbuf *text);
/** Append what image_verify() has found, and which globals do not look like themselves: bits in the
 * order of IMAGE_GLOBALS. */
void program_facts_write_checks(const struct image *image, uint64_t unlike, struct strbuf *text);

/* All of it lives in the arena that it was read with. */
struct program_facts {
	uint64_t start, end; /* of the binary that holds the runtime */
	uint64_t bias;
	bool described, pie;
	/* Or NULL: as in struct gospy_target_info. */
	const char *build_id, *go_build_id, *object;
	const char *note; /* or NULL */
	const char *go_version;
	/* Of the build information, each or NULL. */
	const char *info_version, *modinfo;
	uint64_t main_main;
	int64_t tls_g;
	struct globals globals;
	uint64_t by_code;
	struct layout layout;
	VEC(struct gospy_provenance) provenance;
	bool checked; /* then: */
	uint64_t unlike;
	VEC(struct image_check) checks;
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
