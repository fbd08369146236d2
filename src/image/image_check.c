/* Is an address that no symbol vouches for that of the global it is taken for? */
#include "image/image_check.h"

#include <string.h>

#include "base/cancel.h"
#include "base/paged_pass.h"

enum {
	SAMPLE = 32, /* elements looked at, at each end */
	TRIES = 8,   /* what is read in two steps may change in between */
	/* What looks wrong is looked at again, after 0.2 ms, 0.4 ms, ...: a stack that moves or is
	 * given back, allgs or allp that grow, an M that ends, a runtime that is just starting. 25
	 * ms in all. */
	LOOKS = 8,
	LOOK_AGAIN_NS = 200000,
	GS_MAX = 1 << 25,
	PS_MAX = 1 << 16,
	THREADS_LOOKED_AT = 8,
	SLICE_LEN = 24,
};

struct slice {
	uint64_t addr, len, cap;
};

static bool read_slice(struct image *image, uint64_t addr, uint64_t max, struct slice *ret)
{
	uint64_t words[3];
	if (mem_read(image->mem, addr, words, sizeof(words), NULL))
		return false;
	*ret = (struct slice){words[0], words[1], words[2]};
	return ret->addr && ret->addr % 8 == 0 && ret->len && ret->len <= ret->cap &&
	       ret->cap <= max;
}

static bool read_field(struct image *image, uint64_t addr, struct field field, uint64_t *ret)
{
	*ret = 0;
	return field_present(field) && field.size <= sizeof(*ret) &&
	       !mem_read(image->mem, addr + field.off, ret, field.size, NULL);
}

/* ------------------------------------------------------------------------------------------ g's --
 */

enum g_kind { NO_G, G_DEAD, G_WITH_STACK };

/* runtime/stack.go: a stack's size is a power of two; newproc1 puts the g into its own sched. A
 * dead g has given its stack back. */
static enum g_kind kind_of_g(struct image *image, uint64_t g)
{
	const __typeof__(image->layout.g) *L = &image->layout.g;
	uint64_t lo, hi, self = g;
	if (!g || g % 8 || !read_field(image, g, L->stack_lo, &lo) ||
	    !read_field(image, g, L->stack_hi, &hi) ||
	    (field_present(L->sched_g) && !read_field(image, g, L->sched_g, &self)))
		return NO_G;
	if (!lo && !hi)
		return G_DEAD;
	return lo < hi && ((hi - lo) & (hi - lo - 1)) == 0 && self == g ? G_WITH_STACK : NO_G;
}

/* The first and the last ones are g's, and one has a stack. */
static bool holds_gs(struct image *image, const struct slice *s)
{
	bool stack = false;
	uint64_t n = s->len < SAMPLE ? s->len : SAMPLE;
	const uint64_t starts[] = {0, s->len - n};
	for (size_t k = 0; k < 2; k++) {
		uint64_t gs[SAMPLE];
		if (mem_read(image->mem, s->addr + starts[k] * 8, gs, (size_t)n * 8, NULL))
			return false;
		for (size_t i = 0; i < n; i++) {
			enum g_kind kind = kind_of_g(image, gs[i]);
			if (kind == NO_G)
				return false;
			stack |= kind == G_WITH_STACK;
		}
	}
	return stack;
}

static bool check_allgs(struct image *image, uint64_t addr)
{
	struct slice s;
	return read_slice(image, addr, GS_MAX, &s) && holds_gs(image, &s);
}

/* runtime/proc.go:allgadd publishes the length after the slice. */
static bool check_allglen(struct image *image, uint64_t addr)
{
	uint64_t len;
	struct slice s;
	return !mem_read_u64(image->mem, addr, &len, NULL) && len &&
	       (!image->globals.allgs.addr ||
		(read_slice(image, image->globals.allgs.addr, GS_MAX, &s) && len <= s.len));
}

static bool check_allgptr(struct image *image, uint64_t addr)
{
	uint64_t ptr;
	struct slice s;
	return image->globals.allgs.addr && !mem_read_u64(image->mem, addr, &ptr, NULL) &&
	       read_slice(image, image->globals.allgs.addr, GS_MAX, &s) && s.addr == ptr;
}

/* ----------------------------------------------------------------------------- P's, M's, texts --
 */

static bool check_allp(struct image *image, uint64_t addr)
{
	struct slice s;
	if (!read_slice(image, addr, PS_MAX, &s))
		return false;
	for (uint64_t i = 0; i < s.len && i < SAMPLE; i++) {
		uint64_t p, id;
		if (mem_read_u64(image->mem, s.addr + i * 8, &p, NULL) || !p ||
		    !read_field(image, p, image->layout.p.id, &id) || id != i)
			return false;
	}
	return true;
}

static bool check_gomaxprocs(struct image *image, uint64_t addr)
{
	uint32_t n;
	struct slice s;
	return image->globals.allp.addr && !mem_read_u32(image->mem, addr, &n, NULL) &&
	       read_slice(image, image->globals.allp.addr, PS_MAX, &s) && s.len == n;
}

/* runtime/proc.go:mcommoninit links an M at the head of the list; its g0 is its own. */
static bool check_allm(struct image *image, uint64_t addr)
{
	uint64_t m;
	if (mem_read_u64(image->mem, addr, &m, NULL) || !m)
		return false;
	for (size_t i = 0; m && i < THREADS_LOOKED_AT; i++) {
		uint64_t g0, owner;
		if (!read_field(image, m, image->layout.m.g0, &g0) || !g0 ||
		    !read_field(image, g0, image->layout.g.m, &owner) || owner != m ||
		    !read_field(image, m, image->layout.m.alllink, &m))
			return false;
	}
	return true;
}

