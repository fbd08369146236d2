/* Go version and module information that the linker puts into every program since Go 1.13
 * (cmd/link/internal/ld/data.go:buildinfo, debug/buildinfo). */
#ifndef GOSPY_DWARF_GO_BUILD_INFO_H
#define GOSPY_DWARF_GO_BUILD_INFO_H

#include "base/paged.h"
#include "dwarf/elf_file.h"

/** The two texts, NUL-terminated, in the caller's arena. `modinfo` comes without its 16-byte
 * frames, and is NULL if there is none. */
struct build_info_text {
	const char *go_version;
	const char *modinfo;
};

/**
 * Find and decode the build information of a file: by section, else by scanning the segments; both
 * formats (pointers up to Go 1.17, inline strings from 1.18); for Go 1.12, which has none,
 * runtime.buildVersion through the symbol table. `fetch` reads the running program at vaddr + bias
 * and is needed only for pointer-format PIE programs, whose pointers are relocated at load time; it
 * may be NULL. GOSPY_E_NOT_FOUND: no build information (not Go, or older and stripped).
 */
enum gospy_code build_info_find(struct elf_file *elf, paged_fetch_fn fetch, void *ctx,
				uint64_t bias, struct arena *arena, struct build_info_text *ret,
				struct gospy_error *err);

/** The build information at `addr` of a running program, all of which `fetch` reads; both formats.
 * GOSPY_E_NOT_FOUND: it is not complete. */
enum gospy_code build_info_at(paged_fetch_fn fetch, void *ctx, uint64_t addr, struct arena *arena,
			      struct build_info_text *ret, struct gospy_error *err);

enum { BUILD_INFO_ALIGN = 16, BUILD_INFO_HEADER = 32 };
/** The first place in `bytes`, at `from` or behind it, that begins like build information of a
 * program whose pointers have `word` bytes; SIZE_MAX: none. bytes.ptr[0] and `from` are multiples
 * of BUILD_INFO_ALIGN in the process. */
size_t build_info_scan(struct span bytes, size_t from, size_t word);

/** What the headers of a file say: is it a Go program, or a library of Go? */
enum go_sign {
	GO_SIGN_NO,      /* they are whole, and there is nothing of Go's among them */
	GO_SIGN_UNCLEAR, /* they are missing, or not to be believed: look at its memory */
	GO_SIGN_YES,     /* sections of Go's, its note, or the runtime's symbols */
};
enum go_sign build_info_sign(struct elf_file *elf);

/** Is a file of Go linked against a library that holds the runtime (go build -linkshared)? Then its
 * dynamic symbols ask for what adds a module to that runtime's list: cmd/link/internal/ld/symtab.go
 * and its like for amd64, Go 1.12 to 1.27. */
bool build_info_imports_runtime(struct elf_file *elf);

/** Parse the lines of modinfo into `info` (path, main, deps, settings); strings and arrays live in
 * the arena. Unknown lines are skipped; GOSPY_E_NOMEM only. */
enum gospy_code build_info_parse_modules(const char *modinfo, struct arena *arena,
					 struct gospy_build_info *info, struct gospy_error *err);

#endif
