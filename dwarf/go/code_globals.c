#include "dwarf/go/code_globals.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/paged_pass.h"
#include "dwarf/go/code_refs.h"
#include "dwarf/go/go_version.h"
#include "dwarf/go/layout.h"

enum {
	A = CODE_REF_ADDRESS,
	R = CODE_REF_READ,
	W = CODE_REF_WRITE,
	PLACES_MAX = 4,
	ANCHORS_MAX = 6,
	NEWEST = UINT8_MAX,
};

#define RT "runtime."

/*
 * One use of a global: a reference of one of these kinds, to `size` bytes (of addresses 0), `off`
 * bytes behind its start. Several functions: of those that exist any may have it, because the
 * compiler puts a small one into its caller, or with -l does not.
 */
struct anchor {
	uint8_t kinds;
	uint8_t size;
	uint16_t off;
	const char *places[PLACES_MAX];
};

static const char main_main[] = "main.main";

static bool check_module(struct pclntab *pcln, uint64_t addr);
static bool check_version(struct pclntab *pcln, uint64_t addr);
static bool check_modinfo(struct pclntab *pcln, uint64_t addr);
static bool check_dbgvars(struct pclntab *pcln, uint64_t addr);
static bool check_no_pointers(struct pclntab *pcln, uint64_t addr);

/*
 * A global is what agrees with all of its anchors whose functions exist, with none of the globals
 * found before it, and with `check`. Found in the code that the compilers of Go 1.12 to 1.27 made
 * of src/runtime, with and without optimisation, for plain, PIE, cgo and race builds.
 */
