#include "render/profile_folded.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "render/escape.h"
#include "render/profile_stack.h"

enum { BASE, NOW, COLUMNS };

struct folded {
	const char *stack;
	int64_t values[COLUMNS];
};

struct folding {
	const struct gospy_profile *profile;
	struct arena arena;
	VEC(struct folded) all;
	VEC(const char *) names; /* of calls; NULL: not asked for yet */
	profile_calls calls;
	struct strbuf text;
};

static void folding_deinit(struct folding *f)
{
	arena_deinit(&f->arena);
	vec_free(&f->all);
	vec_free(&f->names);
	vec_free(&f->calls);
	strbuf_deinit(&f->text);
}

/* ";" separates calls. */
static void add_clean(struct strbuf *b, const char *s, size_t len)
{
	while (len) {
		struct escape_step step = escape_next(s, len, ESCAPE_TEXT);
		for (size_t i = 0; i < step.clean; i++)
			strbuf_putc(b, s[i] == ';' ? ':' : s[i]);
		if (step.unfit)
			strbuf_putc(b, ' ');
		s += step.clean + step.unfit;
		len -= step.clean + step.unfit;
	}
}

static const char *name_of(struct folding *f, uint32_t call)
{
	CLEANUP(strbuf_deinit) struct strbuf raw = {0}, clean = {0};
	if (f->names.at[call])
		return f->names.at[call];
	profile_call_name(f->profile, call, &raw);
	if (raw.s)
		add_clean(&clean, raw.s, raw.len);
	if (!raw.failed && !clean.failed)
		f->names.at[call] = arena_strdup(&f->arena, clean.s ? clean.s : "");
	return f->names.at[call];
}

static bool add(struct folding *f, const struct gospy_profile_sample *sample, size_t column,
		int64_t value)
{
	if (!profile_stack(f->profile, sample, &f->calls))
		return false;
	strbuf_clear(&f->text);
	for (size_t i = 0; i < f->calls.len; i++) {
		const char *name = name_of(f, f->calls.at[i]);
		if (!name)
			return false;
		strbuf_puts(&f->text, i ? ";" : "");
		strbuf_puts(&f->text, name);
	}
	if (!f->calls.len)
		strbuf_puts(&f->text, "[no stack]");
	struct folded folded = {0};
	folded.values[column] = value;
	if (!f->text.failed)
		folded.stack = arena_strdup(&f->arena, f->text.s);
	return folded.stack && vec_push(&f->all, folded);
}

static int compare(const void *a, const void *b)
{
	const struct folded *x = a, *y = b;
	return strcmp(x->stack, y->stack);
}

static void print(struct out *out, struct folded *all, size_t n, bool with_base)
{
	for (size_t i = 0; i < n;) {
		const char *stack = all[i].stack;
		uint64_t sums[COLUMNS] = {0};
		for (; i < n && strcmp(all[i].stack, stack) == 0; i++) {
			sums[BASE] += (uint64_t)all[i].values[BASE];
			sums[NOW] += (uint64_t)all[i].values[NOW];
		}
		if (!sums[BASE] && !sums[NOW])
			continue;
		out_puts(out, stack);
		if (with_base)
			out_printf(out, " %" PRId64, (int64_t)sums[BASE]);
		out_printf(out, " %" PRId64 "\n", (int64_t)sums[NOW]);
	}
}

static bool add_all(struct folding *f, const struct gospy_profile *profile, size_t column,
		    size_t type)
{
	size_t calls = profile_call_limit(profile);
	f->profile = profile;
	if (!vec_reserve(&f->names, calls + 1))
		return false;
	memset(f->names.at, 0, (calls + 1) * sizeof(*f->names.at));
	for (size_t i = 0; i < profile->sample_count; i++) {
		int64_t value = profile->samples[i].values[type];
		if (value && !add(f, &profile->samples[i], column, value))
			return false;
	}
	return true;
}

bool profile_folded(struct out *out, const struct gospy_profile *profile,
		    const struct gospy_profile *base, size_t type)
{
	CLEANUP(folding_deinit) struct folding f = {0};
	if (!add_all(&f, profile, NOW, type) || (base && !add_all(&f, base, BASE, type)))
		return false;
	if (f.all.len)
		qsort(f.all.at, f.all.len, sizeof(*f.all.at), compare);
	print(out, f.all.at, f.all.len, base);
	return true;
}
