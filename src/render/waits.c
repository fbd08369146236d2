#include "render/waits.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/hash.h"
#include "render/wait.h"

enum {
	/* src/sync/rwmutex.go: w.sema, writerSem, readerSem; Go 1.12-1.27 */
	RWMUTEX_SEMA = 4,
	RWMUTEX_WRITER_SEM = 8,
	RWMUTEX_READER_SEM = 12,
	/* Holders of one object that edges lead to: more do not make it clearer. */
	HOLDERS_MAX = 16,
	CIRCLES_MAX = 64,
};

void waits_deinit(struct waits *w)
{
	vec_free(&w->objects);
	vec_free(&w->waiters);
	vec_free(&w->edges);
	vec_free(&w->circles);
	vec_free(&w->circle_edges);
	map_deinit(&w->by_object);
}

enum waits_role waits_role(const struct gospy_goroutine *g)
{
	if (g->wait_kind != GOSPY_WAIT_RWMUTEX || g->object_kind != GOSPY_OBJECT_SEMAPHORE)
		return WAITS_ROLE_NONE;
	switch (g->object - g->wait_addr) {
	case RWMUTEX_SEMA:
		return WAITS_ROLE_QUEUE;
	case RWMUTEX_WRITER_SEM:
		return WAITS_ROLE_WRITER;
	case RWMUTEX_READER_SEM:
		return WAITS_ROLE_READER;
	default:
		return WAITS_ROLE_NONE;
	}
}

/* ---- objects */

static uint64_t key_of(enum gospy_wait_kind kind, uint64_t id)
{
	return hash_mix((uint64_t)kind, id);
}

static uint64_t id_of(const struct gospy_goroutine *g)
{
	switch (g->wait_kind) {
	case GOSPY_WAIT_SLEEP:
	case GOSPY_WAIT_NIL_CHANNEL:
	case GOSPY_WAIT_SELECT: // without cases
	case GOSPY_WAIT_NONE:
		return 0;
	case GOSPY_WAIT_FD:
		return (uint64_t)g->wait_fd;
	case GOSPY_WAIT_SYSCALL:
		return wait_id(g);
	case GOSPY_WAIT_CHANNEL:
	case GOSPY_WAIT_SEMAPHORE:
	case GOSPY_WAIT_MUTEX:
	case GOSPY_WAIT_INTERNAL_MUTEX:
	case GOSPY_WAIT_RWMUTEX:
	case GOSPY_WAIT_WAITGROUP:
	case GOSPY_WAIT_COND:
	case GOSPY_WAIT_FD_MUTEX:
		break;
	}
	return g->wait_addr;
}

static bool has_cases(const struct gospy_goroutine *g)
{
	return g->wait_kind == GOSPY_WAIT_SELECT && g->select_case_count;
}

bool waits_is_lock(enum gospy_wait_kind kind)
{
	return kind == GOSPY_WAIT_MUTEX || kind == GOSPY_WAIT_INTERNAL_MUTEX ||
	       kind == GOSPY_WAIT_RWMUTEX;
}

bool waits_object_of(const struct waits *w, const struct gospy_goroutine *g, size_t *ret)
{
	uint64_t key = has_cases(g) ? key_of(GOSPY_WAIT_CHANNEL, g->select_cases[0].channel.addr)
				    : key_of(g->wait_kind, id_of(g));
	const uint64_t *at = g->wait_kind ? map_get(&w->by_object, key) : NULL;
	if (at)
		*ret = (size_t)*at - 1;
	return at;
}

const struct waits_object *waits_find(const struct waits *w, enum gospy_wait_kind kind, uint64_t id)
{
	const uint64_t *at = map_get(&w->by_object, key_of(kind, id));
	return at ? &w->objects.at[*at - 1] : NULL;
}

