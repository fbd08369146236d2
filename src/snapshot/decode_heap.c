#include "snapshot/decode_heap.h"

#include "snapshot/decode_memstats.h"

enum { TRIES = 4 };

static uint64_t last_pause(const struct gospy_memstats *m)
{
	if (m->num_gc == GOSPY_UNKNOWN)
		return GOSPY_UNKNOWN;
	return m->pause_count ? m->pauses[m->pause_count - 1].pause_ns : 0;
}

void decode_heap(struct image *image, const struct schedstate *s, struct gospy_heap *ret,
		 struct gospy_gc_cpu *cpu_ret)
{
	struct memcopy copy = {0};
	struct gospy_memstats m;
	enum gospy_code code = GOSPY_E_FAULT;
	// The target runs: what is read of one list may be gone in the next. And what a bundle has
	// of it is from the reading of statistics in the moment, not from here.
	mem_record(image->mem, false);
	for (unsigned tries = 0; code == GOSPY_E_FAULT && tries < TRIES; tries++)
		code = memcopy_complete(&copy, image, s, NULL);
	mem_record(image->mem, true);
	// Figures that cannot be read are unknown; the others are not.
	if (code) {
		copy.caches_known = false;
		copy.work.len = 0;
	}
	decode_memstats(&copy, &image->layout, image->version.minor, &m);
	*ret = (struct gospy_heap){
		.in_use = m.heap_inuse,
		.sys = m.heap_sys,
		.live = m.heap_live,
		.objects = m.heap_objects,
		.next_gc = m.next_gc,
		.num_gc = m.num_gc,
		.num_forced_gc = m.num_forced_gc,
		.last_gc_unix_ns = m.last_gc_unix_ns,
		.pause_total_ns = m.pause_total_ns,
		.last_pause_ns = last_pause(&m),
	};
	*cpu_ret = m.cpu;
	memcopy_deinit_completed(&copy);
}
