#include "render/name.h"

#include <inttypes.h>
#include <limits.h>
#include <string.h>

#include "base/cleanup.h"
#include "render/escape.h"
#include "render/object_name.h"
#include "render/part.h"
#include "render/state.h"
#include "render/type_name.h"
#include "render/wait.h"

const char *name_more(bool utf8)
{
	return part_more(utf8);
}

static int width_of(const char *raw, bool utf8)
{
	CLEANUP(strbuf_deinit) struct strbuf clean = {0};
	escape_add(&clean, raw);
	return part_width(part_whole(&clean), utf8);
}

/* ---- functions */

/* google.golang.org/grpc/internal/transport.(*http2Server).keepalive.func1 is in parts
 * google.golang.org/grpc/internal/ transport. (*http2Server) keepalive .func1
 */
struct func {
	struct part made;    /* "type:.eq.": compares values of the type that follows */
	struct part dirs;    /* with the slash */
	struct part package; /* with the dot */
	struct part type;    /* empty: it is no method */
	struct part from;    /* package of an embedded type's method that is not exported */
	struct part method;  /* or the function */
	struct part closure; /* which function within it */
};

/* Length of what is in brackets at the start; all of it if they are not closed. */
static size_t bracketed(struct part part)
{
	size_t depth = 0;
	for (size_t i = 0; i < part.len; i++) {
		if (strchr("([{", part.s[i]))
			depth++;
		else if (strchr(")]}", part.s[i]) && --depth == 0)
			return i + 1;
	}
	return part.len;
}

/* Length up to the first of `ends` that is in no brackets. */
static size_t span(struct part part, const char *ends)
{
	size_t i = 0;
	while (i < part.len && !strchr(ends, part.s[i]))
		i += strchr("([{", part.s[i]) ? bracketed((struct part){part.s + i, part.len - i})
					      : 1;
	return i;
}

static bool is_digit(struct part part)
{
	return part.len && *part.s >= '0' && *part.s <= '9';
}

/* Does the compiler call something so that is within a function? "func1", "2", "gowrap1",
 * "(*T).M.func1", a closure of another function that was inlined.
 * src/cmd/compile/internal/ir/func.go:closureName */
static bool is_closure(struct part part)
{
	static const char *const names[] = {"func", "gowrap", "deferwrap", ""};
	if (part_begins(part, "("))
		return true;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		size_t len = strlen(names[i]);
		if (part_begins(part, names[i]) &&
		    is_digit((struct part){part.s + len, part.len - len}))
			return true;
	}
	return false;
}

/* Length of the directories of an import path. */
static size_t directories(struct part part)
{
	size_t path = span(part, "([{ "), slash = 0;
	for (size_t i = 0; i < path; i++)
		slash = part.s[i] == '/' ? i + 1 : slash;
	return slash;
}

/* An import path, whose last element has no dot (it is written %2e). The methods of types without a
 * name, "go:struct { a/b.T }.M", have none. */
static void split_package(struct func *func, struct part *rest)
{
	static const char *const made[] = {"type:.eq.", "type:.hash.", "type..eq.", "type..hash."};
	for (size_t i = 0; i < sizeof(made) / sizeof(made[0]); i++) {
		if (part_begins(*rest, made[i]))
			func->made = part_cut(rest, strlen(made[i]));
	}
	if (part_begins(*rest, "go:"))
		return;
	func->dirs = part_cut(rest, directories(*rest));
	size_t dot = span(*rest, ".");
	if (dot + 1 < rest->len)
		func->package = part_cut(rest, dot + 1);
}

