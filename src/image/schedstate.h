/* The scheduler's structures other than g's: the roots, all P's, all M's, and the statistics. They
 * are small, so they are read whole, inside the stop where there is one. */
#ifndef GOSPY_IMAGE_SCHEDSTATE_H
#define GOSPY_IMAGE_SCHEDSTATE_H

#include "image/image.h"

struct p_rec {
	uint64_t addr;
	uint64_t m, mcache, runnext;
	uint64_t schedwhen, syscallwhen; /* of sysmontick: nanotime() of the target, or 0 */
	uint32_t id, status, schedtick, syscalltick, runqhead, runqtail;
};

struct m_rec {
	uint64_t addr;
	uint64_t alllink, procid, g0, gsignal, curg, p, nextp, id, lockedg, ncgocall, mstartfn,
		vdsoSP, vdsoPC;
	pid_t tid; /* in gospy's PID namespace, 0: none */
	bool spinning, blocked, incgo;
	bool has_place; /* rip and rsp are those of its thread, which stood still */
	bool has_regs;  /* all of them are */
	uint64_t rip, rsp, rbp, r12, r14, fs_base;
	int64_t syscall; /* without registers: number of the system call it sleeps in, or -1 */
};

/* Raw copies of structures that decode_*.c reads through the layout. */
struct blob {
	uint8_t *bytes;
	size_t len; /* 0: not known in this version, or unreadable */
};

/** A field of up to 8 bytes, or GOSPY_UNKNOWN. */
static inline uint64_t blob_value(const struct blob *blob, struct field f)
{
	return blob->len && field_present(f) ? field_load(blob->bytes, f) : GOSPY_UNKNOWN;
}

struct schedstate {
	/* Roots. */
	uint64_t allglen, allgptr;
	uint64_t allp, allp_len;
	uint64_t allm;
	uint32_t gomaxprocs;
	uint32_t fing; /* fingStatus, or fingRunning as 0 or 1 */
	struct blob sched, memstats, gc_controller;
	VEC(uint64_t) p_addrs;
	VEC(struct p_rec) ps;
	VEC(struct m_rec) ms; /* as linked from allm */
	struct map m_index;   /* address of an m -> 1 + position in ms */
};

enum {
	P_MAX = 1 << 16, /* GOMAXPROCS; the runtime's own limit was 1024 up to 1.9 */
	M_MAX = 1 << 16, /* runtime/debug.SetMaxThreads defaults to 10,000 */
};

/** Before the first reading: say where M's were found in an earlier one, so that those that are
 * still there are read together. False: out of memory. */
bool schedstate_expect(struct schedstate *s, const uint64_t *ms, size_t n);
/** Allocate what schedstate_reread needs. GOSPY_E_NOMEM. */
enum gospy_code schedstate_prepare(struct schedstate *s, const struct image *image,
				   struct gospy_error *err);
/** Read everything once, with the target running; prepares what is not prepared yet. `tids` maps
 * thread ids of the target's PID namespace to ours; NULL: they are the same. */
enum gospy_code schedstate_read(struct schedstate *s, struct image *image, const struct map *tids,
				struct gospy_error *err);
/** Read everything again into the same memory: three or four system calls when no M or P came or
 * went meanwhile. Fills the places and registers of M's that run a goroutine if `pause` is given.
 */
enum gospy_code schedstate_reread(struct schedstate *s, struct image *image,
				  const struct moment *moment, const struct map *tids,
				  struct gospy_error *err);
/** What a thread that stands still tells of its M; NULL: nothing. */
void m_rec_place(struct m_rec *m, const struct moment_thread *thread);
/** The m at `addr`, or NULL. */
const struct m_rec *schedstate_m(const struct schedstate *s, uint64_t addr);
/** For who records: allgs is the array from which so many entries were read, and stays it
 * (mem_fix). What was recorded of it may be of a moment that was given up. */
void schedstate_fix_allgs(struct image *image, uint64_t array, uint64_t len);
/** For who records (mem_fix): the rest that `s` has read, but for what belongs to the heap, is what
 * it was. GOSPY_E_NOMEM. */
enum gospy_code schedstate_fix(const struct schedstate *s, struct image *image,
			       struct gospy_error *err);
void schedstate_deinit(struct schedstate *s);

#endif
