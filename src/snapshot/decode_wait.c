#include "snapshot/decode_wait.h"

#include <string.h>

#include "base/error.h"

static bool is_due(const struct capture *c, uint64_t when, uint64_t *due_ret)
{
	uint64_t now = c->instant_mono_ns;
	if (!when || now == GOSPY_UNKNOWN)
		return false;
	*due_ret = when > now ? when - now : 0;
	return true;
}

enum gospy_code decode_selects(const struct capture *c, struct arena *arena,
			       const struct gospy_select_case **ret, struct gospy_error *err)
{
	size_t n = c->select_cases.len;
	struct gospy_select_case *cases = n ? arena_calloc(arena, n, sizeof(*cases)) : NULL;
	if (n && !cases)
		return err_nomem(err);
	for (size_t i = 0; i < n; i++) {
		const struct select_rec *rec = &c->select_cases.at[i];
		struct gospy_select_case *to = &cases[i];
		to->channel = (struct gospy_channel){
			.addr = rec->addr,
			.cap = rec->known ? rec->cap : GOSPY_UNKNOWN,
			.len = rec->known ? rec->len : GOSPY_UNKNOWN,
			.elem_size = rec->known ? rec->elem_size : GOSPY_UNKNOWN,
			.closed = rec->known && rec->closed,
		};
		to->direction = (enum gospy_direction)rec->direction;
		to->due_known = is_due(c, rec->when, &to->due_ns);
	}
	*ret = cases;
	return GOSPY_OK;
}

static enum gospy_direction direction_of(const char *reason)
{
	if (reason && strncmp(reason, "chan receive", 12) == 0)
		return GOSPY_RECEIVE;
	return reason && strncmp(reason, "chan send", 9) == 0 ? GOSPY_SEND
							      : GOSPY_DIRECTION_UNKNOWN;
}

/* Some waits have nothing behind them: the reason alone tells. */
static void decode_reason(const struct capture *c, const struct g_rec *rec,
			  struct gospy_goroutine *ret)
{
	enum gospy_wait_kind kind = (enum gospy_wait_kind)c->wait_kinds[rec->waitreason];
	bool nothing = kind == GOSPY_WAIT_NIL_CHANNEL ||
		       (kind == GOSPY_WAIT_SELECT && !rec->waiting); // select {}
	if (!nothing)
		return;
	ret->wait_kind = kind;
	ret->direction = direction_of(ret->wait_reason);
}

void decode_wait(const struct capture *c, const struct gospy_select_case *cases,
		 const struct g_rec *rec, struct gospy_goroutine *ret)
{
	if (!grec_waits(rec))
		return;
	if (!rec->chan || rec->chan > c->chans.len) {
		decode_reason(c, rec, ret);
		return;
	}
	const struct chan_rec *chan = &c->chans.at[rec->chan - 1];
	if (!chan->wait)
		return; // nobody has asked
	ret->wait_kind = (enum gospy_wait_kind)chan->wait;
	ret->wait_addr = chan->addr;
	ret->due_known = is_due(c, chan->when, &ret->due_ns);
	switch (ret->wait_kind) {
	case GOSPY_WAIT_CHANNEL:
		ret->direction = direction_of(ret->wait_reason);
		break;
	case GOSPY_WAIT_SELECT:
		ret->wait_addr = 0;
		ret->select_cases = chan->of.select.count ? cases + chan->of.select.first : NULL;
		ret->select_case_count = chan->of.select.count;
		ret->cases_cut = chan->of.select.cut;
		break;
	case GOSPY_WAIT_FD:
		ret->wait_fd = chan->of.poll.fd;
		ret->direction = (enum gospy_direction)chan->of.poll.direction;
		break;
	case GOSPY_WAIT_SEMAPHORE:
	case GOSPY_WAIT_MUTEX:
	case GOSPY_WAIT_INTERNAL_MUTEX:
	case GOSPY_WAIT_RWMUTEX:
	case GOSPY_WAIT_WAITGROUP:
	case GOSPY_WAIT_COND:
	case GOSPY_WAIT_FD_MUTEX:
		ret->wait_addr = chan->of.object;
		break;
	case GOSPY_WAIT_NONE:
	case GOSPY_WAIT_NIL_CHANNEL:
	case GOSPY_WAIT_SLEEP:
	case GOSPY_WAIT_SYSCALL:
		break;
	}
}

const struct gospy_descriptor *decode_descriptor(const struct gospy_descriptor *descriptors,
						 size_t n, int fd)
{
	size_t lo = 0, hi = n;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (descriptors[mid].fd < fd)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < n && descriptors[lo].fd == fd ? &descriptors[lo] : NULL;
}
