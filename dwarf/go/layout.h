/*
 * Offsets of the runtime fields that gospy reads. They are resolved once per image: from the
 * program's own type descriptors first, for structures without one from its DWARF, else from the
 * table of its Go release. No offset is written down here. A field that a Go version does not have
 * is simply absent (size 0), and so is a structure that no source knows.
 *
 * A path may name alternatives, "new|old": the first that exists is taken. Names are Go's own, from
 * src/runtime/{runtime2,proc,mheap,mcache,mstats,mgcpacer,chan}.go of Go 1.12 to 1.27.
 */
#ifndef GOSPY_DWARF_GO_LAYOUT_H
#define GOSPY_DWARF_GO_LAYOUT_H

#include <string.h>

#include "dwarf/types.h"

struct field {
	uint32_t off;
	uint32_t size; /* 0: this version does not have the field */
};

static inline bool field_present(struct field f)
{
	return f.size != 0;
}

/** Little-endian value of a field of up to 8 bytes in the copied bytes of its structure; 0 where
 * the field is absent. */
static inline uint64_t field_load(const uint8_t *bytes, struct field f)
{
	uint64_t v = 0;
	if (f.size <= sizeof(v))
		memcpy(&v, bytes + f.off, f.size);
	return v;
}

/* F(member, path, required): */
#define LAYOUT_G(F) LAYOUT_G_COPIED(F) LAYOUT_G_RARE(F)

/* What is copied of each g. */
#define LAYOUT_G_COPIED(F)                                                                         \
	F(stack_lo, "stack.lo", 1)                                                                 \
	F(stack_hi, "stack.hi", 1)                                                                 \
	F(m, "m", 1)                                                                               \
	F(sched_sp, "sched.sp", 1)                                                                 \
	F(sched_pc, "sched.pc", 1)                                                                 \
	F(sched_g, "sched.g", 0)                                                                   \
	F(syscallsp, "syscallsp", 1)                                                               \
	F(syscallpc, "syscallpc", 1)                                                               \
	F(atomicstatus, "atomicstatus", 1)                                                         \
	F(goid, "goid", 1)                                                                         \
	F(waitsince, "waitsince", 1)                                                               \
	F(waitreason, "waitreason", 1)                                                             \
	F(lockedm, "lockedm", 1)                                                                   \
	F(parentGoid, "parentGoid", 0)                                                             \
	F(gopc, "gopc", 1)                                                                         \
	F(startpc, "startpc", 1)                                                                   \
	F(waiting, "waiting", 1)                                                                   \
	F(labels, "labels", 0)                                                                     \
	F(trackingSeq, "trackingSeq", 0)                                                           \
	F(runningCleanups, "runningCleanups", 0)

/* What is looked up only of goroutines that have it; bubble: Go 1.25+, syncGroup: 1.24. The last
 * four are what their stacks hold beside frames; xregs: Go 1.26+. */
#define LAYOUT_G_RARE(F)                                                                           \
	F(ancestors, "ancestors", 0)                                                               \
	F(bubble, "bubble", 0)                                                                     \
	F(syncGroup, "syncGroup", 0)                                                               \
	F(timer, "timer", 0)                                                                       \
	F(sched_ctxt, "sched.ctxt", 0)                                                             \
	F(defer, "_defer", 0)                                                                      \
	F(panic, "_panic", 0)                                                                      \
	F(xregs, "xRegs.state", 0)

/* siz: up to Go 1.17, bytes of arguments behind the record. */
#define LAYOUT_DEFER(F)                                                                            \
	F(siz, "siz", 0)                                                                           \
	F(fn, "fn", 0)                                                                             \
	F(link, "link", 0)

/* The vector registers of a goroutine that was preempted, Go 1.26+. */
#define LAYOUT_XREGS(F) F(regs, "regs", 0)

#define LAYOUT_SYNCTESTBUBBLE(F) F(id, "id", 0)
#define LAYOUT_SYNCTESTGROUP(F)  F(root, "root", 0)

