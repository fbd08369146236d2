#include "tui/model.h"

#include <string.h>

#include "base/cleanup.h"
#include "tui/alloc.h"
#include "tui/model_rows.h"
#include "tui/model_state.h"

struct model *model_create(void)
{
	struct model *model = calloc(1, sizeof(*model));
	alloc_check(model);
	model->growing_first = true;
	model->header.cpu_percent = model->header.schedticks = model->header.gc_rate = -1;
	model->header.gc_cpu_percent = -1;
	model->header.rss = model->header.total = GOSPY_UNKNOWN;
	return model;
}

static void past_deinit(struct past *past)
{
	for (size_t key = 0; key < GROUP_KEYS; key++)
		free(past->of[key].at);
}

static void baseline_deinit(struct baseline *baseline)
{
	vec_free(&baseline->rows);
	map_deinit(&baseline->by_id);
	arena_deinit(&baseline->arena);
	*baseline = (struct baseline){0};
}

void model_destroy(struct model *model)
{
	if (!model)
		return;
	sample_destroy(model->sample);
	for (size_t i = 0; i < model->history.len; i++)
		past_deinit(&model->history.at[i]);
	vec_free(&model->history);
	for (size_t key = 0; key < GROUP_KEYS; key++)
		baseline_deinit(&model->baselines[key]);
	model_set_filter(model, NULL, NULL, 0);
	model_set_func(model, NULL, NULL, 0);
	vec_free(&model->ps);
	vec_free(&model->threads);
	vec_free(&model->rows);
	vec_free(&model->shown);
	map_deinit(&model->by_id);
	arena_deinit(&model->arena);
	free(model);
}

static size_t groups_in(const struct past *past)
{
	size_t n = 0;
	for (size_t key = 0; key < GROUP_KEYS; key++)
		n += past->of[key].len;
	return n;
}

static void remember(struct model *model, const struct sample *sample)
{
	struct past past = {.mono_ns = sample->mono_ns};
	for (size_t key = 0; key < GROUP_KEYS; key++) {
		const struct groups *groups = &sample->groups[key];
		struct past_key *of = &past.of[key];
		of->known = groups->group_of;
		if (!of->known)
			continue;
		of->len = groups->groups.len;
		of->at = malloc((of->len + 1) * sizeof(*of->at));
		alloc_check(of->at);
		for (size_t i = 0; i < of->len; i++)
			of->at[i] = (struct past_count){groups->groups.at[i].id,
							groups->groups.at[i].count};
	}
	model->history_groups += groups_in(&past);
	alloc_check(vec_push(&model->history, past));
}

static void forget(struct model *model, size_t i)
{
	struct past *at = &model->history.at[i];
	model->history_groups -= groups_in(at);
	past_deinit(at);
	memmove(at, at + 1, (--model->history.len - i) * sizeof(*at));
}

/* Of the samples before `until_ns`, but for the mark's, the one whose neighbours are nearest to
 * each other: without it the rest is spread most evenly. 0: there is none. */
static size_t most_dispensable(const struct model *model, uint64_t until_ns)
{
	const struct past *at = model->history.at;
	uint64_t least_ns = UINT64_MAX;
	size_t best = 0;
	for (size_t i = 1; i + 1 < model->history.len && at[i].mono_ns < until_ns; i++) {
		uint64_t gap_ns = at[i + 1].mono_ns - at[i - 1].mono_ns;
		if (gap_ns < least_ns && at[i].mono_ns != model->mark_mono_ns) {
			least_ns = gap_ns;
			best = i;
		}
	}
	return best;
}

/* Rates look back for a minute, growth for some minutes and to the mark. */
static void forget_much(struct model *model)
{
	uint64_t now = model->sample->mono_ns;
	uint64_t lately = now > MODEL_RATE_NS ? now - MODEL_RATE_NS : 0;
	while (model->history.at[0].mono_ns < model->mark_mono_ns &&
	       model->history.at[0].mono_ns < lately)
		forget(model, 0);
	while (model->history.len > HISTORY_SAMPLES || (model->history.len > HISTORY_SAMPLES_MIN &&
							model->history_groups > HISTORY_GROUPS)) {
		size_t i = most_dispensable(model, lately);
		if (!i)
			i = most_dispensable(model, UINT64_MAX);
		forget(model, i);
	}
}

static const char *copy_text(struct arena *arena, const char *text)
{
	if (!text)
		return NULL;
	const char *copy = arena_strdup(arena, text);
	alloc_check(copy);
	return copy;
}

