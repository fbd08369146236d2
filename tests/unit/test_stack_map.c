/* stack_map.c over hand-made modules, honest and lying; and, where GOSPY_FIXTURES names built
 * fixtures, over all functions of running programs, whose frames their maps have to fit. */
#include "dwarf/go/stack_map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "go_image.h"
#include "go_program.h"

enum { OLDEST = 12, NEWEST = 27, WORD = 8, BEFORE = 0x10, CALL = 0x11 };

static struct go_image im;
static struct paged paged;
static struct moduledata md;
static struct pclntab pcln;
static struct arena arena;

static void open_image(int minor)
{
	go_image_init(&im, minor);
	paged = go_image_paged(&im);
	assert_int_equal(moduledata_read(&paged, im.moduledata, &md, NULL), GOSPY_OK);
	assert_int_equal(pcln_init(&pcln, &paged, &md, minor, NULL), GOSPY_OK);
}

static struct stack_map resolve(uint64_t off)
{
	struct stack_map map;
	assert_true(stack_map_resolve(&pcln, &arena, im.text + off, &map));
	return map;
}

static void test_maps(void **state)
{
	(void)state;
	for (int minor = OLDEST; minor <= NEWEST; minor++) {
		open_image(minor);
		struct stack_map map = resolve(CALL);
		assert_false(map.any || map.no_locals || map.args_unknown);
		assert_int_equal(map.arg_bytes, 16);
		assert_int_equal(map.local_words, 2);
		assert_int_equal(map.arg_words, 2);
		assert_false(stack_map_bit(map.locals, 0));
		assert_true(stack_map_bit(map.locals, 1));
		assert_false(stack_map_bit(map.args, 0));
		assert_true(stack_map_bit(map.args, 1));
		assert_int_equal(map.object_count, 1);
		assert_int_equal(map.objects[0].off, -16);
		assert_int_equal(map.objects[0].size, 8);
		assert_int_equal(map.objects[0].words, 1);
		assert_true(stack_map_bit(map.objects[0].mask, 0));
		// Without a number, and at the entry, it is the first map.
		for (unsigned i = 0; i < 2; i++) {
			map = resolve(i ? BEFORE : 0);
			assert_false(map.any || stack_map_bit(map.locals, 1));
			assert_true(stack_map_bit(map.args, 0));
		}
		arena_deinit(&arena);
	}
}

static void check_any(void)
{
	struct stack_map map = resolve(CALL);
	assert_true(map.any);
	assert_int_equal(map.local_words, 0);
	assert_int_equal(map.object_count, 0);
	arena_deinit(&arena);
}

static void test_lies(void **state)
{
	(void)state;
	static const uint64_t values[] = {0x7fffffff, 0xffffffff, 1u << 31,
					  STACK_MAP_WORDS_MAX + 1};
	for (int minor = OLDEST; minor <= NEWEST; minor++) {
		for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
			open_image(minor);
			go_image_set(&im, im.local_maps + 4, values[i], 4);
			check_any();
			open_image(minor);
			go_image_set(&im, im.arg_maps + 4, values[i], 4);
			check_any();
			open_image(minor);
			go_image_set(&im, im.objects, values[i], 8);
			check_any();
		}
		open_image(minor);
		go_image_set(&im, im.local_maps, 1, 4); // there is no map number 1
		check_any();
		open_image(minor);
		go_image_set(&im, im.objects, UINT64_MAX, 8);
		check_any();
		open_image(minor);
		if (minor < 17)
			go_image_set(&im, im.objects + 16, 0xdead0000, 8); // its type
		else
			go_image_set(&im, im.objects + 12, 0x7fffffff, 4); // its size
		check_any();
	}
}

