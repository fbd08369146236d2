/* Where a pointer was that is a root: what paths begin with. */
#ifndef GOSPY_HEAP_ORIGIN_H
#define GOSPY_HEAP_ORIGIN_H

#include <stdint.h>

struct origin {
	uint8_t kind;  /* enum root_kind, or one of these */
	uint64_t addr; /* of the pointer; of a stack a pc of the frame, or 0 */
	uint64_t goid;
};
enum {
	ORIGIN_STACK = 255,
	ORIGIN_REGISTER = 254,
	ORIGIN_LATE = 253, /* in an object that was allocated while the heap was read: late.h */
};

#endif
