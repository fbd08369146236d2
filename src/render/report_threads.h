/* `gospy stack --threads`: the threads of the process, and what each does. */
#ifndef GOSPY_RENDER_REPORT_THREADS_H
#define GOSPY_RENDER_REPORT_THREADS_H

#include "render/report_stack.h"

/** What the kernel's letter for a thread's state stands for, "sleeping"; NULL: unknown. fs/proc/
 * array.c:task_state_array. */
const char *report_thread_state(char state);
/** `report` names the snapshot, which was taken with .threads. Its options that select goroutines
 * do not count. GOSPY_E_NOMEM; failed writes are found in `out`. */
enum gospy_code report_threads(struct out *out, struct stack_report *report,
			       enum report_format format, struct gospy_error *err);

#endif
