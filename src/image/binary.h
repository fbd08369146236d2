/*
 * The binary that holds a Go runtime: where in a process it lies, and which file describes it. Most
 * often it is the program. It may as well be a shared library (-buildmode=c-shared) in a program of
 * another language, or memory that no file describes: a program that unpacked itself, or one whose
 * file was changed.
 */
#ifndef GOSPY_IMAGE_BINARY_H
#define GOSPY_IMAGE_BINARY_H

#include "image/modules.h"
#include "image/sweep.h"

enum binary_kind { BINARY_PROGRAM, BINARY_LIBRARY, BINARY_MEMORY };

struct binary {
	enum binary_kind kind;
	uint64_t start, end; /* of its mappings in the process */
	/* By how much the addresses in the file have been moved; 0 for BINARY_MEMORY. */
	uint64_t bias;
	struct elf_file elf; /* of BINARY_MEMORY, one with nothing in it: elf_file_none */
	const char *path; /* of the file as maps has it; NULL: of the program, or there is none */
	uint64_t moduledata; /* if it was found in memory, where; else 0 */
	const char *note;    /* why the file at hand is not used, or NULL */
};

struct binaries {
	VEC(struct binary) found; /* the program first, then by address; never empty */
	struct modules modules;
	struct auxv auxv;
	/* Something of Go's takes its runtime from a library (-linkshared); it is not among them.
	 */
	bool shared;
	struct arena arena;
};

/**
 * Find everything in the target that is of Go. The headers of files decide, at hardly any cost.
 * Memory is read where headers are missing or do not fit the memory. `source` is borrowed.
 * GOSPY_E_NOT_GO says where it looked; GOSPY_E_UNSUPPORTED: a program for another machine;
 * GOSPY_E_PERM.
 */
enum gospy_code binaries_find(struct source *source, struct binaries *ret, struct gospy_error *err);
void binaries_deinit(struct binaries *binaries);
/** The part of the process that `binary` spans. */
struct sweep binary_sweep(const struct binaries *binaries, const struct binary *binary);

#endif
