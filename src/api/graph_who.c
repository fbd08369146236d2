#include "api/graph_who.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cancel.h"
#include "base/cleanup.h"
#include "base/hash.h"
#include "base/strbuf.h"
#include "heap/gofields.h"
#include "heap/roots.h"

static const char *const special_roots[] = {
	[ROOT_GLOBAL] = "global",
	[ROOT_FINALIZER] = "finalizer",
	[ROOT_FINALIZED] = "object with a finalizer",
	[ROOT_CLEANUP] = "cleanup",
	[ROOT_WEAK_HANDLE] = "weak pointer",
	[ROOT_FINALIZER_QUEUE] = "finalizer that is to run",
	[ROOT_CLEANUP_QUEUE] = "cleanup that is to run",
};

/* Of one object: which goroutine it is. */
static void add_stack(struct strbuf *b, const struct gospy_graph *graph,
		      const struct origin *origin, bool exact)
{
	struct symbols *symbols = origin->addr ? symbolizer_hold(&graph->image->symbolizer) : NULL;
	const struct location *location =
		symbols ? symbols_location(symbols, origin->addr, LOCATION_RETURN) : NULL;
	const char *func = location ? location->pub.func : NULL;
	strbuf_puts(b, "stack");
	if (exact || !func)
		strbuf_printf(b, " of goroutine %" PRIu64, origin->goid);
	if (func)
		strbuf_printf(b, "%s %s", exact ? " in" : " of", func);
	symbols_release(symbols);
}

static void add_place(struct strbuf *b, const struct gospy_graph *graph, const struct origin *o,
		      bool exact)
{
	if (o->kind == ORIGIN_REGISTER) {
		strbuf_puts(b, "register");
	} else if (o->kind == ORIGIN_LATE) {
		strbuf_puts(b, "an object that was allocated meanwhile");
	} else if (o->kind == ORIGIN_STACK) {
		add_stack(b, graph, o, exact);
	} else if (o->kind == ROOT_GLOBAL) {
		const struct variable *v = variables_find(&graph->variables, o->addr);
		if (v)
			strbuf_puts(b, v->name);
		else
			strbuf_printf(b, "0x%" PRIx64, o->addr);
	} else {
		strbuf_puts(b, special_roots[o->kind]);
	}
}

static void add_root(struct strbuf *b, const struct gospy_graph *graph, uint64_t origin, bool exact)
{
	// What counts as live because it could not be read has no origin.
	if (!origin || origin > graph->origins.len)
		strbuf_puts(b, "not known");
	else
		add_place(b, graph, &graph->origins.at[origin - 1], exact);
}

enum gospy_code graph_list_referrers(struct gospy_graph *graph, struct gospy_error *err)
{
	size_t n = graph->referrers.found.len;
	struct gospy_graph_referrer *list = arena_calloc(&graph->arena, n + 1, sizeof(*list));
	bool ok = list;
	for (size_t i = 0; ok && i < n; i++) {
		const struct referrer *found = &graph->referrers.found.at[i];
		const struct origin origin = {found->kind, found->addr, found->goid};
		CLEANUP(strbuf_deinit) struct strbuf name = {0};
		add_place(&name, graph, &origin, true);
		list[i] = (struct gospy_graph_referrer){
			.watched = found->watched,
			.goid = found->kind == ORIGIN_STACK ? found->goid : GOSPY_UNKNOWN,
			.root = name.failed ? NULL : arena_strdup(&graph->arena, name.s),
			.steps = found->steps,
		};
		ok = list[i].root;
	}
	graph->referrer_list = list;
	return ok ? GOSPY_OK : err_nomem(err);
}

const struct gospy_graph_referrer *gospy_graph_referrers(const struct gospy_graph *graph,
							 size_t *n_ret, bool *cut_ret)
{
	*n_ret = graph->referrers.found.len;
	*cut_ret = graph->referrers.cut || graph->info.partial || graph->info.unknown_spans;
	return graph->referrer_list;
}