static const struct rule {
	enum code_global_id id;
	uint8_t since, until; /* minor versions */
	uint8_t extent;       /* bytes that belong to it and to no other; 0: not known, many */
	bool (*check)(struct pclntab *pcln, uint64_t addr);
	struct anchor anchors[ANCHORS_MAX];
} rules[] = {
	{CODE_GLOBAL_firstmoduledata,
	 12,
	 NEWEST,
	 0,
	 check_module,
	 {{A, 0, 0, {RT "modulesinit"}}, {A, 0, 0, {RT "resolveNameOff"}}}},
	{CODE_GLOBAL_allgs,
	 12,
	 NEWEST,
	 24,
	 NULL,
	 {{W, 8, 0, {RT "allgadd"}},
	  {W, 8, 8, {RT "allgadd"}},
	  {W, 8, 16, {RT "allgadd"}},
	  {R, 8, 8, {RT "allgadd"}}}},
	{CODE_GLOBAL_allglen, 12, 15, 8, NULL, {{W, 8, 0, {RT "allgadd"}}}},
	{CODE_GLOBAL_allgptr,
	 16,
	 NEWEST,
	 8,
	 NULL,
	 {{A, 0, 0, {RT "allgadd"}},
	  {R, 8, 0, {RT "allgadd"}},
	  {R, 8, 0, {RT "forEachGRace", RT "atomicAllG"}}}},
	{CODE_GLOBAL_allglen,
	 16,
	 NEWEST,
	 8,
	 NULL,
	 {{A, 0, 0, {RT "allgadd"}},
	  {R, 8, 0, {RT "gcount", RT "forEachGRace", RT "atomicAllG", RT "gcMarkRootPrepare"}}}},
	{CODE_GLOBAL_allp,
	 12,
	 NEWEST,
	 24,
	 NULL,
	 {{W, 8, 0, {RT "procresize"}},
	  {W, 8, 8, {RT "procresize"}},
	  {R, 8, 0, {RT "preemptall"}},
	  {R, 8, 8, {RT "preemptall"}},
	  {R, 8, 0, {RT "(*gcControllerState).enlistWorker"}}}},
	// Functions that use allm take its lock, which is near its start, and with lock ranking
	// they read it as well. It has some hundreds of bytes, of which these are enough.
	{CODE_GLOBAL_sched,
	 12,
	 NEWEST,
	 64,
	 NULL,
	 {{A, 0, 0, {RT "newproc1"}}, {A, 0, 0, {RT "oneNewExtraM"}}, {A, 0, 8, {RT "sysmon"}}}},
	{CODE_GLOBAL_allm,
	 12,
	 NEWEST,
	 8,
	 NULL,
	 {{R, 8, 0, {RT "mcommoninit"}},
	  {A, 0, 0, {RT "mcommoninit"}},
	  {A, 0, 0, {RT "mexit"}},
	  {R, 8, 0, {RT "schedtrace"}}}},
	{CODE_GLOBAL_gomaxprocs,
	 12,
	 NEWEST,
	 4,
	 NULL,
	 {{R, 4, 0, {RT "procresize"}},
	  {R, 4, 0, {RT "stopTheWorldWithSema"}},
	  {R, 4, 0, {RT "handoffp"}},
	  {R, 4, 0, {RT "schedtrace"}},
	  {R, 4, 0, {RT "gcStart"}}}},
	// mstats.enablegc and other_sys; memstats itself is not referred to before its first field
	// became heapStats.
	{CODE_GLOBAL_memstats,
	 12,
	 16,
	 0,
	 NULL,
	 {{W, 1, 4304, {RT "gcenable"}}, {A, 0, 160, {RT "getitab"}}}},
	{CODE_GLOBAL_memstats,
	 17,
	 18,
	 0,
	 NULL,
	 {{W, 1, 4296, {RT "gcenable"}}, {A, 0, 160, {RT "getitab"}}}},
	{CODE_GLOBAL_memstats,
	 19,
	 NEWEST,
	 0,
	 NULL,
	 {{A, 0, 0, {RT "(*mcache).refill"}},
	  {A, 0, 0, {RT "(*mcache).releaseAll"}},
	  {A, 0, 0, {RT "(*mheap).grow"}},
	  {A, 0, 0, {RT "(*mheap).allocSpan"}},
	  {A, 0, 0, {RT "(*mheap).freeSpanLocked"}}}},
	{CODE_GLOBAL_mheap_,
	 12,
	 NEWEST,
	 0,
	 NULL,
	 {{A, 0, 0, {RT "mallocinit"}},
	  {A, 0, 0, {RT "(*mcentral).grow"}},
	  {A, 0, 0, {RT "stackalloc", RT "stackpoolalloc"}},
	  {A, 0, 0, {RT "freeStackSpans"}}}},
	{CODE_GLOBAL_gcController,
	 12,
	 15,
	 0,
	 NULL,
	 {{A, 0, 0, {RT "gcStart"}},
	  {A, 0, 0, {RT "gcMarkDone"}},
	  {A, 0, 0, {RT "(*gcWork).balance"}}}},
	{CODE_GLOBAL_gcController,
	 16,
	 NEWEST,
	 0,
	 NULL,
	 {{A, 0, 0, {RT "gcStart"}},
	  {A, 0, 0, {RT "gcMarkDone"}},
	  {A, 0, 0, {RT "(*mcache).releaseAll"}},
	  {A, 0, 0, {RT "(*mcache).refill"}},
	  {A, 0, 0, {RT "gcControllerCommit"}}}},
	{CODE_GLOBAL_waitReasonStrings, 12, NEWEST, 0, NULL, {{A, 0, 0, {RT "waitReason.String"}}}},
	{CODE_GLOBAL_buildVersion,
	 12,
	 NEWEST,
	 16,
	 check_version,
	 {{R, 8, 8, {RT "schedinit"}}, {W, 8, 0, {RT "schedinit"}}}},
	{CODE_GLOBAL_modinfo,
	 13,
	 NEWEST,
	 16,
	 check_modinfo,
	 {{R, 8, 8, {RT "schedinit"}}, {W, 8, 0, {RT "schedinit"}}}},
	{CODE_GLOBAL_emptymspan,
	 12,
	 NEWEST,
	 0,
	 NULL,
	 {{A, 0, 0, {RT "allocmcache"}}, {A, 0, 0, {RT "(*mcache).refill"}}}},
	{CODE_GLOBAL_spanSetBlockPool,
	 15,
	 NEWEST,
	 8,
	 NULL,
	 {{A, 0, 0, {RT "(*spanSet).push"}},
	  {A, 0, 0, {RT "(*spanSet).pop"}},
	  {A, 0, 0, {RT "(*spanSet).reset"}}}},
	{CODE_GLOBAL_dbgvars,
	 12,
	 NEWEST,
	 24,
	 check_dbgvars,
	 {{R, 8, 0, {RT "parsedebugvars", RT "parseRuntimeDebugVars", RT "parsegodebug"}},
	  {R, 8, 8, {RT "parsedebugvars", RT "parseRuntimeDebugVars", RT "parsegodebug"}}}},
	{CODE_GLOBAL_bubbleGen, 25, NEWEST, 8, NULL, {{A | W, 8, 0, {"internal/synctest.Run"}}}},
	{CODE_GLOBAL_fingRunning, 12, 19, 1, NULL, {{R, 1, 0, {RT "isSystemGoroutine"}}}},
	{CODE_GLOBAL_fingStatus,
	 20,
	 NEWEST,
	 4,
	 NULL,
	 {{A | R, 4, 0, {RT "isSystemGoroutine"}},
	  {A, 0, 0, {RT "createfing"}},
	  {A, 0, 0, {RT "queuefinalizer"}}}},
	{CODE_GLOBAL_semtable,
	 12,
	 NEWEST,
	 0,
	 NULL,
	 {{A, 0, 0, {RT "semacquire1", RT "semroot"}},
	  {A, 0, 0, {RT "semrelease1", RT "semroot"}}}},
	{CODE_GLOBAL_gcphase,
	 12,
	 NEWEST,
	 4,
	 NULL,
	 {{R, 4, 0, {RT "gcSweep"}},
	  {R, 4, 0, {RT "stackfree"}},
	  {R, 4, 0, {RT "gcMark"}},
	  {R, 4, 0, {RT "(*gcWork).balance"}}}},
	{CODE_GLOBAL_gcpercent,
	 12,
	 16,
	 4,
	 NULL,
	 {{R, 4, 0, {RT "(*gcControllerState).revise"}}, {R, 4, 0, {RT "gcSetTriggerRatio"}}}},
	{CODE_GLOBAL_work,
	 12,
	 NEWEST,
	 0,
	 NULL,
	 {{A, 0, 0, {RT "putfull"}},
	  {A, 0, 0, {RT "trygetfull"}},
	  {R, 8, 0, {RT "gcMark"}},
	  {R, 8, 0, {RT "prepareFreeWorkbufs"}}}},
	{CODE_GLOBAL_ncpu,
	 12,
	 24,
	 4,
	 NULL,
	 {{W, 4, 0, {RT "osinit"}},
	  {R, 4, 0, {RT "schedinit"}},
	  {R, 4, 0, {RT "gcStart"}},
	  {R, 4, 0, {RT "lock2", RT "lock"}}}},
	{CODE_GLOBAL_numCPUStartup,
	 25,
	 NEWEST,
	 4,
	 NULL,
	 {{W, 4, 0, {RT "osinit"}},
	  {R, 4, 0, {RT "schedinit"}},
	  {R, 4, 0, {RT "gcStart"}},
	  {R, 4, 0, {RT "lock2"}}}},
	{CODE_GLOBAL_ncgocall, 17, NEWEST, 8, check_no_pointers, {{A, 0, 0, {RT "mexit"}}}},
	{CODE_GLOBAL_netpollWaiters,
	 12,
	 NEWEST,
	 4,
	 NULL,
	 {{A, 0, 0, {RT "netpollblockcommit", RT "netpollAdjustWaiters"}},
	  {A | R, 4, 0, {RT "pollWork", RT "netpollAnyWaiters"}}}},
	{CODE_GLOBAL_allfin,
	 12,
	 NEWEST,
	 8,
	 NULL,
	 {{R, 8, 0, {RT "queuefinalizer"}},
	  {W, 8, 0, {RT "queuefinalizer"}},
	  {R, 8, 0, {RT "markroot"}}}},
	{CODE_GLOBAL_gcCleanups,
	 25,
	 NEWEST,
	 0,
	 NULL,
	 {{A, 0, 0, {RT "(*activeSweep).end"}},
	  {A, 0, 0, {RT "freeSpecial"}},
	  {A, 0, 0, {RT "findRunnable"}}}},
	{CODE_GLOBAL_timers,
	 12,
	 13,
	 0,
	 NULL,
	 {{A, 0, 0, {RT "timejump"}}, {A, 0, 0, {RT "timejumpLocked"}}}},
	{CODE_GLOBAL_MemProfileRate,
	 12,
	 NEWEST,
	 8,
	 NULL,
	 {{R, 8, 0, {RT "profilealloc", RT "nextSample"}},
	  {R, 8, 0, {RT "allocmcache", RT "nextSample"}}}},
	{CODE_GLOBAL_mbuckets,
	 12,
	 18,
	 8,
	 NULL,
	 {{R, 8, 0, {RT "stkbucket"}},
	  {W, 8, 0, {RT "stkbucket"}},
	  {R, 8, 0, {RT "mProf_FlushLocked"}}}},
	{CODE_GLOBAL_mbuckets,
	 19,
	 NEWEST,
	 8,
	 NULL,
	 {{A, 0, 0, {RT "stkbucket"}}, {A | R, 8, 0, {RT "mProf_FlushLocked"}}}},
	{CODE_GLOBAL_mProf,
	 12,
	 18,
	 8,
	 NULL,
	 {{W, 4, 0, {RT "mProf_NextCycle"}},
	  {W, 1, 4, {RT "mProf_NextCycle"}},
	  {R, 4, 0, {RT "mProf_Malloc"}}}},
	{CODE_GLOBAL_mProfCycle,
	 19,
	 NEWEST,
	 4,
	 NULL,
	 {{A | R, 4, 0, {RT "mProf_Malloc"}},
	  {A | R, 4, 0, {RT "mProf_Free"}},
	  {A | R | W, 4, 0, {RT "mProf_NextCycle", RT "gcMarkTermination"}}}},
	{CODE_GLOBAL_ticks,
	 12,
	 19,
	 24,
	 NULL,
	 {{A | R, 8, 16, {RT "tickspersecond"}}, {A, 0, 0, {RT "tickspersecond"}}}},
	{CODE_GLOBAL_ticks,
	 20,
	 21,
	 16,
	 NULL,
	 {{A | R, 8, 8, {RT "tickspersecond"}}, {A, 0, 0, {RT "tickspersecond"}}}},
	// ticks.init, which the compiler puts into schedinit, or does not: .startTicks, .startTime.
	{CODE_GLOBAL_ticks, 22, NEWEST, 32, NULL, {{A, 0, 0, {RT "(*ticksType).init"}}}},
	{CODE_GLOBAL_ticks,
	 22,
	 NEWEST,
	 32,
	 NULL,
	 {{W, 8, 8, {RT "schedinit"}}, {W, 8, 16, {RT "schedinit"}}, {A, 0, 0, {RT "schedinit"}}}},
	{CODE_GLOBAL_blockprofilerate,
	 12,
	 NEWEST,
	 8,
	 NULL,
	 {{R, 8, 0, {RT "semacquire1"}},
	  {R, 8, 0, {RT "chansend"}},
	  {R, 8, 0, {RT "chanrecv"}},
	  {R, 8, 0, {RT "blocksampled", RT "blockevent"}}}},
	// mutexevent has the name that package sync calls it by.
	{CODE_GLOBAL_mutexprofilerate,
	 12,
	 NEWEST,
	 8,
	 NULL,
	 {{R, 8, 0, {RT "semacquire1"}}, {R, 8, 0, {"sync.event", RT "mutexevent"}}}},
};

