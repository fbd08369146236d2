/* Fuzz target: a walk by unwind information, through all that stands before libunwind, and
 * libunwind itself. The input is where the entries of four functions are (16 bits each), then
 * .eh_frame. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "capture/native.h"
#include "live/procfs.h"
#include "target/mem_bytes.h"
#include "tests/unit/no_files.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	BASE = 0x10000,
	HDR = 0x100,
	FRAME = 0x200,
	CODE = 0x1000,
	SIZE = 0x2000,
	FUNCS = 4,
	LEN = 0x10,
	STACK = 0x700000,
	WORDS = 512,
};

static uint8_t library[SIZE];

static void put32(size_t off, uint32_t value)
{
	memcpy(library + off, &value, sizeof(value));
}

static void make_library(const uint8_t *data, size_t size)
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
	put32(HDR, 0x3b031b01);
	put32(HDR + 8, FUNCS);
	for (size_t i = 0; i < FUNCS; i++) {
		uint16_t off;
		memcpy(&off, data + 2 * i, sizeof(off));
		put32(HDR + 12 + 8 * i, (uint32_t)(CODE + i * LEN - HDR));
		put32(HDR + 16 + 8 * i, (uint32_t)(FRAME + off - HDR));
	}
	memcpy(library + FRAME, data + 2 * FUNCS, size - 2 * FUNCS);
}

static bool is_go(void *ctx, uint64_t pc)
{
	(void)ctx;
	return pc < BASE;
}

static void walk_from(struct modules *modules, uint64_t func)
{
	static uint64_t stack[WORDS];
	const struct user_regs_struct regs = {
		.rip = BASE + CODE + func * LEN + 4,
		.rsp = STACK + 128,
		.rbp = STACK + 256,
		.rbx = STACK + 512,
	};
	for (size_t i = 0; i < WORDS; i++)
		stack[i] = i % 3 ? BASE + CODE + (i + func) % FUNCS * LEN + 8 : STACK + i * 8 + 64;
	const struct native_start start = {
		.regs = &regs,
		.bytes = {(const uint8_t *)stack, sizeof(stack)},
		.addr = STACK,
	};
	struct native_walker *walker = NULL;
	struct native_stack result;
	struct arena arena = {0};
	if (native_walker_create(modules, is_go, NULL, &walker, NULL) == GOSPY_OK &&
	    native_walk(walker, &start, &arena, &result) && result.count > NATIVE_FRAMES_MAX)
		abort();
	native_walker_destroy(walker);
	arena_deinit(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char maps[] = "10000-12000 r-xp 00000000 00:00 7 /nowhere/lib.so\n";
	struct source source = {.ops = &no_files};
	if (size < 2 * FUNCS || size - 2 * FUNCS > CODE - FRAME)
		return 0;
	make_library(data, size);
	const struct mem_bytes_range range = {BASE, {library, sizeof(library)}};
	struct modules modules = {.source = &source};
	if (mem_bytes_create(&range, 1, &source.mem, NULL) == GOSPY_OK &&
	    proc_maps_parse((struct span){(const uint8_t *)maps, sizeof(maps) - 1}, &modules.maps,
			    NULL) == GOSPY_OK) {
		for (uint64_t func = 0; func < FUNCS; func++)
			walk_from(&modules, func);
	}
	mem_destroy(source.mem);
	modules_deinit(&modules);
	return 0;
}
