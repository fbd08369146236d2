#include "dwarf/go/lock_table.h"

#include <string.h>

struct lock_func {
	struct lock_flow flow;
	bool unclear;
};

static void func_destroy(struct lock_func *func)
{
	lock_flow_deinit(&func->flow);
	free(func);
}

void lock_table_deinit(struct lock_table *table)
{
	for (size_t i = 0; i < table->funcs.cap; i++) {
		const struct map_entry *entry = &table->funcs.entries[i];
		if (entry->used && entry->value)
			func_destroy((struct lock_func *)(uintptr_t)entry->value);
	}
	map_deinit(&table->funcs);
}

/* ---- names */

struct named {
	const char *name;
	enum lock_callee_kind kind;
};

/* src/sync/mutex.go and rwmutex.go, from Go 1.24 on src/internal/sync/mutex.go. lockSlow and the
 * like are apart since Go 1.13, and are called with the same receiver. */
static const struct named named[] = {
	{"sync.(*Mutex).Lock", CALLEE_LOCK},
	{"sync.(*Mutex).lockSlow", CALLEE_LOCK},
	{"internal/sync.(*Mutex).Lock", CALLEE_LOCK},
	{"internal/sync.(*Mutex).lockSlow", CALLEE_LOCK},
	{"sync.(*RWMutex).Lock", CALLEE_LOCK},
	{"sync.(*Mutex).Unlock", CALLEE_UNLOCK},
	{"sync.(*Mutex).unlockSlow", CALLEE_UNLOCK},
	{"internal/sync.(*Mutex).Unlock", CALLEE_UNLOCK},
	{"internal/sync.(*Mutex).unlockSlow", CALLEE_UNLOCK},
	{"sync.(*RWMutex).Unlock", CALLEE_UNLOCK},
	{"sync.(*RWMutex).RLock", CALLEE_RLOCK},
	{"sync.(*rlocker).Lock", CALLEE_RLOCK},
	{"sync.(*RWMutex).RUnlock", CALLEE_RUNLOCK},
	{"sync.(*RWMutex).rUnlockSlow", CALLEE_RUNLOCK},
	{"sync.(*rlocker).Unlock", CALLEE_RUNLOCK},
	{"sync.(*Mutex).TryLock", CALLEE_TRY_LOCK},
	{"internal/sync.(*Mutex).TryLock", CALLEE_TRY_LOCK},
	{"sync.(*RWMutex).TryLock", CALLEE_TRY_LOCK},
	{"sync.(*RWMutex).TryRLock", CALLEE_TRY_RLOCK},
	{"sync.runtime_SemacquireMutex", CALLEE_WAIT},
	{"sync.runtime_SemacquireRWMutexR", CALLEE_WAIT},
	{"internal/sync.runtime_SemacquireMutex", CALLEE_WAIT},
	{"runtime.deferreturn", CALLEE_RUN_DEFERRED},
	{"runtime.gopanic", CALLEE_NO_RETURN},
	{"runtime.throw", CALLEE_NO_RETURN},
	{"runtime.Goexit", CALLEE_NO_RETURN},
	{"runtime.block", CALLEE_NO_RETURN},
	{"sync.fatal", CALLEE_NO_RETURN},
	{"sync.throw", CALLEE_NO_RETURN},
};

static bool begins(const char *s, const char *with)
{
	return strncmp(s, with, strlen(with)) == 0;
}

static enum lock_callee_kind kind_of(const char *name)
{
	for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++) {
		if (strcmp(name, named[i].name) == 0)
			return named[i].kind;
	}
	// panicIndex, panicSliceAcap, panicdivide, panicdottypeE ..., fatal, fatalthrow
	if ((begins(name, "runtime.panic") && strcmp(name, "runtime.panicwrap") != 0) ||
	    begins(name, "runtime.fatal"))
		return CALLEE_NO_RETURN;
	// The function begins anew behind it, as if nothing had been.
	if (begins(name, "runtime.morestack"))
		return CALLEE_NO_RETURN;
	return CALLEE_OTHER;
}