struct function {
	struct pcln_named code;
	struct code_refs refs;
};

enum { RULES = sizeof(rules) / sizeof(rules[0]) };

struct finder {
	struct pclntab *pcln;
	enum code_global_set set;
	struct function *functions;
	size_t count;
	/* Which of them the places of anchors are. */
	uint16_t places[RULES][ANCHORS_MAX][PLACES_MAX];
	struct code_globals found;
	struct {
		uint64_t addr, len;
	} taken[CODE_GLOBAL_COUNT];
	size_t taken_count;
};

/* ------------------------------------------------------------------------------- the functions --
 */

static enum code_global_set set_of(enum code_global_id id)
{
	switch (id) {
	case CODE_GLOBAL_mProf:
	case CODE_GLOBAL_mProfCycle:
	case CODE_GLOBAL_ticks:
	case CODE_GLOBAL_blockprofilerate:
	case CODE_GLOBAL_mutexprofilerate:
		return CODE_GLOBALS_PROFILE;
	default:
		return CODE_GLOBALS_ALWAYS;
	}
}

static bool rule_applies(const struct finder *f, const struct rule *rule)
{
	int minor = f->pcln->minor;
	return set_of(rule->id) == f->set && minor >= rule->since &&
	       (minor <= rule->until || rule->until == NEWEST);
}

