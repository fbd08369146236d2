/* From looks to facts. */
#ifndef GOSPY_CHECK_GATHER_H
#define GOSPY_CHECK_GATHER_H

#include "check/facts.h"
#include "check/looks.h"
#include "render/pattern.h"

/** `target`: what a command is given for it. Goroutines with a call or a go statement in a function
 * that one of the patterns matches are no leaks. GOSPY_E_NOMEM. */
enum gospy_code gather(struct looks *looks, const char *target, struct pattern *ignore,
		       size_t ignore_count, struct facts *ret, struct gospy_error *err);

#endif
