#include "image/schedstate.h"

#include <stdlib.h>
#include <string.h>

#include "base/budget.h"
#include "base/cleanup.h"

/* P's or M's that are read by one call. */
enum { AT_ONCE = 1024 };

#define FIELD_END_(member, path, required)                                                         \
	if (field_present(L->member) && L->member.off + L->member.size > end)                      \
		end = L->member.off + L->member.size;

static size_t m_window(const struct layout *layout)
{
	const __typeof__(layout->m) *L = &layout->m;
	size_t end = 0;
	LAYOUT_M(FIELD_END_)
	return end;
}

static size_t p_window(const struct layout *layout)
{
	const __typeof__(layout->p) *L = &layout->p;
	size_t end = 0;
	LAYOUT_P_COPIED(FIELD_END_)
	return end;
}

static bool blob_init(struct blob *blob, struct global global, uint64_t size)
{
	// Sizes come from layouts of the target's own binary: bounded, whatever it says.
	enum { BLOB_MAX = 1 << 20 };
	if (!global.addr || !size || size > BLOB_MAX || blob->bytes)
		return true;
	blob->bytes = calloc(1, (size_t)size);
	blob->len = (size_t)size;
	return blob->bytes != NULL;
}

/* Readers may add to a destination even if nothing is to be read, so it is never NULL. */
static struct mem_req blob_req(struct global global, struct blob *blob)
{
	return (struct mem_req){global.addr, blob->len ? (void *)blob->bytes : blob, blob->len, 0,
				MEM_DATA};
}

static enum gospy_code read_roots(struct schedstate *s, struct image *image,
				  struct gospy_error *err)
{
	const struct globals *g = &image->globals;
	uint64_t allgs[3], allp[3]; // Go slices: pointer, length, capacity
	// allglen is read before allgptr: the runtime publishes them in the other order
	// (src/runtime/proc.go:allgadd), so that the array is never shorter than the length.
	struct mem_req reqs[] = {
		{g->allglen.addr, &s->allglen, sizeof(s->allglen), 0, MEM_DATA},
		{g->allgptr.addr, &s->allgptr, g->allgptr.addr ? sizeof(s->allgptr) : 0, 0,
		 MEM_DATA},
		{g->allgs.addr, allgs, sizeof(allgs), 0, MEM_DATA},
		{g->allp.addr, allp, sizeof(allp), 0, MEM_DATA},
		{g->allm.addr, &s->allm, sizeof(s->allm), 0, MEM_DATA},
		{g->gomaxprocs.addr, &s->gomaxprocs, sizeof(s->gomaxprocs), 0, MEM_DATA},
		blob_req(g->sched, &s->sched),
		blob_req(g->memstats, &s->memstats),
		blob_req(g->gcController, &s->gc_controller),
		{g->fingStatus.addr ? g->fingStatus.addr : g->fingRunning.addr, &s->fing,
		 g->fingStatus.addr    ? sizeof(uint32_t)
		 : g->fingRunning.addr ? 1
				       : 0,
		 0, MEM_DATA},
	};
	enum gospy_code code = mem_readv(image->mem, reqs, sizeof(reqs) / sizeof(reqs[0]), err);
	if (code)
		return err_context(err, code, "the scheduler's globals");
	if (!g->allgptr.addr)
		s->allgptr = allgs[0];
	s->allp = allp[0];
	s->allp_len = allp[1];
	if (s->allp_len > P_MAX)
		return err_set(err, GOSPY_E_BAD_DATA, "runtime.allp has %llu elements",
			       (unsigned long long)s->allp_len);
	return GOSPY_OK;
}

static void p_extract(const struct layout *layout, const uint8_t *b, struct p_rec *p)
{
	const __typeof__(layout->p) *L = &layout->p;
	p->id = (uint32_t)field_load(b, L->id);
	p->status = (uint32_t)field_load(b, L->status);
	p->schedtick = (uint32_t)field_load(b, L->schedtick);
	p->syscalltick = (uint32_t)field_load(b, L->syscalltick);
	p->schedwhen = field_load(b, L->schedwhen);
	p->syscallwhen = field_load(b, L->syscallwhen);
	p->m = field_load(b, L->m);
	p->mcache = field_load(b, L->mcache);
	p->runnext = field_load(b, L->runnext);
	p->runqhead = (uint32_t)field_load(b, L->runqhead);
	p->runqtail = (uint32_t)field_load(b, L->runqtail);
}

