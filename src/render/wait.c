#include "render/wait.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "render/state.h"
#include "render/units.h"

enum {
	CASES_SHOWN = 8,
	/* Things of one group that are told apart: a million goroutines may wait for as many. */
	COUNTS_MAX = 4096,
};

const char *wait_kind_name(enum gospy_wait_kind kind)
{
	switch (kind) {
	case GOSPY_WAIT_NONE:
		return NULL;
	case GOSPY_WAIT_CHANNEL:
		return "channel";
	case GOSPY_WAIT_NIL_CHANNEL:
		return "nil channel";
	case GOSPY_WAIT_SELECT:
		return "select";
	case GOSPY_WAIT_SEMAPHORE:
		return "semaphore";
	case GOSPY_WAIT_MUTEX:
		return "sync.Mutex";
	case GOSPY_WAIT_INTERNAL_MUTEX:
		return "internal/sync.Mutex";
	case GOSPY_WAIT_RWMUTEX:
		return "sync.RWMutex";
	case GOSPY_WAIT_WAITGROUP:
		return "sync.WaitGroup";
	case GOSPY_WAIT_COND:
		return "sync.Cond";
	case GOSPY_WAIT_FD_MUTEX:
		return "internal/poll.fdMutex";
	case GOSPY_WAIT_FD:
		return "fd";
	case GOSPY_WAIT_SLEEP:
		return "sleep";
	case GOSPY_WAIT_SYSCALL:
		return "system call";
	}
	return NULL; // of a newer library
}

static const char *direction_name(enum gospy_wait_kind kind, enum gospy_direction direction)
{
	if (direction == GOSPY_DIRECTION_UNKNOWN)
		return NULL;
	if (kind == GOSPY_WAIT_FD)
		return direction == GOSPY_RECEIVE ? "read" : "write";
	return direction == GOSPY_RECEIVE ? "receive" : "send";
}

static void add_cases(const struct gospy_goroutine *g, struct strbuf *text)
{
	size_t n = g->select_case_count < CASES_SHOWN ? g->select_case_count : CASES_SHOWN;
	for (size_t i = 0; i < n; i++) {
		const struct gospy_select_case *c = &g->select_cases[i];
		const char *direction = direction_name(g->wait_kind, c->direction);
		strbuf_printf(text, "%s0x%" PRIx64, i ? ", " : "", c->channel.addr);
		if (direction)
			strbuf_printf(text, " (%s)", direction);
	}
	if (n < g->select_case_count || g->cases_cut)
		strbuf_puts(text, ", ...");
}

static void add_channel(const struct gospy_channel *channel, struct strbuf *text)
{
	strbuf_printf(text, "0x%" PRIx64, channel->addr);
	if (channel->cap == GOSPY_UNKNOWN)
		return;
	strbuf_printf(text, ", cap %" PRIu64 " len %" PRIu64 "%s", channel->cap, channel->len,
		      channel->closed ? ", closed" : "");
}

void wait_channel(const struct gospy_channel *channel, struct strbuf *text)
{
	strbuf_puts(text, "channel ");
	add_channel(channel, text);
}

void wait_case(const struct gospy_select_case *c, struct strbuf *text)
{
	const char *direction = direction_name(GOSPY_WAIT_SELECT, c->direction);
	add_channel(&c->channel, text);
	if (direction)
		strbuf_printf(text, " (%s)", direction);
	if (c->due_known)
		strbuf_printf(text, ", timer in %s", units_age(c->due_ns).s);
}

/* " 10.0.0.1:80 from 10.0.0.2:4711, pid 4711 curl" */
static void add_descriptor(const struct gospy_descriptor *d, struct strbuf *text)
{
	if (!d)
		return;
	if (d->type && !d->local)
		strbuf_printf(text, " %s", d->type);
	if (d->local)
		strbuf_printf(text, " %s %s", d->type ? d->type : "socket", d->local);
	if (d->remote)
		strbuf_printf(text, " with %s", d->remote);
	if (d->state && strcmp(d->state, "ESTABLISHED") != 0)
		strbuf_printf(text, " %s", d->state);
	if (d->peer_pid)
		strbuf_printf(text, " of pid %d%s%s", (int)d->peer_pid, d->peer_comm ? " " : "",
			      d->peer_comm ? d->peer_comm : "");
	bool queues = d->remote && d->receive_queue != GOSPY_UNKNOWN;
	if (queues && d->receive_queue)
		strbuf_printf(text, ", %" PRIu64 " bytes unread", d->receive_queue);
	if (queues && d->send_queue)
		strbuf_printf(text, ", %" PRIu64 " bytes unsent", d->send_queue);
}

