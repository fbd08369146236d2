/* image_check.c: where GOSPY_FIXTURES names built fixtures, the checks of globals and the search
 * for allgs on running programs, whose symbols say what is right. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dwarf/go/rtype.h"
#include "go_program.h"
#include "image/image_check.h"
#include "image/program_texts.h"
#include "live/live.h"

static void resolve_layout(struct go_program *p, struct image *image)
{
	struct gospy_error err;
	struct rtypes rtypes;
	struct rtype_named *named =
		arena_calloc(&image->arena, layout_struct_count, sizeof(*named));
	for (size_t i = 0; i < layout_struct_count; i++)
		named[i].name = layout_struct_names[i];
	if (rtypes_init(&rtypes, &image->program->window, &p->md, p->minor, named,
			layout_struct_count, &err))
		fail_msg("%s: %s", p->path, err.msg);
	struct type_source *sources[] = {&rtypes.source};
	if (layout_resolve(sources, 1, &image->layout, &err))
		fail_msg("%s: %s", p->path, err.msg);
}

static uint64_t address(struct go_program *p, const char *name)
{
	struct elf_symbol symbol = {.name = name};
	assert_int_equal(elf_file_symbols(&p->elf, &symbol, 1, NULL), GOSPY_OK);
	return symbol.found ? symbol.addr + p->bias : 0;
}

static void check_global(struct go_program *p, struct image *image, const char *name)
{
	uint64_t addr = address(p, name);
	if (!addr)
		return;
	if (!image_check_global(image, name, addr))
		fail_msg("%s: %s is refused", p->path, name);
	// Neighbours, code, and what is not mapped.
	const uint64_t wrong[] = {addr + 8, addr - 16, p->md.text, 0, 8, UINT64_MAX - 7};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		if (image_check_global(image, name, wrong[i]))
			fail_msg("%s: 0x%" PRIx64 " passes for %s at 0x%" PRIx64, p->path, wrong[i],
				 name, addr);
	}
}

static void check_program(struct go_program *p)
{
	struct gospy_error err;
	struct source *source;
	static struct image image;
	static struct program program;
	program = (struct program){.window = p->image, .md = p->md};
	image = (struct image){.program = &program};
	if (live_open(p->pid, &source, &err))
		fail_msg("%s: %s", p->path, err.msg);
	image.mem = source->mem;
	resolve_layout(p, &image);
	assert_int_equal(image_scan_allgs(&image), address(p, "runtime.allgs"));
	image.globals.allgs.addr = address(p, "runtime.allgs");
	image.globals.allp.addr = address(p, "runtime.allp");
	assert_int_equal(program_read_string(&program, address(p, "runtime.buildVersion"), 256,
					     &program.go_version, &err),
			 GOSPY_OK);
	image.go_version = program.go_version;
	static const char *const names[] = {"runtime.allgs", "runtime.allp", "runtime.allm",
					    "runtime.buildVersion", "runtime.waitReasonStrings"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		check_global(p, &image, names[i]);
	// Their neighbours may hold the same number by chance.
	assert_true(image_check_global(&image, "runtime.allglen", address(p, "runtime.allglen")));
	assert_true(
		image_check_global(&image, "runtime.gomaxprocs", address(p, "runtime.gomaxprocs")));
	assert_true(!address(p, "runtime.allgptr") ||
		    image_check_global(&image, "runtime.allgptr", address(p, "runtime.allgptr")));
	p->image = program.window;
	arena_deinit(&program.arena);
	arena_deinit(&image.arena);
	source_destroy(source);
}

static void test_running_programs(void **state)
{
	(void)state;
	go_program_each("states", check_program);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_running_programs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
