#include "image/symbols.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

enum { WORD = 8, SLOTS_MIN = 1024 };

/* Open addressing; never more than half full. Readers come without a lock: a slot is filled when
 * its site is complete, and a table that was too small stays until the set ends, for somebody may
 * still be looking through it. */
struct table {
	struct table *smaller;
	size_t mask;
	_Atomic(struct site *) slots[];
};

struct symbols {
	struct symbolizer *symbolizer;
	_Atomic(struct table *) table;
	atomic_bool full;
	/* Under the lock. */
	unsigned held;
	size_t count;
	struct arena arena;
};

static struct table *table_create(size_t slots, struct table *smaller)
{
	struct table *table = calloc(1, sizeof(*table) + slots * sizeof(table->slots[0]));
	if (table) {
		table->smaller = smaller;
		table->mask = slots - 1;
	}
	return table;
}

static struct symbols *symbols_create(struct symbolizer *symbolizer)
{
	struct symbols *s = calloc(1, sizeof(*s));
	struct table *table = table_create(SLOTS_MIN, NULL);
	if (!s || !table) {
		free(s);
		free(table);
		return NULL;
	}
	s->symbolizer = symbolizer;
	atomic_init(&s->table, table);
	atomic_init(&s->full, false);
	return s;
}

static void symbols_destroy(struct symbols *s)
{
	for (struct table *table = atomic_load(&s->table), *next; table; table = next) {
		next = table->smaller;
		free(table);
	}
	arena_deinit(&s->arena);
	free(s);
}

void symbolizer_init(struct symbolizer *symbolizer, pthread_mutex_t *lock, struct pclntab *pcln,
		     uint64_t bias, uint64_t main_main, const struct origins *origins)
{
	*symbolizer = (struct symbolizer){
		.lock = lock,
		.pcln = pcln,
		.bias = bias,
		.main_main = main_main,
		.origins = origins,
	};
}

void symbolizer_deinit(struct symbolizer *symbolizer)
{
	if (symbolizer->current)
		symbols_destroy(symbolizer->current);
}

static bool has_room(const struct symbols *s)
{
	return s->arena.bytes < SYMBOLS_MAX;
}

/* With the lock held: put an empty set in the place of one that has little room left. */
static void renew(struct symbolizer *symbolizer)
{
	struct symbols *old = symbolizer->current;
	if (old && old->arena.bytes <= SYMBOLS_MAX / 2 && !atomic_load(&old->full))
		return;
	symbolizer->current = symbols_create(symbolizer);
	if (old && !old->held)
		symbols_destroy(old);
}

struct symbols *symbolizer_hold(struct symbolizer *symbolizer)
{
	pthread_mutex_lock(symbolizer->lock);
	renew(symbolizer);
	struct symbols *s = symbolizer->current;
	if (s)
		s->held++;
	pthread_mutex_unlock(symbolizer->lock);
	return s;
}

struct symbols *symbols_ref(struct symbols *s)
{
	pthread_mutex_lock(s->symbolizer->lock);
	s->held++;
	pthread_mutex_unlock(s->symbolizer->lock);
	return s;
}

void symbols_release(struct symbols *s)
{
	if (!s)
		return;
	struct symbolizer *symbolizer = s->symbolizer;
	pthread_mutex_lock(symbolizer->lock);
	bool last = --s->held == 0 && s != symbolizer->current;
	pthread_mutex_unlock(symbolizer->lock);
	if (last)
		symbols_destroy(s);
}

bool symbols_full(const struct symbols *s)
{
	return atomic_load(&s->full);
}

/* NULL: not there, and `*slot_ret` is where it would be. */
static struct site *find(struct table *table, uint64_t pc, size_t *slot_ret)
{
	for (size_t i = (size_t)hash_mix(0, pc) & table->mask;; i = (i + 1) & table->mask) {
		struct site *site = atomic_load_explicit(&table->slots[i], memory_order_acquire);
		if (!site || site->pc == pc) {
			*slot_ret = i;
			return site;
		}
	}
}

/* With the lock held, as all that follows. The table, with room for one more, or NULL. */
static struct table *make_room(struct symbols *s)
{
	struct table *table = atomic_load_explicit(&s->table, memory_order_relaxed);
	size_t slots = table->mask + 1;
	if (s->count < slots / 2)
		return table;
	struct table *larger = table_create(slots * 2, table);
	if (!larger)
		return NULL;
	for (size_t i = 0; i < slots; i++) {
		struct site *site = atomic_load_explicit(&table->slots[i], memory_order_relaxed);
		size_t slot;
		if (site && !find(larger, site->pc, &slot))
			atomic_init(&larger->slots[slot], site);
	}
	atomic_store_explicit(&s->table, larger, memory_order_release);
	return larger;
}

static bool resolve_values(struct arena *arena, const struct pcln_func *func, struct site *site)
{
	struct args args;
	if (!args_decode(func, func->entry, &args) || !args.values)
		return true; // nothing to print
	struct site_value *values = arena_calloc(arena, args.values, sizeof(*values));
	if (!values)
		return false;
	for (unsigned i = 0; i < args.count; i++) {
		const struct args_item *item = &args.items[i];
		if (item->kind == ARGS_VALUE)
			values[site->value_count++] = (struct site_value){item->off, item->size};
	}
	site->values = values;
	return true;
}

