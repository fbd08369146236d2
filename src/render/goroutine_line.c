#include "render/goroutine_line.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/status_name.h"
#include "render/escape.h"
#include "render/name.h"
#include "render/select.h"
#include "render/state.h"
#include "render/units.h"
#include "render/wait.h"
#include "render/width.h"

/* What is left out; each level what those before it do, too. */
enum level { ALL, NO_WORDS, NO_NUMBERS, SHORT_REASON, NO_OBJECT };

/* How much of the names there has to be room for. */
enum names { GOOD, WITH_LINE, CORE };

/* The line takes the first of these that fits. Where a goroutine is now has its line number: the
 * same function may wait at several. */
static const struct form {
	enum level level;
	enum names place, last; /* `last`: of the last name in the line */
} forms[] = {
	{ALL, GOOD, GOOD},
	{NO_WORDS, GOOD, GOOD},
	{NO_NUMBERS, GOOD, GOOD},
	{NO_NUMBERS, WITH_LINE, WITH_LINE},
	{SHORT_REASON, WITH_LINE, WITH_LINE},
	{SHORT_REASON, CORE, WITH_LINE},
	{NO_OBJECT, WITH_LINE, WITH_LINE},
	{NO_OBJECT, CORE, WITH_LINE},
};
enum { FORMS = sizeof(forms) / sizeof(forms[0]) };

/* What stands before the places. */
struct head {
	struct strbuf goid, state, details;
};

static void head_deinit(struct head *head)
{
	strbuf_deinit(&head->goid);
	strbuf_deinit(&head->state);
	strbuf_deinit(&head->details);
}

static bool waits(const struct gospy_goroutine *g)
{
	return g->wait_reason &&
	       (g->status == GOSPY_STATUS_WAITING || g->status == GOSPY_STATUS_LEAKED);
}

static bool on_thread(const struct gospy_goroutine *g)
{
	return g->status == GOSPY_STATUS_RUNNING || g->status == GOSPY_STATUS_SYSCALL;
}

static void add_state(struct strbuf *text, const struct gospy_goroutine *g, enum level level)
{
	if (!waits(g)) {
		strbuf_puts(text, status_name(g->status));
		return;
	}
	if (level < NO_WORDS)
		strbuf_puts(text, "waiting for ");
	if (level < SHORT_REASON)
		escape_add(text, g->wait_reason);
	else
		state_short(g->wait_reason, text);
	if (g->status == GOSPY_STATUS_LEAKED)
		strbuf_puts(text, " (leaked)");
}

static void add_thread(struct strbuf *text, const struct gospy_goroutine *g, enum level level)
{
	if (g->m_id != GOSPY_UNKNOWN && level < NO_NUMBERS)
		strbuf_printf(text, " on M%" PRIu64, g->m_id);
	if (g->tid && level < NO_OBJECT)
		strbuf_printf(text, " (thread %d)", (int)g->tid);
}

static bool begins(const char *s, const char *with)
{
	return s && strncmp(s, with, strlen(with)) == 0;
}

/* " from 0xc00001e0c0, cap 0 len 0, closed" */
static void add_channel(struct strbuf *text, const struct gospy_goroutine *g, enum level level)
{
	const struct gospy_channel *channel = &g->channel;
	if (!g->channel_known || !channel->addr)
		return;
	strbuf_puts(text, begins(g->wait_reason, "chan receive") ? " from "
			  : begins(g->wait_reason, "chan send")  ? " to "
								 : " on ");
	strbuf_printf(text, "0x%" PRIx64, channel->addr);
	if (channel->cap != GOSPY_UNKNOWN && level < NO_NUMBERS)
		strbuf_printf(text, ", cap %" PRIu64 " len %" PRIu64, channel->cap, channel->len);
	if (channel->closed)
		strbuf_puts(text, ", closed");
}

/* " on 0xc000012348"; with the kind of the object, if the reason does not begin with it. */
static void add_whole_object(struct strbuf *text, const struct gospy_goroutine *g)
{
	CLEANUP(strbuf_deinit) struct strbuf whole = {0};
	const char *kind = wait_kind_name(g->wait_kind), *s;
	wait_detail(g, &whole);
	if (whole.failed)
		text->failed = true;
	if (!whole.len || whole.failed)
		return;
	s = whole.s;
	if (kind && begins(g->wait_reason, kind) && begins(s, " on ") &&
	    begins(s + strlen(" on "), kind)) {
		strbuf_puts(text, " on");
		s += strlen(" on ") + strlen(kind);
	}
	escape_add(text, s);
}

