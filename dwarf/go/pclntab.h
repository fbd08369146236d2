/*
 * The runtime's table of functions: pc -> function, file, line, frame size. src/runtime/symtab.go,
 * src/debug/gosym/pclntab.go, cmd/link/internal/ld/pcln.go; formats of Go 1.2, 1.16, 1.18, 1.20. It
 * is read through a window on the program as it is in memory, so stripping does not matter, nor,
 * where that is the memory of a process, packing. Look-ups fetch pages, so one thread at a time may
 * look up, as base/paged.h says.
 */
#ifndef GOSPY_DWARF_GO_PCLNTAB_H
#define GOSPY_DWARF_GO_PCLNTAB_H

#include "base/paged.h"
#include "dwarf/go/moduledata.h"

struct pclntab {
	struct paged *image; /* borrowed */
	/* Of the next module of the program (a plugin), or NULL; set by who owns both. */
	struct pclntab *next;
	struct moduledata md;
	int minor; /* Go minor version: shapes of _func and indexes of funcdata */
	const struct pcln_shape *shape;
	const uint8_t *ftab; /* all of it, in the image */
};

/** Names from the table are cut off (refused) beyond this; the longest seen are ~2000 bytes. */
enum { PCLN_NAME_MAX = 64 << 10 };

/** `minor` is the Go minor version of the program. GOSPY_E_BAD_DATA: the table is of another one;
 * GOSPY_E_FAULT. */
enum gospy_code pcln_init(struct pclntab *pcln, struct paged *image, const struct moduledata *md,
			  int minor, struct gospy_error *err);

/** How long the functab is, which begins at md.ftab and stays in use. */
uint64_t pcln_ftab_len(const struct pclntab *pcln);

/** One function (runtime._func). */
struct pcln_func {
	uint64_t entry, end; /* pcs [entry, end) */
	uint64_t addr;       /* of the _func, for funcdata */
	const char *name;    /* raw bytes of the target; lives as long as the image window */
	uint32_t nameoff;
	int32_t args;
	uint32_t pcsp, pcfile, pcln, npcdata, cu_offset;
	uint32_t start_line; /* Go 1.20+; else 0 */
	uint8_t func_id, flag, nfuncdata;
	struct pclntab *table; /* where it was found */
};

/** The function that holds `pc`, in this module or one of the next; false: none. */
bool pcln_find_func(struct pclntab *pcln, uint64_t pc, struct pcln_func *ret);
/** Functabs are sorted by entry, so a function is also found by index [0, md.nftab). */
bool pcln_func_at(struct pclntab *pcln, uint64_t index, struct pcln_func *ret);

/** A function to look for by its name. */
struct pcln_named {
	const char *name;    /* as the table has it: "runtime.(*p).init" */
	uint64_t entry, end; /* pcs [entry, end); 0: no such function */
};

/** Look up `n` functions, of different names, in one pass over all of them, until each is found. Of
 * several with one name the first counts. GOSPY_E_NOMEM. */
enum gospy_code pcln_find_names(struct pclntab *pcln, struct pcln_named *names, size_t n,
				struct gospy_error *err);

/** The oldest Go minor version whose functions are described as those of a table with this magic:
 * enough for where functions are and what they are called, as long as the version is not known. */
int pcln_minor_of_magic(uint32_t magic);

/** The function name at `nameoff` of the name table; NULL: unreadable. */
const char *pcln_name(struct pclntab *pcln, uint32_t nameoff);
/** Value of pc-value table `off` (pcsp, pcfile, ... or PCDATA) at `pc`; -1 where there is none. */
int32_t pcln_value(const struct pcln_func *func, uint32_t off, uint64_t pc);
/** PCDATA table `index` of the function at `pc`; -1: none. */
int32_t pcln_pcdata(const struct pcln_func *func, uint32_t index, uint64_t pc);
/** Address of FUNCDATA `index`; 0: none. */
uint64_t pcln_funcdata(const struct pcln_func *func, uint32_t index);
/** File and line of `pc` (the innermost, if calls were inlined); NULL / 0 where unknown. */
void pcln_line(const struct pcln_func *func, uint64_t pc, const char **file_ret,
	       uint32_t *line_ret);

/** Well-known functions by funcID, whose numbers differ between versions. */
enum pcln_known {
	PCLN_NORMAL,
	PCLN_ASMCGOCALL,
	PCLN_ASYNC_PREEMPT, /* Go 1.14+ */
	PCLN_CGOCALLBACK,   /* cgocallback_gofunc up to Go 1.15 */
	PCLN_DEBUG_CALL,
	PCLN_EXTERNAL_THREAD, /* externalthreadhandler, up to Go 1.16 */
	PCLN_GOEXIT,
	PCLN_GOGO,
	PCLN_GOPANIC,
	PCLN_MCALL,
	PCLN_MORESTACK,
	PCLN_MSTART,
	PCLN_PANICWRAP,
	PCLN_RT0_GO,
	PCLN_RUN_CLEANUPS,   /* Go 1.25+ */
	PCLN_RUN_FINALIZERS, /* Go 1.25+; before, runfinq, which is like any other */
	PCLN_SIGPANIC,
	PCLN_SYSTEMSTACK,
	PCLN_WRAPPER,
	PCLN_OTHER,
};
enum pcln_known pcln_known_id(const struct pclntab *pcln, uint8_t func_id);
enum pcln_known pcln_known(const struct pcln_func *func);

/** What an unwinder does behind a frame of the function. */
enum pcln_step {
	PCLN_STEP_CALLER,   /* go on: the return address is where pcsp says */
	PCLN_STEP_TOP,      /* the stack ends here, as it should */
	PCLN_STEP_SP_WRITE, /* it switches stacks: only its innermost frame can be stepped over */
	PCLN_STEP_NO_FRAME, /* no frame information: code that is not Go's */
};
enum pcln_step pcln_step(const struct pcln_func *func);

/** Entry of the function a `go` wrapper calls (FUNCDATA WrapInfo, Go 1.18+), or 0. */
uint64_t pcln_wrapped(const struct pcln_func *func);

#endif