static bool check_text(struct image *image, uint64_t addr, const char *text)
{
	uint64_t words[2];
	char bytes[256];
	size_t len = strlen(text);
	return !mem_read(image->mem, addr, words, sizeof(words), NULL) && words[1] == len &&
	       len <= sizeof(bytes) && !mem_read(image->mem, words[0], bytes, len, NULL) &&
	       memcmp(bytes, text, len) == 0;
}

static bool check_build_version(struct image *image, uint64_t addr)
{
	return check_text(image, addr, image->go_version);
}

/* runtime/runtime2.go: waitReasonGCAssistMarking is 1 in all versions. */
static bool check_wait_reasons(struct image *image, uint64_t addr)
{
	return check_text(image, addr + 16, "GC assist marking");
}

/* runtime/mgc.go: _GCoff, _GCmark, _GCmarktermination. */
static bool check_gcphase(struct image *image, uint64_t addr)
{
	uint32_t phase;
	return !mem_read_u32(image->mem, addr, &phase, NULL) && phase <= GOSPY_GC_MARK_TERMINATION;
}

static bool check_ncpu(struct image *image, uint64_t addr)
{
	uint32_t n;
	return !mem_read_u32(image->mem, addr, &n, NULL) && n && n <= PS_MAX;
}

/* runtime/mprof.go: a new bucket becomes the first of its list, and none is ever freed. */
static bool begins_with(struct image *image, uint64_t addr, enum profile_type type)
{
	struct field typ = image->layout.bucket.typ;
	uint64_t bucket, found;
	return !mem_read_u64(image->mem, addr, &bucket, NULL) &&
	       (!bucket || !field_present(typ) ||
		(read_field(image, bucket, typ, &found) && found == type));
}

static bool check_mbuckets(struct image *image, uint64_t addr)
{
	return begins_with(image, addr, MEM_PROFILE);
}

static bool check_bbuckets(struct image *image, uint64_t addr)
{
	return begins_with(image, addr, BLOCK_PROFILE);
}

static bool check_xbuckets(struct image *image, uint64_t addr)
{
	return begins_with(image, addr, MUTEX_PROFILE);
}

static bool check_repeatedly(struct image *image, uint64_t addr,
			     bool (*check)(struct image *image, uint64_t addr))
{
	for (unsigned i = 0; !check(image, addr); i++) {
		if (i + 1 == LOOKS || cancel_sleep((uint64_t)LOOK_AGAIN_NS << i, NULL))
			return false;
	}
	return true;
}

bool image_check_global(struct image *image, const char *name, uint64_t addr)
{
	static const struct {
		const char *name;
		bool (*check)(struct image *image, uint64_t addr);
	} checks[] = {
		{"runtime.allgs", check_allgs},
		{"runtime.allglen", check_allglen},
		{"runtime.allgptr", check_allgptr},
		{"runtime.allp", check_allp},
		{"runtime.gomaxprocs", check_gomaxprocs},
		{"runtime.allm", check_allm},
		{"runtime.buildVersion", check_build_version},
		{"runtime.waitReasonStrings", check_wait_reasons},
		{"runtime.mbuckets", check_mbuckets},
		{"runtime.bbuckets", check_bbuckets},
		{"runtime.xbuckets", check_xbuckets},
		{"runtime.gcphase", check_gcphase},
		{"runtime.ncpu", check_ncpu},
		{"runtime.numCPUStartup", check_ncpu},
	};
	for (size_t i = 0; image->checked && i < GLOBAL_COUNT; i++) {
		if (strcmp(global_names[i].name, name) == 0)
			return !(image->unlike >> i & 1);
	}
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		if (strcmp(checks[i].name, name) == 0)
			return check_repeatedly(image, addr, checks[i].check);
	}
	return true;
}

/* --------------------------------------------------------------------------------------- a scan --
 */

/* The longest slice of g's in [lo, hi). What cannot be read holds none. */
static void scan_range(struct image *image, uint64_t lo, uint64_t hi, struct slice *best,
		       uint64_t *ret)
{
	struct paged window;
	if (paged_init(&window, lo, hi - lo, image_fetch, image, NULL))
		return;
	struct paged_pass pass = paged_pass_of(&window);
	for (uint64_t addr = lo; addr < hi && hi - addr >= SLICE_LEN; addr += 8) {
		if (addr % PAGED_PAGE == 0 && cancel_asked())
			break;
		const uint8_t *bytes = paged_pass_at(&pass, addr, SLICE_LEN).ptr;
		struct slice s;
		if (!bytes) {
			addr |= PAGED_PAGE - 8; // the last word of the page
			continue;
		}
		memcpy(&s, bytes, sizeof(s));
		if (s.addr && s.addr % 8 == 0 && s.len > best->len && s.len <= s.cap &&
		    s.cap <= GS_MAX && holds_gs(image, &s)) {
			*best = s;
			*ret = addr;
		}
	}
	paged_pass_deinit(&pass);
	paged_deinit(&window);
}

uint64_t image_scan_allgs(struct image *image)
{
	const struct moduledata *md = &image->program->md;
	uint64_t shift = image_shift(image);
	struct slice best = {0};
	uint64_t addr = 0;
	scan_range(image, md->data + shift, md->edata + shift, &best, &addr);
	scan_range(image, md->bss + shift, md->ebss + shift, &best, &addr);
	return addr;
}
