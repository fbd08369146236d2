#include "capture/capture_take.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "base/cancel.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "capture/collect.h"
#include "capture/collect_chan.h"
#include "capture/collect_holders.h"
#include "capture/collect_label.h"
#include "capture/collect_native.h"
#include "capture/collect_poll.h"
#include "capture/collect_quiet.h"
#include "capture/collect_rare.h"
#include "capture/collect_sema.h"
#include "capture/collect_stack.h"
#include "capture/collect_thread.h"
#include "capture/collect_wait.h"
#include "capture/match_tids.h"
#include "capture/newest_time.h"
#include "capture/place.h"

static const uint64_t default_max_pause_ns = 1000000000;

/* How many bytes a capture may use for what the target claims, and how many more for each g that
 * has a record. The records themselves come on top, with arrays of the same length: about 200 bytes
 * each. Together with the program itself, SYMBOLS_MAX and 64 MiB of native stacks that stays below
 * 256 MiB, and below 400 bytes a goroutine. */
enum {
	BUDGET_BYTES = 96 << 20,
	BUDGET_BYTES_EACH = 192,
	/* How many reads: a second's worth, and some for what each goroutine may have. */
	BUDGET_READS = 1 << 19,
	BUDGET_READS_EACH = 8,
};

/* Thread ids of the target's PID namespace to ours; empty when they are the same. */
static enum gospy_code map_tids(const struct source *source, const struct tasks *tasks,
				struct map *ret, struct gospy_error *err)
{
	for (size_t i = 0; source->namespaced && i < tasks->tasks.len; i++) {
		uint64_t *tid = map_put(ret, (uint64_t)tasks->tasks.at[i].nstid);
		if (!tid)
			return err_nomem(err);
		*tid = (uint64_t)tasks->tasks.at[i].tid;
	}
	return GOSPY_OK;
}

static struct g_rec *find_g(struct capture *c, uint64_t addr)
{
	const struct g_rec *rec = capture_g(c, addr);
	return rec ? &c->recs[rec - c->recs] : NULL;
}

/* The goroutine that runs on an M, or NULL. */
static struct g_rec *running_on(struct capture *c, const struct m_rec *m)
{
	struct g_rec *rec = m->curg ? find_g(c, m->curg) : NULL;
	return rec && grec_status(rec) == GOSPY_STATUS_RUNNING ? rec : NULL;
}

/* Place all goroutines that run. The places of a record that was kept are known. */
static void place_all_running(struct passes *p)
{
	struct capture *c = p->capture;
	for (size_t i = 0; i < c->sched.ms.len; i++) {
		const struct m_rec *m = &c->sched.ms.at[i];
		struct g_rec *rec = m->has_place ? running_on(c, m) : NULL;
		if (rec && rec->soundness == GOSPY_SOUND && !(rec->flags & G_NAMED))
			place_running(p, rec, m);
	}
}

/* Is it a snapshot of those goroutines alone that an M has? Then all are read in the moment. */
static bool is_of_ms(const struct passes *p)
{
	return p->options->scope == GOSPY_SCOPE_RUNNING;
}

/* Does everything have to be read while nothing runs? Without the counter nothing else proves
 * anything, and where no thread is held, or memory cannot change, that is the shortest way. */
static bool needs_moment(const struct passes *p)
{
	return p->options->exact || p->watches || p->source->frozen ||
	       !field_present(p->image->layout.g.trackingSeq);
}

struct stop_work {
	struct passes *passes;
	const struct map *tids;
	size_t active_done, all_done; /* how far the deadline let it come */
	struct stopped_stacks *stacks;
	struct native_work *native; /* NULL: not asked for */
	struct map ms;              /* tid -> 1 + position in sched.ms, before the stop */
	bool declined;              /* something ran, and there is too much to read it now */
};

