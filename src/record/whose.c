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
	/* Stacks that are found one by one. */
	STACKS_NEW_MAX = 256,
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
	map_deinit(&o->thread_index);
	vec_free(&o->threads);
	map_deinit(&o->by_goid);
	map_deinit(&o->label_index);
	vec_free(&o->known);
	vec_free(&o->stacks);
	vec_free(&o->label_sets);
	arena_deinit(&o->label_arena);
	free(o->window);
}

/* -------------------------------------------------------------------------------------- looks --
 */

/* A stack is moved when it grows: samples of before are on the old one. */
static void note_stack(struct owner *owner, const struct owner_look *look)
{
	const struct owner_look *last = &owner->now;
	if (last->goid != look->goid)
		owner->old_lo = owner->old_hi = 0;
	else if (last->lo != look->lo || last->hi != look->hi) {
		owner->old_lo = last->lo;
		owner->old_hi = last->hi;
	}
}

/* Note what a g is, from its bytes, which were read between the two times. NULL: out of memory. */
static struct owner *note(struct owners *o, uint64_t g, const uint8_t *bytes, uint64_t begin_ns,
			  uint64_t end_ns)
{
	struct g_rec rec = {.addr = g};
	grec_extract(&o->image->layout, bytes, &rec);
	uint64_t *slot = map_put(&o->by_g, g);
	if (!slot || (!*slot && !vec_push(&o->known, ((struct owner){.g = g}))))
		return NULL;
	if (!*slot)
		*slot = o->known.len;
	struct owner *owner = &o->known.at[*slot - 1];
	const struct owner_look *last = &owner->now, look = {
							     .goid = rec.goid,
							     .lo = rec.stack_lo,
							     .hi = rec.stack_hi,
							     .startpc = rec.startpc,
							     .labels = rec.labels,
						     };
	bool is_same = owner->end_ns && last->goid == look.goid;
	note_stack(owner, &look);
	if (!is_same)
		owner->goid_ns = end_ns;
	if (!is_same || last->lo != look.lo || last->hi != look.hi)
		owner->stack_ns = end_ns;
	if (!is_same || last->labels != look.labels) {
		owner->labels_ns = end_ns;
		owner->set = 0;
	}
	bool is_new = owner->now.hi != look.hi && look.hi;
	owner->now = look;
	if (is_new && !vec_push(&o->stacks, ((struct owner_stack){look.hi, *slot - 1})))
		return NULL;
	owner->begin_ns = begin_ns;
	owner->end_ns = end_ns;
	return owner;
}

/* Look at a g of allgs, unless that was done after the sample; NULL: it cannot be read, or there is
 * no memory. */