/* Index of the function in the list. A function that is not there is put at the end, where there is
 * room. */
static size_t list_function(struct finder *f, const char *name)
{
	size_t i = 0;
	while (i < f->count && strcmp(f->functions[i].code.name, name) != 0)
		i++;
	if (i == f->count)
		f->functions[f->count++].code.name = name;
	return i;
}

/* A list of all the names that rules of this version mention. */
static void list_functions(struct finder *f)
{
	for (size_t i = 0; i < RULES; i++) {
		if (!rule_applies(f, &rules[i]))
			continue;
		for (size_t a = 0; a < ANCHORS_MAX; a++) {
			const char *const *names = rules[i].anchors[a].places;
			for (size_t k = 0; k < PLACES_MAX && names[k]; k++)
				f->places[i][a][k] = (uint16_t)list_function(f, names[k]);
		}
	}
	// It is not on the list for its references, but so one pass over all names is enough.
	list_function(f, main_main);
}

/* A name that is not in the list gives an empty one. */
static const struct function *function_named(const struct finder *f, const char *name)
{
	static const struct function none;
	for (size_t i = 0; i < f->count; i++) {
		if (strcmp(f->functions[i].code.name, name) == 0)
			return &f->functions[i];
	}
	return &none;
}

/* Its machine code; with no bytes if it does not exist, or cannot be read. */
static struct span code_of(struct paged_pass *pass, const struct pcln_named *code)
{
	uint64_t len = code->end - code->entry;
	if (!code->entry)
		return (struct span){0};
	return (struct span){paged_pass_at(pass, code->entry, len).ptr, (size_t)len};
}

