/* programs.c, image_open.c: processes that run one file share what is known of it, where
 * GOSPY_FIXTURES names built fixtures. */
#include "image/programs.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "go_program.h"
#include "image/image_create.h"
#include "live/live.h"

enum { COPY_CHUNK = 1 << 16, THREADS = 4 };

struct opened {
	struct go_program p;
	struct source *source;
	struct image *image;
};

static void open_image(struct opened *o, const char *bin)
{
	struct gospy_error err;
	if (live_open(o->p.pid, &o->source, &err) || image_create(o->source, bin, &o->image, &err))
		fail_msg("%s: %s", o->p.path, err.msg);
}

static struct opened open_program(const char *path, int minor)
{
	struct opened o = {0};
	go_program_open(&o.p, path, minor);
	open_image(&o, NULL);
	return o;
}

static void close_image(struct opened *o)
{
	image_forget_target(o->image);
	image_unref(o->image);
	source_destroy(o->source);
}

static void close_program(struct opened *o)
{
	close_image(o);
	go_program_close(&o->p);
}

static uint64_t address(const struct go_program *p, const char *name)
{
	struct elf_symbol symbol = {.name = name};
	CLEANUP(elf_file_close) struct elf_file elf = {0}; // of this thread
	assert_int_equal(elf_file_open(p->elf.in.fd, p->path, &elf, NULL), GOSPY_OK);
	assert_int_equal(elf_file_symbols(&elf, &symbol, 1, NULL), GOSPY_OK);
	assert_true(symbol.found);
	return symbol.addr + p->bias;
}

/* A function of this name is where the symbols of the running file have it; or, if `or_unknown`,
 * nobody knows. */
static void expect_name(struct opened *o, uint64_t addr, const char *name, bool or_unknown)
{
	struct symbols *symbols = symbolizer_hold(&o->image->symbolizer);
	const struct location *location = symbols_location(symbols, addr, LOCATION_EXACT);
	assert_int_equal(location->pub.pc, addr);
	if (!or_unknown || location->pub.func)
		assert_string_equal(location->pub.func, name);
	uint64_t entry, end;
	if (symbols_function(symbols, addr, &entry, &end))
		assert_true(entry == addr && end > addr);
	symbols_release(symbols);
}

static void expect_truth(struct opened *o)
{
	static const char *const names[] = {"main.main", "runtime.gopark", "runtime.mcall"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		expect_name(o, address(&o->p, names[i]), names[i], false);
	assert_int_equal(o->image->globals.allgs.addr, address(&o->p, "runtime.allgs"));
	assert_int_equal(o->image->version.minor, o->p.minor);
}

/* ------------------------------------------------------------------------------------- files -- */

static void copy(const char *from, const char *to)
{
	CLEANUP_CLOSE int in = open(from, O_RDONLY | O_CLOEXEC);
	CLEANUP_CLOSE int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
	CLEANUP_FREE char *buffer = malloc(COPY_CHUNK);
	assert_true(in >= 0 && out >= 0 && buffer);
	ssize_t n;
	while ((n = read(in, buffer, COPY_CHUNK)) > 0)
		assert_int_equal(write(out, buffer, (size_t)n), n);
}

/* A file that has just been written to is not relied on; its time may not tell the next write. */
static void settle(void)
{
	nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
}

static char directory[] = "/tmp/gospy-programs-XXXXXX";
static char path[sizeof(directory) + 16];
static char paths[2][4096]; /* builds of one fixture, by the oldest and the newest Go */
static int minors[2];

static int find_builds(void **state)
{
	(void)state;
	const char *dir = getenv("GOSPY_FIXTURES");
	char pattern[4096];
	glob_t found;
	snprintf(pattern, sizeof(pattern), "%s/1.*/default/states", dir ? dir : "");
	if (!dir || glob(pattern, 0, NULL, &found) != 0)
		return 0;
	for (size_t i = 0; i < 2; i++) {
		const char *build = found.gl_pathv[i ? found.gl_pathc - 1 : 0];
		snprintf(paths[i], sizeof(paths[i]), "%s", build);
		minors[i] = atoi(build + strlen(dir) + strlen("/1."));
	}
	globfree(&found);
	snprintf(path, sizeof(path), "%s/program", mkdtemp(directory));
	return 0;
}

static int remove_files(void **state)
{
	(void)state;
	unlink(path);
	rmdir(directory);
	return 0;
}

static void need_builds(size_t n)
{
	if (!*paths[0] || (n > 1 && minors[0] == minors[1])) {
		print_message("no fixture states of %zu versions in GOSPY_FIXTURES\n", n);
		skip();
	}
	programs_trim(0);
	assert_int_equal(programs_count().all, 0);
}

/* ------------------------------------------------------------------------------------- tests -- */

/* For each build: the second process finds what the first one resolved, and goes on without it. */
static void expect_sharing(struct go_program *p)
{
	struct opened second = {.p = *p}, first = open_program(p->path, p->minor);
	open_image(&second, NULL);
	assert_ptr_equal(first.image->program, second.image->program);
	assert_false(first.image->program->own);
	expect_truth(&first);
	close_program(&first);
	expect_truth(&second);
	assert_int_equal(programs_count().idle, 0);
	struct program *program = second.image->program;
	close_image(&second);
	struct programs_count count = programs_count();
	assert_true(count.idle > 0 && count.idle_bytes > 0);
	// It is still there for the next one.
	open_image(&second, NULL);
	assert_ptr_equal(second.image->program, program);
	close_image(&second);
	programs_trim(0);
	assert_int_equal(programs_count().all, 0);
}

static void test_processes_of_one_program_share(void **state)
{
	(void)state;
	programs_trim(0);
	go_program_each("states", expect_sharing);
}

static void test_idle_ones_are_bounded(void **state)
{
	(void)state;
	need_builds(1);
	const char *dir = getenv("GOSPY_FIXTURES");
	char pattern[4096];
	glob_t found;
	snprintf(pattern, sizeof(pattern), "%s/1.*/default/{states,parked,pcs,threads}", dir);
	assert_int_equal(glob(pattern, GLOB_BRACE, NULL, &found), 0);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		const char *build = found.gl_pathv[i];
		struct opened o = open_program(build, atoi(build + strlen(dir) + strlen("/1.")));
		close_program(&o);
		struct programs_count count = programs_count();
		assert_true(count.idle == count.all && count.idle_bytes <= PROGRAMS_IDLE_BYTES);
	}
	globfree(&found);
	programs_trim(0);
	assert_int_equal(programs_count().all, 0);
}

