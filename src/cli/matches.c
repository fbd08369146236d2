#include "cli/matches.h"

#include <inttypes.h>

#include "base/cleanup.h"
#include "base/strbuf.h"
#include "render/units.h"

/* The goroutines that there are to choose from. */
struct counts {
	uint64_t all;
	uint64_t wait_unknown; /* they wait, and nobody has noted since when */
	uint64_t move_unknown; /* nothing tells whether they have moved */
};

static bool is_dead(const struct gospy_goroutine *g)
{
	return g->status == GOSPY_STATUS_DEAD || g->status == GOSPY_STATUS_DEADEXTRA;
}

static bool waits(const struct gospy_goroutine *g)
{
	return g->status == GOSPY_STATUS_WAITING || g->status == GOSPY_STATUS_LEAKED;
}

static struct counts count(const struct matches *matches)
{
	struct counts counts = {0};
	size_t n = gospy_snapshot_goroutine_count(matches->snapshot);
	for (size_t i = 0; i < n; i++) {
		struct gospy_goroutine g;
		gospy_snapshot_goroutine(matches->snapshot, i, &g);
		if (g.soundness != GOSPY_SOUND_UNREADABLE &&
		    ((is_dead(&g) && !matches->select->dead) ||
		     (g.system && !matches->select->system)))
			continue;
		counts.all++;
		counts.wait_unknown +=
			waits(&g) &&
			(g.wait_ns == GOSPY_UNKNOWN ||
			 (g.wait_at_least && g.wait_ns < matches->select->min_wait_ns));
		counts.move_unknown += g.departures == GOSPY_UNKNOWN;
	}
	return counts;
}

/* Why is nothing of `goid` shown? */
static void note_goid(struct cli *cli, const struct matches *matches, uint64_t goid)
{
	size_t n = gospy_snapshot_goroutine_count(matches->snapshot);
	for (size_t i = 0; i < n; i++) {
		struct gospy_goroutine g;
		gospy_snapshot_goroutine(matches->snapshot, i, &g);
		if (g.goid != goid || is_dead(&g))
			continue;
		if (g.system && !matches->select->system)
			cli_note(cli,
				 "goroutine %" PRIu64 " is the runtime's own: --system shows it",
				 goid);
		return;
	}
	if (matches->running)
		cli_note(cli, "goroutine %" PRIu64 " is on no thread, if there is one at all",
			 goid);
	else
		cli_note(cli, "there is no goroutine %" PRIu64, goid);
}

static void add_why_unknown(struct strbuf *text, const struct matches *matches)
{
	const struct gospy_snapshot_info *info = gospy_snapshot_info(matches->snapshot);
	strbuf_puts(text, info->heap.num_gc == 0
				  ? ": the runtime notes it in a GC, and there was none yet"
				  : ": the runtime notes it in a GC, and has not yet");
	if (!matches->in_file)
		strbuf_puts(text, "; --for 1s shows who does not move");
}

/* With --for it is always said how many did not move: that is what was asked. */
static void add_still(struct strbuf *text, const struct matches *matches,
		      const struct counts *counts)
{
	strbuf_printf(text,
		      "%" PRIu64 " of %" PRIu64 " goroutine%s match%s and did not move within %s",
		      matches->matching, counts->all, units_plural(counts->all),
		      counts->all == 1 ? "es" : "", units_go_duration(matches->for_ns).s);
	if (counts->move_unknown)
		strbuf_printf(text, "; of %" PRIu64 " it cannot be told whether they moved",
			      counts->move_unknown);
}

void matches_note(struct cli *cli, const struct matches *matches)
{
	enum { GOIDS_NOTED = 8 };
	const struct select *select = matches->select;
	CLEANUP(strbuf_deinit) struct strbuf text = {0};
	for (size_t i = 0; matches->goids && i < matches->goids->len && i < GOIDS_NOTED; i++)
		note_goid(cli, matches, matches->goids->at[i]);
	// Of a million goroutines it takes a while to count how many there are to choose from.
	if (matches->matching && !select->min_wait_ns && !matches->for_ns)
		return;
	const struct counts counts = count(matches);
	bool unknown = select->min_wait_ns && counts.wait_unknown && !matches->for_ns;
	if (!counts.all)
		strbuf_puts(&text, matches->running ? "no goroutine is on a thread"
						    : "there are no goroutines but the runtime's "
						      "own: --system shows them");
	else if (matches->for_ns)
		add_still(&text, matches, &counts);
	else if (!matches->matching || unknown)
		strbuf_printf(&text, "%" PRIu64 " of %" PRIu64 " goroutine%s match%s",
			      matches->matching, counts.all, units_plural(counts.all),
			      counts.all == 1 ? "es" : "");
	if (unknown) {
		strbuf_printf(&text, "; how long %" PRIu64 " wait%s is unknown",
			      counts.wait_unknown, counts.wait_unknown == 1 ? "s" : "");
		add_why_unknown(&text, matches);
	}
	if (counts.all && !matches->matching && select->func && matches->func_hint)
		strbuf_printf(&text, "; %s", matches->func_hint);
	if (text.len && !text.failed)
		cli_note(cli, "%s", text.s);
}
