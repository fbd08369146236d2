/* `gospy list`: the Go processes of this machine, in the lines of gops. */
#ifndef GOSPY_RENDER_REPORT_LIST_H
#define GOSPY_RENDER_REPORT_LIST_H

#include "base/vec.h"
#include "gospy.h"
#include "render/json.h"
#include "render/report.h"

/** A process: what the list says of it, and what was found out besides. */
struct list_row {
	const struct gospy_process *process;
	const struct gospy_process_details *details; /* or NULL */
	uint64_t goroutines;                         /* or GOSPY_UNKNOWN */
	bool counted;                                /* it was tried to count them */
};
typedef VEC(struct list_row) list_row_vec;
/** The guard. */
void list_rows_free(list_row_vec *rows);

/** Append the Go processes of the list, of the `n` of `only` if that is not 0; goroutines are not
 * counted. False: out of memory. */
bool list_rows_add(const struct gospy_process_list *list, const pid_t *only, size_t n,
		   list_row_vec *ret);

/** `unreadable`: as gospy_process_list_unreadable() has it. */
void report_list(struct out *out, const struct list_row *rows, size_t n, size_t unreadable,
		 enum report_format format);

/** The members of an object that is already open. */
void report_list_row_json(struct json *json, const struct list_row *row);
/** Version as gops prints it: "devel +hash date" loses its date; "?" where there is none. */
struct report_list_version {
	char s[64];
} report_list_version(const struct gospy_process *process);
/** The command line without the directory of the executable: names differ at their ends. */
const char *report_list_command(const char *command, const char *exe);

#endif
