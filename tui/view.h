/*
 * Views: what fills the screen below the header. Each is a table of functions (struct view_ops) and
 * a struct that begins with a struct view. A view is made of rows; table.c draws, filters, sorts
 * and scrolls them, so that most views only say what their rows are. Views draw what the model has
 * and never wait.
 */
#ifndef GOSPY_TUI_VIEW_H
#define GOSPY_TUI_VIEW_H

#include <regex.h>

#include "base/strbuf.h"
#include "tui/canvas.h"
#include "tui/columns.h"
#include "tui/keys.h"
#include "tui/line_edit.h"
#include "tui/list.h"
#include "tui/model.h"

struct app;
struct view;

/** A cell of a row, as text and for JSON. The buffer is empty when the view is asked. */
struct cell_value {
	struct strbuf text; /* raw or escaped: the canvas escapes what has to be */
	enum style style;
	bool end;        /* where it does not fit, its end is shown: see canvas_text_end */
	uint64_t number; /* GOSPY_UNKNOWN: the text is all there is */
};

struct view_ops {
	const char *name; /* of its tab; one word, also in JSON */
	size_t size;      /* of the struct that begins with struct view */
	const struct column *columns;
	size_t column_count;
	bool untitled;  /* lines of text: one column, no titles, no sorting */
	bool presorted; /* rows come filtered and sorted */
	bool no_header; /* the header of the target is of no use here */
	int sort;       /* to begin with: number of a column (struct column.sort) */
	/** What samples must hold for it. May be NULL, as all below but total and cell. */
	void (*needs)(const struct view *view, struct sampler_options *options);
	/** There is a new sample, or something about the model has changed. */
	void (*update)(struct view *view, struct app *app);
	/** A slice of longer work, some milliseconds; true: there is more to do. */
	bool (*step)(struct view *view, struct app *app);
	/** Rows there are, before filtering. */
	size_t (*total)(const struct view *view);
	uint64_t (*id)(const struct view *view, size_t row);
	void (*cell)(struct view *view, const struct app *app, size_t row, size_t column,
		     struct cell_value *value);
	/** Order of two rows by a column: the largest, or the first in the alphabet, first. */
	int (*compare)(struct view *view, int sort, size_t a, size_t b);
	/** true: the view has done it. ACT_SORTED, ACT_FILTERED: that has been done. */
	bool (*act)(struct view *view, struct app *app, enum action action);
	/** Instead of the table. */
	void (*draw)(struct view *view, struct app *app, int y, int height);
	/** What it shows, behind the names of the views. */
	void (*title)(const struct view *view, const struct app *app, struct strbuf *text);
	void (*close)(struct view *view);
};

/** What every view has. */
struct view {
	const struct view_ops *ops;
	struct list list;             /* of what is in `order` */
	VEC(uint32_t) order;          /* rows that are shown, as they are shown */
	char filter[LINE_EDIT_MAX];   /* "": none */
	char searched[LINE_EDIT_MAX]; /* filtered by last, for n and N */
	regex_t regex;                /* of `searched`, if that is not "" */
	int sort;
	bool inverted;
	int widths[COLUMNS_MAX];
	int first_y; /* line of the screen with the first row */
};

void *view_open(const struct view_ops *ops);
void view_close(struct view *view);

/* ---- rows: table.c */

/** Filter and sort anew; the selection follows. */
void table_update(struct view *view, const struct app *app);
/** Row number of the selected line, or SIZE_MAX: there is none. */
size_t table_selected(const struct view *view);
size_t table_row(const struct view *view, size_t line);
void table_draw(struct view *view, struct app *app, int y, int height);
/** Moving, sorting; true: done. */
bool table_act(struct view *view, struct app *app, enum action action);
/** true: the line that is now selected is to be opened. */
bool table_click(struct view *view, struct app *app, const struct pointer *pointer);
/** Sort by the column that has this number. */
void table_sort(struct view *view, struct app *app, int sort, bool inverted);
/** false: `why` says what is wrong with the pattern, and nothing has changed. */
bool table_filter(struct view *view, struct app *app, const char *pattern, char *why,
		  size_t why_size);
/** Select the next, or the one before, that matches what was filtered by last. */
void table_search(struct view *view, struct app *app, bool forward);

void cell_printf(struct cell_value *value, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void cell_number(struct cell_value *value, uint64_t number);
/** As model_location; "?" for NULL. */
void cell_location(struct cell_value *value, const struct gospy_location *location);

/* ---- the views */

extern const struct view_ops view_groups, view_sched, view_memory, view_members, view_stack,
	view_help, view_picker;

/** Goroutines of a group. */
struct view *view_members_open_row(const struct app *app, const struct model_row *row);
/** All that wait for an object. */
struct view *view_members_open_object(enum gospy_object_kind kind, uint64_t object);
/** `index`: of the goroutine in every snapshot, as long as it lives: allgs only grows, and a
 * goroutine stays with its g. */
struct view *view_stack_open(size_t index, uint64_t goid);
/** Its process list is looked at by a thread of its own. */
struct view *view_picker_open(void);
/** Readable when the list has changed. */
int view_picker_fd(const struct view *view);

#endif