/* Forget what the visit of a failed attempt has left. */
static void forget_attempt(struct stop_work *work)
{
	struct capture *c = work->passes->capture;
	for (size_t i = 0; i < c->chans.len; i++)
		c->recs[c->chans.at[i].g].chan = 0;
	c->chans.len = c->select_cases.len = 0;
	c->grew_too_fast = false;
	stopped_stacks_destroy(work->stacks);
	work->stacks = NULL;
}

/* Read the g's that are read in the moment. */
static enum gospy_code read_gs(struct stop_work *work, uint64_t deadline_ns,
			       struct gospy_error *err)
{
	struct passes *p = work->passes;
	enum gospy_code code = p->capture->exact
				       ? collect_all_stopped(p, deadline_ns, &work->all_done, err)
				       : GOSPY_OK;
	if (!code && is_of_ms(p))
		collect_keep_on_ms(p->capture, &work->all_done);
	return code ? code : collect_stopped(p, deadline_ns, &work->active_done, err);
}

/* A part of read_stopped while the target still runs. Its result is overwritten, but for the
 * newborn g's, which are known by then. */
static void rehearse(void *ctx)
{
	static const uint64_t enough_ns = 1000000;
	struct stop_work *work = ctx;
	struct passes *p = work->passes;
	struct gospy_error err;
	forget_attempt(work);
	mem_record(p->image->mem, false);
	// Where all is read in the moment, the M's were read just now, or in the attempt before.
	if (is_of_ms(p))
		read_gs(work, clock_mono_ns() + enough_ns, &err);
	else if (!schedstate_reread(&p->capture->sched, p->image, NULL, work->tids, &err)) {
		mem_record(p->image->mem, true);
		enum gospy_code code = collect_newborn(p, 0, &err);
		mem_record(p->image->mem, false);
		if (!code)
			code = collect_stopped(p, clock_mono_ns() + enough_ns, &work->active_done,
					       &err);
		if (!code)
			code = collect_polls_rehearse(p, &err);
		(void)code; // what fails here may be done all the same
	}
	mem_record(p->image->mem, true);
	map_deinit(&work->ms);
	if (!capture_index_ms(p->capture, &work->ms))
		p->out_of_memory = true;
}

/* The return address of the function that makes such a call is in a register only: symbols.h. */
static bool is_vfork(const struct place *place)
{
	return place->syscall == SYS_vfork || place->syscall == SYS_clone3 ||
	       (place->syscall == SYS_clone && place->arg0 & CLONE_VFORK);
}

/* The kernel tells where a thread is that does not run. That is enough if the thread is on the
 * stack of its goroutine. */
static bool needs_regs(void *ctx, pid_t tid, const struct place *place)
{
	struct stop_work *work = ctx;
	struct capture *c = work->passes->capture;
	const uint64_t *at = map_get(&work->ms, (uint64_t)tid);
	const struct m_rec *m = at && *at <= c->sched.ms.len ? &c->sched.ms.at[*at - 1] : NULL;
	if (is_vfork(place) || (work->native && collect_native_wants(work->native, m, place->sp)))
		return true;
	const struct g_rec *rec = m ? running_on(c, m) : NULL;
	return rec && !(place->sp > rec->stack_lo && place->sp <= rec->stack_hi);
}

/* The instant is now. In a stop all has been stopped: what began before is there, nothing else. */
static void note_instant(struct capture *c, const struct source *source)
{
	c->instant_real_ns = source_clock_ns(source, SOURCE_REAL);
	c->instant_boot_ns = source_clock_ns(source, SOURCE_BOOT);
	c->instant_mono_ns = source_clock_ns(source, SOURCE_MONO);
}

/* Nothing has run since the capture before: what was copied then is right. */
static enum gospy_code read_nothing_new(struct stop_work *work, uint64_t deadline_ns,
					struct gospy_error *err)
{
	struct passes *p = work->passes;
	p->active.len = 0;
	work->active_done = 0;
	work->all_done = p->capture->sorted;
	collect_semas_stopped(p, deadline_ns);
	return p->options->channels ? collect_channels(p, true, 0, err) : GOSPY_OK;
}