static int compare_entries(const void *a, const void *b)
{
	const struct function *const *x = a, *const *y = b;
	return ((*x)->code.entry > (*y)->code.entry) - ((*x)->code.entry < (*y)->code.entry);
}

/* A function too large is one that is not there: its anchors say nothing. */
static void drop_function(struct function *function)
{
	function->code.entry = function->code.end = 0;
	vec_free(&function->refs.refs);
}

static enum gospy_code decode_function(struct function *function, struct paged_pass *pass,
				       struct gospy_error *err)
{
	if (function->code.name == main_main)
		return GOSPY_OK;
	if (function->code.end - function->code.entry > CODE_REFS_CODE_MAX) {
		drop_function(function);
		return GOSPY_OK;
	}
	struct span span = code_of(pass, &function->code);
	if (!span.ptr)
		return GOSPY_OK;
	enum gospy_code code = code_refs_find(span, function->code.entry, &function->refs, err);
	if (code != GOSPY_E_LIMIT)
		return code;
	drop_function(function);
	return GOSPY_OK;
}

/* In the order of their addresses, so that one pass reads them. */
static enum gospy_code decode_functions(struct finder *f, struct gospy_error *err)
{
	CLEANUP(paged_pass_deinit) struct paged_pass pass = paged_pass_of(f->pcln->image);
	CLEANUP_FREE struct function **order = calloc(f->count, sizeof(*order));
	enum gospy_code code = GOSPY_OK;
	if (!order)
		return err_nomem(err);
	for (size_t i = 0; i < f->count; i++)
		order[i] = &f->functions[i];
	qsort(order, f->count, sizeof(*order), compare_entries);
	for (size_t i = 0; !code && i < f->count; i++)
		code = decode_function(order[i], &pass, err);
	return code;
}