/* Roots of one name are one. */
static uint32_t root_number(void *ctx, uint64_t origin)
{
	struct gospy_graph *graph = ctx;
	CLEANUP(strbuf_deinit) struct strbuf b = {0};
	add_root(&b, graph, origin, false);
	if (b.failed)
		return UINT32_MAX;
	uint64_t *slot = map_put(&graph->root_index, hash_bytes(0, b.s, b.len));
	if (!slot)
		return UINT32_MAX;
	if (!*slot) {
		const char *name = arena_strdup(&graph->arena, b.s);
		if (!name || !vec_push(&graph->roots, name))
			return UINT32_MAX;
		*slot = graph->roots.len;
	}
	return (uint32_t)(*slot - 1);
}

static const char *step_name(struct gospy_graph *graph, uint32_t what)
{
	if (!(what & PATHS_CLASS)) {
		CLEANUP_FREE char *name = gotypes_name(&graph->types->gotypes, (uint16_t)what);
		return name ? arena_strdup(&graph->arena, name) : NULL;
	}
	uint64_t size = graph->heap.spans.classes[what & 0xff].elemsize;
	const char *pointers = what & 1 ? "without" : "with";
	return size ? arena_printf(&graph->arena, "? %" PRIu64 " B %s pointers", size, pointers)
		    : arena_printf(&graph->arena, "? large %s pointers", pointers);
}

/* Of several objects. */
static bool fill_path(struct gospy_graph *graph, uint32_t path, struct gospy_graph_path *ret)
{
	const struct path *all = graph->paths.all.at;
	size_t n = 0;
	uint32_t at = path;
	for (; all[at].before; at = all[at].before)
		n++;
	struct gospy_graph_step *steps = arena_calloc(&graph->arena, n + 1, sizeof(*steps));
	ret->root = graph->roots.at[all[at].what];
	ret->steps = steps;
	ret->step_count = n;
	for (at = path; steps && all[at].before; at = all[at].before) {
		steps[--n].name = step_name(graph, all[at].what);
		if (!steps[n].name)
			return false;
	}
	return steps;
}

/* A path while objects are counted. */
struct counted {
	struct gospy_graph_sum sum;
	uint32_t path;
};

static int by_counted(const void *a, const void *b)
{
	const struct counted *x = a, *y = b;
	if (x->sum.bytes != y->sum.bytes)
		return x->sum.bytes < y->sum.bytes ? 1 : -1;
	return (x->path > y->path) - (x->path < y->path);
}

struct counting {
	struct map index; /* path -> 1 + position */
	VEC(struct counted) all;
};

static bool count_object(struct gospy_graph *graph, struct counting *counting, uint32_t number,
			 uint64_t bytes)
{
	uint32_t path = paths_to(&graph->paths, number);
	uint64_t *slot = path ? map_put(&counting->index, path) : NULL;
	if (!slot)
		return false;
	if (!*slot) {
		if (!vec_push(&counting->all, ((struct counted){.path = path})))
			return false;
		*slot = counting->all.len;
	}
	struct counted *counted = &counting->all.at[*slot - 1];
	counted->sum.objects++;
	counted->sum.bytes += bytes;
	return true;
}

/* The types of that name; false: out of memory. */
static bool find_types(struct gospy_graph *graph, const char *name, bool *wanted, size_t *n_ret)
{
	*n_ret = 0;
	for (size_t i = 1; i < graph->tally.type_count; i++) {
		if (!graph->tally.by_type[i].objects)
			continue;
		CLEANUP_FREE char *own = gotypes_name(&graph->types->gotypes, (uint16_t)i);
		if (!own)
			return false;
		wanted[i] = strcmp(own, name) == 0;
		*n_ret += wanted[i];
	}
	return true;
}

