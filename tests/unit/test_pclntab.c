/* pclntab.c over hand-made modules; and, where GOSPY_FIXTURES names built fixtures, what it says of
 * each pc of running programs against what their own runtime says. */
#include "dwarf/go/inline_tree.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "go_image.h"
#include "go_program.h"

enum { OLDEST = 12, NEWEST = 27, FRAMES = 8 };

struct fixture {
	struct go_image im;
	struct paged paged;
	struct moduledata md;
	struct pclntab pcln;
};

static enum gospy_code open_image(struct fixture *f, struct gospy_error *err)
{
	f->paged = go_image_paged(&f->im);
	enum gospy_code code = moduledata_read(&f->paged, f->im.moduledata, &f->md, err);
	return code ? code : pcln_init(&f->pcln, &f->paged, &f->md, f->im.minor, err);
}

static struct fixture *fixture(int minor)
{
	static struct fixture f;
	struct gospy_error err = {0};
	go_image_init(&f.im, minor);
	if (open_image(&f, &err))
		fail_msg("1.%d: %s", minor, err.msg);
	return &f;
}

static void check_frame(const struct pcln_frame *frame, const char *func, const char *file,
			uint32_t line, bool inlined)
{
	assert_string_equal(frame->func, func);
	assert_string_equal(frame->file, file);
	assert_int_equal(frame->line, line);
	assert_int_equal(frame->inlined, inlined);
}

static void check_main(struct fixture *f, const struct pcln_func *func)
{
	const int minor = f->im.minor;
	const uint64_t text = f->im.text;
	assert_string_equal(func->name, "main.main");
	assert_int_equal(func->entry, text);
	assert_int_equal(func->end, text + 0x40);
	assert_int_equal(func->args, 16);
	assert_int_equal(pcln_value(func, func->pcsp, text), 0);
	assert_int_equal(pcln_value(func, func->pcsp, text + 3), 0);
	assert_int_equal(pcln_value(func, func->pcsp, text + 4), 24);
	assert_int_equal(pcln_value(func, func->pcsp, text + 0x3f), 24);
	assert_int_equal(pcln_value(func, func->pcsp, text + 0x40), -1);
	assert_int_equal(pcln_pcdata(func, minor == 12 ? 1 : 2, text + 0x18), 1);
	assert_int_equal(pcln_pcdata(func, minor == 12 ? 2 : 0, text + 0x18), -1); // no table
	assert_int_equal(pcln_pcdata(func, 4, text), -1);                          // no such index
	assert_int_equal(pcln_funcdata(func, 7), 0);
	assert_int_equal(pcln_funcdata(func, minor == 12 ? 3 : minor < 16 ? 2 : 4), 0);

	struct pcln_frame frames[FRAMES];
	assert_int_equal(pcln_frames(func, text, frames, FRAMES), 1);
	check_frame(&frames[0], "main.main", "a.go", 10, false);
	assert_int_equal(pcln_frames(func, text + 0x17, frames, FRAMES), 2);
	check_frame(&frames[0], "main.inner", "b.go", 77, true);
	check_frame(&frames[1], "main.main", "a.go", 10, false);
	assert_int_equal(pcln_frames(func, text + 0x18, frames, FRAMES), 3);
	check_frame(&frames[0], "main.innermost", "c.go", 5, true);
	check_frame(&frames[1], "main.inner", "b.go", 77, true);
	check_frame(&frames[2], "main.main", "a.go", 10, false);
	// Room for less than there is.
	assert_int_equal(pcln_frames(func, text + 0x18, frames, 2), 2);
	check_frame(&frames[1], "main.inner", "b.go", 77, true);
	assert_int_equal(pcln_frames(func, text + 0x18, frames, 0), 0);
}