/* src/cmd/compile/internal/ir/name.go:MethodSymSuffix: "T.M", "(*T).M", "(*T).M-fm". */
static struct func split(struct part name)
{
	struct func func = {0};
	struct part rest = name;
	split_package(&func, &rest);
	if (part_begins(rest, "glob..")) {
		// A closure of the package itself.
		func.method =
			part_cut(&rest, span((struct part){rest.s + 6, rest.len - 6}, ".-") + 6);
		func.closure = rest;
		return func;
	}
	size_t first = span(rest, ".-");
	struct part second = {rest.s + first, rest.len - first};
	bool dot = part_begins(second, ".") && second.len > 1;
	if (dot)
		part_cut(&second, 1);
	if (dot && !is_closure(second)) {
		func.type = part_cut(&rest, first);
		part_cut(&rest, 1);
		// "(*T).a/b.read"
		size_t path = directories(rest);
		size_t package = span((struct part){rest.s + path, rest.len - path}, ".");
		func.from =
			part_cut(&rest, path && path + package < rest.len ? path + package + 1 : 0);
		first = span(rest, ".-");
	}
	// A package may have many functions init, which are numbered.
	if (first == strlen("init") && part_begins(rest, "init.") && is_digit(second))
		first += 1 + span(second, ".");
	func.method = part_cut(&rest, first);
	func.closure = rest;
	return func;
}

size_t name_package(const char *func)
{
	struct func parts = split((struct part){func, strlen(func)});
	return parts.package.len ? parts.made.len + parts.dirs.len + parts.package.len - 1 : 0;
}

enum {
	WITH_FILE_DIRS = 1,
	WITH_DIRS = 2,
	WITH_FILE = 4,
	WITH_BEFORE = 8,
	WITH_PARAMS = 16,
	WITH_PACKAGE = 32,
	WITH_CLOSURE = 64,
	WITH_LINE = 128,
};

/* What is kept, best first. */
static const unsigned forms[] = {
	255,
	255 & ~WITH_FILE_DIRS,
	255 & ~WITH_FILE_DIRS & ~WITH_DIRS,
	WITH_BEFORE | WITH_PARAMS | WITH_PACKAGE | WITH_CLOSURE | WITH_LINE,
	WITH_BEFORE | WITH_PACKAGE | WITH_CLOSURE | WITH_LINE,
	WITH_BEFORE | WITH_CLOSURE | WITH_LINE,
	WITH_BEFORE | WITH_LINE,
	WITH_BEFORE | WITH_CLOSURE,
	WITH_BEFORE,
	0,
};
enum { FORMS = sizeof(forms) / sizeof(forms[0]), FORM_GOOD = 4, FORM_LINED = 6 };

/* A place, escaped and taken apart. */
struct place {
	struct strbuf text;
	struct func func;
	struct part before, file, base; /* base: of the file */
	bool has_file;
	uint32_t line;
	bool parens;
};

static void place_deinit(struct place *place)
{
	strbuf_deinit(&place->text);
}

static void place_init(struct place *place, const struct name *name)
{
	struct strbuf *text = &place->text;
	*place = (struct place){
		.line = name->line,
		.parens = name->parens,
		.has_file = name->file && name->text,
	};
	if (name->text)
		escape_add(text, name->text);
	else
		strbuf_printf(text, "0x%" PRIx64, name->pc);
	size_t func = text->len;
	strbuf_putc(text, ' ');
	if (place->has_file)
		escape_add(text, name->file);
	size_t file = text->len;
	if (name->before)
		escape_add(text, name->before);
	if (text->failed)
		return;
	place->func = split((struct part){text->s, func});
	place->file = (struct part){text->s + func + 1, file - func - 1};
	place->before = (struct part){text->s + file, text->len - file};
	place->base = place->file;
	for (size_t i = 0; i < place->file.len; i++) {
		if (place->file.s[i] == '/')
			place->base = (struct part){place->file.s + i + 1, place->file.len - i - 1};
	}
}

/* What becomes of type parameters, and of the members of a struct. */
enum params { PARAMS_ALL, PARAMS_SHORT /* "[…]" */, PARAMS_MARK /* "…" */ };

static void add_params(struct strbuf *text, struct part part, enum params params, bool utf8)
{
	while (part.len) {
		size_t open = 0;
		while (open < part.len && part.s[open] != '[' && part.s[open] != '{')
			open++;
		part_add(text, part_cut(&part, open));
		struct part group = part_cut(&part, bracketed(part));
		if (params == PARAMS_ALL ||
		    (params == PARAMS_SHORT && group.len <= strlen("[T]"))) {
			part_add(text, group);
		} else if (group.len) {
			bool brackets = params == PARAMS_SHORT;
			strbuf_add(text, group.s, brackets);
			strbuf_puts(text, part_more(utf8));
			strbuf_add(text, group.s + group.len - 1, brackets);
		}
	}
}

