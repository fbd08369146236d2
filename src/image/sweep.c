#include "image/sweep.h"

#include <stdlib.h>
#include <string.h>

#include "base/cancel.h"
#include "base/cleanup.h"
#include "dwarf/go/moduledata.h"
#include "dwarf/go/pclntab_scan.h"

enum {
	/* What is read at a time: it stays in the cache. */
	PIECE = 256 << 10,
	/* Pieces overlap, so that what lies across two is whole in the second. */
	OVERLAP = 128,
	PAGE = 4096,
	/* Places that look like function tables: one is right, and a tool that works on Go programs
	   may have some in memory. */
	TABLES_MAX = 64,
};

/* Readable bytes looked through in one sweep: more than any program has, a fraction of a second. */
#define SWEEP_MAX (UINT64_C(1) << 30)

/* `addr` is a multiple of OVERLAP. False ends the sweep. */
typedef bool (*visit_fn)(void *ctx, uint64_t addr, struct span bytes);

struct sweeper {
	const struct sweep *sweep;
	visit_fn visit;
	void *ctx;
	uint8_t *piece;
	uint64_t left;
	bool done;
};

/* Pages that cannot be read are left out, and so is what lies across one. */
static enum gospy_code sweep_range(struct sweeper *s, uint64_t start, uint64_t end,
				   struct gospy_error *err)
{
	for (uint64_t at = start; at < end && s->left && !s->done;) {
		struct mem_req req = {.addr = at, .dst = s->piece};
		req.len = end - at < PIECE ? (size_t)(end - at) : PIECE;
		enum gospy_code code = cancel_check(err);
		if (!code)
			code = mem_readv(s->sweep->mem, &req, 1, err);
		if (code && code != GOSPY_E_FAULT)
			return code;
		if (req.done)
			s->done = !s->visit(s->ctx, at, (struct span){s->piece, req.done});
		s->left -= req.done < s->left ? req.done : s->left;
		if (code)
			at = (at + req.done) / PAGE * PAGE + PAGE;
		else
			at += req.len < PIECE ? req.len : PIECE - OVERLAP;
	}
	return GOSPY_OK;
}

static bool is_wanted(const struct mapping *map, bool exec, bool writable)
{
	// Memory of devices is no program's, and to read it may do something.
	bool device = strncmp(map->path, "/dev/", 5) == 0 &&
		      strncmp(map->path, "/dev/shm/", 9) != 0 &&
		      strncmp(map->path, "/dev/zero", 9) != 0;
	return map->read && !device && (exec || !map->exec) && (!writable || map->write);
}

static enum gospy_code run(const struct sweep *sweep, bool exec, bool writable, visit_fn visit,
			   void *ctx, struct gospy_error *err)
{
	CLEANUP_FREE uint8_t *piece = malloc(PIECE);
	if (!piece)
		return err_nomem(err);
	struct sweeper s = {sweep, visit, ctx, piece, SWEEP_MAX, false};
	for (size_t i = 0; i < sweep->maps->maps.len && !s.done; i++) {
		const struct mapping *map = &sweep->maps->maps.at[i];
		uint64_t first = sweep->start / PAGE * PAGE;
		uint64_t start = map->start > first ? map->start : first;
		uint64_t end = map->end < sweep->end ? map->end : sweep->end;
		if (start >= end || !is_wanted(map, exec, writable))
			continue;
		enum gospy_code code = sweep_range(&s, start, end, err);
		if (code)
			return code;
	}
	return GOSPY_OK;
}

struct search {
	struct paged window;
	uint64_t tables[TABLES_MAX];
	size_t table_count;
	uint64_t moduledata; /* 0: not found */
};

static bool note_tables(void *ctx, uint64_t addr, struct span bytes)
{
	struct search *search = ctx;
	for (size_t at = 0; (at = pclntab_scan(bytes, at)) != SIZE_MAX; at += PCLNTAB_SCAN_ALIGN) {
		// The same place was met once more, in the overlap.
		if (search->table_count && search->tables[search->table_count - 1] >= addr + at)
			continue;
		if (search->table_count == TABLES_MAX)
			return false;
		search->tables[search->table_count++] = addr + at;
	}
	return true;
}

static int compare_addrs(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

static bool match_tables(void *ctx, uint64_t addr, struct span bytes)
{
	struct search *search = ctx;
	struct moduledata md;
	uint64_t lowest = search->tables[0], highest = search->tables[search->table_count - 1];
	for (size_t at = 0; at + sizeof(uint64_t) <= bytes.len; at += sizeof(uint64_t)) {
		uint64_t word;
		memcpy(&word, bytes.ptr + at, sizeof(word));
		if (word < lowest || word > highest ||
		    !bsearch(&word, search->tables, search->table_count, sizeof(word),
			     compare_addrs) ||
		    moduledata_read(&search->window, addr + at, &md, NULL))
			continue;
		search->moduledata = addr + at;
		return false;
	}
	return true;
}

static enum gospy_code fetch_mem(void *mem, uint64_t addr, void *dst, size_t len,
				 struct gospy_error *err)
{
	return mem_read(mem, addr, dst, len, err);
}

enum gospy_code sweep_moduledata(const struct sweep *sweep, uint64_t *ret, struct gospy_error *err)
{
	CLEANUP_FREE struct search *search = calloc(1, sizeof(*search));
	if (!search)
		return err_nomem(err);
	enum gospy_code code = run(sweep, true, false, note_tables, search, err);
	if (!code && search->table_count) {
		code = paged_init(&search->window, sweep->start, sweep->end - sweep->start,
				  fetch_mem, sweep->mem, err);
		if (!code)
			code = run(sweep, false, false, match_tables, search, err);
		paged_deinit(&search->window);
	}
	if (code)
		return code;
	if (!search->moduledata)
		return err_set(err, GOSPY_E_NOT_FOUND,
			       search->table_count
				       ? "there is a function table of Go, but no moduledata"
				       : "there is no function table of Go");
	*ret = search->moduledata;
	return GOSPY_OK;
}

struct blob_search {
	struct mem *mem;
	struct arena *arena;
	struct build_info_text *ret;
	struct gospy_error *err;
	enum gospy_code code;
};

static bool match_blob(void *ctx, uint64_t addr, struct span bytes)
{
	struct blob_search *search = ctx;
	for (size_t at = 0; (at = build_info_scan(bytes, at, sizeof(uint64_t))) != SIZE_MAX;
	     at += BUILD_INFO_ALIGN) {
		search->code = build_info_at(fetch_mem, search->mem, addr + at, search->arena,
					     search->ret, search->err);
		if (search->code != GOSPY_E_NOT_FOUND)
			return false;
	}
	return true;
}

enum gospy_code sweep_build_info(const struct sweep *sweep, struct arena *arena,
				 struct build_info_text *ret, struct gospy_error *err)
{
	struct blob_search search = {sweep->mem, arena, ret, err, GOSPY_E_NOT_FOUND};
	err_set(err, GOSPY_E_NOT_FOUND, "no Go build information in memory");
	for (int writable = 1; writable >= 0 && search.code == GOSPY_E_NOT_FOUND; writable--) {
		enum gospy_code code = run(sweep, false, writable, match_blob, &search, err);
		if (code)
			return code;
	}
	return search.code;
}
