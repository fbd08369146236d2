/* Is a file the unstripped twin of the program that runs? */
#ifndef GOSPY_IMAGE_TWIN_H
#define GOSPY_IMAGE_TWIN_H

#include "base/paged.h"
#include "dwarf/elf_file.h"

/** Is the GNU or Go build ID of both the same? IDs that were set by hand do not count. */
bool twin_same_id(struct elf_file *running, struct elf_file *bin);

/**
 * Accept `bin` if its GNU or Go build ID is that of `running`, or if its code is the very code in
 * the process (`window`, loaded with `bias`). GOSPY_E_BAD_DATA names what differs.
 */
enum gospy_code twin_check(struct elf_file *running, struct elf_file *bin, struct paged *window,
			   uint64_t bias, struct gospy_error *err);

#endif
