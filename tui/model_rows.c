#include "tui/model_rows.h"

#include <string.h>

#include "base/cleanup.h"
#include "render/state.h"
#include "render/wait.h"
#include "tui/alloc.h"
#include "tui/model_state.h"

struct model_row model_row_of(const struct groups *groups, size_t index, struct arena *arena)
{
	const struct group *group = &groups->groups.at[index];
	enum group_key key = groups->key;
	const struct census_class *class = group->largest;
	CLEANUP(strbuf_deinit) struct strbuf title = {0};
	group_title(class, key, &title);
	struct model_row row = {
		.id = group->id,
		.count = group->count,
		.oldest_ns = group->longest_wait_ns,
		.wait_at_least = group->wait_at_least,
		.still_ns = group->longest_still_ns,
		.state = class_state(class),
		// The creator has a column of its own.
		.location = group_location(class, key == GROUP_CREATOR ? GROUP_START : key),
		.creator = class->creator,
		.user = class->user,
		.users_known = groups->has_stacks,
		.states_differ = group->states_differ,
		.locations_differ = group->locations_differ,
		.creators_differ = group->creators_differ,
		.users_differ = group->users_differ,
	};
	alloc_check(!title.failed);
	if (title.len) {
		row.title = arena_strndup(arena, title.s, title.len);
		alloc_check(row.title);
	}
	return row;
}

static struct model_row *find_row(struct model *model, uint64_t id)
{
	const uint64_t *slot = map_get(&model->by_id, id);
	return slot ? &model->rows.at[*slot - 1] : NULL;
}

static void add_row(struct model *model, const struct model_row *row)
{
	alloc_check(vec_push(&model->rows, *row));
	uint64_t *slot = map_put(&model->by_id, row->id);
	alloc_check(slot);
	*slot = model->rows.len;
}

/* The groups of the sample, then those of the mark that are no more. */
static void make_rows(struct model *model)
{
	const struct groups *groups = &model->sample->groups[model->key];
	const struct baseline *base = &model->baselines[model->key];
	for (size_t i = 0; i < groups->groups.len; i++) {
		struct model_row row = model_row_of(groups, i, &model->arena);
		const uint64_t *before = map_get(&base->by_id, row.id);
		uint64_t count = before ? base->rows.at[*before - 1].count : 0;
		if (model->key == GROUP_STACK && model->sample->apart.calls[i].func)
			row.apart = &model->sample->apart.calls[i];
		row.delta = (int64_t)(row.count - count);
		row.appeared = !before;
		add_row(model, &row);
	}
	for (size_t i = 0; i < base->rows.len; i++) {
		struct model_row row = base->rows.at[i];
		if (find_row(model, row.id))
			continue;
		row.delta = -(int64_t)row.count;
		row.count = 0;
		row.oldest_ns = row.still_ns = GOSPY_UNKNOWN;
		row.gone = true;
		add_row(model, &row);
	}
}

/* The samples from a time on that hold what the key needs, and what is fitted to them for each row.
 */
struct fit {
	uint64_t from_ns;
	struct growth_times times;
	struct growth *rows;
};

static void fit_deinit(struct fit *fit)
{
	free(fit->rows);
}

static bool fit_takes(const struct fit *fit, const struct model *model, const struct past *past)
{
	return past->of[model->key].known && past->mono_ns >= fit->from_ns;
}

/* Seconds from now: small numbers, whose squares are exact enough. */
static double seconds(const struct model *model, const struct past *past)
{
	return -(double)(model->sample->mono_ns - past->mono_ns) / 1e9;
}

static void fit_past(struct fit *fit, struct model *model, const struct past *past)
{
	const struct past_key *of = &past->of[model->key];
	double t = seconds(model, past);
	growth_times_add(&fit->times, t);
	for (size_t k = 0; k < of->len; k++) {
		const uint64_t *slot = map_get(&model->by_id, of->at[k].id);
		if (slot)
			growth_add(&fit->rows[*slot - 1], &fit->times, t, (double)of->at[k].count);
	}
}

static void fit_all(struct fit *fit, struct model *model)
{
	const struct past *history = model->history.at;
	size_t n = model->history.len, first = 0;
	fit->rows = calloc(model->rows.len + 1, sizeof(*fit->rows));
	alloc_check(fit->rows);
	while (first < n - 1 && !fit_takes(fit, model, &history[first]))
		first++;
	growth_times_init(&fit->times, seconds(model, &history[first]), 0);
	for (size_t i = first; i < n; i++) {
		if (fit_takes(fit, model, &history[i]))
			fit_past(fit, model, &history[i]);
	}
}