/* Is all that wait_detail() says of it until when it waits? */
static bool until_only(enum gospy_wait_kind kind)
{
	return kind == GOSPY_WAIT_SLEEP || kind == GOSPY_WAIT_CHANNEL;
}

/* Who is at the other end is worth more than the own address. */
static void add_descriptor(struct strbuf *text, const struct gospy_goroutine *g, enum level level)
{
	const char *remote = g->descriptor ? g->descriptor->remote : NULL;
	strbuf_printf(text, " on fd %d", g->wait_fd);
	if (remote && level < SHORT_REASON) {
		strbuf_puts(text, " with ");
		escape_add(text, remote);
	}
}

static void add_object(struct strbuf *text, const struct gospy_goroutine *g, enum level level)
{
	if (g->wait_kind == GOSPY_WAIT_SELECT && g->select_case_count && level >= NO_NUMBERS)
		strbuf_printf(text, " of %zu%s channel%s", g->select_case_count,
			      g->cases_cut ? "+" : "", units_plural(g->select_case_count));
	else if (g->wait_kind == GOSPY_WAIT_FD && level >= NO_NUMBERS)
		add_descriptor(text, g, level);
	else if (!until_only(g->wait_kind) || level < NO_NUMBERS)
		add_whole_object(text, g);
}

static void add_details(struct strbuf *text, const struct gospy_goroutine *g, enum level level,
			bool utf8)
{
	if (on_thread(g))
		add_thread(text, g, level);
	else if (level < NO_OBJECT)
		add_channel(text, g, level);
	if (level < NO_OBJECT)
		add_object(text, g, level);
	if (g->scan && level < NO_NUMBERS)
		strbuf_puts(text, " (scan)");
	if (units_wait(g->wait_ns).n)
		strbuf_printf(text, ", %s%s", units_at_least(g->wait_at_least, utf8),
			      units_span(g->wait_ns).s);
	if (!g->locked)
		return;
	strbuf_puts(text, level < NO_NUMBERS ? ", locked to thread" : ", locked");
	if (g->tid && !on_thread(g) && level < NO_NUMBERS)
		strbuf_printf(text, " %d", (int)g->tid);
}

static int width(const struct strbuf *text, bool utf8)
{
	return text->len ? width_text(text->s, text->len, utf8) : 0;
}

static int make_head(struct head *head, const struct gospy_goroutine *g, enum level level,
		     bool utf8)
{
	strbuf_clear(&head->goid);
	strbuf_clear(&head->state);
	strbuf_clear(&head->details);
	if (g->goid == GOSPY_UNKNOWN)
		strbuf_puts(&head->goid, "? - ");
	else
		strbuf_printf(&head->goid, "%" PRIu64 " - ", g->goid);
	add_state(&head->state, g, level);
	add_details(&head->details, g, level, utf8);
	strbuf_putc(&head->details, ':');
	return width(&head->goid, utf8) + width(&head->state, utf8) + width(&head->details, utf8);
}

static int name_width(const struct name *name, enum names names, bool utf8)
{
	const struct name_size size = name_size(name, utf8);
	int line = 0;
	switch (names) {
	case GOOD:
		return size.good;
	case WITH_LINE:
		line = name->file ? snprintf(NULL, 0, ":%" PRIu32, name->line) : 0;
		return size.core + line < size.good ? size.core + line : size.good;
	case CORE:
		break;
	}
	return size.core;
}

static void put(struct out *out, const struct strbuf *text)
{
	if (text->failed)
		out->error = ENOMEM;
	else if (text->len)
		out_write(out, text->s, text->len);
}

static void put_name(struct out *out, const struct name *name, int room)
{
	CLEANUP(strbuf_deinit) struct strbuf text = {0};
	name_fit(name, room > 0 ? room : 1, out->utf8, &text);
	put(out, &text);
}

static void put_head(struct out *out, const struct head *head, enum out_style style)
{
	put(out, &head->goid);
	if (style != OUT_NONE)
		out_style(out, style);
	put(out, &head->state);
	if (style != OUT_NONE)
		out_style(out, OUT_NONE);
	put(out, &head->details);
}

