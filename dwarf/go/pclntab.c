#include "dwarf/go/pclntab.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/cursor.h"
#include "base/paged_pass.h"
#include "dwarf/go/go_version.h"

/*
 * Shape of runtime._func (runtime/runtime2.go) and of what refers to it, by the first Go minor
 * version that has it. The fields from nameoff to npcdata follow the entry in all of them; then
 * come cuOffset, startLine, funcID, flag and nfuncdata, at the offsets below (0: not there).
 */
static const struct pcln_shape {
	int minor;
	uint32_t magic;
	bool text_offsets; /* entries are u32 offsets from moduledata.text, funcdata from gofunc */
	uint8_t cu_offset, start_line, func_id, flag, nfuncdata, size;
} shapes[] = {
	{2, 0xfffffffb, false, 0, 0, 36, 0, 39, 40},
	{16, 0xfffffffa, false, 36, 0, 40, 0, 43, 44},
	{17, 0xfffffffa, false, 36, 0, 40, 41, 43, 44},
	{18, 0xfffffff0, true, 32, 0, 36, 37, 39, 40},
	{20, 0xfffffff1, true, 32, 36, 40, 41, 43, 44},
};

enum {
	FUNCDATA_WRAP_INFO = 7, // Go 1.18+: internal/abi/symtab.go, before 1.21 runtime/symtab.go
	/* Bytes of one pc-value table: a pair of two bytes or so a source line. The largest
	 * functions (generated initialisers) have some megabytes of code. */
	PCVALUE_BYTES_MAX = 1 << 20,
};

#define NO_OFFSET UINT32_MAX // in cutab and in funcdata

static uint64_t ftab_length(const struct pcln_shape *shape, const struct moduledata *md)
{
	return (md->nftab + 1) * (shape->text_offsets ? 8 : 16);
}

enum gospy_code pcln_init(struct pclntab *pcln, struct paged *image, const struct moduledata *md,
			  int minor, struct gospy_error *err)
{
	size_t i = sizeof(shapes) / sizeof(shapes[0]) - 1;
	while (i && shapes[i].minor > minor)
		i--;
	if (shapes[i].magic != md->magic)
		return err_set(err, GOSPY_E_BAD_DATA,
			       "the function table's magic is 0x%08" PRIx32
			       ", that of Go 1.%d is 0x%08" PRIx32,
			       md->magic, minor, shapes[i].magic);
	// Every lookup searches all of it: fetched once, it is an array.
	uint64_t ftab_len = ftab_length(&shapes[i], md);
	const uint8_t *ftab = paged_at_addr(image, md->ftab, ftab_len);
	if (!ftab)
		return err_fault(err, md->ftab, "cannot read the functab at 0x%" PRIx64, md->ftab);
	*pcln = (struct pclntab){
		.image = image,
		.md = *md,
		.minor = minor,
		.shape = &shapes[i],
		.ftab = ftab,
	};
	return GOSPY_OK;
}

uint64_t pcln_ftab_len(const struct pclntab *pcln)
{
	return ftab_length(pcln->shape, &pcln->md);
}

int pcln_minor_of_magic(uint32_t magic)
{
	size_t i = 0;
	while (i < sizeof(shapes) / sizeof(shapes[0]) - 1 && shapes[i].magic != magic)
		i++;
	return shapes[i].minor < GO_MINOR_OLDEST ? GO_MINOR_OLDEST : shapes[i].minor;
}

const char *pcln_name(struct pclntab *pcln, uint32_t nameoff)
{
	return nameoff ? paged_cstr_addr(pcln->image, pcln->md.funcnametab + nameoff, PCLN_NAME_MAX)
		       : "";
}

static uint64_t load_u64(const uint8_t *p)
{
	uint64_t v;
	memcpy(&v, p, sizeof(v));
	return v;
}

static uint32_t load_u32(const uint8_t *p)
{
	uint32_t v;
	memcpy(&v, p, sizeof(v));
	return v;
}

