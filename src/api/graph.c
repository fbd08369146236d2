/*
 * The heap of a target: its graph, the roots of that, its types, put together. What refers to what
 * is in src/heap/.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/target.h"
#include "base/cancel.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/sized.h"
#include "base/strbuf.h"
#include "capture/capture_take.h"
#include "heap/dominators.h"
#include "heap/mark.h"
#include "heap/paths.h"
#include "heap/roots.h"
#include "heap/stack_roots.h"
#include "heap/tally.h"
#include "heap/types.h"
#include "image/variables.h"

enum {
	AVAILABLE_SHARE = 4,   /* of the memory that is free, one part of so many */
	MEMORY_MIN = 64 << 20, /* where that is not known, or too little for anything */
};

/* Where a pointer was that is a root. */
struct origin {
	uint8_t kind;  /* enum root_kind, or ORIGIN_STACK */
	uint64_t addr; /* of the pointer; of a stack a pc of the frame, or 0 */
	uint64_t goid;
};
enum { ORIGIN_STACK = 255 };

struct gospy_graph {
	struct image *image; /* a reference */
	struct gospy_graph_info info;
	struct budget budget;
	uint64_t memory; /* what it may use up */
	struct heap heap;
	struct types *types;
	struct mark mark;
	struct tally tally;
	uint64_t *retained; /* by type, then by spanclass; NULL: it was not asked for */
	VEC(struct gospy_graph_type) rows;
	/* With paths. */
	bool has_paths;
	VEC(struct origin) origins; /* those by which objects were reached first */
	struct variables variables;
	struct paths paths;
	VEC(const char *) roots; /* names, by the numbers that paths have */
	struct map root_index;   /* hash of the name -> 1 + number */
	struct arena arena;
};

/* What is found on the way. */
struct taking {
	struct gospy_graph *graph;
	const struct gospy_graph_options *how;
	struct capture capture;
	struct heap_options options;
	struct stack_roots *stacks;
	uint64_t *roots; /* to find out what is retained: a bit for each object that is one */
	bool no_memory;
};

static uint64_t available_memory(void)
{
	char line[128];
	unsigned long long kb = 0;
	FILE *f = fopen("/proc/meminfo", "re");
	while (f && fgets(line, sizeof(line), f) && sscanf(line, "MemAvailable: %llu", &kb) != 1)
		continue;
	if (f)
		fclose(f);
	return kb << 10;
}

static uint64_t memory_limit(const struct gospy_graph_options *how)
{
	uint64_t share = available_memory() / AVAILABLE_SHARE;
	if (how->max_memory)
		return how->max_memory;
	return share < MEMORY_MIN ? MEMORY_MIN : share;
}

static void tell_heap(void *ctx, uint64_t done, uint64_t total)
{
	const struct taking *t = ctx;
	t->how->progress(t->how->progress_ctx, GOSPY_PHASE_HEAP, done, total);
}

static void tell_types(void *ctx, uint64_t done, uint64_t total)
{
	const struct taking *t = ctx;
	t->how->progress(t->how->progress_ctx, GOSPY_PHASE_TYPES, done, total);
}

/* --------------------------------------------------------------------------------------- roots --
 */

static void note_root(struct taking *t, uint32_t number)
{
	if (t->roots && number != HEAP_NONE)
		t->roots[number / 64] |= UINT64_C(1) << number % 64;
}

/* What an object with a finalizer points to. */
static void note_referents(struct taking *t, uint32_t number)
{
	size_t n;
	const uint32_t *edges = heap_edges(&t->graph->heap, number, &n);
	for (size_t i = 0; i < n; i++)
		note_root(t, edges[i]);
}

/* Remember where the pointer was, if it is the first that leads there. Returns the number of that
 * place, from 1 on. */
