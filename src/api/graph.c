/*
 * The heap of a target: its graph, the roots of that, its types, put together. What refers to what
 * is in src/heap/.
 */
#include "api/graph.h"

#include <stdlib.h>
#include <string.h>

#include "api/graph_who.h"
#include "api/target.h"
#include "base/cancel.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/free_memory.h"
#include "base/sized.h"
#include "capture/capture_take.h"
#include "heap/dominators.h"
#include "heap/late.h"
#include "heap/mark.h"
#include "heap/roots.h"
#include "heap/seeds.h"
#include "heap/stack_roots.h"
#include "heap/tally.h"
#include "heap/types.h"

/* What is found on the way. */
struct taking {
	struct gospy_graph *graph;
	const struct gospy_graph_options *how;
	struct gospy_target *target;
	struct capture capture;    /* of a heap that is copied while the target runs */
	VEC(struct g_rec) stopped; /* else */
	const struct g_rec *recs;  /* of the one or the other */
	size_t rec_count;
	struct symbols *symbols;
	struct heap_options options;
	struct late late;
	struct stack_roots *stacks;
	uint64_t *roots; /* to find out what is retained: a bit for each object that is one */
	bool no_memory;
};

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

/* A pointer that leads to no object may lead to one that was allocated meanwhile. */
static void note_late(struct taking *t, uint64_t pointer)
{
	if (t->options.late)
		late_note(t->options.late, &t->graph->heap.spans, pointer);
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
	note_late(t, root->pointer);
	referrers_take(&graph->referrers, heap_number(&graph->heap.spans, root->pointer),
		       (struct referrer){.kind = origin.kind, .addr = origin.addr});
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
				      .goid = t->recs[stack_roots_current(t->stacks)].goid};
	uint32_t number = heap_number(&graph->heap.spans, pointer);
	note_late(t, pointer);
	referrers_take(
		&graph->referrers, number,
		(struct referrer){.kind = origin.kind, .addr = origin.addr, .goid = origin.goid});
	mark_root(&graph->mark, pointer, note_origin(t, number, origin));
	return 0;
}

static enum gospy_code each_stack_root(struct taking *t, heap_root_fn *fn, struct gospy_error *err)
{
	CLEANUP_FREE uint32_t *which = malloc((t->rec_count + 1) * sizeof(*which));
	if (!which)
		return err_nomem(err);
	for (size_t i = 0; i < t->rec_count; i++)
		which[i] = (uint32_t)i;
	return stack_roots_of(t->stacks, t->recs, which, t->rec_count, fn, t, err);
}

/* Marks roots, and follows nothing yet. */
static enum gospy_code mark_roots(struct taking *t, struct gospy_error *err)
{
	struct gospy_graph *graph = t->graph;
	struct image *image = t->target->image;
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
	uint64_t unread = stack_roots_unread(t->stacks);
	if (!code)
		code = each_stack_root(t, take_stack_root, err);
	graph->info.unread = count.unread + stack_roots_unread(t->stacks) - unread;
	return !code && t->no_memory ? err_nomem(err) : code;
}

/* A pointer of an object that was allocated while the heap was read. */
static void take_late(void *ctx, uint64_t pointer, uint64_t before, uint64_t addr)
{
	struct taking *t = ctx;
	struct gospy_graph *graph = t->graph;
	const struct origin origin = {.kind = ORIGIN_LATE, .addr = addr};
	if (types_is_near(graph->types, before))
		types_pair(graph->types, before, pointer);
	mark_root(&graph->mark, pointer,
		  note_origin(t, heap_number(&graph->heap.spans, pointer), origin));
}

/* Objects that were reached lead to slots that were free when the spans were listed. */
static void note_late_slots(struct taking *t)
{
	const struct heap *heap = &t->graph->heap;
	for (uint32_t number = 0; number < heap->spans.scan_count; number++) {
		size_t n;
		const uint32_t *edges = mark_has(&t->graph->mark, number)
						? heap_edges(heap, number, &n)
						: (n = 0, NULL);
		for (size_t i = 0; i < n; i++) {
			if (!spans_is_allocated(&heap->spans, edges[i]))
				late_note_slot(&t->late, edges[i]);
		}
	}
}

static enum gospy_code mark_all(struct taking *t, struct gospy_error *err)
{
	struct gospy_graph *graph = t->graph;
	enum gospy_code code = mark_run(&graph->mark, err);
	if (code || !t->options.late)
		return code;
	note_late_slots(t);
	code = late_follow(&t->late, &graph->heap, take_late, t, err);
	if (!code)
		code = mark_run(&graph->mark, err);
	return !code && t->no_memory ? err_nomem(err) : code;
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
		const struct gospy_graph_type row = {
			.slot = graph->heap.spans.classes[i].elemsize,
			.pointers = !(i & 1),
			.sum = {sum->objects, sum->bytes},
			.retained = graph->retained ? graph->retained[graph->tally.type_count + i]
						    : GOSPY_UNKNOWN};
		ok = add_row(graph, &row);
	}
	if (graph->rows.len)
		qsort(graph->rows.at, graph->rows.len, sizeof(*graph->rows.at), by_bytes);
	return ok ? GOSPY_OK : err_nomem(err);
}

