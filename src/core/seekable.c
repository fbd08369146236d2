#include "core/seekable.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/cleanup.h"
#include "core/frame_zstd.h"
#include "core/read_at.h"
#include "core/seek_table.h"

enum {
	IDLE_MAX = 8, /* unpackers that are kept for whoever needs one next */
	USERS_BITS = 16,
};

/* What is known of a frame. Other values: it is in the slot of that number less FRAME_IN_SLOT. */
enum {
	FRAME_ABSENT,
	FRAME_COMES, /* a thread unpacks it */
	FRAME_DAMAGED,
	FRAME_IN_SLOT,
};
_Static_assert(FRAME_IN_SLOT + SEEKABLE_SLOTS <= UINT8_MAX, "a byte says it");

struct state {
	_Atomic uint8_t is;
};

/* Room for a frame. Who reads from it counts as its user, and nobody takes it from a user. So it is
 * found and held without the lock: .holds says in one word whose it is and how many use it. */
struct slot {
	_Atomic uint64_t holds; /* 0, or (frame + 1) << USERS_BITS | users */
	atomic_bool recent;     /* somebody has read from it since it was last looked at */
	bool taken;             /* a thread unpacks into it */
	uint8_t *bytes;
	size_t cap;
};

struct unpacker {
	struct unpacker *next;
	struct frame_unpacker *frame;
	uint8_t *packed;
	size_t cap;
};

struct seekable {
	int fd;
	struct seek_table table;
	struct state *states; /* of each frame */
	struct slot slots[SEEKABLE_SLOTS];
	pthread_mutex_t lock; /* of all that follows, and of who gets which slot */
	pthread_cond_t came;  /* a frame does not come any more: it is there, or cannot be had */
	size_t bytes;         /* of all slots */
	unsigned hand;        /* the slot that is looked at next */
	struct unpacker *idle;
	unsigned idle_count;
};

/* The bytes of a frame, in a slot or, where all slots are in use, in memory of their own. */
struct lease {
	struct slot *slot;
	uint8_t *bytes;
};

/* ---- slots */

/* Become a user of the slot that the frame is in; NULL: it is in none. */
static struct slot *slot_use(struct seekable *s, size_t frame)
{
	uint8_t state = atomic_load_explicit(&s->states[frame].is, memory_order_acquire);
	if (state < FRAME_IN_SLOT)
		return NULL;
	struct slot *slot = &s->slots[state - FRAME_IN_SLOT];
	uint64_t holds = atomic_load_explicit(&slot->holds, memory_order_relaxed);
	do {
		if (holds >> USERS_BITS != frame + 1)
			return NULL;
	} while (!atomic_compare_exchange_weak_explicit(
		&slot->holds, &holds, holds + 1, memory_order_acquire, memory_order_relaxed));
	if (!atomic_load_explicit(&slot->recent, memory_order_relaxed))
		atomic_store_explicit(&slot->recent, true, memory_order_relaxed);
	return slot;
}

/* Take the slot, unless somebody uses it or has done so recently. */
static bool slot_take(struct seekable *s, struct slot *slot)
{
	uint64_t holds = atomic_load_explicit(&slot->holds, memory_order_relaxed);
	if (slot->taken || atomic_exchange_explicit(&slot->recent, false, memory_order_relaxed) ||
	    holds & ((1 << USERS_BITS) - 1) ||
	    !atomic_compare_exchange_strong_explicit(&slot->holds, &holds, 0, memory_order_acquire,
						     memory_order_relaxed))
		return false;
	if (holds)
		atomic_store_explicit(&s->states[(holds >> USERS_BITS) - 1].is, FRAME_ABSENT,
				      memory_order_relaxed);
	slot->taken = true;
	return true;
}

/* The next slot that can be had, of those with at least `cap` bytes; NULL: all are in use. */
static struct slot *slot_next(struct seekable *s, size_t cap)
{
	for (unsigned i = 0; i < 2 * SEEKABLE_SLOTS; i++) {
		struct slot *slot = &s->slots[s->hand++ % SEEKABLE_SLOTS];
		if (slot->cap >= cap && slot_take(s, slot))
			return slot;
	}
	return NULL;
}

static void slot_empty(struct seekable *s, struct slot *slot)
{
	s->bytes -= slot->cap;
	free(slot->bytes);
	slot->bytes = NULL;
	slot->cap = 0;
}

/* Give a slot that was taken room for `len` bytes, and take it from others if there is not so much.
 */