static const struct gospy_location *copy_location(struct arena *arena,
						  const struct gospy_location *location)
{
	if (!location)
		return NULL;
	struct gospy_location *copy = arena_alloc(arena, sizeof(*copy));
	alloc_check(copy);
	*copy = *location;
	copy->func = copy_text(arena, location->func);
	copy->file = copy_text(arena, location->file);
	copy->wrapper = copy_text(arena, location->wrapper);
	return copy;
}

/* The mark outlives its sample, with which its places and their names go. */
static void set_baseline(struct model *model, enum group_key key)
{
	const struct groups *groups = &model->sample->groups[key];
	struct baseline *b = &model->baselines[key];
	baseline_deinit(b);
	if (!groups->group_of)
		return;
	b->known = true;
	b->mono_ns = model->sample->mono_ns;
	for (size_t i = 0; i < groups->groups.len; i++) {
		struct model_row row = model_row_of(groups, i, &b->arena);
		row.location = copy_location(&b->arena, row.location);
		row.creator = copy_location(&b->arena, row.creator);
		row.user = copy_location(&b->arena, row.user);
		row.apart = copy_location(&b->arena, row.apart);
		alloc_check(vec_push(&b->rows, row));
		uint64_t *slot = map_put(&b->by_id, row.id);
		alloc_check(slot);
		*slot = b->rows.len;
	}
}

static void set_mark(struct model *model)
{
	model->mark_mono_ns = model->sample->mono_ns;
	model->mark_total = model->sample->census.goroutines;
	for (enum group_key key = 0; key < GROUP_KEYS; key++)
		set_baseline(model, key);
}

static double per_second(uint64_t before, uint64_t now, uint64_t ns)
{
	if (before == GOSPY_UNKNOWN || now == GOSPY_UNKNOWN || now < before || !ns)
		return -1;
	return (double)(now - before) * 1e9 / (double)ns;
}

static uint64_t curg_of(const struct gospy_snapshot *snapshot, uint64_t m_id)
{
	const struct gospy_m *ms = gospy_snapshot_ms(snapshot);
	size_t n = gospy_snapshot_info(snapshot)->m_count;
	for (size_t i = 0; i < n && m_id != GOSPY_UNKNOWN; i++) {
		if (ms[i].id == m_id)
			return ms[i].curg_goid;
	}
	return GOSPY_UNKNOWN;
}

/* P's keep their places, and their counters. Returns the sum of their rates. */
static double update_ps(struct model *model, const struct gospy_snapshot *snapshot, uint64_t ns)
{
	size_t n = gospy_snapshot_info(snapshot)->p_count, before = model->ps.len;
	const struct gospy_p *ps = gospy_snapshot_ps(snapshot);
	double sum = -1;
	alloc_check(vec_reserve(&model->ps, n));
	for (size_t i = 0; i < n; i++) {
		struct model_p *p = &model->ps.at[i];
		uint64_t ticks = i < before ? p->p.schedtick : GOSPY_UNKNOWN;
		*p = (struct model_p){
			.p = ps[i],
			.schedticks = per_second(ticks, ps[i].schedtick, ns),
			.curg_goid = curg_of(snapshot, ps[i].m_id),
		};
		if (p->schedticks >= 0)
			sum = (sum < 0 ? 0 : sum) + p->schedticks;
	}
	model->ps.len = n;
	return sum;
}

static int compare_tids(const void *a, const void *b)
{
	const struct thread_cpu *left = a, *right = b;
	return left->tid < right->tid ? -1 : left->tid > right->tid;
}

static const struct thread_cpu *thread_of(const struct model *model, pid_t tid)
{
	const struct thread_cpu key = {.tid = tid};
	return model->threads.len ? bsearch(&key, model->threads.at, model->threads.len,
					    sizeof(key), compare_tids)
				  : NULL;
}

