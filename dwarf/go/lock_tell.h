/* What following a function's code has found out, put where lock_flow.h says. */
#ifndef GOSPY_DWARF_GO_LOCK_TELL_H
#define GOSPY_DWARF_GO_LOCK_TELL_H

#include "dwarf/go/lock_step.h"

/** Is somebody else able to write to the slot? */
bool lock_is_exposed(const struct lock_stepper *stepper, int64_t off);
/** At a call. `word`: it waits there, for a lock that it is about to take; or NULL. `unlocks`: it
 * releases a lock, which the state does not have any more. */
void lock_tell_call(struct lock_stepper *stepper, const struct lock_state *state,
		    const struct insn *in, const struct value *word, bool unlocks);
/** Before the instruction that is asked about, if this is it. */
void lock_tell_exact(struct lock_stepper *stepper, const struct lock_state *state,
		     const struct insn *in);
/** At a return. */
void lock_tell_return(struct lock_stepper *stepper, const struct lock_state *state);

#endif
