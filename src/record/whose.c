#include "record/whose.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/hash.h"

enum {
	REGISTER_SINCE = 17, /* Go 1.17+ has g in r14 */
	GS_MAX = 1 << 24,    /* of allgs, those that are told from other words */
	GS_AT_ONCE = 1024,
	/* So many are looked at before the recording begins; that takes a microsecond each. */
	LOOKS_MAX = 1 << 16,
	LOOKS_AT_ONCE = 256,
	/* A thread that has no M is looked for among them no more often than that. */
	MS_EVERY_NS = 100 * 1000 * 1000,
	LABEL_SETS_MAX = 1 << 16,
	/* For one set. */
	LABEL_BYTES_MAX = 1 << 20,
	LABEL_READS_MAX = 1 << 12,
	/* When the stack pointer alone tells, so many of those that were met are looked through. */
	SEARCH_MAX = 1 << 14,
};

/* ------------------------------------------------------------------------------------- allgs --
 */

/* Those that have come since the last time. */
static enum gospy_code read_allgs(struct owners *o, struct gospy_error *err)
{
	const struct globals *globals = &o->image->globals;
	struct mem *mem = o->image->mem;
	uint64_t len, at, gs[GS_AT_ONCE];
	enum gospy_code code = mem_read_u64(mem, globals->allglen.addr, &len, err);
	if (!code)
		code = mem_read_u64(
			mem, globals->allgptr.addr ? globals->allgptr.addr : globals->allgs.addr,
			&at, err);
	while (!code && o->all_len < len && o->all_len < GS_MAX) {
		uint64_t n = len - o->all_len < GS_AT_ONCE ? len - o->all_len : GS_AT_ONCE;
		code = mem_read(mem, at + o->all_len * sizeof(*gs), gs, n * sizeof(*gs), err);
		for (size_t i = 0; i < n && !code; i++) {
			if (!map_put(&o->all, gs[i]))
				code = err_nomem(err);
		}
		o->all_len += code ? 0 : n;
	}
	return code;
}

static bool is_g(struct owners *o, uint64_t addr)
{
	return map_get(&o->all, addr) || (!read_allgs(o, NULL) && map_get(&o->all, addr));
}

void owners_deinit(struct owners *o)
{
	map_deinit(&o->all);
	map_deinit(&o->by_g);
	map_deinit(&o->by_tid);
	map_deinit(&o->m_of);
	map_deinit(&o->by_goid);
	map_deinit(&o->label_index);
	vec_free(&o->known);
	vec_free(&o->label_sets);
	arena_deinit(&o->label_arena);
	free(o->window);
}

/* -------------------------------------------------------------------------------------- looks --
 */

/* Note what a g is now, from its bytes. NULL: out of memory. */
static struct owner *note(struct owners *o, uint64_t g, const uint8_t *bytes, uint64_t ns)
{
	struct g_rec rec = {.addr = g};
	grec_extract(&o->image->layout, bytes, &rec);
	uint64_t *slot = map_put(&o->by_g, g);
	if (!slot || (!*slot && !vec_push(&o->known, ((struct owner){.g = g}))))
		return NULL;
	if (!*slot)
		*slot = o->known.len;
	struct owner *owner = &o->known.at[*slot - 1];
	owner->before = owner->now;
	owner->now = (struct owner_look){
		.ns = ns,
		.goid = rec.goid,
		.lo = rec.stack_lo,
		.hi = rec.stack_hi,
		.startpc = rec.startpc,
		.labels = rec.labels,
	};
	return owner;
}

/* Look at a g of allgs; NULL: it cannot be read, or there is no memory. */
static struct owner *look(struct owners *o, uint64_t g)
{
	uint64_t ns = clock_mono_ns();
	if (mem_read(o->image->mem, g, o->window, grec_window(&o->image->layout), NULL))
		return NULL;
	return note(o, g, o->window, ns);
}