/* runtime.functab `index` up to nftab, which has the end of the last function as its entry. */
static uint64_t ftab_entry(const struct pclntab *pcln, uint64_t index)
{
	return pcln->shape->text_offsets ? pcln->md.text + load_u32(pcln->ftab + index * 8)
					 : load_u64(pcln->ftab + index * 16);
}

static uint64_t ftab_funcoff(const struct pclntab *pcln, uint64_t index)
{
	return pcln->shape->text_offsets ? load_u32(pcln->ftab + index * 8 + 4)
					 : load_u64(pcln->ftab + index * 16 + 8);
}

/* The first eight bytes of the names that are looked for. They tell most functions of a program
 * from these. */
enum { PREFIXES_MAX = 8 };

struct wanted {
	struct pcln_named **by_name; /* sorted */
	size_t count, left;
	uint64_t prefixes[PREFIXES_MAX];
	size_t prefix_count; /* above PREFIXES_MAX: too many to be of use */
};

static bool has_prefix(const struct wanted *w, uint64_t prefix)
{
	for (size_t i = 0; i < w->prefix_count && i < PREFIXES_MAX; i++) {
		if (w->prefixes[i] == prefix)
			return true;
	}
	return w->prefix_count > PREFIXES_MAX;
}

static void add_prefix(struct wanted *w, const char *name)
{
	uint64_t prefix;
	if (strlen(name) < sizeof(prefix)) {
		w->prefix_count = PREFIXES_MAX + 1;
		return;
	}
	memcpy(&prefix, name, sizeof(prefix));
	if (has_prefix(w, prefix))
		return;
	if (w->prefix_count < PREFIXES_MAX)
		w->prefixes[w->prefix_count] = prefix;
	w->prefix_count++;
}

static int compare_named(const void *a, const void *b)
{
	const struct pcln_named *const *x = a, *const *y = b;
	return strcmp((*x)->name, (*y)->name);
}

/* Function `i` is called so. */
static void note_function(const struct pclntab *pcln, struct wanted *w, const char *name,
			  uint64_t i)
{
	const struct pcln_named key = {.name = name}, *key_ptr = &key;
	struct pcln_named **named =
		bsearch(&key_ptr, w->by_name, w->count, sizeof(*w->by_name), compare_named);
	uint64_t entry = ftab_entry(pcln, i), end = ftab_entry(pcln, i + 1);
	if (!named || (*named)->entry || entry >= end)
		return;
	(*named)->entry = entry;
	(*named)->end = end;
	w->left--;
}

/* Functions and their names are, by and large, in the same order. */
static void look_through_names(struct pclntab *pcln, struct wanted *w)
{
	CLEANUP(paged_pass_deinit) struct paged_pass funcs = paged_pass_of(pcln->image);
	CLEANUP(paged_pass_deinit) struct paged_pass names = paged_pass_of(pcln->image);
	// runtime._func begins with its entry, nameoff comes next.
	uint64_t nameoff_at = pcln->md.pclntable + (pcln->shape->text_offsets ? 4 : 8);
	for (uint64_t i = 0; i < pcln->md.nftab && w->left; i++) {
		const uint8_t *nameoff =
			paged_pass_at(&funcs, nameoff_at + ftab_funcoff(pcln, i), sizeof(uint32_t))
				.ptr;
		if (!nameoff)
			continue;
		const uint8_t *prefix =
			paged_pass_at(&names, pcln->md.funcnametab + load_u32(nameoff),
				      sizeof(uint64_t))
				.ptr;
		if (!prefix || !has_prefix(w, load_u64(prefix)))
			continue;
		const char *name = pcln_name(pcln, load_u32(nameoff));
		if (name)
			note_function(pcln, w, name, i);
	}
}