static void test_every_version(void **state)
{
	(void)state;
	for (int minor = OLDEST; minor <= NEWEST; minor++) {
		struct fixture *f = fixture(minor);
		struct pcln_func func;
		uint64_t text = f->im.text;
		assert_true(pcln_find_func(&f->pcln, text, &func));
		check_main(f, &func);
		assert_true(pcln_find_func(&f->pcln, text + 0x3f, &func));
		assert_string_equal(func.name, "main.main");
		assert_int_equal(pcln_known(&func), PCLN_NORMAL);
		assert_int_equal(pcln_wrapped(&func), 0);

		assert_true(pcln_find_func(&f->pcln, text + 0x40, &func));
		assert_string_equal(func.name, "runtime.goexit");
		assert_int_equal(pcln_known(&func), PCLN_GOEXIT);
		assert_int_equal(func.flag, minor >= 17);
		const char *file = "";
		uint32_t line = 1;
		pcln_line(&func, text + 0x40, &file, &line);
		assert_null(file);
		assert_int_equal(line, 0);

		assert_true(pcln_find_func(&f->pcln, text + 0x7f, &func));
		assert_string_equal(func.name, "main.main.func1");
		assert_int_equal(func.end, text + 0x80);
		assert_int_equal(pcln_known(&func), PCLN_WRAPPER);
		assert_int_equal(pcln_wrapped(&func), minor >= 18 ? text : 0);

		assert_false(pcln_find_func(&f->pcln, text - 1, &func));
		assert_false(pcln_find_func(&f->pcln, text + 0x80, &func));
		assert_false(pcln_find_func(&f->pcln, 0, &func));
		assert_false(pcln_find_func(&f->pcln, UINT64_MAX, &func));
		assert_true(pcln_func_at(&f->pcln, 2, &func));
		assert_false(pcln_func_at(&f->pcln, 3, &func));
		assert_false(pcln_func_at(&f->pcln, UINT64_MAX, &func));
	}
}

static void test_table_of_another_version(void **state)
{
	(void)state;
	static const int pairs[][2] = {{15, 16}, {17, 18}, {19, 20}, {16, 15}, {20, 12}};
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		struct fixture *f = fixture(pairs[i][0]);
		struct gospy_error err;
		assert_int_equal(pcln_init(&f->pcln, &f->paged, &f->md, pairs[i][1], &err),
				 GOSPY_E_BAD_DATA);
	}
	// A version that is yet to come has the newest shapes until its magic says otherwise.
	struct fixture *f = fixture(27);
	assert_int_equal(pcln_init(&f->pcln, &f->paged, &f->md, 28, NULL), GOSPY_OK);
}

static void test_files_without_a_name(void **state)
{
	(void)state;
	struct fixture *f = fixture(24);
	struct pcln_func func;
	assert_true(pcln_find_func(&f->pcln, f->im.text, &func));
	func.cu_offset = 0; // cutab[1] is the slot of a file that the linker dropped
	const char *file;
	uint32_t line;
	pcln_line(&func, f->im.text, &file, &line);
	assert_null(file);
	assert_int_equal(line, 0);
	func.cu_offset = UINT32_MAX;
	pcln_line(&func, f->im.text, &file, &line);
	assert_null(file);
}

/* Tables of pc values that do not end, or not soon, or not in the image. */
static void test_endless_pcvalue(void **state)
{
	(void)state;
	struct fixture *f = fixture(24);
	struct pcln_func func;
	assert_true(pcln_find_func(&f->pcln, f->im.text, &func));
	uint64_t table = f->pcln.md.pctab + func.pcsp;
	go_image_set(&f->im, table, UINT64_MAX, 8); // varints without an end
	assert_int_equal(pcln_value(&func, func.pcsp, f->im.text), -1);
	assert_int_equal(pcln_value(&func, UINT32_MAX, f->im.text), -1);
	assert_int_equal(pcln_value(&func, 0, f->im.text), -1);

	// Pairs that stay at one pc, as many as there is memory: an end is put to it.
	static uint8_t pairs[8 << 20];
	for (size_t i = 0; i < sizeof(pairs); i += 2)
		pairs[i] = 2;
	struct paged big;
	paged_init_span(&big, f->md.pctab, (struct span){pairs, sizeof(pairs)});
	f->pcln.image = &big;
	assert_int_equal(pcln_value(&func, 8, f->im.text), -1);
}

static void test_value_deltas_wrap(void **state)
{
	(void)state;
	struct fixture *f = fixture(24);
	struct pcln_func func;
	assert_true(pcln_find_func(&f->pcln, f->im.text, &func));
	// -1 + (-2^31) and pcs that leave the function.
	static const uint8_t bytes[] = {0xff, 0xff, 0xff, 0xff, 0x0f, 0xff, 0xff, 0xff, 0xff, 0x0f};
	for (size_t i = 0; i < sizeof(bytes); i++)
		go_image_set(&f->im, f->md.pctab + func.pcsp + i, bytes[i], 1);
	assert_int_equal(pcln_value(&func, func.pcsp, f->im.text), INT32_MAX);
}