static uint64_t note_origin(struct taking *t, uint32_t number, struct origin origin)
{
	struct gospy_graph *graph = t->graph;
	note_root(t, number);
	if (!t->how->paths || number == HEAP_NONE || mark_has(&graph->mark, number))
		return 0;
	t->no_memory |= !vec_push(&graph->origins, origin);
	return graph->origins.len;
}

static void take_root(void *ctx, const struct root *root)
{
	struct taking *t = ctx;
	struct gospy_graph *graph = t->graph;
	const struct origin origin = {.kind = (uint8_t)root->kind, .addr = root->addr};
	if (root->kind == ROOT_FINALIZED) {
		note_referents(t, root->object);
		// Its number counts even if all that it leads to was reached before.
		t->no_memory |= t->how->paths && !vec_push(&graph->origins, origin);
		mark_referents(&graph->mark, root->object, graph->origins.len);
		return;
	}
	if (root->kind == ROOT_GLOBAL && types_is_near(graph->types, root->before))
		types_pair(graph->types, root->before, root->pointer);
	mark_root(&graph->mark, root->pointer,
		  note_origin(t, heap_number(&graph->heap.spans, root->pointer), origin));
}

static int take_stack_root(void *ctx, uint64_t pointer)
{
	struct taking *t = ctx;
	struct gospy_graph *graph = t->graph;
	const struct origin origin = {.kind = ORIGIN_STACK,
				      .addr = stack_roots_frame(t->stacks),
				      .goid = t->capture.recs[stack_roots_current(t->stacks)].goid};
	mark_root(&graph->mark, pointer,
		  note_origin(t, heap_number(&graph->heap.spans, pointer), origin));
	return 0;
}

static enum gospy_code mark_stacks(struct taking *t, struct image *image, struct gospy_error *err)
{
	const struct capture *c = &t->capture;
	CLEANUP_FREE uint32_t *which = malloc((c->count + 1) * sizeof(*which));
	if (!which)
		return err_nomem(err);
	for (size_t i = 0; i < c->count; i++)
		which[i] = (uint32_t)i;
	enum gospy_code code = stack_roots_create(image, c->symbols, &t->stacks, err);
	if (!code)
		code = stack_roots_of(t->stacks, c->recs, which, c->count, take_stack_root, t, err);
	if (!code)
		t->graph->info.unread += stack_roots_unread(t->stacks);
	stack_roots_destroy(t->stacks);
	return code;
}

static enum gospy_code mark_all(struct taking *t, struct image *image, struct gospy_error *err)
{
	struct gospy_graph *graph = t->graph;
	struct roots_count count = {0};
	if (t->how->retained) {
		t->roots = calloc((size_t)graph->heap.spans.count / 64 + 1, sizeof(*t->roots));
		if (!t->roots)
			return err_nomem(err);
	}
	enum gospy_code code =
		mark_init(&graph->mark, &graph->heap, &graph->budget, t->how->paths, err);
	if (!code)
		code = roots_each(image, &graph->heap, take_root, t, &count, err);
	if (!code)
		code = mark_stacks(t, image, err);
	graph->info.unread += count.unread;
	if (!code && t->no_memory)
		code = err_nomem(err);
	return code ? code : mark_run(&graph->mark, err);
}

/* ---------------------------------------------------------------------------------------- rows --
 */

static bool add_row(struct gospy_graph *graph, const struct gospy_graph_type *row)
{
	return !row->sum.objects || vec_push(&graph->rows, *row);
}

static bool add_type(struct gospy_graph *graph, uint16_t number)
{
	const struct tally_sum *sum = &graph->tally.by_type[number];
	CLEANUP_FREE char *name =
		sum->objects ? gotypes_name(&graph->types->gotypes, number) : NULL;
	if (!sum->objects)
		return true;
	struct gospy_graph_type row = {.name = name ? arena_strdup(&graph->arena, name) : NULL,
				       .sum = {sum->objects, sum->bytes},
				       .retained = graph->retained ? graph->retained[number]
								   : GOSPY_UNKNOWN};
	return row.name && add_row(graph, &row);
}