/* A sample without threads leaves those of an earlier one to be compared with. */
static void update_threads(struct model *model, const struct sample *sample)
{
	size_t n;
	const struct gospy_thread *threads = gospy_snapshot_threads(sample->snapshot, &n);
	if (!sample->thread_cpu_ns)
		return;
	__typeof__(model->threads) now = {0};
	alloc_check(vec_reserve(&now, n + 1));
	uint64_t ns = model->threads_mono_ns ? sample->mono_ns - model->threads_mono_ns : 0;
	for (size_t i = 0; i < n; i++) {
		const struct thread_cpu *before = thread_of(model, threads[i].tid);
		struct thread_cpu *cpu = &now.at[now.len++];
		cpu->tid = threads[i].tid;
		cpu->cpu_ns = sample->thread_cpu_ns[i];
		cpu->percent = per_second(before ? before->cpu_ns : GOSPY_UNKNOWN, cpu->cpu_ns, ns);
		if (cpu->percent >= 0)
			cpu->percent /= 1e7;
	}
	if (n)
		qsort(now.at, n, sizeof(*now.at), compare_tids);
	vec_free(&model->threads);
	memcpy(&model->threads, &now, sizeof(now));
	model->threads_mono_ns = sample->mono_ns;
}

double model_thread_cpu(const struct model *model, pid_t tid)
{
	const struct thread_cpu *cpu = thread_of(model, tid);
	return cpu && model->sample && model->sample->thread_cpu_ns ? cpu->percent : -1;
}

static uint64_t waiting_to_run(const struct gospy_snapshot *snapshot)
{
	const struct gospy_snapshot_info *info = gospy_snapshot_info(snapshot);
	const struct gospy_p *ps = gospy_snapshot_ps(snapshot);
	uint64_t sum = info->sched.runqsize;
	for (size_t i = 0; i < info->p_count && sum != GOSPY_UNKNOWN; i++)
		sum = ps[i].runq_size == GOSPY_UNKNOWN ? GOSPY_UNKNOWN : sum + ps[i].runq_size;
	return sum;
}

/* What GCCPUFraction counts: all but what workers did on P's that had nothing else to do. */
static uint64_t gc_cpu(const struct gospy_gc_cpu *cpu)
{
	const uint64_t parts[] = {cpu->assist_ns, cpu->dedicated_ns, cpu->pause_ns};
	uint64_t sum = 0;
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (parts[i] == GOSPY_UNKNOWN || __builtin_add_overflow(sum, parts[i], &sum))
			return GOSPY_UNKNOWN;
	}
	return sum;
}

/* The runtime adds up at the end of each cycle what its P's had; since then they had more. */
static uint64_t all_cpu(const struct gospy_snapshot_info *info)
{
	uint64_t last = info->heap.last_gc_unix_ns, sum = info->gc_cpu.total_ns, since;
	if (sum == GOSPY_UNKNOWN || last == GOSPY_UNKNOWN || last > info->time_unix_ns ||
	    info->sched.gomaxprocs == GOSPY_UNKNOWN)
		return GOSPY_UNKNOWN;
	// Before the first cycle all the time since the start is still to come.
	uint64_t elapsed = last ? info->time_unix_ns - last : info->uptime_ns;
	if (__builtin_mul_overflow(elapsed, info->sched.gomaxprocs, &since) ||
	    __builtin_add_overflow(sum, since, &sum))
		return GOSPY_UNKNOWN;
	return sum;
}

static void add_point(struct model *model, const struct sample *sample)
{
	const struct gospy_snapshot_info *info = gospy_snapshot_info(sample->snapshot);
	trend_add(&model->trend, &(struct trend_point){
					 .mono_ns = sample->mono_ns,
					 .goroutines = model->header.total,
					 .heap_live = info->heap.live,
					 .heap_goal = info->heap.next_gc,
					 .heap_in_use = info->heap.in_use,
					 .num_gc = info->heap.num_gc,
					 .last_pause_ns = info->heap.last_pause_ns,
					 .pause_total_ns = info->heap.pause_total_ns,
					 .rss = model->header.rss,
					 .runq = waiting_to_run(sample->snapshot),
					 .cpu_percent = model->header.cpu_percent,
					 .schedticks = model->header.schedticks,
					 .paused_ns = info->paused_ns,
					 .gc_cpu_ns = gc_cpu(&info->gc_cpu),
					 .all_cpu_ns = all_cpu(info),
				 });
}

/* Collections of the last minute, or since the oldest sample that is kept if that is later. */
static double gc_rate(const struct trend *trend)
{
	const struct trend_point *newest = trend_at(trend, trend->len - 1), *oldest = newest;
	for (size_t i = trend->len; i-- > 0 && newest->mono_ns - oldest->mono_ns < MODEL_RATE_NS;)
		oldest = trend_at(trend, i);
	double rate = per_second(oldest->num_gc, newest->num_gc, newest->mono_ns - oldest->mono_ns);
	return rate < 0 ? rate : rate * 60;
}

