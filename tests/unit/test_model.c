#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "snapshot/snapshot.h"
#include "tui/members.h"
#include "tui/model_rows.h"
#include "tui/model_state.h"
#include "tui/model_text.h"

static const struct gospy_location worker = {0x1000, "main.worker", "/src/app/worker.go", 12, NULL};
static const struct gospy_location worker_pc = {0x1004, "main.worker", "/src/app/worker.go", 12,
						NULL};
static const struct gospy_location server = {0x2000, "net/http.(*conn).serve", "/go/server.go", 99,
					     NULL};
static const struct gospy_location spawn = {0x3000, "main.spawn", "/src/app/main.go", 7, NULL};
static const struct gospy_location nameless = {0x4000, NULL, NULL, 0, NULL};

/** Classes with these counts; those of count 0 are left out. */
static struct sample *sample_of(double seconds, const struct census_class *classes, size_t n,
				enum group_key key)
{
	struct sample *sample = calloc(1, sizeof(*sample));
	struct census *census = &sample->census;
	assert_non_null(sample);
	sample->mono_ns = (uint64_t)(1e12 + seconds * 1e9);
	sample->snapshot = calloc(1, sizeof(*sample->snapshot));
	assert_non_null(sample->snapshot);
	census->key = key;
	for (size_t i = 0; i < n; i++) {
		if (!classes[i].count)
			continue;
		assert_true(vec_push(&census->classes, classes[i]));
		census->goroutines += classes[i].count;
	}
	census->goroutine_count = (size_t)census->goroutines;
	census->class_of = malloc((census->goroutine_count + 1) * sizeof(*census->class_of));
	assert_non_null(census->class_of);
	size_t at = 0;
	for (uint32_t i = 0; i < census->classes.len; i++) {
		for (uint64_t k = 0; k < census->classes.at[i].count; k++)
			census->class_of[at++] = i;
	}
	assert_int_equal(sample_group(sample, NULL), GOSPY_OK);
	return sample;
}

static struct census_class class_of(const struct gospy_location *start, const char *reason,
				    uint64_t count)
{
	return (struct census_class){
		.start = start,
		.creator = &spawn,
		.current = start,
		.wait_reason = reason,
		.status = reason ? GOSPY_STATUS_WAITING : GOSPY_STATUS_RUNNING,
		.count = count,
		.longest_wait_ns = reason ? count * 1000000000 : GOSPY_UNKNOWN,
	};
}

/** One sample of workers and servers. */
static void add(struct model *model, double seconds, uint64_t workers, uint64_t servers)
{
	const struct census_class classes[] = {class_of(&worker, "chan receive", workers),
					       class_of(&server, "IO wait", servers)};
	model_add(model, sample_of(seconds, classes, 2, GROUP_START));
}

static const struct model_row *row_of(struct model *model, const char *func)
{
	size_t n;
	const struct model_row *const *rows = model_rows(model, &n);
	for (size_t i = 0; i < n; i++) {
		if (rows[i]->location && !strcmp(rows[i]->location->func, func))
			return rows[i];
	}
	return NULL;
}

static void model_free(struct model **model)
{
	model_destroy(*model);
}
#define MODEL(name) CLEANUP(model_free) struct model *name = model_create()

static void an_empty_model_has_no_rows(void **state)
{
	(void)state;
	MODEL(model);
	size_t n = 42;
	model_rows(model, &n);
	assert_int_equal(n, 0);
	assert_int_equal(model_row_total(model), 0);
	assert_false(model_key_known(model));
	assert_null(model_sample(model));
	assert_null(model_find(model, 1, NULL));
	model_mark(model);
	assert_int_equal(model_header(model).samples, 0);
	struct members members = {.what = MEMBERS_OF_ROW, .id = 1};
	members_step(&members, model, 1000000);
	assert_true(members.done);
	members_deinit(&members);
}