/* With what a collector keeps, everything may be read in the moment, but not if that might take
 * long: the longer it takes, the less likely nothing runs meanwhile. */
static bool is_too_much(const struct passes *p)
{
	enum { STACKS_FEW = 4096, NEWBORN_FEW = 4096 };
	const struct capture *c = p->capture;
	return p->keep->rest || (p->options->stacks && p->keep->untied > STACKS_FEW) ||
	       c->sched.allglen < c->listed || c->sched.allglen - c->listed > NEWBORN_FEW;
}

/* Do all that has to be done while the target stands still; each attempt does it anew. */
static enum gospy_code read_stopped(void *ctx, const struct moment *moment, struct gospy_error *err)
{
	struct stop_work *work = ctx;
	struct passes *p = work->passes;
	struct capture *c = p->capture;
	note_instant(c, p->source);
	forget_attempt(work); // of a visit before this one
	work->declined = false;
	enum gospy_code code = schedstate_reread(&c->sched, p->image, moment, work->tids, err);
	c->still = !code && c->kept && keep_is_still(p->keep, moment, &c->same_threads);
	if (c->still)
		return read_nothing_new(work, moment->deadline_ns, err);
	if (!code && p->at_once && is_too_much(p)) {
		work->declined = true;
		return err_set(err, GOSPY_E_LIMIT, "too much has changed");
	}
	p->spent = p->at_once;
	if (!code)
		code = is_of_ms(p) ? collect_on_ms(c, err)
				   : collect_newborn(p, moment->deadline_ns, err);
	if (!code)
		code = read_gs(work, moment->deadline_ns, err);
	if (!code)
		place_all_running(p);
	if (!code && p->options->stacks)
		code = collect_stopped_stacks(p, moment, &work->stacks, err);
	if (!code && work->native)
		code = collect_native_stopped(work->native, moment, moment->deadline_ns, err);
	if (!code && p->options->channels && work->active_done == p->active.len)
		code = collect_channels(p, true, moment->deadline_ns, err);
	bool late = clock_mono_ns() >= moment->deadline_ns;
	if (!code && work->active_done == p->active.len && !late)
		code = collect_semaphores(p, true, err);
	if (!code && work->active_done == p->active.len && work->all_done == c->sorted)
		code = collect_polls_stopped(p, err);
	if (!code)
		collect_semas_stopped(p, moment->deadline_ns);
	return code;
}

/* A thread that waited for a processor all the time has reported where it is. */
static void settle(void *ctx, const struct moment_thread *thread)
{
	struct stop_work *work = ctx;
	struct passes *p = work->passes;
	struct capture *c = p->capture;
	for (size_t i = 0; i < c->sched.ms.len; i++) {
		struct m_rec *m = &c->sched.ms.at[i];
		if (m->tid != thread->tid)
			continue;
		m_rec_place(m, thread);
		struct g_rec *rec = m->has_place ? running_on(c, m) : NULL;
		if (!rec || rec->soundness != GOSPY_SOUND)
			continue;
		place_running(p, rec, m);
		if (p->options->stacks && !rec->stack)
			collect_stack_here(p, rec, true);
	}
	if (work->native)
		collect_native_late(work->native, thread);
}

/* Mark the goroutines that are not of one instant: those of threads that ran in the moment, and
 * those whose thread is not known. */