static struct site *resolve(struct symbols *s, uint64_t pc)
{
	struct site *site = arena_alloc(&s->arena, sizeof(*site));
	struct pcln_func func;
	if (!site)
		return NULL;
	site->pc = pc;
	pc -= s->symbolizer->bias;
	if (!pcln_find_func(s->symbolizer->pcln, pc, &func))
		return site;
	site->known = true;
	site->step = (uint8_t)pcln_step(&func);
	site->func = (uint8_t)pcln_known(&func);
	// From Go 1.17 on the body of gogo is a static function of that name, and funcIDs are given
	// to the package's names only: runtime/asm_amd64.s, cmd/internal/objabi/funcid.go.
	if (func.name && strcmp(func.name, "gogo") == 0)
		site->func = PCLN_GOGO;
	// The return address lies behind what the function has pushed.
	int32_t pushed = pcln_value(&func, func.pcsp, pc);
	site->size = pushed < 0 ? 0 : (int64_t)pushed + WORD;
	site->popped =
		pushed == -WORD && func.name && strcmp(func.name, "syscall.rawVforkSyscall") == 0;
	return resolve_values(&s->arena, &func, site) ? site : NULL;
}

static struct site *add_locked(struct symbols *s, uint64_t pc)
{
	size_t slot;
	struct table *table = make_room(s);
	if (!table || !has_room(s))
		return NULL;
	// Another thread may have been faster.
	struct site *site = find(table, pc, &slot);
	if (!site && (site = resolve(s, pc))) {
		s->count++;
		atomic_store_explicit(&table->slots[slot], site, memory_order_release);
	}
	return site;
}

static struct site *add_site(struct symbols *s, uint64_t pc)
{
	pthread_mutex_lock(s->symbolizer->lock);
	struct site *site = add_locked(s, pc);
	pthread_mutex_unlock(s->symbolizer->lock);
	if (!site)
		atomic_store(&s->full, true);
	return site;
}

/* NULL: no room. */
static struct site *site_of(struct symbols *s, uint64_t pc)
{
	size_t slot;
	struct table *table = atomic_load_explicit(&s->table, memory_order_acquire);
	struct site *site = find(table, pc, &slot);
	return site ? site : add_site(s, pc);
}

const struct site *symbols_site(struct symbols *s, uint64_t pc)
{
	static const struct site no_room = {.no_room = true};
	const struct site *site = site_of(s, pc);
	return site ? site : &no_room;
}

bool symbols_function(struct symbols *s, uint64_t pc, uint64_t *entry_ret, uint64_t *end_ret)
{
	struct symbolizer *symbolizer = s->symbolizer;
	struct pcln_func func;
	pthread_mutex_lock(symbolizer->lock);
	bool found = pcln_find_func(symbolizer->pcln, pc - symbolizer->bias, &func) &&
		     func.end > func.entry;
	pthread_mutex_unlock(symbolizer->lock);
	if (found) {
		*entry_ret = func.entry + symbolizer->bias;
		*end_ret = func.end + symbolizer->bias;
	}
	return found;
}

static const struct frame_site *add_frames(struct symbols *s, struct site *site, bool exact)
{
	struct symbolizer *symbolizer = s->symbolizer;
	pthread_mutex_lock(symbolizer->lock);
	const struct frame_site *known =
		atomic_load_explicit(&site->frames[exact], memory_order_relaxed);
	struct frame_site *frames = NULL;
	if (!known && has_room(s))
		frames = arena_alloc(&s->arena, sizeof(*frames));
	if (frames && frame_resolve(symbolizer->pcln, symbolizer->origins, &s->arena,
				    site->pc - symbolizer->bias, exact, frames)) {
		if (frames->entry) // else no function holds it
			frames->entry += symbolizer->bias;
		known = frames;
		atomic_store_explicit(&site->frames[exact], known, memory_order_release);
	}
	pthread_mutex_unlock(symbolizer->lock);
	return known;
}

const struct frame_site *symbols_frames(struct symbols *s, uint64_t pc, bool exact)
{
	static const struct frame_call call = {.visible = true};
	static const struct frame_site no_room = {.calls = &call, .call_count = 1};
	struct site *site = site_of(s, pc);
	if (!site)
		return &no_room;
	const struct frame_site *frames =
		atomic_load_explicit(&site->frames[exact], memory_order_acquire);
	if (!frames)
		frames = add_frames(s, site, exact);
	if (!frames)
		atomic_store(&s->full, true);
	return frames ? frames : &no_room;
}

static const struct location *add_location(struct symbols *s, struct site *site,
					   enum location_kind kind)
{
	struct symbolizer *symbolizer = s->symbolizer;
	pthread_mutex_lock(symbolizer->lock);
	const struct location *known =
		atomic_load_explicit(&site->locations[kind], memory_order_relaxed);
	struct location *location = NULL;
	if (!known && has_room(s))
		location = arena_alloc(&s->arena, sizeof(*location));
	if (location && location_resolve(symbolizer->pcln, symbolizer->main_main, &s->arena,
					 site->pc - symbolizer->bias, kind, location)) {
		location->pub.pc = site->pc;
		known = location;
		atomic_store_explicit(&site->locations[kind], known, memory_order_release);
	}
	pthread_mutex_unlock(symbolizer->lock);
	return known;
}

const struct location *symbols_location(struct symbols *s, uint64_t pc, enum location_kind kind)
{
	struct site *site = site_of(s, pc);
	if (!site)
		return NULL;
	const struct location *location =
		atomic_load_explicit(&site->locations[kind], memory_order_acquire);
	if (!location)
		location = add_location(s, site, kind);
	if (!location)
		atomic_store(&s->full, true);
	return location;
}
