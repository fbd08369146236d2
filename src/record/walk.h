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

#include "capture/grec.h"
#include "capture/native.h"
#include "capture/unwind.h"
#include "target/cpu_sampler.h"

/* What a stack begins with. */
enum walk_root {
	WALK_CUT,       /* it is not known: there are further calls */
	WALK_GOROUTINE, /* runtime.goexit, or the call of C code that has called Go */
	WALK_SYSTEM,    /* the scheduler, or a thread of the runtime or of C code: no goroutine */
};

enum { WALK_HINTS = 3, WALK_C_CALLS = 2 };

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
	/* runtime.asmcgocall has called C code: g and how far below the end of its stack it was, by
	 * the two places where versions of Go keep that; or 0. */
	struct walk_c_call {
		uint64_t g, depth;
	} c_calls[WALK_C_CALLS];
	size_t behind_c;     /* then: the index in .pcs of what the chain knows of its callers */
	uint64_t cgocall_bp; /* then: the frame pointer of its caller */
	const char *c_func;  /* what C function it has called, or NULL: not known */
	/* Of what is not Go's: words that may be addresses in the stack of the goroutine, or
	 * anything else; or 0. */
	uint64_t hints[WALK_HINTS];
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
/** Look for the Go callers of C code, if they are not known, where the goroutine has them now: what
 * has called it is still there. `rec` is of the goroutine of that call; its stack is read by `mem`.
 * They are hashed; 0: none were found. False: out of memory. */
bool walk_callers_of_c(struct walker *walker, struct mem *mem, const struct g_rec *rec,
		       uint64_t depth, uint64_t *hash_ret);
/** Then: they are those of the sample. */
bool walk_add_callers(struct walker *walker);

#endif
