#include "image/programs.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

enum {
	/* Bytes of the build ID. It tells files apart that all else takes for one. */
	ID_MAX = 64,
	/* A file system stamps writes by a coarse clock: if a file was written to just now, the
	 * next write may have the same time. */
	SETTLED_NS = 50000000,
};

/* It has no padding, because keys are compared as bytes. */
struct key {
	struct elf_identity file, bin;
	uint8_t id[ID_MAX];
};

struct known {
	struct known *next;
	struct program *program;
	struct key key;
	size_t users;
	uint64_t idle_since_ns, bytes; /* while there are no users */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct known *known; /* the newest first */

/* Is it so long ago that the file was written to that the next write leaves another time? */
static bool is_settled(const struct elf_identity *file)
{
	enum { NS_PER_S = 1000000000 };
	int64_t now_ns = (int64_t)clock_real_ns();
	int64_t seconds = now_ns / NS_PER_S - file->ctime_s;
	return seconds > 1 ||
	       (seconds >= 0 &&
		seconds * NS_PER_S + now_ns % NS_PER_S - file->ctime_ns >= SETTLED_NS);
}

/* Does the file alone tell what is in memory? Not if it was changed since (binary.h has a note
 * then), if it does not describe what runs, or if other modules use what is in it. */
static bool is_by_file(const struct program_parts *parts)
{
	const struct binary *binary = parts->binary;
	return binary->elf.in.is_file && !binary->note && !binary->moduledata &&
	       binary->kind != BINARY_MEMORY && !parts->linkshared &&
	       is_settled(&binary->elf.identity) &&
	       (!parts->bin->name || is_settled(&parts->bin->identity));
}

static struct key key_of(const struct program_parts *parts)
{
	struct key key = {.file = parts->binary->elf.identity, .bin = parts->bin->identity};
	struct span id = elf_file_build_id(&parts->binary->elf);
	if (!id.len)
		id = elf_file_go_build_id(&parts->binary->elf);
	if (id.len)
		memcpy(key.id, id.ptr, id.len < ID_MAX ? id.len : ID_MAX);
	return key;
}

/* ------------------------------------------------------------------------------ under the lock --
 */

/* Take programs out of the list that have been idle for `ns`, and the oldest beyond `bytes_max`. */
static struct known *take_idle(uint64_t ns, uint64_t bytes_max)
{
	struct known *taken = NULL;
	uint64_t now_ns = clock_mono_ns(), bytes = 0;
	for (struct known **at = &known; *at;) {
		struct known *k = *at;
		bytes += k->users ? 0 : k->bytes;
		if (k->users || (now_ns - k->idle_since_ns < ns && bytes <= bytes_max)) {
			at = &k->next;
			continue;
		}
		*at = k->next;
		k->next = taken;
		taken = k;
	}
	return taken;
}

static void put_first(struct known *k)
{
	k->next = known;
	known = k;
}

/* A program that is used moves to the beginning. */
static struct known *find_key(const struct key *key)
{
	for (struct known **at = &known; *at; at = &(*at)->next) {
		struct known *k = *at;
		if (memcmp(&k->key, key, sizeof(*key)) == 0) {
			*at = k->next;
			put_first(k);
			return k;
		}
	}
	return NULL;
}

/* --------------------------------------------------------------------------- outside of it ---- */

static void destroy_all(struct known *k)
{
	while (k) {
		struct known *next = k->next;
		program_destroy(k->program);
		free(k);
		k = next;
	}
}

void programs_trim(uint64_t ns)
{
	pthread_mutex_lock(&lock);
	struct known *idle = take_idle(ns, PROGRAMS_IDLE_BYTES);
	pthread_mutex_unlock(&lock);
	destroy_all(idle);
}

/* Count one user more. False: an idle program has no descriptor, and cannot get one. */
static bool use(struct known *k, const struct elf_file *file)
{
	if (!k->users && !elf_file_open_again(&k->program->elf, file))
		return false;
	k->users++;
	return true;
}

static struct program *find(const struct key *key, const struct elf_file *file)
{
	pthread_mutex_lock(&lock);
	struct known *k = find_key(key);
	if (k && !use(k, file))
		k = NULL;
	pthread_mutex_unlock(&lock);
	return k ? k->program : NULL;
}

/* Make `mine` known, unless somebody was faster: then take that one, and `mine` goes. */
static struct program *add(struct known *mine)
{
	pthread_mutex_lock(&lock);
	struct known *k = find_key(&mine->key);
	if (!k || !use(k, &mine->program->elf)) {
		k = mine;
		k->users = 1;
		put_first(k);
	}
	pthread_mutex_unlock(&lock);
	if (k != mine) {
		mine->next = NULL;
		destroy_all(mine);
	}
	return k->program;
}

enum gospy_code programs_get(const struct program_parts *parts, struct program **ret,
			     struct gospy_error *err)
{
	programs_trim(PROGRAMS_IDLE_NS);
	if (!is_by_file(parts))
		return err_set(err, GOSPY_E_NOT_FOUND, "%s alone does not tell what runs",
			       parts->binary->elf.name);
	struct key key = key_of(parts);
	*ret = find(&key, &parts->binary->elf);
	if (*ret)
		return GOSPY_OK;
	struct known *mine = calloc(1, sizeof(*mine));
	if (!mine)
		return err_nomem(err);
	mine->key = key;
	enum gospy_code code = program_create(parts, &mine->program, err);
	if (code)
		free(mine);
	else
		*ret = add(mine);
	return code;
}

void programs_put(struct program *program)
{
	if (!program)
		return;
	if (program->own) {
		program_destroy(program);
		return;
	}
	pthread_mutex_lock(&lock);
	struct known *k = known;
	while (k->program != program)
		k = k->next;
	if (--k->users == 0) {
		// So the file system can be unmounted all the same.
		elf_file_release(&program->elf);
		k->idle_since_ns = clock_mono_ns();
		k->bytes = program_bytes(program);
	}
	pthread_mutex_unlock(&lock);
	programs_trim(PROGRAMS_IDLE_NS);
}

struct programs_count programs_count(void)
{
	struct programs_count count = {0};
	pthread_mutex_lock(&lock);
	for (const struct known *k = known; k; k = k->next) {
		count.all++;
		count.idle += !k->users;
		count.idle_bytes += k->users ? 0 : k->bytes;
	}
	pthread_mutex_unlock(&lock);
	return count;
}
