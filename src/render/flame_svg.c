#include "render/flame_svg.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/strbuf.h"
#include "render/escape.h"
#include "render/measure.h"
#include "render/name.h"
#include "render/units.h"

/* Pixels. */
enum {
	WIDTH = 1200,
	MARGIN = 10,
	ROW = 18,    /* of calls */
	LINE = 20,   /* of text above them */
	PADDING = 4, /* of a name in its call */
};
static const double least_width = 0.5;
/* Of a monospaced font, whichever it is: DejaVu's are 0.602 of their height of 12, others less. */
static const double char_width = 7.25;

/* Columns of a name of which a part is left out. */
enum { LEAST_COLUMNS = 6 };

/* Characters of a name in a tooltip, which nobody reads to the end. */
enum { NAME_MAX_SHOWN = 400 };

struct box {
	uint32_t node;
	uint32_t depth; /* 0: the root */
	double x, width;
};

struct drawing {
	const struct flame_picture *picture;
	struct out *out;
	flame_widths widths;
	VEC(double) next; /* of each depth: where the next call begins */
	VEC(struct box) boxes;
	uint32_t depth; /* of the deepest call that is drawn */
	int top;        /* where the root is */
	struct strbuf text;
};

static void drawing_deinit(struct drawing *d)
{
	vec_free(&d->widths);
	vec_free(&d->next);
	vec_free(&d->boxes);
	strbuf_deinit(&d->text);
}

/* -------------------------------------------------------------------------------------- layout --
 */

/* False: it is too small. */
static bool place(struct drawing *d, uint32_t node, uint32_t depth, double scale, bool *room)
{
	struct box box = {.node = node, .depth = depth};
	box.width = d->widths.at[node] * scale;
	box.x = d->next.at[depth];
	d->next.at[depth] += box.width;
	if (box.width < least_width)
		return false;
	d->next.at[depth + 1] = box.x;
	d->depth = depth > d->depth ? depth : d->depth;
	*room = vec_push(&d->boxes, box);
	return *room;
}

static bool lay_out(struct drawing *d)
{
	const struct flame *flame = d->picture->flame;
	bool room = flame_picture_widths(d->picture, d->picture->type, &d->widths) &&
		    vec_reserve(&d->next, flame->depth + 2);
	if (!room || d->widths.at[FLAME_ROOT] <= 0)
		return room;
	double scale = (WIDTH - 2 * MARGIN) / d->widths.at[FLAME_ROOT];
	d->next.at[0] = MARGIN;
	uint32_t depth = 0;
	for (uint32_t node = FLAME_ROOT; room;) {
		uint32_t next = 0;
		if (place(d, node, depth, scale, &room))
			next = flame->nodes.at[node].child;
		depth += next != 0;
		while (!next && node != FLAME_ROOT) {
			next = flame->nodes.at[node].next;
			if (!next) {
				node = flame->nodes.at[node].parent;
				depth--;
			}
		}
		if (!next)
			break;
		node = next;
	}
	return room;
}

/* --------------------------------------------------------------------------------------- print --
 */

static const struct gospy_profile_value_type *shown_type(const struct drawing *d)
{
	return &d->picture->types[d->picture->type];
}

static struct measure_text label(const struct drawing *d, int64_t value)
{
	return measure_label(value, shown_type(d)->unit, "minimum");
}

/* Print what was put together. */
static bool flush_text(struct drawing *d)
{
	bool room = !d->text.failed;
	if (room && d->text.s)
		out_puts(d->out, d->text.s);
	strbuf_clear(&d->text);
	return room;
}

static const char *name_of(const struct drawing *d, uint32_t node)
{
	const struct flame *flame = d->picture->flame;
	return node == FLAME_ROOT ? "all" : flame->names.all.at[flame->nodes.at[node].name];
}

static bool add_fitting(struct strbuf *b, const struct name *name, int columns)
{
	CLEANUP(strbuf_deinit) struct strbuf shown = {0};
	name_fit(name, columns, true, &shown);
	escape_add_markup(b, shown.s ? shown.s : "");
	return !shown.failed;
}

