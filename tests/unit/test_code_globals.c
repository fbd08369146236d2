/* moduledata_find and code_globals.c: where GOSPY_FIXTURES names built fixtures, what they find
 * without symbols against the symbol tables of the same programs. */
#include "dwarf/go/code_globals.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dwarf/go/code_refs.h"
#include "dwarf/go/moduledata_find.h"
#include "go_program.h"

/* ------------------------------------------------------------------------------- machine code --
 */

enum { TEXT = 0x401000 };

static void check_code(const uint8_t *code, size_t len, const struct code_ref *wanted, size_t n)
{
	struct code_refs refs = {0};
	struct gospy_error err;
	if (code_refs_find((struct span){code, len}, TEXT, &refs, &err))
		fail_msg("%s", err.msg);
	assert_int_equal(refs.refs.len, n);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(refs.refs.at[i].offset, wanted[i].offset);
		assert_int_equal(refs.refs.at[i].kinds, wanted[i].kinds);
		assert_int_equal(refs.refs.at[i].size, wanted[i].size);
		assert_int_equal(refs.refs.at[i].value, wanted[i].value);
	}
	vec_free(&refs.refs);
}

static void test_kinds_of_references(void **state)
{
	(void)state;
	static const uint8_t code[] = {
		0x48, 0x8d, 0x05, 0x10, 0x00, 0x00, 0x00,             // lea rax, [rip+0x10]
		0x48, 0x8b, 0x0d, 0x00, 0x01, 0x00, 0x00,             // mov rcx, [rip+0x100]
		0x89, 0x0d, 0xf0, 0xff, 0xff, 0xff,                   // mov [rip-0x10], ecx
		0x0f, 0xb6, 0x15, 0x00, 0x02, 0x00, 0x00,             // movzx edx, byte [rip+0x200]
		0x48, 0x83, 0x3d, 0x00, 0x03, 0x00, 0x00, 0x01,       // cmp qword [rip+0x300], 1
		0x3c, 0x2f,                                           // cmp al, 0x2f
		0x48, 0x8b, 0x04, 0x25, 0x00, 0x00, 0x60, 0x00,       // mov rax, [0x600000]
		0x64, 0x48, 0x8b, 0x04, 0x25, 0xf8, 0xff, 0xff, 0xff, // mov rax, fs:[-8]
		0x48, 0x8b, 0x43, 0x10,                               // mov rax, [rbx+0x10]
		0xf0, 0x48, 0x0f, 0xc1, 0x0d, 0x00, 0x00, 0x00, 0x00, // lock xadd [rip], rcx
	};
	static const struct code_ref wanted[] = {
		{0, CODE_REF_ADDRESS, 0, TEXT + 7 + 0x10},
		{7, CODE_REF_READ, 8, TEXT + 14 + 0x100},
		{14, CODE_REF_WRITE, 4, TEXT + 20 - 0x10},
		{20, CODE_REF_READ, 1, TEXT + 27 + 0x200},
		{27, CODE_REF_READ, 8, TEXT + 35 + 0x300},
		{27, CODE_REF_COMPARE, 8, 1},
		{35, CODE_REF_COMPARE, 1, 0x2f},
		{37, CODE_REF_READ, 8, 0x600000},
		{58, CODE_REF_READ | CODE_REF_WRITE, 8, TEXT + 67},
	};
	check_code(code, sizeof(code), wanted, sizeof(wanted) / sizeof(wanted[0]));
}

static void test_bytes_that_are_no_code(void **state)
{
	(void)state;
	// 0x06 is no instruction in 64-bit mode; the last one is cut off.
	static const uint8_t code[] = {0x06, 0x06, 0x48, 0x8d, 0x05, 0, 0, 0, 0, 0x48, 0x8d, 0x05};
	static const struct code_ref wanted[] = {{2, CODE_REF_ADDRESS, 0, TEXT + 9}};
	check_code(code, sizeof(code), wanted, 1);
	check_code(code, 0, NULL, 0);
}

static void test_too_much_code(void **state)
{
	(void)state;
	struct code_refs refs = {0};
	struct gospy_error err;
	size_t len = CODE_REFS_CODE_MAX + 1;
	CLEANUP_FREE uint8_t *code = calloc(1, len);
	assert_int_equal(code_refs_find((struct span){code, len}, TEXT, &refs, &err),
			 GOSPY_E_LIMIT);
	// cmp al, 0
	for (size_t i = 0; i + 1 < len; i += 2)
		code[i] = 0x3c;
	assert_int_equal(code_refs_find((struct span){code, len - 1}, TEXT, &refs, &err),
			 GOSPY_E_LIMIT);
	vec_free(&refs.refs);
}

static void check_choice(const uint8_t *code, size_t len, uint64_t equal, uint64_t unequal)
{
	// Not at the first byte, and the bytes behind it may not be read.
	CLEANUP_FREE uint8_t *copy = malloc(len + 1);
	copy[0] = 0x90;
	memcpy(copy + 1, code, len);
	struct span span = {copy, len + 1};
	assert_int_equal(code_refs_chosen(span, TEXT - 1, 1, true), equal);
	assert_int_equal(code_refs_chosen(span, TEXT - 1, 1, false), unequal);
}

