/*
 * The notes of a core file: threads with their registers, the files that were mapped, who died of
 * what.
 *
 * Linux: fs/binfmt_elf.c, include/linux/elfcore.h, include/uapi/linux/elf.h. gdb writes the same by
 * gcore. delve writes notes without an owner (pkg/proc/dump.go, pkg/elfwriter). What is not known
 * is skipped.
 */
#ifndef GOSPY_CORE_NOTES_H
#define GOSPY_CORE_NOTES_H

#include <sys/user.h>

#include "base/arena.h"
#include "core/segments.h"
#include "target/source.h"

struct note_thread {
	pid_t tid; /* in the PID namespace of whoever wrote the core */
	struct user_regs_struct regs;
	/* NT_X86_XSTATE, vector registers: where they are in the file; 0 bytes: they are not. */
	uint64_t vectors;
	size_t vector_bytes;
};

/* A range of addresses that was mapped from a file. */
struct note_file {
	uint64_t start, end;
	uint64_t offset; /* in the file, in bytes */
	const char *path;
};

/* All zero is valid. */
struct notes {
	VEC(struct note_thread) threads; /* the kernel begins with the one that died */
	VEC(struct note_file) files;     /* as they come */
	struct auxv auxv;
	uint64_t execfn; /* AT_EXECFN: address of the name it was started by, or 0 */
	bool has_auxv, has_files;
	pid_t pid;           /* 0: not known */
	char comm[17];       /* "": not known */
	int signal;          /* of which it died; 0: of none, or not known */
	uint64_t fault_addr; /* si_addr of SIGSEGV, SIGBUS, SIGILL and SIGFPE that the kernel sent;
				else GOSPY_UNKNOWN */
	bool cut;            /* they go on behind the end of the file */
	/* Of a bundle (bundle_facts.h); empty: there are none. In the arena. */
	struct span facts, exact, marks, program, records;
	struct arena arena;
};

/** Read the notes of one PT_NOTE segment, in addition to what `notes` has. GOSPY_E_NOMEM,
 * GOSPY_E_CANCELLED; what makes no sense is left out. */
enum gospy_code notes_read(struct input *input, const struct notes_range *range,
			   struct notes *notes, struct gospy_error *err);
void notes_deinit(struct notes *notes);

#endif