#define LAYOUT_M(F)                                                                                \
	F(g0, "g0", 1)                                                                             \
	F(gsignal, "gsignal", 0)                                                                   \
	F(procid, "procid", 1)                                                                     \
	F(curg, "curg", 1)                                                                         \
	F(p, "p", 1)                                                                               \
	F(nextp, "nextp", 0)                                                                       \
	F(id, "id", 1)                                                                             \
	F(spinning, "spinning", 1)                                                                 \
	F(blocked, "blocked", 1)                                                                   \
	F(incgo, "incgo", 1)                                                                       \
	F(alllink, "alllink", 1)                                                                   \
	F(lockedg, "lockedg", 1)                                                                   \
	F(ncgocall, "ncgocall", 0)                                                                 \
	F(mstartfn, "mstartfn", 0)                                                                 \
	F(vdsoSP, "vdsoSP", 0)                                                                     \
	F(vdsoPC, "vdsoPC", 0)

#define LAYOUT_P(F) LAYOUT_P_COPIED(F) LAYOUT_P_RARE(F)

/* What is copied of each P by every capture. */
#define LAYOUT_P_COPIED(F)                                                                         \
	F(id, "id", 1)                                                                             \
	F(status, "status", 1)                                                                     \
	F(schedtick, "schedtick", 1)                                                               \
	F(syscalltick, "syscalltick", 1)                                                           \
	F(schedwhen, "sysmontick.schedwhen", 0)                                                    \
	F(syscallwhen, "sysmontick.syscallwhen", 0)                                                \
	F(m, "m", 1)                                                                               \
	F(mcache, "mcache", 0)                                                                     \
	F(runqhead, "runqhead", 1)                                                                 \
	F(runqtail, "runqtail", 1)                                                                 \
	F(runnext, "runnext", 1)

/* What few need, most of it at the end of a P. timers: Go 1.14+; limiterStamp: 1.19+. */
#define LAYOUT_P_RARE(F)                                                                           \
	F(limiterStamp, "limiterEvent.stamp", 0)                                                   \
	F(statsSeq, "statsSeq", 0)                                                                 \
	F(timers, "numTimers|timers.len", 0)                                                       \
	F(gFree, "gFree.size|gFree.n", 0)                                                          \
	F(cleanupsQueued, "cleanupsQueued", 0)

/* elem and c are pointers up to 1.25; from 1.26 maybeTraceablePtr{vp, vu} and {maybeTraceablePtr},
 * of which vu is read. */
#define LAYOUT_SUDOG(F)                                                                            \
	F(g, "g", 1)                                                                               \
	F(next, "next", 0)                                                                         \
	F(prev, "prev", 0)                                                                         \
	F(elem, "elem.vu|elem", 1)                                                                 \
	F(c, "c.maybeTraceablePtr.vu|c", 1)                                                        \
	F(elem_traced, "elem.vp", 0)                                                               \
	F(c_traced, "c.maybeTraceablePtr.vp", 0)                                                   \
	F(isSelect, "isSelect", 1)                                                                 \
	F(waitlink, "waitlink", 1)

#define LAYOUT_HCHAN(F)                                                                            \
	F(qcount, "qcount", 1)                                                                     \
	F(dataqsiz, "dataqsiz", 1)                                                                 \
	F(elemsize, "elemsize", 1)                                                                 \
	F(closed, "closed", 1)                                                                     \
	F(timer, "timer", 0)                                                                       \
	F(recvq, "recvq.first", 0)                                                                 \
	F(sendq, "sendq.first", 0)

/* Of g.timer and, from Go 1.23 on, hchan.timer. isFake: Go 1.24+, of a bubble's time. */
#define LAYOUT_TIMER(F)                                                                            \
	F(when, "when", 0)                                                                         \
	F(isFake, "isFake", 0)

#define LAYOUT_SCHEDT(F)                                                                           \
	F(goidgen, "goidgen", 0)                                                                   \
	F(nmidle, "nmidle", 0)                                                                     \
	F(nmspinning, "nmspinning", 0)                                                             \
	F(nmfreed, "nmfreed", 0)                                                                   \
	F(npidle, "npidle", 0)                                                                     \
	F(ngsys, "ngsys", 0)                                                                       \
	F(runqsize, "runq.size|runqsize", 0)                                                       \
	F(gFree_n, "gFree.n", 0)                                                                   \
	F(gFree_stack, "gFree.stack.size", 0)                                                      \
	F(gFree_noStack, "gFree.noStack.size", 0)                                                  \
	F(maxmcount, "maxmcount", 0)