static void test_choice_by_jumps(void **state)
{
	(void)state;
	static const uint8_t addresses[] = {
		0x48, 0x83, 0xf9, 0x03,                   // 0: cmp rcx, 3
		0x75, 0x09,                               // 4: jne 15
		0x48, 0x8d, 0x05, 0x00, 0x10, 0x00, 0x00, // 6: lea rax, [rip+0x1000]
		0xeb, 0x08,                               // 13: jmp 23
		0x48, 0x8d, 0x05, 0x00, 0x20, 0x00, 0x00, // 15: lea rax, [rip+0x2000]
		0x90,                                     // 22: nop
		0x48, 0x8b, 0x4c, 0x24, 0x48,             // 23: mov rcx, [rsp+0x48]
		0x48, 0x8d, 0x05, 0x00, 0x30, 0x00, 0x00, // 28: lea rax, [rip+0x3000]
	};
	check_choice(addresses, sizeof(addresses), TEXT + 13 + 0x1000, TEXT + 22 + 0x2000);
	static const uint8_t loads[] = {
		0x48, 0x83, 0xf9, 0x03,       // 0: cmp rcx, 3
		0x48, 0x89, 0x4c, 0x24, 0x48, // 4: mov [rsp+0x48], rcx
		// 9: mov rax, fs:[-8]
		0x64, 0x48, 0x8b, 0x04, 0x25, 0xf8, 0xff, 0xff, 0xff, //
		0x74, 0x08,                                           // 18: je 28
		0x48, 0x8b, 0x05, 0x00, 0x10, 0x00, 0x00,             // 20: mov rax, [rip+0x1000]
		0xc3,                                                 // 27: ret
		0x48, 0x8b, 0x05, 0x00, 0x20, 0x00, 0x00,             // 28: mov rax, [rip+0x2000]
	};
	check_choice(loads, sizeof(loads), TEXT + 35 + 0x2000, TEXT + 27 + 0x1000);
}

static void test_choice_by_moves(void **state)
{
	(void)state;
	uint8_t code[] = {
		0x48, 0x83, 0xf9, 0x03,                   // 0: cmp rcx, 3
		0x48, 0x8d, 0x0d, 0x00, 0x10, 0x00, 0x00, // 4: lea rcx, [rip+0x1000]
		0x48, 0x8d, 0x1d, 0x00, 0x20, 0x00, 0x00, // 11: lea rbx, [rip+0x2000]
		0x48, 0x0f, 0x44, 0xcb,                   // 18: cmove rcx, rbx
		0x48, 0x89, 0x4c, 0x24, 0x58,             // 22: mov [rsp+0x58], rcx
	};
	check_choice(code, sizeof(code), TEXT + 18 + 0x2000, TEXT + 11 + 0x1000);
	code[20] = 0x45; // cmovne
	check_choice(code, sizeof(code), TEXT + 11 + 0x1000, TEXT + 18 + 0x2000);
	code[21] = 0xc8; // cmovne rcx, rax: of which nothing is known
	check_choice(code, sizeof(code), TEXT + 11 + 0x1000, 0);
}

static void test_no_choice(void **state)
{
	(void)state;
	static const uint8_t another[] = {
		0x48, 0x83, 0xf9, 0x03,                   // cmp rcx, 3
		0x48, 0x83, 0xf9, 0x02,                   // cmp rcx, 2
		0x48, 0x8b, 0x05, 0x00, 0x10, 0x00, 0x00, // mov rax, [rip+0x1000]
	};
	check_choice(another, sizeof(another), 0, 0);
	static const uint8_t greater[] = {
		0x48, 0x83, 0xf9, 0x03,                   // cmp rcx, 3
		0x7f, 0x07,                               // jg
		0x48, 0x8b, 0x05, 0x00, 0x10, 0x00, 0x00, // mov rax, [rip+0x1000]
		0xc3,                                     // ret
	};
	check_choice(greater, sizeof(greater), 0, 0);
	static const uint8_t outside[] = {0x48, 0x83, 0xf9, 0x03, 0x74, 0x70, 0xeb, 0x80};
	check_choice(outside, sizeof(outside), 0, 0);
	static const uint8_t for_ever[] = {0x48, 0x83, 0xf9, 0x03, 0xeb, 0xfe};
	check_choice(for_ever, sizeof(for_ever), 0, 0);
	static const uint8_t cut_off[] = {0x48, 0x83, 0xf9, 0x03, 0x48, 0x8b, 0x05, 0x00};
	check_choice(cut_off, sizeof(cut_off), 0, 0);
	check_choice(cut_off, 3, 0, 0);
}

/* --------------------------------------------------------------------------- running programs --
 */

