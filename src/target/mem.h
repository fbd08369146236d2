/*
 * Reading a target's memory, whatever it is: a live process, later a core file or a bundle, or
 * bytes of a test. There is one batched primitive; the rest are conveniences on top of it.
 *
 * A reader may be used by several threads at once.
 */
#ifndef GOSPY_TARGET_MEM_H
#define GOSPY_TARGET_MEM_H

#include <stdbool.h>

#include "base/error.h"
#include "base/span.h"

/* What is read, for a reader that records it. */
enum mem_kind {
	MEM_DATA,  /* what the runtime keeps */
	MEM_STACK, /* a part of a stack, which may hold anything */
	/* Records with gaps between them, in which others may keep things: mem_seen() tells which
	 * bytes of it were wanted. */
	MEM_RUN,
	/* Whoever reads it keeps it, and does not read it again: it is recorded at all times. */
	MEM_ONCE,
	/* What was read before, and is only looked at again: it is not recorded. */
	MEM_AGAIN,
};

struct mem_req {
	uint64_t addr;
	void *dst;
	size_t len;
	size_t done; /* out: bytes read from the start of this request */
	enum mem_kind kind;
};

struct mem;

struct mem_range {
	uint64_t addr, len;
};

/* Parts of stacks that are read when what was put off is: see mem_record_now(). */
struct mem_pieces {
	size_t count;
	/* By address. */
	struct mem_range (*at)(const void *ctx, size_t i);
	/* What was read of a piece, if it was read as a whole. Several workers may call it at once.
	 */
	void (*visit)(void *ctx, unsigned worker, size_t i, const uint8_t *bytes);
	/* Of what was put off, too: so many records of .record_len bytes, by address, which whoever
	 * opens what is recorded reads all, and not what lies between them. */
	size_t record_count, record_len;
	uint64_t (*record_at)(const void *ctx, size_t i);
	void *ctx;
};

struct mem_ops {
	/** Fill each request as far as it can be read and set its `done`. A request that fails does
	 * not keep the later ones from being read. GOSPY_OK even if some are incomplete; an error
	 * only when nothing more can be read at all (GOSPY_E_GONE, _PERM, _OS). */
	enum gospy_code (*readv)(struct mem *mem, struct mem_req *reqs, size_t n,
				 struct gospy_error *err);
	/** Bytes of a MEM_RUN that were wanted. NULL: nobody records. Several threads may call it
	 * at once. */
	void (*seen)(struct mem *mem, uint64_t addr, const void *bytes, size_t len,
		     enum mem_kind kind);
	/** Record from now on, or not; NULL likewise. */
	void (*record)(struct mem *mem, bool on);
	/** See mem_keep() and mem_fix(); NULL likewise. */
	void (*keep)(struct mem *mem, bool on);
	void (*fix)(struct mem *mem, const struct mem_range *ranges, size_t n);
	/** See mem_record_later(), mem_want() and mem_record_now(); NULL likewise. */
	bool (*later)(struct mem *mem, bool on);
	void (*want)(struct mem *mem, uint64_t addr, size_t len, enum mem_kind kind);
	enum gospy_code (*now)(struct mem *mem, const struct mem_pieces *pieces,
			       struct gospy_error *err);
	void (*destroy)(struct mem *mem);
	/* A MEM_RUN takes as long as its records do, each for itself, or longer. */
	bool runs_are_slow;
};

struct mem {
	const struct mem_ops *ops;
};

void mem_destroy(struct mem *mem);

/** Is it recorded what is read? Then whoever reads a MEM_RUN says by mem_seen() what of it counts.
 */
static inline bool mem_is_recorded(const struct mem *mem)
{
	return mem->ops->seen;
}

static inline void mem_seen(struct mem *mem, uint64_t addr, const void *bytes, size_t len,
			    enum mem_kind kind)
{
	if (mem->ops->seen)
		mem->ops->seen(mem, addr, bytes, len, kind);
}

/** What is read until this is switched on again is only looked at: it does not belong to what is
 * found, and is not recorded. */
static inline void mem_record(struct mem *mem, bool on)
{
	if (mem->ops->record)
		mem->ops->record(mem, on);
}

/** While this is on, what is read in runs, or told by mem_seen(), is recorded at once and stays,
 * though other recording is put off: nothing will prove that it has not changed meanwhile. */
static inline void mem_keep(struct mem *mem, bool on)
{
	if (mem->ops->keep)
		mem->ops->keep(mem, on);
}

/** What was read there up to now is what counts: what is read later is not recorded. */
static inline void mem_fix(struct mem *mem, const struct mem_range *ranges, size_t n)
{
	if (mem->ops->fix)
		mem->ops->fix(mem, ranges, n);
}

/** While this is on, what is read outside of a moment in runs (MEM_RUN) need not be recorded yet:
 * it is read once more by mem_record_now(), which takes less time and memory. The caller proves
 * after that call that what counts of it has not changed since the first reading. Switching it on,
 * or off, forgets what is outstanding. Returns whether anything is put off. */
static inline bool mem_record_later(struct mem *mem, bool on)
{
	return mem->ops->later && mem->ops->later(mem, on);
}

/** While recording is put off: have that recorded by mem_record_now(), without reading it before.
 * Of words that it does not hold wholly that is not done. */
static inline void mem_want(struct mem *mem, uint64_t addr, size_t len, enum mem_kind kind)
{
	if (mem->ops->want)
		mem->ops->want(mem, addr, len, kind);
}

/** Record what was put off, and show of it the `pieces`, which are wanted; these may be NULL. */
static inline enum gospy_code mem_record_now(struct mem *mem, const struct mem_pieces *pieces,
					     struct gospy_error *err)
{
	return mem->ops->now ? mem->ops->now(mem, pieces, err) : GOSPY_OK;
}

/** Batched read. GOSPY_OK: all complete. GOSPY_E_FAULT: some are not, see `done` (err names the
 * first). Other codes: nothing more can be read. Requests whose destinations follow one another in
 * memory are cheapest. */
enum gospy_code mem_readv(struct mem *mem, struct mem_req *reqs, size_t n, struct gospy_error *err)
	__attribute__((warn_unused_result));
/** All `len` bytes at `addr`, or GOSPY_E_FAULT. */
enum gospy_code mem_read_stack(struct mem *mem, uint64_t addr, void *dst, size_t len,
			       struct gospy_error *err) __attribute__((warn_unused_result));
enum gospy_code mem_read_once(struct mem *mem, uint64_t addr, void *dst, size_t len,
			      struct gospy_error *err) __attribute__((warn_unused_result));
enum gospy_code mem_read(struct mem *mem, uint64_t addr, void *dst, size_t len,
			 struct gospy_error *err) __attribute__((warn_unused_result));
enum gospy_code mem_read_u64(struct mem *mem, uint64_t addr, uint64_t *ret, struct gospy_error *err)
	__attribute__((warn_unused_result));
enum gospy_code mem_read_u32(struct mem *mem, uint64_t addr, uint32_t *ret, struct gospy_error *err)
	__attribute__((warn_unused_result));

#endif
