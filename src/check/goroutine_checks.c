#include "check/goroutine_checks.h"

#include <inttypes.h>
#include <stdio.h>

#include "check/findings.h"
#include "check/limits.h"
#include "render/units.h"

static const char *were(uint64_t n)
{
	return n == 1 ? "s" : "";
}

/* ", for up to 3m": how long they wait, if it is known. What was only seen is a lower bound. */
static struct units_text how_long(const struct facts *facts, uint64_t wait_ns)
{
	struct units_text text = {""};
	if (wait_ns != GOSPY_UNKNOWN)
		snprintf(text.s, sizeof(text.s), ", for %s %s",
			 wait_ns / LIMIT_S <= facts->watched_ns / LIMIT_S ? "at least" : "up to",
			 units_span(wait_ns).s);
	return text;
}

/* ", none of which moved within 1s" */
static struct units_text not_moved(const struct facts *facts)
{
	struct units_text text = {""};
	if (facts->watched_ns)
		snprintf(text.s, sizeof(text.s), "none moved within %s",
			 units_age(facts->watched_ns).s);
	return text;
}

/* What no more room was taken for. */
static void count_others(struct check *check, enum finding_kind kind, size_t n, const char *command,
			 const struct facts *facts)
{
	struct finding *last =
		check->findings.len ? &check->findings.at[check->findings.len - 1] : NULL;
	if (n > LIMIT_FINDINGS && last && last->kind == kind)
		finding_say(check, last, "and %zu more like it: gospy %s %s", n - LIMIT_FINDINGS,
			    command, facts->target);
}

/* ---- deadlocks */

void check_deadlocks(const struct facts *facts, struct check *check)
{
	size_t shown = 0;
	for (size_t i = 0; i < facts->deadlocks.len; i++) {
		const struct fact_deadlock *deadlock = &facts->deadlocks.at[i];
		if (shown++ >= LIMIT_FINDINGS)
			continue;
		char behind[48] = "", who[64] = "a goroutine waits for itself";
		if (deadlock->behind)
			snprintf(behind, sizeof(behind), ", and %" PRIu64 " more for them",
				 deadlock->behind);
		if (deadlock->members > 1)
			snprintf(who, sizeof(who), "%" PRIu64 " goroutines wait for each other",
				 deadlock->members);
		struct finding *finding = finding_begin(
			check, FINDING_DEADLOCK, deadlock->doubt ? FINDING_SUSPECT : FINDING_WRONG,
			deadlock->members + deadlock->behind, "%s: %s%s",
			deadlock->doubt ? "perhaps a deadlock" : "deadlock", who, behind);
		for (size_t k = 0; k < deadlock->step_count; k++)
			finding_say(check, finding, "%s", deadlock->steps[k]);
		if (deadlock->doubt)
			finding_say(check, finding, "not certain: %s", deadlock->doubt);
		if (deadlock->by_heap)
			finding_say(check, finding, "proved: %s",
				    deadlock->no_locks
					    ? "nobody else who may run can end that"
					    : "as long as nobody else unlocks what they wait for, "
					      "nobody who may run can end that");
		finding_goids(finding, deadlock->goids);
		finding_next(check, finding,
			     deadlock->by_heap ? "gospy waits --heap %s" : "gospy waits %s",
			     facts->target);
	}
	count_others(check, FINDING_DEADLOCK, shown, "waits", facts);
	if (shown)
		return;
	if (facts->locks)
		finding_none(check, FINDING_DEADLOCK, CHECKED_FINE,
			     "none; %" PRIu64 " lock%s waited for, of %" PRIu64
			     " it is known who holds %s",
			     facts->locks, facts->locks == 1 ? " is" : "s are", facts->locks_held,
			     facts->locks_held == 1 ? "it" : "them");
	else
		finding_none(check, FINDING_DEADLOCK, CHECKED_FINE, "none: no lock is waited for");
}

/* ---- leaks */

/* "chan send at main.send main.go:41, started by main.fetch main.go:39; on channel 0xc000112060" */
static void say_leak(struct check *check, struct finding *finding, const struct fact_leak *leak,
		     bool alone)
{
	char count[32] = "";
	if (!alone)
		snprintf(count, sizeof(count), "%" PRIu64 " in ", leak->count);
	finding_say(check, finding, "%s%s%s%s%s%s%s%s%s", count,
		    leak->reason ? leak->reason : "a wait", leak->at ? " at " : "",
		    leak->at ? leak->at : "", leak->by ? ", started by " : "",
		    leak->by ? leak->by : "", leak->object ? "; on " : "",
		    leak->object ? leak->object : "",
		    leak->count > 1 && leak->object && !leak->is_nil ? " ..." : "");
}

