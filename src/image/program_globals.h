/* Where a program has the runtime's globals. */
#ifndef GOSPY_IMAGE_PROGRAM_GLOBALS_H
#define GOSPY_IMAGE_PROGRAM_GLOBALS_H

#include "image/program.h"

/** Find globals in the symbol table, or in that of --bin if it is given. A program without one is
 * no error. */
enum gospy_code program_find_symbols(struct program *program, struct gospy_error *err);
/** Find the globals that had no symbol, by the code that uses them. */
enum gospy_code program_find_globals(struct program *program, struct gospy_error *err);
/** What only profiles need, by the code of the program, and nothing else: for programs without
 * symbols. Addresses are those of the program. */
enum gospy_code program_find_profile_globals(struct program *program, struct globals *ret,
					     struct gospy_error *err);

#endif
