/*
 * What a view knows of the screen that shows it, and what it may ask of it. Views know neither the
 * screen nor each other: app_state.c is behind the functions.
 */
#ifndef GOSPY_TUI_UI_H
#define GOSPY_TUI_UI_H

#include "render/name.h"
#include "tui/canvas.h"
#include "tui/model.h"
#include "tui/waited.h"

enum { UI_MESSAGE_MAX = 320 /* bytes, with the NUL */ };

struct ui {
	const struct ui_ops *ops;
	struct canvas canvas; /* what the view is drawn on */
	struct model *model;  /* of the target; NULL: none is open yet */
	bool frozen;          /* the user has it that no sample replaces the one that is shown */
	bool core;            /* it is of a core file, so that nothing changes */
};

struct members;

struct ui_ops {
	/** Show the goroutines of a group on top of the view that is shown. */
	void (*show_group)(struct ui *ui, const struct model_row *row);
	/** Show a goroutine on top of the view that is shown. It is found by its index in the
	 * snapshot. */
	void (*show_goroutine)(struct ui *ui, size_t index, uint64_t goid);
	/** Show all that wait for an object on top of the view that is shown. */
	void (*show_waiters)(struct ui *ui, const struct waited *waited);
	/** Show the call tree of goroutines on top of the view that is shown: of those that
	 * `members` looks for, NULL: of all. `subject` says what they are. Both are copied. */
	void (*show_flame)(struct ui *ui, const struct members *members,
			   const struct name *subject);
	/** The same of what is in the heap. */
	void (*show_heap)(struct ui *ui);
	/** Open a process and show it in the place of the one that is shown, if that works. */
	void (*connect)(struct ui *ui, pid_t pid);
	/** What samples have to hold has changed: the key of the model, or what the view needs. */
	void (*configure)(struct ui *ui);
	/** Show a line of text for some seconds. It is copied. */
	void (*say)(struct ui *ui, enum style style, const char *text);
};

/** Show a line of text for some seconds; what is longer than UI_MESSAGE_MAX is cut off. */
void ui_say(struct ui *ui, enum style style, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
