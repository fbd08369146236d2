#include "api/sockets.h"

#include <stdlib.h>

#include "api/syscalls.h"
#include "base/cleanup.h"
#include "base/map.h"
#include "capture/collect_poll.h"
#include "machine/descriptors.h"
#include "snapshot/decode_wait.h"

/* The descriptor of wait `i`, if it is what a goroutine waits for; else NULL. */
static const struct chan_rec *waited(const struct capture *c, size_t i)
{
	const struct chan_rec *chan = &c->chans.at[i];
	bool is = chan->known && chan->wait == GOSPY_WAIT_FD && c->recs[chan->g].chan == i + 1;
	return is ? chan : NULL;
}

/* ---- of a process */

/* A descriptor was looked up by its number, later than what waits for it was read: the number may
 * have been given to another file by then. It had not, if the pollDesc says so afterwards. */
static enum gospy_code check_descriptors(struct mem *mem, struct gospy_snapshot *snapshot,
					 struct gospy_error *err)
{
	enum { BATCH = 64 };
	struct capture *c = &snapshot->capture;
	CLEANUP_FREE uint8_t *bytes = malloc((size_t)BATCH * POLL_BYTES);
	struct mem_req reqs[BATCH];
	struct chan_rec *chans[BATCH];
	size_t n = 0;
	if (!bytes)
		return err_nomem(err);
	for (size_t i = 0; i <= c->chans.len; i++) {
		struct chan_rec *chan = i < c->chans.len ? &c->chans.at[i] : NULL;
		if (chan && waited(c, i) &&
		    decode_descriptor(snapshot->descriptors, snapshot->descriptor_count,
				      chan->of.poll.fd)) {
			reqs[n] = (struct mem_req){.addr = chan->addr,
						   .dst = bytes + n * POLL_BYTES,
						   .len = POLL_BYTES};
			chans[n++] = chan;
		}
		if (n < BATCH && chan)
			continue;
		// If the target has ended, the snapshot holds without the descriptors.
		struct gospy_error ended;
		enum gospy_code code = n ? mem_readv(mem, reqs, n, &ended) : GOSPY_OK;
		for (size_t k = 0; k < n && (!code || code == GOSPY_E_FAULT); k++)
			chans[k]->of.poll.same = reqs[k].done == POLL_BYTES &&
						 collect_poll_is_same(chans[k], reqs[k].dst);
		n = 0;
	}
	return GOSPY_OK;
}

enum gospy_code sockets_find(pid_t pid, struct mem *mem, struct gospy_snapshot *snapshot,
			     struct gospy_error *err)
{
	const struct capture *c = &snapshot->capture;
	descriptor_numbers fds = {0};
	bool ok = true;
	for (size_t i = 0; i < c->chans.len && ok; i++) {
		const struct chan_rec *chan = waited(c, i);
		if (chan)
			ok = vec_push(&fds, chan->of.poll.fd);
	}
	for (size_t i = 0; i < snapshot->syscall_count && ok; i++) {
		if (snapshot->syscalls[i].is.fd >= 0)
			ok = vec_push(&fds, snapshot->syscalls[i].is.fd);
	}
	enum gospy_code code =
		ok ? descriptors_find(pid, &fds, &snapshot->arena, &snapshot->descriptors,
				      &snapshot->descriptor_count, err)
		   : err_nomem(err);
	vec_free(&fds);
	if (!code)
		syscalls_name_descriptors(pid, snapshot);
	return code ? code : check_descriptors(mem, snapshot, err);
}

/* ---- bundles */

static bool copy_text(struct arena *arena, const char **text)
{
	const char *copy = *text ? arena_strdup(arena, *text) : NULL;
	bool ok = copy || !*text;
	*text = copy;
	return ok;
}

static bool copy_texts(struct arena *arena, struct gospy_descriptor *d)
{
	return copy_text(arena, &d->type) && copy_text(arena, &d->local) &&
	       copy_text(arena, &d->remote) && copy_text(arena, &d->state) &&
	       copy_text(arena, &d->peer_comm);
}

enum gospy_code sockets_keep(const struct gospy_snapshot *snapshot, struct arena *arena,
			     const struct source_descriptor **ret, size_t *n_ret,
			     struct gospy_error *err)
{
	const struct capture *c = &snapshot->capture;
	CLEANUP(map_deinit) struct map seen = {0};
	struct source_descriptor *list = arena_calloc(arena, c->chans.len + 1, sizeof(*list));
	size_t n = 0;
	if (!list)
		return err_nomem(err);
	for (size_t i = 0; i < c->chans.len; i++) {
		const struct chan_rec *chan = waited(c, i);
		const struct gospy_descriptor *d =
			chan && chan->of.poll.same
				? decode_descriptor(snapshot->descriptors,
						    snapshot->descriptor_count, chan->of.poll.fd)
				: NULL;
		// One may read and another one write.
		uint64_t *known = d ? map_put(&seen, chan->addr) : NULL;
		if (d && !known)
			return err_nomem(err);
		if (!d || *known)
			continue;
		*known = 1;
		list[n] = (struct source_descriptor){chan->addr, *d};
		if (!copy_texts(arena, &list[n++].is))
			return err_nomem(err);
	}
	*ret = list;
	*n_ret = n;
	return GOSPY_OK;
}

static int compare_fd(const void *a, const void *b)
{
	const struct gospy_descriptor *x = a, *y = b;
	return (x->fd > y->fd) - (x->fd < y->fd);
}

enum gospy_code sockets_take(const struct source_taken *taken, struct gospy_snapshot *snapshot,
			     struct gospy_error *err)
{
	struct capture *c = &snapshot->capture;
	CLEANUP(map_deinit) struct map polls = {0};
	struct gospy_descriptor *list =
		arena_calloc(&snapshot->arena, taken->descriptor_count + 1, sizeof(*list));
	if (!list)
		return err_nomem(err);
	for (size_t i = 0; i < taken->descriptor_count; i++) {
		uint64_t *fd = map_put(&polls, taken->descriptors[i].poll);
		list[i] = taken->descriptors[i].is;
		if (!fd || !copy_texts(&snapshot->arena, &list[i]))
			return err_nomem(err);
		*fd = (uint64_t)list[i].fd;
	}
	if (taken->descriptor_count)
		qsort(list, taken->descriptor_count, sizeof(*list), compare_fd);
	for (size_t i = 0; i < c->chans.len; i++) {
		const uint64_t *fd = waited(c, i) ? map_get(&polls, c->chans.at[i].addr) : NULL;
		if (fd)
			c->chans.at[i].of.poll.same = *fd == (uint64_t)c->chans.at[i].of.poll.fd;
	}
	snapshot->descriptors = list;
	snapshot->descriptor_count = taken->descriptor_count;
	return GOSPY_OK;
}