/* ---------------------------------------------------------------------------------------- take --
 */

static void note_problem(struct gospy_graph *graph, bool late)
{
	struct gospy_graph_info *info = &graph->info;
	if (info->partial)
		info->problem = "the memory that may be used was not enough for the whole heap: "
				"give more";
	else if (info->unknown_spans || graph->heap.spans.bad)
		info->problem = "some of the heap could not be read";
	else if (info->unread)
		info->problem = "some stacks or other roots could not be read";
	else if (late)
		info->problem = "so much was allocated while the heap was read that some of what "
				"is alive may be missing; --stop reads it at one moment";
}

static void tell(struct gospy_graph *graph, size_t goroutines, bool late)
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
	info->goroutines = goroutines;
	info->scanned = heap->scanned;
	info->unknown_spans = heap->unknown_spans;
	info->partial = heap->partial;
	info->types_cut = graph->types->cut || graph->types->gotypes.full;
	info->memory = graph->memory - atomic_load(&graph->budget.bytes);
	note_problem(graph, late);
}

/* Spans, pointers and roots. What was there before of them is gone. */
static enum gospy_code copy_heap(struct taking *t, struct gospy_error *err)
{
	struct gospy_graph *graph = t->graph;
	mark_deinit(&graph->mark);
	types_end(graph->types);
	heap_free(&graph->heap);
	graph->origins.len = 0;
	free(t->roots);
	t->roots = NULL;
	enum gospy_code code = heap_build(t->target->image, &t->options, &graph->heap, err);
	if (!code && t->how->watched_count)
		code = referrers_ask(&graph->referrers, &graph->heap, t->how->watched,
				     t->how->watched_count, err);
	if (!code)
		code = mark_roots(t, err);
	return !code && graph->referrers.no_memory ? err_nomem(err) : code;
}

static enum gospy_code copy_running(struct taking *t, struct gospy_error *err)
{
	const struct gospy_snapshot_options how = {.size = sizeof(how), .non_blocking = true};
	struct gospy_target *target = t->target;
	enum gospy_code code =
		capture_take(target->source, target->image, &how, NULL, &t->capture, err);
	if (code)
		return code;
	t->recs = t->capture.recs;
	t->rec_count = t->capture.count;
	t->options.progress = t->how->progress ? tell_heap : NULL;
	t->options.deadline_ns = 0;
	t->options.runs = !target->source->frozen;
	t->options.late = t->options.runs ? &t->late : NULL;
	code = stack_roots_create(target->image, t->capture.symbols, &t->stacks, err);
	return code ? code : copy_heap(t, err);
}

/* ---------------------------------------------------------------------------------------- stop --
 */

/* The g's in a window of memory each. */
static enum gospy_code read_gs(struct taking *t, const uint64_t *addrs, size_t n,
			       struct gospy_error *err)
{
	enum { BATCH = 128 };
	const struct image *image = t->target->image;
	size_t len = grec_window(&image->layout);
	CLEANUP_FREE uint8_t *bytes = malloc(BATCH * len);
	struct mem_req reqs[BATCH];
	if (!bytes || !vec_reserve(&t->stopped, n))
		return err_nomem(err);
	for (size_t from = 0; from < n; from += BATCH) {
		size_t count = n - from < BATCH ? n - from : BATCH;
		for (size_t i = 0; i < count; i++)
			reqs[i] = (struct mem_req){
				.addr = addrs[from + i], .dst = bytes + i * len, .len = len};
		enum gospy_code code = mem_readv(image->mem, reqs, count, err);
		if (code && code != GOSPY_E_FAULT)
			return code;
		for (size_t i = 0; i < count; i++) {
			struct g_rec rec = {.addr = addrs[from + i]};
			if (reqs[i].done < len)
				continue;
			grec_extract(&image->layout, bytes + i * len, &rec);
			if (!vec_push(&t->stopped, rec))
				return err_nomem(err);
		}
	}
	return GOSPY_OK;
}

/* All of runtime.allgs. */
static enum gospy_code list_gs(struct taking *t, struct gospy_error *err)
{
	enum { GS_MAX = 1 << 26 };
	const struct globals *g = &t->target->image->globals;
	struct mem *mem = t->target->image->mem;
	uint64_t n, array;
	t->stopped.len = 0;
	enum gospy_code code = mem_read_u64(mem, g->allglen.addr, &n, err);
	if (!code)
		code = mem_read_u64(mem, g->allgptr.addr ? g->allgptr.addr : g->allgs.addr, &array,
				    err);
	if (!code && n > GS_MAX)
		code = err_set(err, GOSPY_E_LIMIT, "runtime.allglen is too large");
	if (code)
		return code;
	CLEANUP_FREE uint64_t *addrs = malloc((n + 1) * sizeof(*addrs));
	if (!addrs)
		return err_nomem(err);
	code = n ? mem_read(mem, array, addrs, n * sizeof(*addrs), err) : GOSPY_OK;
	if (!code)
		code = read_gs(t, addrs, n, err);
	t->recs = t->stopped.at;
	t->rec_count = t->stopped.len;
	return code;
}

