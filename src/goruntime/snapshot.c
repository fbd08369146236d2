#include "goruntime/snapshot.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/parallel.h"
#include "goruntime/decode.h"

/* fingRunningFinalizer, src/runtime/mfinal.go, Go 1.20+; before, fingRunning is a bool. */
static const uint32_t fing_running_finalizer = 2;

static bool finalizer_runs(const struct image *image, const struct schedstate *s)
{
	return image->globals.fingStatus.addr ? s->fing & fing_running_finalizer : s->fing != 0;
}

/* Once rec->start is set. */
static bool is_system(const struct gospy_snapshot *s, const struct g_rec *rec)
{
	switch (rec->start ? rec->start->role : START_USER) {
	case START_USER:
		return false;
	case START_SYSTEM:
		return true;
	case START_FINALIZER:
		return !finalizer_runs(s->image, &s->capture.sched);
	case START_CLEANUPS:
		return !(rec->flags & G_RUNNING_CLEANUPS);
	}
	return false;
}

/* The image's answers, kept by one worker: the image's own cache takes a lock. Neighbours were
 * often started by the same statement, so the last answer is asked first. */
struct locator {
	struct image *image;
	struct {
		uint64_t pc;
		const struct location *location;
		struct map known; /* pc -> location */
	} of[LOCATION_KINDS];
	bool out_of_memory;
};

static const struct location *locate_anew(struct locator *l, uint64_t pc, enum location_kind kind)
{
	uint64_t *known = map_put(&l->of[kind].known, pc);
	if (known && !*known)
		*known = (uint64_t)(uintptr_t)image_location(l->image, pc, kind);
	const struct location *location = known ? (const struct location *)(uintptr_t)*known : NULL;
	l->of[kind].pc = pc;
	l->of[kind].location = location;
	l->out_of_memory |= !location;
	return location;
}

static const struct location *locate(struct locator *l, uint64_t pc, enum location_kind kind)
{
	if (!pc)
		return NULL;
	return l->of[kind].pc == pc ? l->of[kind].location : locate_anew(l, pc, kind);
}

static void locator_deinit(struct locator *l)
{
	for (size_t i = 0; i < LOCATION_KINDS; i++)
		map_deinit(&l->of[i].known);
}

static void count_status(struct gospy_goroutine_counts *counts, const struct g_rec *rec)
{
	counts->total++;
	switch (grec_status(rec)) {
	case GOSPY_STATUS_IDLE:
		counts->idle++;
		break;
	case GOSPY_STATUS_RUNNABLE:
		counts->runnable++;
		break;
	case GOSPY_STATUS_RUNNING:
		counts->running++;
		break;
	case GOSPY_STATUS_SYSCALL:
		counts->syscall++;
		break;
	case GOSPY_STATUS_WAITING:
	case GOSPY_STATUS_LEAKED:
		counts->waiting++;
		break;
	default:
		counts->other++;
		break;
	}
}

static void count_soundness(struct gospy_snapshot_info *info, const struct g_rec *rec)
{
	switch ((enum gospy_soundness)rec->soundness) {
	case GOSPY_SOUND:
		info->consistent++;
		break;
	case GOSPY_SOUND_RETRIED:
		info->retried++;
		break;
	case GOSPY_SOUND_LATE:
		info->late++;
		break;
	case GOSPY_SOUND_MOVED:
		info->moved++;
		break;
	case GOSPY_SOUND_TORN:
		info->torn++;
		break;
	case GOSPY_SOUND_UNREADABLE:
		info->unreadable++;
		break;
	}
}

/* One walk over all records: their order, their sums, and every place they name, so that nothing
 * has to be read from the target later. */
struct tally {
	struct gospy_snapshot *snapshot;
	atomic_size_t next; /* first record that no worker has taken */
	struct tally_worker {
		struct locator locator;
		struct gospy_snapshot_info sums;
	} workers[PARALLEL_WORKERS];
};

static void tally_record(const struct gospy_snapshot *s, struct tally_worker *w, struct g_rec *rec)
{
	rec->stack = stacks_number(&s->capture.stacks, rec->stack);
	if (rec->soundness == GOSPY_SOUND && !grec_is_dead(rec) && !grec_plausible(rec))
		rec->soundness = GOSPY_SOUND_MOVED;
	count_soundness(&w->sums, rec);
	if (rec->soundness == GOSPY_SOUND_UNREADABLE)
		return;
	// Of dead ones too: they can be asked for, and by then the target may be gone.
	rec->start = locate(&w->locator, rec->startpc, LOCATION_START);
	rec->creator = locate(&w->locator, rec->gopc, LOCATION_CREATOR);
	rec->current = locate(&w->locator, rec->pc,
			      rec->flags & G_PC_EXACT ? LOCATION_EXACT : LOCATION_RETURN);
	if (grec_is_dead(rec))
		w->sums.goroutines.dead++;
	else if (is_system(s, rec))
		w->sums.goroutines.system++;
	else
		count_status(&w->sums.goroutines, rec);
}