/* All of those that are proved, or all others, are one finding. */
static bool report_leaks_of(const struct facts *facts, bool proved, struct check *check)
{
	uint64_t count = 0, longest_ns = GOSPY_UNKNOWN;
	size_t groups = 0, said = 0;
	const struct fact_leak *first = NULL;
	char in[48] = "";
	for (size_t i = 0; i < facts->leaks.len; i++) {
		const struct fact_leak *leak = &facts->leaks.at[i];
		if (leak->on_purpose || leak->proved != proved)
			continue;
		first = first ? first : leak;
		count += leak->count;
		groups++;
		if (leak->wait_ns != GOSPY_UNKNOWN &&
		    (longest_ns == GOSPY_UNKNOWN || leak->wait_ns > longest_ns))
			longest_ns = leak->wait_ns;
	}
	if (!groups)
		return false;
	if (groups > 1)
		snprintf(in, sizeof(in), ", in %zu groups", groups);
	struct finding *finding = finding_begin(
		check, FINDING_LEAK, proved ? FINDING_WRONG : FINDING_SUSPECT, count,
		"%" PRIu64 " goroutine%s can %snever run again%s%s", count, units_plural(count),
		proved ? "" : "perhaps ", in, how_long(facts, longest_ns).s);
	for (size_t i = 0; i < facts->leaks.len; i++) {
		const struct fact_leak *leak = &facts->leaks.at[i];
		if (!leak->on_purpose && leak->proved == proved && said++ < LIMIT_FINDINGS)
			say_leak(check, finding, leak, groups == 1);
	}
	if (said > LIMIT_FINDINGS)
		finding_say(check, finding, "... and %zu more groups", said - LIMIT_FINDINGS);
	if (proved)
		finding_say(check, finding, "proved: %s", first->why);
	else
		finding_say(check, finding, "seen twice, but not proved: %s",
			    facts->not_proved ? facts->not_proved : first->why);
	finding_goids(finding, first->goids);
	if (!proved && facts->is_process && facts->not_proved)
		finding_next(check, finding, "gospy check --stop %s proves it, in about %s",
			     facts->target, units_ms(facts->proof_ns).s);
	else
		finding_next(check, finding, "gospy leaks %s", facts->target);
	return true;
}

void check_leaks(const struct facts *facts, struct check *check)
{
	uint64_t on_purpose = 0;
	char selects[64] = "";
	if (facts->no_leaks) {
		finding_none(check, FINDING_LEAK, CHECKED_NOT, "%s", facts->no_leaks);
		return;
	}
	for (size_t i = 0; i < facts->leaks.len; i++)
		on_purpose += facts->leaks.at[i].on_purpose ? facts->leaks.at[i].count : 0;
	if (on_purpose)
		snprintf(selects, sizeof(selects), ", but %" PRIu64 " in select{}", on_purpose);
	else if (facts->unsure)
		snprintf(selects, sizeof(selects), ", or has moved (%" PRIu64 ")", facts->unsure);
	bool proved = report_leaks_of(facts, true, check);
	if (!report_leaks_of(facts, false, check) && !proved)
		finding_none(check, FINDING_LEAK, CHECKED_FINE,
			     "of %" PRIu64 " goroutine%s that wait%s for others each may be "
			     "woken%s",
			     facts->candidates, units_plural(facts->candidates),
			     were(facts->candidates), selects);
}

/* ---- groups that grow */

/* Where some go others may come for a while; so it has to have been watched for long, and there are
 * half as many more. */
static bool is_growth(const struct facts *facts, const struct fact_site *site)
{
	uint64_t more = site->after - site->before;
	if (more < LIMIT_GROWTH)
		return false;
	return !site->left || (facts->watched_ns >= LIMIT_GROWTH_NS && more >= site->before / 2);
}