/* Of these it is known that they take and release nothing for those who call them: they know no
 * lock of anybody else, or are what locks are made of. */
static bool keeps_locks(const char *name)
{
	static const char *const beginnings[] = {
		"runtime.",  "runtime/", "internal/", "reflect.",  "syscall.", "fmt.",
		"strings.",  "strconv.", "errors.",   "unicode",   "math",     "time.",
		"sort.",     "bytes.",   "os.",       "io.",       "bufio.",   "context.",
		"sync.",     "sync/",    "gosave_",   "gogo",      "type:",    "type..",
		"encoding/", "hash/",    "crypto/",   "compress/", "slices.",  "maps.",
		"go:",       "go.",      "path",      "regexp",    "cmp.",     "iter.",
	};
	for (size_t i = 0; i < sizeof(beginnings) / sizeof(beginnings[0]); i++) {
		if (begins(name, beginnings[i]))
			return true;
	}
	return false;
}

/* ---- functions */

/* One that is being read: how deep, and in which table. */
struct reading {
	struct lock_table *table;
	struct pcln_func func;
	unsigned depth;
};

static struct lock_func *func_at(struct lock_table *table, const struct pcln_func *func,
				 unsigned depth);

/* Is it a function literal in the other one, or what a defer statement there was made into? These
 * are a part of it: cmd/compile/internal/ir/func.go:closureName. */
static bool is_inner(const char *outer, const char *name)
{
	size_t len = outer ? strlen(outer) : 0;
	return len && strncmp(outer, name, len) == 0 && name[len] == '.';
}

static void find_callee(void *ctx, uint64_t target, struct lock_callee *ret)
{
	const struct reading *reading = ctx;
	struct pcln_func func;
	if (!pcln_find_func(reading->table->pcln, target, &func) || !func.name)
		return;
	ret->kind = kind_of(func.name);
	ret->is_func = func.entry == target;
	// _ArgsSizeUnknown, src/runtime/symtab.go
	ret->args = func.args < 0 ? LOCK_ARGS_UNKNOWN : (uint32_t)func.args;
	if (ret->kind != CALLEE_OTHER || keeps_locks(func.name))
		return;
	bool inner = is_inner(reading->func.name, func.name);
	ret->unread = func.entry != target || (!reading->depth && !inner);
	if (ret->unread)
		return;
	const struct lock_func *callee =
		func_at(reading->table, &func, reading->depth - (inner ? 0 : 1));
	ret->unread = ret->unclear = !callee || callee->unclear;
	if (!ret->unclear &&
	    (callee->flow.summary.taken_count || callee->flow.summary.released_count))
		ret->summary = &callee->flow.summary;
}

static bool read_word(void *ctx, uint64_t addr, uint64_t *ret)
{
	const struct reading *reading = ctx;
	const uint8_t *bytes = paged_at_addr(reading->func.table->image, addr, sizeof(*ret));
	if (bytes)
		memcpy(ret, bytes, sizeof(*ret));
	return bytes;
}

/* Read its code. False: it is not clear what it does. */
static bool read_flow(struct reading *reading, const uint32_t *exact, struct lock_flow *ret)
{
	enum { REGISTERS_SINCE = 17 };
	struct lock_table *table = reading->table;
	const struct pcln_func *func = &reading->func;
	uint64_t len = func->end - func->entry;
	if (table->insns >= LOCK_TABLE_INSNS) {
		table->cut = true;
		return false;
	}
	const uint8_t *bytes = func->end > func->entry && len <= INSN_CODE_MAX
				       ? paged_at_addr(func->table->image, func->entry, len)
				       : NULL;
	if (!bytes)
		return false;
	const struct lock_code code = {
		.code = {bytes, len},
		.addr = func->entry,
		.registers = func->table->minor >= REGISTERS_SINCE,
		.callee = find_callee,
		.word = read_word,
		.ctx = reading,
		.want_exact = exact,
		.exact = exact ? *exact : 0,
	};
	enum gospy_code status = lock_flow_read(&code, ret, NULL);
	table->insns += ret->insns;
	return status == GOSPY_OK;
}

