/* Scheduler, g's, sudogs and channels made of arbitrary bytes: the input is the target's memory. */
#include <stdlib.h>
#include <string.h>

#include "capture/collect.h"
#include "capture/collect_chan.h"
#include "capture/collect_label.h"
#include "capture/collect_rare.h"
#include "capture/collect_sema.h"
#include "snapshot/decode_heap.h"
#include "snapshot/decode_memstats.h"
#include "snapshot/decode_sched.h"
#include "target/mem_bytes.h"

enum { BASE = 0x1000, SLOT = 8 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Fields one after the other: what counts is that any value may come out of them. */
#define PLACE(member, path, required)                                                              \
	L->member = (struct field){off, SLOT};                                                     \
	off += SLOT;

#define PLACE_STRUCT(name, go_name, fields, required, descriptor)                                  \
	{                                                                                          \
		__typeof__(layout->name) *L = &layout->name;                                       \
		uint32_t off = 0;                                                                  \
		fields(PLACE) L->size = off;                                                       \
	}

static void make_layout(struct layout *layout)
{
	LAYOUT_STRUCTS(PLACE_STRUCT)
	layout->g.atomicstatus.size = 4;
	layout->g.waitreason.size = layout->g.trackingSeq.size = 1;
	layout->hchan.elemsize.size = 2;
	layout->mstats.heapStats.size = 3 * (uint32_t)layout->heapStatsDelta.size;
	layout->mstats.size += layout->mstats.heapStats.size;
	layout->mcache.alloc.size = 136 * SLOT;
	layout->mcache.stackcache.size = 2 * SLOT;
	layout->mcache.size += layout->mcache.alloc.size;
}

/* Labels in a map and in a slice; ancestors and bubbles. */
static bool collect_extras(struct image *image, struct passes *p)
{
	static const int minors[] = {12, 24};
	for (size_t i = 0; i < sizeof(minors) / sizeof(minors[0]); i++) {
		image->version.minor = minors[i];
		if (collect_labels(p, NULL) || collect_rare(p, NULL))
			return false;
		capture_forget_labels(p->capture);
		capture_forget_rare(p->capture);
		image->go_version = "go1.24 X:synctest";
	}
	return true;
}

/* Memory statistics of a new release and of an old one, which lacks what the new one has. */
static void read_statistics(struct image *image)
{
	struct memcopy copy = {0};
	static struct gospy_memstats m; // large
	struct layout old = image->layout;
	memset(&old.heapStatsDelta, 0, sizeof(old.heapStatsDelta));
	memset(&old.mspan.allocCountBeforeCache, 0, sizeof(old.mspan.allocCountBeforeCache));
	memset(&old.gcController, 0, sizeof(old.gcController));
	if (!memcopy_read(&copy, image, NULL)) {
		decode_memstats(&copy, &image->layout, 27, &m);
		decode_memstats(&copy, &old, 12, &m);
		if (memcopy_at_rest(&copy, &image->layout) && !memcopy_is_same(&copy, &copy))
			abort();
	}
	memcopy_deinit(&copy);
}

static void collect_everything(struct image *image, struct capture *c)
{
	struct gospy_snapshot_options options = {
		.size = sizeof(options), .stacks = true, .objects = true};
	struct passes passes = {.capture = c, .image = image, .options = &options};
	struct gospy_sched sched;
	struct gospy_heap heap;
	struct gospy_gc_cpu cpu;
	struct arena arena = {0};
	const struct gospy_p *ps;
	const struct gospy_m *ms;
	size_t done;
	budget_init(&passes.budget, 1 << 20, 1 << 16);
	collect_object_kinds(&passes);
	if (schedstate_read(&c->sched, image, NULL, NULL) || c->sched.allglen > 4096 ||
	    collect_allgs(c, image, G_MAX, NULL) || collect_first(&passes, NULL) ||
	    collect_active(&passes, NULL) || collect_newborn(&passes, 0, NULL) ||
	    collect_stopped(&passes, 0, &done, NULL) || collect_channels(&passes, true, 0, NULL) ||
	    collect_channels(&passes, false, 0, NULL) || collect_semaphores(&passes, true, NULL) ||
	    collect_semaphores(&passes, false, NULL) || collect_verify(&passes, true, NULL) ||
	    collect_validated(&passes, NULL) || !collect_extras(image, &passes) ||
	    decode_ps(c, &arena, &ps, NULL) || decode_ms(c, &arena, &ms, NULL))
		goto out;
	decode_sched(image, &c->sched, &sched);
	decode_heap(image, &c->sched, &heap, &cpu);
out:
	passes_deinit(&passes);
	arena_deinit(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mem_bytes_range range = {BASE, {data, size}};
	struct image image = {0};
	struct capture *c = calloc(1, sizeof(*c));
	if (!c || mem_bytes_create(&range, 1, &image.mem, NULL)) {
		free(c);
		return 0;
	}
	make_layout(&image.layout);
	// The globals lie in the first bytes, spread a little.
	uint64_t at = BASE;
#define PLACE_GLOBAL(name, required)                                                               \
	image.globals.name = (struct global){at, SLOT};                                            \
	at += 3 * SLOT;
	IMAGE_GLOBALS(PLACE_GLOBAL)
	image.go_version = "go1.27";
	image.traceback_ancestors = image.globals.bubbleGen.addr;
	collect_everything(&image, c);
	read_statistics(&image);
	capture_deinit(c);
	free(c);
	mem_destroy(image.mem);
	return 0;
}