static enum gospy_code find_functions(struct finder *f, struct gospy_error *err)
{
	CLEANUP_FREE struct pcln_named *named = calloc(f->count, sizeof(*named));
	if (!named)
		return err_nomem(err);
	for (size_t i = 0; i < f->count; i++)
		named[i] = f->functions[i].code;
	enum gospy_code code = pcln_find_names(f->pcln, named, f->count, err);
	for (size_t i = 0; i < f->count; i++)
		f->functions[i].code = named[i];
	return code;
}

/* ----------------------------------------------------------------------------------- the rules --
 */

/* Data of the module: that of C code lies in between, and there are tables of the linker's. */
static bool is_data(const struct moduledata *md, uint64_t addr)
{
	return (addr >= md->noptrdata && addr < md->enoptrdata) ||
	       (addr >= md->data && addr < md->edata) || (addr >= md->bss && addr < md->ebss) ||
	       (addr >= md->noptrbss && addr < md->enoptrbss) || addr == md->addr;
}

static bool is_taken(const struct finder *f, uint64_t addr)
{
	for (size_t i = 0; i < f->taken_count; i++) {
		if (addr >= f->taken[i].addr && addr - f->taken[i].addr < f->taken[i].len)
			return true;
	}
	return false;
}

static bool ref_is(const struct code_ref *ref, const struct anchor *anchor)
{
	return (ref->kinds & anchor->kinds) != 0 &&
	       (ref->kinds == CODE_REF_ADDRESS || ref->size == anchor->size);
}

/* Where place `k` of the rule's anchor `a` is. */
static const struct function *function_at(const struct finder *f, const struct rule *rule, size_t a,
					  size_t k)
{
	return &f->functions[f->places[rule - rules][a][k]];
}

static bool uses(const struct finder *f, const struct rule *rule, size_t a, uint64_t addr)
{
	const struct anchor *anchor = &rule->anchors[a];
	bool exists = false;
	for (size_t k = 0; k < PLACES_MAX && anchor->places[k]; k++) {
		const struct function *function = function_at(f, rule, a, k);
		exists |= function->code.entry != 0;
		for (size_t i = 0; function->code.entry && i < function->refs.refs.len; i++) {
			const struct code_ref *ref = &function->refs.refs.at[i];
			if (ref_is(ref, anchor) && ref->value - anchor->off == addr)
				return true;
		}
	}
	return !exists;
}

static bool fits(struct finder *f, const struct rule *rule, uint64_t addr)
{
	// A variable of 4, 8, 16 bytes ... is aligned as its words are.
	uint64_t align = rule->extent % 8 == 0 ? 8 : rule->extent % 4 == 0 ? 4 : 1;
	if (!is_data(&f->pcln->md, addr) || is_taken(f, addr) || addr % align)
		return false;
	for (size_t i = 0; i < ANCHORS_MAX && rule->anchors[i].kinds; i++) {
		if (!uses(f, rule, i, addr))
			return false;
	}
	return !rule->check || rule->check(f->pcln, addr);
}

static void add_candidate(struct code_global *global, uint64_t addr)
{
	for (size_t i = 0; i < global->count && i < CODE_GLOBAL_CANDIDATES; i++) {
		if (global->addr[i] == addr)
			return;
	}
	if (global->count < CODE_GLOBAL_CANDIDATES)
		global->addr[global->count] = addr;
	global->count++;
}

