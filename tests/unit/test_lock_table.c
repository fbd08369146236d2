/* lock_table.c: where GOSPY_FIXTURES names built fixtures, which locks the functions of the fixture
 * `holders` hold when they call main.work or main.pause, or wait on a channel. */
#include "dwarf/go/lock_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "go_program.h"

/* How many locks are held for certain at the last call of one of the functions above, and can be
 * told from the stack alone. */
struct wanted {
	const char *func;
	unsigned held;
	int since; /* Go minor version */
};

static const struct wanted wanted[] = {
	{"main.plain", 1, 12},
	{"main.deferred", 1, 12},
	{"main.earlyReturn", 1, 12},
	{"main.(*guarded).byHelper", 1, 12},
	{"main.(*guarded).byTwoHelpers", 1, 12},
	{"main.byReturned", 1, 17},
	{"main.helperBetween", 1, 12},
	{"main.branches", 1, 12},
	{"main.twice", 1, 12},
	{"main.recursion", 1, 12},
	{"main.many", 1, 12},
	{"main.embedded", 1, 12},
	{"main.holdGlobal", 1, 12},
	{"main.write", 1, 12},
	{"main.read", 1, 12},
	{"main.tries", 1, 18},
	{"main.triesOnce", 1, 18},
	{"main.releasedByHelper", 0, 12},
	{"main.releasedByDefer", 0, 12},
	{"main.releasedByInterface", 0, 12},
	{"main.releasedInOneBranch", 0, 12},
	{"main.movesOn", 0, 12},
};
enum { WANTED = sizeof(wanted) / sizeof(wanted[0]) };

static const char *const calls[] = {"main.work", "main.pause", "main.(*shared).touch",
				    "main.waitForEver", "runtime.chanrecv1"};
enum { CALLS = sizeof(calls) / sizeof(calls[0]) };

static unsigned count_certain(const struct lock_answer *answer)
{
	unsigned n = 0;
	for (unsigned i = 0; answer->kind == LOCK_SITE && i < answer->site->held_count; i++) {
		const struct lock_found *found = &answer->found[answer->site->first + i];
		n += found->certain && found->at.kind && !found->at.loads && !found->has_via;
	}
	return n;
}

/* Offset behind the last call of one of these, or else behind the last one of something that is not
 * known by its address; 0: there is none. */
static uint64_t last_call(const struct go_program *p, const struct pcln_named *func,
			  const struct pcln_named *targets)
{
	struct insns insns = {0};
	struct gospy_error err;
	uint64_t len = func->end - func->entry, ret = 0, unknown = 0;
	struct paged *image = (struct paged *)(uintptr_t)&p->image;
	const uint8_t *code = paged_at_addr(image, func->entry, len);
	assert_non_null(code);
	if (insns_decode((struct span){code, len}, func->entry, &insns, &err))
		fail_msg("%s", err.msg);
	for (size_t i = 0; i < insns.list.len; i++) {
		const struct insn *in = &insns.list.at[i];
		if (in->op == INSN_CALL_REG)
			unknown = in->off + in->len;
		for (size_t k = 0; in->op == INSN_CALL && k < CALLS; k++) {
			if (targets[k].entry == in->target)
				ret = in->off + in->len;
		}
	}
	vec_free(&insns.list);
	return ret ? ret : unknown;
}

static void check_program(struct go_program *p)
{
	struct pclntab pcln;
	struct gospy_error err;
	struct pcln_named names[WANTED + CALLS] = {0};
	unsigned bad = 0;
	for (size_t i = 0; i < WANTED; i++)
		names[i].name = wanted[i].func;
	for (size_t i = 0; i < CALLS; i++)
		names[WANTED + i].name = calls[i];
	if (pcln_init(&pcln, &p->image, &p->md, p->minor, &err) ||
	    pcln_find_names(&pcln, names, WANTED + CALLS, &err))
		fail_msg("%s: %s", p->path, err.msg);
	struct lock_table table = {.pcln = &pcln};
	for (size_t i = 0; i < WANTED; i++) {
		if (wanted[i].since > p->minor)
			continue;
		uint64_t off = names[i].entry ? last_call(p, &names[i], names + WANTED) : 0;
		if (!off)
			continue;
		struct lock_answer answer = lock_table_at(&table, names[i].entry + off, false);
		unsigned held = count_certain(&answer);
		if (held == wanted[i].held && answer.kind != LOCK_UNCLEAR)
			continue;
		print_error("%s: %s +0x%" PRIx64 ": %u held, not %u (kind %d)\n", p->path,
			    wanted[i].func, off, held, wanted[i].held, (int)answer.kind);
		bad++;
	}
	print_message("%zu instructions decoded\n", table.insns);
	lock_table_deinit(&table);
	assert_int_equal(bad, 0);
}

static void test_holders(void **state)
{
	(void)state;
	go_program_each("holders", check_program);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_holders),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
