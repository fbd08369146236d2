/*
 * The programs that are known, one for each file that processes run. Opening a target finds its
 * program here, if another target has it or had it a moment ago; else the program is resolved, and
 * is there for the next one.
 *
 * A program that nobody uses any more is kept for a while, because a server comes back to the
 * processes it looks at: for PROGRAMS_IDLE_NS, and no more than PROGRAMS_IDLE_BYTES of all such
 * programs, without descriptors of their files. No thread lets go of them: that is done whenever a
 * program is asked for or given back.
 *
 * All functions may be called by several threads at once. Nothing is resolved under the lock: two
 * threads that ask for a program at the same time may both resolve it, and then share one.
 */
#ifndef GOSPY_IMAGE_PROGRAMS_H
#define GOSPY_IMAGE_PROGRAMS_H

#include "image/program_create.h"

#define PROGRAMS_IDLE_NS UINT64_C(60000000000)

enum { PROGRAMS_IDLE_BYTES = 32 << 20 };

/**
 * The program of a file, shared with others. Its facts are those of the file; whether they are
 * true of the process at hand is not looked at. GOSPY_E_NOT_FOUND: there is no file that alone
 * tells what runs. Other errors: it cannot be resolved by its file.
 */
enum gospy_code programs_get(const struct program_parts *parts, struct program **ret,
			     struct gospy_error *err);
/** Give back what programs_get or program_create_own has given. NULL is allowed. */
void programs_put(struct program *program);

/* How many there are, and how many of them nobody uses. */
struct programs_count {
	size_t all, idle;
	uint64_t idle_bytes;
};

struct programs_count programs_count(void);
/** Let go of the programs that nobody has used for `ns`. */
void programs_trim(uint64_t ns);

#endif