/* Take the addresses that the first anchor whose function exists refers to, and to which all other
 * anchors agree. */
static void apply(struct finder *f, const struct rule *rule)
{
	struct code_global *global = &f->found.at[rule->id];
	for (size_t i = 0; i < ANCHORS_MAX && rule->anchors[i].kinds; i++) {
		const struct anchor *anchor = &rule->anchors[i];
		bool exists = false;
		for (size_t k = 0; k < PLACES_MAX && anchor->places[k]; k++) {
			const struct function *function = function_at(f, rule, i, k);
			exists |= function->code.entry != 0;
			for (size_t r = 0; r < function->refs.refs.len; r++) {
				const struct code_ref *ref = &function->refs.refs.at[r];
				if (ref_is(ref, anchor) && fits(f, rule, ref->value - anchor->off))
					add_candidate(global, ref->value - anchor->off);
			}
		}
		if (exists)
			break;
	}
	if (global->count != 1 || !rule->extent)
		return;
	f->taken[f->taken_count].addr = global->addr[0];
	f->taken[f->taken_count++].len = rule->extent;
}

/* ---------------------------------------------------------------------------------- the checks --
 */

static bool check_module(struct pclntab *pcln, uint64_t addr)
{
	return addr == pcln->md.addr;
}

/* The text of the Go string at `addr`, if it is one of at most `max` bytes in the image. */
static struct span go_string(struct pclntab *pcln, uint64_t addr, uint64_t max)
{
	uint64_t text, len;
	const uint8_t *bytes = NULL;
	if (paged_u64(pcln->image, addr, &text) && paged_u64(pcln->image, addr + 8, &len) && len &&
	    len <= max)
		bytes = paged_at_addr(pcln->image, text, len);
	return (struct span){bytes, bytes ? (size_t)len : 0};
}

static bool check_version(struct pclntab *pcln, uint64_t addr)
{
	char text[256]; // "devel go1.26-<hash> <date> X:a,b,c"
	struct span s = go_string(pcln, addr, sizeof(text) - 1);
	struct go_version version;
	if (!s.len)
		return false;
	memcpy(text, s.ptr, s.len);
	text[s.len] = 0;
	return go_version_parse(text, &version);
}

/* cmd/go/internal/modload/build.go:infoStart. A program of no module has an empty string. */
static bool check_modinfo(struct pclntab *pcln, uint64_t addr)
{
	enum { MODINFO_MAX = 1 << 20 };
	static const uint8_t start[] = {0x30, 0x77, 0xaf, 0x0c, 0x92, 0x74, 0x08, 0x02,
					0x41, 0xe1, 0xc1, 0x07, 0xe6, 0xd6, 0x18, 0xe6};
	struct span s = go_string(pcln, addr, MODINFO_MAX);
	return s.len > sizeof(start) && memcmp(s.ptr, start, sizeof(start)) == 0;
}

/* It is among the variables that hold no pointers and begin as zero, as m0 and sched do. */
static bool check_no_pointers(struct pclntab *pcln, uint64_t addr)
{
	return addr >= pcln->md.noptrbss && addr < pcln->md.enoptrbss;
}

/* runtime/runtime1.go: a slice, of dbgVar{name string; ...} or, from Go 1.21 on, of pointers to
 * such. Beside it, functions read strings: they have no cap. */
static bool check_dbgvars(struct pclntab *pcln, uint64_t addr)
{
	enum { POINTERS_SINCE = 21, VARS_MAX = 1024, NAME_LEN_MAX = 64 };
	uint64_t var, len, cap;
	if (!paged_u64(pcln->image, addr, &var) || !paged_u64(pcln->image, addr + 8, &len) ||
	    !paged_u64(pcln->image, addr + 16, &cap) || !len || len != cap || len > VARS_MAX ||
	    (pcln->minor >= POINTERS_SINCE && !paged_u64(pcln->image, var, &var)))
		return false;
	struct span name = go_string(pcln, var, NAME_LEN_MAX);
	for (size_t i = 0; i < name.len; i++) {
		if (name.ptr[i] <= ' ' || name.ptr[i] > '~')
			return false;
	}
	return name.len != 0;
}