static bool add_waiter(struct waits *w, const struct gospy_goroutine *g, size_t index,
		       enum gospy_wait_kind kind, uint64_t id, uint32_t case_at)
{
	uint64_t *at = map_put(&w->by_object, key_of(kind, id));
	if (!at)
		return false;
	if (!*at) {
		const struct waits_object object = {.kind = kind,
						    .id = id,
						    .number = w->objects.len,
						    .longest_ns = GOSPY_UNKNOWN,
						    .home_goid = GOSPY_UNKNOWN};
		if (!vec_push(&w->objects, object))
			return false;
		*at = w->objects.len;
	}
	struct waits_object *object = &w->objects.at[*at - 1];
	object->count++;
	if (g->wait_ns != GOSPY_UNKNOWN &&
	    (object->longest_ns == GOSPY_UNKNOWN || g->wait_ns > object->longest_ns))
		object->longest_ns = g->wait_ns;
	return vec_push(&w->waiters, ((struct waits_waiter){
					     .goroutine = (uint32_t)index,
					     .object = (uint32_t)(*at - 1),
					     .case_at = case_at,
				     }));
}

static bool add_goroutine(struct waits *w, const struct gospy_goroutine *g, size_t index)
{
	bool waits = g->status == GOSPY_STATUS_WAITING || g->status == GOSPY_STATUS_LEAKED ||
		     g->wait_kind == GOSPY_WAIT_SYSCALL;
	if (g->soundness == GOSPY_SOUND_UNREADABLE || !waits)
		return true;
	if (g->wait_kind == GOSPY_WAIT_NONE) {
		w->unknown++;
		return true;
	}
	w->goroutines++;
	if (!has_cases(g))
		return add_waiter(w, g, index, g->wait_kind, id_of(g), WAITS_NO_CASE);
	for (uint32_t i = 0; i < g->select_case_count; i++) {
		if (!add_waiter(w, g, index, GOSPY_WAIT_CHANNEL, g->select_cases[i].channel.addr,
				i))
			return false;
	}
	return true;
}

static int compare_objects(const void *a, const void *b)
{
	const struct waits_object *x = a, *y = b;
	if (x->count != y->count)
		return x->count < y->count ? 1 : -1;
	return (x->number > y->number) - (x->number < y->number);
}

/* Put the waiters of each object behind one another, in the order in which they came. */
static bool arrange(struct waits *w)
{
	size_t n = w->objects.len;
	CLEANUP_FREE uint32_t *place = malloc((n + 1) * sizeof(*place));
	CLEANUP_FREE size_t *next = malloc((n + 1) * sizeof(*next));
	struct waits_waiter *sorted = malloc((w->waiters.len + 1) * sizeof(*sorted));
	if (!place || !next || !sorted) {
		free(sorted);
		return false;
	}
	if (n)
		qsort(w->objects.at, n, sizeof(*w->objects.at), compare_objects);
	for (size_t i = 0, first = 0; i < n; i++) {
		struct waits_object *object = &w->objects.at[i];
		place[object->number] = (uint32_t)i;
		object->first = next[i] = first;
		first += object->count;
	}
	for (size_t i = 0; i < w->waiters.len; i++) {
		struct waits_waiter waiter = w->waiters.at[i];
		waiter.object = place[waiter.object];
		sorted[next[waiter.object]++] = waiter;
	}
	memcpy(w->waiters.at, sorted, w->waiters.len * sizeof(*sorted));
	free(sorted);
	for (size_t i = 0; i < n; i++) {
		const struct waits_object *object = &w->objects.at[i];
		*map_get(&w->by_object, key_of(object->kind, object->id)) = i + 1;
	}
	return true;
}

static const struct gospy_object *find_state(const struct waits *w,
					     const struct waits_object *object)
{
	size_t lo = 0, hi = w->found.count;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (w->found.objects[mid].addr < object->id)
			lo = mid + 1;
		else
			hi = mid;
	}
	const struct gospy_object *found = &w->found.objects[lo];
	return lo < w->found.count && found->addr == object->id && found->kind == object->kind
		       ? found
		       : NULL;
}