void check_growth(const struct facts *facts, struct check *check)
{
	size_t shown = 0;
	if (!facts->watched_ns) {
		finding_none(check, FINDING_GROWTH, CHECKED_NOT, "%s",
			     facts->is_process ? "it was looked at once: --for 30s"
					       : "it is a file: nothing grows");
		return;
	}
	for (size_t i = 0; i < facts->sites.len; i++) {
		const struct fact_site *site = &facts->sites.at[i];
		if (!is_growth(facts, site))
			continue;
		if (shown++ >= LIMIT_FINDINGS)
			continue;
		uint64_t more = site->after - site->before;
		char gone[64] = "none";
		if (site->left)
			snprintf(gone, sizeof(gone), "%" PRIu64 " of %" PRIu64, site->left,
				 site->before);
		bool wrong = facts->watched_ns >= LIMIT_GROWTH_NS && !site->left && !site->may_be;
		struct finding *finding = finding_begin(
			check, FINDING_GROWTH, wrong ? FINDING_WRONG : FINDING_SUSPECT, site->after,
			"more and more goroutines: %" PRIu64 ", %" PRIu64
			" more than %s ago, and %s %s gone",
			site->after, more, units_age(facts->watched_ns).s, gone,
			site->left > 1 ? "have" : "has");
		if (site->at)
			finding_say(check, finding, "%s at %s%s%s",
				    site->does ? site->does : "waiting", site->at,
				    site->by ? ", started by " : "", site->by ? site->by : "");
		finding_say(check, finding, "%s more a minute, if it goes on",
			    units_rate((double)more * 60e9 / (double)facts->watched_ns).s);
		if (site->may_be)
			finding_say(check, finding, "not certain: %s", site->may_be);
		finding_next(check, finding, "gospy leaks --watch 1m %s", facts->target);
	}
	count_others(check, FINDING_GROWTH, shown, "diff --for 10s", facts);
	if (!shown)
		finding_none(check, FINDING_GROWTH, CHECKED_FINE,
			     "no %sgroup of goroutines only grew within %s%s",
			     facts->leaks.len ? "other " : "", units_age(facts->watched_ns).s,
			     facts->watched_ns < LIMIT_GROWTH_NS ? " (longer: --for 1m)" : "");
}

/* ---- locks */

enum lock_verdict { LOCK_FINE, LOCK_LONG, LOCK_STUCK, LOCK_CROWD };

static enum lock_verdict judge_lock(const struct facts *facts, const struct fact_lock *lock)
{
	bool watched = facts->watched_ns;
	if (lock->in_deadlock)
		return LOCK_FINE; // that says more
	if (lock->waiters >= LIMIT_LOCK_CROWD && (!watched || lock->before >= LIMIT_LOCK_CROWD))
		return LOCK_CROWD;
	if (watched && lock->stayed >= LIMIT_LOCK_STUCK && lock->stayed == lock->before)
		return LOCK_STUCK;
	bool there = !watched || lock->stayed;
	return lock->wait_ns != GOSPY_UNKNOWN && lock->wait_ns >= LIMIT_LOCK_NS && there
		       ? LOCK_LONG
		       : LOCK_FINE;
}

static void say_holder(struct check *check, struct finding *finding, const struct fact_lock *lock)
{
	if (!lock->holder) {
		finding_say(check, finding, "it is not known who holds it");
		return;
	}
	finding_say(check, finding, "%s by %s%s%s%s", lock->doubt ? "perhaps held" : "held",
		    lock->holder, lock->doubt ? " (" : "", lock->doubt ? lock->doubt : "",
		    lock->doubt ? ")" : "");
	if (lock->holder_does)
		finding_say(check, finding, "which %s%s", lock->holder_does,
			    lock->holder_leaked   ? ", and can never run again: proved"
			    : lock->holder_stayed ? ", and has not moved meanwhile"
						  : "");
}

