/* `gospy list`: the Go processes of this machine, in the lines of gops. */
#ifndef GOSPY_RENDER_REPORT_LIST_H
#define GOSPY_RENDER_REPORT_LIST_H

#include "gospy.h"
#include "render/json.h"
#include "render/report.h"

/** The `n` processes of `only`, or all if `n` is 0. */
void report_list(struct out *out, const struct gospy_process_list *list, const pid_t *only,
		 size_t n, enum report_format format);

/** The members of an object that is already open. */
void report_list_process_json(struct json *json, const struct gospy_process *process);
/** Version as gops prints it: "devel +hash date" loses its date; "?" where there is none. */
struct report_list_version {
	char s[64];
} report_list_version(const struct gospy_process *process);
/** The command line without the directory of the executable: names differ at their ends. */
const char *report_list_command(const char *command, const char *exe);

#endif
