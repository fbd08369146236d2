#include "check/gather_waits.h"

#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "check/gather_text.h"
#include "check/limits.h"
#include "render/escape.h"
#include "render/waits_text.h"

enum { OBJECTS_MAX = 64, PEERS_MAX = 256, PEERS_SHOWN = 3 };

struct fact_goids gather_goids(struct gathering *g, const uint64_t *goids, size_t count)
{
	uint64_t *copy = arena_calloc(&g->facts->arena, count + 1, sizeof(*copy));
	g->failed |= !copy;
	if (!copy)
		return (struct fact_goids){0};
	memcpy(copy, goids, count * sizeof(*copy));
	return (struct fact_goids){copy, count};
}

void gather_explain(struct gathering *g, uint64_t goid)
{
	uint64_t *at = map_put(&g->explained, goid);
	g->failed |= !at;
	if (at)
		*at = 1;
}

/* ---- deadlocks */

static const char *step_of(struct gathering *g, const struct waits_edge *edge)
{
	const struct waits *w = &g->looks->now;
	struct gospy_goroutine waiter;
	gospy_snapshot_goroutine(w->snapshot, edge->waiter, &waiter);
	const char *place = gather_place(g->facts, waits_place(&waiter), &g->failed);
	const char *object = gather_object(g->facts, w, &w->objects.at[edge->object], &g->failed);
	const char *holder = gather_holder(g->facts, w, edge, &g->failed);
	const char *how = waits_how(&waiter, NULL);
	const char *perhaps = edge->doubt ? "perhaps " : "",
		   *has = edge->by_heap ? "had only" : "held";
	const char *text =
		facts_text(g->facts, "goroutine %" PRIu64 " %s %s%s%s%s%s, %s%s by %s", waiter.goid,
			   edge->by_heap ? "waits for" : "wants", object ? object : "?",
			   how ? " " : "", how ? how : "", place ? " at " : "", place ? place : "",
			   perhaps, has, holder ? holder : "?");
	g->failed |= !text;
	return text;
}

static const char *doubt_of(struct gathering *g, const struct waits_circle *circle)
{
	const struct waits *w = &g->looks->now;
	struct gospy_goroutine releaser;
	if (circle->certain)
		return NULL;
	if (circle->once)
		return "it was not there at both looks";
	if (circle->releaser != SIZE_MAX) {
		gospy_snapshot_goroutine(w->snapshot, circle->releaser, &releaser);
		const char *text = facts_text(
			g->facts, "goroutine %" PRIu64 " releases a lock that it has not taken",
			releaser.goid);
		g->failed |= !text;
		return text;
	}
	if (circle->cut)
		return "not all goroutines were looked at, and one of them may unlock it";
	for (size_t i = 0; i < circle->count; i++) {
		const struct waits_edge *edge = &w->edges.at[w->circle_edges.at[circle->first + i]];
		if (edge->doubt)
			return waits_doubt_text(edge->doubt);
	}
	return "not all of it is known";
}

/* All that wait for an object of the circle are explained by it. */
static void explain_circle(struct gathering *g, const struct waits_circle *circle)
{
	const struct waits *w = &g->looks->now;
	for (size_t i = 0; i < circle->count; i++) {
		const struct waits_edge *edge = &w->edges.at[w->circle_edges.at[circle->first + i]];
		const struct waits_object *object = &w->objects.at[edge->object];
		for (size_t k = 0; k < object->count; k++) {
			struct gospy_goroutine waiter;
			gospy_snapshot_goroutine(
				w->snapshot, w->waiters.at[object->first + k].goroutine, &waiter);
			gather_explain(g, waiter.goid);
		}
	}
}

/* And so are those that wait for nobody else, by the heap. */
static void explain_behind(struct gathering *g)
{
	enum { STEPS_MAX = 16 };
	const struct waits *w = &g->looks->now;
	bool more = true;
	for (unsigned step = 0; step < STEPS_MAX && more && !g->failed; step++) {
		more = false;
		for (size_t i = 0; i < w->edges.len; i++) {
			struct gospy_goroutine waiter, holder;
			if (!w->edges.at[i].by_heap || w->edges.at[i].doubt)
				continue;
			gospy_snapshot_goroutine(w->snapshot, w->edges.at[i].waiter, &waiter);
			gospy_snapshot_goroutine(w->snapshot, w->edges.at[i].holder, &holder);
			if (!map_get(&g->explained, holder.goid) ||
			    map_get(&g->explained, waiter.goid))
				continue;
			gather_explain(g, waiter.goid);
			more = true;
		}
	}
}