static void check_module(struct go_program *p)
{
	enum { MAX = 4 };
	struct moduledata found[MAX];
	struct elf_file headless = p->elf;
	headless.shdr_count = 0;
	const struct elf_file *const files[] = {&p->elf, &headless, NULL};
	for (size_t i = 0; i < 3; i++) {
		size_t n = 0;
		struct gospy_error err;
		if (moduledata_find(&p->image, files[i], p->bias, found, MAX, &n, &err))
			fail_msg("%s: %s", p->path, err.msg);
		if (n != 1 || found[0].addr != p->md.addr)
			fail_msg("%s: %zu modules, the first at 0x%" PRIx64 ", not at 0x%" PRIx64,
				 p->path, n, found[0].addr, p->md.addr);
	}
}

static void check_globals(struct go_program *p, const struct code_globals *globals)
{
	struct elf_symbol symbols[CODE_GLOBAL_COUNT + 1] = {
		[CODE_GLOBAL_COUNT] = {.name = "main.main"}};
	struct gospy_error err;
	for (size_t i = 0; i < CODE_GLOBAL_COUNT; i++)
		symbols[i].name = globals->at[i].name;
	if (elf_file_symbols(&p->elf, symbols, CODE_GLOBAL_COUNT + 1, &err))
		fail_msg("%s: %s", p->path, err.msg);
	size_t hits = 0, all = 0;
	for (size_t i = 0; i < CODE_GLOBAL_COUNT; i++) {
		const struct code_global *global = &globals->at[i];
		uint64_t addr = symbols[i].addr + p->bias;
		bool right = global->count == symbols[i].found &&
			     (!symbols[i].found || global->addr[0] == addr);
		if (!right)
			print_error("%s: %s is at 0x%" PRIx64 " (%s); found: %zu, 0x%" PRIx64 "\n",
				    p->path, global->name, addr,
				    symbols[i].found ? "symbol" : "no symbol", global->count,
				    global->addr[0]);
		all += symbols[i].found;
		hits += symbols[i].found && right;
	}
	const char *version = strstr(p->path, "/1.");
	print_message("%-40s %zu of %zu\n", version ? version + 1 : p->path, hits, all);
	assert_int_equal(hits, all);
	assert_int_equal(globals->at[CODE_GLOBAL_waitReasonStrings].length * 16,
			 symbols[CODE_GLOBAL_waitReasonStrings].size);
	assert_int_equal(globals->main_main, symbols[CODE_GLOBAL_COUNT].addr + p->bias);
}

/* As long as the version is not known, the table's magic has to do. */
static void check_version(struct go_program *p, uint64_t build_version)
{
	struct pclntab pcln;
	struct gospy_error err;
	struct code_globals globals;
	if (pcln_init(&pcln, &p->image, &p->md, pcln_minor_of_magic(p->md.magic), &err) ||
	    code_globals_find(&pcln, CODE_GLOBALS_ALWAYS, &globals, &err))
		fail_msg("%s: %s", p->path, err.msg);
	const struct code_global *version = code_globals_named(&globals, "runtime.buildVersion");
	assert_int_equal(version->count, 1);
	assert_int_equal(version->addr[0], build_version);
}

static void check_program(struct go_program *p)
{
	struct pclntab pcln;
	struct gospy_error err;
	struct code_globals globals, profile;
	check_module(p);
	if (pcln_init(&pcln, &p->image, &p->md, p->minor, &err) ||
	    code_globals_find(&pcln, CODE_GLOBALS_ALWAYS, &globals, &err) ||
	    code_globals_find(&pcln, CODE_GLOBALS_PROFILE, &profile, &err))
		fail_msg("%s: %s", p->path, err.msg);
	for (size_t i = 0; i < CODE_GLOBAL_COUNT; i++) {
		assert_true(!globals.at[i].count || !profile.at[i].count); // in one set
		if (profile.at[i].count)
			globals.at[i] = profile.at[i];
	}
	check_globals(p, &globals);
	check_version(p, globals.at[CODE_GLOBAL_buildVersion].addr[0]);
	assert_null(code_globals_named(&globals, "runtime.nothing"));
}

static void test_against_symbols(void **state)
{
	(void)state;
	go_program_each("states", check_program);
}

static void test_with_a_small_program(void **state)
{
	(void)state;
	go_program_each("parked", check_program);
}

static void test_with_c_code(void **state)
{
	(void)state;
	go_program_each("cgo", check_program);
}

/* The only one with bubbles. */
static void test_with_bubbles(void **state)
{
	(void)state;
	go_program_each("markers", check_program);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds_of_references),
		cmocka_unit_test(test_bytes_that_are_no_code),
		cmocka_unit_test(test_too_much_code),
		cmocka_unit_test(test_choice_by_jumps),
		cmocka_unit_test(test_choice_by_moves),
		cmocka_unit_test(test_no_choice),
		cmocka_unit_test(test_against_symbols),
		cmocka_unit_test(test_with_a_small_program),
		cmocka_unit_test(test_with_c_code),
		cmocka_unit_test(test_with_bubbles),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
