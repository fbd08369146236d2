#include "capture/native.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "live/procfs.h"
#include "no_files.h"
#include "target/mem_bytes.h"

/* A library of two pages, mapped at BASE: headers and unwind tables, then code. */
enum {
	BASE = 0x10000,
	HDR = 0x200,   /* .eh_frame_hdr */
	FRAME = 0x300, /* .eh_frame */
	CODE = 0x1000,
	SIZE = 0x2000,
	LEN = 0x10, /* of each function */
	STACK = 0x700000,
	GO = 0x500000,
};

/* Its functions, by what their unwind information says. */
enum func {
	PUSHES, /* a word is between the stack pointer and the return address */
	CALLED, /* nothing is */
	BEGINS, /* nobody has called it */
	FRAMED, /* the frame is where rbp says */
	LOOPS,  /* an endless expression */
	BROKEN, /* the frame is where a register says that there is not */
	LONG,   /* it takes long to say nothing */
	FUNCS,
	NONE = FUNCS, /* code without unwind information */
};

static const char nops[2400];

static const struct {
	const char *bytes;
	size_t len;
} programs[] = {
	[PUSHES] = {"\x0e\x10", 2},            // DW_CFA_def_cfa_offset 16
	[CALLED] = {"", 0},                    //
	[BEGINS] = {"\x07\x10", 2},            // DW_CFA_undefined r16
	[FRAMED] = {"\x0c\x06\x10", 3},        // DW_CFA_def_cfa rbp, 16
	[LOOPS] = {"\x0f\x03\x2f\xfd\xff", 5}, // DW_CFA_def_cfa_expression { DW_OP_skip -3 }
	[LONG] = {nops, sizeof(nops)},
	[BROKEN] = {"\x0c\x40\x08", 3},
};

static uint8_t library[SIZE];
static uint64_t stack[1 << 14];
static struct source source = {.ops = &no_files};
static struct modules modules;
static struct native_walker *walker;
static struct user_regs_struct regs;
static struct arena arena;
static struct native_stack result;

static uint64_t code(enum func func)
{
	return BASE + CODE + (uint64_t)func * LEN + 4;
}

static void put32(size_t *off, uint64_t value)
{
	uint32_t v = (uint32_t)value;
	memcpy(library + *off, &v, sizeof(v));
	*off += sizeof(v);
}

static void put(size_t *off, const void *bytes, size_t len)
{
	memcpy(library + *off, bytes, len);
	*off += len;
}

static void put_entry(size_t *off, uint32_t id, const void *head, size_t head_len,
		      const void *program, size_t len)
{
	size_t end = *off + 4 + 4 + head_len + len;
	size_t padded = (end + 7) & ~(size_t)7;
	put32(off, padded - *off - 4);
	put32(off, id);
	put(off, head, head_len);
	put(off, program, len);
	*off = padded; // DW_CFA_nop is 0
}

static void put_fde(size_t *off, enum func func)
{
	uint32_t begin = (uint32_t)(CODE + func * LEN - (*off + 8)); // pc-relative
	uint8_t head[9] = {0};
	memcpy(head, &begin, sizeof(begin));
	head[4] = LEN;
	put_entry(off, (uint32_t)(*off + 4 - FRAME), head, sizeof(head), programs[func].bytes,
		  programs[func].len);
}

static void make_tables(void)
{
	// "zR": DW_EH_PE_pcrel | sdata4; DW_CFA_def_cfa rsp, 8; DW_CFA_offset r16, 1
	static const char cie[] = "\x01zR\0\x01\x78\x10\x01\x1b", rules[] = "\x0c\x07\x08\x90\x01";
	size_t hdr = HDR, frame = FRAME;
	put(&hdr, "\x01\x1b\x03\x3b", 4);
	put32(&hdr, FRAME - HDR - 4);
	put32(&hdr, FUNCS);
	put_entry(&frame, 0, cie, sizeof(cie) - 1, rules, sizeof(rules) - 1);
	for (unsigned i = 0; i < FUNCS; i++) {
		put32(&hdr, CODE + i * LEN - HDR);
		put32(&hdr, frame - HDR);
		put_fde(&frame, i);
	}
}

static void make_library(void)
{
	const Elf64_Ehdr eh = {
		.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
		.e_type = ET_DYN,
		.e_machine = EM_X86_64,
		.e_phoff = sizeof(eh),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 2,
	};
	const Elf64_Phdr phdrs[] = {
		{.p_type = PT_LOAD, .p_filesz = SIZE, .p_memsz = SIZE},
		{.p_type = PT_GNU_EH_FRAME, .p_vaddr = HDR, .p_memsz = FRAME - HDR},
	};
	memset(library, 0, sizeof(library));
	memcpy(library, &eh, sizeof(eh));
	memcpy(library + sizeof(eh), phdrs, sizeof(phdrs));
	make_tables();
}