enum gospy_code pcln_find_names(struct pclntab *pcln, struct pcln_named *names, size_t n,
				struct gospy_error *err)
{
	CLEANUP_FREE struct pcln_named **by_name = calloc(n, sizeof(*by_name));
	struct wanted w = {.by_name = by_name, .count = n, .left = n};
	if (!by_name)
		return err_nomem(err);
	for (size_t i = 0; i < n; i++) {
		names[i].entry = names[i].end = 0;
		by_name[i] = &names[i];
		add_prefix(&w, names[i].name);
	}
	qsort(by_name, n, sizeof(*by_name), compare_named);
	look_through_names(pcln, &w);
	return GOSPY_OK;
}

bool pcln_func_at(struct pclntab *pcln, uint64_t index, struct pcln_func *ret)
{
	const struct pcln_shape *shape = pcln->shape;
	if (index >= pcln->md.nftab)
		return false;
	uint64_t entry = ftab_entry(pcln, index), end = ftab_entry(pcln, index + 1);
	uint64_t addr = pcln->md.pclntable + ftab_funcoff(pcln, index);
	const uint8_t *bytes = paged_at_addr(pcln->image, addr, shape->size);
	if (!bytes || end < entry)
		return false;
	struct span span = {bytes, shape->size};
	struct cursor c = cursor_at(span, 0);
	uint64_t own = shape->text_offsets ? pcln->md.text + cursor_u32(&c) : cursor_u64(&c);
	if (own != entry)
		return false;
	struct pcln_func func = {.entry = entry, .end = end, .addr = addr, .table = pcln};
	func.nameoff = cursor_u32(&c);
	func.args = (int32_t)cursor_u32(&c);
	cursor_u32(&c); // deferreturn
	func.pcsp = cursor_u32(&c);
	func.pcfile = cursor_u32(&c);
	func.pcln = cursor_u32(&c);
	func.npcdata = cursor_u32(&c);
	if (shape->cu_offset) {
		c = cursor_at(span, shape->cu_offset);
		func.cu_offset = cursor_u32(&c);
	}
	if (shape->start_line) {
		c = cursor_at(span, shape->start_line);
		func.start_line = cursor_u32(&c);
	}
	func.func_id = bytes[shape->func_id];
	func.flag = shape->flag ? bytes[shape->flag] : 0;
	func.nfuncdata = bytes[shape->nfuncdata];
	func.name = pcln_name(pcln, func.nameoff);
	*ret = func;
	return true;
}

static bool find_in_module(struct pclntab *pcln, uint64_t pc, struct pcln_func *ret)
{
	uint64_t lo = 0, hi = pcln->md.nftab;
	while (hi - lo > 1) {
		uint64_t mid = lo + (hi - lo) / 2;
		if (ftab_entry(pcln, mid) <= pc)
			lo = mid;
		else
			hi = mid;
	}
	struct pcln_func func;
	if (!pcln_func_at(pcln, lo, &func) || pc < func.entry || pc >= func.end)
		return false;
	*ret = func;
	return true;
}

bool pcln_find_func(struct pclntab *pcln, uint64_t pc, struct pcln_func *ret)
{
	while (pcln && (pc < pcln->md.minpc || pc >= pcln->md.maxpc))
		pcln = pcln->next;
	return pcln && find_in_module(pcln, pc, ret);
}

/* Bytes of a table whose length is not known, a page at a time. */
struct stream {
	struct paged *image;
	uint64_t addr; /* behind `end` */
	const uint8_t *at, *end;
	uint32_t left; /* of the budget */
};

static bool stream_fill(struct stream *s)
{
	const struct paged *p = s->image;
	if (s->addr < p->addr || s->addr - p->addr >= p->len)
		return false;
	uint64_t n = PAGED_PAGE - s->addr % PAGED_PAGE, rest = p->len - (s->addr - p->addr);
	if (n > rest)
		n = rest;
	if (n > s->left)
		return false;
	s->at = paged_at_addr(s->image, s->addr, n);
	if (!s->at)
		return false;
	s->end = s->at + n;
	s->addr += n;
	s->left -= (uint32_t)n;
	return true;
}

