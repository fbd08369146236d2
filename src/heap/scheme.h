/* How a Go version knows which words of an object are pointers. src/runtime/mbitmap.go. */
#ifndef GOSPY_HEAP_SCHEME_H
#define GOSPY_HEAP_SCHEME_H

#include "dwarf/go/go_version.h"

enum scheme_kind {
	SCHEME_TWO_BITS, /* up to Go 1.19: two bits a word in heapArena.bitmap, pointer and more */
	SCHEME_ONE_BIT,  /* Go 1.20 and 1.21: one bit a word there, and heapArena.noMorePtrs */
	/* Go 1.22+: at the end of spans of small objects one bit a word, else the first word of an
	 * object or mspan.largeType leads to the type. */
	SCHEME_HEADERS,
};

struct scheme {
	enum scheme_kind kind;
	/* The second word's "more" is a checkmark, and does not count: up to Go 1.15,
	 * src/runtime/mgcmark.go:scanobject. */
	bool checkmark;
	/* Marks lie at the end of spans of small objects, behind the bits: Go 1.26+, 1.25 with
	 * GOEXPERIMENT=greenteagc. src/runtime/mgcmark_greenteagc.go. */
	bool inline_marks;
};

/** `text` is what runtime.buildVersion says, experiments included. */
struct scheme scheme_of(const struct go_version *version, const char *text);

#endif