static void add_line(struct strbuf *text, const struct place *place, unsigned with)
{
	bool file = with & WITH_FILE;
	if (!place->has_file || !(with & WITH_LINE))
		return;
	if (file) {
		strbuf_puts(text, place->parens ? " (" : " ");
		part_add(text, with & WITH_FILE_DIRS ? place->file : place->base);
	}
	strbuf_printf(text, ":%" PRIu32 "%s", place->line, file && place->parens ? ")" : "");
}

static void add_form(struct strbuf *text, const struct place *place, unsigned with, bool utf8)
{
	const struct func *func = &place->func;
	if (with & WITH_BEFORE)
		part_add(text, place->before);
	part_add(text, func->made);
	if (with & WITH_DIRS)
		part_add(text, func->dirs);
	if (with & WITH_PACKAGE)
		part_add(text, func->package);
	enum params params = with & WITH_PARAMS ? PARAMS_ALL : PARAMS_SHORT;
	add_params(text, func->type, params, utf8);
	if (func->type.len)
		strbuf_putc(text, '.');
	if (with & WITH_DIRS)
		part_add(text, func->from);
	add_params(text, func->method, params, utf8);
	if (with & WITH_CLOSURE)
		part_add(text, func->closure);
	else if (func->closure.len)
		strbuf_puts(text, part_more(utf8));
	add_line(text, place, with);
}

/* What stands before the last dot: the type of a method, or "type:.eq". */
static struct part owner(const struct func *func)
{
	if (func->type.len || !func->made.len)
		return func->type;
	return (struct part){func->made.s, func->made.len - 1};
}

static int line_width(const struct place *place)
{
	CLEANUP(strbuf_deinit) struct strbuf line = {0};
	add_line(&line, place, WITH_LINE);
	return (int)line.len;
}

/* Type and method do not fit as […] makes them, or not with the line that has to stay. Part of a
 * type may be another type's name, so that it is whole, or "…" stands for all of it; then there may
 * be room for the line again. */
static void add_least(struct strbuf *text, const struct place *place, int width, bool lined,
		      bool utf8)
{
	static const unsigned rests[] = {WITH_LINE, 0};
	CLEANUP(strbuf_deinit) struct strbuf method = {0};
	CLEANUP(strbuf_deinit) struct strbuf type = {0};
	add_params(&method, place->func.method, PARAMS_SHORT, utf8);
	int room = width - part_width(part_whole(&method), utf8) - (lined ? line_width(place) : 0);
	if (owner(&place->func).len) {
		add_params(&type, owner(&place->func), PARAMS_MARK, utf8);
		strbuf_putc(&type, '.');
		if (part_width(part_whole(&type), utf8) >
		    room - (place->func.closure.len ? 1 : 0)) {
			strbuf_clear(&type);
			strbuf_printf(&type, "%s.", part_more(utf8));
		}
	}
	for (size_t i = 0; i < sizeof(rests) / sizeof(rests[0]); i++) {
		CLEANUP(strbuf_deinit) struct strbuf form = {0};
		part_add(&form, part_whole(&type));
		part_add(&form, part_whole(&method));
		strbuf_puts(&form, place->func.closure.len ? part_more(utf8) : "");
		add_line(&form, place, rests[i]);
		if (part_width(part_whole(&form), utf8) <= width) {
			part_add(text, part_whole(&form));
			return;
		}
	}
	part_add_squeezed(text, part_whole(&method), width, utf8);
}

enum { ARGS_LEAST = 3 /* "(…)" */ };

static int form_width(const struct place *place, unsigned with, bool utf8)
{
	CLEANUP(strbuf_deinit) struct strbuf text = {0};
	add_form(&text, place, with, utf8);
	return part_width(part_whole(&text), utf8);
}

static void fit_place(struct strbuf *text, const struct name *name, int width, bool utf8)
{
	CLEANUP(place_deinit) struct place place;
	CLEANUP(strbuf_deinit) struct strbuf form = {0};
	place_init(&place, name);
	for (size_t i = 0; i < FORMS; i++) {
		if (name->lined && !(forms[i] & WITH_LINE))
			continue;
		strbuf_clear(&form);
		add_form(&form, &place, forms[i], utf8);
		if (part_width(part_whole(&form), utf8) <= width) {
			part_add(text, part_whole(&form));
			return;
		}
	}
	add_least(text, &place, width, name->lined, utf8);
}