void gather_deadlocks(struct gathering *g)
{
	const struct waits *w = &g->looks->now;
	for (size_t i = 0; i < w->circles.len && !g->failed; i++) {
		const struct waits_circle *circle = &w->circles.at[i];
		const size_t shown = circle->count < LIMIT_GOIDS ? circle->count : LIMIT_GOIDS;
		uint64_t goids[LIMIT_GOIDS];
		const char **steps = arena_calloc(&g->facts->arena, shown + 2, sizeof(*steps));
		if (!steps) {
			g->failed = true;
			return;
		}
		struct fact_deadlock fact = {
			.members = circle->members,
			.behind = circle->behind,
			.doubt = doubt_of(g, circle),
			.steps = steps,
			.step_count = shown,
			.by_heap = circle->by_heap && circle->certain,
			.no_locks = circle->no_locks,
		};
		for (size_t k = 0; k < shown; k++) {
			const struct waits_edge *edge =
				&w->edges.at[w->circle_edges.at[circle->first + k]];
			struct gospy_goroutine waiter;
			gospy_snapshot_goroutine(w->snapshot, edge->waiter, &waiter);
			goids[k] = waiter.goid;
			steps[k] = step_of(g, edge);
			g->failed |= !steps[k];
		}
		if (circle->members > shown && !g->failed) {
			steps[shown] =
				facts_text(g->facts, "and %zu more in it", circle->members - shown);
			g->failed |= !steps[fact.step_count++];
		}
		fact.goids = gather_goids(g, goids, shown);
		explain_circle(g, circle);
		explain_behind(g);
		g->failed |= !vec_push(&g->facts->deadlocks, fact);
	}
}

/* ---- locks */

/* How many waited for it at the first look? */
static uint64_t count_before(const struct looks *looks, const struct gospy_goroutine *waiter)
{
	size_t at;
	if (!looks->first)
		return GOSPY_UNKNOWN;
	return waits_object_of(&looks->before, waiter, &at) ? looks->before.objects.at[at].count
							    : 0;
}

/* Did it wait for the same at the first look, and has not moved since? Where nothing counts that
 * (Go before 1.17), that it waits for the same has to do. */
bool gather_stayed(const struct looks *looks, const struct gospy_goroutine *now, size_t index)
{
	struct gospy_goroutine before;
	if (!looks->first || index >= gospy_snapshot_goroutine_count(looks->first))
		return false;
	if (now->departures != GOSPY_UNKNOWN)
		return still_ns(&looks->still, index) != GOSPY_UNKNOWN;
	gospy_snapshot_goroutine(looks->first, index, &before);
	return before.goid == now->goid && before.wait_addr == now->wait_addr &&
	       before.wait_kind == now->wait_kind && before.stack_hash == now->stack_hash &&
	       before.sp == now->sp && before.select_case_count == now->select_case_count &&
	       (!now->select_case_count ||
		before.select_cases[0].channel.addr == now->select_cases[0].channel.addr);
}

static uint64_t known_wait(const struct looks *looks, const struct gospy_goroutine *g, size_t index)
{
	uint64_t still = looks->first ? still_ns(&looks->still, index) : GOSPY_UNKNOWN;
	return wait_known(g->wait_ns, still).ns;
}

static void longer(uint64_t *longest_ns, uint64_t wait_ns)
{
	if (wait_ns != GOSPY_UNKNOWN && (*longest_ns == GOSPY_UNKNOWN || wait_ns > *longest_ns))
		*longest_ns = wait_ns;
}

static void add_holder(struct gathering *g, size_t waiter, struct fact_lock *fact)
{
	const struct waits *w = &g->looks->now;
	size_t count, at = waits_edges_of(w, waiter, &count);
	struct gospy_goroutine holder;
	if (!count)
		return;
	const struct waits_edge *edge = &w->edges.at[at];
	gospy_snapshot_goroutine(w->snapshot, edge->holder, &holder);
	fact->holder = gather_holder(g->facts, w, edge, &g->failed);
	fact->holder_does = gather_doing(g->facts, &holder, &g->failed);
	fact->doubt = edge->doubt ? waits_doubt_text(edge->doubt) : NULL;
	fact->holder_stayed = gather_stayed(g->looks, &holder, edge->holder);
	fact->holder_leaked = map_get(&g->leaked, holder.goid);
}