static void tally_work(void *ctx, unsigned worker)
{
	enum { BLOCK = 4096 };
	struct tally *t = ctx;
	const struct gospy_snapshot *s = t->snapshot;
	const struct capture *c = &s->capture;
	for (size_t i; (i = atomic_fetch_add(&t->next, BLOCK)) < c->count;) {
		size_t end = c->count - i < BLOCK ? c->count : i + BLOCK;
		for (; i < end; i++) {
			s->by_index[c->recs[i].index] = (uint32_t)i;
			tally_record(s, &t->workers[worker], &c->recs[i]);
		}
	}
}

static void add_sums(struct gospy_snapshot_info *to, const struct gospy_snapshot_info *from)
{
	to->consistent += from->consistent;
	to->retried += from->retried;
	to->late += from->late;
	to->moved += from->moved;
	to->torn += from->torn;
	to->unreadable += from->unreadable;
	struct gospy_goroutine_counts *sum = &to->goroutines;
	const struct gospy_goroutine_counts *add = &from->goroutines;
	sum->total += add->total;
	sum->idle += add->idle;
	sum->runnable += add->runnable;
	sum->running += add->running;
	sum->syscall += add->syscall;
	sum->waiting += add->waiting;
	sum->other += add->other;
	sum->system += add->system;
	sum->dead += add->dead;
}

/* The frames of go statements. */
static bool name_creators(const struct gospy_snapshot *s, const struct locator *l)
{
	const struct map *known = &l->of[LOCATION_CREATOR].known;
	for (size_t i = 0; s->info.stacks && i < known->cap; i++) {
		const struct map_entry *entry = &known->entries[i];
		if (entry->used && !frame_site(s->image, entry->key, false))
			return false;
	}
	return true;
}

static enum gospy_code tally(struct gospy_snapshot *s, struct gospy_error *err)
{
	const struct capture *c = &s->capture;
	CLEANUP_FREE struct tally *t = calloc(1, sizeof(*t));
	s->by_index = malloc((c->count + 1) * sizeof(*s->by_index));
	if (!t || !s->by_index)
		return err_nomem(err);
	t->snapshot = s;
	for (size_t i = 0; i < c->natives.len; i++)
		c->natives.at[i].go.stack = stacks_number(&c->stacks, c->natives.at[i].go.stack);
	for (unsigned w = 0; w < PARALLEL_WORKERS; w++)
		t->workers[w].locator.image = s->image;
	parallel_run(c->count, tally_work, t);
	bool out_of_memory = false;
	for (unsigned w = 0; w < PARALLEL_WORKERS; w++) {
		add_sums(&s->info, &t->workers[w].sums);
		out_of_memory |= t->workers[w].locator.out_of_memory ||
				 !name_creators(s, &t->workers[w].locator);
		locator_deinit(&t->workers[w].locator);
	}
	return out_of_memory ? err_nomem(err) : GOSPY_OK;
}

static void count_threads(const struct proc_tasks *tasks, struct gospy_thread_counts *ret)
{
	ret->total = tasks->tasks.len;
	for (size_t i = 0; i < tasks->tasks.len; i++) {
		switch (tasks->tasks.at[i].state) {
		case 'R':
			ret->running++;
			break;
		case 'T':
		case 't':
			ret->stopped++;
			break;
		case 'Z':
		case 'X':
			ret->zombie++;
			break;
		default:
			ret->sleeping++;
			break;
		}
	}
}

/* src/runtime/runtime1.go: debug.tracebacklabels, Go 1.26+; whether it is set by default depends on
 * the Go version that the main module asks for. */
static bool labels_printed(const struct image *image)
{
	uint32_t value;
	return image->traceback_labels &&
	       !mem_read_u32(image->mem, image->traceback_labels, &value, NULL) && value == 1;
}