static int by_bytes(const void *a, const void *b)
{
	const struct gospy_graph_type *x = a, *y = b;
	if (x->retained != y->retained)
		return x->retained < y->retained ? 1 : -1;
	if (x->sum.bytes != y->sum.bytes)
		return x->sum.bytes < y->sum.bytes ? 1 : -1;
	if (!x->name || !y->name)
		return !x->name - !y->name ? !x->name - !y->name
					   : (x->slot > y->slot) - (x->slot < y->slot);
	return strcmp(x->name, y->name);
}

static int by_name(const void *a, const void *b)
{
	const struct gospy_graph_type *x = a, *y = b;
	return strcmp(x->name, y->name);
}

/* Types of one name are one to a person: plugins have descriptors of their own. */
static void join_names(struct gospy_graph *graph)
{
	size_t n = 0;
	if (graph->rows.len)
		qsort(graph->rows.at, graph->rows.len, sizeof(*graph->rows.at), by_name);
	for (size_t i = 0; i < graph->rows.len; i++) {
		struct gospy_graph_type *row = &graph->rows.at[i];
		if (n && strcmp(graph->rows.at[n - 1].name, row->name) == 0) {
			graph->rows.at[n - 1].sum.objects += row->sum.objects;
			graph->rows.at[n - 1].sum.bytes += row->sum.bytes;
			if (graph->retained)
				graph->rows.at[n - 1].retained += row->retained;
		} else {
			graph->rows.at[n++] = *row;
		}
	}
	graph->rows.len = n;
}

static uint32_t kind_of(const void *ctx, uint32_t number)
{
	const struct gospy_graph *graph = ctx;
	uint16_t type = graph->types->of[number];
	return type ? type
		    : (uint32_t)graph->tally.type_count +
			       spans_of(&graph->heap.spans, number)->spanclass;
}

static enum gospy_code find_retained(struct taking *t, struct gospy_error *err)
{
	struct gospy_graph *graph = t->graph;
	struct dominators dominators;
	size_t kinds = graph->tally.type_count + SPAN_CLASSES;
	enum gospy_code code =
		dominators_find(&graph->mark, t->roots, &graph->budget, &dominators, err);
	if (code)
		return code;
	graph->retained = calloc(kinds, sizeof(*graph->retained));
	code = graph->retained
		       ? dominators_sum(&dominators, kind_of, graph, graph->retained, kinds, err)
		       : err_nomem(err);
	dominators_deinit(&dominators);
	return code;
}

static enum gospy_code make_rows(struct gospy_graph *graph, struct gospy_error *err)
{
	bool ok = true;
	for (size_t i = 1; i < graph->tally.type_count && ok; i++)
		ok = add_type(graph, (uint16_t)i);
	if (!ok)
		return err_nomem(err);
	join_names(graph);
	for (size_t i = 0; i < SPAN_CLASSES && ok; i++) {
		const struct tally_sum *sum = &graph->tally.by_class[i];
		const struct gospy_graph_type row = {.slot = graph->heap.spans.classes[i].elemsize,
						     .pointers = !(i & 1),
						     .sum = {sum->objects, sum->bytes}};
		ok = add_row(graph, &row);
	}
	if (graph->rows.len)
		qsort(graph->rows.at, graph->rows.len, sizeof(*graph->rows.at), by_bytes);
	return ok ? GOSPY_OK : err_nomem(err);
}

/* ---------------------------------------------------------------------------------------- take --
 */

static void note_problem(struct gospy_graph *graph)
{
	struct gospy_graph_info *info = &graph->info;
	if (info->partial)
		info->problem = "the memory that may be used was not enough for the whole heap: "
				"give more";
	else if (info->unknown_spans || graph->heap.spans.bad)
		info->problem = "some of the heap could not be read";
	else if (info->unread)
		info->problem = "some stacks or other roots could not be read";
}