static double share(uint64_t part, uint64_t whole)
{
	if (part == GOSPY_UNKNOWN || whole == GOSPY_UNKNOWN || !whole || part > whole)
		return -1;
	return 100 * (double)part / (double)whole;
}

/* In a time that is long enough to tell: five minutes, or one that a cycle ended in, or a minute
 * without any; else since the start. */
static double gc_cpu_percent(const struct trend *trend)
{
	const struct trend_point *newest = trend_at(trend, trend->len - 1), *oldest = newest;
	for (size_t i = trend->len; i-- > 0;) {
		const struct trend_point *at = trend_at(trend, i);
		if (newest->mono_ns - at->mono_ns > MODEL_LATELY_NS)
			break;
		oldest = at;
	}
	bool cycled = oldest->num_gc < newest->num_gc && newest->num_gc != GOSPY_UNKNOWN;
	bool known = oldest->gc_cpu_ns <= newest->gc_cpu_ns &&
		     oldest->all_cpu_ns < newest->all_cpu_ns && newest->gc_cpu_ns != GOSPY_UNKNOWN;
	if (known && (cycled || newest->mono_ns - oldest->mono_ns >= MODEL_RATE_NS))
		return share(newest->gc_cpu_ns - oldest->gc_cpu_ns,
			     newest->all_cpu_ns - oldest->all_cpu_ns);
	return share(newest->gc_cpu_ns, newest->all_cpu_ns);
}

static void update_header(struct model *model, const struct sample *sample)
{
	struct model_header *header = &model->header;
	const struct gospy_process_usage *usage = &sample->usage;
	const struct trend *trend = &model->trend;
	const struct trend_point *last = trend->len ? trend_at(trend, trend->len - 1) : NULL;
	uint64_t ns = last && sample->mono_ns > last->mono_ns ? sample->mono_ns - last->mono_ns : 0;
	header->samples++;
	header->mono_ns = sample->mono_ns;
	header->time_unix_ns = gospy_snapshot_info(sample->snapshot)->time_unix_ns;
	header->total = sample->census.goroutines;
	header->delta_last = last ? (int64_t)(header->total - last->goroutines) : 0;
	header->change = ns ? (double)header->delta_last * 1e9 / (double)ns : 0;
	header->schedticks = update_ps(model, sample->snapshot, ns);
	update_threads(model, sample);
	header->rss = sample->usage_known ? usage->rss : GOSPY_UNKNOWN;
	header->cpu_percent = -1;
	if (sample->usage_known && model->usage_known) {
		double cpus = per_second(model->usage.cpu_ns, usage->cpu_ns,
					 usage->mono_ns - model->usage.mono_ns);
		header->cpu_percent = cpus < 0 ? cpus : cpus / 1e9 * 100;
	}
	model->usage = *usage;
	model->usage_known = sample->usage_known;
	uint64_t paused_ns = gospy_snapshot_info(sample->snapshot)->paused_ns;
	if (paused_ns > header->pause_max_ns)
		header->pause_max_ns = paused_ns;
	add_point(model, sample);
	header->gc_rate = gc_rate(trend);
	header->gc_cpu_percent = gc_cpu_percent(trend);
}

void model_add(struct model *model, struct sample *sample)
{
	bool first = !model->sample;
	sample_destroy(model->sample);
	model->sample = sample;
	update_header(model, sample);
	remember(model, sample);
	if (first)
		set_mark(model);
	// What the mark's sample could not tell counts from here.
	for (enum group_key key = 0; key < GROUP_KEYS; key++) {
		if (!model->baselines[key].known)
			set_baseline(model, key);
	}
	forget_much(model);
	model->stale = true;
}

void model_mark(struct model *model)
{
	if (!model->sample)
		return;
	set_mark(model);
	model->header.marked = true;
	model->stale = true;
}

const struct sample *model_sample(const struct model *model)
{
	return model->sample;
}

struct model_header model_header(const struct model *model)
{
	struct model_header header = model->header;
	header.mark_mono_ns = model->mark_mono_ns;
	header.delta_mark = model->sample ? (int64_t)(header.total - model->mark_total) : 0;
	return header;
}

const struct model_p *model_ps(const struct model *model, size_t *n_ret)
{
	*n_ret = model->ps.len;
	return model->ps.at;
}

const struct trend *model_trend(const struct model *model)
{
	return &model->trend;
}