static void rates_are_a_minutes(void **state)
{
	(void)state;
	MODEL(model);
	add(model, 0, 100, 500);
	assert_false(row_of(model, "main.worker")->rate_known);
	for (unsigned i = 1; i <= 20; i++)
		add(model, 2 * i, 100 + 6 * i, 500);
	const struct model_row *row = row_of(model, "main.worker");
	assert_true(row->rate_known);
	assert_float_equal(row->rate, 180, 1e-6);
	assert_true(row->growing);
	assert_float_equal(row->growth, 180, 1e-6);
	assert_int_equal(row->count, 220);
	assert_int_equal(row->delta, 120);
	assert_false(row->appeared || row->gone);
	row = row_of(model, "net/http.(*conn).serve");
	assert_true(row->rate_known);
	assert_float_equal(row->rate, 0, 1e-6);
	assert_false(row->growing);
	// The leak stops: the rate forgets it after a minute, growth is over.
	for (unsigned i = 21; i <= 60; i++)
		add(model, 2 * i, 220, 500);
	row = row_of(model, "main.worker");
	assert_float_equal(row->rate, 0, 1e-6);
	assert_false(row->growing);
	assert_int_equal(row->delta, 120);
}

/** A number that falls has a negative rate. */
static void shrinking(void **state)
{
	(void)state;
	MODEL(model);
	for (unsigned i = 0; i <= 20; i++)
		add(model, i, 1000 - 5 * i, 500);
	const struct model_row *row = row_of(model, "main.worker");
	assert_float_equal(row->rate, -300, 1e-6);
	assert_int_equal(row->delta, -100);
	assert_false(row->growing);
}

/** A leak that begins long after the mark is found all the same, and so is its end. */
static void growth_begins_late(void **state)
{
	(void)state;
	MODEL(model);
	unsigned i = 0;
	for (; i <= 1800; i++)
		add(model, 2 * i, 100, 500 + i % 2);
	assert_false(row_of(model, "main.worker")->growing);
	for (; i <= 1800 + 30; i++)
		add(model, 2 * i, i - 1700, 500 + i % 2);
	assert_false(row_of(model, "main.worker")->growing); // a minute may be a burst
	for (; i <= 1800 + 150; i++)
		add(model, 2 * i, i - 1700, 500 + i % 2);
	const struct model_row *row = row_of(model, "main.worker");
	assert_true(row->growing);
	assert_float_equal(row->growth, 30, 1e-6);
	assert_false(row_of(model, "net/http.(*conn).serve")->growing);
	for (; i <= 1800 + 200; i++)
		add(model, 2 * i, 250, 500);
	assert_false(row_of(model, "main.worker")->growing);
}

/* A place that ends with the sample, and its names as well. */
static const struct gospy_location *place_in(struct sample *sample, const char *func)
{
	struct arena *arena = &sample->census.arena;
	struct gospy_location *place = arena_alloc(arena, sizeof(*place));
	assert_non_null(place);
	*place = (struct gospy_location){.func = arena_strdup(arena, func),
					 .file = arena_strdup(arena, "wait.go"),
					 .line = 3};
	assert_non_null(place->func);
	assert_non_null(place->file);
	return place;
}

/** A sample ends before what is known of groups at the mark. */
static void gone_groups_keep_their_places(void **state)
{
	(void)state;
	MODEL(model);
	const struct census_class class = class_of(&worker, "chan receive", 10);
	struct sample *sample = sample_of(0, &class, 1, GROUP_START);
	struct census_class *at = &sample->census.classes.at[0];
	at->start = at->current = place_in(sample, "main.worker");
	at->creator = place_in(sample, "main.spawn");
	at->user = place_in(sample, "main.wait");
	model_add(model, sample);
	assert_string_equal(row_of(model, "main.worker")->user->func, "main.wait");
	add(model, 1, 0, 5);
	add(model, 2, 0, 5);
	const struct model_row *gone = row_of(model, "main.worker");
	assert_true(gone->gone);
	assert_string_equal(gone->user->func, "main.wait");
	assert_string_equal(gone->creator->func, "main.spawn");
	assert_string_equal(gone->location->file, "wait.go");
}

