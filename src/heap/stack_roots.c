#include "heap/stack_roots.h"

#include <stdlib.h>
#include <string.h>

#include "base/cancel.h"
#include "base/cleanup.h"

enum {
	WORD = 8,
	BUFFER = 1 << 20,
	BATCH = 128,
	POINTER_MIN = 4096, /* no object is below: src/runtime/malloc.go:minLegalPointer */
	STACK_MAX = 1 << 30,
	G_WINDOW_MAX = 4096,
	XREGS_MAX = 16 << 10, /* the state of AVX-512 takes 2,624 bytes */
};

/* A stack object of the stack that is walked. */
struct live_object {
	uint64_t addr, end;
	uint64_t words;
	const uint8_t *mask;
	uint64_t frame; /* a pc of it */
	bool done;
};

struct stack_roots {
	struct image *image;
	struct symbols *symbols;
	struct arena arena;
	struct map maps;       /* pc -> struct stack_map */
	uint32_t g_off, g_len; /* what is read of a g */
	uint32_t current;
	uint64_t frame; /* that is looked at: its pc, or 0 */
	uint64_t unread, unmapped;
	uint64_t large, others; /* bytes read of stacks above STACK_ROOTS_WHOLE, and of others */
	uint8_t *buffer;
	/* Of the stack that is walked. */
	VEC(struct live_object) objects;
	VEC(uint64_t) own; /* pointers into it */
};

struct walk {
	struct stack_roots *roots;
	const struct stack_bytes *stack;
	heap_root_fn *fn;
	void *ctx;
	int ended; /* by fn: what it returned */
	bool out_of_memory;
};

static void window_of(const struct layout *layout, uint32_t *off_ret, uint32_t *len_ret)
{
	const struct field fields[] = {layout->g.sched_ctxt, layout->g.defer, layout->g.panic,
				       layout->g.xregs};
	uint32_t lo = UINT32_MAX, hi = 0;
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		if (!field_present(fields[i]))
			continue;
		lo = fields[i].off < lo ? fields[i].off : lo;
		hi = fields[i].off + WORD > hi ? fields[i].off + WORD : hi;
	}
	bool sane = hi > lo && hi - lo <= G_WINDOW_MAX;
	*off_ret = sane ? lo : 0;
	*len_ret = sane ? hi - lo : 0;
}

enum gospy_code stack_roots_create(struct image *image, struct symbols *symbols,
				   struct stack_roots **ret, struct gospy_error *err)
{
	struct stack_roots *roots = calloc(1, sizeof(*roots));
	uint8_t *buffer = malloc(BUFFER);
	if (!roots || !buffer) {
		free(roots);
		free(buffer);
		return err_nomem(err);
	}
	roots->image = image;
	roots->symbols = symbols;
	roots->buffer = buffer;
	window_of(&image->layout, &roots->g_off, &roots->g_len);
	*ret = roots;
	return GOSPY_OK;
}

void stack_roots_destroy(struct stack_roots *roots)
{
	if (!roots)
		return;
	arena_deinit(&roots->arena);
	map_deinit(&roots->maps);
	vec_free(&roots->objects);
	vec_free(&roots->own);
	free(roots->buffer);
	free(roots);
}

uint32_t stack_roots_current(const struct stack_roots *roots)
{
	return roots->current;
}

uint64_t stack_roots_frame(const struct stack_roots *roots)
{
	return roots->frame;
}

uint64_t stack_roots_unread(const struct stack_roots *roots)
{
	return roots->unread;
}

uint64_t stack_roots_unmapped(const struct stack_roots *roots)
{
	return roots->unmapped;
}

/* The map of a pc, looked up once; NULL: out of memory. */
static const struct stack_map *map_of(struct stack_roots *roots, uint64_t pc)
{
	static const struct stack_map no_room = {.any = true, .args_unknown = true};
	const struct symbolizer *symbolizer = &roots->image->symbolizer;
	const uint64_t *known = map_get(&roots->maps, pc);
	if (known)
		return (const struct stack_map *)(uintptr_t)*known;
	if (roots->arena.bytes > STACK_MAPS_MAX)
		return &no_room;
	struct stack_map *map = arena_alloc(&roots->arena, sizeof(*map));
	uint64_t *slot = map ? map_put(&roots->maps, pc) : NULL;
	if (!slot)
		return NULL;
	pthread_mutex_lock(symbolizer->lock);
	bool ok = stack_map_resolve(symbolizer->pcln, &roots->arena, pc - symbolizer->bias, map);
	pthread_mutex_unlock(symbolizer->lock);
	*slot = (uintptr_t)(ok ? map : &no_room);
	return ok ? map : NULL;
}