/* runtime/symtab.go:readvarint. */
static bool stream_varint(struct stream *s, uint32_t *ret)
{
	uint32_t value = 0;
	for (unsigned shift = 0; shift < 32; shift += 7) {
		if (s->at == s->end && !stream_fill(s))
			return false;
		uint8_t b = *s->at++;
		value |= (uint32_t)(b & 0x7f) << shift;
		if (!(b & 0x80)) {
			*ret = value;
			return true;
		}
	}
	return false;
}

/* runtime/symtab.go:pcvalue and step: pairs of a zigzag value delta and a pc delta. */
int32_t pcln_value(const struct pcln_func *func, uint32_t off, uint64_t pc)
{
	const struct pclntab *pcln = func->table;
	if (!off)
		return -1;
	struct stream s = {
		.image = pcln->image, .addr = pcln->md.pctab + off, .left = PCVALUE_BYTES_MAX};
	uint64_t at = func->entry;
	uint32_t value = UINT32_MAX, delta, step;
	while (stream_varint(&s, &delta) && (delta || at == func->entry) &&
	       stream_varint(&s, &step)) {
		value += -(delta & 1) ^ (delta >> 1);
		at += step;
		if (pc < at)
			return (int32_t)value;
	}
	return -1;
}

int32_t pcln_pcdata(const struct pcln_func *func, uint32_t index, uint64_t pc)
{
	const struct pclntab *pcln = func->table;
	uint32_t off;
	if (index >= func->npcdata ||
	    !paged_u32(pcln->image, func->addr + pcln->shape->size + UINT64_C(4) * index, &off))
		return -1;
	return pcln_value(func, off, pc);
}

/* runtime/symtab.go:funcdata. */
uint64_t pcln_funcdata(const struct pcln_func *func, uint32_t index)
{
	const struct pclntab *pcln = func->table;
	if (index >= func->nfuncdata)
		return 0;
	uint64_t array = func->addr + pcln->shape->size + UINT64_C(4) * func->npcdata;
	if (!pcln->shape->text_offsets) {
		array = (array + 7) & ~UINT64_C(7);
		uint64_t addr;
		return paged_u64(pcln->image, array + UINT64_C(8) * index, &addr) ? addr : 0;
	}
	uint32_t off;
	if (!paged_u32(pcln->image, array + UINT64_C(4) * index, &off) || off == NO_OFFSET)
		return 0;
	return pcln->md.gofunc + off;
}

/* runtime/symtab.go:funcfile. */
static const char *file_name(const struct pcln_func *func, uint32_t fileno)
{
	const struct pclntab *pcln = func->table;
	const struct moduledata *md = &pcln->md;
	bool units = pcln->shape->cu_offset != 0; // file numbers count within a compile unit
	uint64_t slot = units ? md->cutab + UINT64_C(4) * ((uint64_t)func->cu_offset + fileno)
			      : md->filetab + UINT64_C(4) * fileno;
	uint32_t off;
	if (!paged_u32(pcln->image, slot, &off) || off == NO_OFFSET)
		return NULL;
	return paged_cstr_addr(pcln->image, (units ? md->filetab : md->pclntable) + off,
			       PCLN_NAME_MAX);
}

void pcln_line(const struct pcln_func *func, uint64_t pc, const char **file_ret, uint32_t *line_ret)
{
	int32_t fileno = pcln_value(func, func->pcfile, pc);
	int32_t line = pcln_value(func, func->pcln, pc);
	bool known = fileno >= 0 && line >= 0;
	*file_ret = known ? file_name(func, (uint32_t)fileno) : NULL;
	*line_ret = *file_ret ? (uint32_t)line : 0;
}

