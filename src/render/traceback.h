/* A goroutine and its stack as the runtime's own tracebacks print them, and as JSON. */
#ifndef GOSPY_RENDER_TRACEBACK_H
#define GOSPY_RENDER_TRACEBACK_H

#include "render/json.h"
#include "render/report_stack.h"

/** What a traceback calls the state of a goroutine. */
void traceback_status(struct out *out, const struct gospy_goroutine *g);
/** Minutes it is known to wait, as the runtime counts them. */
uint64_t traceback_minutes(const struct gospy_goroutine *g);
/** ", 3 minutes", or nothing for 0. */
void traceback_write_minutes(struct out *out, uint64_t n);
/** A label's key or value, quoted if it has to be or `always_quoted`. */
void traceback_label(struct out *out, const char *s, bool always_quoted);

/** Header, calls, go statement and ancestors. `found`: its stack was read. */
void traceback_goroutine(struct out *out, const struct stack_report *report,
			 const struct gospy_goroutine *g, const struct gospy_stack *stack,
			 bool found);
/** The lines behind the header. `parent_goid` 0: not known, or not to be shown. */
void traceback_lines(struct out *out, const struct stack_report *report,
		     const struct gospy_stack *stack, uint64_t parent_goid);
/** The same as members of an object that is already open. */
void traceback_json(struct json *json, const struct stack_report *report,
		    const struct gospy_stack *stack);
void traceback_ancestors_json(struct json *json, const struct stack_report *report,
			      const struct gospy_stack *stack);

#endif
