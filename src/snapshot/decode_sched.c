#include "snapshot/decode_sched.h"

#include <string.h>

void decode_sched(const struct image *image, const struct schedstate *s, struct gospy_sched *ret)
{
	const __typeof__(image->layout.schedt) *L = &image->layout.schedt;
	*ret = (struct gospy_sched){
		.nmidle = blob_value(&s->sched, L->nmidle),
		.nmspinning = blob_value(&s->sched, L->nmspinning),
		.nmfreed = blob_value(&s->sched, L->nmfreed),
		.npidle = blob_value(&s->sched, L->npidle),
		.ngsys = blob_value(&s->sched, L->ngsys),
		.runqsize = blob_value(&s->sched, L->runqsize),
		.goidgen = blob_value(&s->sched, L->goidgen),
		.gomaxprocs = s->gomaxprocs,
	};
}

static bool in_syscall(const struct capture *c, const struct m_rec *m)
{
	const struct g_rec *g = m && m->curg ? capture_g(c, m->curg) : NULL;
	return g && grec_status(g) == GOSPY_STATUS_SYSCALL;
}

enum gospy_code decode_ps(const struct capture *c, struct arena *arena, const struct gospy_p **ret,
			  struct gospy_error *err)
{
	const struct schedstate *s = &c->sched;
	struct gospy_p *ps = arena_calloc(arena, s->ps.len, sizeof(*ps));
	if (!ps)
		return err_nomem(err);
	for (size_t i = 0; i < s->ps.len; i++) {
		const struct p_rec *p = &s->ps.at[i];
		const struct m_rec *m = schedstate_m(s, p->m);
		// The queue is a ring indexed by free-running 32-bit counters.
		uint32_t queued = p->runqtail - p->runqhead;
		ps[i] = (struct gospy_p){
			.id = p->id,
			.status = (enum gospy_p_status)p->status,
			.schedtick = p->schedtick,
			.syscalltick = p->syscalltick,
			.m_id = m ? m->id : GOSPY_UNKNOWN,
			.runq_size = (uint64_t)queued + (p->runnext ? 1 : 0),
		};
		// src/runtime/proc.go: _Psyscall is gone from Go 1.26, the P stays with its M.
		if (p->status == GOSPY_P_RUNNING && in_syscall(c, m))
			ps[i].status = GOSPY_P_SYSCALL;
	}
	*ret = ps;
	return GOSPY_OK;
}

enum gospy_code decode_ms(const struct capture *c, struct arena *arena, const struct gospy_m **ret,
			  struct gospy_error *err)
{
	const struct schedstate *s = &c->sched;
	struct gospy_m *ms = arena_calloc(arena, s->ms.len, sizeof(*ms));
	if (!ms)
		return err_nomem(err);
	for (size_t i = 0; i < s->ms.len; i++) {
		const struct m_rec *m = &s->ms.at[i];
		const struct g_rec *g = m->curg ? capture_g(c, m->curg) : NULL;
		uint64_t p_id = GOSPY_UNKNOWN;
		for (size_t k = 0; m->p && k < s->ps.len; k++) {
			if (s->ps.at[k].addr == m->p)
				p_id = s->ps.at[k].id;
		}
		ms[i] = (struct gospy_m){
			.id = m->id,
			.tid = m->tid,
			.curg_goid = g ? g->goid : GOSPY_UNKNOWN,
			.p_id = p_id,
			.spinning = m->spinning,
			.blocked = m->blocked,
			.incgo = m->incgo,
			.locked = m->lockedg != 0,
		};
	}
	*ret = ms;
	return GOSPY_OK;
}