#define LAYOUT_MSTATS(F)                                                                           \
	F(heap_sys, "heap_sys", 0)                                                                 \
	F(heap_idle, "heap_idle", 0)                                                               \
	F(heap_inuse, "heap_inuse", 0)                                                             \
	F(heap_released, "heap_released", 0)                                                       \
	F(stacks_inuse, "stacks_inuse", 0)                                                         \
	F(stacks_sys, "stacks_sys", 0)                                                             \
	F(mspan_sys, "mspan_sys", 0)                                                               \
	F(mcache_sys, "mcache_sys", 0)                                                             \
	F(buckhash_sys, "buckhash_sys", 0)                                                         \
	F(gc_sys, "gcMiscSys|gc_sys", 0)                                                           \
	F(other_sys, "other_sys", 0)                                                               \
	F(heap_live, "heap_live", 0)                                                               \
	F(next_gc, "next_gc", 0)                                                                   \
	F(last_gc_unix, "last_gc_unix", 0)                                                         \
	F(pause_total_ns, "pause_total_ns", 0)                                                     \
	F(pause_ns, "pause_ns", 0)                                                                 \
	F(pause_end, "pause_end", 0)                                                               \
	F(numgc, "numgc", 0)                                                                       \
	F(numforcedgc, "numforcedgc", 0)                                                           \
	F(gc_cpu_fraction, "gc_cpu_fraction", 0)                                                   \
	F(enablegc, "enablegc", 0)                                                                 \
	F(debuggc, "debuggc", 0)                                                                   \
	F(heap_marked, "heap_marked", 0)                                                           \
	F(tinyallocs, "tinyallocs", 0)                                                             \
	F(heapStats, "heapStats.stats", 0)

#define LAYOUT_HEAPSTATSDELTA(F)                                                                   \
	F(inHeap, "inHeap", 0)                                                                     \
	F(inStacks, "inStacks", 0)                                                                 \
	F(inWorkBufs, "inWorkBufs", 0)                                                             \
	F(inPtrScalarBits, "inPtrScalarBits", 0)                                                   \
	F(tinyAllocCount, "tinyAllocCount", 0)                                                     \
	F(largeAlloc, "largeAlloc", 0)                                                             \
	F(largeAllocCount, "largeAllocCount", 0)                                                   \
	F(smallAllocCount, "smallAllocCount", 0)                                                   \
	F(largeFree, "largeFree", 0)                                                               \
	F(largeFreeCount, "largeFreeCount", 0)                                                     \
	F(smallFreeCount, "smallFreeCount", 0)

#define LAYOUT_GCCONTROLLER(F)                                                                     \
	F(gcPercent, "gcPercent", 0)                                                               \
	F(memoryLimit, "memoryLimit", 0)                                                           \
	F(heapGoal, "heapGoal", 0)                                                                 \
	F(gcPercentHeapGoal, "gcPercentHeapGoal", 0)                                               \
	F(sweepDistMinTrigger, "sweepDistMinTrigger", 0)                                           \
	F(triggered, "triggered", 0)                                                               \
	F(heapLive, "heapLive", 0)                                                                 \
	F(heapMarked, "heapMarked", 0)                                                             \
	F(heapInUse, "heapInUse", 0)                                                               \
	F(heapReleased, "heapReleased", 0)                                                         \
	F(heapFree, "heapFree", 0)                                                                 \
	F(totalAlloc, "totalAlloc", 0)                                                             \
	F(totalFree, "totalFree", 0)                                                               \
	F(mappedReady, "mappedReady", 0)                                                           \
	F(assistTime, "assistTime", 0)                                                             \
	F(dedicatedMarkTime, "dedicatedMarkTime", 0)                                               \
	F(fractionalMarkTime, "fractionalMarkTime", 0)                                             \
	F(idleMarkTime, "idleMarkTime", 0)

/* A type with a name from Go 1.19 on; cpuStats 1.20+. */
#define LAYOUT_WORK(F)                                                                             \
	F(heap0, "heap0", 0)                                                                       \
	F(heap1, "heap1", 0)                                                                       \
	F(assistTime, "cpuStats.GCAssistTime|cpuStats.gcAssistTime", 0)                            \
	F(dedicatedTime, "cpuStats.GCDedicatedTime|cpuStats.gcDedicatedTime", 0)                   \
	F(idleTime, "cpuStats.GCIdleTime|cpuStats.gcIdleTime", 0)                                  \
	F(pauseTime, "cpuStats.GCPauseTime|cpuStats.gcPauseTime", 0)                               \
	F(totalTime, "cpuStats.TotalTime|cpuStats.totalTime", 0)