static void mark_moved(struct capture *c, const struct source *source, const struct moment *moment)
{
	// Of a bundle without a stop the marks tell how well each was read.
	bool marked = source->taken.known && source->taken.non_blocking;
	for (size_t i = 0; moment->moved && i < c->sched.ms.len; i++) {
		const struct m_rec *m = &c->sched.ms.at[i];
		const struct moment_thread *thread = m->tid ? moment_find(moment, m->tid) : NULL;
		struct g_rec *rec = m->curg ? find_g(c, m->curg) : NULL;
		if (!rec || (thread && thread->state != MOMENT_MOVED) ||
		    rec->soundness != GOSPY_SOUND)
			continue;
		rec->soundness = marked ? GOSPY_SOUND : GOSPY_SOUND_MOVED;
		rec->stack = rec->values = 0; // if it was walked in the moment
		if (grec_status(rec) == GOSPY_STATUS_RUNNING)
			rec->flags |= G_PC_STALE;
	}
}

/* `*reached_ret`: see capture_stopping. */
static enum gospy_code stop_and_read(struct stop_work *work, uint64_t max_pause_ns,
				     bool *reached_ret, struct gospy_error *err)
{
	struct passes *p = work->passes;
	struct capture *c = p->capture;
	passes_report(p, GOSPY_PHASE_STOP, 0, 1);
	const struct moment_work work_of = {
		// Where nothing is held, nobody waits for what has to be fetched first.
		.rehearse = p->watches ? NULL : rehearse,
		.needs_regs = needs_regs,
		.visit = read_stopped,
		.settle = settle,
		.ctx = work,
		.insist = needs_moment(p),
		.kept = p->kept,
	};
	struct moment moment = {0};
	enum gospy_code code =
		p->watches ? source_watch(p->source, max_pause_ns, &work_of, &moment, err)
			   : source_stop(p->source, max_pause_ns, &work_of, &moment, err);
	c->paused_ns += moment.stopped_ns;
	c->interrupted = moment.interrupted;
	*reached_ret = (moment.reached && !work->declined) || code != GOSPY_E_LIMIT;
	p->doubt = moment.moved != 0;
	c->instant = !p->doubt;
	if (!code)
		mark_moved(c, p->source, &moment);
	if (!code && p->keep)
		keep_note_threads(p->keep, &moment);
	if (!code && p->options->threads)
		code = collect_threads(c, &moment, err);
	moment_deinit(&moment);
	return code;
}

/* How well it was read when the bundle was made. */
static void take_marks(struct capture *c, const struct source *source)
{
	for (size_t i = 0; i < source->taken.mark_count; i++) {
		const struct source_mark *mark = &source->taken.marks[i];
		struct g_rec *rec = find_g(c, mark->g);
		if (!rec || mark->soundness > GOSPY_SOUND_UNREADABLE)
			continue;
		rec->soundness = (uint8_t)mark->soundness;
		if (grec_status(rec) == GOSPY_STATUS_RUNNING)
			rec->flags |= G_PC_STALE;
	}
}

/* After the stop. */
static enum gospy_code collect_rest(struct passes *p, struct stop_work *work,
				    struct gospy_error *err)
{
	struct capture *c = p->capture;
	enum gospy_code code = schedstate_fix(&c->sched, p->image, err);
	schedstate_fix_allgs(p->image, c->listed_in, c->listed);
	if (!code)
		code = collect_late(p, work->active_done, work->all_done, err);
	c->active = c->still ? 0 : c->exact ? c->count : p->active.len;
	if (!code)
		code = passes_limit_objects(p, err);
	if (!code && p->options->channels)
		code = collect_channels(p, false, 0, err);
	if (!code)
		code = collect_semaphores(p, false, err);
	if (!code && p->options->labels && !p->source->taken.no_labels)
		code = collect_labels(p, err);
	if (!code)
		code = collect_rare(p, err);
	if (!code)
		code = collect_waits(p, err);
	if (!code)
		code = p->put_off ? collect_stacks_now(p, err)
				  : mem_record_now(p->image->mem, NULL, err);
	if (!code && (!c->exact || p->options->channels || p->doubt))
		code = collect_verify(p, !c->exact || p->doubt, err);
	// The sooner the verification comes, the less has moved; walking can wait.
	if (!code && work->stacks)
		code = collect_stopped_walk(p, work->stacks, err);
	if (!code && work->native)
		code = collect_native_walk(work->native, err);
	if (!code && p->options->stacks && !c->still)
		code = collect_late_stacks(p, err);
	return code;
}

