/*
 * The heap of a target: its graph, the roots of that, its types, put together. What refers to what
 * is in src/heap/.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/target.h"
#include "base/cancel.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/sized.h"
#include "capture/capture_take.h"
#include "heap/mark.h"
#include "heap/roots.h"
#include "heap/stack_roots.h"
#include "heap/tally.h"
#include "heap/types.h"

enum {
	AVAILABLE_SHARE = 4,   /* of the memory that is free, one part of so many */
	MEMORY_MIN = 64 << 20, /* where that is not known, or too little for anything */
};

struct gospy_graph {
	struct gospy_graph_info info;
	struct budget budget;
	uint64_t memory; /* what it may use up */
	struct heap heap;
	struct types *types;
	struct mark mark;
	struct tally tally;
	VEC(struct gospy_graph_type) rows;
	struct arena arena;
};

/* What is found on the way. */
struct taking {
	struct gospy_graph *graph;
	const struct gospy_graph_options *how;
	struct capture capture;
	struct heap_options options;
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

static void take_root(void *ctx, const struct root *root)
{
	struct gospy_graph *graph = ((struct taking *)ctx)->graph;
	if (root->kind == ROOT_FINALIZED) {
		mark_referents(&graph->mark, root->object, root->addr);
		return;
	}
	if (root->kind == ROOT_GLOBAL && types_is_near(graph->types, root->before))
		types_pair(graph->types, root->before, root->pointer);
	mark_root(&graph->mark, root->pointer, root->addr);
}

static int take_stack_root(void *ctx, uint64_t pointer)
{
	struct gospy_graph *graph = ((struct taking *)ctx)->graph;
	mark_root(&graph->mark, pointer, 0);
	return 0;
}

static enum gospy_code mark_stacks(struct taking *t, struct image *image, struct gospy_error *err)
{
	const struct capture *c = &t->capture;
	struct stack_roots *roots = NULL;
	CLEANUP_FREE uint32_t *which = malloc((c->count + 1) * sizeof(*which));
	if (!which)
		return err_nomem(err);
	for (size_t i = 0; i < c->count; i++)
		which[i] = (uint32_t)i;
	enum gospy_code code = stack_roots_create(image, c->symbols, &roots, err);
	if (!code)
		code = stack_roots_of(roots, c->recs, which, c->count, take_stack_root, t, err);
	if (!code)
		t->graph->info.unread += stack_roots_unread(roots);
	stack_roots_destroy(roots);
	return code;
}

static enum gospy_code mark_all(struct taking *t, struct image *image, struct gospy_error *err)
{
	struct gospy_graph *graph = t->graph;
	struct roots_count count = {0};
	enum gospy_code code =
		mark_init(&graph->mark, &graph->heap, &graph->budget, t->how->paths, err);
	if (!code)
		code = roots_each(image, &graph->heap, take_root, t, &count, err);
	if (!code)
		code = mark_stacks(t, image, err);
	graph->info.unread += count.unread;
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
				       .sum = {sum->objects, sum->bytes}};
	return row.name && add_row(graph, &row);
}

static int by_bytes(const void *a, const void *b)
{
	const struct gospy_graph_type *x = a, *y = b;
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
		} else {
			graph->rows.at[n++] = *row;
		}
	}
	graph->rows.len = n;
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
	if (!code)
		code = make_rows(graph, err);
	if (!code)
		tell(graph, &t->capture);
	capture_deinit(&t->capture);
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

void gospy_graph_destroy(struct gospy_graph *graph)
{
	if (!graph)
		return;
	tally_deinit(&graph->tally);
	mark_deinit(&graph->mark);
	if (graph->types)
		types_end(graph->types);
	free(graph->types);
	heap_free(&graph->heap);
	vec_free(&graph->rows);
	arena_deinit(&graph->arena);
	free(graph);
}