/* Which of the figures cannot be shown, or NULL. */
static const char *missing_figures(const struct image *image)
{
	const struct layout *L = &image->layout;
#define LEFT_OUT " are left out: the program carries no DWARF, and no layout table fits it"
	bool heap = L->mstats.size && L->gcController.size;
	if (!L->schedt.size)
		return heap ? "figures of the scheduler" LEFT_OUT
			    : "figures of the scheduler, the heap and the GC" LEFT_OUT;
	return heap ? NULL : "figures of the heap and the GC" LEFT_OUT;
#undef LEFT_OUT
}

static void describe(struct gospy_snapshot *s, const struct gospy_target *target,
		     const struct gospy_snapshot_options *options)
{
	const struct capture *c = &s->capture;
	struct gospy_snapshot_info *info = &s->info;
	uint64_t age_ns = clock_mono_ns() - c->instant_mono_ns;
	info->time_unix_ns = c->instant_real_ns;
	info->uptime_ns = clock_boot_ns() - age_ns - target->info.start_ns;
	info->non_blocking = options->non_blocking;
	info->exact = c->exact;
	info->labels_printed = labels_printed(s->image);
	info->stacks = options->stacks;
	info->native = options->native;
	info->arguments = options->stacks && options->arguments;
	info->paused_ns = c->paused_ns;
	info->active = c->active;
	info->p_count = c->sched.ps.len;
	info->m_count = c->sched.ms.len;
	if (c->grew_too_fast)
		info->problem = "more goroutines were started during the snapshot than it had room "
				"for: the newest are missing";
	count_threads(&c->tasks, &info->threads);
	decode_sched(s->image, &c->sched, &info->sched);
	decode_heap(s->image, &c->sched, &info->heap);
	if (!info->problem && options->figures)
		info->problem = missing_figures(s->image);
}

enum gospy_code snapshot_take(struct gospy_target *target,
			      const struct gospy_snapshot_options *options,
			      struct gospy_snapshot **ret, struct gospy_error *err)
{
	uint64_t begin_ns = clock_mono_ns();
	struct gospy_snapshot *s = calloc(1, sizeof(*s));
	if (!s)
		return err_nomem(err);
	struct gospy_snapshot_options how = *options;
	how.channels |= how.objects;
	s->image = image_ref(target->image);
	s->mono_offset_ns = target->mono_offset_ns;
	enum gospy_code code = capture_take(target, &how, &s->capture, err);
	if (!code) {
		describe(s, target, &how);
		code = tally(s, err);
	}
	if (!code)
		code = snapshot_name_stacks(s, err);
	if (!code)
		code = snapshot_name_ancestors(s, err);
	if (!code)
		code = decode_ps(&s->capture, &s->arena, &s->ps, err);
	if (!code)
		code = decode_ms(&s->capture, &s->arena, &s->ms, err);
	if (!code)
		code = decode_threads(&s->capture, s->image, &s->arena, &s->threads, err);
	if (code) {
		snapshot_destroy(s);
		return code;
	}
	s->info.total_ns = clock_mono_ns() - begin_ns;
	*ret = s;
	return GOSPY_OK;
}

void snapshot_destroy(struct gospy_snapshot *s)
{
	if (!s)
		return;
	capture_deinit(&s->capture);
	image_unref(s->image);
	free(s->by_index);
	stack_view_deinit(&s->view);
	arena_deinit(&s->arena);
	free(s);
}

static uint64_t wait_ns(const struct gospy_snapshot *s, const struct g_rec *rec)
{
	uint32_t status = grec_status(rec);
	if (!rec->waitsince || (status != GOSPY_STATUS_WAITING && status != GOSPY_STATUS_SYSCALL &&
				status != GOSPY_STATUS_LEAKED))
		return GOSPY_UNKNOWN;
	uint64_t now = s->capture.instant_mono_ns + (uint64_t)s->mono_offset_ns;
	return now > rec->waitsince ? now - rec->waitsince : 0;
}

static const struct gospy_location *pub(const struct location *loc)
{
	return loc ? &loc->pub : NULL;
}

static void fill_object(const struct gospy_snapshot *s, const struct g_rec *rec,
			struct gospy_goroutine *ret)
{
	uint32_t status = grec_status(rec);
	if (!rec->chan || status != GOSPY_STATUS_WAITING)
		return;
	const struct chan_rec *chan = &s->capture.chans.at[rec->chan - 1];
	ret->object_kind = (enum gospy_object_kind)chan->kind;
	ret->object = chan->addr;
	if (chan->kind != GOSPY_OBJECT_CHANNEL)
		return;
	ret->channel_known = true;
	ret->channel = (struct gospy_channel){
		.addr = chan->addr,
		.cap = chan->cap,
		.len = chan->len,
		.elem_size = chan->elem_size,
		.closed = chan->closed,
	};
}