static bool add_name(struct strbuf *b, const char *raw, int columns)
{
	const struct name name = {.kind = NAME_PLACE, .text = raw};
	return add_fitting(b, &name, columns);
}

static void add_figures(struct drawing *d, uint32_t node)
{
	const struct flame_picture *picture = d->picture;
	const struct flame_value *of = flame_value(picture->flame, node, picture->type);
	int64_t all = flame_value(picture->flame, FLAME_ROOT, picture->type)->total;
	const char *percent, *blank = " ";
	struct measure_text share = measure_percent(of->total, all);
	percent = share.s + strspn(share.s, blank);
	strbuf_printf(&d->text, "\n%s%s, %s", picture->diff ? "now " : "", label(d, of->total).s,
		      percent);
	if (picture->diff) {
		int64_t base =
			flame_value(picture->flame, node, picture->type_count + picture->type)
				->total;
		int64_t more = (int64_t)((uint64_t)of->total - (uint64_t)base);
		strbuf_printf(&d->text, "\nbefore %s\n%s%s", label(d, base).s, more > 0 ? "+" : "",
			      label(d, more).s);
	}
	if (of->self) {
		share = measure_percent(of->self, all);
		percent = share.s + strspn(share.s, blank);
		strbuf_printf(&d->text, "\nself %s, %s", label(d, of->self).s, percent);
	}
}

static struct flame_color color_of(const struct drawing *d, uint32_t node, const char *name)
{
	const struct flame_picture *picture = d->picture;
	if (!picture->diff)
		return flame_color_of(node == FLAME_ROOT ? "" : name);
	size_t base = picture->type_count + picture->type;
	return flame_color_of_change(
		flame_change(flame_value(picture->flame, node, picture->type)->total,
			     flame_value(picture->flame, node, base)->total));
}

/* 0xrrggbb: not all that draws SVG knows hsl(). https://www.w3.org/TR/css-color-4/#hsl-to-rgb */
static unsigned rgb(struct flame_color color)
{
	static const int of_channel[] = {0, 8, 4};
	double s = color.saturation / 100.0, l = color.lightness / 100.0;
	double reach = s * fmin(l, 1 - l);
	unsigned all = 0;
	for (size_t i = 0; i < 3; i++) {
		double k = fmod(of_channel[i] + color.hue / 30.0, 12);
		double value = l - reach * fmax(-1, fmin(fmin(k - 3, 9 - k), 1));
		all = all << 8 | (unsigned)lround(value * 255);
	}
	return all;
}

/* The name in the box, unless nothing of it can be told there. */
static bool add_label(struct drawing *d, const struct box *box, const char *raw, double y)
{
	CLEANUP(strbuf_deinit) struct strbuf shown = {0};
	int columns = (int)((box->width - 2 * PADDING) / char_width);
	if (columns < 1)
		return true;
	bool room = add_name(&shown, raw, columns);
	if (!shown.s || (columns < LEAST_COLUMNS && strstr(shown.s, name_more(true))))
		return room;
	strbuf_printf(&d->text, "<text x=\"%.1f\" y=\"%.0f\">", box->x + PADDING, y);
	strbuf_puts(&d->text, shown.s);
	strbuf_puts(&d->text, "</text>");
	return room && !shown.failed;
}

static bool print_box(struct drawing *d, const struct box *box)
{
	const char *raw = name_of(d, box->node);
	double y = d->top + (double)box->depth * ROW;
	CLEANUP(strbuf_deinit) struct strbuf escaped = {0};
	escape_add(&escaped, raw);
	if (escaped.failed)
		return false;
	struct flame_color color = color_of(d, box->node, escaped.s ? escaped.s : "");
	strbuf_puts(&d->text, "<g><title>");
	bool room = add_name(&d->text, raw, NAME_MAX_SHOWN);
	add_figures(d, box->node);
	strbuf_puts(&d->text, "</title>");
	// A gap of a pixel, as long as there is something beside it.
	double width = box->width > 2 ? box->width - 1 : box->width;
	strbuf_printf(&d->text,
		      "<rect x=\"%.1f\" y=\"%.0f\" width=\"%.1f\" height=\"%d\" rx=\"1\" "
		      "fill=\"#%06x\"/>",
		      box->x, y, width, ROW - 1, rgb(color));
	room &= add_label(d, box, raw, y + 13);
	strbuf_puts(&d->text, "</g>\n");
	return flush_text(d) && room;
}

