/* `gospy list` on a terminal: what a person wants to know to find the process that is meant. */
#ifndef GOSPY_RENDER_REPORT_LIST_PEOPLE_H
#define GOSPY_RENDER_REPORT_LIST_PEOPLE_H

#include "gospy.h"
#include "render/out.h"

/** A row: what the list says of a process, and what was found out besides. */
struct list_row {
	const struct gospy_process *process;
	const struct gospy_process_details *details; /* or NULL */
	uint64_t goroutines;                         /* or GOSPY_UNKNOWN */
	bool counted;                                /* it was tried to count them */
};

/** A table with titles, for people. */
void report_list_people(struct out *out, const struct list_row *rows, size_t n);

#endif