/* Copy what is copied before the moment. `puts_off`: nothing is recorded yet. */
static enum gospy_code copy_running(struct passes *p, bool puts_off, struct gospy_error *err)
{
	const struct capture *c = p->capture;
	bool stacks = p->options->stacks;
	if (p->at_once || is_of_ms(p) || (c->exact && !stacks))
		return GOSPY_OK;
	// An earlier capture stands for the first pass.
	bool once = c->kept && !c->exact;
	enum gospy_code code = once ? collect_active(p, err) : collect_first(p, err);
	if (!code && stacks)
		code = puts_off && !c->exact ? collect_stacks_later(p, err)
					     : collect_stacks(p, err);
	if (!code && !c->exact && !once)
		code = collect_active(p, err);
	return code;
}

/* Make the double collect, or, without the counter that it leans on (Go before 1.17), read all g's
 * in the stop. `*reached_ret`: false if the process could not be made to stand still. */
static enum gospy_code capture_stopping(struct passes *p, const struct map *tids, bool *reached_ret,
					struct gospy_error *err)
{
	struct capture *c = p->capture;
	struct stop_work work = {.passes = p, .tids = tids, .all_done = c->sorted};
	uint64_t max_pause_ns =
		p->options->max_pause_ns ? p->options->max_pause_ns : default_max_pause_ns;
	*reached_ret = true;
	c->exact = needs_moment(p) || is_of_ms(p);
	// The verification proves what is read before it, and a core file never changes. Where all
	// are active it asks nothing, though stacks of those that were parked are of before.
	bool proves = !c->exact && !collect_all_are_active(c);
	bool puts_off = mem_record_later(p->image->mem, proves || p->source->frozen);
	enum gospy_code code = copy_running(p, puts_off, err);
	if (!code && p->options->native)
		code = collect_native_prepare(p, &work.native, err);
	if (!code)
		code = collect_semas_prepare(p, err);
	if (!code)
		code = stop_and_read(&work, max_pause_ns, reached_ret, err);
	if (!code)
		code = collect_rest(p, &work, err);
	stopped_stacks_destroy(p->stopped); // of an attempt before
	p->stopped = work.stacks;
	collect_stacks_forget(p);
	native_work_destroy(work.native);
	map_deinit(&work.ms);
	return code;
}

static enum gospy_code capture_running(struct passes *p, const struct map *tids,
				       struct gospy_error *err)
{
	struct capture *c = p->capture;
	p->validates = true;
	mem_record_later(p->image->mem, false);
	c->semas.len = 0; // there is no instant
	stopped_stacks_destroy(p->stopped);
	p->stopped = NULL;
	enum gospy_code code = GOSPY_OK;
	// It was listed before.
	schedstate_fix_allgs(p->image, c->listed_in, c->listed);
	if (is_of_ms(p) && !(code = schedstate_read(&c->sched, p->image, tids, err)))
		code = collect_on_ms(c, err);
	if (!code)
		code = collect_validated(p, err);
	if (!code && p->options->stacks)
		code = collect_validated_stacks(p, err);
	if (!code)
		code = collect_quiet(p, tids, err);
	if (!code)
		code = schedstate_fix(&c->sched, p->image, err);
	size_t read = c->count;
	if (!code && is_of_ms(p))
		collect_keep_on_ms(c, &read);
	if (!code && p->options->labels && !p->source->taken.no_labels)
		code = collect_labels(p, err);
	if (!code)
		code = collect_rare(p, err);
	if (!code)
		code = passes_limit_objects(p, err);
	if (!code && p->options->channels && !(code = collect_channels(p, false, 0, err)) &&
	    !(code = collect_semaphores(p, false, err)) && !(code = collect_waits(p, err)))
		code = collect_verify(p, false, err);
	if (!code && p->options->threads)
		code = collect_threads(c, NULL, err);
	return code;
}