static struct name_size place_size(const struct name *name, bool utf8)
{
	CLEANUP(place_deinit) struct place place;
	CLEANUP(strbuf_deinit) struct strbuf method = {0};
	place_init(&place, name);
	add_params(&method, place.func.method, PARAMS_SHORT, utf8);
	int least = part_width(part_whole(&method), utf8) + (place.func.closure.len ? 1 : 0) +
		    (owner(&place.func).len ? 2 : 0);
	int args = name->args ? width_of(name->args, utf8) : 0;
	return (struct name_size){
		.least = least + (args < ARGS_LEAST ? args : ARGS_LEAST),
		.core = form_width(&place, forms[FORMS - 1], utf8) +
			(args < ARGS_LEAST ? args : ARGS_LEAST),
		.lined = form_width(&place, forms[FORM_LINED], utf8) +
			 (args < ARGS_LEAST ? args : ARGS_LEAST),
		.good = form_width(&place, forms[FORM_GOOD], utf8) + args,
		.full = form_width(&place, forms[1], utf8) + args,
		.most = form_width(&place, forms[0], utf8) + args,
	};
}

/* A call. Of its arguments "(…)" stays, and "()". */
static void fit_call(struct strbuf *text, const struct name *name, int width, bool utf8)
{
	CLEANUP(strbuf_deinit) struct strbuf args = {0};
	struct name func = *name;
	func.args = NULL;
	escape_add(&args, name->args);
	int all = part_width(part_whole(&args), utf8);
	int room = width - place_size(&func, utf8).most;
	int least = all < ARGS_LEAST ? all : ARGS_LEAST;
	if (room < least)
		room = least;
	fit_place(text, &func, width - room, utf8);
	if (all <= room) {
		part_add(text, part_whole(&args));
	} else {
		part_add(text, part_head(part_whole(&args), room - 2, utf8));
		strbuf_puts(text, part_more(utf8));
		strbuf_putc(text, ')');
	}
}

/* ---- files */

static void fit_path(struct strbuf *text, struct part path, int width, bool utf8)
{
	int indent = 0;
	for (; path.len && *path.s == ' ' && indent < width - 1; indent++)
		part_add(text, part_cut(&path, 1));
	struct part rest = part_tail(path, width - indent - 1, utf8);
	const char *slash = memchr(rest.s, '/', rest.len);
	if (slash)
		part_cut(&rest, (size_t)(slash - rest.s));
	strbuf_puts(text, part_more(utf8));
	part_add(text, rest);
}

/* ---- states with counts */

static size_t count_states(struct part states)
{
	size_t n = 0;
	for (; states.len; n++)
		part_cut_item(&states);
	return n;
}

/* How many goroutines the state says that it is of; 0: it does not. */
static uint64_t count_of(struct part state)
{
	uint64_t n = 0;
	for (size_t i = 0; i < state.len && is_digit((struct part){state.s + i, 1}); i++)
		n = n * 10 + (uint64_t)(state.s[i] - '0');
	return n;
}

static uint64_t count_all(struct part states)
{
	uint64_t n = 0;
	while (states.len)
		n += count_of(part_cut_item(&states));
	return n;
}

/* The first so many, and what stands for the others. */
static void add_states(struct strbuf *text, struct part states, size_t most, bool brief, bool utf8)
{
	for (size_t i = 0; states.len; i++) {
		uint64_t others = i == most ? count_all(states) : 0;
		if (others && brief)
			strbuf_printf(text, " +%" PRIu64, others);
		else if (others)
			strbuf_printf(text, ", %" PRIu64 " other%s", others,
				      others == 1 ? "" : "s");
		else if (i == most)
			strbuf_printf(text, ", %s", part_more(utf8));
		if (i == most)
			return;
		strbuf_puts(text, i ? ", " : "");
		part_add(text, part_cut_item(&states));
	}
}

