/* How many goroutines there are in each of many processes: a cheap look that stops none of them,
 * and that ends in time whatever they are. */
#ifndef GOSPY_CLI_COUNT_H
#define GOSPY_CLI_COUNT_H

#include "render/report_list.h"

/** What was not counted, and why; in rows. */
struct count_result {
	size_t late;              /* there was no time left, or one alone took too much of it */
	size_t failed;            /* could not be read */
	pid_t first_late;         /* a PID of these */
	struct gospy_error error; /* of the first that failed; its message names the PID */
};

/** Fill in .goroutines and .counted of the rows. */
void count_goroutines(struct list_row *rows, size_t n, struct count_result *ret);

#endif