enum { G_FEW = 1 << 16 }; /* so few g's are not worth the question */

/* The runtime has written to each g, so each lies in memory that is the process's own, resident or
 * swapped out. There cannot be more g's than fit into that, whatever allglen says. */
static uint64_t most_gs(struct source *source, const struct image *image)
{
	uint64_t size = image->layout.g.size, bytes = source_private_bytes(source);
	return !size || bytes == GOSPY_UNKNOWN ? G_MAX : bytes / size + G_FEW;
}

/* Count the goroutines whose stack or arguments did not fit. */
static void count_missing(struct capture *c)
{
	for (size_t i = 0; i < c->count; i++) {
		const uint64_t *pcs;
		uint32_t stack = c->recs[i].stack;
		if (!(c->recs[i].flags & G_NAMED))
			stack = stacks_number(&c->stacks, stack);
		if (stack && stacks_get(&c->stacks, stack, &pcs)->end == UNWIND_NO_MEMORY)
			c->missing.stacks++;
		c->missing.arguments += c->recs[i].values == STACKS_NO_VALUES;
	}
}

static enum gospy_code read_nothing(void *ctx, const struct moment *moment, struct gospy_error *err)
{
	(void)ctx;
	(void)moment;
	(void)err;
	return GOSPY_OK;
}

/* Is it worth trying for one instant without a stop? Stacks are walked before, and in vain if
 * something runs. To find out that nothing runs takes no more than a look at each thread. */
static bool is_worth_a_try(const struct passes *p)
{
	if (!p->options->stacks || is_of_ms(p))
		return true;
	const struct moment_work work = {.visit = read_nothing, .kept = p->kept};
	struct moment moment = {0};
	bool quiet = !source_watch(p->source, default_max_pause_ns, &work, &moment, NULL);
	moment_deinit(&moment);
	return quiet;
}

/* May it be that nothing has run since the capture before? */
static bool may_be_still(const struct keep *keep, const struct gospy_snapshot_options *options)
{
	return keep->quiet && !options->native;
}

/* Read everything, with what is kept of an earlier capture, in a moment in which nothing runs.
 * `*done_ret`: false if something did run. */
static enum gospy_code capture_at_once(struct passes *p, const struct map *tids, bool *done_ret,
				       struct gospy_error *err)
{
	p->watches = p->at_once = true;
	enum gospy_code code = capture_stopping(p, tids, done_ret, err);
	p->at_once = false;
	keep_note_try(p->keep, p->spent, *done_ret);
	if (*done_ret)
		return code;
	passes_forget_stop(p);
	return GOSPY_OK;
}

/* Add the g's that have come since the capture before. */
static enum gospy_code list_more_gs(struct capture *c, const struct image *image,
				    struct gospy_error *err)
{
	if (c->sorted == c->count && c->sched.allglen == c->listed)
		return GOSPY_OK;
	c->rearranged = true;
	return collect_listed(c, image, err);
}

/* What was not read before the moment because the capture before has told it: see read_first(). */
static enum gospy_code catch_up(struct passes *p, const struct map *tids, struct gospy_error *err)
{
	struct capture *c = p->capture;
	enum gospy_code code = schedstate_read(&c->sched, p->image, tids, err);
	note_instant(c, p->source);
	if (code)
		return code;
	c->outgrown = !keep_has_room(c);
	return c->outgrown ? err_set(err, GOSPY_E_LIMIT, "more goroutines were born than expected")
			   : list_more_gs(c, p->image, err);
}

/* Make it of one instant where that is possible: without a stop that is so only while nothing runs.
 */
