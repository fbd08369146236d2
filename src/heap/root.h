/* How roots come into the heap: whoever finds pointers hands them on, one by one. */
#ifndef GOSPY_HEAP_ROOT_H
#define GOSPY_HEAP_ROOT_H

#include <stdint.h>

/** A word of a stack or a register that may be a pointer. Other than 0: no more of them. */
typedef int heap_root_fn(void *ctx, uint64_t pointer);

#endif