/* So that the goroutine of a sample is known by a look before it. */
static enum gospy_code look_at_all(struct owners *o, struct gospy_error *err)
{
	size_t len = grec_window(&o->image->layout), n = 0, looked = 0;
	CLEANUP_FREE uint8_t *bytes = malloc(LOOKS_AT_ONCE * len);
	struct mem_req reqs[LOOKS_AT_ONCE];
	if (!bytes)
		return err_nomem(err);
	for (size_t i = 0; i < o->all.cap && looked < LOOKS_MAX; i++) {
		const struct map_entry *entry = &o->all.entries[i];
		if (entry->used)
			reqs[n++] = (struct mem_req){.addr = entry->key, .len = len};
		if (n < LOOKS_AT_ONCE && i + 1 < o->all.cap)
			continue;
		for (size_t k = 0; k < n; k++)
			reqs[k].dst = bytes + k * len;
		uint64_t ns = clock_mono_ns();
		enum gospy_code code = mem_readv(o->image->mem, reqs, n, err);
		if (code && code != GOSPY_E_FAULT)
			return code;
		for (size_t k = 0; k < n; k++) {
			if (reqs[k].done == len && !note(o, reqs[k].addr, bytes + k * len, ns))
				return err_nomem(err);
		}
		looked += n;
		n = 0;
	}
	return GOSPY_OK;
}

enum gospy_code owners_init(struct owners *o, struct gospy_error *err)
{
	o->window = malloc(grec_window(&o->image->layout));
	if (!o->window)
		return err_nomem(err);
	enum gospy_code code = read_allgs(o, err);
	return code ? code : look_at_all(o, err);
}

static bool holds(const struct owner_look *look, uint64_t sp)
{
	return sp > look->lo && sp <= look->hi;
}

/* A stack is moved when it grows: it is where it was before, or is now. */
static bool is_on(const struct owner *owner, uint64_t sp)
{
	return owner && (holds(&owner->now, sp) || holds(&owner->before, sp));
}

/* Look at a g, if the address is in its stack; else NULL. */
static struct owner *look_on(struct owners *o, uint64_t g, uint64_t sp)
{
	struct owner *owner = g && is_g(o, g) ? look(o, g) : NULL;
	return is_on(owner, sp) ? owner : NULL;
}

struct walk_place owners_place(struct owners *o, const struct cpu_sample *s)
{
	const struct owner *owner = NULL;
	if (s->has_regs && o->image->version.minor >= REGISTER_SINCE)
		owner = look_on(o, s->regs.r14, s->regs.sp);
	if (!owner)
		return (struct walk_place){.hi = UINT64_MAX};
	const struct owner_look *l = holds(&owner->now, s->regs.sp) ? &owner->now : &owner->before;
	return (struct walk_place){.on_stack = true, .hi = l->hi};
}

/* ------------------------------------------------------------------------------------ threads --
 */

/* Thread ids of the target's PID namespace to gospy's. */
static bool map_tids(struct owners *o, struct map *ret)
{
	CLEANUP(tasks_deinit) struct tasks tasks = {0};
	if (source_tasks(o->source, NULL, &tasks, NULL))
		return false;
	for (size_t i = 0; i < tasks.tasks.len; i++) {
		const struct task *task = &tasks.tasks.at[i];
		uint64_t *slot = map_put(ret, (uint64_t)task->nstid);
		if (!slot)
			return false;
		*slot = (uint64_t)task->tid;
	}
	return true;
}

static void list_ms(struct owners *o)
{
	struct schedstate sched = {0};
	struct map tids = {0};
	bool named = !o->source->namespaced || map_tids(o, &tids);
	if (named && !schedstate_read(&sched, o->image, o->source->namespaced ? &tids : NULL, NULL))
		map_deinit(&o->m_of);
	for (size_t i = 0; named && i < sched.ms.len; i++) {
		const struct m_rec *m = &sched.ms.at[i];
		uint64_t *slot = m->tid ? map_put(&o->m_of, (uint64_t)m->tid) : NULL;
		if (slot)
			*slot = m->addr;
	}
	schedstate_deinit(&sched);
	map_deinit(&tids);
}