static void report_lock(const struct facts *facts, const struct fact_lock *lock,
			enum lock_verdict verdict, struct check *check)
{
	bool still = facts->watched_ns && lock->stayed >= lock->before && lock->stayed;
	bool wrong = verdict == LOCK_CROWD || (lock->holder_leaked && !lock->doubt);
	struct finding *finding = finding_begin(
		check, FINDING_LOCK, wrong ? FINDING_WRONG : FINDING_SUSPECT, lock->waiters,
		"%" PRIu64 " of %" PRIu64 " goroutines wait%s for %s%s", lock->waiters,
		facts->goroutines, were(lock->waiters), lock->object,
		how_long(facts, lock->wait_ns).s);
	if (lock->at)
		finding_say(check, finding, "at %s", lock->at);
	say_holder(check, finding, lock);
	if (lock->leaked)
		finding_say(check, finding, "%" PRIu64 " of them can never run again: proved",
			    lock->leaked);
	if (still)
		finding_say(check, finding, "%s", not_moved(facts).s);
	else if (facts->watched_ns)
		finding_say(check, finding,
			    "%" PRIu64 " waited %s before, of which %" PRIu64 " still do",
			    lock->before, units_age(facts->watched_ns).s, lock->stayed);
	finding_goids(finding, lock->goids);
	finding_next(check, finding, "gospy waits --goid %" PRIu64 " %s",
		     lock->goids.count ? lock->goids.at[0] : 0, facts->target);
}

void check_locks(const struct facts *facts, struct check *check)
{
	size_t shown = 0;
	uint64_t most = 0;
	for (size_t i = 0; i < facts->locks_wanted.len; i++) {
		const struct fact_lock *lock = &facts->locks_wanted.at[i];
		enum lock_verdict verdict = judge_lock(facts, lock);
		most = lock->waiters > most ? lock->waiters : most;
		if (verdict != LOCK_FINE && shown++ < LIMIT_FINDINGS)
			report_lock(facts, lock, verdict, check);
	}
	count_others(check, FINDING_LOCK, shown, "waits", facts);
	if (shown)
		return;
	if (facts->locks)
		finding_none(check, FINDING_LOCK, CHECKED_FINE,
			     "at most %" PRIu64 " goroutine%s wait%s for one lock", most,
			     units_plural(most), were(most));
	else
		finding_none(check, FINDING_LOCK, CHECKED_FINE, "no lock is waited for");
}

/* ---- channels */

void check_channels(const struct facts *facts, struct check *check)
{
	size_t shown = 0;
	for (size_t i = 0; i < facts->senders.len; i++) {
		const struct fact_senders *senders = &facts->senders.at[i];
		if (!facts->watched_ns || senders->stayed < LIMIT_SENDERS ||
		    shown++ >= LIMIT_FINDINGS)
			continue;
		struct finding *finding = finding_begin(
			check, FINDING_CHANNEL, FINDING_SUSPECT, senders->count,
			"%" PRIu64 " goroutines send to %s, which nobody receives from%s",
			senders->count, senders->object, how_long(facts, senders->wait_ns).s);
		if (senders->at)
			finding_say(check, finding, "at %s", senders->at);
		finding_say(check, finding, "nothing was taken from it within %s",
			    units_age(facts->watched_ns).s);
		finding_goids(finding, senders->goids);
		finding_next(check, finding, "gospy waits %s", facts->target);
	}
	count_others(check, FINDING_CHANNEL, shown, "waits", facts);
	if (!shown && facts->watched_ns)
		finding_none(check, FINDING_CHANNEL, CHECKED_FINE,
			     "none has %d senders or more that got rid of nothing", LIMIT_SENDERS);
	else if (!shown)
		finding_none(check, FINDING_CHANNEL, CHECKED_NOT,
			     "who sends in vain is seen by two looks only");
}

/* ---- the network */

/* For how long is there no answer? Since the oldest of them waits, or since something was sent for
 * the first time. */
static uint64_t unanswered_ns(const struct fact_requests *requests)
{
	const uint64_t known[] = {requests->wait_ns, requests->silent_ns, requests->unacked_ns,
				  requests->unread_ns};
	uint64_t longest_ns = GOSPY_UNKNOWN;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (known[i] != GOSPY_UNKNOWN &&
		    (longest_ns == GOSPY_UNKNOWN || known[i] > longest_ns))
			longest_ns = known[i];
	}
	return longest_ns;
}

static bool is_known_for(uint64_t wait_ns, uint64_t limit_ns)
{
	return wait_ns != GOSPY_UNKNOWN && wait_ns >= limit_ns;
}

