/* The ELF files mapped into a process: where they are, unwind tables and names of their C code. */
#ifndef GOSPY_IMAGE_MODULES_H
#define GOSPY_IMAGE_MODULES_H

#include "base/map.h"
#include "base/paged.h"
#include "dwarf/elf_funcs.h"
#include "target/source.h"

struct module {
	const char *path;          /* as the process's mount namespace names it, or "[vdso]" */
	uint64_t base;             /* address of its first byte */
	uint64_t bias;             /* what its addresses have been moved by */
	uint64_t start, end;       /* of its segments in the process, as its headers say */
	const struct mapping *map; /* of the first byte */
	/* Search table of its unwind information; 0 entries: it has none that can be used. */
	uint64_t hdr, table, table_count;
	uint64_t hdr_end; /* of header and table */
	bool opened;      /* the file, or it was tried */
	bool has_file;    /* in `elf` */
	bool listed;      /* its functions, or it was tried */
	struct elf_file elf;
	struct elf_funcs funcs;
	struct module *next;
};

/* How many bytes all files together may take whose functions are listed: what is kept of them, and
 * the symbols that were gone through, many of which become functions. The last file may go beyond
 * that, by what elf_file.h allows for one file. A target can map any number of large files. */
enum { MODULES_NAMES_MAX = 256 << 20 };

struct modules {
	struct source *source; /* borrowed */
	struct mappings maps;
	const struct mapping **firsts; /* NULL until asked for: see first_of() */
	struct module *first;
	struct map by_base;  /* struct module *, NULL: no ELF file is there */
	uint64_t names_cost; /* of the modules listed so far: MODULES_NAMES_MAX */
	uint64_t unnamed;    /* modules that were not listed, because of that limit */
	struct arena arena;
};

/** List what is mapped. The files themselves are looked at when they are asked for. */
enum gospy_code modules_init(struct source *source, struct modules *ret, struct gospy_error *err);
void modules_deinit(struct modules *modules);
/** The module that `addr` is mapped from, or NULL: none, or out of memory. */
struct module *modules_at(struct modules *modules, uint64_t addr);
/** The same if `addr` is in code. */
struct module *modules_find(struct modules *modules, uint64_t addr);
/** Its file as `module->elf`, opened when first asked for; false: it cannot be had, or is not the
 * one that is mapped, or no ELF file that can be read. */
bool modules_open(struct modules *modules, struct module *module);
/** The function of `module` that holds `addr`, or NULL; its addresses are unbiased. Opens the file
 * when first called, if it is still the one that is mapped. Beyond MODULES_NAMES_MAX a module has
 * no functions. */
const struct elf_func *modules_func(struct modules *modules, struct module *module, uint64_t addr);
/** From the first mapping on that can be written to, fetch only those words of the window that are
 * asked for (base/paged.h). GOSPY_E_NOMEM. */
enum gospy_code modules_set_exact(const struct modules *modules, struct paged *window,
				  struct gospy_error *err);

#endif