/* ------------------------------------------------------------------------------- special cases --
 */

/* runtime/mprof.go: nothing but stkbucket refers to these in every program. It puts a new bucket at
 * the head of the list that its type is for: mbuckets, or xbuckets if it is mutexProfile, else
 * bbuckets. */
static void find_bucket_lists(struct finder *f)
{
	const struct function *function = function_named(f, RT "stkbucket");
	uint64_t entry = function->code.entry;
	CLEANUP(paged_pass_deinit) struct paged_pass pass = paged_pass_of(f->pcln->image);
	struct span span = code_of(&pass, &function->code);
	for (size_t i = 0; span.ptr && i < function->refs.refs.len; i++) {
		const struct code_ref *ref = &function->refs.refs.at[i];
		if (!(ref->kinds & CODE_REF_COMPARE) || ref->value != MUTEX_PROFILE)
			continue;
		uint64_t mutex = code_refs_chosen(span, entry, ref->offset, true);
		uint64_t block = code_refs_chosen(span, entry, ref->offset, false);
		if (mutex == block || !is_data(&f->pcln->md, mutex) || is_taken(f, mutex) ||
		    !is_data(&f->pcln->md, block) || is_taken(f, block))
			continue;
		add_candidate(&f->found.at[CODE_GLOBAL_xbuckets], mutex);
		add_candidate(&f->found.at[CODE_GLOBAL_bbuckets], block);
	}
}

/* runtime/runtime2.go: waitReason.String compares with the length of the array, and nothing else
 * with a constant. */
static void find_wait_reason_count(struct finder *f)
{
	struct code_global *global = &f->found.at[CODE_GLOBAL_waitReasonStrings];
	const struct function *function = function_named(f, RT "waitReason.String");
	uint64_t length = 0;
	for (size_t i = 0; i < function->refs.refs.len; i++) {
		const struct code_ref *ref = &function->refs.refs.at[i];
		if (!(ref->kinds & CODE_REF_COMPARE))
			continue;
		if (length && ref->value != length)
			return;
		length = ref->value;
	}
	global->length = length;
}

/* -------------------------------------------------------------------------------------------------
 */

static void finder_deinit(struct finder *f)
{
	for (size_t i = 0; i < f->count; i++)
		vec_free(&f->functions[i].refs.refs);
	free(f->functions);
}

#define NAME_(name) [CODE_GLOBAL_##name] = "runtime." #name,

enum gospy_code code_globals_find(struct pclntab *pcln, enum code_global_set set,
				  struct code_globals *ret, struct gospy_error *err)
{
	static const char *const names[] = {CODE_GLOBALS(NAME_)};
	CLEANUP(finder_deinit) struct finder f = {.pcln = pcln, .set = set};
	f.functions = calloc(RULES * ANCHORS_MAX * PLACES_MAX + 1, sizeof(*f.functions));
	if (!f.functions)
		return err_nomem(err);
	list_functions(&f);
	enum gospy_code code = find_functions(&f, err);
	if (!code)
		code = decode_functions(&f, err);
	if (code)
		return code;
	for (size_t i = 0; i < CODE_GLOBAL_COUNT; i++)
		f.found.at[i].name = names[i];
	for (size_t i = 0; i < RULES; i++) {
		if (rule_applies(&f, &rules[i]))
			apply(&f, &rules[i]);
	}
	if (set == CODE_GLOBALS_ALWAYS) {
		find_bucket_lists(&f);
		find_wait_reason_count(&f);
	}
	f.found.main_main = function_named(&f, main_main)->code.entry;
	*ret = f.found;
	return GOSPY_OK;
}

const struct code_global *code_globals_named(const struct code_globals *globals, const char *name)
{
	for (size_t i = 0; i < CODE_GLOBAL_COUNT; i++) {
		if (strcmp(globals->at[i].name, name) == 0)
			return &globals->at[i];
	}
	return NULL;
}
