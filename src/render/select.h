/* Which goroutines of a snapshot are shown, and in which order. */
#ifndef GOSPY_RENDER_SELECT_H
#define GOSPY_RENDER_SELECT_H

#include "base/map.h"
#include "base/radix.h"
#include "base/vec.h"
#include "gospy.h"
#include "render/label.h"
#include "render/pattern.h"
#include "render/still.h"

/** Which of a goroutine's places is shown, and is its key for grouping. */
enum select_pc { SELECT_PC_START, SELECT_PC_CALLER, SELECT_PC_CURRENT, SELECT_PC_USER };

enum select_sort { SELECT_SORT_GOID, SELECT_SORT_WAIT, SELECT_SORT_STATE, SELECT_SORT_LOCATION };

enum { SELECT_STATES = GOSPY_STATUS_DEADEXTRA + 1 };

/** What to show. All zero: everything alive that is not the runtime's own. */
struct select {
	enum select_pc pc;
	enum select_sort sort;
	bool system, dead; /* show these too */
	/* What is in one of these states, as bits (1 << enum gospy_status), or waits for one of
	 * these reasons, in the runtime's words; none of both: all. */
	uint32_t states;
	const char *const *reasons;
	size_t reason_count;
	uint64_t min_wait_ns; /* 0: also those whose wait is unknown */
	/* NULL: nobody has looked before. Else only those that were seen not to move: since when
	 * counts for .min_wait_ns, too. */
	const struct still *still;
	struct pattern *func;       /* matched against the location's function; NULL: all */
	struct pattern *created_by; /* against the function of the go statement; NULL: all */
	/* location -> 1 + "matches" */
	struct map func_cache, created_by_cache;
	const struct label_filter *labels; /* all of them */
	size_t label_count;
};
void select_deinit(struct select *select);

/** The place chosen by select->pc, or NULL: unknown. Without stacks, where a goroutine is may be in
 * the runtime that parked it. */
const struct gospy_location *select_location(const struct select *select,
					     const struct gospy_goroutine *g);
/** Where it is: in the user's own code if that is known, else outside of the runtime, else
 * wherever. NULL: unknown. */
const struct gospy_location *select_where(const struct gospy_goroutine *g);
/** Order of two places: function, file, line, pc; what is unknown comes last. */
int select_compare_locations(const struct gospy_location *a, const struct gospy_location *b);
/** Order of two waits: the longest first, what is unknown last. */
int select_compare_waits(uint64_t a, uint64_t b);
/** The longer one of two waits, of which each may be unknown. */
uint64_t select_longer(uint64_t a, uint64_t b);
/** Is `g`, of that index in the snapshot, shown? An unreadable goroutine is shown, unless a filter
 * asks something of it that it cannot answer. */
bool select_match(struct select *select, const struct gospy_goroutine *g, size_t index);

/* Keys, and indexes for gospy_snapshot_goroutine. */
typedef VEC(struct radix_item) select_entries;

/** The indexes of all that match, sorted; ties in the order of goids. GOSPY_E_NOMEM. */
enum gospy_code select_run(struct select *select, struct gospy_snapshot *snapshot,
			   select_entries *ret, struct gospy_error *err);

#endif