/* Another file at the same path, while the first one still runs. */
static void test_replaced_file(void **state)
{
	(void)state;
	need_builds(2);
	copy(paths[0], path);
	settle();
	struct opened old = open_program(path, minors[0]);
	assert_int_equal(unlink(path), 0);
	copy(paths[1], path);
	settle();
	struct opened new = open_program(path, minors[1]);
	assert_ptr_not_equal(old.image->program, new.image->program);
	assert_false(old.image->program->own || new.image->program->own);
	expect_truth(&new);
	expect_truth(&old);
	close_program(&old);
	close_program(&new);
}

/* The same file gets other content after its processes have ended. What was not read of it before
 * is not known any more, and is not taken from what is there now. */
static void test_rewritten_file(void **state)
{
	(void)state;
	need_builds(2);
	copy(paths[0], path);
	settle();
	struct opened old = open_program(path, minors[0]);
	uint64_t known = address(&old.p, "main.main"), unknown = address(&old.p, "runtime.mcall");
	expect_name(&old, known, "main.main", false);
	go_program_close(&old.p);
	copy(paths[1], path);
	settle();
	struct opened new = open_program(path, minors[1]);
	assert_ptr_not_equal(old.image->program, new.image->program);
	expect_truth(&new);
	expect_name(&old, known, "main.main", false);
	expect_name(&old, unknown, "runtime.mcall", true);
	close_image(&old);
	close_program(&new);
}

/* A program that was resolved with another file has other symbols. */
static void test_another_bin(void **state)
{
	(void)state;
	need_builds(1);
	struct opened o = open_program(paths[1], minors[1]), with = {.p = o.p};
	open_image(&with, paths[1]);
	assert_ptr_not_equal(o.image->program, with.image->program);
	struct opened again = {.p = o.p};
	open_image(&again, paths[1]);
	assert_ptr_equal(again.image->program, with.image->program);
	expect_truth(&with);
	close_image(&again);
	close_image(&with);
	close_program(&o);
}

/* ------------------------------------------------------------------------------------- liars -- */

static void write_memory(const struct go_program *p, uint64_t addr, const void *bytes, size_t len)
{
	char name[64];
	snprintf(name, sizeof(name), "/proc/%d/mem", (int)p->pid);
	CLEANUP_CLOSE int fd = open(name, O_WRONLY | O_CLOEXEC);
	assert_int_equal(pwrite(fd, bytes, len, (off_t)addr), len);
}

/* A process that changed the names in its own memory changes those of no other, even if it was
 * opened first. */
static void test_names_of_a_liar(void **state)
{
	(void)state;
	need_builds(1);
	struct opened liar = {0};
	go_program_open(&liar.p, paths[1], minors[1]);
	const uint8_t *tables = paged_at_addr(&liar.p.image, liar.p.md.funcnametab, 1 << 16);
	const uint8_t *name =
		tables ? memmem(tables, 1 << 16, "runtime.gopark", sizeof("runtime.gopark")) : NULL;
	for (uint64_t at = liar.p.md.funcnametab; !name && at < liar.p.md.pclntab_end;
	     at += 1 << 12) {
		tables = paged_at_addr(&liar.p.image, at, 1 << 13);
		name = tables ? memmem(tables, 1 << 13, "runtime.gopark", sizeof("runtime.gopark"))
			      : NULL;
	}
	assert_non_null(name);
	uint64_t addr = liar.p.image.addr + (uint64_t)(name - liar.p.image.bytes);
	write_memory(&liar.p, addr, "another.gopark", sizeof("another.gopark"));
	open_image(&liar, NULL);
	struct opened honest = open_program(paths[1], minors[1]);
	expect_truth(&honest);
	close_program(&liar);
	close_program(&honest);
}