static void take_pointer(struct walk *w, uint64_t pointer)
{
	struct stack_roots *roots = w->roots;
	if (pointer < POINTER_MIN || w->ended || w->out_of_memory)
		return;
	if (pointer < w->stack->lo || pointer >= w->stack->hi) {
		w->ended = w->fn(w->ctx, pointer);
		return;
	}
	bool again = roots->own.len && roots->own.at[roots->own.len - 1] == pointer;
	if (pointer >= w->stack->addr && !again && !vec_push(&roots->own, pointer))
		w->out_of_memory = true;
}

static uint64_t word_at(const struct walk *w, uint64_t addr)
{
	uint64_t word;
	memcpy(&word, w->stack->bytes + (addr - w->stack->addr), sizeof(word));
	return word;
}

/* Each word of [from, to), which is part of the stack. */
static void take_any(struct walk *w, uint64_t from, uint64_t to)
{
	from = (from + WORD - 1) & ~(uint64_t)(WORD - 1);
	for (; from < to && to - from >= WORD && !w->ended; from += WORD)
		take_pointer(w, word_at(w, from));
}

/* Of `words` words those that the mask has; without one all. */
static void take_masked(struct walk *w, uint64_t addr, uint64_t words, const uint8_t *mask)
{
	if (!mask) {
		take_any(w, addr, addr + words * WORD);
		return;
	}
	for (uint64_t i = 0; i < words && !w->ended; i++) {
		if (stack_map_bit(mask, i))
			take_pointer(w, word_at(w, addr + i * WORD));
	}
}

struct frame {
	uint64_t sp, end; /* the return address is its last word */
	uint64_t varp;    /* end of its locals */
};

/* False: an object does not lie where objects lie. */
static bool take_objects(struct walk *w, const struct frame *frame, const struct stack_map *map)
{
	struct stack_roots *roots = w->roots;
	for (size_t i = 0; i < map->object_count; i++) {
		const struct stack_object *object = &map->objects[i];
		uint64_t addr =
			(object->off < 0 ? frame->varp : frame->end) + (uint64_t)object->off;
		if (addr < frame->sp)
			continue; // the frame is not made yet
		uint64_t behind = roots->objects.len ? roots->objects.at[roots->objects.len - 1].end
						     : w->stack->addr;
		if (addr % WORD || addr < behind || addr > w->stack->hi ||
		    object->size > w->stack->hi - addr)
			return false;
		struct live_object live = {.addr = addr,
					   .end = addr + object->size,
					   .words = object->words,
					   .mask = object->mask,
					   .frame = roots->frame};
		if (!vec_push(&roots->objects, live))
			w->out_of_memory = true;
	}
	return true;
}

/* src/runtime/mgcmark.go:scanframeworker. False: the maps do not fit the frame. */
static bool take_mapped(struct walk *w, const struct frame *frame, const struct stack_map *map)
{
	uint64_t locals = (uint64_t)map->local_words * WORD, args = (uint64_t)map->arg_words * WORD;
	if (map->any || (map->no_locals && frame->varp > frame->sp) ||
	    args > w->stack->hi - frame->end)
		return false;
	if (frame->varp > frame->sp) { // else there are no locals yet
		if (locals > frame->varp - frame->sp)
			return false;
		take_masked(w, frame->varp - locals, map->local_words, map->locals);
	}
	take_masked(w, frame->end, map->arg_words, map->args);
	size_t before = w->roots->objects.len;
	if (take_objects(w, frame, map))
		return true;
	w->roots->objects.len = before;
	return false;
}

static void take_unmapped(struct walk *w, const struct frame *frame, const struct stack_map *map)
{
	uint64_t args = map->arg_bytes, left = w->stack->hi - frame->end;
	w->roots->unmapped++;
	take_any(w, frame->sp, frame->end - WORD);
	take_any(w, frame->end, frame->end + (args < left ? args : left));
}

/* What Go calls frame pointers are there in all versions on amd64. */
static uint64_t varp_of(uint64_t sp, uint64_t end)
{
	uint64_t varp = end - WORD;
	return varp > sp ? varp - WORD : varp;
}