static bool slot_grow(struct seekable *s, struct slot *slot, size_t len)
{
	if (slot->cap >= len)
		return true;
	slot_empty(s, slot);
	while (len > SEEKABLE_BYTES - s->bytes) {
		struct slot *other = slot_next(s, 1);
		if (!other)
			return false;
		slot_empty(s, other);
		other->taken = false;
	}
	slot->bytes = malloc(len);
	if (!slot->bytes)
		return false;
	slot->cap = len;
	s->bytes += len;
	return true;
}

/* The slot of a frame that whoever reads from the beginning to the end has left behind, so that a
 * few slots are enough, which stay in the processor's cache. NULL: it is not read in this way. */
static struct slot *slot_behind(struct seekable *s, size_t frame)
{
	enum { BEHIND = 6 }; // more than threads read side by side
	for (size_t i = 1; i <= BEHIND; i++) {
		if (frame < i || atomic_load(&s->states[frame - i].is) < FRAME_IN_SLOT)
			return NULL;
	}
	const uint8_t state = atomic_load(&s->states[frame - BEHIND].is);
	struct slot *slot = &s->slots[state - FRAME_IN_SLOT];
	atomic_store_explicit(&slot->recent, false, memory_order_relaxed);
	return slot_take(s, slot) ? slot : NULL;
}

static struct slot *slot_get(struct seekable *s, size_t frame, size_t len)
{
	struct slot *slot = slot_behind(s, frame);
	slot = slot ? slot : slot_next(s, 0);
	if (!slot || slot_grow(s, slot, len))
		return slot;
	slot->taken = false;
	return NULL;
}

/* ---- unpacking */

static void unpacker_destroy(struct unpacker *u)
{
	if (u)
		frame_unpacker_destroy(u->frame);
	free(u ? u->packed : NULL);
	free(u);
}

static struct unpacker *unpacker_get(struct seekable *s)
{
	pthread_mutex_lock(&s->lock);
	struct unpacker *u = s->idle;
	if (u) {
		s->idle = u->next;
		s->idle_count--;
	}
	pthread_mutex_unlock(&s->lock);
	if (u)
		return u;
	u = calloc(1, sizeof(*u));
	if (u)
		u->frame = frame_unpacker_create();
	if (u && u->frame)
		return u;
	unpacker_destroy(u);
	return NULL;
}

static void unpacker_put(struct seekable *s, struct unpacker *u)
{
	pthread_mutex_lock(&s->lock);
	bool keeps = s->idle_count < IDLE_MAX;
	if (keeps) {
		u->next = s->idle;
		s->idle = u;
		s->idle_count++;
	}
	pthread_mutex_unlock(&s->lock);
	if (!keeps)
		unpacker_destroy(u);
}

static enum gospy_code unpack_with(struct seekable *s, struct unpacker *u,
				   const struct seek_frame *frame, uint8_t *dst,
				   struct gospy_error *err)
{
	size_t done;
	if (u->cap < frame->packed_len) {
		free(u->packed);
		u->packed = malloc(frame->packed_len);
		u->cap = u->packed ? frame->packed_len : 0;
	}
	if (!u->packed && frame->packed_len)
		return err_nomem(err);
	enum gospy_code code =
		read_at(s->fd, frame->packed_at, u->packed, frame->packed_len, &done, err);
	if (code)
		return code;
	if (s->table.has_checks && seek_check(u->packed, done) != frame->check)
		return err_set(err, GOSPY_E_BAD_DATA, "its checksum differs");
	return frame_unpack(u->frame, u->packed, done, dst, frame->len, err);
}

static enum gospy_code unpack_frame(struct seekable *s, size_t at, uint8_t *dst,
				    struct gospy_error *err)
{
	struct unpacker *u = unpacker_get(s);
	if (!u)
		return err_nomem(err);
	enum gospy_code code = unpack_with(s, u, &s->table.frames.at[at], dst, err);
	unpacker_put(s, u);
	return code ? err_context(err, code, "frame %zu of %zu", at + 1, s->table.frames.len)
		    : code;
}

/* ---- leases */

static void lease_end(struct lease *lease)
{
	if (lease->slot)
		atomic_fetch_sub_explicit(&lease->slot->holds, 1, memory_order_release);
	else
		free(lease->bytes);
}

static void set_state(struct seekable *s, size_t frame, uint8_t state)
{
	atomic_store_explicit(&s->states[frame].is, state, memory_order_release);
	pthread_cond_broadcast(&s->came);
}

/* The frame has been unpacked into the slot, or not: with the lock. The caller is its first user.
 */
static void slot_fill(struct slot *slot, size_t frame, bool good)
{
	slot->taken = false;
	if (!good)
		return;
	atomic_store_explicit(&slot->recent, true, memory_order_relaxed);
	atomic_store_explicit(&slot->holds, (uint64_t)(frame + 1) << USERS_BITS | 1,
			      memory_order_release);
}