#define LAYOUT_MCACHE(F)                                                                           \
	F(tinyAllocs, "tinyAllocs|local_tinyallocs", 0)                                            \
	F(alloc, "alloc", 0)                                                                       \
	F(stackcache, "stackcache", 0)                                                             \
	F(local_largefree, "local_largefree", 0)                                                   \
	F(local_nlargefree, "local_nlargefree", 0)                                                 \
	F(local_nsmallfree, "local_nsmallfree", 0)

#define LAYOUT_MSPAN(F)                                                                            \
	F(startAddr, "startAddr", 0)                                                               \
	F(npages, "npages", 0)                                                                     \
	F(nelems, "nelems", 0)                                                                     \
	F(sweepgen, "sweepgen", 0)                                                                 \
	F(allocCount, "allocCount", 0)                                                             \
	F(spanclass, "spanclass", 0)                                                               \
	F(elemsize, "elemsize", 0)                                                                 \
	F(allocCountBeforeCache, "allocCountBeforeCache", 0)                                       \
	F(state, "state", 0)                                                                       \
	F(freeindex, "freeindex", 0)                                                               \
	F(allocBits, "allocBits", 0)                                                               \
	F(gcmarkBits, "gcmarkBits", 0)                                                             \
	F(isUserArenaChunk, "isUserArenaChunk", 0) /* Go 1.20+ */                                  \
	F(specials, "specials", 0)                                                                 \
	F(largeType, "largeType", 0) /* Go 1.22+ */

/* What is known of one object of a span besides its bytes; what follows depends on its kind. */
#define LAYOUT_SPECIAL(F)                                                                          \
	F(next, "next", 0)                                                                         \
	F(offset, "offset", 0)                                                                     \
	F(kind, "kind", 0)

#define LAYOUT_MHEAP(F)                                                                            \
	F(sweepgen, "sweepgen", 0)                                                                 \
	F(arenas, "arenas", 0)                                                                     \
	F(spanalloc_inuse, "spanalloc.inuse", 0)                                                   \
	F(cachealloc_inuse, "cachealloc.inuse", 0)                                                 \
	F(largealloc, "largealloc", 0)                                                             \
	F(nlargealloc, "nlargealloc", 0)                                                           \
	F(largefree, "largefree", 0)                                                               \
	F(nlargefree, "nlargefree", 0)                                                             \
	F(nsmallfree, "nsmallfree", 0)                                                             \
	F(central, "central", 0)                                                                   \
	F(allspans, "allspans", 0)

#define LAYOUT_MCENTRAL(F) F(nmalloc, "nmalloc", 0)

#define LAYOUT_HEAPARENA(F) F(spans, "spans", 0)

#define LAYOUT_CLEANUPQUEUE(F)                                                                     \
	F(queued, "queued", 0)                                                                     \
	F(executed, "executed", 0)                                                                 \
	F(all, "all", 0)

/** bucket.typ: what profile it is of. src/runtime/mprof.go:bucketType, Go 1.12 to 1.27. */
enum profile_type { MEM_PROFILE = 1, BLOCK_PROFILE, MUTEX_PROFILE };

/* What is known of one stack in a profile: this, the stack's nstk pcs, and a record. */
#define LAYOUT_BUCKET(F)                                                                           \
	F(allnext, "allnext", 0)                                                                   \
	F(typ, "typ", 0)                                                                           \
	F(objsize, "size", 0)                                                                      \
	F(nstk, "nstk", 0)

/* Go 1.27+ has no bytes: an object's size is its bucket's. */
#define LAYOUT_MEMRECORD(F)                                                                        \
	F(allocs, "active.allocs", 0)                                                              \
	F(frees, "active.frees", 0)                                                                \
	F(alloc_bytes, "active.alloc_bytes", 0)                                                    \
	F(free_bytes, "active.free_bytes", 0)                                                      \
	F(future, "future", 0)

#define LAYOUT_BLOCKRECORD(F)                                                                      \
	F(count, "count", 0)                                                                       \
	F(cycles, "cycles", 0)