/* Each frame ends above where it begins, and below the end of the stack: there are no loops. */
static void take_frames(struct walk *w, uint64_t pc, uint64_t sp)
{
	const struct stack_bytes *stack = w->stack;
	bool any_next = false;
	while (!w->ended && !w->out_of_memory) {
		const struct site *site = symbols_site(w->roots->symbols, pc);
		w->roots->frame = pc;
		struct frame frame = {.sp = sp, .end = sp + (uint64_t)site->size};
		bool steps = site->known && site->step == PCLN_STEP_CALLER && site->size > 0 &&
			     frame.end >= sp && frame.end <= stack->hi;
		if (!steps) {
			// Behind goexit there is nothing but the arguments of its caller.
			if (!site->known || site->func != PCLN_GOEXIT) {
				w->roots->unmapped++;
				take_any(w, sp, stack->hi);
			}
			return;
		}
		const struct stack_map *map = map_of(w->roots, pc);
		if (!map) {
			w->out_of_memory = true;
			return;
		}
		frame.varp = varp_of(sp, frame.end);
		// These hold the registers of the frame behind, which is between two calls.
		bool interrupts = site->func == PCLN_ASYNC_PREEMPT || site->func == PCLN_DEBUG_CALL;
		bool any = any_next || interrupts;
		if (any || !take_mapped(w, &frame, map))
			take_unmapped(w, &frame, map);
		any_next = interrupts || site->func == PCLN_SIGPANIC || map->args_unknown;
		pc = word_at(w, frame.end - WORD);
		sp = frame.end;
		if (!pc) {
			take_any(w, sp, stack->hi);
			return;
		}
	}
}

static struct live_object *find_object(struct stack_roots *roots, uint64_t pointer)
{
	size_t lo = 0, hi = roots->objects.len;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (roots->objects.at[mid].addr <= pointer)
			lo = mid + 1;
		else
			hi = mid;
	}
	struct live_object *object = lo ? &roots->objects.at[lo - 1] : NULL;
	return object && pointer < object->end ? object : NULL;
}

/* The objects that the pointers lead to, and those that these lead to. */
static void take_live_objects(struct walk *w)
{
	struct stack_roots *roots = w->roots;
	for (size_t i = 0; i < roots->own.len && !w->ended && !w->out_of_memory; i++) {
		struct live_object *object = find_object(roots, roots->own.at[i]);
		if (!object || object->done)
			continue;
		object->done = true;
		roots->frame = object->frame;
		take_masked(w, object->addr, object->words, object->mask);
	}
}

/* A record of a defer, on the stack or not; false: it cannot be read. */
static bool load_defer(struct walk *w, uint64_t addr, uint8_t *bytes, size_t len)
{
	const struct stack_bytes *stack = w->stack;
	if (addr >= stack->addr && addr < stack->hi && len <= stack->hi - addr) {
		memcpy(bytes, stack->bytes + (addr - stack->addr), len);
		return true;
	}
	return !mem_read(w->roots->image->mem, addr, bytes, len, NULL);
}

/* Up to Go 1.17 the arguments of the call stand behind the record. */
static bool take_defer_args(struct walk *w, uint64_t addr, uint64_t len)
{
	enum { ARGS_MAX = 64 << 10 };
	CLEANUP_FREE uint8_t *bytes = len && len <= ARGS_MAX ? malloc(len) : NULL;
	if (!len)
		return true;
	if (!bytes || !load_defer(w, addr, bytes, len))
		return false;
	for (size_t i = 0; i + WORD <= len; i += WORD) {
		uint64_t word;
		memcpy(&word, bytes + i, sizeof(word));
		take_pointer(w, word);
	}
	return true;
}

/* False: not all of them could be followed. */
static bool take_defers(struct walk *w, uint64_t addr)
{
	enum { RECORD_MAX = 256 };
	const __typeof__(w->roots->image->layout.defer) *L = &w->roots->image->layout.defer;
	uint8_t bytes[RECORD_MAX];
	if (addr && (!L->size || L->size > RECORD_MAX || !field_present(L->link)))
		return false;
	for (unsigned i = 0; addr && !w->ended && !w->out_of_memory; i++) {
		if (i == STACK_ROOTS_DEFERS || !load_defer(w, addr, bytes, L->size))
			return false;
		uint64_t link = field_load(bytes, L->link);
		take_pointer(w, addr);
		take_pointer(w, field_load(bytes, L->fn));
		take_pointer(w, link);
		if (field_present(L->siz) &&
		    !take_defer_args(w, addr + L->size, field_load(bytes, L->siz)))
			return false;
		addr = link;
	}
	return true;
}

static bool take_xregs(struct walk *w, uint64_t addr)
{
	const struct image *image = w->roots->image;
	uint64_t len = image->layout.xregs.size;
	CLEANUP_FREE uint8_t *bytes = addr && len && len <= XREGS_MAX ? malloc(len) : NULL;
	if (!addr)
		return true;
	if (!bytes || mem_read(image->mem, addr, bytes, len, NULL))
		return false;
	for (size_t i = 0; i + WORD <= len; i += WORD) {
		uint64_t word;
		memcpy(&word, bytes + i, sizeof(word));
		take_pointer(w, word);
	}
	return true;
}

