/* The heap graph on running programs, where GOSPY_FIXTURES names built fixtures: what the fixture
 * `heaped` says of its structures, and their sums. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "go_program.h"
#include "heap/heap.h"
#include "heap/mark.h"
#include "heap/roots.h"
#include "heap/tally.h"
#include "heap/types.h"
#include "image/image_create.h"
#include "live/live.h"

enum { BUDGET = 1 << 30, TRIES = 20 };

struct run {
	struct go_program program;
	char *ready; /* what it says */
	struct source *source;
	struct image *image;
	struct heap heap;
	struct budget budget;
};

static char *ask(struct run *run, const char *command)
{
	char *line = NULL;
	size_t cap = 0;
	if (command)
		fprintf(run->program.to, "%s\n", command);
	fflush(run->program.to);
	assert_true(getline(&line, &cap, run->program.from) > 0);
	return line;
}

/* The number behind "key": in `text`, and where it ends. */
static uint64_t number_at(const char *text, const char *key, const char **end_ret)
{
	char pattern[64];
	snprintf(pattern, sizeof(pattern), "\"%s\":", key);
	const char *at = strstr(text, pattern);
	assert_non_null(at);
	char *end;
	at += strlen(pattern);
	uint64_t value = strtoull(at + (*at == '['), &end, 10);
	if (end_ret)
		*end_ret = end;
	return value;
}