/* P's [first, first + n); `bytes` and `reqs` have room for them. */
static enum gospy_code read_some_ps(struct schedstate *s, struct image *image, size_t first,
				    size_t n, uint8_t *bytes, struct mem_req *reqs,
				    struct gospy_error *err)
{
	size_t len = p_window(&image->layout);
	for (size_t i = 0; i < n; i++)
		reqs[i] = (struct mem_req){s->p_addrs.at[first + i], bytes + i * len, len, 0,
					   MEM_DATA};
	enum gospy_code code = mem_readv(image->mem, reqs, n, err);
	if (code)
		return err_context(err, code, "runtime.p");
	for (size_t i = 0; i < n; i++) {
		struct p_rec *p = &s->ps.at[first + i];
		p->addr = s->p_addrs.at[first + i];
		p_extract(&image->layout, bytes + i * len, p);
		// This check tells right symbols and layouts from wrong ones.
		if (p->id != first + i)
			return err_set(err, GOSPY_E_BAD_DATA,
				       "runtime.allp[%zu].id is %u: symbols or layouts do not "
				       "fit this process",
				       first + i, p->id);
	}
	return GOSPY_OK;
}

static enum gospy_code read_ps(struct schedstate *s, struct image *image, struct gospy_error *err)
{
	size_t n = (size_t)s->allp_len, len = p_window(&image->layout);
	if (!vec_reserve(&s->p_addrs, n) || !vec_reserve(&s->ps, n))
		return err_nomem(err);
	s->p_addrs.len = s->ps.len = 0;
	if (!n)
		return GOSPY_OK;
	size_t room = n < AT_ONCE ? n : AT_ONCE;
	CLEANUP_FREE uint8_t *bytes = malloc(room * len);
	CLEANUP_FREE struct mem_req *reqs = malloc(room * sizeof(*reqs));
	if (!bytes || !reqs)
		return err_nomem(err);
	enum gospy_code code = mem_read(image->mem, s->allp, s->p_addrs.at, n * 8, err);
	if (code)
		return err_context(err, code, "runtime.allp");
	// While GOMAXPROCS is raised allp is longer first, then P's are put into it one by one:
	// src/runtime/proc.go:procresize.
	while (n && !s->p_addrs.at[n - 1])
		n--;
	s->p_addrs.len = s->ps.len = n;
	for (size_t i = 0; i < n && !code; i += room)
		code = read_some_ps(s, image, i, n - i < room ? n - i : room, bytes, reqs, err);
	return code;
}

static void m_extract(const struct layout *layout, const uint8_t *b, struct m_rec *m)
{
	const __typeof__(layout->m) *L = &layout->m;
	m->alllink = field_load(b, L->alllink);
	m->procid = field_load(b, L->procid);
	m->g0 = field_load(b, L->g0);
	m->gsignal = field_load(b, L->gsignal);
	m->curg = field_load(b, L->curg);
	m->p = field_load(b, L->p);
	m->nextp = field_load(b, L->nextp);
	m->id = field_load(b, L->id);
	m->lockedg = field_load(b, L->lockedg);
	m->ncgocall = field_load(b, L->ncgocall);
	m->mstartfn = field_load(b, L->mstartfn);
	m->vdsoSP = field_load(b, L->vdsoSP);
	m->vdsoPC = field_load(b, L->vdsoPC);
	m->spinning = field_load(b, L->spinning);
	m->blocked = field_load(b, L->blocked);
	m->incgo = field_load(b, L->incgo);
	m->has_place = m->has_regs = false;
}

/* Read the M's that are known again, all together. One that cannot be read has no address then. */
static enum gospy_code refresh_ms(struct schedstate *s, struct image *image,
				  struct gospy_error *err)
{
	size_t len = m_window(&image->layout), known = s->ms.len;
	size_t room = known < AT_ONCE ? known : AT_ONCE;
	CLEANUP_FREE uint8_t *bytes = malloc((room + 1) * len);
	CLEANUP_FREE struct mem_req *reqs = malloc((room + 1) * sizeof(*reqs));
	if (!bytes || !reqs)
		return err_nomem(err);
	for (size_t first = 0; first < known; first += room) {
		struct m_rec *ms = s->ms.at + first;
		size_t n = known - first < room ? known - first : room;
		for (size_t i = 0; i < n; i++)
			reqs[i] = (struct mem_req){ms[i].addr, bytes + i * len, len, 0, MEM_DATA};
		enum gospy_code code = mem_readv(image->mem, reqs, n, err);
		if (code && code != GOSPY_E_FAULT)
			return code;
		for (size_t i = 0; i < n; i++) {
			if (reqs[i].done == len)
				m_extract(&image->layout, bytes + i * len, &ms[i]);
			else
				ms[i].addr = 0;
		}
	}
	return GOSPY_OK;
}