/* Do the frames tell what is live? Not while it runs, or may be about to. */
static bool has_frames(const struct g_rec *rec)
{
	switch (grec_status(rec)) {
	case GOSPY_STATUS_RUNNABLE:
	case GOSPY_STATUS_WAITING:
	case GOSPY_STATUS_PREEMPTED:
	case GOSPY_STATUS_LEAKED:
		return !(rec->flags & G_PC_EXACT);
	case GOSPY_STATUS_SYSCALL:
		return !(rec->flags & (G_PC_EXACT | G_PC_STALE));
	default:
		return false;
	}
}

bool stack_roots_walk(struct stack_roots *roots, const struct g_rec *rec,
		      const struct stack_bytes *stack, const struct stack_extra *extra,
		      heap_root_fn *fn, void *ctx)
{
	struct walk w = {.roots = roots, .stack = stack, .fn = fn, .ctx = ctx};
	roots->objects.len = roots->own.len = 0;
	bool mapped = roots->g_len && has_frames(rec) && rec->sp == stack->addr &&
		      rec->sp % WORD == 0 && stack->hi % WORD == 0;
	if (mapped)
		take_frames(&w, grec_pc(rec), rec->sp);
	roots->frame = 0;
	take_pointer(&w, extra->ctxt);
	take_pointer(&w, extra->panic);
	if (!take_defers(&w, extra->defer) || !take_xregs(&w, extra->xregs)) {
		roots->unread++;
		mapped = false;
	}
	if (!mapped)
		take_any(&w, stack->addr, stack->hi);
	else
		take_live_objects(&w);
	roots->frame = 0;
	return !w.out_of_memory;
}

/* From where on a stack is used; its end: nothing of it. */
static uint64_t stack_begin(const struct g_rec *rec)
{
	bool stale = rec->flags & G_PC_STALE && grec_status(rec) != GOSPY_STATUS_SYSCALL;
	bool inside = rec->sp >= rec->stack_lo && rec->sp <= rec->stack_hi;
	return stale || !inside ? rec->stack_lo : rec->sp;
}

static bool has_stack(const struct g_rec *rec)
{
	return !grec_is_dead(rec) && rec->stack_lo && rec->stack_hi > rec->stack_lo &&
	       rec->stack_hi - rec->stack_lo <= STACK_MAX;
}

static struct stack_extra extra_of(const struct stack_roots *roots, const uint8_t *g)
{
	const __typeof__(roots->image->layout.g) *L = &roots->image->layout.g;
	if (!roots->g_len)
		return (struct stack_extra){0};
		// The window begins at g_off.
#define LOAD(f) field_load(g, (struct field){(f).off - roots->g_off, (f).size})
	return (struct stack_extra){
		.ctxt = field_present(L->sched_ctxt) ? LOAD(L->sched_ctxt) : 0,
		.defer = field_present(L->defer) ? LOAD(L->defer) : 0,
		.panic = field_present(L->panic) ? LOAD(L->panic) : 0,
		.xregs = field_present(L->xregs) ? LOAD(L->xregs) : 0,
	};
#undef LOAD
}

struct job {
	struct stack_roots *roots;
	const struct g_rec *recs;
	heap_root_fn *fn;
	void *ctx;
	int ended; /* what it returned */
};

static int job_take(void *ctx, uint64_t pointer)
{
	struct job *job = ctx;
	job->ended = job->fn(job->ctx, pointer);
	return job->ended;
}