/* S(member, Go name, fields, required, has a type descriptor) */
#define LAYOUT_STRUCTS(S)                                                                          \
	S(g, "runtime.g", LAYOUT_G, 1, 1)                                                          \
	S(m, "runtime.m", LAYOUT_M, 1, 1)                                                          \
	S(p, "runtime.p", LAYOUT_P, 1, 1)                                                          \
	S(sudog, "runtime.sudog", LAYOUT_SUDOG, 1, 1)                                              \
	S(hchan, "runtime.hchan", LAYOUT_HCHAN, 1, 1)                                              \
	S(mcache, "runtime.mcache", LAYOUT_MCACHE, 0, 1)                                           \
	S(mspan, "runtime.mspan", LAYOUT_MSPAN, 0, 1)                                              \
	S(special, "runtime.special", LAYOUT_SPECIAL, 0, 1)                                        \
	S(timer, "runtime.timer", LAYOUT_TIMER, 0, 1)                                              \
	S(defer, "runtime._defer", LAYOUT_DEFER, 0, 1)                                             \
	S(xregs, "runtime.xRegState", LAYOUT_XREGS, 0, 1)                                          \
	S(schedt, "runtime.schedt", LAYOUT_SCHEDT, 0, 0)                                           \
	S(mstats, "runtime.mstats", LAYOUT_MSTATS, 0, 0)                                           \
	S(heapStatsDelta, "runtime.heapStatsDelta", LAYOUT_HEAPSTATSDELTA, 0, 0)                   \
	S(gcController, "runtime.gcControllerState", LAYOUT_GCCONTROLLER, 0, 0)                    \
	S(mheap, "runtime.mheap", LAYOUT_MHEAP, 0, 0)                                              \
	S(mcentral, "runtime.mcentral", LAYOUT_MCENTRAL, 0, 0)                                     \
	S(heapArena, "runtime.heapArena", LAYOUT_HEAPARENA, 0, 0)                                  \
	S(work, "runtime.workType", LAYOUT_WORK, 0, 0)                                             \
	S(cleanupQueue, "runtime.cleanupQueue", LAYOUT_CLEANUPQUEUE, 0, 0)                         \
	S(bucket, "runtime.bucket", LAYOUT_BUCKET, 0, 0)                                           \
	S(memRecord, "runtime.memRecord", LAYOUT_MEMRECORD, 0, 0)                                  \
	S(blockRecord, "runtime.blockRecord", LAYOUT_BLOCKRECORD, 0, 0)                            \
	S(synctestBubble, "runtime.synctestBubble", LAYOUT_SYNCTESTBUBBLE, 0, 0)                   \
	S(synctestGroup, "runtime.synctestGroup", LAYOUT_SYNCTESTGROUP, 0, 0)

#define LAYOUT_MEMBER_(member, path, required) struct field member;
#define LAYOUT_STRUCT_(member, go_name, fields, required, descriptor)                              \
	struct {                                                                                   \
		uint64_t size;      /* 0: this version does not have the structure */              \
		const char *source; /* name of the type source it came from, or NULL */            \
		fields(LAYOUT_MEMBER_)                                                             \
	} member;

struct layout {
	LAYOUT_STRUCTS(LAYOUT_STRUCT_)
};

/** Names of the structures that have a type descriptor, for one scan of the descriptors. */
extern const char *const layout_struct_names[];
extern const size_t layout_struct_count;

/**
 * Fill `ret` from the sources in order: each structure comes whole from the first source that has
 * it. GOSPY_E_NOT_FOUND names the first required structure or field that no source has. If what a
 * source says of a structure that is not required makes no sense, the next source is asked.
 */
enum gospy_code layout_resolve(struct type_source *const *sources, size_t n, struct layout *ret,
			       struct gospy_error *err);

/** Does any structure that is not found in `source` matter, so that the next source must be opened?
 * (Opening DWARF costs; type descriptors do not.) */
bool layout_needs_more(struct type_source *source);

/** Make a structure absent: what was found of it is not to be used. */
void layout_drop(struct layout *layout, const char *go_name);

/** Call `fn` for each structure with its Go name, size and source (for `-v` and tests). */
void layout_each(const struct layout *layout,
		 void (*fn)(void *ctx, const char *go_name, uint64_t size, const char *source),
		 void *ctx);

/** Call `fn` for each field of each structure that is there, in the order of the lists above. */
void layout_each_field(const struct layout *layout,
		       void (*fn)(void *ctx, const char *go_name, const char *path,
				  struct field field),
		       void *ctx);
/** Set what is known of a structure or a field already, under the names that the functions above
 * give. False: there is none of that name, or it makes no sense; nothing was changed. */
bool layout_set(struct layout *layout, const char *go_name, uint64_t size, const char *source);
bool layout_set_field(struct layout *layout, const char *go_name, const char *path,
		      struct field field);
/** Is all there that every version has? If not, what is missing. */
bool layout_complete(const struct layout *layout, const char **missing_ret);

#endif