/* The m at `addr`: from `known` if it was read there, else alone. `bytes` is a buffer. */
static enum gospy_code read_m(struct image *image, uint64_t addr, const struct m_rec *known,
			      uint8_t *bytes, struct m_rec *ret, struct gospy_error *err)
{
	if (known && known->addr == addr) {
		*ret = *known;
		return GOSPY_OK;
	}
	enum gospy_code code = mem_read(image->mem, addr, bytes, m_window(&image->layout), err);
	if (code)
		return err_context(err, code, "runtime.m");
	*ret = (struct m_rec){.addr = addr};
	m_extract(&image->layout, bytes, ret);
	return GOSPY_OK;
}

/* Follow allm. `known` and `old` are what .ms and .m_index were. */
static enum gospy_code follow_ms(struct schedstate *s, struct image *image,
				 const struct m_rec *known, const struct map *old,
				 uint64_t deadline_ns, struct gospy_error *err)
{
	CLEANUP_FREE uint8_t *bytes = malloc(m_window(&image->layout) + 1);
	if (!bytes)
		return err_nomem(err);
	for (uint64_t addr = s->allm; addr;) {
		// An entry without a position is one that an earlier reading failed at.
		const uint64_t *at = map_get(old, addr);
		uint64_t *slot = map_put(&s->m_index, addr);
		struct m_rec m;
		if (!slot)
			return err_nomem(err);
		if (*slot)
			return err_set(err, GOSPY_E_BAD_DATA, "the list of M's does not end");
		if (s->ms.len == M_MAX)
			return err_set(err, GOSPY_E_LIMIT, "there are more than %d M's", M_MAX);
		if (budget_late(deadline_ns, s->ms.len))
			return err_set(err, GOSPY_E_LIMIT,
				       "the list of M's is too long to be read inside the stop");
		enum gospy_code code =
			read_m(image, addr, at && *at ? known + *at - 1 : NULL, bytes, &m, err);
		if (code)
			return code;
		if (!vec_push(&s->ms, m))
			return err_nomem(err);
		*slot = s->ms.len;
		addr = m.alllink;
	}
	return GOSPY_OK;
}

static enum gospy_code read_ms(struct schedstate *s, struct image *image, uint64_t deadline_ns,
			       struct gospy_error *err)
{
	enum gospy_code code = refresh_ms(s, image, err);
	if (code)
		return code;
	__typeof__(s->ms) known = s->ms;
	struct map old = s->m_index;
	s->m_index = (struct map){0};
	memset(&s->ms, 0, sizeof(s->ms));
	code = vec_reserve(&s->ms, known.len + 1)
		       ? follow_ms(s, image, known.at, &old, deadline_ns, err)
		       : err_nomem(err);
	vec_free(&known);
	map_deinit(&old);
	return code;
}

bool schedstate_expect(struct schedstate *s, const uint64_t *ms, size_t n)
{
	if (!vec_reserve(&s->ms, n))
		return false;
	for (size_t i = 0; i < n; i++) {
		uint64_t *at = map_put(&s->m_index, ms[i]);
		if (!at)
			return false;
		s->ms.at[s->ms.len++] = (struct m_rec){.addr = ms[i]};
		*at = s->ms.len;
	}
	return true;
}

enum gospy_code schedstate_prepare(struct schedstate *s, const struct image *image,
				   struct gospy_error *err)
{
	const struct layout *layout = &image->layout;
	if (!blob_init(&s->sched, image->globals.sched, layout->schedt.size) ||
	    !blob_init(&s->memstats, image->globals.memstats, layout->mstats.size) ||
	    !blob_init(&s->gc_controller, image->globals.gcController, layout->gcController.size))
		return err_nomem(err);
	return GOSPY_OK;
}

enum gospy_code schedstate_read(struct schedstate *s, struct image *image, const struct map *tids,
				struct gospy_error *err)
{
	if (schedstate_prepare(s, image, err))
		return GOSPY_E_NOMEM;
	// An M that exits and a change of GOMAXPROCS pull the lists from under the reader.
	enum { TRIES = 8 };
	enum gospy_code code = GOSPY_OK;
	for (unsigned i = 0; i < TRIES; i++) {
		code = schedstate_reread(s, image, NULL, tids, err);
		if (code != GOSPY_E_FAULT && code != GOSPY_E_BAD_DATA)
			break;
	}
	return code;
}

static pid_t tid_of(const struct m_rec *m, const struct map *tids)
{
	if (!m->procid || m->procid > INT32_MAX)
		return 0;
	if (!tids)
		return (pid_t)m->procid;
	const uint64_t *tid = map_get(tids, m->procid);
	return tid ? (pid_t)*tid : 0;
}

