/* Where in its source a program counter is, and whose goroutine a start function makes. */
#ifndef GOSPY_IMAGE_LOCATION_H
#define GOSPY_IMAGE_LOCATION_H

#include "base/arena.h"
#include "dwarf/go/pclntab.h"

/* Whose goroutine a start function makes it; src/runtime/traceback.go:isSystemGoroutine. */
enum start_role {
	START_USER,
	START_SYSTEM,
	START_FINALIZER, /* user code while a finalizer runs, else system */
	START_CLEANUPS,  /* Go 1.25+: user code while g.runningCleanups */
};

enum location_kind {
	LOCATION_START,   /* entry of a start function; a go wrapper is looked through */
	LOCATION_RETURN,  /* a return address: the line is that of the call */
	LOCATION_CREATOR, /* return address of a go statement: the physical function, as
			     traceback.go */
	LOCATION_EXACT,   /* a program counter: interrupted here */
	LOCATION_KINDS
};

struct location {
	struct gospy_location pub;
	enum start_role role; /* meaningful for start locations */
};

/** Look it up; symbols.h keeps the answer. `main_main` is the entry of main.main, or 0. Texts live
 * as long as the table and the arena. False: out of memory. */
bool location_resolve(struct pclntab *pcln, uint64_t main_main, struct arena *arena, uint64_t pc,
		      enum location_kind kind, struct location *ret);

#endif
