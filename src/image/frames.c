#include "image/frames.h"

#include <string.h>

#include "dwarf/go/inline_tree.h"
#include "image/func_name.h"

static bool is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

/* traceback.go:isExportedRuntime. Up to Go 1.22 the first letter behind the package decides, then
 * the name and the type of its receiver. */
static bool is_exported_runtime(const char *name, int minor)
{
	enum { METHODS_SINCE = 23 };
	name += strlen("runtime.");
	const char *dot = minor >= METHODS_SINCE ? strrchr(name, '.') : NULL;
	if (!dot)
		return is_upper(name[0]);
	size_t receiver = (size_t)(dot - name);
	if (receiver >= 3 && name[0] == '(' && name[1] == '*' && dot[-1] == ')') {
		name += 2;
		receiver -= 3;
	}
	return is_upper(dot[1]) && (!receiver || is_upper(name[0]));
}

/* traceback.go:showfuncinfo, what it says of a name alone. */
static bool is_visible_name(const char *name, int minor)
{
	return strchr(name, '.') &&
	       (strncmp(name, "runtime.", 8) != 0 || is_exported_runtime(name, minor));
}

bool frame_is_shown(const struct frame_call *call, enum pcln_known callee, bool first)
{
	// traceback.go:elideWrapperCalling: a wrapper that called a panic function, and not what it
	// wraps, is shown.
	if (call->known == PCLN_WRAPPER && callee != PCLN_GOPANIC && callee != PCLN_SIGPANIC &&
	    callee != PCLN_PANICWRAP)
		return false;
	return call->visible || (call->panics && !first);
}

/* What a site is resolved with. */
struct resolver {
	const struct origins *origins;
	struct arena *arena;
};

static bool fill_call(const struct resolver *r, const struct pcln_func *func,
		      const struct pcln_frame *frame, struct frame_call *call)
{
	enum { INLINED_BY_OWN_NAME_SINCE = 16 };
	int minor = func->table->minor;
	*call = (struct frame_call){
		.func = frame->func,
		.symbol = frame->func,
		.file = frame->file,
		.line = frame->line,
		.start_line = frame->start_line,
		.off = (uint32_t)(frame->pc - func->entry),
		.inlined = frame->inlined,
		.known = pcln_known_id(func->table, frame->func_id),
		.origin = origin_of(r->origins, frame->func, frame->file),
	};
	// Up to Go 1.15 the physical function's name decides on what is inlined into it.
	const char *name = minor < INLINED_BY_OWN_NAME_SINCE ? func->name : frame->func;
	if (!frame->func || !name)
		return true;
	call->panics = strcmp(name, "runtime.gopanic") == 0;
	call->visible = is_visible_name(name, minor) || call->known == PCLN_RUN_FINALIZERS ||
			call->known == PCLN_RUN_CLEANUPS;
	call->func = strcmp(frame->func, "runtime.gopanic") == 0
			     ? "panic"
			     : func_name_for_print(r->arena, frame->func, minor);
	return call->func != NULL;
}

/* `*outer_pc_ret`: where the function itself is, seen past the calls inlined into it. */
static bool fill_calls(const struct resolver *r, const struct pcln_func *func, uint64_t sym_pc,
		       struct frame_site *site, uint64_t *outer_pc_ret)
{
	enum { CALLS_MAX = 64 };
	struct pcln_frame frames[CALLS_MAX];
	size_t n = pcln_frames(func, sym_pc, frames, CALLS_MAX);
	if (!n || frames[n - 1].inlined) {
		// A malformed tree, or a deeper one than any compiler makes: the function itself.
		frames[0] = (struct pcln_frame){
			.func = func->name,
			.pc = sym_pc,
			.func_id = func->func_id,
			.start_line = func->start_line,
		};
		pcln_line(func, sym_pc, &frames[0].file, &frames[0].line);
		n = 1;
	}
	struct frame_call *calls = arena_calloc(r->arena, n, sizeof(*calls));
	if (!calls)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (!fill_call(r, func, &frames[i], &calls[i]))
			return false;
	}
	site->calls = calls;
	site->call_count = n;
	*outer_pc_ret = frames[n - 1].pc;
	return true;
}

enum { ARGS_AT_INNERMOST_SINCE = 21 };

static bool fill_args(struct arena *arena, const struct pcln_func *func, uint64_t sym_pc,
		      struct frame_site *site)
{
	struct args args;
	if (!args_decode(func, sym_pc, &args))
		return true;
	struct args_item *items = arena_calloc(arena, args.count + 1u, sizeof(*items));
	if (!items)
		return false;
	memcpy(items, args.items, args.count * sizeof(*items));
	site->args = items;
	site->arg_count = args.count;
	site->value_count = args.values;
	return true;
}

/* traceback.go:isInjectedCall, Go 1.21+; before, only sigpanic counts. */
static bool interrupts_caller(enum pcln_known known, int minor)
{
	enum { INJECTED_SINCE = 21 };
	return known == PCLN_SIGPANIC || (minor >= INJECTED_SINCE && (known == PCLN_ASYNC_PREEMPT ||
								      known == PCLN_DEBUG_CALL));
}

bool frame_resolve(struct pclntab *pcln, const struct origins *origins, struct arena *arena,
		   uint64_t pc, bool exact, struct frame_site *site)
{
	const struct resolver resolver = {origins, arena};
	struct pcln_func func;
	*site = (struct frame_site){0};
	if (!pcln_find_func(pcln, pc, &func))
		return true;
	site->entry = func.entry;
	site->interrupts = interrupts_caller(pcln_known(&func), pcln->minor);
	// A return address belongs to the call before it; at its entry a function has not begun.
	uint64_t sym_pc = !exact && pc > func.entry ? pc - 1 : pc;
	uint64_t outer_pc;
	if (!fill_calls(&resolver, &func, sym_pc, site, &outer_pc))
		return false;
	// Which arguments live: runtime/traceback.go, gentraceback up to Go 1.20 asks at the
	// outermost of the calls inlined there, unwinder.symPC from 1.21 on at the innermost.
	bool innermost = pcln->minor >= ARGS_AT_INNERMOST_SINCE;
	return fill_args(arena, &func, innermost ? sym_pc : outer_pc, site);
}
