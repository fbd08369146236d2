#include "snapshot/creator.h"

/* traceback.go:printcreatedby: the physical function of the go statement, except for goroutine 1.
 */
void stack_creator(struct gospy_snapshot *s, uint64_t goid, const struct location *loc,
		   struct gospy_frame *ret, bool *found_ret)
{
	*found_ret = false;
	if (goid == 1 || !loc)
		return;
	const struct frame_site *site = symbols_frames(s->capture.symbols, loc->pub.pc, false);
	if (!site->call_count || !loc->pub.func)
		return;
	const struct frame_call *call = &site->calls[site->call_count - 1];
	// The line is that of the pc, even if the statement was inlined.
	*ret = (struct gospy_frame){
		.func = call->func,
		.file = loc->pub.file,
		.line = loc->pub.line,
		.pc = loc->pub.pc,
		.entry = site->entry,
		.inlined = call->inlined,
		.hidden = !frame_is_shown(call, PCLN_NORMAL, false),
	};
	*found_ret = true;
}