/* cmd/internal/objabi/funcid.go of each version, from Go 1.21 internal/abi/symtab.go: the funcIDs
 * in their order, by the first Go minor version. */
static const struct func_ids {
	int minor;
	uint8_t ids[24];
} func_ids[] = {
	{25,
	 {PCLN_NORMAL,    PCLN_OTHER,       PCLN_ASMCGOCALL, PCLN_ASYNC_PREEMPT,  PCLN_CGOCALLBACK,
	  PCLN_OTHER,     PCLN_DEBUG_CALL,  PCLN_OTHER,      PCLN_GOEXIT,         PCLN_GOGO,
	  PCLN_GOPANIC,   PCLN_OTHER,       PCLN_MCALL,      PCLN_MORESTACK,      PCLN_MSTART,
	  PCLN_PANICWRAP, PCLN_RT0_GO,      PCLN_OTHER,      PCLN_RUN_FINALIZERS, PCLN_RUN_CLEANUPS,
	  PCLN_SIGPANIC,  PCLN_SYSTEMSTACK, PCLN_OTHER,      PCLN_WRAPPER}},
	{22,
	 {PCLN_NORMAL,      PCLN_OTHER,      PCLN_ASMCGOCALL, PCLN_ASYNC_PREEMPT, PCLN_CGOCALLBACK,
	  PCLN_OTHER,       PCLN_DEBUG_CALL, PCLN_OTHER,      PCLN_GOEXIT,        PCLN_GOGO,
	  PCLN_GOPANIC,     PCLN_OTHER,      PCLN_MCALL,      PCLN_MORESTACK,     PCLN_MSTART,
	  PCLN_PANICWRAP,   PCLN_RT0_GO,     PCLN_OTHER,      PCLN_OTHER,         PCLN_SIGPANIC,
	  PCLN_SYSTEMSTACK, PCLN_OTHER,      PCLN_WRAPPER,    PCLN_OTHER}},
	{18, {PCLN_NORMAL,     PCLN_OTHER,   PCLN_ASMCGOCALL, PCLN_ASYNC_PREEMPT, PCLN_CGOCALLBACK,
	      PCLN_DEBUG_CALL, PCLN_OTHER,   PCLN_GOEXIT,     PCLN_GOGO,          PCLN_GOPANIC,
	      PCLN_OTHER,      PCLN_MCALL,   PCLN_MORESTACK,  PCLN_MSTART,        PCLN_PANICWRAP,
	      PCLN_RT0_GO,     PCLN_OTHER,   PCLN_OTHER,      PCLN_SIGPANIC,      PCLN_SYSTEMSTACK,
	      PCLN_OTHER,      PCLN_WRAPPER, PCLN_OTHER,      PCLN_OTHER}},
	{17, {PCLN_NORMAL,      PCLN_OTHER,  PCLN_ASMCGOCALL, PCLN_ASYNC_PREEMPT, PCLN_CGOCALLBACK,
	      PCLN_DEBUG_CALL,  PCLN_OTHER,  PCLN_GOEXIT,     PCLN_GOGO,          PCLN_GOPANIC,
	      PCLN_OTHER,       PCLN_OTHER,  PCLN_MCALL,      PCLN_MORESTACK,     PCLN_MSTART,
	      PCLN_PANICWRAP,   PCLN_RT0_GO, PCLN_OTHER,      PCLN_OTHER,         PCLN_SIGPANIC,
	      PCLN_SYSTEMSTACK, PCLN_OTHER,  PCLN_WRAPPER,    PCLN_OTHER}},
	{14,
	 {PCLN_NORMAL,    PCLN_OTHER,           PCLN_GOEXIT,     PCLN_OTHER,       PCLN_MCALL,
	  PCLN_MORESTACK, PCLN_MSTART,          PCLN_RT0_GO,     PCLN_ASMCGOCALL,  PCLN_SIGPANIC,
	  PCLN_OTHER,     PCLN_OTHER,           PCLN_OTHER,      PCLN_SYSTEMSTACK, PCLN_CGOCALLBACK,
	  PCLN_GOGO,      PCLN_EXTERNAL_THREAD, PCLN_DEBUG_CALL, PCLN_GOPANIC,     PCLN_PANICWRAP,
	  PCLN_OTHER,     PCLN_ASYNC_PREEMPT,   PCLN_WRAPPER,    PCLN_OTHER}},
	{12,
	 {PCLN_NORMAL,    PCLN_OTHER,           PCLN_GOEXIT,     PCLN_OTHER,       PCLN_MCALL,
	  PCLN_MORESTACK, PCLN_MSTART,          PCLN_RT0_GO,     PCLN_ASMCGOCALL,  PCLN_SIGPANIC,
	  PCLN_OTHER,     PCLN_OTHER,           PCLN_OTHER,      PCLN_SYSTEMSTACK, PCLN_CGOCALLBACK,
	  PCLN_GOGO,      PCLN_EXTERNAL_THREAD, PCLN_DEBUG_CALL, PCLN_GOPANIC,     PCLN_PANICWRAP,
	  PCLN_WRAPPER,   PCLN_OTHER,           PCLN_OTHER,      PCLN_OTHER}},
};