/* A minute ago, or four samples if that is earlier. */
static uint64_t rate_from(const struct model *model)
{
	enum { SAMPLES = 4 };
	uint64_t now = model->sample->mono_ns;
	uint64_t from = now > MODEL_RATE_NS ? now - MODEL_RATE_NS : 0;
	size_t n = model->history.len;
	uint64_t fourth = model->history.at[n > SAMPLES ? n - SAMPLES : 0].mono_ns;
	return fourth < from ? fourth : from;
}

/* Has the row grown steadily since the mark, or, if the mark is long ago, for some minutes? */
static void add_growth(struct model_row *row, const struct growth *growth,
		       const struct growth_times *times)
{
	double slope;
	row->growing = !row->gone && growth_is_steady(growth, times);
	if (row->growing && growth_slope(growth, times, &slope))
		row->growth = slope * 60;
}

static void add_past(struct model *model)
{
	uint64_t now = model->sample->mono_ns, mark = model->baselines[model->key].mono_ns;
	uint64_t lately_ns = now - mark > MODEL_LATELY_NS ? now - MODEL_LATELY_NS : mark;
	CLEANUP(fit_deinit) struct fit rate = {.from_ns = rate_from(model)};
	CLEANUP(fit_deinit) struct fit growth = {.from_ns = mark};
	CLEANUP(fit_deinit) struct fit lately = {.from_ns = lately_ns};
	fit_all(&rate, model);
	fit_all(&growth, model);
	fit_all(&lately, model);
	for (size_t i = 0; i < model->rows.len; i++) {
		struct model_row *row = &model->rows.at[i];
		double slope;
		row->rate_known = growth_slope(&rate.rows[i], &rate.times, &slope);
		row->rate = row->rate_known ? slope * 60 + 0.0 : 0; // no -0
		add_growth(row, &growth.rows[i], &growth.times);
		if (!row->growing)
			add_growth(row, &lately.rows[i], &lately.times);
	}
}

/* --------------------------------------------------------------------------------- what is shown
 */

static bool matches(struct pattern *pattern, const char *text)
{
	return text && pattern_matches(pattern, text);
}

static bool location_matches(struct pattern *pattern, const struct gospy_location *location)
{
	return location && (matches(pattern, location->func) || matches(pattern, location->file));
}

/* In the runtime's words, or in those of the screen? */
static bool state_matches(struct pattern *pattern, const char *state)
{
	CLEANUP(strbuf_deinit) struct strbuf shown = {0};
	if (state)
		state_short(state, &shown);
	return matches(pattern, state) || matches(pattern, shown.s);
}

static bool title_matches(struct pattern *pattern, const char *title)
{
	return title && (matches(pattern, title) || matches(pattern, wait_on_terminal(title)));
}

/* Does one of a row's texts match? */
static bool row_matches(const struct model_row *row, struct pattern *pattern)
{
	return title_matches(pattern, row->title) || state_matches(pattern, row->state) ||
	       location_matches(pattern, row->location) ||
	       location_matches(pattern, row->creator) || location_matches(pattern, row->user) ||
	       location_matches(pattern, row->apart);
}

static bool is_shown(struct model *model, const struct model_row *row)
{
	if (model->func.code && !(row->location && matches(&model->func, row->location->func)))
		return false;
	return !model->filter.code || row_matches(row, &model->filter);
}

static int compare_numbers(double a, double b)
{
	return (a > b) - (a < b);
}

static int compare_texts(const char *a, const char *b)
{
	// What is unknown comes last, where the largest would be first.
	return a && b ? strcmp(b, a) : (a != NULL) - (b != NULL);
}

static int compare_states(const struct model *model, const struct model_row *a,
			  const struct model_row *b)
{
	if (model->short_states && a->state && b->state)
		return state_compare_short(b->state, a->state);
	return compare_texts(a->state, b->state);
}

static int compare_places(const struct model_row *a, const struct model_row *b)
{
	if (a->title || b->title)
		return compare_texts(a->title, b->title);
	return select_compare_locations(b->location, a->location);
}

/* For how long one of them waits at least; negative: not known. */
static double known_wait(const struct model_row *row)
{
	uint64_t ns = wait_known(row->oldest_ns, row->still_ns).ns;
	return ns == GOSPY_UNKNOWN ? -1 : (double)ns;
}