/* "system call read of fd 7 /var/log/a.log" */
static void add_syscall(const struct gospy_syscall *syscall, struct strbuf *text)
{
	if (syscall->name)
		strbuf_printf(text, "system call %s", syscall->name);
	else
		strbuf_printf(text, "system call %" PRId64, syscall->number);
	if (syscall->fd < 0)
		return;
	strbuf_printf(text, " of fd %d", syscall->fd);
	add_descriptor(syscall->descriptor, text);
}

/* In pipes and JSON. */
static const char no_cases[] = "select without cases";

void wait_name(const struct gospy_goroutine *g, struct strbuf *text)
{
	const char *kind = wait_kind_name(g->wait_kind);
	if (!kind)
		return;
	switch (g->wait_kind) {
	case GOSPY_WAIT_SELECT:
		strbuf_puts(text, g->select_case_count ? "select of " : no_cases);
		add_cases(g, text);
		break;
	case GOSPY_WAIT_FD:
		strbuf_printf(text, "fd %d", g->wait_fd);
		add_descriptor(g->descriptor, text);
		break;
	case GOSPY_WAIT_SYSCALL:
		add_syscall(g->syscall, text);
		break;
	case GOSPY_WAIT_NIL_CHANNEL:
	case GOSPY_WAIT_SLEEP:
	case GOSPY_WAIT_NONE:
		strbuf_puts(text, kind);
		break;
	case GOSPY_WAIT_CHANNEL:
	case GOSPY_WAIT_SEMAPHORE:
	case GOSPY_WAIT_MUTEX:
	case GOSPY_WAIT_INTERNAL_MUTEX:
	case GOSPY_WAIT_RWMUTEX:
	case GOSPY_WAIT_WAITGROUP:
	case GOSPY_WAIT_COND:
	case GOSPY_WAIT_FD_MUTEX:
		strbuf_printf(text, "%s 0x%" PRIx64, kind, g->wait_addr);
		break;
	}
}

const char *wait_on_terminal(const char *name)
{
	return strcmp(name, no_cases) == 0 ? STATE_NO_CASES : name;
}

/* The earliest timer among the cases. */
static bool earliest_case(const struct gospy_goroutine *g, uint64_t *due_ret)
{
	bool found = false;
	for (size_t i = 0; i < g->select_case_count; i++) {
		const struct gospy_select_case *c = &g->select_cases[i];
		if (!c->due_known || (found && c->due_ns >= *due_ret))
			continue;
		*due_ret = c->due_ns;
		found = true;
	}
	return found;
}

static void add_due(const struct gospy_goroutine *g, struct strbuf *text)
{
	uint64_t due_ns = g->due_ns;
	if (g->wait_kind == GOSPY_WAIT_SELECT ? !earliest_case(g, &due_ns) : !g->due_known)
		return;
	strbuf_puts(text, ", ");
	if (g->wait_kind == GOSPY_WAIT_FD)
		strbuf_puts(text, "deadline in ");
	else if (g->wait_kind != GOSPY_WAIT_SLEEP)
		strbuf_puts(text, "timer in ");
	strbuf_puts(text, units_age(due_ns).s);
	if (g->wait_kind == GOSPY_WAIT_SLEEP)
		strbuf_puts(text, " to go");
}

void wait_detail(const struct gospy_goroutine *g, struct strbuf *text)
{
	switch (g->wait_kind) {
	case GOSPY_WAIT_SEMAPHORE:
	case GOSPY_WAIT_MUTEX:
	case GOSPY_WAIT_INTERNAL_MUTEX:
	case GOSPY_WAIT_RWMUTEX:
	case GOSPY_WAIT_WAITGROUP:
	case GOSPY_WAIT_COND:
	case GOSPY_WAIT_FD_MUTEX:
	case GOSPY_WAIT_FD:
	case GOSPY_WAIT_SYSCALL:
		strbuf_puts(text, " on ");
		wait_name(g, text);
		break;
	case GOSPY_WAIT_SELECT:
		if (!g->select_case_count)
			break; // the reason says so
		strbuf_puts(text, " of ");
		add_cases(g, text);
		break;
	case GOSPY_WAIT_NONE:
	case GOSPY_WAIT_CHANNEL:
	case GOSPY_WAIT_NIL_CHANNEL:
	case GOSPY_WAIT_SLEEP:
		break;
	}
	add_due(g, text);
}

static void channel_members(struct json *json, const struct gospy_channel *channel)
{
	json_addr(json, "addr", channel->addr);
	if (channel->cap == GOSPY_UNKNOWN)
		return;
	json_u64(json, "cap", channel->cap);
	json_u64(json, "len", channel->len);
	json_u64(json, "elem_size", channel->elem_size);
	json_bool(json, "closed", channel->closed);
}