static enum gospy_code count_objects(struct gospy_graph *graph, const bool *wanted,
				     struct counting *counting, struct gospy_error *err)
{
	enum { SPANS_EACH = 256 };
	const struct heap_spans *spans = &graph->heap.spans;
	enum gospy_code code = GOSPY_OK;
	for (size_t s = 0; s < spans->all.len && !code; s++) {
		const struct heap_span *span = &spans->all.at[s];
		for (uint32_t i = span->first; i - span->first < span->count; i++) {
			if (wanted[graph->types->of[i]] && mark_has(&graph->mark, i) &&
			    !count_object(graph, counting, i, span->elemsize))
				return err_nomem(err);
		}
		if (s % SPANS_EACH == 0)
			code = cancel_check(err);
	}
	return code;
}

static enum gospy_code who_type(struct gospy_graph *graph, const char *name, size_t most,
				struct gospy_graph_paths *ret, struct gospy_error *err)
{
	CLEANUP_FREE bool *wanted = calloc(graph->tally.type_count + 1, sizeof(*wanted));
	struct counting counting = {0};
	size_t types = 1;
	if (!wanted || (name && !find_types(graph, name, wanted, &types)))
		return err_nomem(err);
	for (size_t i = 0; !name && i < graph->tally.type_count; i++)
		wanted[i] = true;
	if (!types)
		return err_set(err, GOSPY_E_NOT_FOUND,
			       "no object of type '%.100s' can be reached: `gospy heap` lists the "
			       "types that there are",
			       name);
	enum gospy_code code = count_objects(graph, wanted, &counting, err);
	size_t n = counting.all.len < most ? counting.all.len : most;
	struct gospy_graph_path *paths = arena_calloc(&graph->arena, n + 1, sizeof(*paths));
	ret->name = name ? arena_strdup(&graph->arena, name) : NULL;
	if (!code && (!paths || (name && !ret->name)))
		code = err_nomem(err);
	if (!code && counting.all.len)
		qsort(counting.all.at, counting.all.len, sizeof(*counting.all.at), by_counted);
	for (size_t i = 0; i < counting.all.len && !code; i++) {
		ret->sum.objects += counting.all.at[i].sum.objects;
		ret->sum.bytes += counting.all.at[i].sum.bytes;
		if (i >= n)
			continue;
		paths[i].sum = counting.all.at[i].sum;
		if (!fill_path(graph, counting.all.at[i].path, &paths[i]))
			code = err_nomem(err);
	}
	ret->paths = paths;
	ret->path_count = n;
	ret->more = counting.all.len - n;
	map_deinit(&counting.index);
	vec_free(&counting.all);
	return code;
}

/* Where the program has it: from Go 1.22 on behind the header of a larger object. */
static uint64_t object_addr(const struct gospy_graph *graph, const struct heap_span *span,
			    uint32_t number)
{
	enum { HEADER = 8, HEADER_FROM = 512 };
	bool header = graph->heap.scheme.kind == SCHEME_HEADERS && span->spanclass >= 2 &&
		      !span_is_noscan(span) && span->elemsize > HEADER_FROM;
	return span_addr(span, number) + (header ? HEADER : 0);
}

bool graph_step(struct gospy_graph *graph, uint32_t number, struct gospy_graph_step *ret)
{
	*ret = (struct gospy_graph_step){
		.name = step_name(graph, paths_what(graph->types, number)),
		.addr = object_addr(graph, spans_of(&graph->heap.spans, number), number),
	};
	return ret->name;
}

/* What is `off` bytes into the object called? `*ret` is NULL if that is not known. False: out of
 * memory. */
static bool field_name(struct gospy_graph *graph, uint32_t number, uint64_t off, const char **ret)
{
	CLEANUP(strbuf_deinit) struct strbuf b = {0};
	uint32_t what = paths_what(graph->types, number);
	*ret = NULL;
	if (!(what & PATHS_CLASS))
		gofields_place(&b, &graph->types->gotypes, (uint16_t)what, off);
	if (b.len && !b.failed)
		*ret = arena_strdup(&graph->arena, b.s);
	return !b.failed && (!b.len || *ret);
}