/* Half a number would be a wrong one: the count in front is whole, or there is nothing of it. */
static void squeeze_states(struct strbuf *text, struct part states, int width, bool utf8)
{
	size_t digits = 0;
	while (digits < states.len && strchr("0123456789 ", states.s[digits]))
		digits++;
	struct part count = part_cut(&states, digits);
	int room = width - part_width(count, utf8);
	if (room > 0)
		part_add(text, count);
	part_add_squeezed(text, states, room > 0 ? room : width, utf8);
}

static void fit_states(struct strbuf *text, struct part states, int width, bool utf8)
{
	CLEANUP(strbuf_deinit) struct strbuf shorter = {0};
	size_t n = count_states(states);
	for (size_t i = 0; i <= n; i++) {
		bool brief = i == n;
		strbuf_clear(&shorter);
		add_states(&shorter, states, brief ? 1 : n - i, brief, utf8);
		if (part_width(part_whole(&shorter), utf8) <= width) {
			part_add(text, part_whole(&shorter));
			return;
		}
	}
	squeeze_states(text, part_cut_item(&states), width, utf8);
}

/* ---- any of them */

/* Of a name that is no place: all of it, as it is shown. */
static void add_clean(struct strbuf *text, const struct name *name)
{
	CLEANUP(strbuf_deinit) struct strbuf clean = {0};
	if (name->kind == NAME_LINE)
		strbuf_printf(&clean, ":%" PRIu32, name->line);
	else
		escape_add(&clean, name->text);
	if (clean.s && name->kind == NAME_STATE)
		state_short(clean.s, text);
	else if (clean.s && name->kind == NAME_OBJECT)
		strbuf_puts(text, wait_on_terminal(clean.s));
	else
		part_add(text, part_whole(&clean));
}

static void fit(struct strbuf *text, const struct name *name, int width, bool utf8)
{
	CLEANUP(strbuf_deinit) struct strbuf clean = {0};
	if (name->kind == NAME_PLACE && name->args && width > (int)strlen("(...)")) {
		fit_call(text, name, width, utf8);
		return;
	}
	if (name->kind == NAME_PLACE) {
		fit_place(text, name, width, utf8);
		return;
	}
	add_clean(&clean, name);
	if (part_width(part_whole(&clean), utf8) <= width) {
		part_add(text, part_whole(&clean));
		return;
	}
	switch (name->kind) {
	case NAME_PLACE:
		break;
	case NAME_LINE:
		// Half a number would be a wrong one.
		strbuf_puts(text, part_more(utf8));
		break;
	case NAME_TEXT:
		part_add(text, part_head(part_whole(&clean), width - 1, utf8));
		strbuf_puts(text, part_more(utf8));
		break;
	case NAME_PATH:
		fit_path(text, part_whole(&clean), width, utf8);
		break;
	case NAME_STATE:
		part_add_squeezed(text, part_whole(&clean), width, utf8);
		break;
	case NAME_STATES:
		fit_states(text, part_whole(&clean), width, utf8);
		break;
	case NAME_OBJECT:
		object_fit(part_whole(&clean), width, utf8, text);
		break;
	case NAME_TYPE:
		type_fit(part_whole(&clean), width, utf8, text);
		break;
	}
}

static struct name_size states_size(struct part states, bool utf8)
{
	CLEANUP(strbuf_deinit) struct strbuf first = {0};
	int full = part_width(states, utf8);
	add_states(&first, states, 1, true, utf8);
	int least = part_width(part_whole(&first), utf8);
	return (struct name_size){least, least, least, full, full, full};
}

static struct name_size object_size(struct part object, bool utf8)
{
	int full = part_width(object, utf8), least = object_least(object, utf8);
	return (struct name_size){least, least, least, least, full, full};
}

static struct name_size path_size(struct part path, bool utf8)
{
	int full = part_width(path, utf8), least = full;
	const char *slash = path.len ? memrchr(path.s + 1, '/', path.len - 1) : NULL;
	if (slash)
		least = 1 +
			part_width((struct part){slash, (size_t)(path.s + path.len - slash)}, utf8);
	return (struct name_size){least, least, least, least, full, full};
}

static struct name_size size_of_type(struct part type, bool utf8)
{
	struct type_size size = type_size(type, utf8);
	return (struct name_size){size.least, size.core, size.core,
				  size.good,  size.full, part_width(type, utf8)};
}

