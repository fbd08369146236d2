#include "capture/match_tids.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/vec.h"
#include "image/schedstate.h"

/* A stack, and the M that is on it. */
struct owned_stack {
	uint64_t lo, hi;
	size_t m;
};

struct matcher {
	struct image *image;
	struct schedstate sched;
	VEC(struct owned_stack) stacks;
	pid_t *tids; /* of each M; 0: none yet, -1: more than one */
	bool out_of_memory;
};

enum { NONE = 0, SEVERAL = -1 };

static void add_stack(struct matcher *matcher, size_t m, uint64_t g)
{
	const struct layout *layout = &matcher->image->layout;
	struct owned_stack stack = {.m = m};
	if (!g || mem_read_u64(matcher->image->mem, g + layout->g.stack_lo.off, &stack.lo, NULL) ||
	    mem_read_u64(matcher->image->mem, g + layout->g.stack_hi.off, &stack.hi, NULL) ||
	    stack.lo >= stack.hi)
		return;
	if (!vec_push(&matcher->stacks, stack))
		matcher->out_of_memory = true;
}

static int compare_lo(const void *a, const void *b)
{
	const struct owned_stack *x = a, *y = b;
	return (x->lo > y->lo) - (x->lo < y->lo);
}

/* The stack that holds `sp`: the last that begins below it, since stacks do not overlap. */
static const struct owned_stack *find_stack(const struct matcher *matcher, uint64_t sp)
{
	size_t low = 0, high = matcher->stacks.len;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (sp <= matcher->stacks.at[mid].lo)
			high = mid;
		else
			low = mid + 1;
	}
	const struct owned_stack *stack = low ? &matcher->stacks.at[low - 1] : NULL;
	return stack && sp <= stack->hi ? stack : NULL;
}

static enum gospy_code match(void *ctx, const struct moment *moment, struct gospy_error *err)
{
	struct matcher *matcher = ctx;
	for (size_t i = 0; i < matcher->sched.ms.len; i++) {
		const struct m_rec *m = &matcher->sched.ms.at[i];
		matcher->tids[i] = NONE;
		add_stack(matcher, i, m->g0);
		add_stack(matcher, i, m->gsignal);
		add_stack(matcher, i, m->curg);
	}
	if (matcher->out_of_memory)
		return err_nomem(err);
	if (matcher->stacks.len)
		qsort(matcher->stacks.at, matcher->stacks.len, sizeof(*matcher->stacks.at),
		      compare_lo);
	for (size_t i = 0; i < moment->threads.len; i++) {
		const struct moment_thread *thread = &moment->threads.at[i];
		const struct owned_stack *stack =
			thread->has_regs ? find_stack(matcher, thread->regs.rsp) : NULL;
		if (stack)
			matcher->tids[stack->m] =
				matcher->tids[stack->m] == NONE ? thread->tid : SEVERAL;
	}
	return GOSPY_OK;
}

/* How many M's have the id of no thread, and how many have that of one? */
static enum gospy_code differ(const struct matcher *matcher, const struct tasks *tasks,
			      bool *differ_ret, struct gospy_error *err)
{
	struct map known = {0};
	size_t same = 0, other = 0;
	for (size_t i = 0; i < tasks->tasks.len; i++) {
		if (!map_put(&known, (uint64_t)tasks->tasks.at[i].nstid)) {
			map_deinit(&known);
			return err_nomem(err);
		}
	}
	for (size_t i = 0; i < matcher->sched.ms.len; i++) {
		const uint64_t id = matcher->sched.ms.at[i].procid;
		if (id)
			*(map_get(&known, id) ? &same : &other) += 1;
	}
	map_deinit(&known);
	*differ_ret = other > same;
	return GOSPY_OK;
}

static enum gospy_code list(const struct matcher *matcher, struct map *ret, struct gospy_error *err)
{
	for (size_t i = 0; i < matcher->sched.ms.len; i++) {
		const uint64_t id = matcher->sched.ms.at[i].procid;
		if (!id || matcher->tids[i] == NONE || matcher->tids[i] == SEVERAL)
			continue;
		uint64_t *tid = map_put(ret, id);
		if (!tid)
			return err_nomem(err);
		*tid = (uint64_t)matcher->tids[i];
	}
	return GOSPY_OK;
}

static enum gospy_code match_all(struct matcher *matcher, struct source *source,
				 const struct tasks *tasks, struct map *ret, bool *differ_ret,
				 struct gospy_error *err)
{
	const struct moment_work work = {.visit = match, .ctx = matcher};
	struct moment moment = {0};
	enum gospy_code code = schedstate_read(&matcher->sched, matcher->image, NULL, err);
	if (!code)
		code = differ(matcher, tasks, differ_ret, err);
	if (code || !*differ_ret)
		return code;
	matcher->tids = calloc(matcher->sched.ms.len + 1, sizeof(*matcher->tids));
	if (!matcher->tids)
		return err_nomem(err);
	code = source_stop(source, 0, &work, &moment, err);
	moment_deinit(&moment);
	return code ? code : list(matcher, ret, err);
}

enum gospy_code match_tids(struct source *source, struct image *image, const struct tasks *tasks,
			   struct map *ret, bool *differ_ret, struct gospy_error *err)
{
	struct matcher matcher = {.image = image};
	*differ_ret = false;
	enum gospy_code code = match_all(&matcher, source, tasks, ret, differ_ret, err);
	schedstate_deinit(&matcher.sched);
	vec_free(&matcher.stacks);
	free(matcher.tids);
	// What cannot be read of the scheduler the capture will find out, and say.
	return code == GOSPY_E_NOMEM || code == GOSPY_E_CANCELLED ? code : GOSPY_OK;
}
