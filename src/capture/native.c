#include "capture/native.h"

#include <libunwind.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "dwarf/cfi_check.h"
#include "dwarf/eh_frame_hdr.h"

/* Part of libunwind for remote processes, and of its ABI, but in no header of it. */
extern int UNW_OBJ(dwarf_search_unwind_table)(unw_addr_space_t as, unw_word_t ip,
					      unw_dyn_info_t *di, unw_proc_info_t *pi,
					      int need_unwind_info, void *arg);

enum {
	PAGE = 4096,
	/* Pages of unwind tables and code that are kept: 64 MiB. */
	PAGES_MAX = 1 << 14,
	WORD = sizeof(unw_word_t),
};

/* Words that all walks together may read, many times what ten thousand threads take. */
#define READS_MAX (UINT64_C(1) << 28)

struct native_walker {
	struct modules *modules;
	bool (*is_go)(void *ctx, uint64_t pc);
	void *ctx;
	unw_addr_space_t space;
	struct map pages; /* address -> bytes, or 0: cannot be read */
	struct arena page_arena;
	struct map entries; /* address of an FDE -> 1: can be used; 2: cannot */
	uint8_t entry[CFI_ENTRY_MAX];
	uint64_t reads_left;
	VEC(struct native_frame) frames;
	/* State of the walk. */
	const struct native_start *start;
	uint64_t walk_reads_left;
	/* State of the step. */
	bool no_info, bad_info, unreadable;
	uint64_t unreadable_addr;
};

static const uint8_t *page_of(struct native_walker *w, uint64_t addr)
{
	addr -= addr % PAGE;
	const uint64_t *known = map_get(&w->pages, addr);
	if (known)
		return (const uint8_t *)(uintptr_t)*known;
	const struct mapping *map = mappings_find(&w->modules->maps, addr);
	if (!map || !map->read || map->write || w->pages.len >= PAGES_MAX)
		return NULL;
	uint8_t *bytes = arena_alloc(&w->page_arena, PAGE);
	uint64_t *slot = map_put(&w->pages, addr);
	if (!bytes || !slot || mem_read(w->modules->source->mem, addr, bytes, PAGE, NULL))
		return NULL;
	*slot = (uint64_t)(uintptr_t)bytes;
	return bytes;
}

/* Read it where the target cannot write. */
static bool copy(struct native_walker *w, uint64_t addr, void *ret, size_t len)
{
	uint8_t *dst = ret;
	for (size_t i = 0; i < len;) {
		uint64_t at = addr + i, off = at % PAGE;
		size_t n = PAGE - off < len - i ? (size_t)(PAGE - off) : len - i;
		const uint8_t *page = page_of(w, at);
		if (!page)
			return false;
		memcpy(dst + i, page + off, n);
		i += n;
	}
	return true;
}

static bool load(struct native_walker *w, uint64_t addr, unw_word_t *ret)
{
	struct span word = span_sub(w->start->bytes, addr - w->start->addr, WORD);
	if (addr < w->start->addr || !word.ptr)
		return copy(w, addr, ret, WORD);
	memcpy(ret, word.ptr, WORD);
	return true;
}

/* libunwind's accessors: 0, or a negative error. */

static int access_mem(unw_addr_space_t as, unw_word_t addr, unw_word_t *value, int write, void *arg)
{
	struct native_walker *w = arg;
	(void)as;
	if (write)
		return -UNW_EINVAL;
	if (w->walk_reads_left && w->reads_left && load(w, addr, value)) {
		w->walk_reads_left--;
		w->reads_left--;
		return 0;
	}
	if (!w->unreadable)
		w->unreadable_addr = addr;
	w->unreadable = true;
	return -UNW_EINVAL;
}