static void add_lock(struct gathering *g, const struct waits_object *object)
{
	const struct waits *w = &g->looks->now;
	uint64_t goids[LIMIT_GOIDS];
	size_t shown = 0;
	struct gospy_goroutine waiter;
	struct fact_lock fact = {.waiters = object->count, .wait_ns = GOSPY_UNKNOWN};
	bool crowd = object->count >= LIMIT_LOCK_CROWD;
	for (size_t i = 0; i < object->count; i++) {
		size_t index = w->waiters.at[object->first + i].goroutine;
		gospy_snapshot_goroutine(w->snapshot, index, &waiter);
		fact.stayed += gather_stayed(g->looks, &waiter, index);
		longer(&fact.wait_ns, known_wait(g->looks, &waiter, index));
		fact.leaked += map_get(&g->leaked, waiter.goid) != NULL;
		fact.in_deadlock |= map_get(&g->explained, waiter.goid) != NULL;
		if (shown < LIMIT_GOIDS)
			goids[shown++] = waiter.goid;
	}
	for (size_t i = 0; i < object->count && crowd; i++) {
		gospy_snapshot_goroutine(w->snapshot, w->waiters.at[object->first + i].goroutine,
					 &waiter);
		gather_explain(g, waiter.goid);
	}
	size_t first = w->waiters.at[object->first].goroutine;
	gospy_snapshot_goroutine(w->snapshot, first, &waiter);
	fact.before = count_before(g->looks, &waiter);
	fact.at = gather_place(g->facts, waits_place(&waiter), &g->failed);
	fact.object = gather_object(g->facts, w, object, &g->failed);
	add_holder(g, first, &fact);
	fact.goids = gather_goids(g, goids, shown);
	g->facts->locks_held += fact.holder && !fact.doubt;
	g->failed |= !vec_push(&g->facts->locks_wanted, fact);
}

void gather_locks(struct gathering *g)
{
	const struct waits *w = &g->looks->now;
	for (size_t i = 0; i < w->objects.len && !g->failed; i++) {
		if (waits_is_lock(w->objects.at[i].kind) && ++g->facts->locks <= OBJECTS_MAX)
			add_lock(g, &w->objects.at[i]);
	}
}

/* ---- channels */

static void add_senders(struct gathering *g, const struct waits_object *object)
{
	const struct waits *w = &g->looks->now;
	uint64_t goids[LIMIT_GOIDS];
	size_t shown = 0, example = SIZE_MAX;
	struct fact_senders fact = {.wait_ns = GOSPY_UNKNOWN};
	struct gospy_goroutine waiter;
	for (size_t i = 0; i < object->count; i++) {
		const struct waits_waiter *at = &w->waiters.at[object->first + i];
		gospy_snapshot_goroutine(w->snapshot, at->goroutine, &waiter);
		// One that has other cases may go on all the same.
		if (at->case_at != WAITS_NO_CASE || waiter.direction != GOSPY_SEND)
			continue;
		if (map_get(&g->leaked, waiter.goid) || map_get(&g->explained, waiter.goid))
			continue;
		example = at->goroutine;
		fact.count++;
		fact.stayed += gather_stayed(g->looks, &waiter, at->goroutine);
		longer(&fact.wait_ns, known_wait(g->looks, &waiter, at->goroutine));
		if (shown < LIMIT_GOIDS)
			goids[shown++] = waiter.goid;
	}
	if (fact.count < LIMIT_SENDERS)
		return;
	gospy_snapshot_goroutine(w->snapshot, example, &waiter);
	fact.cap = waiter.channel.cap;
	fact.object = gather_object(g->facts, w, object, &g->failed);
	fact.at = gather_place(g->facts, waits_place(&waiter), &g->failed);
	fact.goids = gather_goids(g, goids, shown);
	g->failed |= !vec_push(&g->facts->senders, fact);
}

void gather_senders(struct gathering *g)
{
	const struct waits *w = &g->looks->now;
	for (size_t i = 0; i < w->objects.len && !g->failed; i++) {
		if (w->objects.at[i].kind != GOSPY_WAIT_CHANNEL)
			continue;
		g->facts->channels++;
		if (w->objects.at[i].count >= LIMIT_SENDERS)
			add_senders(g, &w->objects.at[i]);
	}
}

/* ---- the network */

/* Connections with one peer. */
struct peer {
	const char *remote; /* raw */
	uint64_t count, stayed, wait_ns;
	size_t example;
};
typedef VEC(struct peer) peers;

static void peers_free(peers *list)
{
	vec_free(list);
}