static void new_and_gone_count_from_the_mark(void **state)
{
	(void)state;
	MODEL(model);
	add(model, 0, 10, 0);
	add(model, 1, 10, 5);
	assert_true(row_of(model, "net/http.(*conn).serve")->appeared);
	assert_false(row_of(model, "main.worker")->appeared);
	add(model, 2, 0, 5);
	const struct model_row *gone = row_of(model, "main.worker");
	assert_true(gone->gone);
	assert_int_equal(gone->count, 0);
	assert_int_equal(gone->delta, -10);
	assert_string_equal(gone->state, "chan receive");
	assert_string_equal(gone->creator->func, "main.spawn");
	model_mark(model);
	assert_null(row_of(model, "main.worker"));
	assert_false(row_of(model, "net/http.(*conn).serve")->appeared);
	assert_int_equal(row_of(model, "net/http.(*conn).serve")->delta, 0);
	add(model, 3, 7, 5);
	assert_true(row_of(model, "main.worker")->appeared);
	assert_int_equal(row_of(model, "main.worker")->delta, 7);
	struct model_header header = model_header(model);
	assert_true(header.marked);
	assert_int_equal(header.total, 12);
	assert_int_equal(header.delta_mark, 7);
	assert_int_equal(header.delta_last, 7);
}

/** Growth is judged from the mark on. */
static void the_mark_begins_anew(void **state)
{
	(void)state;
	MODEL(model);
	for (unsigned i = 0; i <= 10; i++)
		add(model, i, 100 + i, 1);
	assert_true(row_of(model, "main.worker")->growing);
	model_mark(model);
	assert_false(row_of(model, "main.worker")->growing);
	for (unsigned i = 11; i <= 20; i++)
		add(model, i, 110, 1);
	assert_false(row_of(model, "main.worker")->growing);
	for (unsigned i = 21; i <= 60; i++)
		add(model, i, 90 + i, 1);
	assert_false(row_of(model, "main.worker")->growing); // it has stood still for a fifth
	model_mark(model);
	for (unsigned i = 61; i <= 70; i++)
		add(model, i, 90 + i, 1);
	assert_true(row_of(model, "main.worker")->growing);
}

static void a_change_of_key_keeps_the_past(void **state)
{
	(void)state;
	MODEL(model);
	model_set_key(model, GROUP_STATE);
	for (unsigned i = 0; i <= 10; i++)
		add(model, i, 100 + i, 500);
	size_t n;
	assert_string_equal(model_rows(model, &n)[0]->state, "chan receive"); // it grows
	assert_int_equal(n, 2);
	model_set_key(model, GROUP_CREATOR);
	const struct model_row *row = model_rows(model, &n)[0];
	assert_int_equal(n, 1);
	assert_int_equal(row->count, 610);
	assert_int_equal(row->delta, 10);
	assert_float_equal(row->rate, 60, 1e-6);
	assert_true(row->growing && row->states_differ && row->locations_differ);
	assert_false(row->creators_differ);
	assert_string_equal(row->state, "IO wait"); // that of most
	model_set_key(model, GROUP_LABEL);
	assert_false(model_key_known(model));
	model_rows(model, &n);
	assert_int_equal(n, 0);
}

/** A key that only later samples tell counts from the first of them. */
static void keys_that_become_known(void **state)
{
	(void)state;
	MODEL(model);
	add(model, 0, 1, 1);
	struct census_class labelled = class_of(&worker, NULL, 3);
	labelled.extra_kind = EXTRA_KNOWN;
	labelled.extra = 77;
	labelled.text = "user=eve\x1b";
	struct census_class others = class_of(&worker, NULL, 2);
	others.extra_kind = EXTRA_OTHERS;
	model_set_key(model, GROUP_LABEL);
	for (unsigned i = 0; i < 3; i++) {
		labelled.count = 3 + i;
		const struct census_class classes[] = {labelled, others,
						       class_of(&server, "select", 1)};
		model_add(model, sample_of(1 + i, classes, 3, GROUP_LABEL));
	}
	size_t n;
	const struct model_row *const *rows = model_rows(model, &n);
	assert_int_equal(n, 3);
	assert_int_equal(rows[0]->delta, 2);
	assert_false(rows[0]->appeared);
	struct strbuf text = {0};
	model_cell(rows[0], COLUMN_LOCATION, true, &text);
	assert_string_equal(text.s, "user=eve\\x1b");
	strbuf_deinit(&text);
	assert_string_equal(rows[1]->title, "(other labels)");
	assert_string_equal(rows[2]->title, "(no labels)");
	add(model, 5, 1, 1); // by another key
	assert_false(model_key_known(model));
}