/* NULL: out of memory. */
static struct lock_func *func_at(struct lock_table *table, const struct pcln_func *func,
				 unsigned depth)
{
	uint64_t key = func->entry << 2 | depth;
	uint64_t *at = map_get(&table->funcs, key);
	if (at)
		return (struct lock_func *)(uintptr_t)*at;
	struct lock_func *found = calloc(1, sizeof(*found));
	if (!found)
		return NULL;
	at = map_put(&table->funcs, key);
	if (!at) {
		func_destroy(found);
		return NULL;
	}
	*at = (uintptr_t)found;
	struct reading reading = {.table = table, .func = *func, .depth = depth};
	found->unclear = true; // as long as it is being read: it may call itself
	bool clear = read_flow(&reading, NULL, &found->flow);
	found->unclear = !clear;
	return found;
}

/* ---- answers */

static bool is_one_of(const char *name, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(name, names[i]) == 0)
			return true;
	}
	return false;
}

/* What a name alone tells. */
static bool tell_by_name(const char *name, enum lock_answer_kind *ret)
{
	static const char *const unwinding[] = {"runtime.gopanic", "runtime.Goexit"};
	enum lock_callee_kind kind = kind_of(name);
	*ret = LOCK_NONE;
	if (is_one_of(name, unwinding, sizeof(unwinding) / sizeof(unwinding[0])))
		*ret = LOCK_UNWINDING;
	else if (strcmp(name, "sync.(*Cond).Wait") == 0)
		*ret = LOCK_COND_WAIT;
	else if (kind == CALLEE_UNLOCK || kind == CALLEE_RUNLOCK)
		*ret = LOCK_RELEASING;
	else
		return begins(name, "runtime.") || kind != CALLEE_OTHER ||
		       begins(name, "sync.runtime_") || begins(name, "internal/sync.runtime_");
	return true;
}

/* Where it was interrupted: it is read anew, since what is kept is of its calls only. */
static struct lock_answer answer_exact(struct lock_table *table, const struct pcln_func *func,
				       uint32_t off)
{
	struct lock_answer answer = {.kind = LOCK_UNCLEAR, .entry = func->entry};
	struct reading reading = {.table = table, .func = *func, .depth = LOCK_TABLE_DEPTH};
	struct lock_func *found = calloc(1, sizeof(*found));
	uint64_t *at = map_put(&table->funcs, (func->entry + off) << 2 | 3);
	if (!found || !at || *at) {
		free(found);
		if (!at || !*at)
			return answer;
		found = (struct lock_func *)(uintptr_t)*at;
	} else {
		*at = (uintptr_t)found;
		found->unclear = !read_flow(&reading, &off, &found->flow);
	}
	if (found->unclear || (!found->flow.plain && !found->flow.exact_reached))
		return answer;
	answer.site = lock_flow_site(&found->flow, off, true);
	answer.found = found->flow.found.at;
	answer.kind = answer.site ? LOCK_SITE : LOCK_NONE;
	return answer;
}

struct lock_answer lock_table_at(struct lock_table *table, uint64_t pc, bool exact)
{
	struct pcln_func func;
	struct lock_answer answer = {.kind = LOCK_UNCLEAR};
	// A return address may be the first byte of the next function.
	if (!pcln_find_func(table->pcln, exact ? pc : pc - 1, &func) || !func.name)
		return answer;
	answer.entry = func.entry;
	if (tell_by_name(func.name, &answer.kind))
		return answer;
	uint32_t off = (uint32_t)(pc - func.entry);
	if (exact)
		return answer_exact(table, &func, off);
	answer.kind = LOCK_UNCLEAR;
	const struct lock_func *found = func_at(table, &func, LOCK_TABLE_DEPTH);
	if (!found || found->unclear || !lock_flow_reached(&found->flow, off))
		return answer;
	answer.site = lock_flow_site(&found->flow, off, false);
	answer.found = found->flow.found.at;
	answer.kind = answer.site ? LOCK_SITE : LOCK_NONE;
	return answer;
}