static enum gospy_code capture_gs(struct passes *p, const struct map *tids, struct gospy_error *err)
{
	enum { TRIES = 2, MOMENT_NS = 100 * 1000 * 1000 };
	struct capture *c = p->capture;
	struct gospy_error own;
	bool stops = !p->options->non_blocking || p->source->frozen;
	enum gospy_code code = GOSPY_OK;
	err = err ? err : &own;
	collect_uncounted(p);
	if (c->kept && may_be_still(p->keep, p->options)) {
		bool done;
		code = capture_at_once(p, tids, &done, err);
		if (!done && !code)
			code = catch_up(p, tids, err);
		if (done || code)
			return code;
	}
	p->watches = !stops;
	for (unsigned i = 0; stops ? i < TRIES : !i && is_worth_a_try(p); i++) {
		bool reached;
		code = capture_stopping(p, tids, &reached, err);
		if (reached)
			return code;
		passes_forget_stop(p);
		if (stops && i + 1 < TRIES && cancel_sleep(MOMENT_NS, err))
			return GOSPY_E_CANCELLED;
	}
	if (stops) {
		c->gave_up = true;
		memcpy(c->why, err->msg, sizeof(c->why));
		if (p->options->native)
			return code;
	}
	c->instant = c->exact = c->still = false;
	c->interrupted = 0;
	if (p->keep)
		p->keep->quiet = false;
	return capture_running(p, tids, err);
}

/* List the goroutines that there are: those that are kept, or all of allgs. */
static enum gospy_code list_gs(struct passes *p, struct gospy_error *err)
{
	struct capture *c = p->capture;
	if (is_of_ms(p))
		return collect_on_ms(c, err);
	return c->kept ? list_more_gs(c, p->image, err)
		       : collect_allgs(c, p->image,
				       c->sched.allglen > G_FEW ? most_gs(p->source, p->image)
								: G_FEW,
				       err);
}

/* Find out what there is to be read. If nothing ran at the instant of the capture before, nothing
 * may have run since: then there is what there was, and the moment is to tell whether it is so. */
static enum gospy_code read_first(struct passes *p, const struct map *tids, struct gospy_error *err)
{
	struct capture *c = p->capture;
	struct keep *keep = p->keep;
	bool known = keep && keep->last;
	enum gospy_code code = GOSPY_OK;
	if (known && may_be_still(keep, p->options)) {
		c->sched.allglen = keep->listed;
		code = schedstate_prepare(&c->sched, p->image, err);
		if (!code)
			code = keep_begin(keep, c, p->options, BUDGET_BYTES / 2, err);
	}
	if (code || c->kept)
		return code ? code : list_more_gs(c, p->image, err);
	code = schedstate_read(&c->sched, p->image, tids, err);
	// Without a stop, goroutines that begin later are not seen.
	note_instant(c, p->source);
	if (!code && keep)
		code = keep_begin(keep, c, p->options, BUDGET_BYTES / 2, err);
	return code ? code : list_gs(p, err);
}

static bool make_room(struct passes *p, struct keep *keep)
{
	struct bulk_room **room = keep ? &keep->room : &p->room;
	if (!*room)
		*room = bulk_room_create(p->capture->count);
	p->room = *room;
	return p->room;
}