enum pcln_known pcln_known_id(const struct pclntab *pcln, uint8_t func_id)
{
	const struct func_ids *ids = func_ids;
	while (ids->minor > pcln->minor && ids < func_ids + sizeof(func_ids) / sizeof(*ids) - 1)
		ids++;
	return func_id < sizeof(ids->ids) ? (enum pcln_known)ids->ids[func_id] : PCLN_OTHER;
}

enum pcln_known pcln_known(const struct pcln_func *func)
{
	return pcln_known_id(func->table, func->func_id);
}

/* runtime/traceback.go:topofstack, up to Go 1.16. It counts asmcgocall, too, on g0. */
static bool is_top_of_stack(enum pcln_known known)
{
	return known == PCLN_GOEXIT || known == PCLN_MSTART || known == PCLN_RT0_GO ||
	       known == PCLN_EXTERNAL_THREAD;
}

/* Go's topofstack counts these as well. It does not know of a thread that has not come to switch
 * yet. */
static bool switches_stacks(enum pcln_known known)
{
	return known == PCLN_MCALL || known == PCLN_MORESTACK;
}

/* runtime/traceback.go: gentraceback up to Go 1.20, then unwinder.resolveInternal. */
enum pcln_step pcln_step(const struct pcln_func *func)
{
	const struct pclntab *pcln = func->table;
	// runtime/symtab.go, from Go 1.21 internal/abi/symtab.go: funcFlag_TOPFRAME, _SPWRITE.
	enum { TOP_FRAME = 1, SP_WRITE = 2 };
	if (!func->pcsp)
		return PCLN_STEP_NO_FRAME;
	enum pcln_known known = pcln_known(func);
	if (!pcln->shape->flag)
		return is_top_of_stack(known)   ? PCLN_STEP_TOP
		       : switches_stacks(known) ? PCLN_STEP_SP_WRITE
						: PCLN_STEP_CALLER;
	if (func->flag & TOP_FRAME)
		return PCLN_STEP_TOP;
	// cgocallback has a frame that is valid on both of the stacks it switches between.
	return func->flag & SP_WRITE && known != PCLN_CGOCALLBACK ? PCLN_STEP_SP_WRITE
								  : PCLN_STEP_CALLER;
}

uint64_t pcln_wrapped(const struct pcln_func *func)
{
	const struct pclntab *pcln = func->table;
	uint64_t info = pcln->minor >= 18 ? pcln_funcdata(func, FUNCDATA_WRAP_INFO) : 0;
	uint32_t off;
	return info && paged_u32(pcln->image, info, &off) ? pcln->md.text + off : 0;
}
