/* The stacks of a profile as names, for formats that know no addresses. */
#ifndef GOSPY_RENDER_PROFILE_STACK_H
#define GOSPY_RENDER_PROFILE_STACK_H

#include "base/strbuf.h"
#include "base/vec.h"
#include "gospy.h"

/** A call: the index of its function, or, where none is known, the number of functions and the
 * index of its location. */
typedef VEC(uint32_t) profile_calls;

/** So many numbers calls can have. */
size_t profile_call_limit(const struct gospy_profile *profile);
/** The calls of a sample, outermost first. What stands for no code (threadcreate, Go 1.23+) is left
 * out. False: out of memory. */
bool profile_stack(const struct gospy_profile *profile, const struct gospy_profile_sample *sample,
		   profile_calls *ret);
/** The function as the runtime prints it, or "0x401000"; append. Raw text of the target. */
void profile_call_name(const struct gospy_profile *profile, uint32_t call, struct strbuf *b);

/** The value type that `name` names; NULL: the profile's default, or else the last one, as pprof
 * chooses. GOSPY_E_USAGE. */
enum gospy_code profile_find_type(const struct gospy_profile *profile, const char *name,
				  size_t *ret, struct gospy_error *err);

#endif
