/* Looking through mapped memory, piece by piece, for what nothing leads to. */
#ifndef GOSPY_IMAGE_SWEEP_H
#define GOSPY_IMAGE_SWEEP_H

#include "dwarf/go/build_info.h"
#include "target/mapping.h"
#include "target/mem.h"

/** What to look through: the mappings of a process that lie in [start, end). */
struct sweep {
	struct mem *mem;
	const struct mappings *maps;
	uint64_t start, end;
};

/**
 * The moduledata of a Go runtime or plugin: a function table, and a word outside of the code that
 * has its address and, read as the first of a moduledata, contradicts nothing (moduledata_read). A
 * copy of a Go program among the data of another one has no such word. GOSPY_E_NOT_FOUND.
 */
enum gospy_code sweep_moduledata(const struct sweep *sweep, uint64_t *ret, struct gospy_error *err);

/** Build information; in writable memory first, which is where the linker puts it. The strings live
 * in the arena. GOSPY_E_NOT_FOUND. */
enum gospy_code sweep_build_info(const struct sweep *sweep, struct arena *arena,
				 struct build_info_text *ret, struct gospy_error *err);

#endif
