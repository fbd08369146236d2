#include "snapshot/snapshot.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/cancel.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/parallel.h"
#include "capture/capture_take.h"
#include "snapshot/ancestor.h"
#include "snapshot/decode_heap.h"
#include "snapshot/decode_objects.h"
#include "snapshot/decode_sched.h"
#include "snapshot/decode_thread.h"
#include "snapshot/decode_wait.h"
#include "snapshot/stack.h"

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

enum { LOCATED_MAX = 8 };

/* Goroutines are in few places, and those that come one after the other in fewer: the last answers
 * are asked first. */
struct locator {
	struct symbols *symbols;
	bool stacks; /* they were asked for: name the frames of go statements, too */
	struct located {
		uint64_t pcs[LOCATED_MAX]; /* 0: nothing is kept here */
		const struct location *locations[LOCATED_MAX];
		unsigned oldest;
	} of[LOCATION_KINDS];
};

static const struct location *locate_anew(struct locator *l, uint64_t pc, enum location_kind kind)
{
	struct located *located = &l->of[kind];
	unsigned i = located->oldest++ % LOCATED_MAX;
	located->pcs[i] = pc;
	located->locations[i] = symbols_location(l->symbols, pc, kind);
	if (l->stacks && kind == LOCATION_CREATOR)
		symbols_frames(l->symbols, pc, false);
	return located->locations[i];
}

static const struct location *locate(struct locator *l, uint64_t pc, enum location_kind kind)
{
	const struct located *located = &l->of[kind];
	if (!pc)
		return NULL;
	for (unsigned i = 0; i < LOCATED_MAX; i++) {
		if (located->pcs[i] == pc)
			return located->locations[i];
	}
	return locate_anew(l, pc, kind);
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
		size_t untied;         /* see keep.h */
		VEC(uint32_t) changed; /* see keep.h */
		bool out_of_memory;
	} workers[PARALLEL_WORKERS];
};

/* Put in the place of its code addresses what they name. */
static void name_record(const struct gospy_snapshot *s, struct tally_worker *w, struct g_rec *rec)
{
	rec->stack = stacks_number(&s->capture.stacks, rec->stack);
	if (rec->soundness == GOSPY_SOUND && !grec_is_dead(rec) && !grec_plausible(rec))
		rec->soundness = GOSPY_SOUND_MOVED;
	if (rec->soundness == GOSPY_SOUND_UNREADABLE)
		return;
	// Dead goroutines count, too: they can be asked for, and by then the target may be gone.
	rec->start = locate(&w->locator, rec->startpc, LOCATION_START);
	rec->creator = locate(&w->locator, rec->gopc, LOCATION_CREATOR);
	rec->current = locate(&w->locator, rec->pc,
			      rec->flags & G_PC_EXACT ? LOCATION_EXACT : LOCATION_RETURN);
	rec->flags |= G_NAMED;
}

