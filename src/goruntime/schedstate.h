/* The scheduler's structures other than g's: the roots, all P's, all M's, and the statistics.
 * Small, so they are read whole, inside the stop where there is one. */
#ifndef GOSPY_GORUNTIME_SCHEDSTATE_H
#define GOSPY_GORUNTIME_SCHEDSTATE_H

#include "goruntime/image.h"
#include "target/pause.h"

struct p_rec {
	uint64_t addr;
	uint64_t m, mcache, runnext;
	uint32_t id, status, schedtick, syscalltick, runqhead, runqtail;
};

struct m_rec {
	uint64_t addr;
	uint64_t alllink, procid, g0, gsignal, curg, p, nextp, id, lockedg, ncgocall, mstartfn,
		vdsoSP, vdsoPC;
	pid_t tid; /* in gospy's PID namespace, 0: none */
	bool spinning, blocked, incgo;
	bool has_regs;
	uint64_t rip, rsp, rbp, r12, r14, fs_base;
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
	M_MAX = 1 << 20, /* runtime/debug.SetMaxThreads defaults to 10,000 */
};

/** Read everything once, with the target running; allocates what schedstate_reread needs. `tids`
 * maps thread ids of the target's PID namespace to ours; NULL: they are the same. */
enum gospy_code schedstate_read(struct schedstate *s, struct image *image, const struct map *tids,
				struct gospy_error *err);
/** Read everything again into the same memory: three or four system calls when no M or P came or
 * went meanwhile. Fills the registers of M's that run a goroutine if `pause` is given. */
enum gospy_code schedstate_reread(struct schedstate *s, struct image *image,
				  const struct pause *pause, const struct map *tids,
				  struct gospy_error *err);
/** The m at `addr`, or NULL. */
const struct m_rec *schedstate_m(const struct schedstate *s, uint64_t addr);
void schedstate_deinit(struct schedstate *s);

#endif