static const char at[] = " at ";
enum { AT = sizeof(at) - 1, INDENT = 4 };

/* The names of a goroutine, and what there is room for. */
struct places {
	struct name place, user;
	bool has_user;
	int place_room;
	bool utf8;
};

/* Do they fit beside each other, or, without `user`, the place alone? */
static bool fit_places(struct places *places, const struct form *form, bool user, int room)
{
	int last = user ? name_width(&places->user, form->last, places->utf8) + AT : 0;
	places->place_room = room - last;
	return name_width(&places->place, user ? form->place : form->last, places->utf8) <=
	       places->place_room;
}

/* What it waits for tells a goroutine from others, but for the number of channels. */
static bool may_leave_out(const struct gospy_goroutine *g, enum level level)
{
	return level < NO_OBJECT || on_thread(g) || g->wait_kind == GOSPY_WAIT_SELECT;
}

/* The head that leaves room for both names, or for the place alone. false: not even the shortest
 * does. */
static bool choose(struct head *head, const struct out *out, const struct goroutine_line *line,
		   struct places *places, bool user)
{
	for (size_t i = 0; i < FORMS; i++) {
		if (!may_leave_out(line->g, forms[i].level))
			break;
		int used = make_head(head, line->g, forms[i].level, out->utf8) + 1;
		if (fit_places(places, &forms[i], user, out->cols - line->after - used))
			return true;
	}
	return false;
}

/* The head in a line of its own, or in two if it does not fit there either. */
static void choose_alone(struct head *head, const struct out *out,
			 const struct goroutine_line *line)
{
	for (enum level level = ALL; level <= NO_OBJECT; level++) {
		if (!may_leave_out(line->g, level))
			break;
		int used = make_head(head, line->g, level, out->utf8);
		if (used <= out->cols - line->after)
			break;
	}
}

/* Begin another line, in which a name has more room where it needs that. */
static void put_indent(struct out *out, const struct goroutine_line *line, int needed)
{
	int room = out->cols - line->after - needed;
	out_printf(out, "\n%*s", room >= INDENT ? INDENT : room > 1 ? room : 1, "");
}

static void put_user_below(struct out *out, const struct goroutine_line *line,
			   const struct places *places)
{
	put_indent(out, line, AT - 1 + name_width(&places->user, WITH_LINE, places->utf8));
	out_puts(out, at + 1);
	put_name(out, &places->user, out->cols - line->after - out_column(out));
}

/* Names below the head: in one line, or in two. */
static void put_below(struct out *out, const struct goroutine_line *line, struct places *places)
{
	int room = out->cols - line->after - INDENT;
	bool one = false;
	for (size_t i = 0; places->has_user && i < FORMS && !one; i++)
		one = fit_places(places, &forms[i], true, room);
	put_indent(out, line, one ? 0 : name_width(&places->place, WITH_LINE, places->utf8));
	if (!one)
		places->place_room = out->cols - line->after - out_column(out);
	put_name(out, &places->place, places->place_room);
	if (!places->has_user)
		return;
	if (!one) {
		put_user_below(out, line, places);
		return;
	}
	out_puts(out, at);
	put_name(out, &places->user, out->cols - line->after - out_column(out));
}

void goroutine_line(struct out *out, const struct goroutine_line *line)
{
	CLEANUP(head_deinit) struct head head = {0};
	const struct out_mark mark = out_mark(out);
	struct places places = {.place = name_place(line->place),
				.user = name_beside(line->user, line->place),
				.has_user = line->user != NULL,
				.utf8 = out->utf8};
	places.place.parens = places.user.parens = true;
	bool one = choose(&head, out, line, &places, places.has_user);
	bool two = !one && places.has_user && choose(&head, out, line, &places, false);
	if (!one && !two)
		choose_alone(&head, out, line);
	put_head(out, &head, line->style);
	if (!one && !two) {
		out_wrap(out, mark);
		put_below(out, line, &places);
		return;
	}
	out_putc(out, ' ');
	put_name(out, &places.place, places.place_room);
	if (!places.has_user)
		return;
	if (two) {
		put_user_below(out, line, &places);
		return;
	}
	out_puts(out, at);
	put_name(out, &places.user, out->cols - line->after - out_column(out));
}