static int access_reg(unw_addr_space_t as, unw_regnum_t reg, unw_word_t *value, int write,
		      void *arg)
{
	const struct native_walker *w = arg;
	const struct user_regs_struct *regs = w->start->regs;
	const unsigned long long values[] = {
		[UNW_X86_64_RAX] = regs->rax, [UNW_X86_64_RDX] = regs->rdx,
		[UNW_X86_64_RCX] = regs->rcx, [UNW_X86_64_RBX] = regs->rbx,
		[UNW_X86_64_RSI] = regs->rsi, [UNW_X86_64_RDI] = regs->rdi,
		[UNW_X86_64_RBP] = regs->rbp, [UNW_X86_64_RSP] = regs->rsp,
		[UNW_X86_64_R8] = regs->r8,   [UNW_X86_64_R9] = regs->r9,
		[UNW_X86_64_R10] = regs->r10, [UNW_X86_64_R11] = regs->r11,
		[UNW_X86_64_R12] = regs->r12, [UNW_X86_64_R13] = regs->r13,
		[UNW_X86_64_R14] = regs->r14, [UNW_X86_64_R15] = regs->r15,
		[UNW_X86_64_RIP] = regs->rip,
	};
	(void)as;
	if (write || reg < 0 || (size_t)reg >= sizeof(values) / sizeof(values[0]))
		return -UNW_EBADREG;
	*value = values[reg];
	return 0;
}

static int access_fpreg(unw_addr_space_t as, unw_regnum_t reg, unw_fpreg_t *value, int write,
			void *arg)
{
	(void)as;
	(void)reg;
	(void)value;
	(void)write;
	(void)arg;
	return -UNW_EBADREG;
}

/* The FDE that libunwind is going to find, or 0. */
static uint64_t find_fde(struct native_walker *w, const struct module *module, uint64_t ip)
{
	int32_t entry[EH_FRAME_ENTRY / sizeof(int32_t)];
	uint64_t lo = 0, hi = module->table_count;
	while (lo < hi) {
		uint64_t mid = lo + (hi - lo) / 2;
		if (!copy(w, module->table + mid * EH_FRAME_ENTRY, entry, sizeof(entry)))
			return 0;
		if ((int32_t)(ip - module->hdr) < entry[0])
			hi = mid;
		else
			lo = mid + 1;
	}
	if (!lo || !copy(w, module->table + (lo - 1) * EH_FRAME_ENTRY, entry, sizeof(entry)))
		return 0;
	return module->hdr + (uint64_t)(int64_t)entry[1];
}

/* Copy a whole entry to w->entry. */
static bool read_entry(struct native_walker *w, uint64_t addr, struct cfi_head *head,
		       struct span *ret)
{
	if (!copy(w, addr, w->entry, CFI_HEAD) ||
	    !cfi_head_parse((struct span){w->entry, CFI_HEAD}, addr, head) ||
	    !copy(w, addr, w->entry, (size_t)head->size))
		return false;
	*ret = (struct span){w->entry, (size_t)head->size};
	return true;
}

static bool check_fde(struct native_walker *w, uint64_t addr)
{
	struct cfi_head fde, head;
	struct cfi_cie cie;
	struct span bytes;
	return read_entry(w, addr, &fde, &bytes) && !fde.is_cie &&
	       read_entry(w, fde.cie_addr, &head, &bytes) && head.is_cie &&
	       cfi_cie_check(bytes, &cie) && read_entry(w, addr, &fde, &bytes) &&
	       cfi_fde_check(bytes, &cie);
}

static bool is_usable(struct native_walker *w, uint64_t fde)
{
	uint64_t *known = map_put(&w->entries, fde);
	if (!known)
		return false;
	if (!*known)
		*known = check_fde(w, fde) ? 1 : 2;
	return *known == 1;
}

static int find_proc_info(unw_addr_space_t as, unw_word_t ip, unw_proc_info_t *pi,
			  int need_unwind_info, void *arg)
{
	struct native_walker *w = arg;
	const struct module *module = modules_find(w->modules, ip);
	uint64_t fde = module && module->table_count ? find_fde(w, module, ip) : 0;
	int result = -UNW_ENOINFO;
	if (fde && !is_usable(w, fde)) {
		w->bad_info = true;
		return -UNW_EINVAL;
	}
	if (fde) {
		unw_dyn_info_t table = {
			.start_ip = ip,
			.end_ip = ip + 1,
			.format = UNW_INFO_FORMAT_REMOTE_TABLE,
			.u.rti.segbase = module->hdr,
			.u.rti.table_data = module->table,
			.u.rti.table_len = module->table_count * EH_FRAME_ENTRY / WORD,
		};
		result = UNW_OBJ(dwarf_search_unwind_table)(as, ip, &table, pi, need_unwind_info,
							    arg);
	}
	// libunwind would go on by guessing that there is a frame pointer.
	w->no_info |= result < 0;
	return result;
}