static void add_peer(struct gathering *g, peers *list, const char *remote, uint64_t wait_ns,
		     bool stayed, size_t index)
{
	struct peer *peer = NULL;
	for (size_t i = 0; i < list->len && !peer; i++) {
		if (strcmp(list->at[i].remote, remote) == 0)
			peer = &list->at[i];
	}
	if (!peer) {
		const struct peer one = {remote, 0, 0, GOSPY_UNKNOWN, index};
		if (list->len == PEERS_MAX)
			return;
		if (!vec_push(list, one)) {
			g->failed = true;
			return;
		}
		peer = &list->at[list->len - 1];
	}
	peer->count++;
	peer->stayed += stayed;
	longer(&peer->wait_ns, wait_ns);
}

static bool is_func(const struct gospy_location *place, const char *name)
{
	return place && place->func && strcmp(place->func, name) == 0;
}

/* Where net/http waits for an answer: src/net/http/{transport,h2_bundle}.go, Go 1.12-1.27. */
static bool awaits_answer(const struct gospy_goroutine *g)
{
	static const char *const funcs[] = {
		"net/http.(*persistConn).roundTrip",
		"net/http.(*http2ClientConn).roundTrip",
		"net/http.(*http2ClientConn).RoundTrip",
		"golang.org/x/net/http2.(*ClientConn).roundTrip",
		"golang.org/x/net/http2.(*ClientConn).RoundTrip",
	};
	for (size_t i = 0; i < sizeof(funcs) / sizeof(funcs[0]); i++) {
		if (is_func(g->call, funcs[i]))
			return true;
	}
	return false;
}

/* Does it read what comes on a connection of the client of net/http? */
static bool is_client(const struct gospy_goroutine *g)
{
	return is_func(g->start, "net/http.(*persistConn).readLoop") ||
	       is_func(g->start, "net/http.(*http2ClientConn).readLoop") ||
	       is_func(g->start, "golang.org/x/net/http2.(*ClientConn).readLoop");
}

/* Something was sent, and nothing came back since. Ticks are too coarse to tell that of a
 * connection that has sent within the tick in which it received; but not of one that never received
 * anything.
 */
static bool is_unanswered(const struct gospy_descriptor *d)
{
	return d->sent && (!d->received || d->sent_ago_ns < d->received_ago_ns);
}

/* A text of this peer, if it has been so with it for longer than with others. */
static void longest_with(struct gathering *g, const struct gospy_descriptor *d, uint64_t ns,
			 uint64_t *longest_ns, const char **peer_ret)
{
	CLEANUP(strbuf_deinit) struct strbuf text = {0};
	if (ns == GOSPY_UNKNOWN || (*longest_ns != GOSPY_UNKNOWN && ns <= *longest_ns))
		return;
	*longest_ns = ns;
	escape_add(&text, d->remote);
	*peer_ret = gather_take(g->facts, &text, &g->failed);
}

/* Does the other end do what it has to? */
static void add_fault(struct gathering *g, const struct gospy_descriptor *d)
{
	struct fact_requests *requests = &g->facts->requests;
	struct gospy_thread_state state;
	longest_with(g, d, d->unacked_ns, &requests->unacked_ns, &requests->unacked_peer);
	longest_with(g, d, d->unread_ns, &requests->unread_ns, &requests->unread_peer);
	if (requests->stopped || !d->peer_pid || !g->facts->is_process ||
	    gospy_thread_state(d->peer_pid, d->peer_pid, &state, NULL) || state.state != 'T')
		return;
	CLEANUP(strbuf_deinit) struct strbuf text = {0};
	strbuf_printf(&text, "process %d", (int)d->peer_pid);
	if (d->peer_comm) {
		strbuf_puts(&text, " (");
		escape_add(&text, d->peer_comm);
		strbuf_puts(&text, ")");
	}
	requests->stopped = gather_take(g->facts, &text, &g->failed);
}

/* A connection of the client of net/http that waits to read. */
static void add_client(struct gathering *g, peers *clients, const struct gospy_descriptor *d,
		       uint64_t wait_ns, size_t index)
{
	bool known = d->sent_ago_ns != GOSPY_UNKNOWN && d->received_ago_ns != GOSPY_UNKNOWN &&
		     d->sent != GOSPY_UNKNOWN && d->received != GOSPY_UNKNOWN;
	if (known && !is_unanswered(d))
		return;
	if (known)
		longer(&g->facts->requests.silent_ns, d->sent_ago_ns);
	if (known)
		add_fault(g, d);
	add_peer(g, clients, d->remote, wait_ns, true, index);
}