static enum gospy_code capture_all(struct source *source, struct image *image,
				   const struct gospy_snapshot_options *options, struct keep *keep,
				   struct capture *c, struct gospy_error *err)
{
	// With what is kept the check at the end is enough: until then nothing is known to be new.
	bool of_ms = options->scope == GOSPY_SCOPE_RUNNING;
	bool known = keep && (of_ms ? keep->ms.len != 0 : keep->last != NULL);
	enum gospy_code code = known ? GOSPY_OK : image_check(image, source, err);
	c->lists_tasks = !of_ms || options->threads;
	// Whether a thread is the same is asked of the capture before that is of the same scope.
	struct source_kept **kept = !keep ? NULL : of_ms ? &keep->small_source : &keep->source;
	bool is_core = source->kind == GOSPY_TARGET_CORE || source->taken.of_core;
	if (!code && (c->lists_tasks || kept || source->namespaced || is_core))
		code = source_tasks(source, kept, &c->tasks, err);
	if (!code && !(c->symbols = symbolizer_hold(&image->symbolizer)))
		code = err_nomem(err);
	if (code)
		return code;
	struct map tid_map = {0};
	struct passes passes = {
		.capture = c,
		.source = source,
		.image = image,
		.options = options,
		.keep = of_ms ? NULL : keep, // what is kept is of all g's
		.kept = kept ? *kept : NULL,
	};
	c->pool = !keep ? NULL : of_ms ? keep->small_pool : keep->pool;
	collect_object_kinds(&passes);
	collect_wait_kinds(&passes);
	bool differ = source->namespaced;
	code = is_core ? match_tids(source, image, &c->tasks, &tid_map, &differ, err)
		       : map_tids(source, &c->tasks, &tid_map, err);
	const struct map *tids = differ ? &tid_map : NULL;
	if (!code && !collect_stacks_prepare(&passes))
		code = err_nomem(err);
	if (!code && keep && !schedstate_expect(&c->sched, keep->ms.at, keep->ms.len))
		code = err_nomem(err);
	if (!code)
		code = read_first(&passes, tids, err);
	budget_init(&passes.budget, BUDGET_BYTES + c->count * BUDGET_BYTES_EACH,
		    BUDGET_READS + c->count * BUDGET_READS_EACH);
	if (!code && !make_room(&passes, keep))
		code = err_nomem(err);
	if (!code && (options->stacks || options->native))
		stacks_init(&c->stacks, &c->store->stacks, c->symbols, options->arguments,
			    &passes.budget, c->count);
	if (!code)
		code = capture_gs(&passes, tids, err);
	if (!code)
		take_marks(c, source);
	c->instant_least_ns = !code && source->frozen && c->instant_mono_ns == GOSPY_UNKNOWN
				      ? newest_time(c, image)
				      : GOSPY_UNKNOWN;
	if (!code && options->threads)
		code = collect_starts(c, image, err);
	if (!code && (options->stacks || c->natives.len) && !stacks_merge(&c->stacks))
		code = err_nomem(err);
	if (!code)
		code = collect_holders(&passes, passes.stopped, err);
	if (!code && options->stacks && !c->still)
		count_missing(c);
	if (!code && keep && !keep_note_ms(keep, &c->sched))
		code = err_nomem(err);
	if (!code)
		code = cancel_check(err);
	if (keep)
		passes.room = NULL; // the room is the collector's
	stopped_stacks_destroy(passes.stopped);
	passes_deinit(&passes);
	map_deinit(&tid_map);
	if (code)
		return code;
	// If the program exec'ed in the middle, half of what was read is of the one and half of the
	// other. The very same threads, which have executed nothing, have not.
	return c->still && c->same_threads ? GOSPY_OK : image_check(image, source, err);
}

enum gospy_code capture_take(struct source *source, struct image *image,
			     const struct gospy_snapshot_options *options, struct keep *keep,
			     struct capture *ret, struct gospy_error *err)
{
	memset(ret, 0, sizeof(*ret));
	bool known = keep && keep->ms.len;
	enum gospy_code code = capture_all(source, image, options, keep, ret, err);
	// The thread that is read through may have ended since it was checked.
	if (known &&
	    ((code == GOSPY_E_GONE && !image_check(image, source, NULL)) || ret->outgrown)) {
		capture_deinit(ret);
		keep_drop(keep);
		code = capture_all(source, image, options, keep, ret, err);
	}
	if (code) {
		capture_deinit(ret);
		// If the process is gone, or another program now, that is why it failed.
		struct gospy_error why;
		if (image_check(image, source, &why) == GOSPY_E_GONE) {
			if (err)
				*err = why;
			return GOSPY_E_GONE;
		}
		return code;
	}
	return GOSPY_OK;
}
