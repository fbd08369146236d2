#include "render/report_list.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "render/table.h"

struct report_list_version report_list_version(const struct gospy_process *process)
{
	struct report_list_version version;
	const char *s = process->go_version ? process->go_version : "?";
	size_t len = strlen(s);
	if (strncmp(s, "devel +", 7) == 0)
		len = 7 + strcspn(s + 7, " \t");
	snprintf(version.s, sizeof(version.s), "%.*s", (int)len, s);
	return version;
}

/* It may have been named by a link, and have blanks in its name: it ends where the name of the
 * executable follows. */
const char *report_list_command(const char *command, const char *exe)
{
	const char *slash = exe ? strrchr(exe, '/') : NULL;
	size_t len = slash ? strlen(slash) : 0;
	if (!len || !memchr(command, '/', strcspn(command, " ")))
		return command;
	for (const char *s = command; (s = strstr(s, slash)); s++) {
		if (!s[len] || s[len] == ' ')
			return s + 1;
	}
	return command;
}

static const struct table_column columns[] = {
	{.gap = ""},  /* PID */
	{.gap = " "}, /* PPID */
	{.gap = " "}, /* name */
	{.gap = ""},  /* agent */
	{.gap = " "}, /* version */
	{.gap = " "}, /* path */
};

/* The list, and what of it is shown. */
struct selection {
	const struct gospy_process *processes;
	size_t count;
	const pid_t *only;
	size_t only_count; /* 0: all */
};

static bool is_shown(const struct selection *selection, const struct gospy_process *process)
{
	bool wanted = !selection->only_count;
	for (size_t i = 0; !wanted && i < selection->only_count; i++)
		wanted = selection->only[i] == process->pid;
	return wanted && process->is_go;
}

static void list_text(struct out *out, const struct selection *selection)
{
	CLEANUP(table_deinit)
	struct table table = {
		.columns = columns,
		.column_count = sizeof(columns) / sizeof(columns[0]),
	};
	CLEANUP(strbuf_deinit) struct strbuf path = {0};
	for (size_t i = 0; i < selection->count; i++) {
		const struct gospy_process *p = &selection->processes[i];
		if (!is_shown(selection, p))
			continue;
		strbuf_clear(&path);
		strbuf_puts(&path, p->exe ? p->exe : "?");
		if (p->exe_deleted)
			strbuf_puts(&path, " (deleted)");
		table_cell_u64(&table, (uint64_t)p->pid);
		table_cell_u64(&table, (uint64_t)p->ppid);
		table_cell(&table, p->name);
		table_cell(&table, p->agent ? "*" : " ");
		table_cell(&table, report_list_version(p).s);
		table_cell_buf(&table, &path);
	}
	table_print(&table, out);
}

void report_list_process_json(struct json *json, const struct gospy_process *p)
{
	json_u64(json, "pid", (uint64_t)p->pid);
	json_u64(json, "ppid", (uint64_t)p->ppid);
	if (p->ns_pid != p->pid)
		json_u64(json, "ns_pid", (uint64_t)p->ns_pid);
	json_u64(json, "uid", (uint64_t)p->uid);
	json_str(json, "comm", p->comm);
	json_str(json, "name", p->name);
	json_str(json, "exe", p->exe);
	json_bool(json, "exe_deleted", p->exe_deleted);
	json_str(json, "go_version", p->go_version);
	json_bool(json, "agent", p->agent);
	json_str(json, "problem", p->problem);
}

static void list_json(struct out *out, const struct gospy_process_list *list,
		      const struct selection *selection, bool lines)
{
	struct json json = {.out = out};
	json_begin(&json, "process_list");
	json_u64(&json, "unreadable", gospy_process_list_unreadable(list));
	if (lines) {
		json_object_end(&json);
		json_newline(&json);
	} else {
		json_array(&json, "processes");
	}
	for (size_t i = 0; i < selection->count; i++) {
		const struct gospy_process *p = &selection->processes[i];
		if (!is_shown(selection, p))
			continue;
		json_object(&json, NULL);
		if (lines)
			json_str(&json, "type", "process");
		report_list_process_json(&json, p);
		json_object_end(&json);
		if (lines)
			json_newline(&json);
	}
	if (!lines) {
		json_array_end(&json);
		json_object_end(&json);
		json_newline(&json);
	}
}

void report_list(struct out *out, const struct gospy_process_list *list, const pid_t *only,
		 size_t n, enum report_format format)
{
	struct selection selection = {.only = only, .only_count = n};
	selection.processes = gospy_process_list_get(list, &selection.count);
	if (format == REPORT_TEXT)
		list_text(out, &selection);
	else
		list_json(out, list, &selection, format == REPORT_JSON_LINES);
}