static bool is_go(void *ctx, uint64_t pc)
{
	(void)ctx;
	return pc >= GO;
}

static int setup(void **state)
{
	static const char maps[] = "10000-12000 r-xp 00000000 00:00 7 /nowhere/lib.so\n"
				   "13000-14000 rwxp 00000000 00:00 0 \n";
	const struct mem_bytes_range range = {BASE, {library, sizeof(library)}};
	(void)state;
	make_library();
	memset(stack, 0, sizeof(stack));
	regs = (struct user_regs_struct){.rsp = STACK + 64};
	modules = (struct modules){.source = &source};
	assert_int_equal(mem_bytes_create(&range, 1, &source.mem, NULL), GOSPY_OK);
	assert_int_equal(proc_maps_parse((struct span){(const uint8_t *)maps, sizeof(maps) - 1},
					 &modules.maps, NULL),
			 GOSPY_OK);
	assert_int_equal(native_walker_create(&modules, is_go, NULL, &walker, NULL), GOSPY_OK);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	native_walker_destroy(walker);
	modules_deinit(&modules);
	mem_destroy(source.mem);
	arena_deinit(&arena);
	return 0;
}

/* Walk over the first `words` of the stack; the stack pointer is at word 8. */
static void walk(enum func func, size_t words)
{
	const struct native_start start = {
		.regs = &regs, .bytes = {(const uint8_t *)stack, words * 8}, .addr = STACK};
	regs.rip = code(func);
	assert_true(native_walk(walker, &start, &arena, &result));
}

static void walks_to_go(void **state)
{
	(void)state;
	stack[9] = code(CALLED);
	stack[10] = code(PUSHES);
	stack[12] = GO;
	walk(PUSHES, 16);
	assert_int_equal(result.end, NATIVE_DONE);
	assert_int_equal(result.count, 3);
	assert_int_equal(result.frames[0].pc, code(PUSHES));
	assert_true(result.frames[0].interrupted);
	assert_int_equal(result.frames[1].pc, code(CALLED));
	assert_false(result.frames[1].interrupted);
	assert_string_equal(result.frames[1].module, "/nowhere/lib.so");
	assert_int_equal(result.frames[1].module_base, BASE);
	assert_null(result.frames[1].func);
	assert_int_equal(result.go_pc, GO);
	assert_int_equal(result.go_sp, STACK + 13 * 8);
}

static void nothing_above_go(void **state)
{
	(void)state;
	const struct native_start start = {.regs = &regs, .addr = STACK};
	regs.rip = GO;
	assert_true(native_walk(walker, &start, &arena, &result));
	assert_int_equal(result.count, 0);
	assert_int_equal(result.end, NATIVE_DONE);
	assert_int_equal(result.go_pc, GO);
	assert_int_equal(result.go_sp, STACK + 64);
}

static void walks_to_the_first_function(void **state)
{
	(void)state;
	stack[8] = code(BEGINS);
	walk(CALLED, 16);
	assert_int_equal(result.end, NATIVE_DONE);
	assert_int_equal(result.count, 2);
	assert_int_equal(result.go_pc, 0);
}

static void names_functions(void **state)
{
	(void)state;
	struct elf_func func = {CODE + PUSHES * LEN, LEN, "pushes"};
	struct module *module = modules_find(&modules, code(PUSHES));
	module->listed = true;
	module->funcs = (struct elf_funcs){malloc(sizeof(func)), 1};
	*module->funcs.at = func;
	stack[9] = code(PUSHES) - 4 + LEN; // behind a call at its end
	stack[11] = GO;
	walk(PUSHES, 16);
	// To libunwind, too, the return address belongs to the function that called.
	assert_int_equal(result.count, 2);
	assert_string_equal(result.frames[0].func, "pushes");
	assert_string_equal(result.frames[1].func, "pushes");
	assert_int_equal(result.frames[1].entry, BASE + CODE + PUSHES * LEN);
	assert_int_equal(result.go_pc, GO);
}

static void ends_without_information(void **state)
{
	(void)state;
	stack[8] = code(NONE);
	regs.rbp = STACK + 80; // a frame pointer is no information
	stack[10] = STACK + 96;
	stack[11] = code(CALLED);
	walk(CALLED, 16);
	assert_int_equal(result.end, NATIVE_NO_INFO);
	assert_int_equal(result.end_addr, code(NONE));
	assert_int_equal(result.count, 2);

	stack[8] = 0x13010; // of no file
	walk(CALLED, 16);
	assert_int_equal(result.end, NATIVE_NO_INFO);
	assert_int_equal(result.end_addr, 0x13010);
	assert_null(result.frames[1].module);
}

