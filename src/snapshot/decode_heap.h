/* Heap and GC as the public struct shows them. */
#ifndef GOSPY_SNAPSHOT_DECODE_HEAP_H
#define GOSPY_SNAPSHOT_DECODE_HEAP_H

#include "image/schedstate.h"

/** Heap and GC as runtime.ReadMemStats computes them (src/runtime/mstats.go), and the GC's CPU
 * time. Reads the per-P caches of the running target, and its GC's `work`. */
void decode_heap(struct image *image, const struct schedstate *s, struct gospy_heap *ret,
		 struct gospy_gc_cpu *cpu_ret);

#endif
