#include "core/page_store.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/map.h"
#include "core/frame_zstd.h"
#include "core/put_log.h"
#include "core/record_copy.h"

enum {
	BUFFER_BYTES = CHUNK_BYTES + CHUNK_KNOWN,
	/* Chunks that are open at most, however few pages they have: each is a piece of address
	   space. */
	OPEN_MAX = 512,
	OPEN_PAGES = PAGE_STORE_OPEN / PAGE_BYTES,
	IDLE_MAX = 8, /* packers that are kept for whoever needs one next */
	/* Of PAGE_STORE_ASIDE, what is made ready at least: what most stops need. */
	ASIDE_AT_FIRST = 1 << 20,
	ASIDE_LOGS = 2,
};

struct packed {
	uint8_t *bytes;
	size_t len;
};

/* What packing and unpacking need, for one thread at a time. */
struct packer {
	struct packer *next;
	struct frame_packer *pack;
	struct frame_unpacker *unpack;
	size_t cap;
	uint8_t room[]; /* for one packed chunk */
};

struct chunk {
	uint64_t addr;
	pthread_mutex_t lock;    /* of what follows, up to .used */
	struct page_chunk pages; /* .pages NULL: it is packed, or empty */
	struct page_set touched; /* pages of its buffer that take memory */
	struct packed data, known;
	uint32_t *records; /* as of struct page_records */
	size_t record_count;
	struct packed copies; /* of these; a block of record_copy.h */
	/* Of all open chunks, from the one that was used last; with the store's lock. */
	struct chunk *used, *unused;
};

struct page_store {
	pthread_mutex_t lock; /* of what follows. Who has it waits for no other lock. */
	struct map map;       /* address -> struct chunk */
	VEC(struct chunk *) chunks;
	struct chunk *used, *unused; /* the open chunks: used last, used longest ago */
	size_t open_count;
	struct packer *idle;
	unsigned idle_count;
	atomic_size_t touched; /* pages of all buffers */
	atomic_size_t packed;  /* bytes */
	atomic_bool failed;    /* something was lost */
	atomic_size_t record_words;
	atomic_bool sets_aside;
	/* Two threads do not wait for each other, nor for memory that the other one has written to.
	 * Whoever has the locks of both may wait for other locks. */
	struct aside {
		char apart[128];
		pthread_mutex_t lock;
		struct put_log log;
	} asides[ASIDE_LOGS];
	char apart[128];
	size_t aside_more; /* bytes beyond PAGE_STORE_ASIDE that a log may have */
	struct page_store_later later;
	struct packer *writer; /* sealed: of who writes */
	uint8_t *scratch;      /* sealed: a chunk that is unpacked */
};

/* ---- packers */

static void packer_destroy(struct packer *packer)
{
	if (!packer)
		return;
	frame_packer_destroy(packer->pack);
	frame_unpacker_destroy(packer->unpack);
	free(packer);
}

static struct packer *packer_create(void)
{
	const size_t cap = frame_bound(CHUNK_BYTES);
	struct packer *packer = calloc(1, sizeof(*packer) + cap);
	if (!packer)
		return NULL;
	packer->cap = cap;
	if (!frame_available())
		return packer;
	packer->pack = frame_packer_create();
	packer->unpack = frame_unpacker_create();
	if (packer->pack && packer->unpack)
		return packer;
	packer_destroy(packer);
	return NULL;
}

static struct packer *packer_get(struct page_store *store)
{
	pthread_mutex_lock(&store->lock);
	struct packer *packer = store->idle;
	if (packer) {
		store->idle = packer->next;
		store->idle_count--;
	}
	pthread_mutex_unlock(&store->lock);
	return packer ? packer : packer_create();
}

static void packer_put(struct page_store *store, struct packer *packer)
{
	pthread_mutex_lock(&store->lock);
	bool keeps = packer && store->idle_count < IDLE_MAX;
	if (keeps) {
		packer->next = store->idle;
		store->idle = packer;
		store->idle_count++;
	}
	pthread_mutex_unlock(&store->lock);
	if (!keeps)
		packer_destroy(packer);
}

/* ---- packing */