static int ignore_root(void *ctx, uint64_t pointer)
{
	(void)ctx, (void)pointer;
	return 0;
}

/* The maps of the frames on all stacks are looked up then. */
static void rehearse(void *ctx)
{
	struct taking *t = ctx;
	struct gospy_error why;
	if (list_gs(t, &why) || each_stack_root(t, ignore_root, &why))
		return; // the stop will tell what is wrong
}

static void take_registers(struct taking *t, const struct user_regs_struct *regs)
{
	struct gospy_graph *graph = t->graph;
	const struct origin origin = {.kind = ORIGIN_REGISTER};
	uint64_t words[sizeof(*regs) / sizeof(uint64_t)];
	memcpy(words, regs, sizeof(words));
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		mark_root(&graph->mark, words[i],
			  note_origin(t, heap_number(&graph->heap.spans, words[i]), origin));
}

static enum gospy_code visit(void *ctx, const struct moment *moment, struct gospy_error *err)
{
	struct taking *t = ctx;
	t->options.deadline_ns = moment->deadline_ns;
	t->options.runs = false;
	t->options.late = NULL;
	enum gospy_code code = list_gs(t, err);
	if (!code)
		code = copy_heap(t, err);
	for (size_t i = 0; i < moment->threads.len && !code; i++) {
		if (moment->threads.at[i].has_regs)
			take_registers(t, &moment->threads.at[i].regs);
	}
	return !code && t->no_memory ? err_nomem(err) : code;
}

static enum gospy_code copy_stopped(struct taking *t, struct gospy_error *err)
{
	const uint64_t second_ns = 1000000000;
	struct gospy_graph_info *info = &t->graph->info;
	const struct moment_work work = {.rehearse = rehearse, .visit = visit, .ctx = t};
	struct moment moment = {0};
	t->options.progress = NULL;
	enum gospy_code code = stack_roots_create(t->target->image, t->symbols, &t->stacks, err);
	if (code)
		return code;
	code = source_stop(t->target->source,
			   t->how->max_pause_ns ? t->how->max_pause_ns : second_ns, &work, &moment,
			   err);
	info->paused_ns = moment.stopped_ns;
	info->instant = !code && !moment.moved;
	moment_deinit(&moment);
	return code;
}

/* If it cannot be stopped, or not for so long, it is copied while it runs. */
static enum gospy_code copy(struct taking *t, struct gospy_error *err)
{
	struct gospy_graph *graph = t->graph;
	struct gospy_error why;
	if (!t->how->stop || t->target->source->frozen)
		return copy_running(t, err);
	enum gospy_code code = copy_stopped(t, &why);
	if (!code)
		return GOSPY_OK;
	if (code != GOSPY_E_LIMIT && code != GOSPY_E_PERM && code != GOSPY_E_FAULT)
		return err_set(err, code, "%s", why.msg);
	stack_roots_destroy(t->stacks);
	t->stacks = NULL;
	graph->info.not_stopped = arena_strdup(&graph->arena, why.msg);
	return graph->info.not_stopped ? copy_running(t, err) : err_nomem(err);
}

/* ----------------------------------------------------------------------------------------- all --
 */

static enum gospy_code read_graph(struct gospy_target *target, struct taking *t,
				  struct gospy_error *err)
{
	struct gospy_graph *graph = t->graph;
	t->options =
		(struct heap_options){.budget = &graph->budget, .types = graph->types, .ctx = t};
	enum gospy_code code = copy(t, err);
	if (!code)
		code = mark_all(t, err);
	t->options.progress = t->how->progress ? tell_types : NULL;
	if (!code)
		code = seeds_take(t->target->image, t->target->source, graph->types, err);
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
		code = graph_list_referrers(graph, err);
	if (!code)
		tell(graph, t->rec_count, t->late.full);
	return code;
}

static void taking_end(struct taking *t)
{
	stack_roots_destroy(t->stacks);
	symbols_release(t->symbols);
	late_deinit(&t->late);
	capture_deinit(&t->capture);
	vec_free(&t->stopped);
	free(t->roots);
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
	enum gospy_code code = target_check_heap(target, err);
	if (code)
		return code;
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
	taking->target = target;
	taking->symbols = symbolizer_hold(&target->image->symbolizer);
	graph->image = image_ref(target->image);
	graph->has_paths = how.paths;
	graph->memory = how.max_memory ? how.max_memory : free_memory_share();
	budget_init(&graph->budget, graph->memory, SIZE_MAX);
	uint64_t begin_ns = clock_mono_ns();
	graph->info.time_unix_ns = source_clock_ns(target->source, SOURCE_REAL);
	graph->info.instant = target_heap_is_instant(target);
	code = taking->symbols ? read_graph(target, taking, err) : err_nomem(err);
	taking_end(taking);
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

void gospy_graph_destroy(struct gospy_graph *graph)
{
	if (!graph)
		return;
	referrers_deinit(&graph->referrers);
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