/* The M of a thread, or 0. */
static uint64_t m_of(struct owners *o, pid_t tid)
{
	const uint64_t *known = map_get(&o->m_of, (uint64_t)tid);
	uint64_t now = clock_mono_ns();
	if (!known && (!o->ms_ns || now - o->ms_ns >= MS_EVERY_NS)) {
		o->ms_ns = now;
		list_ms(o);
		known = map_get(&o->m_of, (uint64_t)tid);
	}
	return known ? *known : 0;
}

/* The goroutine that the M of the thread has now; 0: none. */
static uint64_t curg_of(struct owners *o, pid_t tid)
{
	const __typeof__(o->image->layout.m) *layout = &o->image->layout.m;
	uint64_t m = m_of(o, tid), procid, curg;
	if (!m || mem_read_u64(o->image->mem, m + layout->procid.off, &procid, NULL) ||
	    mem_read_u64(o->image->mem, m + layout->curg.off, &curg, NULL))
		return 0;
	if (!o->source->namespaced && procid != (uint64_t)tid) {
		*map_get(&o->m_of, (uint64_t)tid) = 0; // another thread has that M now
		return 0;
	}
	return curg;
}

/* ------------------------------------------------------------------------------------- owners --
 */

static struct owner *search(struct owners *o, uint64_t sp)
{
	for (size_t i = 0; i < o->known.len && i < SEARCH_MAX; i++) {
		uint64_t g = o->known.at[i].g;
		if (holds(&o->known.at[i].now, sp))
			return look_on(o, g, sp);
	}
	return NULL;
}

/* The g whose stack `sp` is in. */
static struct owner *find_on(struct owners *o, const struct cpu_sample *s, uint64_t sp)
{
	const uint64_t *last = map_get(&o->by_tid, (uint64_t)s->tid);
	uint64_t last_g = last && *last ? o->known.at[*last - 1].g : 0;
	struct owner *owner = look_on(o, curg_of(o, s->tid), sp);
	if (!owner)
		owner = look_on(o, last_g, sp);
	return owner ? owner : search(o, sp);
}

/* Does the stack begin with the function that the goroutine was started with? */
static bool begins_with(struct owners *o, const struct walker *walker, uint64_t startpc)
{
	size_t n = walker->pcs.len;
	uint64_t entry, end, start_entry, start_end;
	if (walker->root != WALK_GOROUTINE || n < 2)
		return false;
	uint64_t pc = walker->pcs.at[n - 2] - (n > 2);
	return symbols_function(o->symbols, pc, &entry, &end) &&
	       symbols_function(o->symbols, startpc, &start_entry, &start_end) &&
	       entry == start_entry;
}

/* Is the owner, as it is now, that of the sample? See the top of whose.h. */
static bool is_proved(struct owners *o, const struct owner *owner, const struct cpu_sample *s,
		      const struct walker *walker)
{
	const struct owner_look *before = &owner->before, *now = &owner->now;
	if (!now->goid)
		return false;
	if (before->goid == now->goid && before->ns < s->time_ns)
		return true;
	bool prompt = now->ns < s->time_ns || now->ns - s->time_ns <= WHOSE_LAG_NS;
	return prompt && begins_with(o, walker, now->startpc);
}

/* The number of a set with these texts. False: out of memory. */
static bool number_texts(struct owners *o, const struct label_set *set, uint32_t *ret)
{
	uint64_t hash = set->count;
	for (size_t i = 0; i < set->count; i++) {
		const struct gospy_label *l = &set->list[i];
		hash = hash_bytes(hash, l->key, strlen(l->key));
		hash = hash_bytes(hash, l->value, strlen(l->value));
	}
	uint64_t *slot = map_put(&o->label_index, hash);
	if (!slot)
		return false;
	if (*slot || o->label_sets.len == LABEL_SETS_MAX) {
		*ret = (uint32_t)*slot;
		return true;
	}
	struct gospy_label *list = arena_calloc(&o->label_arena, set->count + 1, sizeof(*list));
	for (size_t i = 0; list && i < set->count; i++) {
		list[i].key = arena_strdup(&o->label_arena, set->list[i].key);
		list[i].value = arena_strdup(&o->label_arena, set->list[i].value);
		if (!list[i].key || !list[i].value)
			return false;
	}
	if (!list || !vec_push(&o->label_sets, ((struct label_set){list, set->count, true})))
		return false;
	*slot = o->label_sets.len;
	*ret = (uint32_t)*slot;
	return true;
}