/* A stack that does not fit into the buffer, of `len` bytes, and its g's window behind it. */
static enum gospy_code read_alone(struct job *job, uint32_t at, struct gospy_error *err)
{
	struct stack_roots *roots = job->roots;
	const struct g_rec *rec = &job->recs[at];
	uint64_t begin = stack_begin(rec), len = rec->stack_hi - begin;
	bool whole = len <= STACK_ROOTS_WHOLE;
	struct stack_extra extra = {0};
	uint8_t window[G_WINDOW_MAX];
	roots->current = at;
	if (!mem_read(roots->image->mem, rec->addr + roots->g_off, window, roots->g_len, NULL))
		extra = extra_of(roots, window);
	else
		roots->unread++;
	CLEANUP_FREE uint8_t *bytes = whole ? malloc(len) : NULL;
	struct stack_bytes stack = {.lo = rec->stack_lo, .hi = rec->stack_hi, .bytes = bytes};
	if (whole) {
		if (!bytes)
			return err_nomem(err);
		stack.addr = begin;
		stack.len = len;
		roots->unread +=
			mem_read_stack(roots->image->mem, begin, bytes, len, NULL) != GOSPY_OK;
		return stack_roots_walk(roots, rec, &stack, &extra, job_take, job) ? GOSPY_OK
										   : err_nomem(err);
	}
	// Each piece counts as a stack of its own, of which nothing is known.
	struct g_rec unknown = *rec;
	unknown.status = GOSPY_STATUS_RUNNING;
	stack.bytes = roots->buffer;
	for (stack.addr = begin; stack.addr < rec->stack_hi && !job->ended; stack.addr = stack.hi) {
		uint64_t left = rec->stack_hi - stack.addr;
		stack.len = left < BUFFER ? left : BUFFER;
		stack.hi = stack.addr + stack.len;
		stack.lo = stack.addr;
		roots->large += stack.len;
		if (roots->large >> 20 >= STACK_ROOTS_LARGE ||
		    mem_read_stack(roots->image->mem, stack.addr, roots->buffer, stack.len, NULL)) {
			roots->unread++;
			break;
		}
		if (!stack_roots_walk(roots, &unknown, &stack, &extra, job_take, job))
			return err_nomem(err);
		extra = (struct stack_extra){0};
		if (cancel_asked())
			return cancel_check(err);
	}
	return GOSPY_OK;
}

/* Read `n` of them at once, and walk each. */
static enum gospy_code read_batch(struct job *job, const uint32_t *which, size_t n,
				  struct gospy_error *err)
{
	struct stack_roots *roots = job->roots;
	struct mem_req reqs[2 * BATCH];
	size_t used = 0;
	for (size_t i = 0; i < n; i++) {
		const struct g_rec *rec = &job->recs[which[i]];
		uint64_t begin = stack_begin(rec), len = rec->stack_hi - begin;
		reqs[2 * i] = (struct mem_req){rec->addr + roots->g_off, roots->buffer + used,
					       roots->g_len, 0, MEM_DATA};
		used += roots->g_len;
		reqs[2 * i + 1] = (struct mem_req){begin, roots->buffer + used, len, 0, MEM_STACK};
		used += len;
	}
	enum gospy_code code = n ? mem_readv(roots->image->mem, reqs, 2 * n, err) : GOSPY_OK;
	if (code && code != GOSPY_E_FAULT)
		return code;
	for (size_t i = 0; i < n && !job->ended; i++) {
		const struct g_rec *rec = &job->recs[which[i]];
		const struct mem_req *g = &reqs[2 * i], *bytes = &reqs[2 * i + 1];
		struct stack_extra extra = {0};
		if (g->done == g->len)
			extra = extra_of(roots, g->dst);
		if (g->done < g->len || bytes->done < bytes->len) {
			roots->unread++;
			memset((uint8_t *)bytes->dst + bytes->done, 0, bytes->len - bytes->done);
		}
		const struct stack_bytes stack = {.lo = rec->stack_lo,
						  .hi = rec->stack_hi,
						  .addr = bytes->addr,
						  .bytes = bytes->dst,
						  .len = bytes->len};
		roots->current = which[i];
		if (!stack_roots_walk(roots, rec, &stack, &extra, job_take, job))
			return err_nomem(err);
	}
	return cancel_check(err);
}

enum gospy_code stack_roots_of(struct stack_roots *roots, const struct g_rec *recs,
			       const uint32_t *which, size_t n, heap_root_fn *fn, void *ctx,
			       struct gospy_error *err)
{
	struct job job = {.roots = roots, .recs = recs, .fn = fn, .ctx = ctx};
	uint32_t batch[BATCH];
	size_t held = 0, bytes = 0;
	enum gospy_code code = GOSPY_OK;
	for (size_t i = 0; i < n && !code && !job.ended; i++) {
		const struct g_rec *rec = &recs[which[i]];
		uint64_t need = rec->stack_hi - stack_begin(rec) + roots->g_len;
		if (!has_stack(rec) || roots->others >> 20 >= STACK_ROOTS_OTHERS) {
			roots->unread += !grec_is_dead(rec);
			continue;
		}
		roots->others += need <= STACK_ROOTS_WHOLE ? need : 0;
		if (need > BUFFER) {
			code = read_alone(&job, which[i], err);
			continue;
		}
		if (held == BATCH || need > BUFFER - bytes) {
			code = read_batch(&job, batch, held, err);
			held = bytes = 0;
		}
		batch[held++] = which[i];
		bytes += need;
	}
	if (!code && !job.ended)
		code = read_batch(&job, batch, held, err);
	return code ? code : (enum gospy_code)job.ended;
}
