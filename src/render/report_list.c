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

void list_rows_free(list_row_vec *rows)
{
	vec_free(rows);
}

static bool is_wanted(const struct gospy_process *process, const pid_t *only, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (only[i] == process->pid)
			return true;
	}
	return !n;
}

bool list_rows_add(const struct gospy_process_list *list, const pid_t *only, size_t n,
		   list_row_vec *ret)
{
	size_t count;
	const struct gospy_process *processes = gospy_process_list_get(list, &count);
	for (size_t i = 0; i < count; i++) {
		const struct list_row row = {
			.process = &processes[i],
			.details = gospy_process_list_details(list, i),
			.goroutines = GOSPY_UNKNOWN,
		};
		if (processes[i].is_go && is_wanted(&processes[i], only, n) && !vec_push(ret, row))
			return false;
	}
	return true;
}

static void list_text(struct out *out, const struct list_row *rows, size_t n)
{
	CLEANUP(table_deinit)
	struct table table = {
		.columns = columns,
		.column_count = sizeof(columns) / sizeof(columns[0]),
	};
	CLEANUP(strbuf_deinit) struct strbuf path = {0};
	for (size_t i = 0; i < n; i++) {
		const struct gospy_process *p = rows[i].process;
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

static void known_u64(struct json *json, const char *name, uint64_t value)
{
	if (value != GOSPY_UNKNOWN)
		json_u64(json, name, value);
}

static void details_json(struct json *json, const struct gospy_process_details *details)
{
	json_str(json, "username", details->username);
	known_u64(json, "elapsed_ns", details->elapsed_ns);
	known_u64(json, "rss", details->rss);
	known_u64(json, "threads", details->threads);
	json_str(json, "cmdline", details->cmdline);
	json_str(json, "cgroup", details->cgroup);
	json_str(json, "container", details->container);
	if (details->listeners_cut)
		json_bool(json, "listeners_cut", true);
	if (!details->listeners_known)
		return;
	json_array(json, "listeners");
	for (size_t i = 0; i < details->listener_count; i++)
		json_str(json, NULL, details->listeners[i]);
	json_array_end(json);
}

void report_list_row_json(struct json *json, const struct list_row *row)
{
	const struct gospy_process *p = row->process;
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
	if (row->details)
		details_json(json, row->details);
	known_u64(json, "goroutines", row->goroutines);
}

static void list_json(struct out *out, const struct list_row *rows, size_t n, size_t unreadable,
		      bool lines)
{
	struct json json = {.out = out};
	json_begin(&json, "process_list");
	json_u64(&json, "unreadable", unreadable);
	if (lines) {
		json_object_end(&json);
		json_newline(&json);
	} else {
		json_array(&json, "processes");
	}
	for (size_t i = 0; i < n; i++) {
		json_object(&json, NULL);
		if (lines)
			json_str(&json, "type", "process");
		report_list_row_json(&json, &rows[i]);
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

void report_list(struct out *out, const struct list_row *rows, size_t n, size_t unreadable,
		 enum report_format format)
{
	if (format == REPORT_TEXT)
		list_text(out, rows, n);
	else
		list_json(out, rows, n, unreadable, format == REPORT_JSON_LINES);
}