static bool pack(struct page_store *store, struct packer *packer, enum frame_effort effort,
		 const void *bytes, size_t len, struct packed *ret)
{
	const void *from = bytes;
	if (packer->pack) {
		if (frame_pack(packer->pack, effort, bytes, len, packer->room, packer->cap, &len,
			       NULL))
			return false;
		from = packer->room;
	}
	ret->bytes = malloc(len);
	if (!ret->bytes)
		return false;
	memcpy(ret->bytes, from, len);
	ret->len = len;
	atomic_fetch_add(&store->packed, len);
	return true;
}

static bool unpack(struct packer *packer, const struct packed *packed, void *dst, size_t len)
{
	if (packer->unpack)
		return !frame_unpack(packer->unpack, packed->bytes, packed->len, dst, len, NULL);
	memcpy(dst, packed->bytes, len);
	return true;
}

static void packed_drop(struct page_store *store, struct packed *packed)
{
	atomic_fetch_sub(&store->packed, packed->len);
	free(packed->bytes);
	*packed = (struct packed){0};
}

/* ---- buffers */

static uint8_t *buffer_new(void)
{
	uint8_t *buffer = mmap(NULL, BUFFER_BYTES, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (buffer == MAP_FAILED)
		return NULL;
	// A chunk with a few pages must not take a huge one.
	(void)madvise(buffer, BUFFER_BYTES, MADV_NOHUGEPAGE);
	return buffer;
}

static void buffer_drop(struct page_store *store, uint8_t *buffer, const struct page_set *touched)
{
	size_t pages = 0;
	for (size_t i = 0; i < CHUNK_PAGES / 64; i++)
		pages += (size_t)__builtin_popcountll(touched->bits[i]);
	atomic_fetch_sub(&store->touched, pages);
	munmap(buffer, BUFFER_BYTES);
}

static void touch(struct page_store *store, struct chunk *chunk, size_t from, size_t to)
{
	size_t pages = 0;
	for (size_t i = from; i < to; i++) {
		uint64_t bit = UINT64_C(1) << i % 64, *bits = &chunk->touched.bits[i / 64];
		pages += !(*bits & bit);
		*bits |= bit;
	}
	if (pages)
		atomic_fetch_add(&store->touched, pages);
}

/* Closing a chunk up and opening it moves its pages. */
static void touch_all(struct page_store *store, struct chunk *chunk)
{
	struct page_run runs[CHUNK_RUNS_MAX];
	size_t n = page_set_runs(&chunk->pages.present, runs);
	touch(store, chunk, 0, page_set_size(&chunk->pages.present));
	for (size_t i = 0; i < n; i++)
		touch(store, chunk, runs[i].from, runs[i].to);
}

/* ---- which chunks are open */

static void unlist(struct page_store *store, struct chunk *chunk)
{
	*(chunk->used ? &chunk->used->unused : &store->used) = chunk->unused;
	*(chunk->unused ? &chunk->unused->used : &store->unused) = chunk->used;
	chunk->used = chunk->unused = NULL;
	store->open_count--;
}

static void list_first(struct page_store *store, struct chunk *chunk)
{
	chunk->unused = store->used;
	chunk->used = NULL;
	*(store->used ? &store->used->used : &store->unused) = chunk;
	store->used = chunk;
	store->open_count++;
}

static bool is_listed(const struct page_store *store, const struct chunk *chunk)
{
	return chunk->used || store->used == chunk;
}

/* The open chunk that was used longest ago of those that no thread is at; it is open no more, and
 * locked. NULL: there is none. */
static struct chunk *choose(struct page_store *store)
{
	struct chunk *chunk;
	pthread_mutex_lock(&store->lock);
	for (chunk = store->unused; chunk; chunk = chunk->used) {
		if (pthread_mutex_trylock(&chunk->lock) == 0)
			break;
	}
	if (chunk)
		unlist(store, chunk);
	pthread_mutex_unlock(&store->lock);
	return chunk;
}

/* Are these words of the open chunk known, at most RECORD_WORDS_MAX? */
static bool is_known(const struct page_chunk *pages, size_t first, size_t words)
{
	const size_t group = first / 64, last = first + words - 1;
	const uint64_t *known = &pages->known[0][0], all = UINT64_MAX >> (64 - words);
	if (!page_set_has(&pages->present, (unsigned)(first * 8 / PAGE_BYTES)) ||
	    !page_set_has(&pages->present, (unsigned)(last * 8 / PAGE_BYTES)))
		return false;
	uint64_t bits = known[group] >> first % 64;
	if (last / 64 != group)
		bits |= known[last / 64] << (64 - first % 64);
	return (bits & all) == all;
}

/* Copy the records of a chunk that is open, as they are now. */
static bool copy_records(struct page_store *store, struct chunk *chunk)
{
	struct record_block_writer block = {.words = atomic_load(&store->record_words)};
	bool good = true;
	packed_drop(store, &chunk->copies);
	for (size_t i = 0; good && i < chunk->record_count; i++) {
		const size_t at = chunk->records[i];
		if (is_known(&chunk->pages, at, block.words))
			good = record_block_add(&block, chunk->addr + at * 8,
						chunk->pages.pages + at * 8);
	}
	record_block_end(&block);
	uint8_t *bytes = good && block.count ? malloc(block.bytes.len) : NULL;
	if (bytes) {
		memcpy(bytes, block.bytes.at, block.bytes.len);
		chunk->copies = (struct packed){bytes, block.bytes.len};
		atomic_fetch_add(&store->packed, block.bytes.len);
	}
	good &= !block.count || bytes;
	vec_free(&block.bytes);
	return good;
}

/* Close up and pack a chunk that is locked. Its buffer is the caller's then. A failure is kept in
 * the store. */
static void chunk_pack(struct page_store *store, struct chunk *chunk, enum frame_effort effort)
{
	const size_t pages = page_set_size(&chunk->pages.present);
	struct packer *packer = packer_get(store);
	bool good = packer && copy_records(store, chunk);
	page_chunk_sort(&chunk->pages);
	page_chunk_close(&chunk->pages);
	good = good &&
	       pack(store, packer, effort, chunk->pages.pages, pages * PAGE_BYTES, &chunk->data) &&
	       pack(store, packer, FRAME_SMALL, chunk->pages.known, pages * PAGE_KNOWN,
		    &chunk->known);
	packer_put(store, packer);
	chunk->pages.pages = NULL;
	chunk->pages.known = NULL;
	if (!good)
		atomic_store(&store->failed, true);
}

/* Pack the chunk that was used longest ago, and take over its buffer. */
static uint8_t *buffer_take(struct page_store *store, struct page_set *touched)
{
	struct chunk *chunk = choose(store);
	if (!chunk)
		return NULL;
	uint8_t *buffer = chunk->pages.pages;
	touch_all(store, chunk);
	*touched = chunk->touched;
	chunk_pack(store, chunk, FRAME_SMALL);
	pthread_mutex_unlock(&chunk->lock);
	return buffer;
}

static bool is_crowded(struct page_store *store)
{
	pthread_mutex_lock(&store->lock);
	bool crowded = store->open_count >= OPEN_MAX;
	pthread_mutex_unlock(&store->lock);
	return crowded || atomic_load(&store->touched) + CHUNK_PAGES > OPEN_PAGES;
}

static uint8_t *buffer_get(struct page_store *store, struct page_set *touched)
{
	*touched = (struct page_set){0};
	uint8_t *buffer = is_crowded(store) ? buffer_take(store, touched) : NULL;
	return buffer ? buffer : buffer_new();
}

/* The chunk is locked, and has a buffer, or NULL: unpack it there. */
static bool chunk_open(struct page_store *store, struct chunk *chunk, uint8_t *buffer)
{
	const size_t pages = page_set_size(&chunk->pages.present);
	if (!buffer)
		return false;
	chunk->pages.pages = buffer;
	chunk->pages.known = (void *)(buffer + CHUNK_BYTES);
	if (pages) {
		struct packer *packer = packer_get(store);
		bool good = packer && unpack(packer, &chunk->data, buffer, pages * PAGE_BYTES) &&
			    unpack(packer, &chunk->known, chunk->pages.known, pages * PAGE_KNOWN);
		packer_put(store, packer);
		if (!good)
			return false;
		touch_all(store, chunk);
		page_chunk_open(&chunk->pages);
		packed_drop(store, &chunk->data);
		packed_drop(store, &chunk->known);
	}
	return true;
}

/* Pack chunks as long as too much is open. */
static void trim(struct page_store *store)
{
	while (atomic_load_explicit(&store->touched, memory_order_relaxed) > OPEN_PAGES) {
		struct page_set touched;
		uint8_t *buffer = buffer_take(store, &touched);
		if (!buffer)
			return;
		buffer_drop(store, buffer, &touched);
	}
}

/* ---- putting */

static struct chunk *chunk_create(uint64_t addr)
{
	struct chunk *chunk = calloc(1, sizeof(*chunk));
	if (!chunk)
		return NULL;
	chunk->addr = addr;
	pthread_mutex_init(&chunk->lock, NULL);
	return chunk;
}

static void chunk_destroy(struct page_store *store, struct chunk *chunk)
{
	if (chunk->pages.pages)
		buffer_drop(store, chunk->pages.pages, &chunk->touched);
	page_chunk_deinit(&chunk->pages);
	free(chunk->data.bytes);
	free(chunk->known.bytes);
	free(chunk->copies.bytes);
	free(chunk->records);
	pthread_mutex_destroy(&chunk->lock);
	free(chunk);
}

/* With the store's lock. */
static struct chunk *add_chunk(struct page_store *store, uint64_t addr)
{
	struct chunk *chunk = chunk_create(addr);
	uint64_t *value = chunk ? map_put(&store->map, addr) : NULL;
	if (!value || !vec_push(&store->chunks, chunk)) {
		if (chunk)
			chunk_destroy(store, chunk);
		return NULL;
	}
	*value = (uintptr_t)chunk;
	return chunk;
}

/* With the lock of the chunk. */
static bool note_records(struct page_store *store, struct chunk *chunk,
			 const struct page_records *records)
{
	const size_t len = records->count * sizeof(*records->at);
	if (!records->count)
		return true;
	free(chunk->records);
	chunk->records = malloc(len);
	chunk->record_count = chunk->records ? records->count : 0;
	if (chunk->records)
		memcpy(chunk->records, records->at, len);
	atomic_store(&store->record_words, records->words);
	return chunk->records;
}

static struct chunk *find_chunk(struct page_store *store, uint64_t addr)
{
	pthread_mutex_lock(&store->lock);
	const uint64_t *value = map_get(&store->map, addr);
	struct chunk *chunk =
		value && *value ? (struct chunk *)(uintptr_t)*value : add_chunk(store, addr);
	// It is not taken from whoever is going to use it, unless it is the last of all.
	if (chunk && store->used != chunk && is_listed(store, chunk)) {
		unlist(store, chunk);
		list_first(store, chunk);
	}
	pthread_mutex_unlock(&store->lock);
	return chunk;
}

static bool put_in_chunk(struct page_store *store, struct chunk *chunk, size_t at,
			 const void *bytes, size_t len)
{
	pthread_mutex_lock(&chunk->lock);
	bool opens = !chunk->pages.pages;
	bool good = !opens || chunk_open(store, chunk, buffer_get(store, &chunk->touched));
	if (good) {
		touch(store, chunk, at / PAGE_BYTES, (at + len - 1) / PAGE_BYTES + 1);
		good = page_chunk_put(&chunk->pages, at, bytes, len);
	}
	if (good && opens) {
		pthread_mutex_lock(&store->lock);
		list_first(store, chunk);
		pthread_mutex_unlock(&store->lock);
	}
	pthread_mutex_unlock(&chunk->lock);
	trim(store);
	return good;
}

static enum gospy_code put(struct page_store *store, uint64_t addr, const void *bytes, size_t len,
			   struct gospy_error *err)
{
	for (size_t done = 0; done < len;) {
		size_t at = (size_t)((addr + done) % CHUNK_BYTES), n = CHUNK_BYTES - at;
		if (n > len - done)
			n = len - done;
		struct chunk *chunk = find_chunk(store, addr + done - at);
		if (!chunk || !put_in_chunk(store, chunk, at, (const char *)bytes + done, n))
			atomic_store(&store->failed, true);
		if (atomic_load_explicit(&store->failed, memory_order_relaxed))
			return err_nomem(err);
		done += n;
	}
	return GOSPY_OK;
}

/* What is put while the target stands still. */
static enum gospy_code put_kept(struct page_store *store, uint64_t addr, const void *bytes,
				size_t len, struct gospy_error *err)
{
	struct range_notes *notes = store->later.notes;
	if (notes && !range_notes_add(notes, addr, len, RANGE_KEPT))
		return err_nomem(err);
	return put(store, addr, bytes, len, err);
}

/* Of a log. */
static enum gospy_code put_entry(void *ctx, const struct put_entry *entry, uint8_t *bytes,
				 struct gospy_error *err)
{
	struct page_store *store = ctx;
	if (entry->raw)
		store->later.clean(store->later.ctx, entry->addr, bytes, entry->len);
	return put_kept(store, entry->addr, bytes, entry->len, err);
}

static void lock_asides(struct page_store *store)
{
	for (size_t i = 0; i < ASIDE_LOGS; i++)
		pthread_mutex_lock(&store->asides[i].lock);
}

static void unlock_asides(struct page_store *store)
{
	for (size_t i = 0; i < ASIDE_LOGS; i++)
		pthread_mutex_unlock(&store->asides[i].lock);
}

/* With the locks of .asides. */
static enum gospy_code replay(struct page_store *store, struct gospy_error *err)
{
	const struct put_log *const logs[] = {&store->asides[0].log, &store->asides[1].log};
	enum gospy_code code = put_log_replay(logs, put_entry, store, err);
	for (size_t i = 0; i < ASIDE_LOGS; i++)
		put_log_deinit(&store->asides[i].log);
	atomic_store(&store->sets_aside, false);
	return code;
}

static _Thread_local size_t log_of_thread;

/* A log for this thread, which is locked: the one that it had before, unless another has it now. */
static size_t choose_log(struct page_store *store)
{
	if (pthread_mutex_trylock(&store->asides[log_of_thread].lock) != 0) {
		log_of_thread = 1 - log_of_thread;
		pthread_mutex_lock(&store->asides[log_of_thread].lock);
	}
	return log_of_thread;
}

/* `*still_ret`: is anything set aside any more? */
static bool add_to_log(struct page_store *store, uint64_t addr, const void *bytes, size_t len,
		       bool raw, bool *still_ret)
{
	const size_t log = choose_log(store);
	const struct put_entry entry = {clock_mono_ns(), addr, len, raw};
	*still_ret = atomic_load(&store->sets_aside);
	bool is_aside = *still_ret && put_log_add(&store->asides[log].log,
						  PAGE_STORE_ASIDE / ASIDE_LOGS + store->aside_more,
						  &entry, bytes);
	pthread_mutex_unlock(&store->asides[log].lock);
	return is_aside;
}

/* If there is no room for it, what was set aside comes before it. */
static enum gospy_code put_aside(struct page_store *store, uint64_t addr, const void *bytes,
				 size_t len, bool *is_aside_ret, struct gospy_error *err)
{
	enum gospy_code code = GOSPY_OK;
	bool still;
	*is_aside_ret = add_to_log(store, addr, bytes, len, false, &still);
	if (!still || *is_aside_ret)
		return GOSPY_OK;
	lock_asides(store);
	if (atomic_load(&store->sets_aside))
		code = replay(store, err);
	unlock_asides(store);
	return code;
}

static bool is_beyond(uint64_t addr, size_t len)
{
	return len && (addr + (len - 1) < addr || addr + (len - 1) > UINT64_MAX - PAGE_BYTES);
}

bool page_store_put_raw(struct page_store *store, uint64_t addr, const void *bytes, size_t len)
{
	bool still;
	return atomic_load(&store->sets_aside) && store->later.clean && !is_beyond(addr, len) &&
	       add_to_log(store, addr, bytes, len, true, &still);
}

enum gospy_code page_store_put(struct page_store *store, uint64_t addr, const void *bytes,
			       size_t len, struct gospy_error *err)
{
	if (is_beyond(addr, len))
		return err_set(err, GOSPY_E_BAD_DATA, "there are no such addresses");
	if (atomic_load(&store->sets_aside)) {
		bool is_aside;
		enum gospy_code code = put_aside(store, addr, bytes, len, &is_aside, err);
		if (code || is_aside)
			return code;
	}
	return put_kept(store, addr, bytes, len, err);
}

void page_store_set_aside(struct page_store *store, const struct page_store_later *later,
			  size_t more)
{
	// All that was noted may have changed, and be read once more.
	const size_t noted = later->notes ? range_notes_bytes(later->notes) : 0;
	size_t each = ASIDE_AT_FIRST + noted / ASIDE_LOGS;
	if (each > PAGE_STORE_ASIDE / ASIDE_LOGS)
		each = PAGE_STORE_ASIDE / ASIDE_LOGS;
	bool good = true;
	for (size_t i = 0; i < ASIDE_LOGS; i++)
		good &= put_log_reserve(&store->asides[i].log,
					each + (i == log_of_thread ? more : 0));
	store->aside_more = more;
	store->later = *later;
	atomic_store(&store->sets_aside, good);
}

enum gospy_code page_store_catch_up(struct page_store *store, struct gospy_error *err)
{
	lock_asides(store);
	enum gospy_code code = replay(store, err);
	unlock_asides(store);
	store->later = (struct page_store_later){0};
	return code;
}

/* ---- filling */

enum gospy_code page_spare_make(struct page_store *store, struct page_spare *spare,
				struct gospy_error *err)
{
	if (spare->buffer)
		return GOSPY_OK;
	spare->buffer = buffer_new();
	if (!spare->buffer)
		return err_nomem(err);
	memset(&spare->touched, 0xff, sizeof(spare->touched));
	atomic_fetch_add(&store->touched, CHUNK_PAGES);
	return GOSPY_OK;
}

void page_spare_drop(struct page_store *store, struct page_spare *spare)
{
	if (spare->buffer)
		buffer_drop(store, spare->buffer, &spare->touched);
	*spare = (struct page_spare){0};
}

/* With the lock of the chunk, which has no buffer. */
static bool lend(struct page_store *store, struct chunk *chunk, struct page_spare *spare)
{
	uint8_t *buffer = spare->buffer;
	chunk->touched = spare->touched;
	*spare = (struct page_spare){0};
	return chunk_open(store, chunk, buffer);
}

/* With the lock of the chunk, which is open: pack it, and keep its buffer. */
static void pack_filled(struct page_store *store, struct chunk *chunk, struct page_spare *spare)
{
	pthread_mutex_lock(&store->lock);
	if (is_listed(store, chunk))
		unlist(store, chunk);
	pthread_mutex_unlock(&store->lock);
	page_spare_drop(store, spare);
	touch_all(store, chunk);
	*spare = (struct page_spare){chunk->pages.pages, chunk->touched};
	chunk_pack(store, chunk, FRAME_QUICK);
}

enum gospy_code page_store_fill(struct page_store *store, uint64_t addr, const uint64_t *words,
				const struct page_records *records, struct page_spare *spare,
				struct gospy_error *err)
{
	struct chunk *chunk = find_chunk(store, addr);
	if (!chunk) {
		atomic_store(&store->failed, true);
		return err_nomem(err);
	}
	pthread_mutex_lock(&chunk->lock);
	bool is_new = page_set_next(&chunk->pages.present, 0, true) == CHUNK_PAGES;
	bool good = is_new && !chunk->pages.pages
			    ? lend(store, chunk, spare)
			    : chunk->pages.pages ||
				      chunk_open(store, chunk, buffer_get(store, &chunk->touched));
	good = good && note_records(store, chunk, records);
	if (!good)
		atomic_store(&store->failed, true);
	else if (!spare->buffer)
		page_chunk_take_words(&chunk->pages, words);
	else
		page_chunk_put_words(&chunk->pages, words, spare->buffer);
	if (good)
		pack_filled(store, chunk, spare);
	pthread_mutex_unlock(&chunk->lock);
	return atomic_load(&store->failed) ? err_nomem(err) : GOSPY_OK;
}

/* ---- the whole */

enum gospy_code page_store_create(struct page_store **ret, struct gospy_error *err)
{
	struct page_store *store = calloc(1, sizeof(*store));
	if (!store)
		return err_nomem(err);
	pthread_mutex_init(&store->lock, NULL);
	for (size_t i = 0; i < ASIDE_LOGS; i++)
		pthread_mutex_init(&store->asides[i].lock, NULL);
	*ret = store;
	return GOSPY_OK;
}

void page_store_destroy(struct page_store *store)
{
	if (!store)
		return;
	for (size_t i = 0; i < store->chunks.len; i++)
		chunk_destroy(store, store->chunks.at[i]);
	while (store->idle) {
		struct packer *next = store->idle->next;
		packer_destroy(store->idle);
		store->idle = next;
	}
	packer_destroy(store->writer);
	free(store->scratch);
	for (size_t i = 0; i < ASIDE_LOGS; i++) {
		put_log_deinit(&store->asides[i].log);
		pthread_mutex_destroy(&store->asides[i].lock);
	}
	vec_free(&store->chunks);
	map_deinit(&store->map);
	pthread_mutex_destroy(&store->lock);
	free(store);
}

size_t page_store_memory(struct page_store *store)
{
	pthread_mutex_lock(&store->lock);
	size_t others = store->chunks.len * sizeof(struct chunk);
	pthread_mutex_unlock(&store->lock);
	for (size_t i = 0; i < ASIDE_LOGS; i++)
		others += store->asides[i].log.bytes.cap;
	return others + atomic_load(&store->touched) * (PAGE_BYTES + PAGE_KNOWN) +
	       atomic_load(&store->packed);
}

/* ---- for who writes */

static int compare_chunks(const void *a, const void *b)
{
	const struct chunk *x = *(struct chunk *const *)a, *y = *(struct chunk *const *)b;
	return (x->addr > y->addr) - (x->addr < y->addr);
}

enum gospy_code page_store_seal(struct page_store *store, struct gospy_error *err)
{
	enum gospy_code code = page_store_catch_up(store, err);
	if (code)
		return code;
	if (atomic_load(&store->failed))
		return err_nomem(err);
	if (store->writer)
		return GOSPY_OK;
	store->writer = packer_create();
	store->scratch = malloc(CHUNK_BYTES);
	if (!store->writer || !store->scratch) {
		atomic_store(&store->failed, true);
		return err_nomem(err);
	}
	if (store->chunks.len)
		qsort(store->chunks.at, store->chunks.len, sizeof(*store->chunks.at),
		      compare_chunks);
	for (size_t i = 0; i < store->chunks.len; i++) {
		struct page_chunk *pages = &store->chunks.at[i]->pages;
		if (!pages->pages)
			continue;
		if (!copy_records(store, store->chunks.at[i])) {
			atomic_store(&store->failed, true);
			return err_nomem(err);
		}
		page_chunk_sort(pages);
		page_chunk_close(pages);
	}
	return GOSPY_OK;
}

size_t page_store_count(const struct page_store *store)
{
	return store->chunks.len;
}

size_t page_store_record_words(const struct page_store *store)
{
	return atomic_load(&store->record_words);
}

struct page_block page_store_block(const struct page_store *store, size_t i)
{
	const struct chunk *chunk = store->chunks.at[i];
	struct span packed = {NULL, 0};
	if (frame_available() && !chunk->pages.pages)
		packed = (struct span){chunk->data.bytes, chunk->data.len};
	return (struct page_block){.addr = chunk->addr,
				   .present = &chunk->pages.present,
				   .pages = page_set_size(&chunk->pages.present),
				   .pages_packed = packed,
				   .records = {chunk->copies.bytes, chunk->copies.len},
				   .parts = &chunk->pages.parts};
}

static enum gospy_code unpacked(struct page_store *store, const struct packed *packed,
				const void *open, size_t len, struct span *ret,
				struct gospy_error *err)
{
	*ret = (struct span){open ? open : store->scratch, len};
	if (open || unpack(store->writer, packed, store->scratch, len))
		return GOSPY_OK;
	return err_nomem(err);
}

enum gospy_code page_store_pages(struct page_store *store, size_t i, struct span *ret,
				 struct gospy_error *err)
{
	const struct chunk *chunk = store->chunks.at[i];
	return unpacked(store, &chunk->data, chunk->pages.pages,
			page_set_size(&chunk->pages.present) * PAGE_BYTES, ret, err);
}

enum gospy_code page_store_known(struct page_store *store, size_t i, struct span *ret,
				 struct gospy_error *err)
{
	const struct chunk *chunk = store->chunks.at[i];
	return unpacked(store, &chunk->known, chunk->pages.known,
			page_set_size(&chunk->pages.present) * PAGE_KNOWN, ret, err);
}