static void start(struct run *run, const char *path)
{
	int in[2], out[2];
	*run = (struct run){.program.path = path};
	assert_true(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0);
	run->program.pid = fork();
	assert_true(run->program.pid >= 0);
	if (run->program.pid == 0) {
		dup2(in[0], STDIN_FILENO);
		dup2(out[1], STDOUT_FILENO);
		execl(path, path, NULL);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	run->program.to = fdopen(in[1], "w");
	run->program.from = fdopen(out[0], "r");
	run->ready = ask(run, NULL);
	struct gospy_error err;
	budget_init(&run->budget, BUDGET, SIZE_MAX);
	if (live_open(run->program.pid, &run->source, &err) ||
	    image_create(run->source, NULL, &run->image, &err))
		fail_msg("%s: %s", path, err.msg);
}

static void end(struct run *run)
{
	heap_free(&run->heap);
	assert_int_equal(atomic_load(&run->budget.bytes), BUDGET);
	image_forget_target(run->image);
	image_unref(run->image);
	source_destroy(run->source);
	fclose(run->program.to);
	fclose(run->program.from);
	waitpid(run->program.pid, NULL, 0);
	free(run->ready);
}

/* Objects and pointers that can be reached. */
static void count_marked(const struct run *run, const struct mark *mark, uint64_t *objects,
			 uint64_t *edges)
{
	*objects = *edges = 0;
	for (uint32_t i = 0; i < run->heap.spans.count; i++) {
		size_t n = 0;
		if (!mark_has(mark, i))
			continue;
		++*objects;
		heap_edges(&run->heap, i, &n);
		*edges += n;
	}
}

static void begin(struct run *run, struct mark *mark)
{
	struct gospy_error err;
	assert_int_equal(mark_init(mark, &run->heap, &run->budget, true, &err), GOSPY_OK);
}

static void go(struct mark *mark)
{
	struct gospy_error err;
	assert_int_equal(mark_run(mark, &err), GOSPY_OK);
}

/* Each structure by itself: what its first object leads to. */
static void check_structures(struct run *run)
{
	uint32_t decoy = heap_number(&run->heap.spans, number_at(run->ready, "decoy", NULL));
	const char *at = strstr(run->ready, "\"structures\":");
	size_t n = 0;
	for (; (at = strstr(at, "{\"name\":")); n++) {
		const char *name = at + strlen("{\"name\":");
		uint64_t root = number_at(at, "root", NULL), objects, edges;
		uint64_t want_objects = number_at(at, "objects", NULL);
		uint64_t want_edges = number_at(at, "edges", &at);
		struct mark mark;
		begin(run, &mark);
		assert_true(mark_root(&mark, root, 7));
		go(&mark);
		count_marked(run, &mark, &objects, &edges);
		if (objects != want_objects || edges != want_edges || mark_has(&mark, decoy))
			fail_msg("%s: %.*s: %lu objects and %lu pointers, not %lu and %lu%s",
				 run->program.path, (int)strcspn(name, ","), name, objects, edges,
				 want_objects, want_edges,
				 mark_has(&mark, decoy) ? "; the decoy, too" : "");
		mark_deinit(&mark);
	}
	assert_true(n > 10);
}

/* The sums are those of runtime.MemStats, which nothing but a thread that the runtime starts may
 * change while the program rests. */
static void look(struct run *run)
{
	for (unsigned tries = 1;; tries++) {
		struct gospy_error err;
		const struct heap_options options = {.budget = &run->budget};
		const struct heap_spans *spans = &run->heap.spans;
		char *sums = ask(run, "rest");
		uint64_t bytes = number_at(sums, "bytes", NULL);
		uint64_t objects = number_at(sums, "objects", NULL);
		if (heap_build(run->image, &options, &run->heap, &err))
			fail_msg("%s: %s", run->program.path, err.msg);
		free(sums);
		free(ask(run, "on"));
		assert_int_equal(spans->bad, 0);
		assert_int_equal(spans->unswept_objects, 0);
		assert_int_equal(run->heap.unknown_spans, 0);
		assert_false(run->heap.partial);
		if (spans->bytes == bytes && spans->objects == objects)
			return;
		if (tries == TRIES)
			fail_msg("%s: %lu objects of %lu bytes, not %lu of %lu", run->program.path,
				 spans->objects, spans->bytes, objects, bytes);
		heap_free(&run->heap);
	}
}

struct rooting {
	struct run *run;
	struct mark mark;
	bool has_finalizer;
};

static void take_root(void *ctx, const struct root *root)
{
	struct rooting *r = ctx;
	if (root->kind == ROOT_FINALIZED) {
		r->has_finalizer |= root->pointer == number_at(r->run->ready, "finalizer", NULL);
		mark_referents(&r->mark, root->object, root->addr);
	} else {
		mark_root(&r->mark, root->pointer, root->addr);
	}
}

/* The globals lead to all structures, and to the decoy; what an object with a finalizer holds is
 * alive, the object is not. */
static void check_roots(struct run *run)
{
	struct rooting r = {.run = run};
	struct roots_count count;
	struct gospy_error err;
	begin(run, &r.mark);
	assert_int_equal(roots_each(run->image, &run->heap, take_root, &r, &count, &err), GOSPY_OK);
	go(&r.mark);
	assert_true(r.has_finalizer);
	assert_int_equal(count.unread, 0);
	assert_int_equal(count.conservative, 0);
	const struct heap_spans *spans = &run->heap.spans;
	const char *at = strstr(run->ready, "\"structures\":"), *end;
	while ((at = strstr(at + 1, "\"root\":"))) {
		uint32_t number = heap_number(spans, number_at(at, "root", NULL)), next = number;
		uint64_t origin = 0;
		assert_true(mark_has(&r.mark, number));
		for (unsigned i = 0; i < 10 && next != HEAP_NONE; i++)
			next = mark_parent(&r.mark, next, &origin);
		assert_true(next == HEAP_NONE && origin);
	}
	assert_true(mark_has(&r.mark, heap_number(spans, number_at(run->ready, "decoy", NULL))));
	uint64_t object = number_at(run->ready, "finalizer", &end);
	assert_false(mark_has(&r.mark, heap_number(spans, object)));
	assert_true(mark_has(&r.mark, heap_number(spans, strtoull(end + 1, NULL, 10))));
	mark_deinit(&r.mark);
}

static void test_heaped(void **state)
{
	(void)state;
	glob_t found;
	if (!go_program_find("*", "heaped", &found)) {
		print_message("no fixture heaped in GOSPY_FIXTURES\n");
		skip();
		return;
	}
	for (size_t i = 0; i < found.gl_pathc; i++) {
		struct run run;
		start(&run, found.gl_pathv[i]);
		look(&run);
		check_structures(&run);
		check_roots(&run);
		end(&run);
	}
	globfree(&found);
}

/* ---------------------------------------------------------------------------------------- lies --
 */

/* What is read through this is not always what is there. */
struct liar {
	struct mem mem;
	struct mem *below;
	uint64_t state, last;
	unsigned one_in; /* words */
};

static uint64_t next_random(struct liar *liar)
{
	liar->state = liar->state * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return liar->state >> 20;
}

static uint64_t lie_of(struct liar *liar, uint64_t word)
{
	switch (next_random(liar) % 6) {
	case 0:
		return UINT64_MAX;
	case 1:
		return next_random(liar) % 4096;
	case 2:
		return liar->last;
	case 3:
		return word + next_random(liar) % 64 * 8;
	case 4:
		return word ^ UINT64_C(1) << next_random(liar) % 64;
	default:
		return 0;
	}
}

static enum gospy_code liar_readv(struct mem *mem, struct mem_req *reqs, size_t n,
				  struct gospy_error *err)
{
	struct liar *liar = (struct liar *)(void *)mem;
	enum gospy_code code = mem_readv(liar->below, reqs, n, err);
	for (size_t i = 0; i < n; i++) {
		uint8_t *bytes = reqs[i].dst;
		for (size_t at = next_random(liar) % (2 * liar->one_in) * 8; at + 8 <= reqs[i].done;
		     at += (1 + next_random(liar) % (2 * liar->one_in)) * 8) {
			uint64_t word, lie;
			memcpy(&word, bytes + at, sizeof(word));
			lie = lie_of(liar, word);
			memcpy(bytes + at, &lie, sizeof(lie));
			liar->last = word;
		}
	}
	// Some of it is not there.
	if (n && next_random(liar) % (16 * (uint64_t)liar->one_in) == 0)
		reqs[next_random(liar) % n].done = 0;
	return code == GOSPY_E_FAULT ? GOSPY_OK : code;
}

static const struct mem_ops liar_ops = {.readv = liar_readv};

static void ignore_root(void *ctx, const struct root *root)
{
	mark_root(ctx, root->pointer, root->addr);
}

/* All that is done with a heap, whatever it looks like. */
static void look_at_lies(struct run *run, struct types *types)
{
	struct gospy_error err;
	struct roots_count count;
	struct mark mark;
	struct tally tally;
	memset(types, 0, sizeof(*types));
	const struct heap_options options = {.budget = &run->budget, .types = types};
	enum gospy_code code = heap_build(run->image, &options, &run->heap, &err);
	if (!code && !mark_init(&mark, &run->heap, &run->budget, true, &err)) {
		code = roots_each(run->image, &run->heap, ignore_root, &mark, &count, &err);
		code = code ? code : mark_run(&mark, &err);
		code = code ? code : types_spread(types, &options, &err);
		if (!code && !tally_make(&run->heap, &mark, types, &tally, &err)) {
			for (size_t i = 1; i < tally.type_count; i++)
				free(gotypes_name(&types->gotypes, (uint16_t)i));
			tally_deinit(&tally);
		}
		mark_deinit(&mark);
	}
	types_end(types);
	heap_free(&run->heap);
}

static void test_lies(void **state)
{
	(void)state;
	static const unsigned one_in[] = {4, 64, 1024, 16384};
	enum { SEEDS = 12 };
	glob_t found;
	if (!go_program_find("*", "heaped", &found)) {
		print_message("no fixture heaped in GOSPY_FIXTURES\n");
		skip();
		return;
	}
	struct types *types = malloc(sizeof(*types));
	assert_non_null(types);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		struct run run;
		start(&run, found.gl_pathv[i]);
		struct mem *mem = run.image->mem;
		for (uint64_t seed = 0; seed < SEEDS; seed++) {
			struct liar liar = {.mem.ops = &liar_ops,
					    .below = mem,
					    .state = seed,
					    .one_in = one_in[seed % 4]};
			run.image->mem = &liar.mem;
			look_at_lies(&run, types);
		}
		run.image->mem = mem;
		end(&run);
	}
	free(types);
	globfree(&found);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_heaped),
		cmocka_unit_test(test_lies),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
