/*
 * The room src/core/: a core file or a bundle as a source.
 *
 * Enters: the path of a core file, and where the files may be that were mapped in the process.
 * Leaves: a struct source (target/source.h) whose memory cannot change.
 * Owner: the source owns the file, what was read of its headers, and the descriptors of the files
 *   that were proved to be those that were mapped.
 *
 * What a core holds is taken from it. What was mapped from a file and could not be written to may
 * be taken from that file, if the file at hand was proved to be the one that was mapped
 * (mapped_files.h). All else cannot be read: a page that was not written to the core is not known
 * to be zero.
 *
 * Cores of the kernel (fs/binfmt_elf.c, elf_core_dump()), of gdb's gcore, and of `dlv dump`.
 */
#ifndef GOSPY_CORE_CORE_H
#define GOSPY_CORE_CORE_H

#include "target/source.h"

/** What opening a core takes; all zero is allowed. */
struct core_options {
	const char *bin;       /* the program, or a library of it, or NULL */
	const char *root;      /* where the files of the process are to be looked for, or NULL */
	uint64_t max_unpacked; /* bytes that a packed core may become; 0: as many as fit */
};

/** Open a core file; source_destroy() closes it. GOSPY_E_BAD_DATA: it is none, or its headers are
 * cut off. GOSPY_E_UNSUPPORTED: it is one of another machine. GOSPY_E_OS: it cannot be opened.
 * GOSPY_E_CANCELLED. What is missing of it is the source's .problem. */
enum gospy_code core_open(const char *path, const struct core_options *options, struct source **ret,
			  struct gospy_error *err);

/** Does the file begin as a core file does, or as a packed file? */
bool core_is(const char *path);

#endif