static void tell(struct gospy_graph *graph, const struct capture *capture)
{
	const struct heap *heap = &graph->heap;
	const struct heap_spans *spans = &heap->spans;
	struct gospy_graph_info *info = &graph->info;
	info->allocated = (struct gospy_graph_sum){spans->objects - spans->unswept_objects,
						   spans->bytes - spans->unswept_bytes};
	info->reachable = (struct gospy_graph_sum){graph->tally.reachable.objects,
						   graph->tally.reachable.bytes};
	info->typed =
		(struct gospy_graph_sum){graph->tally.typed.objects, graph->tally.typed.bytes};
	info->pointers = heap->edge_count;
	info->spans = spans->all.len;
	info->goroutines = capture->count;
	info->scanned = heap->scanned;
	info->unknown_spans = heap->unknown_spans;
	info->partial = heap->partial;
	info->types_cut = graph->types->cut || graph->types->gotypes.full;
	info->memory = graph->memory - atomic_load(&graph->budget.bytes);
	note_problem(graph);
}

static enum gospy_code read_graph(struct gospy_target *target, struct taking *t,
				  struct gospy_error *err)
{
	struct gospy_graph *graph = t->graph;
	const struct gospy_snapshot_options how = {.size = sizeof(how), .non_blocking = true};
	enum gospy_code code =
		capture_take(target->source, target->image, &how, NULL, &t->capture, err);
	if (code)
		return code;
	t->options = (struct heap_options){.budget = &graph->budget,
					   .types = graph->types,
					   .progress = t->how->progress ? tell_heap : NULL,
					   .ctx = t};
	code = heap_build(target->image, &t->options, &graph->heap, err);
	if (!code)
		code = mark_all(t, target->image, err);
	t->options.progress = t->how->progress ? tell_types : NULL;
	if (!code)
		code = types_spread(graph->types, &t->options, err);
	if (!code)
		code = tally_make(&graph->heap, &graph->mark, graph->types, &graph->tally, err);
	if (!code && t->how->retained)
		code = find_retained(t, err);
	if (!code)
		code = make_rows(graph, err);
	if (!code && t->how->paths)
		code = variables_read(target->image, target->source, &graph->variables, err);
	if (!code)
		tell(graph, &t->capture);
	capture_deinit(&t->capture);
	free(t->roots);
	return code;
}

enum gospy_code gospy_graph_take(struct gospy_target *target,
				 const struct gospy_graph_options *options,
				 struct gospy_graph **ret, struct gospy_error *err)
{
	struct gospy_graph_options how;
	if (!target || !ret)
		return err_set(err, GOSPY_E_USAGE, "gospy_graph_take: bad argument");
	if (SIZED_READ(&how, options, err))
		return GOSPY_E_USAGE;
	CLEANUP(cancel_end) struct cancel cancel;
	cancel_begin(&cancel, how.cancel_fd);
	struct gospy_graph *graph = calloc(1, sizeof(*graph));
	CLEANUP_FREE struct taking *taking = calloc(1, sizeof(*taking));
	if (graph)
		graph->types = calloc(1, sizeof(*graph->types));
	if (!graph || !taking || !graph->types) {
		gospy_graph_destroy(graph);
		return err_nomem(err);
	}
	taking->graph = graph;
	taking->how = &how;
	graph->image = image_ref(target->image);
	graph->has_paths = how.paths;
	graph->memory = memory_limit(&how);
	budget_init(&graph->budget, graph->memory, SIZE_MAX);
	uint64_t begin_ns = clock_mono_ns();
	graph->info.time_unix_ns = source_clock_ns(target->source, SOURCE_REAL);
	graph->info.instant = target->source->frozen;
	enum gospy_code code = read_graph(target, taking, err);
	graph->info.total_ns = clock_mono_ns() - begin_ns;
	if (code)
		code = source_explain(target->source, code, err);
	code = cancel_verdict(code, err);
	if (code)
		gospy_graph_destroy(graph);
	else
		*ret = graph;
	return code;
}