/* With the lock, which it lets go of meanwhile: unpack a frame that nobody else unpacks. */
static enum gospy_code lease_load(struct seekable *s, size_t frame, struct lease *ret,
				  struct gospy_error *err)
{
	const size_t len = s->table.frames.at[frame].len;
	struct slot *slot = slot_get(s, frame, len);
	uint8_t *bytes = slot ? slot->bytes : malloc(len);
	if (!bytes)
		return err_nomem(err);
	set_state(s, frame, FRAME_COMES);
	pthread_mutex_unlock(&s->lock);
	enum gospy_code code = unpack_frame(s, frame, bytes, err);
	pthread_mutex_lock(&s->lock);
	if (slot)
		slot_fill(slot, frame, !code);
	uint8_t state = code == GOSPY_E_BAD_DATA ? FRAME_DAMAGED : FRAME_ABSENT;
	if (slot && !code)
		state = (uint8_t)(FRAME_IN_SLOT + (slot - s->slots));
	set_state(s, frame, state);
	if (code && !slot)
		free(bytes);
	if (!code)
		*ret = (struct lease){slot, bytes};
	return code;
}

/* With the lock. */
static enum gospy_code lease_wait(struct seekable *s, size_t frame, struct lease *ret,
				  struct gospy_error *err)
{
	while (atomic_load(&s->states[frame].is) == FRAME_COMES)
		pthread_cond_wait(&s->came, &s->lock);
	if (atomic_load(&s->states[frame].is) == FRAME_DAMAGED)
		return err_set(err, GOSPY_E_BAD_DATA, "frame %zu of %zu is damaged", frame + 1,
			       s->table.frames.len);
	struct slot *slot = slot_use(s, frame);
	if (!slot)
		return lease_load(s, frame, ret, err);
	*ret = (struct lease){slot, slot->bytes};
	return GOSPY_OK;
}

static enum gospy_code lease_begin(struct seekable *s, size_t frame, struct lease *ret,
				   struct gospy_error *err)
{
	struct slot *slot = slot_use(s, frame);
	if (slot) {
		*ret = (struct lease){slot, slot->bytes};
		return GOSPY_OK;
	}
	pthread_mutex_lock(&s->lock);
	enum gospy_code code = lease_wait(s, frame, ret, err);
	pthread_mutex_unlock(&s->lock);
	return code;
}

/* ---- reading */

uint64_t seekable_size(const struct seekable *s)
{
	return s->table.size;
}

enum gospy_code seekable_read(struct seekable *s, uint64_t off, void *dst, size_t len,
			      size_t *done_ret, struct gospy_error *err)
{
	*done_ret = 0;
	while (*done_ret < len && off < s->table.size) {
		struct lease lease = {0};
		size_t at = seek_table_find(&s->table, off);
		enum gospy_code code = lease_begin(s, at, &lease, err);
		if (code)
			return code;
		const struct seek_frame *frame = &s->table.frames.at[at];
		size_t from = (size_t)(off - frame->at), n = frame->len - from;
		if (n > len - *done_ret)
			n = len - *done_ret;
		memcpy((char *)dst + *done_ret, lease.bytes + from, n);
		lease_end(&lease);
		*done_ret += n;
		off += n;
	}
	return GOSPY_OK;
}

/* ---- opening */

enum gospy_code seekable_open(int fd, uint64_t file_size, struct seekable **ret,
			      struct gospy_error *err)
{
	bool found = false;
	CLEANUP(seek_table_deinit) struct seek_table table = {0};
	*ret = NULL;
	enum gospy_code code = GOSPY_OK;
	if (frame_available())
		code = seek_table_read(fd, file_size, &table, &found, err);
	if (code || !found)
		return code;
	struct seekable *s = calloc(1, sizeof(*s));
	struct state *states = calloc(table.frames.len + 1, sizeof(*states));
	if (!s || !states) {
		free(s);
		free(states);
		return err_nomem(err);
	}
	s->fd = fd;
	s->table = table;
	table = (struct seek_table){0};
	s->states = states;
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->came, NULL);
	*ret = s;
	return GOSPY_OK;
}

void seekable_destroy(struct seekable *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < SEEKABLE_SLOTS; i++)
		free(s->slots[i].bytes);
	while (s->idle) {
		struct unpacker *next = s->idle->next;
		unpacker_destroy(s->idle);
		s->idle = next;
	}
	pthread_cond_destroy(&s->came);
	pthread_mutex_destroy(&s->lock);
	seek_table_deinit(&s->table);
	free(s->states);
	free(s);
}
