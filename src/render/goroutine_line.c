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

/* The line takes the first of these that fits. */
static const struct form {
	enum level level;
	enum names names;
} forms[] = {
	{ALL, GOOD},
	{NO_WORDS, GOOD},
	{NO_NUMBERS, GOOD},
	{NO_NUMBERS, WITH_LINE},
	{SHORT_REASON, WITH_LINE},
	{SHORT_REASON, CORE},
	{NO_OBJECT, CORE},
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
	strbuf_puts(&head->details, ": ");
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

/* The head that leaves room for both names, and how much that is. `user`: NULL: there is none.
 * false: not even the shortest does. */
static bool choose(struct head *head, const struct out *out, const struct goroutine_line *line,
		   const struct name *place, const struct name *user, int *place_room,
		   int *user_room)
{
	static const int at = 4; // " at "
	for (size_t i = 0; i < FORMS; i++) {
		int used = make_head(head, line->g, forms[i].level, out->utf8);
		int room = out->cols - line->after - used;
		*user_room = user ? name_width(user, forms[i].names, out->utf8) + at : 0;
		*place_room = room - *user_room;
		if (name_width(place, forms[i].names, out->utf8) <= *place_room)
			return true;
	}
	return false;
}

void goroutine_line(struct out *out, const struct goroutine_line *line)
{
	static const char continued[] = "\n    ";
	CLEANUP(head_deinit) struct head head = {0};
	struct name place = name_place(line->place);
	struct name user = name_beside(line->user, line->place);
	int place_room, user_room;
	place.parens = user.parens = true;
	bool one = choose(&head, out, line, &place, line->user ? &user : NULL, &place_room,
			  &user_room);
	if (!one)
		choose(&head, out, line, &place, NULL, &place_room, &user_room);
	put_head(out, &head, line->style);
	put_name(out, &place, place_room);
	if (!line->user)
		return;
	out_puts(out, one ? " " : continued);
	out_puts(out, "at ");
	put_name(out, &user, out->cols - line->after - out_column(out));
}