static void put_unwind_info(unw_addr_space_t as, unw_proc_info_t *pi, void *arg)
{
	(void)as;
	(void)pi;
	(void)arg;
}

static int get_dyn_info_list_addr(unw_addr_space_t as, unw_word_t *addr, void *arg)
{
	(void)as;
	(void)addr;
	(void)arg;
	return -UNW_ENOINFO;
}

static int resume(unw_addr_space_t as, unw_cursor_t *cursor, void *arg)
{
	(void)as;
	(void)cursor;
	(void)arg;
	return -UNW_EINVAL;
}

static int get_proc_name(unw_addr_space_t as, unw_word_t addr, char *name, size_t len,
			 unw_word_t *offset, void *arg)
{
	(void)as;
	(void)addr;
	(void)name;
	(void)len;
	(void)offset;
	(void)arg;
	return -UNW_ENOINFO;
}

static unw_accessors_t accessors = {
	.find_proc_info = find_proc_info,
	.put_unwind_info = put_unwind_info,
	.get_dyn_info_list_addr = get_dyn_info_list_addr,
	.access_mem = access_mem,
	.access_reg = access_reg,
	.access_fpreg = access_fpreg,
	.resume = resume,
	.get_proc_name = get_proc_name,
};

enum gospy_code native_walker_create(struct modules *modules, bool (*is_go)(void *ctx, uint64_t pc),
				     void *ctx, struct native_walker **ret, struct gospy_error *err)
{
	struct native_walker *w = calloc(1, sizeof(*w));
	if (!w)
		return err_nomem(err);
	*w = (struct native_walker){
		.modules = modules, .is_go = is_go, .ctx = ctx, .reads_left = READS_MAX};
	w->space = unw_create_addr_space(&accessors, 0);
	if (!w->space) {
		native_walker_destroy(w);
		return err_nomem(err);
	}
	// libunwind's cache takes a return address and the place where a thread was interrupted for
	// the same.
	unw_set_caching_policy(w->space, UNW_CACHE_NONE);
	*ret = w;
	return GOSPY_OK;
}

void native_walker_destroy(struct native_walker *w)
{
	if (!w)
		return;
	if (w->space)
		unw_destroy_addr_space(w->space);
	map_deinit(&w->pages);
	map_deinit(&w->entries);
	arena_deinit(&w->page_arena);
	vec_free(&w->frames);
	free(w);
}

static bool add_frame(struct native_walker *w, uint64_t pc, bool interrupted, struct arena *arena)
{
	// A return address belongs to the call before it.
	uint64_t at = interrupted ? pc : pc - 1;
	struct native_frame frame = {.pc = pc, .interrupted = interrupted};
	struct module *module = modules_find(w->modules, at);
	if (module) {
		const struct elf_func *func = modules_func(w->modules, module, at);
		frame.module = arena_strdup(arena, module->path);
		frame.module_base = module->base;
		const struct source_function *told =
			func ? NULL : source_function_at(&w->modules->source->taken, pc);
		if (func || told) {
			frame.func = arena_strdup(arena, func ? func->name : told->name);
			frame.entry = func ? module->bias + func->addr : told->entry;
		}
		if (!frame.module || ((func || told) && !frame.func))
			return false;
	}
	return vec_push(&w->frames, frame);
}

static void end_at(struct native_stack *stack, enum native_end end, uint64_t addr)
{
	stack->end = end;
	stack->end_addr = addr;
}

/* A function that cgo has written for a call, `_cgo_97ab22c4dc7b_C2func_getaddrinfo`: nothing but
 * asmcgocall calls it (src/cmd/cgo/doc.go, "Translating Go"). Go's own linker, which links programs
 * that use C by way of net and os/user alone, drops its unwind information. */
