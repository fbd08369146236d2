#include "image/modules.h"

#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "live/live.h"

/* This program looks at itself. */
static struct source *source;
static struct modules modules;

static int setup(void **state)
{
	(void)state;
	assert_int_equal(live_open(getpid(), &source, NULL), GOSPY_OK);
	assert_int_equal(modules_init(source, &modules, NULL), GOSPY_OK);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	modules_deinit(&modules);
	source_destroy(source);
	return 0;
}

static uint64_t address(void (*func)(void))
{
	return (uint64_t)(uintptr_t)func;
}

static void expect(uint64_t addr, const char *file, const char *name)
{
	struct module *module = modules_find(&modules, addr);
	assert_non_null(module);
	assert_non_null(strstr(module->path, file));
	assert_true(module->base <= addr);
	assert_true(module->table_count > 0);
	assert_ptr_equal(modules_find(&modules, addr), module);
	const struct elf_func *func = modules_func(&modules, module, addr);
	assert_non_null(func);
	assert_string_equal(func->name, name);
	assert_int_equal(module->bias + func->addr, addr);
}

static void programs_and_libraries(void **state)
{
	(void)state;
	expect(address((void (*)(void))expect), "test_modules", "expect");
	expect((uint64_t)(uintptr_t)dlsym(RTLD_DEFAULT, "getppid"), "libc", "getppid");
}

static void the_kernels_own(void **state)
{
	(void)state;
	uint64_t base = getauxval(AT_SYSINFO_EHDR);
	if (!base)
		skip();
	const struct mapping *map = mappings_find(&modules.maps, base);
	struct module *module = modules_find(&modules, base);
	assert_non_null(module);
	assert_string_equal(module->path, "[vdso]");
	assert_int_equal(module->base, base);
	size_t named = 0;
	for (uint64_t addr = base; addr < map->end; addr += 16)
		named += modules_func(&modules, module, addr) != NULL;
	assert_true(named > 0);
}

static void nothing_else(void **state)
{
	(void)state;
	static const char data[] = "no code";
	assert_null(modules_find(&modules, (uint64_t)(uintptr_t)data));
	assert_null(modules_find(&modules, (uint64_t)(uintptr_t)&modules));
	assert_null(modules_find(&modules, 0));
	assert_null(modules_find(&modules, UINT64_MAX));
}

/* Code that no file holds, and a file that is no program. */
static void code_without_a_program(void **state)
{
	(void)state;
	int fd = memfd_create("test_modules", MFD_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, 8192), 0);
	void *file = mmap(NULL, 8192, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
	void *none = mmap(NULL, 8192, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(file != MAP_FAILED && none != MAP_FAILED);
	modules_deinit(&modules);
	assert_int_equal(modules_init(source, &modules, NULL), GOSPY_OK);
	assert_null(modules_find(&modules, (uint64_t)(uintptr_t)file));
	assert_null(modules_find(&modules, (uint64_t)(uintptr_t)file)); // as before
	assert_null(modules_find(&modules, (uint64_t)(uintptr_t)none));
	munmap(file, 8192);
	munmap(none, 8192);
	close(fd);
}

/* Another file has taken the place of the one that is mapped. */
static void another_file(void **state)
{
	(void)state;
	struct module *module =
		modules_find(&modules, (uint64_t)(uintptr_t)dlsym(RTLD_DEFAULT, "getppid"));
	struct mapping map = *modules_find(&modules, address((void (*)(void))expect))->map;
	map.path = "/proc/self/exe";
	module->map = &map; // its first page is not that of the C library
	assert_null(modules_func(&modules, module, module->base + 0x1000));
	assert_int_equal(module->funcs.count, 0);
}

/* Functions that are known stay. The next file is counted, once. */
static void names_of_so_many_files(void **state)
{
	(void)state;
	uint64_t ppid = (uint64_t)(uintptr_t)dlsym(RTLD_DEFAULT, "getppid");
	expect(address((void (*)(void))expect), "test_modules", "expect");
	struct module *own = modules_find(&modules, address((void (*)(void))expect));
	// A symbol for each function at least.
	assert_true(modules.names_cost > own->elf.kept + own->funcs.count * sizeof(*own->funcs.at));
	assert_true(modules.names_cost < MODULES_NAMES_MAX);
	modules.names_cost = MODULES_NAMES_MAX;
	struct module *libc = modules_find(&modules, ppid);
	for (int i = 0; i < 2; i++) {
		assert_null(modules_func(&modules, libc, ppid));
		assert_int_equal(modules.unnamed, 1);
	}
	assert_false(libc->opened);
	expect(address((void (*)(void))expect), "test_modules", "expect");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(programs_and_libraries, setup, teardown),
		cmocka_unit_test_setup_teardown(the_kernels_own, setup, teardown),
		cmocka_unit_test_setup_teardown(nothing_else, setup, teardown),
		cmocka_unit_test_setup_teardown(code_without_a_program, setup, teardown),
		cmocka_unit_test_setup_teardown(another_file, setup, teardown),
		cmocka_unit_test_setup_teardown(names_of_so_many_files, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
