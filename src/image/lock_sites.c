#include "image/lock_sites.h"

void lock_sites_init(struct lock_sites *sites, const struct symbolizer *symbolizer)
{
	*sites = (struct lock_sites){.symbolizer = symbolizer, .table.pcln = symbolizer->pcln};
}

void lock_sites_deinit(struct lock_sites *sites)
{
	lock_table_deinit(&sites->table);
}

struct lock_answer lock_sites_at(struct lock_sites *sites, uint64_t pc, bool exact)
{
	pthread_mutex_lock(sites->symbolizer->lock);
	struct lock_answer answer =
		lock_table_at(&sites->table, pc - sites->symbolizer->bias, exact);
	pthread_mutex_unlock(sites->symbolizer->lock);
	return answer;
}

enum lock_callee_kind lock_sites_method(struct lock_sites *sites, uint64_t entry)
{
	pthread_mutex_lock(sites->symbolizer->lock);
	enum lock_callee_kind kind =
		lock_table_method(&sites->table, entry - sites->symbolizer->bias);
	pthread_mutex_unlock(sites->symbolizer->lock);
	return kind;
}

bool lock_sites_releases(struct lock_sites *sites, uint64_t pc)
{
	pthread_mutex_lock(sites->symbolizer->lock);
	bool releases = lock_table_releases(&sites->table, pc - sites->symbolizer->bias);
	pthread_mutex_unlock(sites->symbolizer->lock);
	return releases;
}