/* Of a GC program, which up to Go 1.23 stands for the mask of a large object. */
static void test_program(void **state)
{
	(void)state;
	for (int minor = OLDEST; minor <= 23; minor++) {
		open_image(minor);
		if (minor < 17)
			go_image_set(&im, im.type_object + 23, 25 | 1 << 6, 1);
		else
			go_image_set(&im, im.objects + 16, (uint32_t)-8, 4);
		struct stack_map map = resolve(CALL);
		assert_false(map.any);
		assert_int_equal(map.objects[0].words, 1);
		assert_null(map.objects[0].mask);
		arena_deinit(&arena);
	}
}

static void test_nothing(void **state)
{
	(void)state;
	open_image(NEWEST);
	struct stack_map map = resolve(GO_IMAGE_TEXT_LEN + 100);
	assert_true(map.any && map.args_unknown);
	map = resolve(0x41); // goexit, which has no maps, but arguments
	assert_true(map.any);
}

struct checked {
	size_t functions, maps, objects, any;
};

/* What the maps of a pc say has to fit its frame. */
static void check_frame(const struct pcln_func *func, uint64_t pc, struct checked *checked)
{
	struct stack_map map;
	if (pcln_pcdata(func, func->table->minor == 12 ? 0 : 1, pc - 1) < 0)
		return; // no call is here
	assert_true(stack_map_resolve(func->table, &arena, pc, &map));
	int64_t pushed = pcln_value(func, func->pcsp, pc);
	int64_t locals = pushed >= 2 * WORD ? pushed - WORD : 0; // less the saved frame pointer
	bool reflects = func->name && strncmp(func->name, "reflect.", strlen("reflect.")) == 0;
	if (map.any) {
		checked->any++;
		if (!map.args_unknown || !(reflects || pushed < 0 || func->args < 0))
			fail_msg("%s+0x%" PRIx64 ": no maps", func->name, pc - func->entry);
		return;
	}
	checked->maps++;
	if ((locals && (int64_t)map.local_words * WORD > locals) ||
	    map.arg_words * WORD > map.arg_bytes)
		fail_msg("%s+0x%" PRIx64 ": %u locals in %" PRId64 " bytes, %u arguments in %u",
			 func->name, pc - func->entry, map.local_words, locals, map.arg_words,
			 map.arg_bytes);
	for (size_t i = 0; i < map.object_count; i++) {
		const struct stack_object *object = &map.objects[i];
		int64_t end = object->off + (int64_t)object->size;
		checked->objects++;
		if (locals && (object->off < 0 ? -object->off > locals || end > 0
					       : end > (int64_t)map.arg_bytes))
			fail_msg("%s: an object of %" PRIu64 " bytes at %" PRId64, func->name,
				 object->size, object->off);
	}
}

static void check_program(struct go_program *p)
{
	enum { STEP = 7, PCS = 64 };
	struct pclntab table;
	struct checked checked = {0};
	assert_int_equal(pcln_init(&table, &p->image, &p->md, p->minor, NULL), GOSPY_OK);
	for (uint64_t i = 0; i < table.md.nftab; i++) {
		struct pcln_func func;
		if (!pcln_func_at(&table, i, &func) || !func.pcsp || func.end <= func.entry)
			continue;
		// Code without Go's maps: assembly, and what cgo links. What runtime.call32 and
		// the like are declared with is more than they say in assembly.
		if (!pcln_funcdata(&func, 1) || strncmp(func.name, "runtime.call", 12) == 0)
			continue;
		checked.functions++;
		for (unsigned k = 0; k < PCS && func.entry + 1 + k * STEP < func.end; k++)
			check_frame(&func, func.entry + 1 + k * STEP, &checked);
		arena_deinit(&arena);
	}
	print_message("%zu functions, %zu maps, %zu objects, %zu without\n", checked.functions,
		      checked.maps, checked.objects, checked.any);
	assert_true(checked.functions > 500 && checked.objects > 500);
}

static void test_programs(void **state)
{
	(void)state;
	go_program_each("states", check_program);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_maps),     cmocka_unit_test(test_lies),
		cmocka_unit_test(test_program),  cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_programs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