enum lock_callee_kind lock_table_method(struct lock_table *table, uint64_t entry)
{
	struct pcln_func func;
	if (!pcln_find_func(table->pcln, entry, &func) || func.entry != entry || !func.name)
		return CALLEE_OTHER;
	enum lock_callee_kind kind = kind_of(func.name);
	return kind == CALLEE_LOCK || kind == CALLEE_RLOCK ? kind : CALLEE_OTHER;
}

static bool summary_releases(const struct lock_func *found)
{
	for (unsigned i = 0; found && !found->unclear && i < found->flow.summary.released_count;
	     i++) {
		if (found->flow.summary.released[i].certain)
			return true;
	}
	return false;
}

/* Is there a function at this address, or a pointer to one, that the function defers, perhaps, and
 * that releases a lock? */
static bool leads_to_release(struct lock_table *table, const struct pcln_func *outer, uint64_t addr)
{
	const struct reading reading = {.table = table, .func = *outer};
	struct pcln_func func;
	uint64_t entry = addr;
	if ((!pcln_find_func(table->pcln, entry, &func) || func.entry != entry) &&
	    (!read_word((void *)(uintptr_t)&reading, addr, &entry) ||
	     !pcln_find_func(table->pcln, entry, &func) || func.entry != entry))
		return false;
	if (!func.name)
		return false;
	enum lock_callee_kind kind = kind_of(func.name);
	if (kind == CALLEE_UNLOCK || kind == CALLEE_RUNLOCK)
		return true;
	return is_inner(outer->name, func.name) &&
	       summary_releases(func_at(table, &func, LOCK_TABLE_DEPTH));
}

/* What it defers its own code need not show: the call goes by a pointer. */
static bool defers_release(struct lock_table *table, const struct pcln_func *func)
{
	uint64_t len = func->end - func->entry;
	struct insns insns = {0};
	bool found = false;
	const uint8_t *bytes = func->end > func->entry && len <= INSN_CODE_MAX
				       ? paged_at_addr(func->table->image, func->entry, len)
				       : NULL;
	if (!bytes || table->insns >= LOCK_TABLE_INSNS ||
	    insns_decode((struct span){bytes, len}, func->entry, &insns, NULL)) {
		vec_free(&insns.list);
		return true; // it is not known
	}
	table->insns += insns.list.len;
	for (size_t i = 0; i < insns.list.len && !found; i++) {
		const struct insn *in = &insns.list.at[i];
		if (in->op == INSN_LEA && in->mem.base == INSN_NO_REG && !in->mem.indexed)
			found = leads_to_release(table, func, (uint64_t)in->mem.disp);
	}
	vec_free(&insns.list);
	return found;
}

static bool takes_any(const struct lock_flow *flow)
{
	for (size_t i = 0; i < flow->sites.len; i++) {
		if (flow->sites.at[i].held_count)
			return true;
	}
	return flow->summary.taken_count;
}

bool lock_table_releases(struct lock_table *table, uint64_t pc)
{
	struct pcln_func func;
	enum lock_answer_kind kind;
	if (!pcln_find_func(table->pcln, pc, &func) || !func.name || keeps_locks(func.name) ||
	    tell_by_name(func.name, &kind))
		return false;
	const struct lock_func *found = func_at(table, &func, LOCK_TABLE_DEPTH);
	if (!found)
		return true; // it is not known
	if (summary_releases(found))
		return true;
	// What it defers to release is what it takes, if it takes anything.
	return !takes_any(&found->flow) && defers_release(table, &func);
}