/* The number of the set at an address; 0: it cannot be read. False: out of memory. */
static bool number_labels(struct owners *o, uint64_t addr, uint32_t *ret)
{
	CLEANUP(arena_deinit) struct arena arena = {0};
	struct budget budget;
	struct label_set set = {0}, *const sets[] = {&set};
	const struct label_reader reader = {o->image, &budget, &arena};
	budget_init(&budget, LABEL_BYTES_MAX, LABEL_READS_MAX);
	enum gospy_code code = label_sets_read(&reader, &addr, sets, 1, NULL);
	*ret = 0;
	if (code || !set.known)
		return code != GOSPY_E_NOMEM;
	return number_texts(o, &set, ret);
}

static bool find_labels(struct owners *o, struct owner *owner, const struct cpu_sample *s,
			struct whose *ret)
{
	struct owner_look *now = &owner->now;
	const struct owner_look *before = &owner->before;
	bool prompt = now->ns < s->time_ns || now->ns - s->time_ns <= WHOSE_LAG_NS;
	bool steady = before->goid == now->goid && before->labels == now->labels;
	uint64_t again;
	ret->has_labels = prompt || steady;
	if (!ret->has_labels || !now->labels)
		return true;
	if (steady && before->set) {
		ret->labels = now->set = before->set;
		return true;
	}
	if (!number_labels(o, now->labels, &ret->labels))
		return false;
	// The set may have been freed, and its memory used again, before it was read.
	if (mem_read_u64(o->image->mem, owner->g + o->image->layout.g.labels.off, &again, NULL) ||
	    again != now->labels || !ret->labels) {
		ret->has_labels = false;
		ret->labels = 0;
	}
	now->set = ret->labels;
	return true;
}

bool owners_find(struct owners *o, const struct cpu_sample *s, struct walker *walker,
		 struct whose *ret)
{
	*ret = (struct whose){.kind = WHOSE_UNKNOWN};
	if (walker->root == WALK_SYSTEM || !s->has_regs) {
		ret->kind = WHOSE_NONE;
		return true;
	}
	struct owner *owner = NULL;
	// owners_place() has just looked at it.
	const uint64_t *known = map_get(&o->by_g, s->regs.r14);
	if (o->image->version.minor >= REGISTER_SINCE && known)
		owner = &o->known.at[*known - 1];
	if (!is_on(owner, s->regs.sp))
		owner = find_on(o, s, s->regs.sp);
	if (!owner && walker->crossed)
		owner = find_on(o, s, walker->crossed);
	if (!owner && walker->root == WALK_GOROUTINE) {
		uint64_t g = curg_of(o, s->tid);
		owner = g && is_g(o, g) ? look(o, g) : NULL;
		if (owner && !begins_with(o, walker, owner->now.startpc))
			owner = NULL;
	}
	if (!owner || !is_proved(o, owner, s, walker))
		return true;
	uint64_t *last = map_put(&o->by_tid, (uint64_t)s->tid);
	if (!last || !map_put(&o->by_goid, owner->now.goid))
		return false;
	*last = (uint64_t)(owner - o->known.at) + 1;
	ret->kind = WHOSE_GOROUTINE;
	ret->goid = owner->now.goid;
	ret->startpc = owner->now.startpc;
	return find_labels(o, owner, s, ret);
}

const struct label_set *owners_labels(const struct owners *o, uint32_t number)
{
	static const struct label_set none = {.known = true};
	return number ? &o->label_sets.at[number - 1] : &none;
}