static struct name_size size_of(const struct name *name, bool utf8)
{
	CLEANUP(strbuf_deinit) struct strbuf clean = {0};
	if (name->kind != NAME_PLACE)
		add_clean(&clean, name);
	int width = part_width(part_whole(&clean), utf8);
	switch (name->kind) {
	case NAME_PLACE:
		return place_size(name, utf8);
	case NAME_PATH:
		return path_size(part_whole(&clean), utf8);
	case NAME_STATES:
		return states_size(part_whole(&clean), utf8);
	case NAME_OBJECT:
		return object_size(part_whole(&clean), utf8);
	case NAME_TYPE:
		return size_of_type(part_whole(&clean), utf8);
	case NAME_LINE:
	case NAME_STATE:
	case NAME_TEXT:
		break;
	}
	return (struct name_size){width, width, width, width, width, width};
}

static bool ends_with(const struct strbuf *text, const char *end)
{
	size_t len = strlen(end);
	return text->len >= len && memcmp(text->s + text->len - len, end, len) == 0;
}

void name_fit(const struct name *name, int width, bool utf8, struct strbuf *text)
{
	int after = name->after ? width_of(name->after, utf8) : 0;
	if (width <= 0)
		return;
	if (after >= width)
		after = 0;
	width -= after;
	if (name->before && name->kind != NAME_PLACE) {
		int before = width_of(name->before, utf8);
		if (before + size_of(name, utf8).least <= width) {
			escape_add(text, name->before);
			width -= before;
		}
	}
	fit(text, name, width, utf8);
	// One "…" says both, that it is cut and that there are others.
	if (after && !ends_with(text, name->after))
		escape_add(text, name->after);
}

void name_fit_end(const struct name *name, int width, bool utf8, struct strbuf *text)
{
	enum { MARKED = 5 /* in fewer columns letters say more than that others are missing */ };
	CLEANUP(strbuf_deinit) struct strbuf core = {0};
	int enough = name_size(name, utf8).core;
	if (width >= enough || name->kind != NAME_PLACE) {
		name_fit(name, width, utf8, text);
		return;
	}
	name_fit(name, enough, utf8, &core);
	bool marked = width >= MARKED;
	strbuf_puts(text, marked ? part_more(utf8) : "");
	part_add(text, part_tail(part_whole(&core), width - marked, utf8));
}

void name_full(const struct name *name, struct strbuf *text)
{
	name_fit(name, INT_MAX, true, text);
}

struct name_size name_size(const struct name *name, bool utf8)
{
	struct name_size size = size_of(name, utf8);
	int after = name->after ? width_of(name->after, utf8) : 0;
	bool before_all = name->before && name->kind != NAME_PLACE;
	int before = before_all ? width_of(name->before, utf8) : 0;
	return (struct name_size){
		.least = size.least + after,
		.core = size.core + after,
		.lined = size.lined + after,
		.good = size.good + before + after,
		.full = size.full + before + after,
		.most = size.most + before + after,
	};
}

bool name_copy(struct arena *arena, const struct name *name, struct name *ret)
{
	struct name own = *name;
	const char **const strings[] = {&own.text, &own.file, &own.before, &own.args, &own.after};
	for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++) {
		const char *s = *strings[i];
		if (s && !(*strings[i] = arena_strndup(arena, s, strlen(s))))
			return false;
	}
	*ret = own;
	return true;
}

struct name name_place(const struct gospy_location *location)
{
	if (!location)
		return (struct name){.kind = NAME_TEXT, .text = "-"};
	return (struct name){
		.kind = NAME_PLACE,
		.text = location->func,
		.file = location->file,
		.line = location->line,
		.pc = location->pc,
	};
}

static bool same_function(const struct gospy_location *a, const struct gospy_location *b)
{
	return a && b && a->func && b->func && a->file && b->file &&
	       strcmp(a->func, b->func) == 0 && strcmp(a->file, b->file) == 0;
}

struct name name_beside(const struct gospy_location *location, const struct gospy_location *beside)
{
	if (!same_function(location, beside))
		return name_place(location);
	return (struct name){.kind = NAME_LINE, .line = location->line};
}