static struct owner *look(struct owners *o, uint64_t g, const struct cpu_sample *s)
{
	const uint64_t *known = map_get(&o->by_g, g);
	if (known && *known && o->known.at[*known - 1].begin_ns >= s->time_ns)
		return &o->known.at[*known - 1];
	uint64_t begin_ns = clock_mono_ns();
	if (mem_read(o->image->mem, g, o->window, grec_window(&o->image->layout), NULL))
		return NULL;
	return note(o, g, o->window, begin_ns, clock_mono_ns());
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
		uint64_t begin_ns = clock_mono_ns();
		enum gospy_code code = mem_readv(o->image->mem, reqs, n, err);
		uint64_t end_ns = clock_mono_ns();
		if (code && code != GOSPY_E_FAULT)
			return code;
		for (size_t k = 0; k < n; k++) {
			if (reqs[k].done == len &&
			    !note(o, reqs[k].addr, bytes + k * len, begin_ns, end_ns))
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

static bool is_within(uint64_t sp, uint64_t lo, uint64_t hi)
{
	return sp > lo && sp <= hi;
}

static bool is_on(const struct owner *owner, uint64_t sp)
{
	return owner && (is_within(sp, owner->now.lo, owner->now.hi) ||
			 is_within(sp, owner->old_lo, owner->old_hi));
}

/* Look at a g, if the address is in its stack; else NULL. */
static struct owner *look_on(struct owners *o, uint64_t g, const struct cpu_sample *s, uint64_t sp)
{
	struct owner *owner = g && is_g(o, g) ? look(o, g, s) : NULL;
	return is_on(owner, sp) ? owner : NULL;
}

struct walk_place owners_place(struct owners *o, const struct cpu_sample *s)
{
	const struct owner *owner = NULL;
	const uint64_t sp = s->regs.sp;
	if (s->has_regs && o->image->version.minor >= REGISTER_SINCE)
		owner = look_on(o, s->regs.r14, s, sp);
	if (!owner)
		return (struct walk_place){.hi = UINT64_MAX};
	bool is_now = is_within(sp, owner->now.lo, owner->now.hi);
	return (struct walk_place){.on_stack = true, .hi = is_now ? owner->now.hi : owner->old_hi};
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
	if ((!known || !*known) && (!o->ms_ns || now - o->ms_ns >= MS_EVERY_NS)) {
		o->ms_ns = now;
		list_ms(o);
		known = map_get(&o->m_of, (uint64_t)tid);
	}
	return known ? *known : 0;
}

/* The goroutine that the M of the thread has now; 0: none. */
static uint64_t read_curg(struct owners *o, pid_t tid)
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

/* The same, unless that was asked for after the sample. */
static uint64_t curg_of(struct owners *o, const struct cpu_sample *s)
{
	uint64_t *slot = map_put(&o->thread_index, (uint64_t)s->tid);
	if (!slot || (!*slot && !vec_push(&o->threads, ((struct thread_look){0}))))
		return 0;
	if (!*slot)
		*slot = o->threads.len;
	struct thread_look *thread = &o->threads.at[*slot - 1];
	if (!thread->begin_ns || thread->begin_ns < s->time_ns) {
		thread->begin_ns = clock_mono_ns();
		thread->curg = read_curg(o, s->tid);
	}
	return thread->curg;
}

/* ------------------------------------------------------------------------------------- owners --
 */

static bool is_prompt(const struct owner *owner, const struct cpu_sample *s)
{
	return owner->end_ns < s->time_ns || owner->end_ns - s->time_ns <= WHOSE_LAG_NS;
}

static int compare_stacks(const void *a, const void *b)
{
	const struct owner_stack *x = a, *y = b;
	return x->hi < y->hi ? -1 : x->hi > y->hi;
}

/* Those that are new are looked through one by one, until they are many. */
static void sort_stacks(struct owners *o)
{
	if (o->stacks.len - o->stacks_sorted < STACKS_NEW_MAX)
		return;
	qsort(o->stacks.at, o->stacks.len, sizeof(*o->stacks.at), compare_stacks);
	// Several are of one place if stacks were used again: the looks tell which is right.
	size_t n = 0;
	for (size_t i = 0; i < o->stacks.len; i++) {
		const struct owner_stack *stack = &o->stacks.at[i];
		if (o->known.at[stack->owner].now.hi == stack->hi)
			o->stacks.at[n++] = *stack;
	}
	o->stacks.len = o->stacks_sorted = n;
}

static struct owner *search(struct owners *o, const struct cpu_sample *s, uint64_t sp)
{
	enum { SAME_MAX = 8 };
	size_t lo = 0, hi;
	sort_stacks(o);
	for (hi = o->stacks_sorted; lo < hi;) {
		size_t mid = lo + (hi - lo) / 2;
		if (o->stacks.at[mid].hi < sp)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (size_t i = lo; i < o->stacks.len; i++) {
		if (i - lo == SAME_MAX && i < o->stacks_sorted)
			i = o->stacks_sorted;
		if (i >= o->stacks.len)
			break;
		const struct owner *owner = &o->known.at[o->stacks.at[i].owner];
		if (is_within(sp, owner->now.lo, owner->now.hi))
			return look_on(o, owner->g, s, sp);
	}
	return NULL;
}

static struct owner *last_of(struct owners *o, const struct cpu_sample *s)
{
	const uint64_t *last = map_get(&o->by_tid, (uint64_t)s->tid);
	return last && *last ? &o->known.at[*last - 1] : NULL;
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

/* The register had that g. C code may have left it alone; and the stack that the thread was on may
 * have been freed since. */
static struct owner *owner_of_register(struct owners *o, const struct cpu_sample *s,
				       const struct walker *walker)
{
	// owners_place() has looked at it.
	const uint64_t *known = map_get(&o->by_g, s->regs.r14);
	if (o->image->version.minor < REGISTER_SINCE || !known || !*known)
		return NULL;
	struct owner *owner = &o->known.at[*known - 1];
	if (is_on(owner, s->regs.sp) || (walker->crossed && is_on(owner, walker->crossed)))
		return owner;
	bool left = !walker->crossed && begins_with(o, walker, owner->now.startpc);
	return left && owner->begin_ns >= s->time_ns ? owner : NULL;
}

/* The g whose stack `sp` is in. Stacks are used again, as g's are. */
static struct owner *owner_of_stack(struct owners *o, const struct cpu_sample *s, uint64_t sp,
				    const struct walker *walker)
{
	const struct owner *last = last_of(o, s);
	uint64_t last_g = last ? last->g : 0;
	struct owner *owner = look_on(o, curg_of(o, s), s, sp);
	if (!owner)
		owner = look_on(o, last_g, s, sp);
	if (!owner)
		owner = search(o, s, sp);
	if (!owner)
		return NULL;
	bool is_old = !is_within(sp, owner->now.lo, owner->now.hi);
	bool is_steady = is_old ? owner->goid_ns <= s->time_ns : owner->stack_ns <= s->time_ns;
	return is_steady || (is_prompt(owner, s) && begins_with(o, walker, owner->now.startpc))
		       ? owner
		       : NULL;
}

/* The g of the thread, of which there is only the place where its stack began. */
static struct owner *owner_of_thread(struct owners *o, const struct cpu_sample *s,
				     const struct walker *walker)
{
	const struct owner *last = last_of(o, s);
	uint64_t last_g = last ? last->g : 0, g = curg_of(o, s);
	struct owner *owner = g && is_g(o, g) ? look(o, g, s) : NULL;
	if (!owner || !begins_with(o, walker, owner->now.startpc))
		return NULL;
	return is_prompt(owner, s) || last_g == g ? owner : NULL;
}

/* Its callers are those of the sample if they are read in time, or were the same before. */
static bool add_callers(struct owners *o, struct owner *owner, const struct cpu_sample *s,
			struct walker *walker, uint64_t depth)
{
	const struct g_rec rec = {.stack_lo = owner->now.lo, .stack_hi = owner->now.hi};
	uint64_t hash;
	if (!walk_callers_of_c(walker, o->image->mem, &rec, depth, &hash))
		return false;
	uint64_t now = clock_mono_ns();
	if (hash != owner->callers) {
		owner->callers = hash;
		owner->callers_ns = now;
	}
	bool steady = owner->callers_ns <= s->time_ns || now - s->time_ns <= WHOSE_LAG_NS;
	return !hash || !steady || walk_add_callers(walker);
}

/* The g that has called C code; and its callers, if they are not known. False: out of memory. */
static bool owner_of_c_call(struct owners *o, const struct cpu_sample *s, struct walker *walker,
			    struct owner **ret)
{
	for (size_t i = 0; i < WALK_C_CALLS; i++) {
		const struct walk_c_call *call = &walker->c_calls[i];
		struct owner *owner = call->g && is_g(o, call->g) ? look(o, call->g, s) : NULL;
		if (!owner || !is_on(owner, walker->cgocall_bp))
			continue;
		*ret = owner;
		return add_callers(o, owner, s, walker, call->depth);
	}
	return true;
}

static struct owner *find_owner(struct owners *o, const struct cpu_sample *s,
				const struct walker *walker)
{
	struct owner *owner = owner_of_register(o, s, walker);
	if (!owner)
		owner = owner_of_stack(o, s, s->regs.sp, walker);
	if (!owner && walker->crossed)
		owner = owner_of_stack(o, s, walker->crossed, walker);
	for (size_t i = 0; !owner && i < WALK_HINTS; i++) {
		if (walker->hints[i])
			owner = owner_of_stack(o, s, walker->hints[i], walker);
	}
	if (!owner && !walker->crossed && walker->root == WALK_GOROUTINE)
		owner = owner_of_thread(o, s, walker);
	return owner;
}

/* Was it of its goroutine when the sample was taken? See the top of whose.h. */
static bool is_proved(struct owners *o, const struct owner *owner, const struct cpu_sample *s,
		      const struct walker *walker)
{
	if (!owner->now.goid)
		return false;
	return owner->goid_ns <= s->time_ns ||
	       (is_prompt(owner, s) && begins_with(o, walker, owner->now.startpc));
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

bool owners_number_labels(struct owners *o, uint64_t addr, uint32_t *ret)
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
	uint64_t again;
	ret->has_labels = is_prompt(owner, s) || owner->labels_ns <= s->time_ns;
	if (!ret->has_labels || !owner->now.labels)
		return true;
	if (!owner->set) {
		if (!owners_number_labels(o, owner->now.labels, &owner->set))
			return false;
		// It may have been freed, and its memory used again, before it was read.
		if (mem_read_u64(o->image->mem, owner->g + o->image->layout.g.labels.off, &again,
				 NULL) ||
		    again != owner->now.labels)
			owner->set = 0;
	}
	ret->labels = owner->set;
	ret->has_labels = ret->labels != 0;
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
	if (!owner_of_c_call(o, s, walker, &owner))
		return false;
	if (!owner)
		owner = find_owner(o, s, walker);
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