static void test_circle_of_inlined_calls(void **state)
{
	(void)state;
	for (int minor = OLDEST; minor <= NEWEST; minor++) {
		struct fixture *f = fixture(minor);
		struct pcln_func func;
		assert_true(pcln_find_func(&f->pcln, f->im.text, &func));
		uint64_t tree = pcln_funcdata(&func, minor == 12 ? 2 : minor < 16 ? 4 : 3);
		assert_true(tree);
		go_image_set(&f->im, tree + (minor < 20 ? 16 : 8), 0x10, 4);
		static struct pcln_frame frames[PCLN_INLINE_DEPTH_MAX + 1];
		assert_int_equal(
			pcln_frames(&func, f->im.text + 0x10, frames, PCLN_INLINE_DEPTH_MAX + 1),
			0);
		assert_int_equal(pcln_frames(&func, f->im.text + 0x10, frames, 5), 5);
	}
}

static void test_inline_record_outside(void **state)
{
	(void)state;
	struct fixture *f = fixture(24);
	struct pcln_func func;
	assert_true(pcln_find_func(&f->pcln, f->im.text, &func));
	uint64_t slot = func.addr + 44 + 4 * 4 + 3 * 4; // behind _func and PCDATA: FUNCDATA 3
	go_image_set(&f->im, slot, 0x7fffffff, 4);
	struct pcln_frame frames[FRAMES];
	assert_int_equal(pcln_frames(&func, f->im.text + 0x10, frames, FRAMES), 0);
	// Where nothing was inlined, a broken tree does no harm.
	go_image_set(&f->im, slot, UINT32_MAX, 4);
	assert_int_equal(pcln_frames(&func, f->im.text + 0x10, frames, FRAMES), 1);
	check_frame(&frames[0], "main.main", "b.go", 77, false);
}

static void test_functab_that_lies(void **state)
{
	(void)state;
	struct fixture *f = fixture(24);
	struct pcln_func func;
	// A functab entry that is not that of its function.
	go_image_set(&f->im, f->md.ftab + 4, 0xffffff, 4);
	assert_false(pcln_find_func(&f->pcln, f->im.text, &func));
	f = fixture(24);
	go_image_set(&f->im, f->md.ftab, 4, 4);
	assert_false(pcln_find_func(&f->pcln, f->im.text + 8, &func));
	// Not sorted.
	f = fixture(24);
	go_image_set(&f->im, f->md.ftab + 8, 0x70, 4);
	for (uint64_t pc = f->im.text; pc < f->im.text + 0x80; pc++) {
		if (pcln_find_func(&f->pcln, pc, &func))
			assert_true(func.entry <= pc && pc < func.end);
	}
	// Cut off by the end of the image.
	f = fixture(24);
	f->paged.len = f->md.ftab - f->paged.addr + 8;
	struct gospy_error err;
	assert_int_equal(pcln_init(&f->pcln, &f->paged, &f->md, 24, &err), GOSPY_E_FAULT);
}

static void look_up_everything(struct fixture *f)
{
	struct pcln_frame frames[FRAMES];
	for (uint64_t pc = f->im.text; pc < f->im.text + GO_IMAGE_TEXT_LEN; pc += 7) {
		struct pcln_func func;
		if (!pcln_find_func(&f->pcln, pc, &func))
			continue;
		assert_true(func.entry <= pc && pc < func.end);
		size_t n = pcln_frames(&func, pc, frames, FRAMES);
		assert_true(n <= FRAMES);
		for (size_t i = 0; i < n; i++) {
			if (frames[i].func)
				assert_true(strlen(frames[i].func) <= PCLN_NAME_MAX);
		}
		for (uint32_t i = 0; i < 9; i++) {
			(void)pcln_pcdata(&func, i, pc);
			(void)pcln_funcdata(&func, i);
		}
		(void)pcln_wrapped(&func);
		(void)pcln_known(&func);
	}
}

