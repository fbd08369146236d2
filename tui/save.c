#include "tui/save.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/save.h"
#include "render/json.h"
#include "render/report_header.h"
#include "tui/batch_frame.h"
#include "tui/frame.h"
#include "tui/table.h"
#include "tui/view_groups.h"

enum { NAME_SIZE = 96 };

static void write_row(struct json *json, struct app *app, struct view *view, size_t row)
{
	struct cell_value value = {0};
	json_object(json, NULL);
	for (size_t i = 0; i < view->ops->column_count; i++) {
		strbuf_clear(&value.text);
		value.number = GOSPY_UNKNOWN;
		view->ops->cell(view, &app->ui, row, i, &value);
		const char *key = view->ops->columns[i].key;
		if (value.number != GOSPY_UNKNOWN)
			json_u64(json, key, value.number);
		else if (value.text.len && strcmp(value.text.s, "?") != 0)
			json_str(json, key, value.text.s);
	}
	json_object_end(json);
	strbuf_deinit(&value.text);
}

static void write_json(struct app *app, struct out *out)
{
	struct json json = {.out = out};
	struct view *view = app_view(app);
	if (view->ops == &view_groups) {
		batch_frame(out, REPORT_JSON, 0, app->ui.model, sampler_target(app->sampler),
			    app->status.samples);
		return;
	}
	json_begin(&json, "screen");
	json_str(&json, "view", view->ops->name);
	if (!view->ops->no_header)
		report_header_json(&json, sampler_target(app->sampler),
				   model_sample(app->ui.model)->snapshot);
	json_array(&json, "rows");
	for (size_t line = 0; line < view->list.count; line++)
		write_row(&json, app, view, table_row(view, line));
	json_array_end(&json);
	json_object_end(&json);
	json_newline(&json);
}

static void write_text(struct app *app, struct out *out)
{
	struct strbuf text = {0};
	int y, x;
	frame_draw(app, &y, &x);
	canvas_dump(&app->ui.canvas, &text);
	out_write(out, text.s ? text.s : "", text.len);
	strbuf_deinit(&text);
}

/* Write one file, under a name that nobody can have taken. */
static enum gospy_code write_file(struct app *app, const char *stem, const char *extension,
				  void (*write)(struct app *app, struct out *out),
				  struct gospy_error *err)
{
	static struct out out;
	CLEANUP(save_drop) struct save save = SAVE_NONE;
	char name[NAME_SIZE];
	snprintf(name, sizeof(name), "%s.%s", stem, extension);
	enum gospy_code code = save_begin(&save, name, err);
	if (code)
		return code;
	out_init(&out, save.fd, false);
	write(app, &out);
	out_flush(&out);
	return out.error ? err_os(err, out.error, "cannot write %s", name) : save_end(&save, err);
}

void save_screen(struct app *app)
{
	char stem[NAME_SIZE - 16], stamp[SAVE_STAMP_SIZE];
	struct gospy_error err;
	if (!app->ui.model && !app->picker)
		return;
	save_stamp(stamp);
	snprintf(stem, sizeof(stem), "gospy-top-%d-%s", (int)app->pid, stamp);
	if (write_file(app, stem, "txt", write_text, &err) ||
	    write_file(app, stem, "json", write_json, &err))
		ui_say(&app->ui, STYLE_BAD, "%s", err.msg);
	else
		ui_say(&app->ui, STYLE_GOOD, "written: %s.txt and .json", stem);
}