static bool line_of_text(struct drawing *d, const char *class, const char *raw)
{
	const struct name text = {.kind = NAME_TEXT, .text = raw};
	strbuf_printf(&d->text, "<text class=\"%s\" x=\"%d\" y=\"%d\">", class, MARGIN,
		      d->top + 14);
	bool room = add_fitting(&d->text, &text, (int)((WIDTH - 2 * MARGIN) / char_width));
	strbuf_puts(&d->text, "</text>\n");
	d->top += LINE;
	return room;
}

/* How much there is of it, and what else is known. */
static bool print_facts(struct drawing *d)
{
	CLEANUP(strbuf_deinit) struct strbuf line = {0};
	const struct flame_picture *picture = d->picture;
	const struct flame *flame = picture->flame;
	size_t base = picture->type_count + picture->type;
	strbuf_printf(&line, "%s: %s", shown_type(d)->type,
		      label(d, flame_value(flame, FLAME_ROOT, picture->type)->total).s);
	if (picture->diff)
		strbuf_printf(&line, " now, %s before",
			      label(d, flame_value(flame, FLAME_ROOT, base)->total).s);
	for (size_t i = 0; i < picture->fact_count; i++) {
		strbuf_puts(&line, " \xc2\xb7 ");
		strbuf_puts(&line, picture->facts[i]);
	}
	return !line.failed && line_of_text(d, "facts", line.s);
}

/* What a reader has to know. */
static bool print_notes(struct drawing *d)
{
	char text[120];
	bool room = true;
	const struct flame_picture *picture = d->picture;
	const struct flame_below below = flame_picture_below(picture, picture->type);
	if (picture->note)
		room &= line_of_text(d, "note", picture->note);
	if (picture->diff)
		room &= line_of_text(d, "facts",
				     "Red: more than before. Blue: less. As wide as before and now "
				     "together.");
	if (below.stacks) {
		snprintf(text, sizeof(text), "%s of %zu stack%s is below zero and not drawn.",
			 label(d, below.sum).s, below.stacks, units_plural(below.stacks));
		room &= line_of_text(d, "note", text);
	}
	if (!d->boxes.len)
		room &= line_of_text(d, "facts", "There is nothing to draw.");
	return room;
}

/* A background of its own: what is around it may be dark or light, and a picture is not told. */
static const char style[] =
	"<style>"
	"text{font:12px ui-monospace,Menlo,Consolas,\"DejaVu Sans Mono\",monospace;fill:#111;"
	"white-space:pre}"
	".title{font-weight:bold;fill:#222}.facts{fill:#555}.note{fill:#8a4b00}.paper{fill:#fff}"
	"@media(prefers-color-scheme:dark){.paper{fill:#16181d}.title{fill:#eee}"
	".facts{fill:#aaa}.note{fill:#ffb867}}"
	"g:hover rect{stroke:#000}"
	"</style>\n";

bool flame_svg(struct out *out, const struct flame_picture *picture)
{
	CLEANUP(drawing_deinit) struct drawing d = {.picture = picture, .out = out, .top = MARGIN};
	if (!lay_out(&d) || !line_of_text(&d, "title", picture->title) || !print_facts(&d) ||
	    !print_notes(&d))
		return false;
	double height = d.top + ((double)d.depth + 1) * ROW + MARGIN;
	out_printf(out,
		   "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%.0f\" "
		   "viewBox=\"0 0 %d %.0f\">\n",
		   WIDTH, height, WIDTH, height);
	out_puts(out, style);
	out_puts(out, "<rect class=\"paper\" width=\"100%\" height=\"100%\" rx=\"4\"/>\n");
	if (!flush_text(&d))
		return false;
	for (size_t i = 0; i < d.boxes.len; i++) {
		if (!print_box(&d, &d.boxes.at[i]))
			return false;
	}
	out_puts(out, "</svg>\n");
	return true;
}