/* What says that it is not the program of the other end which lets them wait. */
static bool say_fault(const struct fact_requests *requests, struct check *check,
		      struct finding *finding)
{
	bool unacked = is_known_for(requests->unacked_ns, LIMIT_REQUEST_NS);
	bool unread = is_known_for(requests->unread_ns, LIMIT_REQUEST_NS);
	if (unacked)
		finding_say(
			check, finding,
			"what was sent to %s was not acknowledged for %s: that machine does not "
			"answer",
			requests->unacked_peer, units_span(requests->unacked_ns).s);
	if (unread)
		finding_say(check, finding,
			    "what was sent to %s came there %s ago, and nobody has read any of it",
			    requests->unread_peer, units_span(requests->unread_ns).s);
	if (requests->stopped)
		finding_say(check, finding, "at the other end, %s is stopped", requests->stopped);
	return unacked || unread || requests->stopped;
}

static bool is_hung(const struct fact_requests *requests)
{
	return is_known_for(requests->unacked_ns, LIMIT_REQUEST_HUNG_NS) ||
	       is_known_for(requests->unread_ns, LIMIT_REQUEST_HUNG_NS) || requests->stopped;
}

static void report_requests(const struct facts *facts, const struct fact_requests *requests,
			    struct check *check)
{
	uint64_t wait_ns = unanswered_ns(requests);
	struct finding *finding = finding_begin(
		check, FINDING_NETWORK, is_hung(requests) ? FINDING_WRONG : FINDING_SUSPECT,
		requests->stayed, "%" PRIu64 " HTTP request%s %s no answer%s", requests->stayed,
		units_plural(requests->stayed), requests->stayed == 1 ? "has" : "have",
		how_long(facts, wait_ns).s);
	if (requests->at)
		finding_say(check, finding, "at %s", requests->at);
	if (requests->peers && requests->silent_ns != GOSPY_UNKNOWN)
		finding_say(check, finding,
			    "connections that have sent, and received nothing since, for up to %s: "
			    "%s",
			    units_span(requests->silent_ns).s, requests->peers);
	else if (requests->peers)
		finding_say(check, finding, "connections that wait to read: %s", requests->peers);
	if (!say_fault(requests, check, finding))
		finding_say(check, finding,
			    "the other end is slow, or hangs, or answers when there is news (a "
			    "long poll)");
	finding_say(check, finding,
		    "a client without a Timeout, or a request without a deadline, "
		    "waits for ever");
	finding_goids(finding, requests->goids);
	finding_next(check, finding, "gospy waits %s", facts->target);
}

static void report_dial(const struct facts *facts, const struct fact_dial *dial,
			struct check *check)
{
	struct finding *finding =
		finding_begin(check, FINDING_NETWORK, FINDING_SUSPECT, dial->stayed,
			      "%" PRIu64 " connection%s to %s %s not come about%s", dial->stayed,
			      units_plural(dial->stayed), dial->peer,
			      dial->stayed == 1 ? "has" : "have", how_long(facts, dial->wait_ns).s);
	if (dial->at)
		finding_say(check, finding, "at %s", dial->at);
	finding_next(check, finding, "gospy waits %s", facts->target);
}

void check_network(const struct facts *facts, struct check *check)
{
	const struct fact_requests *requests = &facts->requests;
	char longest[160] = "";
	if (requests->stayed && is_known_for(unanswered_ns(requests), LIMIT_REQUEST_NS))
		report_requests(facts, requests, check);
	for (size_t i = 0; i < facts->dials.len && i < LIMIT_FINDINGS; i++) {
		const struct fact_dial *dial = &facts->dials.at[i];
		if (dial->stayed && is_known_for(dial->wait_ns, LIMIT_REQUEST_NS))
			report_dial(facts, dial, check);
	}
	if (finding_any(check, FINDING_NETWORK))
		return;
	if (facts->longest_peer)
		snprintf(longest, sizeof(longest), ", longest for %.80s: %s", facts->longest_peer,
			 facts->longest_ns == GOSPY_UNKNOWN ? "unknown how long"
							    : units_span(facts->longest_ns).s);
	if (facts->connections)
		finding_none(check, FINDING_NETWORK, CHECKED_FINE,
			     "%" PRIu64 " connection%s waited for%s; no HTTP request without an "
			     "answer for %s",
			     facts->connections, facts->connections == 1 ? " is" : "s are", longest,
			     units_span(LIMIT_REQUEST_NS).s);
	else
		finding_none(check, FINDING_NETWORK, CHECKED_FINE, "no connection is waited for");
}
