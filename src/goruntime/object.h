/*
 * The object that holds a Go runtime: where in a process it lies, and which file describes it. Most
 * often it is the program. It may as well be a shared library (-buildmode=c-shared) in a program of
 * another language, or memory that no file describes: a program that unpacked itself, or one whose
 * file was changed.
 */
#ifndef GOSPY_GORUNTIME_OBJECT_H
#define GOSPY_GORUNTIME_OBJECT_H

#include "goruntime/modules.h"
#include "goruntime/sweep.h"

enum object_kind { OBJECT_PROGRAM, OBJECT_LIBRARY, OBJECT_MEMORY };

struct object {
	enum object_kind kind;
	uint64_t start, end; /* of its mappings in the process */
	/* By how much the addresses in the file have been moved; of OBJECT_MEMORY 0. */
	uint64_t bias;
	struct elf_file elf; /* of OBJECT_MEMORY, one with nothing in it: elf_file_none */
	const char *path; /* of the file as maps has it; NULL: of the program, or there is none */
	uint64_t moduledata; /* if it was found in memory, where; else 0 */
	const char *note;    /* why the file at hand is not used, or NULL */
};

struct objects {
	VEC(struct object) found; /* the program first, then by address; never empty */
	struct modules modules;
	struct proc_auxv auxv;
	struct arena arena;
};

/**
 * Find everything in `process` that is of Go. Headers of files decide, at hardly any cost; memory
 * is read where these are missing or do not fit it. `process` and `mem` are borrowed.
 * GOSPY_E_NOT_GO says where it looked; GOSPY_E_UNSUPPORTED: a program for another machine;
 * GOSPY_E_PERM.
 */
enum gospy_code objects_find(const struct process *process, struct mem *mem, struct objects *ret,
			     struct gospy_error *err);
void objects_deinit(struct objects *objects);
/** What of the process `object` spans. */
struct sweep object_sweep(const struct objects *objects, const struct object *object);

#endif