static void places_that_differ_in_their_pc_are_one(void **state)
{
	(void)state;
	MODEL(model);
	const struct census_class classes[] = {
		class_of(&worker, "select", 2), class_of(&worker_pc, "select", 3),
		class_of(NULL, NULL, 1), class_of(&nameless, NULL, 1)};
	model_add(model, sample_of(0, classes, 4, GROUP_START));
	size_t n;
	const struct model_row *const *rows = model_rows(model, &n);
	assert_int_equal(n, 3);
	assert_int_equal(rows[0]->count, 5);
	assert_false(rows[0]->locations_differ);
	struct strbuf text = {0};
	for (size_t i = 0; i < n; i++) {
		model_cell(rows[i], COLUMN_LOCATION, true, &text);
		strbuf_putc(&text, '\n');
	}
	assert_non_null(strstr(text.s, "main.worker worker.go:12\n"));
	assert_non_null(strstr(text.s, "0x4000\n"));
	assert_non_null(strstr(text.s, "-\n"));
	strbuf_deinit(&text);
}

static void assert_order(struct model *model, const char *first)
{
	size_t n;
	const struct model_row *const *rows = model_rows(model, &n);
	assert_true(n > 0);
	assert_string_equal(rows[0]->location->func, first);
}

static void sorting(void **state)
{
	(void)state;
	MODEL(model);
	for (unsigned i = 0; i <= 10; i++)
		add(model, i, 100 + i, 500);
	assert_order(model, "main.worker"); // it grows
	model_set_growing_first(model, false);
	assert_order(model, "net/http.(*conn).serve");
	model_set_sort(model, COLUMN_COUNT, true);
	assert_order(model, "main.worker");
	model_set_sort(model, COLUMN_DELTA, false);
	assert_order(model, "main.worker");
	model_set_sort(model, COLUMN_RATE, false);
	assert_order(model, "main.worker");
	model_set_sort(model, COLUMN_OLDEST, false);
	assert_order(model, "net/http.(*conn).serve");
	model_set_sort(model, COLUMN_STATE, false);
	assert_order(model, "net/http.(*conn).serve");
	model_set_sort(model, COLUMN_LOCATION, false);
	assert_order(model, "main.worker");
	model_set_sort(model, COLUMN_LOCATION, true);
	assert_order(model, "net/http.(*conn).serve");
	size_t place;
	const struct model_row *row = row_of(model, "main.worker");
	assert_ptr_equal(model_find(model, row->id, &place), row);
	assert_int_equal(place, 1);
}

/* The first in the alphabet comes first, in the words that are shown. */
static void sorting_by_state(void **state)
{
	(void)state;
	static const struct gospy_location lock = {.func = "main.lock"},
					   call = {.func = "main.call"};
	const struct census_class classes[] = {class_of(&lock, "sync.Mutex.Lock", 1),
					       class_of(&call, "semacquire", 1)};
	MODEL(model);
	model_add(model, sample_of(0, classes, 2, GROUP_START));
	model_set_growing_first(model, false);
	model_set_sort(model, COLUMN_STATE, false);
	assert_order(model, "main.call");
	model_set_short_states(model, true);
	assert_order(model, "main.lock"); // "Mutex.Lock"
}

static void filtering(void **state)
{
	(void)state;
	MODEL(model);
	char why[80] = "";
	size_t n, place;
	add(model, 0, 1, 2);
	uint64_t worker_id = row_of(model, "main.worker")->id;
	assert_true(model_set_filter(model, "SERVE$", why, sizeof(why)));
	model_rows(model, &n);
	assert_int_equal(n, 0); // upper case means upper case
	assert_true(model_set_filter(model, "io w|nothing", why, sizeof(why)));
	model_rows(model, &n);
	assert_int_equal(n, 1);
	assert_int_equal(model_row_total(model), 2);
	assert_non_null(model_find(model, worker_id, &place));
	assert_int_equal(place, SIZE_MAX);
	assert_false(model_set_filter(model, "(", why, sizeof(why)));
	assert_true(why[0]);
	model_rows(model, &n);
	assert_int_equal(n, 1);
	assert_true(model_set_filter(model, "", why, sizeof(why)));
	assert_true(model_set_func(model, "worker", why, sizeof(why)));
	model_rows(model, &n);
	assert_int_equal(n, 1);
	assert_true(model_set_func(model, "spawn", why, sizeof(why)));
	model_rows(model, &n);
	assert_int_equal(n, 0); // that is the creator
}