static void a_stub_of_cgo_is_called_by_go(void **state)
{
	(void)state;
	struct elf_func func = {CODE + NONE * LEN, LEN, "_cgo_97ab22c4dc7b_C2func_getaddrinfo"};
	struct module *module = modules_find(&modules, code(NONE));
	module->listed = true;
	module->funcs = (struct elf_funcs){malloc(sizeof(func)), 1};
	*module->funcs.at = func;
	walk(NONE, 16);
	assert_int_equal(result.end, NATIVE_DONE);
	assert_int_equal(result.count, 1);
	module->funcs.at->name = "_cgo_97ab22c4dc7b_other";
	walk(NONE, 16);
	assert_int_equal(result.end, NATIVE_NO_INFO);
}

static void ends_with_the_bytes(void **state)
{
	(void)state;
	stack[8] = code(CALLED);
	walk(CALLED, 9);
	assert_int_equal(result.end, NATIVE_UNREADABLE);
	assert_int_equal(result.end_addr, STACK + 9 * 8);
	assert_int_equal(result.count, 2);
	walk(CALLED, 0);
	assert_int_equal(result.end, NATIVE_UNREADABLE);
	assert_int_equal(result.count, 1);
}

static void frames_must_rise(void **state)
{
	(void)state;
	regs.rbp = STACK;
	stack[1] = code(CALLED);
	walk(FRAMED, 16);
	assert_int_equal(result.end, NATIVE_ASTRAY);
	assert_int_equal(result.end_addr, STACK + 16);
	regs.rbp = UINT64_MAX - 8;
	walk(FRAMED, 16);
	assert_int_not_equal(result.end, NATIVE_DONE);
}

static void nothing_is_endless(void **state)
{
	(void)state;
	walk(LOOPS, 16);
	assert_int_equal(result.end, NATIVE_BAD_INFO);
	assert_int_equal(result.end_addr, code(LOOPS));

	for (size_t i = 0; i < sizeof(stack) / sizeof(stack[0]); i++)
		stack[i] = code(LONG);
	walk(LONG, sizeof(stack) / sizeof(stack[0]));
	assert_int_equal(result.end, NATIVE_TOO_LONG);
	assert_in_range(result.count, 100, NATIVE_FRAMES_MAX - 1);

	for (size_t i = 0; i < sizeof(stack) / sizeof(stack[0]); i++)
		stack[i] = code(CALLED);
	walk(CALLED, sizeof(stack) / sizeof(stack[0]));
	assert_int_equal(result.end, NATIVE_TOO_DEEP);
	assert_int_equal(result.count, NATIVE_FRAMES_MAX);
}

static void broken_tables(void **state)
{
	(void)state;
	stack[8] = code(CALLED);
	walk(BROKEN, 16);
	assert_int_equal(result.end, NATIVE_BAD_INFO);
	assert_int_equal(result.end_addr, code(BROKEN));
	assert_int_equal(result.count, 1);
}

/* A walk ends whatever the tables hold, and reads nothing that it should not. */
static void damaged_tables(void **state)
{
	(void)state;
	for (size_t off = HDR; off < FRAME + 0x100; off++) {
		teardown(NULL);
		setup(NULL);
		library[off] ^= (uint8_t)(1 + off * 37 % 255);
		stack[9] = code(CALLED);
		stack[10] = GO;
		walk(PUSHES, 16);
		assert_in_range(result.count, 1, NATIVE_FRAMES_MAX);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(walks_to_go, setup, teardown),
		cmocka_unit_test_setup_teardown(nothing_above_go, setup, teardown),
		cmocka_unit_test_setup_teardown(walks_to_the_first_function, setup, teardown),
		cmocka_unit_test_setup_teardown(names_functions, setup, teardown),
		cmocka_unit_test_setup_teardown(ends_without_information, setup, teardown),
		cmocka_unit_test_setup_teardown(a_stub_of_cgo_is_called_by_go, setup, teardown),
		cmocka_unit_test_setup_teardown(ends_with_the_bytes, setup, teardown),
		cmocka_unit_test_setup_teardown(frames_must_rise, setup, teardown),
		cmocka_unit_test_setup_teardown(nothing_is_endless, setup, teardown),
		cmocka_unit_test_setup_teardown(broken_tables, setup, teardown),
		cmocka_unit_test_setup_teardown(damaged_tables, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