/* Where in the object is what leads to the other one? */
static bool link_name(struct gospy_graph *graph, uint32_t number, uint32_t to, const char **ret)
{
	enum { LOOKED_AT = 1 << 16 };
	const struct heap_span *span = spans_of(&graph->heap.spans, number);
	uint64_t addr = object_addr(graph, span, number);
	uint64_t len = span_addr(span, number) + span->elemsize - addr;
	CLEANUP_FREE uint64_t *words = malloc(LOOKED_AT);
	*ret = NULL;
	if (!words)
		return false;
	len = len < LOOKED_AT ? len : LOOKED_AT;
	if (mem_read(graph->image->mem, addr, words, len, NULL))
		return true;
	for (uint64_t i = 0; i < len / sizeof(*words); i++) {
		if (heap_number(&graph->heap.spans, words[i]) == to)
			return field_name(graph, number, i * sizeof(*words), ret);
	}
	return true;
}

/* Its steps, the last one first. Objects of one type, one behind the other, are one. */
enum gospy_code graph_path_to(struct gospy_graph *graph, uint32_t number,
			      struct gospy_graph_path *ret, struct gospy_error *err)
{
	VEC(struct gospy_graph_step) steps = {0};
	CLEANUP(strbuf_deinit) struct strbuf root = {0};
	uint32_t last = UINT32_MAX, before = HEAP_NONE;
	uint64_t origin = 0;
	bool ok = true;
	for (uint32_t at = number; at != HEAP_NONE && ok;
	     before = at, at = mark_parent(&graph->mark, at, &origin)) {
		uint32_t what = paths_what(graph->types, at);
		const struct heap_span *span = spans_of(&graph->heap.spans, at);
		if (what == last) {
			steps.at[steps.len - 1].addr = object_addr(graph, span, at);
			steps.at[steps.len - 1].repeats = true;
			continue;
		}
		last = what;
		struct gospy_graph_step step;
		ok = graph_step(graph, at, &step) &&
		     (before == HEAP_NONE || link_name(graph, at, before, &step.field)) &&
		     vec_push(&steps, step);
	}
	add_root(&root, graph, origin, true);
	struct gospy_graph_step *own = arena_calloc(&graph->arena, steps.len + 1, sizeof(*own));
	for (size_t i = 0; own && i < steps.len; i++)
		own[i] = steps.at[steps.len - 1 - i];
	ret->steps = own;
	ret->step_count = steps.len;
	ret->root = root.failed ? NULL : arena_strdup(&graph->arena, root.s);
	vec_free(&steps);
	return ok && own && ret->root ? GOSPY_OK : err_nomem(err);
}

static enum gospy_code who_address(struct gospy_graph *graph, uint64_t addr,
				   struct gospy_graph_paths *ret, struct gospy_error *err)
{
	uint32_t number = heap_number(&graph->heap.spans, addr);
	if (number == HEAP_NONE || !spans_is_allocated(&graph->heap.spans, number))
		return err_set(err, GOSPY_E_NOT_FOUND, "there is no object at 0x%" PRIx64, addr);
	const struct heap_span *span = spans_of(&graph->heap.spans, number);
	if (!mark_has(&graph->mark, number))
		return err_set(err, GOSPY_E_NOT_FOUND,
			       "the object at 0x%" PRIx64
			       " is garbage: nothing that can be reached leads to it",
			       object_addr(graph, span, number));
	struct gospy_graph_path *path = arena_alloc(&graph->arena, sizeof(*path));
	if (!path)
		return err_nomem(err);
	path->sum = ret->sum = (struct gospy_graph_sum){1, span->elemsize};
	ret->addr = object_addr(graph, span, number);
	ret->name = step_name(graph, paths_what(graph->types, number));
	ret->paths = path;
	ret->path_count = 1;
	bool inside = addr >= ret->addr;
	if (!ret->name || (inside && !field_name(graph, number, addr - ret->addr, &ret->field)))
		return err_nomem(err);
	return graph_path_to(graph, number, path, err);
}

