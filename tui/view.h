/*
 * Views: what fills the screen below the header. Each is a table of functions (struct view_ops) and
 * a struct that begins with a struct view. A view is made of rows; table.c draws, filters, sorts
 * and scrolls them, so that most views only say what their rows are. Views draw what the model has
 * and never wait.
 */
#ifndef GOSPY_TUI_VIEW_H
#define GOSPY_TUI_VIEW_H

#include "base/strbuf.h"
#include "render/columns.h"
#include "render/name.h"
#include "render/pattern.h"
#include "tui/keys.h"
#include "tui/line_edit.h"
#include "tui/list.h"
#include "tui/ui.h"

struct view;

enum { COLUMN_UNSORTED = -1, COLUMN_GAP = 1 };

/** A column. It is as wide as what is in it, if there is room. */
struct column {
	const char *title;       /* also its name in the sort menu */
	const char *short_title; /* on narrow screens; NULL: the same */
	const char *key;         /* of its values in JSON */
	int width;               /* that it always has; of text, all that it has to have */
	int good;   /* of names, and of text in so many columns: more than that takes no
		       room from others */
	int rank;   /* columns with high numbers go first where not all fit; 0: it stays */
	int enough; /* of names: columns from which on it is shown; 0: as soon as their least fits
		     */
	bool spare; /* it comes only when all that others want to show is there */
	bool right;
	bool alike; /* of text: what begins like that of other rows leaves that out (alike.h) */
	int sort;   /* the view's number for sorting by it, or COLUMN_UNSORTED */
};

/** A cell of a row, as text and for JSON. The buffer is empty when the view is asked. */
struct cell_value {
	struct strbuf text; /* raw or escaped: the canvas escapes what has to be */
	bool named;         /* `name` is drawn, as short as it has to be, instead of the text */
	struct name name;   /* its strings stay until it is drawn */
	enum style style;
	uint64_t number; /* GOSPY_UNKNOWN: the text is all there is */
};

/** A key that the bottom line shows, and what it does in this view. */
struct hint {
	enum action action;
	const char *label;
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
	/* What works here, the most useful first, without what works in each view. */
	const struct hint *hints;
	size_t hint_count;
	/** Does this one work now? NULL: all do, always. */
	bool (*can)(const struct view *view, const struct ui *ui, enum action action);
	/** What samples must hold for it. May be NULL, as all below but total and cell. */
	void (*needs)(const struct view *view, struct sampler_options *options);
	/** There is a new sample, or something about the model has changed. */
	void (*update)(struct view *view, struct ui *ui);
	/** A slice of longer work, some milliseconds; true: there is more to do. */
	bool (*step)(struct view *view, struct ui *ui);
	/** Rows there are, before filtering. */
	size_t (*total)(const struct view *view);
	uint64_t (*id)(const struct view *view, size_t row);
	void (*cell)(struct view *view, const struct ui *ui, size_t row, size_t column,
		     struct cell_value *value);
	/** Title of a column for what is in it now; NULL: its own. */
	const char *(*column_title)(const struct view *view, const struct ui *ui, size_t column);
	/** Do the columns have their widths so that .cell shows what it should? If not, they get
	 * others, with .makeshift set. */
	bool (*arranged)(const struct view *view, const struct ui *ui);
	/** Order of two rows by a column: the largest, or the first in the alphabet, first. */
	int (*compare)(struct view *view, int sort, size_t a, size_t b);
	/** true: the view has done it. ACT_SORTED, ACT_FILTERED: that has been done. */
	bool (*act)(struct view *view, struct ui *ui, enum action action);
	/** Instead of the table. */
	void (*draw)(struct view *view, struct ui *ui, int y, int height);
	/** With .draw: / and F3 look for something in it, which comes as ACT_FILTERED. */
	bool searches;
	/** With .draw: what the mouse did; true: what is now selected is to be opened. */
	bool (*click)(struct view *view, struct ui *ui, const struct pointer *pointer);
	/** What stands before the title, and is as short as that has to be. */
	const struct name *(*subject)(const struct view *view);
	/** Why there are no rows, where no filter is the reason. */
	void (*nothing)(const struct view *view, const struct ui *ui, struct strbuf *text);
	/** What it shows, behind the names of the views. */
	void (*title)(const struct view *view, const struct ui *ui, struct strbuf *text);
	void (*close)(struct view *view);
};

/** What every view has. */
struct view {
	const struct view_ops *ops;
	struct list list;              /* of what is in `order` */
	VEC(uint32_t) order;           /* rows that are shown, as they are shown */
	char filter[LINE_EDIT_MAX];    /* "": none */
	struct pattern filter_pattern; /* if that is not "" */
	char searched[LINE_EDIT_MAX];  /* looked for or filtered by last, for n and N */
	struct pattern pattern;        /* of `searched`, if that is not "" */
	int sort;
	bool inverted;
	int widths[COLUMNS_MAX];
	int first_y;    /* line of the screen with the first row */
	int left;       /* columns of the screen before it, which a menu has */
	bool makeshift; /* .arranged was false */
};

/** A view of a new struct of .size bytes, all zero but for its beginning. Out of memory ends the
 * program. */
void *view_open(const struct view_ops *ops);
/** NULL is allowed. */
void view_close(struct view *view);
/** There is something new: bring the view's rows up to date. */
void view_update(struct view *view, struct ui *ui);

void cell_number(struct cell_value *value, uint64_t number);
/** As model_location; "?" for NULL. The strings must stay until the cell is drawn. */
void cell_location(struct cell_value *value, const struct gospy_location *location);
/** A name that is not a place; the text must stay until the cell is drawn. */
void cell_name(struct cell_value *value, enum name_kind kind, const char *text);

#endif