void m_rec_place(struct m_rec *m, const struct moment_thread *thread)
{
	m->has_regs = thread && thread->has_regs;
	// The kernel tells neither of a thread that it is about to create or to end.
	m->has_place = m->has_regs || (thread && thread->state == MOMENT_STILL && thread->place.sp);
	if (m->has_regs) {
		m->rip = thread->regs.rip;
		m->rsp = thread->regs.rsp;
		m->rbp = thread->regs.rbp;
		m->r12 = thread->regs.r12;
		m->r14 = thread->regs.r14;
		m->fs_base = thread->regs.fs_base;
	} else if (m->has_place) {
		m->rip = thread->place.pc;
		m->rsp = thread->place.sp;
		m->rbp = m->r12 = m->r14 = m->fs_base = 0;
		m->syscall = thread->place.syscall;
	}
}

enum gospy_code schedstate_reread(struct schedstate *s, struct image *image,
				  const struct moment *moment, const struct map *tids,
				  struct gospy_error *err)
{
	enum gospy_code code = read_roots(s, image, err);
	if (!code)
		code = read_ps(s, image, err);
	if (!code)
		code = read_ms(s, image, moment ? moment->deadline_ns : 0, err);
	if (code)
		return code;
	for (size_t i = 0; i < s->ms.len; i++) {
		struct m_rec *m = &s->ms.at[i];
		m->tid = tid_of(m, tids);
		if (moment && m->curg && m->tid)
			m_rec_place(m, moment_find(moment, m->tid));
	}
	return GOSPY_OK;
}

const struct m_rec *schedstate_m(const struct schedstate *s, uint64_t addr)
{
	const uint64_t *at = addr ? map_get(&s->m_index, addr) : NULL;
	return at ? &s->ms.at[*at - 1] : NULL;
}

void schedstate_fix_allgs(struct image *image, uint64_t array, uint64_t len)
{
	const struct globals *g = &image->globals;
	enum { SLICE = 24 };
	const uint64_t slice[] = {array, len};
	const struct {
		uint64_t addr;
		const void *bytes;
		size_t len;
	} words[] = {
		{g->allglen.addr, &len, sizeof(len)},
		{g->allgptr.addr, &array, sizeof(array)},
		{g->allgs.addr, slice, sizeof(slice)},
	};
	mem_keep(image->mem, true);
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if (words[i].addr)
			mem_seen(image->mem, words[i].addr, words[i].bytes, words[i].len, MEM_DATA);
	}
	mem_keep(image->mem, false);
	const struct mem_range ranges[] = {
		{g->allglen.addr, g->allglen.addr ? 8 : 0},
		{g->allgptr.addr, g->allgptr.addr ? 8 : 0},
		{g->allgs.addr, g->allgs.addr ? SLICE : 0},
	};
	mem_fix(image->mem, ranges, sizeof(ranges) / sizeof(*ranges));
}

enum gospy_code schedstate_fix(const struct schedstate *s, struct image *image,
			       struct gospy_error *err)
{
	const struct globals *g = &image->globals;
	enum { SLICE = 24 };
	VEC(struct mem_range) ranges = {0};
	if (!vec_reserve(&ranges, s->ms.len + s->ps.len + 4))
		return err_nomem(err);
	ranges.at[ranges.len++] = (struct mem_range){g->allp.addr, g->allp.addr ? SLICE : 0};
	ranges.at[ranges.len++] = (struct mem_range){g->allm.addr, g->allm.addr ? 8 : 0};
	ranges.at[ranges.len++] = (struct mem_range){s->allp, s->p_addrs.len * 8};
	ranges.at[ranges.len++] = (struct mem_range){g->sched.addr, s->sched.len};
	for (size_t i = 0; i < s->ps.len; i++)
		ranges.at[ranges.len++] =
			(struct mem_range){s->ps.at[i].addr, p_window(&image->layout)};
	for (size_t i = 0; i < s->ms.len; i++)
		ranges.at[ranges.len++] =
			(struct mem_range){s->ms.at[i].addr, m_window(&image->layout)};
	mem_fix(image->mem, ranges.at, ranges.len);
	vec_free(&ranges);
	return GOSPY_OK;
}

void schedstate_deinit(struct schedstate *s)
{
	free(s->sched.bytes);
	free(s->memstats.bytes);
	free(s->gc_controller.bytes);
	vec_free(&s->p_addrs);
	vec_free(&s->ps);
	vec_free(&s->ms);
	map_deinit(&s->m_index);
	*s = (struct schedstate){0};
}