enum gospy_code gospy_graph_who(struct gospy_graph *graph, const char *what, size_t most,
				const struct gospy_graph_paths **ret, struct gospy_error *err)
{
	char *end;
	if (!graph || !ret)
		return err_set(err, GOSPY_E_USAGE, "gospy_graph_who: bad argument");
	if (!graph->has_paths)
		return err_set(err, GOSPY_E_USAGE, "gospy_graph_who: the graph has no paths");
	struct gospy_graph_paths *paths = arena_alloc(&graph->arena, sizeof(*paths));
	if (!paths)
		return err_nomem(err);
	enum gospy_code code = GOSPY_OK;
	if (!graph->paths.of)
		code = paths_init(&graph->paths, &graph->mark, graph->types, &graph->budget,
				  root_number, graph, err);
	uint64_t addr = what ? strtoull(what, &end, 16) : 0;
	bool is_address = what && strncmp(what, "0x", 2) == 0 && what[2] && !*end;
	if (!code)
		code = is_address ? who_address(graph, addr, paths, err)
				  : who_type(graph, what, most, paths, err);
	if (!code)
		*ret = paths;
	return code;
}

/* ------------------------------------------------------------------------------------- values --
 */

struct listing {
	struct gospy_graph *graph;
	VEC(struct gospy_graph_value) values;
	size_t most;
	bool more, no_memory;
};

static bool take_value(void *ctx, const char *field, const char *type, const char *value)
{
	struct listing *l = ctx;
	struct arena *arena = &l->graph->arena;
	if (l->values.len == l->most) {
		l->more = true;
		return false;
	}
	const struct gospy_graph_value one = {arena_strdup(arena, field), arena_strdup(arena, type),
					      arena_strdup(arena, value)};
	l->no_memory = !one.field || !one.type || !one.value || !vec_push(&l->values, one);
	return !l->no_memory;
}

static enum gospy_code list_values(struct listing *l, uint32_t number, struct gospy_error *err)
{
	enum { LOOKED_AT = 1 << 20 };
	struct gospy_graph *graph = l->graph;
	const struct heap_span *span = spans_of(&graph->heap.spans, number);
	uint64_t addr = object_addr(graph, span, number);
	uint64_t len = span_addr(span, number) + span->elemsize - addr;
	uint32_t what = paths_what(graph->types, number);
	if (what & PATHS_CLASS)
		return err_set(err, GOSPY_E_UNSUPPORTED,
			       "the type of the object at 0x%" PRIx64 " is not known", addr);
	const uint64_t slot = len;
	len = len < LOOKED_AT ? len : LOOKED_AT;
	CLEANUP_FREE uint8_t *bytes = malloc(len + 1);
	if (!bytes)
		return err_nomem(err);
	bool more = false;
	enum gospy_code code = mem_read(graph->image->mem, addr, bytes, len, err);
	if (!code)
		code = gofields_each(&graph->types->gotypes, (uint16_t)what, bytes, len, slot,
				     take_value, l, &more, err);
	l->more |= more;
	return !code && l->no_memory ? err_nomem(err) : code;
}

enum gospy_code gospy_graph_values(struct gospy_graph *graph, uint64_t addr, size_t most,
				   const struct gospy_graph_value **ret, size_t *n_ret,
				   bool *more_ret, struct gospy_error *err)
{
	if (!graph || !ret || !n_ret || !more_ret)
		return err_set(err, GOSPY_E_USAGE, "gospy_graph_values: bad argument");
	uint32_t number = heap_number(&graph->heap.spans, addr);
	if (number == HEAP_NONE || !spans_is_allocated(&graph->heap.spans, number))
		return err_set(err, GOSPY_E_NOT_FOUND, "there is no object at 0x%" PRIx64, addr);
	struct listing l = {.graph = graph, .most = most};
	enum gospy_code code = list_values(&l, number, err);
	struct gospy_graph_value *own =
		code ? NULL : arena_calloc(&graph->arena, l.values.len + 1, sizeof(*own));
	if (!code && !own)
		code = err_nomem(err);
	if (!code) {
		if (l.values.len)
			memcpy(own, l.values.at, l.values.len * sizeof(*own));
		*ret = own;
		*n_ret = l.values.len;
		*more_ret = l.more;
	}
	vec_free(&l.values);
	return code;
}
