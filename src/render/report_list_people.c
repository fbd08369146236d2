#include "render/report_list_people.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "render/table.h"
#include "render/units.h"

enum {
	COMMAND_MIN = 16,
	PORTS_MAX = 3,         /* that are shown; of the others it is said that there are more */
	CONTAINER_DIGITS = 12, /* as docker(1) shows an id */
};

static const struct table_column columns[] = {
	{.gap = "", .title = "PID", .right = true},
	{.gap = "  ", .title = "USER", .rank = 3},
	{.gap = "  ", .title = "UPTIME", .right = true, .rank = 1},
	{.gap = "  ", .title = "GOROUTINES", .right = true},
	{.gap = "  ", .title = "RSS", .right = true, .rank = 2},
	{.gap = "  ", .title = "LISTENS", .rank = 4},
	{.gap = "  ", .title = "CONTAINER", .rank = 6},
	{.gap = "  ", .title = "GO", .rank = 5},
	{.gap = "  ", .title = "COMMAND", .good = COMMAND_MIN},
};

enum { COLUMN_COUNT = sizeof(columns) / sizeof(columns[0]), COLUMN_CONTAINER = 6 };

static bool is_loopback(const char *listener)
{
	return strncmp(listener, "127.", 4) == 0 || strncmp(listener, "[::1]", 5) == 0;
}

/* Ports that others can reach come first; each once, whatever the addresses. */
static void add_ports(struct strbuf *text, const struct gospy_process_details *details, bool utf8)
{
	const char *shown[PORTS_MAX];
	size_t count = 0, more = 0;
	for (int loopback = 0; loopback < 2; loopback++) {
		for (size_t i = 0; i < details->listener_count; i++) {
			const char *port = strrchr(details->listeners[i], ':');
			bool seen = !port || is_loopback(details->listeners[i]) != loopback;
			for (size_t j = 0; !seen && j < count; j++)
				seen = strcmp(shown[j], port) == 0;
			more += !seen && count == PORTS_MAX;
			if (!seen && count < PORTS_MAX) {
				strbuf_printf(text, "%s%s", count ? " " : "", port);
				shown[count++] = port;
			}
		}
	}
	if (more)
		strbuf_printf(text, " %s", name_more(utf8));
	if (!count)
		strbuf_puts(text, details->listeners_known ? "-" : "?");
}

static void add_command(struct strbuf *text, const struct list_row *row)
{
	const struct gospy_process *p = row->process;
	const char *command = row->details ? row->details->cmdline : NULL;
	strbuf_puts(text, command && *command ? report_list_command(command, p->exe) : p->name);
	if (p->exe_deleted)
		strbuf_puts(text, " (deleted)");
}

static void add_row(struct table *table, const struct list_row *row, bool utf8)
{
	CLEANUP(strbuf_deinit) struct strbuf ports = {0};
	CLEANUP(strbuf_deinit) struct strbuf command = {0};
	const struct gospy_process *p = row->process;
	const struct gospy_process_details *details = row->details;
	char container[CONTAINER_DIGITS + 1] = "-", count[24] = "-";
	if (details && details->container)
		snprintf(container, sizeof(container), "%s", details->container);
	if (row->goroutines != GOSPY_UNKNOWN)
		snprintf(count, sizeof(count), "%" PRIu64, row->goroutines);
	else if (row->counted)
		strcpy(count, "?");
	if (details)
		add_ports(&ports, details, utf8);
	else
		strbuf_puts(&ports, "?");
	add_command(&command, row);
	table_cell_u64(table, (uint64_t)p->pid);
	table_cell(table, details && details->username ? details->username : "?");
	table_cell(table, details ? units_span(details->elapsed_ns).s : "?");
	table_cell(table, count);
	table_cell(table, details ? units_bytes(details->rss).s : "?");
	table_cell_buf(table, &ports);
	if (table->column_count == COLUMN_COUNT)
		table_cell(table, container);
	table_cell(table, report_list_version(p).s);
	table_name_buf(table, NAME_TEXT, &command);
}

void report_list_people(struct out *out, const struct list_row *rows, size_t n)
{
	struct table_column shown[COLUMN_COUNT];
	size_t count = 0;
	bool containers = false;
	for (size_t i = 0; i < n; i++)
		containers |= rows[i].details && rows[i].details->container;
	for (size_t c = 0; c < COLUMN_COUNT; c++) {
		if (c != COLUMN_CONTAINER || containers)
			shown[count++] = columns[c];
	}
	CLEANUP(table_deinit)
	struct table table = {.columns = shown, .column_count = count};
	table_titles(&table);
	for (size_t i = 0; i < n; i++)
		add_row(&table, &rows[i], out->utf8);
	table_print(&table, out);
}
