#include "render/diff_key.h"

#include <string.h>

#include "base/hash.h"
#include "render/diff_name.h"

const char *diff_level_name(enum diff_level level)
{
	static const char *const names[DIFF_LEVELS] = {
		[DIFF_EXACT] = "exact",
		[DIFF_LINE] = "line",
		[DIFF_FUNCTION] = "function",
		[DIFF_START] = "start",
	};
	return names[level];
}

/* ---- names */

enum form { FORM_WHOLE, FORM_NUMBERED, FORM_BARE };

void diff_names_deinit(struct diff_names *names)
{
	intern_deinit(&names->texts);
	for (size_t i = 0; i < sizeof(names->known) / sizeof(names->known[0]); i++)
		map_deinit(&names->known[i]);
	arena_deinit(&names->arena);
	strbuf_deinit(&names->text);
}

/* 1 + number of what is in names->text; 0: out of memory. */
static uint32_t intern_text(struct diff_names *names)
{
	uint32_t number;
	size_t before = names->texts.all.len;
	strbuf_putc(&names->text, '\0');
	if (names->text.failed || !intern_put(&names->texts, names->text.s, &number))
		return 0;
	if (names->texts.all.len > before) {
		const char *copy = arena_strdup(&names->arena, names->text.s);
		if (!copy)
			return 0;
		names->texts.all.at[number] = copy;
	}
	return number + 1;
}

/* The number of a name, from 1 on, or 0 for NULL. False: out of memory. */
static bool number_of(struct diff_names *names, const char *name, enum form form, uint32_t *ret)
{
	*ret = 0;
	if (!name)
		return true;
	uint64_t *known = map_put(&names->known[form], (uint64_t)(uintptr_t)name);
	if (!known)
		return false;
	if (!*known) {
		strbuf_clear(&names->text);
		if (form == FORM_WHOLE)
			strbuf_puts(&names->text, name);
		else
			diff_name(name, form == FORM_NUMBERED, &names->text);
		*known = intern_text(names);
	}
	*ret = (uint32_t)*known;
	return *known;
}

/* ---- keys */

struct maker {
	struct diff_names *names;
	enum diff_level level;
	const struct gospy_stack *stack;
	struct diff_key *key;
	/* The call that was added last: number of its numbered form, and its line if that counts.
	 */
	uint32_t last, last_line;
};

/* A call that is told by its name. What calls itself counts once, however often. */
static bool add_name(struct maker *m, size_t frame)
{
	const struct gospy_frame *f = &m->stack->frames[frame];
	uint32_t name, bare, line = 0, start = m->stack->start_lines[frame];
	if (!number_of(m->names, f->func, FORM_NUMBERED, &name) ||
	    !number_of(m->names, f->func, FORM_BARE, &bare))
		return false;
	struct diff_key *key = m->key;
	if (m->level == DIFF_LINE && start && f->line >= start)
		line = f->line - start + 1;
	bool again = name == m->last;
	if (m->level != DIFF_EXACT && !(again && line == m->last_line)) {
		key->hash = hash_mix(hash_mix(key->hash, name), line);
		key->unnumbered = hash_mix(hash_mix(key->unnumbered, bare), line);
	}
	if (!again) {
		key->loose = hash_mix(key->loose, bare);
		if (key->call_count < DIFF_CALLS_MAX)
			key->calls[key->call_count++] = bare;
	}
	m->last = name;
	m->last_line = line;
	return true;
}

/* A call that is told by where in its function it is. */
static bool add_place(struct maker *m, size_t frame)
{
	const struct gospy_frame *f = &m->stack->frames[frame];
	uint32_t name;
	if (!number_of(m->names, f->func, FORM_WHOLE, &name))
		return false;
	m->key->hash = hash_mix(m->key->hash, name);
	// Code that no function holds is told by nothing: it may lie anywhere.
	uint64_t at = f->inlined ? f->line : f->func ? f->pc - f->entry : 0;
	m->key->hash = hash_mix(m->key->hash, at << 1 | f->inlined);
	return true;
}

static bool is_left_out(const struct gospy_stack *stack, size_t frame)
{
	const struct gospy_frame *f = &stack->frames[frame];
	return !f->func || f->native || f->hidden || diff_name_is_wrapper(f->func) ||
	       stack->origins[frame] == GOSPY_ORIGIN_RUNTIME;
}

static bool add_names(struct maker *m)
{
	const struct gospy_stack *stack = m->stack;
	// Of the calls within sync and the like, the innermost of the stack, only the first counts.
	size_t waiting = SIZE_MAX;
	bool inside = true;
	for (size_t i = 0; i < stack->frame_count; i++) {
		if (is_left_out(stack, i))
			continue;
		if (inside && stack->origins[i] == GOSPY_ORIGIN_STANDARD &&
		    diff_name_is_waiting(stack->frames[i].func)) {
			waiting = i;
			continue;
		}
		if (inside && waiting != SIZE_MAX && !add_name(m, waiting))
			return false;
		inside = false;
		if (!add_name(m, i))
			return false;
	}
	return !inside || waiting == SIZE_MAX || add_name(m, waiting);
}