static void cases_json(struct json *json, const struct gospy_goroutine *g)
{
	json_array(json, "channels");
	for (size_t i = 0; i < g->select_case_count; i++) {
		const struct gospy_select_case *c = &g->select_cases[i];
		json_object(json, NULL);
		channel_members(json, &c->channel);
		json_str(json, "direction", direction_name(g->wait_kind, c->direction));
		if (c->due_known)
			json_u64(json, "due_ns", c->due_ns);
		json_object_end(json);
	}
	json_array_end(json);
	if (g->cases_cut)
		json_bool(json, "channels_cut", true);
}

static void descriptor_json(struct json *json, int fd, const struct gospy_descriptor *d)
{
	json_u64(json, "fd", (uint64_t)fd);
	if (!d)
		return;
	json_str(json, "type", d->type);
	json_str(json, "local", d->local);
	json_str(json, "remote", d->remote);
	json_str(json, "state", d->state);
	if (d->peer_pid)
		json_u64(json, "peer_pid", (uint64_t)d->peer_pid);
	json_str(json, "peer_comm", d->peer_comm);
	json_u64(json, "receive_queue", d->receive_queue);
	json_u64(json, "send_queue", d->send_queue);
}

static void syscall_json(struct json *json, const struct gospy_syscall *syscall)
{
	json_str(json, "syscall", syscall->name);
	json_i64(json, "number", syscall->number);
	if (syscall->fd >= 0)
		descriptor_json(json, syscall->fd, syscall->descriptor);
}

void wait_json(struct json *json, const struct gospy_goroutine *g)
{
	const char *kind = wait_kind_name(g->wait_kind);
	if (!kind)
		return;
	json_object(json, "waits_for");
	json_str(json, "kind", kind);
	if (g->wait_addr)
		json_addr(json, "addr", g->wait_addr);
	json_str(json, "direction", direction_name(g->wait_kind, g->direction));
	if (g->wait_kind == GOSPY_WAIT_SELECT)
		cases_json(json, g);
	if (g->wait_kind == GOSPY_WAIT_FD)
		descriptor_json(json, g->wait_fd, g->descriptor);
	if (g->wait_kind == GOSPY_WAIT_SYSCALL)
		syscall_json(json, g->syscall);
	if (g->due_known)
		json_u64(json, "due_ns", g->due_ns);
	json_object_end(json);
}

uint64_t wait_id(const struct gospy_goroutine *g)
{
	if (g->wait_kind == GOSPY_WAIT_SLEEP)
		return 0;
	if (g->wait_kind == GOSPY_WAIT_SYSCALL)
		return hash_mix((uint64_t)g->syscall->number, (uint64_t)(int64_t)g->syscall->fd);
	if (g->wait_kind != GOSPY_WAIT_SELECT)
		return g->wait_addr;
	uint64_t hash = g->select_case_count;
	for (size_t i = 0; i < g->select_case_count; i++)
		hash = hash_mix(hash, g->select_cases[i].channel.addr);
	return hash;
}

void wait_tally_deinit(struct wait_tally *tally)
{
	vec_free(&tally->counts);
	map_deinit(&tally->by_id);
}

bool wait_tally_add(struct wait_tally *tally, const struct gospy_goroutine *g, size_t index)
{
	if (g->wait_kind == GOSPY_WAIT_NONE)
		return true;
	const uint64_t id = wait_id(g);
	const uint64_t key = hash_mix((uint64_t)g->wait_kind, id);
	uint64_t *slot = map_get(&tally->by_id, key);
	if (!slot && tally->counts.len == COUNTS_MAX) {
		tally->others++;
		return true;
	}
	if (!slot) {
		struct wait_count count = {.kind = g->wait_kind, .id = id, .example = index};
		slot = map_put(&tally->by_id, key);
		if (!slot || !vec_push(&tally->counts, count))
			return false;
		*slot = tally->counts.len;
	}
	tally->counts.at[*slot - 1].goroutines++;
	return true;
}

static int compare_counts(const void *a, const void *b)
{
	const struct wait_count *x = a, *y = b;
	if (x->goroutines != y->goroutines)
		return x->goroutines < y->goroutines ? 1 : -1;
	return (x->example > y->example) - (x->example < y->example);
}

void wait_tally_sort(struct wait_tally *tally)
{
	if (tally->counts.len)
		qsort(tally->counts.at, tally->counts.len, sizeof(*tally->counts.at),
		      compare_counts);
	map_deinit(&tally->by_id);
}