static void add_request(struct gathering *g, const struct gospy_goroutine *one, size_t index,
			uint64_t goids[LIMIT_GOIDS])
{
	struct fact_requests *requests = &g->facts->requests;
	requests->count++;
	if (!gather_stayed(g->looks, one, index) && g->looks->first)
		return;
	if (requests->stayed < LIMIT_GOIDS)
		goids[requests->stayed] = one->goid;
	if (!requests->stayed++)
		requests->at = gather_place(g->facts, one->user ? one->user : waits_place(one),
					    &g->failed);
	longer(&requests->wait_ns, known_wait(g->looks, one, index));
}

static const char *peers_text(struct gathering *g, const peers *list)
{
	CLEANUP(strbuf_deinit) struct strbuf text = {0};
	for (size_t i = 0; i < list->len && i < PEERS_SHOWN; i++) {
		strbuf_printf(&text, "%s%" PRIu64 " with ", i ? ", " : "", list->at[i].count);
		escape_add(&text, list->at[i].remote);
	}
	if (list->len > PEERS_SHOWN)
		strbuf_printf(&text, " and %zu more peers", list->len - PEERS_SHOWN);
	return gather_take(g->facts, &text, &g->failed);
}

static void add_dials(struct gathering *g, const peers *dials)
{
	for (size_t i = 0; i < dials->len && !g->failed; i++) {
		const struct peer *peer = &dials->at[i];
		CLEANUP(strbuf_deinit) struct strbuf text = {0};
		struct gospy_goroutine one;
		gospy_snapshot_goroutine(g->looks->last, peer->example, &one);
		escape_add(&text, peer->remote);
		const struct fact_dial fact = {
			.peer = gather_take(g->facts, &text, &g->failed),
			.count = peer->count,
			.stayed = peer->stayed,
			.wait_ns = peer->wait_ns,
			.at = gather_place(g->facts, waits_place(&one), &g->failed),
		};
		g->failed |= !vec_push(&g->facts->dials, fact);
	}
}

void gather_network(struct gathering *g)
{
	struct looks *looks = g->looks;
	size_t n = gospy_snapshot_goroutine_count(looks->last);
	CLEANUP(peers_free) peers clients = {0};
	CLEANUP(peers_free) peers dials = {0};
	uint64_t goids[LIMIT_GOIDS];
	const char *longest = NULL;
	g->facts->requests.wait_ns = g->facts->longest_ns = GOSPY_UNKNOWN;
	g->facts->requests.silent_ns = GOSPY_UNKNOWN;
	g->facts->requests.unacked_ns = g->facts->requests.unread_ns = GOSPY_UNKNOWN;
	for (size_t i = 0; i < n && !g->failed; i++) {
		struct gospy_goroutine one;
		gospy_snapshot_goroutine(looks->last, i, &one);
		if (one.soundness == GOSPY_SOUND_UNREADABLE || one.system ||
		    one.status != GOSPY_STATUS_WAITING)
			continue;
		if (awaits_answer(&one))
			add_request(g, &one, i, goids);
		const struct gospy_descriptor *d = one.descriptor;
		if (one.wait_kind != GOSPY_WAIT_FD || !d || !d->remote)
			continue;
		uint64_t wait_ns = known_wait(looks, &one, i);
		bool stayed = !looks->first || gather_stayed(looks, &one, i);
		g->facts->connections++;
		if (!longest ||
		    (wait_ns != GOSPY_UNKNOWN &&
		     (g->facts->longest_ns == GOSPY_UNKNOWN || wait_ns > g->facts->longest_ns)))
			longest = d->remote;
		longer(&g->facts->longest_ns, wait_ns);
		if (d->state && strcmp(d->state, "SYN_SENT") == 0)
			add_peer(g, &dials, d->remote, wait_ns, stayed, i);
		else if (is_client(&one) && stayed)
			add_client(g, &clients, d, wait_ns, i);
	}
	struct fact_requests *requests = &g->facts->requests;
	size_t shown = requests->stayed < LIMIT_GOIDS ? (size_t)requests->stayed : LIMIT_GOIDS;
	requests->goids = gather_goids(g, goids, shown);
	requests->peers = clients.len ? peers_text(g, &clients) : NULL;
	add_dials(g, &dials);
	if (longest) {
		CLEANUP(strbuf_deinit) struct strbuf text = {0};
		escape_add(&text, longest);
		g->facts->longest_peer = gather_take(g->facts, &text, &g->failed);
	}
}
