#include "capture/grec.h"

#include <stddef.h>
#include <string.h>

#define FIELD_END_(member, path, required)                                                         \
	if (field_present(layout->g.member) && layout->g.member.off + layout->g.member.size > end) \
		end = layout->g.member.off + layout->g.member.size;

size_t grec_window(const struct layout *layout)
{
	size_t end = 0;
	LAYOUT_G_COPIED(FIELD_END_)
	return (end + 7) & ~(size_t)7; // the whole word: see note() in core/recording.c
}

static uint64_t load64(const uint8_t *bytes, struct field f)
{
	uint64_t v = 0;
	if (f.size == sizeof(v))
		memcpy(&v, bytes + f.off, sizeof(v));
	return v;
}

static uint32_t load32(const uint8_t *bytes, struct field f)
{
	uint32_t v = 0;
	if (f.size == sizeof(v))
		memcpy(&v, bytes + f.off, sizeof(v));
	return v;
}

static uint8_t load8(const uint8_t *bytes, struct field f)
{
	return field_present(f) ? bytes[f.off] : 0;
}

void grec_extract(const struct layout *layout, const uint8_t *bytes, struct g_rec *rec)
{
	const __typeof__(layout->g) *g = &layout->g;
	rec->goid = load64(bytes, g->goid);
	rec->parent_goid = load64(bytes, g->parentGoid);
	rec->stack_lo = load64(bytes, g->stack_lo);
	rec->stack_hi = load64(bytes, g->stack_hi);
	rec->waiting = load64(bytes, g->waiting);
	rec->waitsince = load64(bytes, g->waitsince);
	rec->startpc = load64(bytes, g->startpc);
	rec->gopc = load64(bytes, g->gopc);
	rec->labels = load64(bytes, g->labels);
	rec->status = load32(bytes, g->atomicstatus);
	rec->waitreason = load8(bytes, g->waitreason);
	rec->seq = load8(bytes, g->trackingSeq);

	// In a system call sched may have been refreshed since; syscallpc/sp is the frame.
	uint64_t syscallsp = load64(bytes, g->syscallsp);
	bool in_syscall = syscallsp && grec_status(rec) == GOSPY_STATUS_SYSCALL;
	rec->sp = in_syscall ? syscallsp : load64(bytes, g->sched_sp);
	rec->pc = load64(bytes, in_syscall ? g->syscallpc : g->sched_pc);

	uint64_t m = load64(bytes, g->m);
	uint64_t lockedm = load64(bytes, g->lockedm);
	rec->m = m ? m : lockedm;
	rec->flags = (uint8_t)((lockedm ? G_LOCKED : 0) | (m ? G_ON_M : 0) |
			       (grec_status(rec) == GOSPY_STATUS_RUNNING ? G_PC_STALE : 0) |
			       (load8(bytes, g->runningCleanups) ? G_RUNNING_CLEANUPS : 0));
}

bool grec_unchanged(const struct layout *layout, const uint8_t *bytes, const struct g_rec *rec)
{
	const __typeof__(layout->g) *g = &layout->g;
	return load32(bytes, g->atomicstatus) == rec->status &&
	       load8(bytes, g->trackingSeq) == rec->seq && load64(bytes, g->sched_sp) == rec->sp &&
	       load64(bytes, g->sched_pc) == grec_pc(rec) &&
	       load64(bytes, g->stack_hi) == rec->stack_hi &&
	       load64(bytes, g->waiting) == rec->waiting && load64(bytes, g->goid) == rec->goid &&
	       load8(bytes, g->waitreason) == rec->waitreason;
}

bool grec_is_still(const struct layout *layout, const uint8_t *bytes, const struct g_rec *rec)
{
	if (grec_unchanged(layout, bytes, rec))
		return true;
	struct g_rec now = *rec;
	grec_extract(layout, bytes, &now);
	return grec_same(&now, rec);
}

bool grec_rest_unchanged(const struct layout *layout, const uint8_t *bytes, const struct g_rec *rec)
{
	const __typeof__(layout->g) *g = &layout->g;
	uint64_t m = load64(bytes, g->m), lockedm = load64(bytes, g->lockedm);
	return load64(bytes, g->waitsince) == rec->waitsince &&
	       load64(bytes, g->stack_lo) == rec->stack_lo &&
	       load64(bytes, g->labels) == rec->labels && (m ? m : lockedm) == rec->m &&
	       !m == !(rec->flags & G_ON_M) && !lockedm == !(rec->flags & G_LOCKED) &&
	       !load8(bytes, g->runningCleanups) == !(rec->flags & G_RUNNING_CLEANUPS);
}