static void members_are_found(void **state)
{
	(void)state;
	MODEL(model);
	add(model, 0, 10000, 20000);
	struct members members = {.what = MEMBERS_OF_ROW,
				  .id = row_of(model, "net/http.(*conn).serve")->id};
	unsigned steps = 0;
	while (!members.done) {
		members_step(&members, model, 1);
		steps++;
	}
	assert_true(steps >= 1);
	assert_int_equal(members.indexes.len, 20000);
	assert_int_equal(members.indexes.at[0], 10000);
	assert_int_equal(members.scanned, 30000);
	members_deinit(&members);
}

static void cells(void **state)
{
	(void)state;
	static const struct {
		struct model_row row;
		enum model_column column;
		bool utf8;
		const char *text;
	} cases[] = {
		{{.count = 12034}, COLUMN_COUNT, true, "12034"},
		{{.delta = 120}, COLUMN_DELTA, true, "+120"},
		{{.delta = -3}, COLUMN_DELTA, true, "-3"},
		{{.delta = 0}, COLUMN_DELTA, true, "0"},
		{{.rate = 60}, COLUMN_RATE, true, "?"},
		{{.rate = 60, .rate_known = true}, COLUMN_RATE, true, "+60.0"},
		{{.rate = 5999.6, .rate_known = true}, COLUMN_RATE, true, "+6000"},
		{{.rate = -0.5, .rate_known = true}, COLUMN_RATE, true, "-0.5"},
		{{.rate = 0.01, .rate_known = true}, COLUMN_RATE, true, "0"},
		{{.oldest_ns = GOSPY_UNKNOWN}, COLUMN_OLDEST, true, "-"},
		{{.oldest_ns = 15120000000000}, COLUMN_OLDEST, true, "4h12m"},
		{{.state = "select", .states_differ = true}, COLUMN_STATE, true, "select\u2026"},
		{{.state = "select", .states_differ = true}, COLUMN_STATE, false, "select..."},
		{{.state = "se\x1blect"}, COLUMN_STATE, false, "se\\x1blect"},
		{{.location = &worker}, COLUMN_LOCATION, true, "main.worker worker.go:12"},
		{{.location = &worker, .title = "channel 0xc0"},
		 COLUMN_LOCATION,
		 true,
		 "channel 0xc0"},
		{{.creator = NULL}, COLUMN_CREATOR, true, "-"},
		{{.creator = &spawn}, COLUMN_CREATOR, true, "main.spawn main.go:7"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct strbuf text = {0};
		model_cell(&cases[i].row, cases[i].column, cases[i].utf8, &text);
		assert_string_equal(text.s, cases[i].text);
		strbuf_deinit(&text);
	}
}

/** As screens show it: of what LOCATION says already only the line. */
static void waits_at(void **state)
{
	(void)state;
	static const struct gospy_location
		begins = {.func = "main.worker", .file = "w.go", .line = 12},
		inner = {.func = "main.worker", .file = "w.go", .line = 15},
		called = {.func = "main.wait", .file = "w.go", .line = 40};
	const struct {
		struct model_row row;
		enum group_key key;
		const char *text;
	} cases[] = {
		{{.location = &begins, .user = &inner}, GROUP_START, ":15"},
		{{.location = &begins, .user = &begins}, GROUP_START, ":12"},
		{{.location = &begins, .user = &inner, .users_differ = true},
		 GROUP_START,
		 ":15\u2026"},
		{{.location = &begins, .user = &called}, GROUP_START, "main.wait w.go:40"},
		{{.location = &begins, .user = NULL}, GROUP_START, "-"},
		// There LOCATION has others, or something else.
		{{.location = &begins, .user = &inner, .locations_differ = true},
		 GROUP_STATE,
		 "main.worker w.go:15"},
		{{.location = &begins, .user = &inner, .title = "channel 0xc0"},
		 GROUP_OBJECT,
		 "main.worker w.go:15"},
		{{.location = &begins, .user = &inner}, GROUP_CREATOR, "main.worker w.go:15"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct model_row row = cases[i].row;
		struct strbuf text = {0};
		struct name name;
		row.users_known = true;
		assert_true(model_name(&row, COLUMN_USER, cases[i].key, true, &name));
		name_full(&name, &text);
		assert_string_equal(text.s, cases[i].text);
		strbuf_deinit(&text);
	}
}

/** However long it runs, what is kept of the past has its limits, and growth is seen all the time.
 */
static void the_past_is_bounded(void **state)
{
	(void)state;
	MODEL(model);
	for (unsigned i = 0; i < 1500; i++) {
		add(model, i, 100 + i, 500);
		assert_true(model->history.len <= HISTORY_SAMPLES);
		if (i >= GROWTH_VALUES_MIN)
			assert_true(row_of(model, "main.worker")->growing);
	}
	assert_int_equal(model->history.at[0].mono_ns, model->mark_mono_ns);
	assert_float_equal(row_of(model, "main.worker")->growth, 60, 1e-3);
	assert_float_equal(row_of(model, "main.worker")->rate, 60, 1e-3);
	assert_int_equal(model_trend(model)->len, TREND_POINTS);
	assert_int_equal(trend_at(model_trend(model), TREND_POINTS - 1)->goroutines, 2099);
}

/** A slow leak is found in the end, and stays found though the past is thinned out. */
static void slow_leaks_are_found(void **state)
{
	(void)state;
	MODEL(model);
	for (unsigned i = 0; i < 1500; i++) {
		add(model, 2 * i, 1000 + i / 60, 500);
		if (i >= 600)
			assert_true(row_of(model, "main.worker")->growing);
	}
	assert_float_equal(row_of(model, "main.worker")->growth, 0.5, 0.01);
}

static void many_groups_are_bounded(void **state)
{
	(void)state;
	enum { CLASSES = 20000 };
	MODEL(model);
	struct census_class *classes = calloc(CLASSES, sizeof(*classes));
	assert_non_null(classes);
	for (unsigned k = 0; k < 32; k++) {
		for (unsigned i = 0; i < CLASSES; i++) {
			classes[i] = class_of(&worker, "chan send", 1);
			classes[i].extra_kind = EXTRA_KNOWN;
			classes[i].wait_kind = GOSPY_WAIT_CHANNEL;
			classes[i].text = "channel";
			classes[i].extra = 0xc000000000 + i * 96;
		}
		model_add(model, sample_of(k, classes, CLASSES, GROUP_OBJECT));
	}
	free(classes);
	assert_true(model->history_groups <= HISTORY_GROUPS);
	assert_true(model->history.len >= HISTORY_SAMPLES_MIN);
	model_set_key(model, GROUP_OBJECT);
	assert_int_equal(model_row_total(model), CLASSES);
}

static void processors_and_rates_of_the_header(void **state)
{
	(void)state;
	MODEL(model);
	struct gospy_p ps[2] = {{.id = 0, .schedtick = 100, .m_id = 7},
				{.id = 1, .schedtick = GOSPY_UNKNOWN, .m_id = GOSPY_UNKNOWN}};
	struct gospy_m m = {.id = 7, .curg_goid = 42, .p_id = 0};
	for (unsigned i = 0; i < 2; i++) {
		struct sample *sample = sample_of(2 * i, NULL, 0, GROUP_START);
		ps[0].schedtick = 100 + 600 * i;
		sample->snapshot->ps = ps;
		sample->snapshot->ms = &m;
		sample->snapshot->info.p_count = 2;
		sample->snapshot->info.m_count = 1;
		sample->snapshot->info.heap.num_gc = 10 + i;
		sample->usage_known = true;
		sample->usage = (struct gospy_process_usage){
			.mono_ns = sample->mono_ns, .cpu_ns = 1000000000 * i, .rss = 4096};
		model_add(model, sample);
	}
	size_t n;
	const struct model_p *p = model_ps(model, &n);
	assert_int_equal(n, 2);
	assert_float_equal(p[0].schedticks, 300, 1e-6);
	assert_int_equal(p[0].curg_goid, 42);
	assert_true(p[1].schedticks < 0);
	assert_true(p[1].curg_goid == GOSPY_UNKNOWN);
	struct model_header header = model_header(model);
	assert_float_equal(header.cpu_percent, 50, 1e-6);
	assert_float_equal(header.schedticks, 300, 1e-6);
	assert_float_equal(header.gc_rate, 30, 1e-6);
	assert_int_equal(header.rss, 4096);
}

/** A sample of a program with two P's, `seconds` after it began; its GC took so much in `cycles`,
 * the last of which ended at `last`. */
static void add_gc(struct model *model, double seconds, uint64_t cycles, double last, double gc,
		   uint64_t paused_ns)
{
	struct sample *sample = sample_of(seconds, NULL, 0, GROUP_START);
	struct gospy_snapshot_info *info = &sample->snapshot->info;
	uint64_t begin = 1700000000000000000;
	info->time_unix_ns = begin + (uint64_t)(seconds * 1e9);
	info->uptime_ns = (uint64_t)(seconds * 1e9);
	info->sched.gomaxprocs = 2;
	info->paused_ns = paused_ns;
	info->heap.num_gc = cycles;
	info->heap.last_gc_unix_ns = cycles ? begin + (uint64_t)(last * 1e9) : 0;
	info->gc_cpu.total_ns = cycles ? (uint64_t)(2 * last * 1e9) : 0;
	info->gc_cpu.assist_ns = (uint64_t)(gc * 1e9);
	info->gc_cpu.idle_ns = 1000000000; // does not count
	model_add(model, sample);
}

static void share_of_the_gc(void **state)
{
	(void)state;
	MODEL(model);
	// At first since the start: one second of two P's in ten.
	add_gc(model, 10, 3, 8, 1, 500);
	assert_float_equal(model_header(model).gc_cpu_percent, 5, 1e-6);
	add_gc(model, 20, 3, 8, 1, 900);
	assert_float_equal(model_header(model).gc_cpu_percent, 2.5, 1e-6);
	// A minute without a cycle tells as well.
	add_gc(model, 75, 3, 8, 1, 200);
	assert_float_equal(model_header(model).gc_cpu_percent, 0, 1e-6);
	add_gc(model, 110, 4, 100, 11, 300);
	assert_float_equal(model_header(model).gc_cpu_percent, 5, 1e-6);
	// Only the last five minutes count.
	add_gc(model, 410, 4, 100, 11, 300);
	assert_float_equal(model_header(model).gc_cpu_percent, 0, 1e-6);
	assert_int_equal(model_header(model).pause_max_ns, 900);
}

static void trends_are_resampled(void **state)
{
	(void)state;
	struct trend *trend = calloc(1, sizeof(*trend));
	double cells[4];
	assert_non_null(trend);
	trend_resample(trend, trend_goroutines, 1000, 4, cells);
	assert_float_equal(cells[3], -1, 0);
	static const struct trend_point points[] = {
		{.mono_ns = 10000, .goroutines = 1},
		{.mono_ns = 10500, .goroutines = 10},
		{.mono_ns = 10600, .goroutines = 30},
		{.mono_ns = 10800, .goroutines = GOSPY_UNKNOWN},
		{.mono_ns = 11000, .goroutines = 8},
	};
	for (size_t i = 0; i < 5; i++)
		trend_add(trend, &points[i]);
	trend_resample(trend, trend_goroutines, 800, 4, cells);
	assert_float_equal(cells[0], 1, 1e-9); // that of before
	assert_float_equal(cells[1], 20, 1e-9);
	assert_float_equal(cells[2], 20, 1e-9);
	assert_float_equal(cells[3], 8, 1e-9);
	free(trend);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_model_has_no_rows),
		cmocka_unit_test(rates_are_a_minutes),
		cmocka_unit_test(shrinking),
		cmocka_unit_test(growth_begins_late),
		cmocka_unit_test(gone_groups_keep_their_places),
		cmocka_unit_test(new_and_gone_count_from_the_mark),
		cmocka_unit_test(the_mark_begins_anew),
		cmocka_unit_test(a_change_of_key_keeps_the_past),
		cmocka_unit_test(keys_that_become_known),
		cmocka_unit_test(places_that_differ_in_their_pc_are_one),
		cmocka_unit_test(sorting),
		cmocka_unit_test(sorting_by_state),
		cmocka_unit_test(filtering),
		cmocka_unit_test(members_are_found),
		cmocka_unit_test(cells),
		cmocka_unit_test(waits_at),
		cmocka_unit_test(the_past_is_bounded),
		cmocka_unit_test(slow_leaks_are_found),
		cmocka_unit_test(many_groups_are_bounded),
		cmocka_unit_test(processors_and_rates_of_the_header),
		cmocka_unit_test(share_of_the_gc),
		cmocka_unit_test(trends_are_resampled),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