/* A stack, in the order of addresses. */
struct home {
	uint64_t lo, hi, goid;
};

static int compare_homes(const void *a, const void *b)
{
	const struct home *x = a, *y = b;
	return (x->lo > y->lo) - (x->lo < y->lo);
}

static uint64_t find_home(const struct home *homes, size_t n, uint64_t addr)
{
	size_t lo = 0, hi = n;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (homes[mid].lo <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo && addr < homes[lo - 1].hi ? homes[lo - 1].goid : GOSPY_UNKNOWN;
}

/* Which of them lie on stacks? */
static bool find_homes(struct waits *w)
{
	size_t count = gospy_snapshot_goroutine_count(w->snapshot), n = 0;
	CLEANUP_FREE struct home *homes = malloc((count + 1) * sizeof(*homes));
	if (!homes)
		return false;
	for (size_t i = 0; i < count; i++) {
		struct gospy_goroutine g;
		gospy_snapshot_goroutine(w->snapshot, i, &g);
		if (g.status != GOSPY_STATUS_DEAD && g.soundness != GOSPY_SOUND_UNREADABLE &&
		    g.stack_lo < g.stack_hi)
			homes[n++] = (struct home){g.stack_lo, g.stack_hi, g.goid};
	}
	if (n)
		qsort(homes, n, sizeof(*homes), compare_homes);
	for (size_t i = 0; i < w->objects.len; i++) {
		struct waits_object *object = &w->objects.at[i];
		bool has_addr = object->kind != GOSPY_WAIT_FD &&
				object->kind != GOSPY_WAIT_SYSCALL && object->id;
		if (has_addr)
			object->home_goid = find_home(homes, n, object->id);
		object->state = w->found.count && has_addr ? find_state(w, object) : NULL;
	}
	return true;
}

/* ---- who waits for whom */

static bool add_edge(struct waits *w, const struct waits_waiter *waiter, size_t holder,
		     enum gospy_doubt doubt, const struct gospy_holder *found)
{
	return vec_push(&w->edges, ((struct waits_edge){
					   .waiter = waiter->goroutine,
					   .holder = (uint32_t)holder,
					   .object = waiter->object,
					   .doubt = doubt,
					   .found = found,
				   }));
}

static bool add_holders(struct waits *w, const struct waits_waiter *waiter,
			const struct gospy_object *state, bool writers, bool readers)
{
	for (size_t i = 0; i < state->holder_count && i < HOLDERS_MAX; i++) {
		const struct gospy_holder *holder = &state->holders[i];
		if ((holder->reader ? readers : writers) &&
		    !add_edge(w, waiter, holder->goroutine, holder->doubt, holder))
			return false;
	}
	return true;
}

/* Did it wait at the instant? Without a stop, one that was read more than once was found to wait
 * all the time. */
static bool is_certain(const struct waits *w, const struct gospy_goroutine *g)
{
	bool without_stop = gospy_snapshot_info(w->snapshot)->non_blocking;
	return g->soundness == GOSPY_SOUND || (without_stop && g->soundness == GOSPY_SOUND_RETRIED);
}

/* The writer of a RWMutex that waits for its readers: all who come later wait for it. SIZE_MAX:
 * there is none. */
static size_t pending_writer(const struct waits *w, const struct waits_object *object)
{
	for (size_t i = 0; object->kind == GOSPY_WAIT_RWMUTEX && i < object->count; i++) {
		struct gospy_goroutine g;
		size_t index = w->waiters.at[object->first + i].goroutine;
		gospy_snapshot_goroutine(w->snapshot, index, &g);
		if (waits_role(&g) == WAITS_ROLE_WRITER && is_certain(w, &g))
			return index;
	}
	return SIZE_MAX;
}

static bool add_edges_of(struct waits *w, const struct waits_object *object, size_t at,
			 size_t writer)
{
	const struct waits_waiter *waiter = &w->waiters.at[at];
	const struct gospy_object *state = object->state;
	struct gospy_goroutine g;
	gospy_snapshot_goroutine(w->snapshot, waiter->goroutine, &g);
	if (!is_certain(w, &g))
		return true;
	enum waits_role role = waits_role(&g);
	if (object->kind != GOSPY_WAIT_RWMUTEX)
		return add_holders(w, waiter, state, true, false);
	if (role == WAITS_ROLE_NONE)
		return true;
	if (role == WAITS_ROLE_WRITER)
		return add_holders(w, waiter, state, false, true);
	if (writer != SIZE_MAX)
		return add_edge(w, waiter, writer, GOSPY_DOUBT_NONE, NULL);
	return add_holders(w, waiter, state, true, false);
}

static bool add_edges(struct waits *w)
{
	for (size_t i = 0; i < w->objects.len; i++) {
		const struct waits_object *object = &w->objects.at[i];
		size_t writer = object->state ? pending_writer(w, object) : SIZE_MAX;
		for (size_t k = 0; object->state && k < object->count; k++) {
			if (!add_edges_of(w, object, object->first + k, writer))
				return false;
		}
	}
	return true;
}

static int compare_edges(const void *a, const void *b)
{
	const struct waits_edge *x = a, *y = b;
	if (x->waiter != y->waiter)
		return x->waiter < y->waiter ? -1 : 1;
	return (x->number > y->number) - (x->number < y->number);
}

/* So that those of a goroutine are beside one another, certain ones first. */
static void sort_edges(struct waits *w)
{
	for (size_t i = 0; i < w->edges.len; i++)
		w->edges.at[i].number = i + (w->edges.at[i].doubt ? w->edges.len : 0);
	if (w->edges.len)
		qsort(w->edges.at, w->edges.len, sizeof(*w->edges.at), compare_edges);
}

size_t waits_edges_of(const struct waits *w, size_t goroutine, size_t *count_ret)
{
	size_t lo = 0, hi = w->edges.len;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (w->edges.at[mid].waiter < goroutine)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (hi = lo; hi < w->edges.len && w->edges.at[hi].waiter == goroutine; hi++)
		;
	*count_ret = hi - lo;
	return lo;
}

/* ---- circles */

/* The edges among goroutines with small numbers. */
struct graph {
	VEC(struct cycle_edge) edges;
	VEC(uint32_t) numbers; /* of each edge, in .edges of the waits */
	VEC(uint32_t) nodes;   /* -> index of the goroutine */
	struct map by_goroutine;
};

static void graph_deinit(struct graph *graph)
{
	vec_free(&graph->edges);
	vec_free(&graph->numbers);
	vec_free(&graph->nodes);
	map_deinit(&graph->by_goroutine);
}

static bool node_of(struct graph *graph, uint32_t goroutine, uint32_t *ret)
{
	uint64_t *at = map_put(&graph->by_goroutine, goroutine);
	if (!at)
		return false;
	if (!*at) {
		if (!vec_push(&graph->nodes, goroutine))
			return false;
		*at = graph->nodes.len;
	}
	*ret = (uint32_t)*at - 1;
	return true;
}

static bool make_graph(const struct waits *w, bool certain, struct graph *ret)
{
	for (size_t i = 0; i < w->edges.len; i++) {
		const struct waits_edge *edge = &w->edges.at[i];
		struct cycle_edge to;
		if (certain && edge->doubt)
			continue;
		if (!node_of(ret, edge->waiter, &to.from) || !node_of(ret, edge->holder, &to.to) ||
		    !vec_push(&ret->edges, to) || !vec_push(&ret->numbers, (uint32_t)i))
			return false;
	}
	return true;
}

bool waits_in_circle(const struct waits *w, const struct waits_circle *circle, size_t goroutine)
{
	for (size_t i = 0; i < circle->count; i++) {
		if (w->edges.at[w->circle_edges.at[circle->first + i]].waiter == goroutine)
			return true;
	}
	return false;
}

bool waits_in_deadlock(const struct waits *w, size_t goroutine)
{
	for (size_t i = 0; i < w->circles.len; i++) {
		if (w->circles.at[i].certain && waits_in_circle(w, &w->circles.at[i], goroutine))
			return true;
	}
	return false;
}

/* Somebody outside of it who releases locks that others have taken: then nothing is certain. */
static size_t find_releaser(const struct waits *w, const struct graph *graph,
			    const struct cycles *cycles, size_t circle)
{
	for (size_t i = 0; i < w->found.releaser_count; i++) {
		size_t goroutine = w->found.releasers[i];
		const uint64_t *node = map_get(&graph->by_goroutine, goroutine);
		if (!node || cycles->part[*node - 1] != circle + 1)
			return goroutine;
	}
	return SIZE_MAX;
}

/* Does anybody in it, or whom one of these waits for in turn, wait for a lock? `*no_ret`: not so.
 * False: out of memory. */
static bool leans_on_locks(const struct waits *w, const struct graph *graph,
			   const struct cycles *cycles, size_t number, bool *no_ret)
{
	const struct cycle *cycle = &cycles->list.at[number];
	CLEANUP(map_deinit) struct map seen = {0};
	VEC(uint32_t) pending = {0};
	bool ok = true;
	*no_ret = true;
	for (size_t i = 0; i < cycle->count && ok; i++) {
		uint32_t edge = graph->numbers.at[cycles->edges.at[cycle->first + i]];
		ok = vec_push(&pending, w->edges.at[edge].waiter);
	}
	while (ok && *no_ret && pending.len) {
		uint32_t waiter = pending.at[--pending.len];
		uint64_t *slot = map_put(&seen, waiter);
		size_t count, first = waits_edges_of(w, waiter, &count);
		ok = slot;
		for (size_t i = 0; slot && !*slot && i < count && ok; i++) {
			*no_ret &= w->edges.at[first + i].by_heap;
			ok = vec_push(&pending, w->edges.at[first + i].holder);
		}
		if (slot)
			*slot = 1;
	}
	vec_free(&pending);
	return ok;
}

static bool add_circle(struct waits *w, const struct graph *graph, const struct cycles *cycles,
		       size_t number, bool certain)
{
	const struct cycle *cycle = &cycles->list.at[number];
	struct waits_circle circle = {
		.first = w->circle_edges.len,
		.count = cycle->count,
		.members = cycle->nodes,
		.releaser = find_releaser(w, graph, cycles, number),
	};
	for (size_t i = 0; i < cycle->count; i++) {
		uint32_t edge = graph->numbers.at[cycles->edges.at[cycle->first + i]];
		circle.by_heap += w->edges.at[edge].by_heap;
	}
	if (!leans_on_locks(w, graph, cycles, number, &circle.no_locks))
		return false;
	// Of what has no lock in it nobody releases one.
	if (circle.no_locks)
		circle.releaser = SIZE_MAX;
	circle.cut = w->found.cut && !circle.no_locks;
	circle.certain = certain && circle.releaser == SIZE_MAX && !circle.cut;
	if (!cycles_behind(graph->edges.at, graph->edges.len, graph->nodes.len, cycles->part,
			   (uint32_t)number, &circle.behind))
		return false;
	for (size_t i = 0; i < cycle->count; i++) {
		uint32_t edge = graph->numbers.at[cycles->edges.at[cycle->first + i]];
		if (!vec_push(&w->circle_edges, edge))
			return false;
	}
	return vec_push(&w->circles, circle);
}

static bool find_circles(struct waits *w, bool certain)
{
	CLEANUP(graph_deinit) struct graph graph = {0};
	CLEANUP(cycles_deinit) struct cycles cycles = {0};
	size_t before = w->circles.len;
	if (!make_graph(w, certain, &graph) ||
	    !cycles_find(graph.edges.at, graph.edges.len, graph.nodes.len, &cycles))
		return false;
	for (size_t i = 0; i < cycles.list.len && w->circles.len < before + CIRCLES_MAX; i++) {
		const struct cycle *cycle = &cycles.list.at[i];
		const struct waits_edge *first =
			&w->edges.at[graph.numbers.at[cycles.edges.at[cycle->first]]];
		bool known = !certain && waits_in_deadlock(w, first->waiter);
		if (!known && !add_circle(w, &graph, &cycles, i, certain))
			return false;
	}
	return true;
}

/* The same circle may be found twice: once because it is certain but for somebody who releases
 * locks, and once because it is not. */
static void drop_repeated(struct waits *w, size_t certain)
{
	size_t kept = certain;
	for (size_t i = certain; i < w->circles.len; i++) {
		const struct waits_circle *circle = &w->circles.at[i];
		uint32_t member = w->edges.at[w->circle_edges.at[circle->first]].waiter;
		bool known = false;
		for (size_t k = 0; k < certain; k++)
			known |= waits_in_circle(w, &w->circles.at[k], member);
		if (!known)
			w->circles.at[kept++] = *circle;
	}
	w->circles.len = kept;
}

static int compare_circles(const void *a, const void *b)
{
	const struct waits_circle *x = a, *y = b;
	if (x->certain != y->certain)
		return x->certain ? -1 : 1;
	size_t nx = x->members + x->behind, ny = y->members + y->behind;
	if (nx != ny)
		return nx < ny ? 1 : -1;
	return (x->first > y->first) - (x->first < y->first);
}

static bool find_all_circles(struct waits *w)
{
	w->circles.len = w->circle_edges.len = 0;
	if (!find_circles(w, true))
		return false;
	size_t certain = w->circles.len;
	if (!find_circles(w, false))
		return false;
	drop_repeated(w, certain);
	if (w->circles.len)
		qsort(w->circles.at, w->circles.len, sizeof(*w->circles.at), compare_circles);
	return true;
}

enum gospy_code waits_collect(struct waits *w, struct gospy_snapshot *snapshot, bool system,
			      struct gospy_error *err)
{
	size_t count = gospy_snapshot_goroutine_count(snapshot);
	*w = (struct waits){.snapshot = snapshot};
	gospy_snapshot_objects(snapshot, &w->found);
	bool ok = true;
	for (size_t i = 0; ok && i < count; i++) {
		struct gospy_goroutine g;
		gospy_snapshot_goroutine(snapshot, i, &g);
		if (system || !g.system)
			ok = add_goroutine(w, &g, i);
	}
	ok = ok && arrange(w) && find_homes(w) && add_edges(w);
	if (ok)
		sort_edges(w);
	return ok && find_all_circles(w) ? GOSPY_OK : err_nomem(err);
}

/* ---- what the heap tells */

/* Is it certain that it waits for a lock that somebody holds? */
static bool is_behind_holder(const struct waits *w, size_t edges, size_t goroutine)
{
	size_t lo = 0, hi = edges;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (w->edges.at[mid].waiter < goroutine)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < edges && w->edges.at[lo].waiter == goroutine && !w->edges.at[lo].doubt;
}

static int compare_leaks(const void *a, const void *b)
{
	const struct gospy_leak *x = a, *y = b;
	return (x->goroutine > y->goroutine) - (x->goroutine < y->goroutine);
}

static bool is_proved(const struct gospy_leak *leaks, size_t n, size_t goroutine)
{
	const struct gospy_leak key = {.goroutine = goroutine};
	const struct gospy_leak *found =
		n ? bsearch(&key, leaks, n, sizeof(*leaks), compare_leaks) : NULL;
	return found && found->verdict == GOSPY_LEAK_PROVED;
}

enum gospy_code waits_add_peers(struct waits *w, const struct gospy_leaks *leaks,
				struct gospy_error *err)
{
	size_t n, leaked, before = w->edges.len, object;
	const struct gospy_leak_peer *peers = gospy_leaks_peers(leaks, &n);
	const struct gospy_leak *list = gospy_leaks_get(leaks, &leaked);
	if (!n)
		return GOSPY_OK;
	for (size_t i = 0; i < n; i++) {
		const struct gospy_leak_peer *peer = &peers[i];
		struct gospy_goroutine g;
		gospy_snapshot_goroutine(w->snapshot, peer->goroutine, &g);
		if (is_behind_holder(w, before, peer->goroutine) ||
		    !waits_object_of(w, &g, &object))
			continue;
		bool proved = is_proved(list, leaked, peer->goroutine) &&
			      is_proved(list, leaked, peer->other);
		const struct waits_edge edge = {
			.waiter = (uint32_t)peer->goroutine,
			.holder = (uint32_t)peer->other,
			.object = (uint32_t)object,
			.doubt = proved ? GOSPY_DOUBT_NONE : GOSPY_DOUBT_HEAP,
			.by_heap = true,
		};
		if (!vec_push(&w->edges, edge))
			return err_nomem(err);
	}
	sort_edges(w);
	return find_all_circles(w) ? GOSPY_OK : err_nomem(err);
}

/* ---- twice */

static bool stood_still(const struct waits *now, const struct waits *earlier, size_t goroutine)
{
	struct gospy_goroutine a, b;
	if (goroutine >= gospy_snapshot_goroutine_count(earlier->snapshot))
		return false;
	gospy_snapshot_goroutine(now->snapshot, goroutine, &a);
	gospy_snapshot_goroutine(earlier->snapshot, goroutine, &b);
	return a.goid == b.goid && a.departures == b.departures && a.wait_addr == b.wait_addr &&
	       a.sp == b.sp && a.stack_hash == b.stack_hash;
}

void waits_confirm(struct waits *w, const struct waits *earlier)
{
	for (size_t i = 0; i < w->circles.len; i++) {
		struct waits_circle *circle = &w->circles.at[i];
		for (size_t k = 0; circle->certain && k < circle->count; k++) {
			const struct waits_edge *edge =
				&w->edges.at[w->circle_edges.at[circle->first + k]];
			bool known = circle->by_heap || waits_in_deadlock(earlier, edge->waiter);
			circle->once = !edge->by_heap &&
				       (!known || !stood_still(w, earlier, edge->waiter));
			circle->certain = !circle->once;
		}
	}
	if (w->circles.len)
		qsort(w->circles.at, w->circles.len, sizeof(*w->circles.at), compare_circles);
}

uint64_t waits_circle_id(const struct waits *w, const struct waits_circle *circle)
{
	uint64_t sum = circle->count;
	for (size_t i = 0; i < circle->count; i++) {
		struct gospy_goroutine g;
		uint32_t edge = w->circle_edges.at[circle->first + i];
		gospy_snapshot_goroutine(w->snapshot, w->edges.at[edge].waiter, &g);
		// Where the circle begins makes no difference.
		sum += hash_mix(hash_mix(hash_mix(g.goid, g.departures), g.wait_addr),
				hash_mix(g.sp, g.stack_hash));
	}
	return sum;
}

void waits_confirm_ids(struct waits *w, const uint64_t *ids, size_t n)
{
	for (size_t i = 0; i < w->circles.len; i++) {
		struct waits_circle *circle = &w->circles.at[i];
		uint64_t id = circle->certain ? waits_circle_id(w, circle) : 0;
		bool known = !circle->certain;
		for (size_t k = 0; k < n && !known; k++)
			known = ids[k] == id;
		circle->once |= !known;
		circle->certain &= known;
	}
	if (w->circles.len)
		qsort(w->circles.at, w->circles.len, sizeof(*w->circles.at), compare_circles);
}
