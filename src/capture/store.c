#include "capture/store.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/prefault.h"

enum {
	/* Room for goroutines born between collect_allgs and the stop: address space, not memory.
	 */
	NEWBORN_ROOM = 1 << 16,
};

struct store_pool {
	pthread_mutex_t lock;
	size_t users; /* stores that know it, and the collector */
	struct store *kept;
	bool closed;
};

static size_t bytes_of(size_t cap)
{
	return cap * (sizeof(struct g_rec) + sizeof(uint32_t));
}

static void store_free(struct store *store)
{
	if (store->recs)
		munmap(store->recs, bytes_of(store->cap));
	stack_table_deinit(&store->stacks);
	free(store);
}

/* Called by the holder of the lock, which is let go. */
static void pool_leave(struct store_pool *pool)
{
	bool last = --pool->users == 0;
	pthread_mutex_unlock(&pool->lock);
	if (!last)
		return;
	pthread_mutex_destroy(&pool->lock);
	free(pool);
}

struct store *store_create(size_t n, struct store_pool *pool)
{
	struct store *store = calloc(1, sizeof(*store));
	if (!store)
		return NULL;
	atomic_init(&store->refs, 1);
	store->cap = n + n / 4 + NEWBORN_ROOM;
	store->recs = mmap(NULL, bytes_of(store->cap), PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (store->recs == MAP_FAILED) {
		free(store);
		return NULL;
	}
	store->by_index = (uint32_t *)(store->recs + store->cap);
	prefault(store->recs, n * sizeof(*store->recs));
	if (pool) {
		pthread_mutex_lock(&pool->lock);
		pool->users++;
		pthread_mutex_unlock(&pool->lock);
		store->pool = pool;
	}
	return store;
}

struct store *store_ref(struct store *store)
{
	atomic_fetch_add_explicit(&store->refs, 1, memory_order_relaxed);
	return store;
}

static void give_back(struct store *store)
{
	struct store_pool *pool = store->pool;
	struct store *ends = store;
	pthread_mutex_lock(&pool->lock);
	if (!pool->closed) {
		ends = pool->kept;
		pool->kept = store;
	}
	if (ends)
		pool_leave(pool);
	else
		pthread_mutex_unlock(&pool->lock);
	if (ends)
		store_free(ends);
}

void store_unref(struct store *store)
{
	if (!store || atomic_fetch_sub_explicit(&store->refs, 1, memory_order_acq_rel) != 1)
		return;
	if (store->pool)
		give_back(store);
	else
		store_free(store);
}

bool store_is_mine(const struct store *store)
{
	return atomic_load_explicit(&store->refs, memory_order_acquire) == 1;
}

struct store_pool *store_pool_create(void)
{
	struct store_pool *pool = calloc(1, sizeof(*pool));
	if (!pool)
		return NULL;
	pthread_mutex_init(&pool->lock, NULL);
	pool->users = 1;
	return pool;
}

struct store *store_pool_take(struct store_pool *pool, size_t n)
{
	pthread_mutex_lock(&pool->lock);
	struct store *store = pool->kept;
	if (store && store->cap < n)
		store = NULL;
	if (store) {
		pool->kept = NULL;
		atomic_store_explicit(&store->refs, 1, memory_order_relaxed);
	}
	pthread_mutex_unlock(&pool->lock);
	return store;
}

void store_pool_close(struct store_pool *pool)
{
	if (!pool)
		return;
	pthread_mutex_lock(&pool->lock);
	struct store *kept = pool->kept;
	pool->kept = NULL;
	pool->closed = true;
	pool->users -= kept != NULL;
	pool_leave(pool);
	if (kept)
		store_free(kept);
}