/* A process whose module is not that of the file has an image of its own. */
static void test_module_of_a_liar(void **state)
{
	(void)state;
	need_builds(1);
	struct opened liar = {0};
	go_program_open(&liar.p, paths[1], minors[1]);
	uint64_t end = liar.p.md.enoptrbss, at = liar.p.md.addr, word = 0;
	for (unsigned i = 0; i < 64 && word != end; i++, at += sizeof(word))
		assert_true(paged_u64(&liar.p.image, at, &word));
	assert_int_equal(word, end);
	word += 8;
	write_memory(&liar.p, at - sizeof(word), &word, sizeof(word));
	open_image(&liar, NULL);
	struct opened honest = open_program(paths[1], minors[1]);
	assert_true(liar.image->program->own);
	assert_false(honest.image->program->own);
	expect_truth(&liar);
	expect_truth(&honest);
	close_program(&liar);
	// Once it is closed, nothing is read of the process.
	expect_truth(&honest);
	close_program(&honest);
}

/* Globals that code led to are looked at in each process. */
static void test_globals_of_a_liar(void **state)
{
	(void)state;
	need_builds(1);
	char stripped[sizeof(paths[0]) + 16];
	const char *variant = strstr(paths[1], "/default/");
	snprintf(stripped, sizeof(stripped), "%.*s/stripped/states", (int)(variant - paths[1]),
		 paths[1]);
	struct opened honest = {0}, liar = {0};
	honest.p.path = liar.p.path = stripped;
	if (access(stripped, X_OK)) {
		print_message("no stripped fixture\n");
		skip();
	}
	go_program_start(&honest.p);
	go_program_start(&liar.p);
	open_image(&honest, NULL);
	// How long the second of these strings is.
	uint64_t reasons = honest.image->globals.waitReasonStrings.addr, len = 3;
	write_memory(&liar.p, reasons + 24, &len, sizeof(len));
	struct gospy_error err;
	assert_int_equal(live_open(liar.p.pid, &liar.source, &err), GOSPY_OK);
	assert_int_equal(image_create(liar.source, NULL, &liar.image, &err), GOSPY_E_NOT_FOUND);
	assert_non_null(strstr(err.msg, "runtime.waitReasonStrings"));
	struct opened again = {.p = honest.p};
	open_image(&again, NULL);
	assert_ptr_equal(again.image->program, honest.image->program);
	assert_int_equal(again.image->globals.waitReasonStrings.addr, reasons);
	close_image(&again);
	close_image(&honest);
	source_destroy(liar.source);
	struct go_program *ended[] = {&honest.p, &liar.p};
	for (size_t i = 0; i < 2; i++) {
		fclose(ended[i]->to);
		fclose(ended[i]->from);
		waitpid(ended[i]->pid, NULL, 0);
	}
}

/* ----------------------------------------------------------------------------------- threads -- */

static pthread_barrier_t barrier;

static void *open_at_once(void *opened)
{
	struct opened *o = opened;
	pthread_barrier_wait(&barrier);
	open_image(o, NULL);
	expect_truth(o);
	return NULL;
}

static void test_threads_open_at_once(void **state)
{
	(void)state;
	need_builds(1);
	enum { ROUNDS = 8 };
	struct go_program p;
	go_program_open(&p, paths[1], minors[1]);
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct opened o[THREADS];
		pthread_t threads[THREADS];
		pthread_barrier_init(&barrier, NULL, THREADS);
		for (size_t i = 0; i < THREADS; i++) {
			o[i] = (struct opened){.p = p};
			assert_int_equal(pthread_create(&threads[i], NULL, open_at_once, &o[i]), 0);
		}
		for (size_t i = 0; i < THREADS; i++)
			pthread_join(threads[i], NULL);
		pthread_barrier_destroy(&barrier);
		for (size_t i = 0; i < THREADS; i++) {
			assert_ptr_equal(o[i].image->program, o[0].image->program);
			assert_int_equal(programs_count().all, 1);
		}
		for (size_t i = 0; i < THREADS; i++)
			close_image(&o[i]);
		programs_trim(0);
	}
	go_program_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_processes_of_one_program_share),
		cmocka_unit_test(test_idle_ones_are_bounded),
		cmocka_unit_test(test_replaced_file),
		cmocka_unit_test(test_rewritten_file),
		cmocka_unit_test(test_another_bin),
		cmocka_unit_test(test_names_of_a_liar),
		cmocka_unit_test(test_module_of_a_liar),
		cmocka_unit_test(test_globals_of_a_liar),
		cmocka_unit_test(test_threads_open_at_once),
	};
	return cmocka_run_group_tests(tests, find_builds, remove_files);
}