/* Positive: `a` comes first, if not inverted. */
static int compare_column(const struct model *model, const struct model_row *a,
			  const struct model_row *b, enum model_column column)
{
	switch (column) {
	case COLUMN_COUNT:
		return (a->count > b->count) - (a->count < b->count);
	case COLUMN_DELTA:
		return (a->delta > b->delta) - (a->delta < b->delta);
	case COLUMN_RATE:
		return compare_numbers(a->rate, b->rate);
	case COLUMN_OLDEST:
		return compare_numbers(known_wait(a), known_wait(b));
	case COLUMN_STATE:
		return compare_states(model, a, b);
	case COLUMN_LOCATION:
		return compare_places(a, b);
	case COLUMN_CREATOR:
		return select_compare_locations(b->creator, a->creator);
	case COLUMN_APART:
		return select_compare_locations(b->apart, a->apart);
	case COLUMN_USER:
		return select_compare_locations(b->user, a->user);
	case MODEL_COLUMNS:
		break;
	}
	return 0;
}

static int compare_rows(const void *x, const void *y, void *arg)
{
	const struct model_row *a = *(const struct model_row *const *)x;
	const struct model_row *b = *(const struct model_row *const *)y;
	const struct model *model = arg;
	if (model->growing_first && a->growing != b->growing)
		return a->growing ? -1 : 1;
	int order = compare_column(model, a, b, model->sort);
	if (order)
		return model->inverted ? order : -order;
	order = compare_column(model, b, a, COLUMN_COUNT);
	if (!order)
		order = compare_places(b, a);
	// At last the id decides, so that rows do not jump from one sample to the next. An id is
	// another one in each run.
	return order ? order : (a->id > b->id) - (a->id < b->id);
}

static void show_rows(struct model *model)
{
	model->shown.len = 0;
	alloc_check(vec_reserve(&model->shown, model->rows.len));
	for (size_t i = 0; i < model->rows.len; i++) {
		if (is_shown(model, &model->rows.at[i]))
			model->shown.at[model->shown.len++] = &model->rows.at[i];
	}
	if (model->shown.len)
		qsort_r(model->shown.at, model->shown.len, sizeof(struct model_row *), compare_rows,
			model);
}

/* Make the rows from the sample and the past, if they are stale. */
static void refresh(struct model *model)
{
	if (!model->stale)
		return;
	model->rows.len = 0;
	map_deinit(&model->by_id);
	arena_deinit(&model->arena);
	if (model_key_known(model)) {
		make_rows(model);
		add_past(model);
	}
	show_rows(model);
	model->stale = false;
}

bool model_key_known(const struct model *model)
{
	return model->sample && model->sample->groups[model->key].group_of;
}

void model_set_key(struct model *model, enum group_key key)
{
	model->key = key;
	model->stale = true;
}

enum group_key model_key(const struct model *model)
{
	return model->key;
}

void model_set_sort(struct model *model, enum model_column column, bool inverted)
{
	model->sort = column;
	model->inverted = inverted;
	model->stale = true;
}

void model_set_short_states(struct model *model, bool short_states)
{
	model->short_states = short_states;
	model->stale = true;
}

enum model_column model_sort(const struct model *model, bool *inverted_ret)
{
	*inverted_ret = model->inverted;
	return model->sort;
}

void model_set_growing_first(struct model *model, bool growing_first)
{
	model->growing_first = growing_first;
	model->stale = true;
}

bool model_growing_first(const struct model *model)
{
	return model->growing_first;
}

/* Put another pattern in its place; NULL: none. */
static bool set_pattern(struct model *model, struct pattern *pattern, const char *text, char *why,
			size_t why_size)
{
	struct pattern fresh = {0};
	if (text && !pattern_compile(text, &fresh, why, why_size))
		return false;
	pattern_free(pattern);
	*pattern = fresh;
	model->stale = true;
	return true;
}

bool model_set_filter(struct model *model, const char *pattern, char *why, size_t why_size)
{
	return set_pattern(model, &model->filter, pattern && *pattern ? pattern : NULL, why,
			   why_size);
}

bool model_set_func(struct model *model, const char *pattern, char *why, size_t why_size)
{
	return set_pattern(model, &model->func, pattern, why, why_size);
}

const struct model_row *const *model_rows(struct model *model, size_t *n_ret)
{
	refresh(model);
	*n_ret = model->shown.len;
	return model->shown.at;
}

size_t model_row_total(struct model *model)
{
	refresh(model);
	return model->rows.len;
}

const struct model_row *model_find(struct model *model, uint64_t id, size_t *place_ret)
{
	refresh(model);
	const struct model_row *row = find_row(model, id);
	if (place_ret)
		*place_ret = SIZE_MAX;
	for (size_t i = 0; row && place_ret && i < model->shown.len; i++) {
		if (model->shown.at[i] == row)
			*place_ret = i;
	}
	return row;
}
