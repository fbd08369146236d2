/* How a program is resolved: step by step, each in a file of its own (program_*.c). A step fills
 * its part of struct program and notes in its provenance where that came from. */
#ifndef GOSPY_IMAGE_PROGRAM_CREATE_H
#define GOSPY_IMAGE_PROGRAM_CREATE_H

#include "image/binary.h"
#include "image/program.h"
#include "image/program_facts.h"

/* What a program is made of. */
struct program_parts {
	struct source *source; /* the process at hand */
	struct binary *binary;
	struct elf_file *bin; /* --bin, or nothing in it */
	bool linkshared;      /* further binaries take their runtime from this one */
};

/** Resolve the program by its file; the process at hand is not read. The binary must have a file
 * that can be relied on. */
enum gospy_code program_create(const struct program_parts *parts, struct program **ret,
			       struct gospy_error *err);
/** Resolve the program as the process at hand has it in memory, for that process only. Takes the
 * files. Errors as gospy_target_open_pid. */
enum gospy_code program_create_own(struct program_parts *parts, struct program **ret,
				   struct gospy_error *err);

/** Make the program of what is known of it; only the memory at hand is read. Texts of `facts` have
 * to live as long as the source. */
enum gospy_code program_create_known(struct source *source, const struct program_facts *facts,
				     struct program **ret, struct gospy_error *err);

#endif
