/*
 * From a sample to a stack.
 *
 * The kernel's chain of frame pointers alone is wrong for Go: a function that has no frame, or has
 * not made it yet, has not saved the frame pointer of its caller, so the chain lacks that caller.
 * The function table is right at each instruction. So the copied bytes are walked by it first;
 * where they end the chain goes on. Which of its addresses that is, is proved by where the frame
 * pointer of the sample lies among the frames that were walked, and by all addresses that both
 * have.
 */
#ifndef GOSPY_RECORD_WALK_H
#define GOSPY_RECORD_WALK_H

#include "capture/native.h"
#include "capture/unwind.h"
#include "target/cpu_sampler.h"

/* What a stack begins with. */
enum walk_root {
	WALK_CUT,       /* it is not known: there are further calls */
	WALK_GOROUTINE, /* runtime.goexit, or the call of C code that has called Go */
	WALK_SYSTEM,    /* the scheduler, or a thread of the runtime or of C code: no goroutine */
};

struct walker {
	struct symbols *symbols;      /* borrowed */
	struct modules *modules;      /* borrowed */
	struct native_walker *native; /* NULL: this gospy has none */
	struct unwinder go;
	struct arena arena; /* for what the native walker finds */
	/* The last walk, innermost first. The first is where the thread was, the others are return
	 * addresses. */
	VEC(uint64_t) pcs;
	enum walk_root root;
	/* An address in the stack of the goroutine, if the walk came from another stack to it: a
	 * frame pointer of it. 0: none is known. */
	uint64_t crossed;
};

/* Where the goroutine's stack is that the thread was on, if that is known. */
struct walk_place {
	bool on_stack; /* it was on the stack of its goroutine */
	uint64_t hi;   /* the end of that, or UINT64_MAX */
};

/** GOSPY_E_NOMEM. What is borrowed has to be set. */
enum gospy_code walker_init(struct walker *walker, struct gospy_error *err);
void walker_deinit(struct walker *walker);
/** False: out of memory. */
bool walk_sample(struct walker *walker, const struct cpu_sample *sample,
		 const struct walk_place *place);

#endif