const struct gospy_graph_info *gospy_graph_info(const struct gospy_graph *graph)
{
	return &graph->info;
}

const struct gospy_graph_type *gospy_graph_types(const struct gospy_graph *graph, size_t *n_ret)
{
	*n_ret = graph->rows.len;
	return graph->rows.at;
}

/* ----------------------------------------------------------------------------------------- who --
 */

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

static void add_root(struct strbuf *b, const struct gospy_graph *graph, uint64_t origin, bool exact)
{
	// What counts as live because it could not be read has no origin.
	if (!origin || origin > graph->origins.len) {
		strbuf_puts(b, "not known");
		return;
	}
	const struct origin *o = &graph->origins.at[origin - 1];
	if (o->kind == ORIGIN_STACK) {
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
	size_t types;
	if (!wanted || !find_types(graph, name, wanted, &types))
		return err_nomem(err);
	if (!types)
		return err_set(err, GOSPY_E_NOT_FOUND,
			       "no object of type '%.100s' can be reached: `gospy heap` lists the "
			       "types that there are",
			       name);
	enum gospy_code code = count_objects(graph, wanted, &counting, err);
	size_t n = counting.all.len < most ? counting.all.len : most;
	struct gospy_graph_path *paths = arena_calloc(&graph->arena, n + 1, sizeof(*paths));
	ret->name = arena_strdup(&graph->arena, name);
	if (!code && (!paths || !ret->name))
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

/* Its steps, the last one first. Objects of one type, one behind the other, are one. */
static enum gospy_code walk_up(struct gospy_graph *graph, uint32_t number,
			       struct gospy_graph_path *ret, struct gospy_error *err)
{
	VEC(struct gospy_graph_step) steps = {0};
	CLEANUP(strbuf_deinit) struct strbuf root = {0};
	uint32_t last = UINT32_MAX;
	uint64_t origin = 0;
	bool ok = true;
	for (uint32_t at = number; at != HEAP_NONE && ok;
	     at = mark_parent(&graph->mark, at, &origin)) {
		uint32_t what = paths_what(graph->types, at);
		const struct heap_span *span = spans_of(&graph->heap.spans, at);
		if (what == last) {
			steps.at[steps.len - 1].addr = object_addr(graph, span, at);
			steps.at[steps.len - 1].repeats = true;
			continue;
		}
		last = what;
		const struct gospy_graph_step step = {step_name(graph, what),
						      object_addr(graph, span, at), false};
		ok = step.name && vec_push(&steps, step);
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
	return ret->name ? walk_up(graph, number, path, err) : err_nomem(err);
}

enum gospy_code gospy_graph_who(struct gospy_graph *graph, const char *what, size_t most,
				const struct gospy_graph_paths **ret, struct gospy_error *err)
{
	char *end;
	if (!graph || !what || !ret)
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
	uint64_t addr = strtoull(what, &end, 16);
	bool is_address = strncmp(what, "0x", 2) == 0 && what[2] && !*end;
	if (!code)
		code = is_address ? who_address(graph, addr, paths, err)
				  : who_type(graph, what, most, paths, err);
	if (!code)
		*ret = paths;
	return code;
}

void gospy_graph_destroy(struct gospy_graph *graph)
{
	if (!graph)
		return;
	paths_deinit(&graph->paths);
	variables_deinit(&graph->variables);
	vec_free(&graph->origins);
	vec_free(&graph->roots);
	map_deinit(&graph->root_index);
	tally_deinit(&graph->tally);
	mark_deinit(&graph->mark);
	if (graph->types)
		types_end(graph->types);
	free(graph->types);
	heap_free(&graph->heap);
	vec_free(&graph->rows);
	free(graph->retained);
	arena_deinit(&graph->arena);
	image_unref(graph->image);
	free(graph);
}
