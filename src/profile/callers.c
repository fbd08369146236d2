#include "profile/callers.h"

void callers_deinit(struct callers *callers)
{
	vec_free(&callers->pcs);
}

/* traceback.go:elideWrapperCalling */
static bool is_elided(const struct frame_call *call, enum pcln_known callee)
{
	return call->known == PCLN_WRAPPER && callee != PCLN_GOPANIC && callee != PCLN_SIGPANIC &&
	       callee != PCLN_PANICWRAP;
}

static bool is_known(const struct frame_site *site)
{
	return site->entry && site->call_count;
}

struct caller caller_at(struct symbols *symbols, uint64_t pc)
{
	const struct frame_site *site = symbols_frames(symbols, pc, false);
	if (!is_known(site))
		return (struct caller){.pc = pc - 1};
	return (struct caller){
		.pc = pc > site->entry ? pc - 1 : pc,
		.entry = site->entry,
		.call = &site->calls[0],
	};
}

const char *caller_name_for_pc(struct symbols *symbols, uint64_t pc)
{
	const struct frame_site *site = symbols_frames(symbols, pc, true);
	return is_known(site) ? site->calls[0].symbol : NULL;
}

/* Frames.Next, Go 1.23+: the call that was inlined around the innermost at `site` and that is not
 * the next of the stack; 0: there is none. */
static uint64_t find_inserted(const struct frame_site *site, const uint64_t *rest, size_t left)
{
	for (size_t i = 1; i < site->call_count && left; i++) {
		uint64_t pc = site->entry + site->calls[i].off + 1;
		if (*rest == pc)
			return 0;
		if (!is_elided(&site->calls[i], site->calls[0].known))
			return pc;
	}
	return 0;
}

bool callers_expand(struct symbols *symbols, const uint64_t *pcs, size_t n, int minor, size_t max,
		    struct callers *ret)
{
	enum { INSERTS_SINCE = 23 };
	uint64_t inserted = 0;
	for (size_t i = 0; (i < n || inserted) && ret->pcs.len < max;) {
		uint64_t pc = inserted ? inserted : pcs[i++];
		inserted = 0;
		const struct frame_site *site = symbols_frames(symbols, pc, false);
		if (!is_known(site))
			continue;
		if (minor >= INSERTS_SINCE)
			inserted = find_inserted(site, pcs + i, n - i);
		if (!vec_push(&ret->pcs, pc > site->entry ? pc : pc + 1))
			return false;
	}
	return true;
}

bool callers_expand_final(struct symbols *symbols, int minor, struct callers *callers)
{
	enum { OUTERMOST_MAY_BE_ELIDED_SINCE = 21 };
	if (!callers->pcs.len)
		return true;
	uint64_t last = callers->pcs.at[callers->pcs.len - 1];
	const struct frame_site *site = symbols_frames(symbols, last - 1, true);
	if (!is_known(site) || site->call_count < 2)
		return true;
	callers->pcs.len--;
	enum pcln_known callee = PCLN_NORMAL;
	for (size_t i = 0; i < site->call_count; i++) {
		const struct frame_call *call = &site->calls[i];
		bool kept = !call->inlined && minor < OUTERMOST_MAY_BE_ELIDED_SINCE;
		if ((kept || !is_elided(call, callee)) &&
		    !vec_push(&callers->pcs, site->entry + call->off + 1))
			return false;
		callee = call->known;
	}
	return true;
}

bool callers_add_physical(struct symbols *symbols, uint64_t pc, bool exact, enum pcln_known *callee,
			  size_t max, struct callers *ret)
{
	const struct frame_site *site = symbols_frames(symbols, pc, exact);
	for (size_t i = 0; i < site->call_count && ret->pcs.len < max; i++) {
		const struct frame_call *call = &site->calls[i];
		if (!is_elided(call, *callee) && !vec_push(&ret->pcs, site->entry + call->off + 1))
			return false;
		*callee = call->known;
	}
	return true;
}