static uint64_t stack_hash(const struct gospy_snapshot *s, uint32_t stack)
{
	const uint64_t *pcs;
	const struct stack_rec *rec = stacks_get(&s->capture.stacks, stack, &pcs);
	return rec->hash << 1 | 1;
}

/* src/runtime/runtime2.go:isIdleInSynctest, Go 1.25+. Other reasons that count end in (durable). */
static bool is_durable(const char *reason)
{
	static const char *const reasons[] = {
		"chan receive (nil chan)",
		"chan send (nil chan)",
		"select (no cases)",
		"sleep",
		"sync.Cond.Wait",
		"coroutine",
		"synctest.Run",
		"synctest.Wait",
	};
	static const char suffix[] = "(durable)";
	size_t len = strlen(reason), suffix_len = sizeof(suffix) - 1;
	if (len >= suffix_len && strcmp(reason + len - suffix_len, suffix) == 0)
		return true;
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		if (strcmp(reason, reasons[i]) == 0)
			return true;
	}
	return false;
}

static void fill_bubble(const struct gospy_snapshot *s, const struct g_rec *rec,
			struct gospy_goroutine *ret)
{
	enum { DURABLE_SINCE = 25 };
	const struct rare *rare = capture_rare(&s->capture, rec);
	ret->bubble = rare ? rare->bubble : 0;
	ret->durable = ret->bubble && s->image->version.minor >= DURABLE_SINCE &&
		       ret->status == GOSPY_STATUS_WAITING && ret->wait_reason &&
		       is_durable(ret->wait_reason);
}

void snapshot_goroutine(const struct gospy_snapshot *s, size_t index, struct gospy_goroutine *ret)
{
	const struct g_rec *rec = &s->capture.recs[s->by_index[index]];
	if (rec->soundness == GOSPY_SOUND_UNREADABLE) {
		// Whatever an earlier copy said of it, it cannot be known to be so.
		*ret = (struct gospy_goroutine){
			.addr = rec->addr,
			.soundness = GOSPY_SOUND_UNREADABLE,
			.goid = GOSPY_UNKNOWN,
			.wait_ns = GOSPY_UNKNOWN,
			.m_id = GOSPY_UNKNOWN,
			.sp = GOSPY_UNKNOWN,
		};
		return;
	}
	const struct m_rec *m = schedstate_m(&s->capture.sched, rec->m);
	bool stale = rec->flags & G_PC_STALE;
	uint32_t status = grec_status(rec);
	*ret = (struct gospy_goroutine){
		.addr = rec->addr,
		.goid = rec->goid,
		.parent_goid = rec->parent_goid,
		.stack_id = rec->stack,
		.status = (enum gospy_status)status,
		.scan = rec->status & G_SCAN,
		.locked = rec->flags & G_LOCKED,
		.labels = rec->labels != 0,
		.system = is_system(s, rec),
		.soundness = (enum gospy_soundness)rec->soundness,
		.wait_ns = wait_ns(s, rec),
		.m_id = m ? m->id : GOSPY_UNKNOWN,
		.tid = m ? m->tid : 0,
		.stack_lo = rec->stack_lo,
		.stack_hi = rec->stack_hi,
		.sp = stale ? GOSPY_UNKNOWN : rec->sp,
		.start = pub(rec->start),
		// The runtime itself starts goroutine 1; traceback.go leaves that out as well.
		.creator = rec->goid == 1 ? NULL : pub(rec->creator),
		.current = stale ? NULL : pub(rec->current),
	};
	// waitReasonZero, 0, is no reason (src/runtime/runtime2.go).
	if ((status == GOSPY_STATUS_WAITING || status == GOSPY_STATUS_LEAKED) && rec->waitreason)
		ret->wait_reason = image_wait_reason(s->image, rec->waitreason);
	if (rec->label_set) {
		const struct label_set *set = &s->capture.label_sets.at[rec->label_set - 1];
		ret->label_list = set->list;
		ret->label_count = set->count;
	}
	fill_bubble(s, rec, ret);
	if (rec->stack) {
		ret->user = s->users ? s->users[rec->stack - 1] : NULL;
		ret->stack_hash = stack_hash(s, rec->stack);
	}
	fill_object(s, rec, ret);
}