static bool is_cgo_stub(const char *func)
{
	if (!func || strncmp(func, "_cgo_", 5) != 0)
		return false;
	func += 5 + strspn(func + 5, "0123456789abcdef");
	return strncmp(func, "_Cfunc_", 7) == 0 || strncmp(func, "_C2func_", 8) == 0;
}

struct spot {
	unw_word_t pc, sp;
};

static bool place_of(unw_cursor_t *cursor, struct spot *ret)
{
	return unw_get_reg(cursor, UNW_REG_IP, &ret->pc) == 0 &&
	       unw_get_reg(cursor, UNW_REG_SP, &ret->sp) == 0;
}

/* Does a core file lack what would tell how to go on, because the file of the code is not there? */
static bool lacks_file(struct native_walker *w, uint64_t pc)
{
	struct module *module = modules_find(w->modules, pc);
	return w->modules->source->kind == GOSPY_TARGET_CORE && module &&
	       !modules_open(w->modules, module);
}

/* Step to the caller; false: the walk ends, and `stack` says why. */
static bool step(struct native_walker *w, unw_cursor_t *cursor, struct spot *place,
		 struct native_stack *stack)
{
	struct spot before = *place;
	w->no_info = w->bad_info = w->unreadable = false;
	int result = unw_step(cursor);
	if (!w->walk_reads_left || !w->reads_left)
		end_at(stack, NATIVE_TOO_LONG, before.pc);
	else if (w->no_info && is_cgo_stub(w->frames.at[w->frames.len - 1].func))
		end_at(stack, NATIVE_DONE, 0);
	else if (w->no_info)
		end_at(stack, lacks_file(w, before.pc) ? NATIVE_NO_FILE : NATIVE_NO_INFO,
		       before.pc);
	else if (w->unreadable)
		end_at(stack, NATIVE_UNREADABLE, w->unreadable_addr);
	else if (w->bad_info || result < 0 || (result > 0 && !place_of(cursor, place)))
		end_at(stack, NATIVE_BAD_INFO, before.pc);
	else if (result > 0 && place->sp <= before.sp)
		end_at(stack, NATIVE_ASTRAY, place->sp);
	else
		return result > 0 && place->pc;
	return false;
}

static bool walk(struct native_walker *w, struct arena *arena, struct native_stack *stack)
{
	unw_cursor_t cursor;
	struct spot place;
	if (unw_init_remote(&cursor, w->space, w) || !place_of(&cursor, &place)) {
		end_at(stack, NATIVE_BAD_INFO, w->start->regs->rip);
		return true;
	}
	for (bool interrupted = true;;) {
		if (w->is_go(w->ctx, place.pc)) {
			stack->go_pc = place.pc;
			stack->go_sp = place.sp;
			if (unw_get_reg(&cursor, UNW_X86_64_RBP, &stack->go_bp))
				stack->go_bp = 0;
			return true;
		}
		if (w->frames.len == NATIVE_FRAMES_MAX) {
			end_at(stack, NATIVE_TOO_DEEP, place.pc);
			return true;
		}
		if (!add_frame(w, place.pc, interrupted, arena))
			return false;
		interrupted = unw_is_signal_frame(&cursor) > 0;
		if (!step(w, &cursor, &place, stack))
			return true;
	}
}

bool native_walk(struct native_walker *w, const struct native_start *start, struct arena *arena,
		 struct native_stack *ret)
{
	*ret = (struct native_stack){0};
	w->start = start;
	w->walk_reads_left = NATIVE_READS_MAX;
	w->frames.len = 0;
	bool ok = walk(w, arena, ret);
	struct native_frame *frames = arena_calloc(arena, w->frames.len + 1, sizeof(*frames));
	if (!ok || !frames)
		return false;
	if (w->frames.len)
		memcpy(frames, w->frames.at, w->frames.len * sizeof(*frames));
	ret->frames = frames;
	ret->count = w->frames.len;
	return true;
}
