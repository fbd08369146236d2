/*
 * Where the bytes of an ELF file come from. A file is read, never mapped: its owner may cut it
 * short or write to it at any moment, which must be an error and not a signal.
 */
#ifndef GOSPY_DWARF_ELF_INPUT_H
#define GOSPY_DWARF_ELF_INPUT_H

#include <stdbool.h>

#include "base/span.h"

/** All zero: nothing is there. It may be copied; the caller closes one of the copies. */
struct elf_input {
	/* All of it, borrowed. Of a file that is read from `fd` it is the beginning, which has the
	 * headers and Go's notes and would be read in many pieces; or nothing. */
	struct span bytes;
	bool is_file;
	int fd;
	uint64_t size; /* when it was opened */
};

/** Copy what is at `off`, `len` bytes at most. Returns how many there were; 0 after an error. */
size_t elf_input_read(const struct elf_input *in, uint64_t off, void *dst, size_t len);
/** Do [off, off + len) lie within? */
bool elf_input_holds(const struct elf_input *in, uint64_t off, uint64_t len);
void elf_input_close(struct elf_input *in);

#endif