static void tally_record(const struct gospy_snapshot *s, struct tally_worker *w, size_t i)
{
	const struct capture *c = &s->capture;
	struct g_rec *rec = &c->recs[i];
	bool changed = !(rec->flags & G_NAMED);
	if (changed)
		name_record(s, w, rec);
	if (changed || c->rearranged)
		c->store->by_index[rec->index] = (uint32_t)i;
	if (c->kept && (changed || rec->soundness != GOSPY_SOUND) &&
	    !vec_push(&w->changed, (uint32_t)i))
		w->out_of_memory = true;
	rec->flags &= (uint8_t)~G_ACTIVE;
	w->untied += !rec->waitsince && grec_is_parked(rec);
	count_soundness(&w->sums, rec);
	if (rec->soundness == GOSPY_SOUND_UNREADABLE)
		return;
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
	for (size_t i; !cancel_asked() && (i = atomic_fetch_add(&t->next, BLOCK)) < c->count;) {
		size_t end = c->count - i < BLOCK ? c->count : i + BLOCK;
		for (; i < end; i++)
			tally_record(s, &t->workers[worker], i);
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

static enum gospy_code tally_all(struct gospy_snapshot *s, struct keep *keep,
				 struct gospy_error *err)
{
	const struct capture *c = &s->capture;
	CLEANUP_FREE struct tally *t = calloc(1, sizeof(*t));
	if (!t)
		return err_nomem(err);
	t->snapshot = s;
	for (unsigned w = 0; w < PARALLEL_WORKERS; w++)
		t->workers[w].locator =
			(struct locator){.symbols = c->symbols, .stacks = s->info.stacks};
	parallel_run(c->count, tally_work, t);
	bool ok = true;
	if (keep)
		keep->changed.len = keep->untied = 0;
	for (unsigned w = 0; w < PARALLEL_WORKERS; w++) {
		struct tally_worker *worker = &t->workers[w];
		add_sums(&s->info, &worker->sums);
		ok = ok && !worker->out_of_memory &&
		     (!keep || keep_note_changed(keep, worker->changed.at, worker->changed.len));
		if (keep)
			keep->untied += worker->untied;
		vec_free(&worker->changed);
	}
	return ok ? cancel_check(err) : err_nomem(err);
}

/* Of all goroutines only those that an M has were counted. */
static void forget_counts(struct gospy_goroutine_counts *counts)
{
	struct gospy_goroutine_counts known = *counts;
	memset(counts, 0xff, sizeof(*counts)); // GOSPY_UNKNOWN
	counts->running = known.running;
	counts->syscall = known.syscall;
}

/* `keep`: of the collector, or NULL. */
static enum gospy_code tally(struct gospy_snapshot *s, struct keep *keep, struct gospy_error *err)
{
	const struct capture *c = &s->capture;
	for (size_t i = 0; i < c->natives.len; i++)
		c->natives.at[i].go.stack = stacks_number(&c->stacks, c->natives.at[i].go.stack);
	if (!c->still || c->rearranged || keep->fing != c->sched.fing)
		return tally_all(s, keep, err);
	keep->changed.len = 0;
	add_sums(&s->info, &keep->sums);
	return GOSPY_OK;
}

/* A core file does not tell the states of its threads. */
static void count_threads(const struct tasks *tasks, struct gospy_thread_counts *ret)
{
	bool known = true;
	for (size_t i = 0; i < tasks->tasks.len; i++) {
		switch (tasks->tasks.at[i].state) {
		case '?':
			known = false;
			break;
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
	if (!known)
		memset(ret, 0xff, sizeof(*ret)); // GOSPY_UNKNOWN
	ret->total = tasks->tasks.len;
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

static void describe(struct gospy_snapshot *s, const struct source *source,
		     const struct gospy_snapshot_options *options)
{
	enum { ADDRESSES_SINCE = 22 }; // src/runtime/traceback.go:goroutineheader
	const struct capture *c = &s->capture;
	struct gospy_snapshot_info *info = &s->info;
	info->time_unix_ns = c->instant_real_ns;
	info->uptime_ns = source_uptime_ns(source, c->instant_boot_ns);
	info->non_blocking = (options->non_blocking && !source->frozen) || c->gave_up;
	info->instant = c->instant;
	info->stopped_threads = c->interrupted;
	info->not_stopped = c->gave_up ? c->why : NULL;
	if (source->taken.known) {
		info->non_blocking = source->taken.non_blocking;
		info->instant = source->taken.instant;
		info->stopped_threads = source->taken.stopped_threads;
	}
	s->redacted = source->taken.redacted;
	info->exact = c->exact;
	info->labels_printed = labels_printed(s->image);
	info->addresses_printed = s->image->version.minor >= ADDRESSES_SINCE;
	info->stacks = options->stacks;
	info->native = options->native;
	info->arguments = options->stacks && options->arguments;
	info->paused_ns = source->taken.known ? source->taken.paused_ns : c->paused_ns;
	info->active = c->active;
	info->scope = options->scope;
	info->p_count = c->sched.ps.len;
	info->m_count = c->sched.ms.len;
	if (c->grew_too_fast)
		info->problem = "more goroutines were started during the snapshot than it had room "
				"for: the newest are missing";
	if (c->lists_tasks)
		count_threads(&c->tasks, &info->threads);
	else
		memset(&info->threads, 0xff, sizeof(info->threads)); // GOSPY_UNKNOWN
	decode_sched(s->image, &c->sched, &info->sched);
	info->max_threads = blob_value(&c->sched.sched, s->image->layout.schedt.maxmcount);
	if (options->scope == GOSPY_SCOPE_ALL || options->figures) {
		decode_heap(s->image, &c->sched, &info->heap, &info->gc_cpu);
	} else {
		memset(&info->heap, 0xff, sizeof(info->heap));
		memset(&info->gc_cpu, 0xff, sizeof(info->gc_cpu));
	}
	if (!info->problem && options->figures)
		info->problem = missing_figures(s->image);
}

/* Say it in words, behind what else is missing. */
static bool describe_missing(struct gospy_snapshot *s)
{
	struct gospy_snapshot_info *info = &s->info;
	const struct gospy_missing *missing = &s->capture.missing;
	const struct {
		uint64_t count;
		const char *what;
	} parts[] = {
		{missing->entries, info->scope == GOSPY_SCOPE_ALL
					   ? "entries of runtime.allgs that are no g's"
					   : "goroutines of M's that cannot be such"},
		{missing->stacks, "goroutines' stacks"},
		{missing->arguments, "goroutines' arguments"},
		{missing->ancestors, "goroutines' ancestors"},
		{missing->labels, "goroutines' labels"},
		{s->capture.unnamed_files, "files' names of C functions"},
	};
	CLEANUP(strbuf_deinit) struct strbuf b = {0};
	if (info->problem)
		strbuf_puts(&b, info->problem);
	size_t before = b.len;
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (!parts[i].count)
			continue;
		if (b.len == before)
			strbuf_printf(&b, "%snot shown, since they cannot be so or are too much: ",
				      before ? "; " : "");
		else
			strbuf_puts(&b, ", ");
		strbuf_printf(&b, "%" PRIu64 " %s", parts[i].count, parts[i].what);
	}
	info->missing = *missing;
	if (b.len > before)
		info->problem = b.failed ? NULL : arena_strndup(&s->arena, b.s, b.len);
	return b.len == before || info->problem;
}

/* Are there more goroutines than stacks are to be walked of? If that cannot be read, the capture
 * says so. */
static bool are_too_many(const struct image *image, uint64_t limit)
{
	uint64_t n;
	return limit && !mem_read_u64(image->mem, image->globals.allglen.addr, &n, NULL) &&
	       n > limit;
}

enum gospy_code snapshot_take(struct source *source, struct image *image,
			      const struct gospy_snapshot_options *options, struct keep *keep,
			      struct gospy_snapshot **ret, struct gospy_error *err)
{
	uint64_t begin_ns = clock_mono_ns();
	struct gospy_snapshot *s = calloc(1, sizeof(*s));
	if (!s)
		return err_nomem(err);
	struct gospy_snapshot_options how = *options;
	how.channels |= how.objects;
	how.stacks = how.stacks && !are_too_many(image, how.stack_limit);
	struct keep *kept = how.scope == GOSPY_SCOPE_ALL ? keep : NULL;
	s->image = image_ref(image);
	s->system = how.system;
	enum gospy_code code = capture_take(source, image, &how, keep, &s->capture, err);
	if (!code) {
		describe(s, source, &how);
		code = tally(s, kept, err);
	}
	if (!code && how.scope == GOSPY_SCOPE_RUNNING)
		forget_counts(&s->info.goroutines);
	if (!code && kept)
		keep_end(kept, &s->capture, &how, &s->info);
	if (!code && !describe_missing(s))
		code = err_nomem(err);
	if (!code)
		code = snapshot_name_stacks(s, err);
	if (!code)
		snapshot_name_ancestors(s);
	if (!code)
		code = decode_ps(&s->capture, &s->arena, &s->ps, err);
	if (!code)
		code = decode_ms(&s->capture, &s->arena, &s->ms, err);
	if (!code)
		code = decode_threads(&s->capture, &s->arena, &s->threads, err);
	if (!code)
		code = decode_selects(&s->capture, &s->arena, &s->select_cases, err);
	if (!code)
		code = decode_objects(&s->capture, source, image, &s->arena, &s->objects, err);
	if (code) {
		snapshot_destroy(s);
		return code;
	}
	if (!s->info.problem && symbols_full(s->capture.symbols))
		s->info.problem = "more different program counters were found than are looked up: "
				  "some places are not known";
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
	stack_view_deinit(&s->view);
	arena_deinit(&s->arena);
	free(s);
}

/* Where the clock of the instant is not known: for how long at least. */
static uint64_t wait_ns(const struct gospy_snapshot *s, const struct g_rec *rec)
{
	uint32_t status = grec_status(rec);
	if (!rec->waitsince || (status != GOSPY_STATUS_WAITING && status != GOSPY_STATUS_SYSCALL &&
				status != GOSPY_STATUS_LEAKED))
		return GOSPY_UNKNOWN;
	uint64_t now = s->capture.instant_mono_ns;
	if (now == GOSPY_UNKNOWN)
		now = s->capture.instant_least_ns;
	if (now == GOSPY_UNKNOWN)
		return GOSPY_UNKNOWN;
	return now > rec->waitsince ? now - rec->waitsince : 0;
}

static const struct gospy_location *pub(const struct location *loc)
{
	return loc ? &loc->pub : NULL;
}

static void fill_object(const struct gospy_snapshot *s, const struct g_rec *rec,
			struct gospy_goroutine *ret)
{
	if (!rec->chan || rec->chan > s->capture.chans.len || !grec_waits(rec))
		return;
	const struct chan_rec *chan = &s->capture.chans.at[rec->chan - 1];
	ret->object_kind = (enum gospy_object_kind)chan->kind;
	ret->object = chan->addr;
	if (chan->kind != GOSPY_OBJECT_CHANNEL)
		return;
	ret->channel_known = true;
	ret->channel = (struct gospy_channel){
		.addr = chan->addr,
		.cap = chan->of.chan.cap,
		.len = chan->of.chan.len,
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

static uint64_t departures(const struct gospy_snapshot *s, const struct g_rec *rec)
{
	bool counted = field_present(s->image->layout.g.trackingSeq) && grec_is_parked(rec) &&
		       rec->soundness != GOSPY_SOUND_TORN && !s->capture.uncounted[rec->waitreason];
	return counted ? rec->seq : GOSPY_UNKNOWN;
}

static const struct gospy_syscall *syscall_of(const struct gospy_snapshot *s,
					      const struct g_rec *rec)
{
	uint32_t g = (uint32_t)(rec - s->capture.recs);
	size_t lo = 0, hi = s->syscall_count;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (s->syscalls[mid].g < g)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < s->syscall_count && s->syscalls[lo].g == g ? &s->syscalls[lo].is : NULL;
}

void snapshot_goroutine(const struct gospy_snapshot *s, size_t index, struct gospy_goroutine *ret)
{
	const struct g_rec *rec = &s->capture.recs[s->capture.store->by_index[index]];
	if (rec->soundness == GOSPY_SOUND_UNREADABLE) {
		// An earlier copy may have said something of it, but nobody can know that it is so.
		*ret = (struct gospy_goroutine){
			.addr = rec->addr,
			.soundness = GOSPY_SOUND_UNREADABLE,
			.goid = GOSPY_UNKNOWN,
			.wait_ns = GOSPY_UNKNOWN,
			.m_id = GOSPY_UNKNOWN,
			.sp = GOSPY_UNKNOWN,
			.departures = GOSPY_UNKNOWN,
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
		.m_addr = rec->flags & G_ON_M ? rec->m : 0,
		.tid = m ? m->tid : 0,
		.stack_lo = rec->stack_lo,
		.stack_hi = rec->stack_hi,
		.sp = stale ? GOSPY_UNKNOWN : rec->sp,
		.start = pub(rec->start),
		// The runtime itself starts goroutine 1; traceback.go leaves that out as well.
		.creator = rec->goid == 1 ? NULL : pub(rec->creator),
		.current = stale ? NULL : pub(rec->current),
		.departures = departures(s, rec),
	};
	ret->wait_at_least =
		ret->wait_ns != GOSPY_UNKNOWN && s->capture.instant_mono_ns == GOSPY_UNKNOWN;
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
		ret->stack_hash = stack_hash(s, rec->stack);
		if (s->places) {
			const struct stack_places *places = &s->places[rec->stack - 1];
			ret->user = places->user;
			ret->user_origin = places->user_origin;
			ret->call = places->call;
		}
	}
	fill_object(s, rec, ret);
	decode_wait(&s->capture, s->select_cases, rec, ret);
	ret->syscall = syscall_of(s, rec);
	if (ret->syscall)
		ret->wait_kind = GOSPY_WAIT_SYSCALL;
	if (ret->wait_kind == GOSPY_WAIT_FD && s->capture.chans.at[rec->chan - 1].of.poll.same)
		ret->descriptor =
			decode_descriptor(s->descriptors, s->descriptor_count, ret->wait_fd);
}