static void test_every_byte(void **state)
{
	(void)state;
	static const int minors[] = {12, 16, 18, 24};
	static struct fixture f;
	for (size_t v = 0; v < sizeof(minors) / sizeof(minors[0]); v++) {
		go_image_init(&f.im, minors[v]);
		for (size_t i = 0; i < f.im.len; i++) {
			uint8_t was = f.im.bytes[i];
			for (unsigned value = 0x7f; value <= 0xff; value += 0x80) {
				f.im.bytes[i] = (uint8_t)(was ^ value);
				if (open_image(&f, NULL) == GOSPY_OK)
					look_up_everything(&f);
			}
			f.im.bytes[i] = was;
		}
	}
}

/* Does the runtime show the name `raw` of its table as `shown`? From Go 1.21 on it writes [...] for
 * type arguments: runtime/symtab.go:funcNameForPrint. */
static bool is_shown_as(const char *raw, const char *shown)
{
	const char *raw_open = strchr(raw, '['), *shown_open = strchr(shown, '[');
	if (!raw_open || !shown_open)
		return strcmp(raw, shown) == 0;
	const char *raw_close = strrchr(raw, ']'), *shown_close = strrchr(shown, ']');
	return raw_open - raw == shown_open - shown &&
	       memcmp(raw, shown, (size_t)(raw_open - raw)) == 0 && raw_close && shown_close &&
	       strcmp(raw_close, shown_close) == 0;
}

/* Check pcs [pc, end) against one answer: "ENTRY FILE LINE FUNC" with tabs, or "none". */
static void check_answer(struct pclntab *pcln, uint64_t pc, uint64_t end, char *answer)
{
	char *entry = strsep(&answer, "\t"), *file = strsep(&answer, "\t");
	char *line = strsep(&answer, "\t"), *name = answer;
	for (; pc < end; pc++) {
		struct pcln_func func;
		struct pcln_frame frames[64];
		bool found = pcln_find_func(pcln, pc, &func);
		if (!name) {
			assert_false(found);
			continue;
		}
		if (!found || !pcln_frames(&func, pc, frames, 64))
			fail_msg("0x%" PRIx64 " was not found: %s", pc, name);
		// The runtime says "?", 0 where there is no line.
		if (func.entry != strtoull(entry, NULL, 16) ||
		    strcmp(frames[0].file ? frames[0].file : "?", file) != 0 ||
		    frames[0].line != strtoul(line, NULL, 10) || !is_shown_as(frames[0].func, name))
			fail_msg("0x%" PRIx64 ": %s %s:%u, but the runtime says %s %s:%s", pc,
				 frames[0].func, frames[0].file, frames[0].line, name, file, line);
	}
}

static void check_program(struct go_program *p)
{
	struct pclntab pcln;
	struct gospy_error err;
	if (pcln_init(&pcln, &p->image, &p->md, p->minor, &err))
		fail_msg("%s: %s", p->path, err.msg);
	fprintf(p->to, "%" PRIx64 " %" PRIx64 "\n", p->md.minpc, p->md.maxpc);
	fflush(p->to);
	CLEANUP_FREE char *line = NULL, *answer = NULL;
	size_t cap = 0;
	uint64_t from = p->md.minpc;
	for (ssize_t n; (n = getline(&line, &cap, p->from)) > 0;) {
		line[n - 1] = 0;
		bool end = strcmp(line, "end") == 0;
		char *rest = line;
		uint64_t pc = end ? p->md.maxpc : strtoull(strsep(&rest, "\t"), NULL, 16);
		if (answer)
			check_answer(&pcln, from, pc, answer);
		free(answer);
		answer = end ? NULL : strdup(rest);
		from = pc;
		if (end)
			break;
	}
	assert_int_equal(from, p->md.maxpc);
}

static void test_against_the_runtime(void **state)
{
	(void)state;
	go_program_each("pcs", check_program);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_version),
		cmocka_unit_test(test_table_of_another_version),
		cmocka_unit_test(test_files_without_a_name),
		cmocka_unit_test(test_endless_pcvalue),
		cmocka_unit_test(test_value_deltas_wrap),
		cmocka_unit_test(test_circle_of_inlined_calls),
		cmocka_unit_test(test_inline_record_outside),
		cmocka_unit_test(test_functab_that_lies),
		cmocka_unit_test(test_every_byte),
		cmocka_unit_test(test_against_the_runtime),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
