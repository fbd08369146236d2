/*
 * A program with a Go runtime, as it is linked: where its globals are, how its structures are laid
 * out, its function table. All processes that run one file share one of these (programs.h).
 *
 * What a program holds comes from its file alone, never from a process: each process may have
 * changed its own memory, and must not be believed about another one. Where there is no file that
 * can be relied on (a packed program, a file that was written to, plugins), the program is
 * resolved from the memory of one process, and is that process's own.
 *
 * A fact of a program counts for a process only once it was checked there: struct image (image.h)
 * holds the facts that were.
 */
#ifndef GOSPY_IMAGE_PROGRAM_H
#define GOSPY_IMAGE_PROGRAM_H

#include <pthread.h>

#include "base/vec.h"
#include "dwarf/elf_relocs.h"
#include "dwarf/go/go_version.h"
#include "dwarf/go/layout.h"
#include "dwarf/go/table_types.h"
#include "gospy.h"
#include "image/globals.h"
#include "image/symbols.h"
#include "target/mem.h"

/* Another module of the same Go runtime: plugin.Open loads it as a shared binary. */
struct plugin {
	uint64_t start, end; /* of its binary */
	struct paged window;
	struct pclntab pcln;
};

/* Once it is made nothing of it changes but what its lock guards: the windows, the tables that are
 * read through them, and `mem`. */
struct program {
	/* The lock of the symbolizers of all its images, too. */
	pthread_mutex_t lock;
	/* NULL: the program is read from its file. Else it belongs to one process, whose memory
	 * this is, borrowed until program_forget_memory. */
	struct mem *mem;
	bool own; /* of one process */
	/* It was made of facts (program_facts.h): then of memory that can be written to only what
	 * is needed is read. */
	bool known;
	/* The file of the program or library that holds the runtime; with nothing in it if there is
	 * none that can be used: see binary.h. */
	struct elf_file elf;
	struct elf_file bin;      /* --bin, or nothing */
	struct elf_relocs relocs; /* of `elf`, if it is read */
	bool has_bin;
	bool linkshared;         /* it is a library that other modules take the runtime from */
	bool pie;                /* the file that describes it can be loaded anywhere */
	bool described;          /* there is such a file */
	const char *build_id;    /* GNU build ID of the running file in hex, or NULL */
	const char *go_build_id; /* its Go build ID, or NULL: it has none that can be printed */
	const char *symbols_of;  /* the name of --bin, or NULL */
	uint64_t bias;           /* what is in its addresses: of a file's, 0 */
	struct paged window;     /* the binary's range */
	struct moduledata md;
	struct pclntab pcln;
	uint64_t main_main; /* entry of main.main, or 0: not known */
	struct origins origins;
	VEC(struct plugin *) plugins; /* in the arena; linked behind pcln */
	const char *go_version;
	struct go_version version;
	struct globals globals;
	uint64_t by_code; /* bits in the order of IMAGE_GLOBALS: not a symbol, but code led to it */
	uint64_t traceback_labels, traceback_ancestors, profile_depth; /* as in struct image */
	struct layout layout;
	struct table_types tables; /* where layouts came from that the program does not hold */
	const char **wait_reasons;
	size_t wait_reason_count;
	VEC(struct gospy_provenance) provenance;
	struct arena arena;
};

/** Fetch a part of the program, as struct paged wants it; `program` is a struct program. */
enum gospy_code program_fetch(void *program, uint64_t addr, void *dst, size_t len,
			      struct gospy_error *err);
/** Note where something was found; shown by `-v`. `name` and `source` live as long as the program;
 * NULL as name is ignored. */
void program_note_source(struct program *program, const char *name, const char *source,
			 uint64_t addr);
/** The process that the program is read from is going away: nothing may be fetched from it any
 * more. */
void program_forget_memory(struct program *program);
/** How many bytes the program takes. To be called only while nobody uses it. */
uint64_t program_bytes(const struct program *program);
/** NULL is allowed. */
void program_destroy(struct program *program);

#endif