static bool add_places(struct maker *m)
{
	for (size_t i = 0; i < m->stack->frame_count; i++) {
		if (!add_place(m, i))
			return false;
	}
	return true;
}

static bool add_calls(struct maker *m)
{
	if (m->level == DIFF_EXACT && !add_places(m))
		return false;
	return add_names(m);
}

/* What it waits for; of one that does not wait, nothing: whether it runs or may run is a matter of
 * moments. */
static bool add_kind(struct maker *m, const struct gospy_goroutine *g)
{
	uint32_t kind;
	const char *reason = g->wait_reason ? diff_wait(g->wait_reason) : NULL;
	if (!number_of(m->names, reason, FORM_WHOLE, &kind))
		return false;
	m->key->hash = hash_mix(m->key->hash, kind);
	m->key->unnumbered = hash_mix(m->key->unnumbered, kind);
	m->key->loose = hash_mix(m->key->loose, kind);
	return true;
}

static bool add_creator(struct maker *m, const struct gospy_goroutine *g)
{
	uint32_t name, bare;
	const struct gospy_location *creator = g->creator;
	const char *func = creator ? creator->func : NULL;
	if (!number_of(m->names, func, FORM_NUMBERED, &name) ||
	    !number_of(m->names, func, FORM_BARE, &bare))
		return false;
	m->key->hash = hash_mix(m->key->hash, name);
	m->key->unnumbered = hash_mix(m->key->unnumbered, bare);
	if (m->level == DIFF_EXACT && creator)
		m->key->hash = hash_mix(m->key->hash, creator->line);
	return true;
}

/* The start function. Some versions make a wrapper of a go statement, others do not; what it calls
 * then counts, if that can be seen. */
static const char *start_of(const struct maker *m, const struct gospy_goroutine *g)
{
	const struct gospy_stack *stack = m->stack;
	bool wrapped = false;
	for (size_t i = stack ? stack->frame_count : 0; i > 0; i--) {
		if (stack->origins[i - 1] == GOSPY_ORIGIN_RUNTIME)
			continue;
		if (!is_left_out(stack, i - 1)) {
			if (wrapped)
				return stack->frames[i - 1].func;
			break;
		}
		wrapped = true;
	}
	return g->start ? g->start->func : NULL;
}

static bool add_start(struct maker *m, const struct gospy_goroutine *g)
{
	const char *func = start_of(m, g);
	uint32_t name;
	if (!number_of(m->names, func, FORM_NUMBERED, &name) ||
	    !number_of(m->names, func, FORM_BARE, &m->key->start))
		return false;
	m->key->hash = hash_mix(m->key->hash, name);
	m->key->unnumbered = hash_mix(m->key->unnumbered, m->key->start);
	m->key->loose = hash_mix(m->key->loose, m->key->start);
	return true;
}

bool diff_key(struct diff_names *names, enum diff_level level, const struct gospy_goroutine *g,
	      const struct gospy_stack *stack, struct diff_key *ret)
{
	struct maker m = {.names = names, .level = level, .stack = stack, .key = ret};
	ret->hash = ret->unnumbered = ret->loose = 0;
	ret->call_count = 0;
	if (!add_start(&m, g))
		return false;
	if (level == DIFF_START)
		return true;
	if (level == DIFF_EXACT && !g->wait_reason && g->status != GOSPY_STATUS_SYSCALL)
		m.level = DIFF_FUNCTION;
	return add_kind(&m, g) && add_creator(&m, g) &&
	       (!stack || !stack->frame_count || add_calls(&m));
}

/* ---- likeness */

/* The length of the longest common subsequence. */
static size_t common(const uint32_t *a, size_t a_count, const uint32_t *b, size_t b_count)
{
	size_t row[DIFF_CALLS_MAX + 1] = {0};
	for (size_t i = 0; i < a_count; i++) {
		size_t diagonal = 0; // of the row before, one column to the left
		for (size_t j = 0; j < b_count; j++) {
			size_t above = row[j + 1];
			if (a[i] == b[j])
				row[j + 1] = diagonal + 1;
			else if (row[j] > above)
				row[j + 1] = row[j];
			diagonal = above;
		}
	}
	return row[b_count];
}

double diff_alike(const uint32_t *a, size_t a_count, const uint32_t *b, size_t b_count)
{
	if (!a_count && !b_count)
		return 1;
	a_count = a_count < DIFF_CALLS_MAX ? a_count : DIFF_CALLS_MAX;
	b_count = b_count < DIFF_CALLS_MAX ? b_count : DIFF_CALLS_MAX;
	return 2.0 * (double)common(a, a_count, b, b_count) / (double)(a_count + b_count);
}
