#include "machine/listeners.h"

#include "base/clock.h"

/* Who listens in a network namespace. */
struct listener_network {
	ino_t id;
	inet_vec listeners;
};

void listener_finder_deinit(struct listener_finder *finder)
{
	for (size_t i = 0; i < finder->networks.len; i++)
		vec_free(&finder->networks.at[i].listeners);
	vec_free(&finder->networks);
}

void listeners_free(listener_vec *listeners)
{
	vec_free(listeners);
}

static enum gospy_code find_network(struct listener_finder *finder, const struct netns *ns,
				    uint64_t deadline_ns, const inet_vec **ret,
				    struct gospy_error *err)
{
	const struct inet_query query = {.listening = true, .deadline_ns = deadline_ns};
	struct listener_network network = {.id = ns->id};
	if (!ns->id)
		return err_set(err, GOSPY_E_PERM,
			       "the network namespace of the process may not be looked at");
	for (size_t i = 0; i < finder->networks.len; i++) {
		if (finder->networks.at[i].id == ns->id) {
			*ret = &finder->networks.at[i].listeners;
			return GOSPY_OK;
		}
	}
	enum gospy_code code = inet_sockets(ns, &query, &network.listeners, err);
	if (!code && !vec_push(&finder->networks, network))
		code = err_nomem(err);
	if (code) {
		vec_free(&network.listeners);
		return code;
	}
	*ret = &finder->networks.at[finder->networks.len - 1].listeners;
	return GOSPY_OK;
}

/* The listeners of a process that are looked for. */
struct listener_search {
	struct listener_finder *finder;
	pid_t pid, tid;
	uint16_t port;        /* 0: any */
	uint64_t deadline_ns; /* of clock_thread_ns(); 0: none */
	struct map inodes;    /* of its sockets */
	bool listed;          /* they were needed, and are in `inodes` */
	listener_vec found;
};

static enum gospy_code look_in_network(struct listener_search *search, const struct netns *ns,
				       struct gospy_error *err)
{
	const inet_vec *listeners = NULL;
	enum gospy_code code =
		find_network(search->finder, ns, search->deadline_ns, &listeners, err);
	for (size_t i = 0; !code && i < listeners->len; i++) {
		const struct inet_socket *socket = &listeners->at[i];
		if (search->port && socket->local.port != search->port)
			continue;
		// Descriptors may be many: they are only listed where they matter.
		if (!search->listed)
			code = sockets_inodes(search->tid, search->deadline_ns, &search->inodes,
					      err);
		search->listed = true;
		if (code || !map_get(&search->inodes, socket->inode))
			continue;
		const struct listener listener = {socket->local, *ns};
		if (!vec_push(&search->found, listener))
			code = err_nomem(err);
	}
	return code;
}

/* A thread seldom has another network than the rest. So only what is not found in the first is
 * looked for in those of the others. */
static enum gospy_code look_in_networks(struct listener_search *search, struct gospy_error *err)
{
	const struct netns first = netns_of(search->tid);
	netns_vec others = {0};
	enum gospy_code code = look_in_network(search, &first, err);
	if (!code && (!search->port || !search->found.len))
		code = netns_of_others(search->pid, &first, &others, err);
	for (size_t i = 0; !code && i < others.len; i++)
		code = look_in_network(search, &others.at[i], err);
	vec_free(&others);
	return code;
}

enum gospy_code listeners_of_process(struct listener_finder *finder, pid_t pid, pid_t tid,
				     uint16_t port, listener_vec *ret, struct gospy_error *err)
{
	const uint64_t begin_ns = clock_thread_ns(), budget_ns = finder->budget_ns;
	const uint64_t rest_ns = finder->spent_ns < budget_ns ? budget_ns - finder->spent_ns : 0;
	struct listener_search search = {
		.finder = finder,
		.pid = pid,
		.tid = tid,
		.port = port,
		.deadline_ns = budget_ns ? clock_after(begin_ns, rest_ns) : 0,
	};
	enum gospy_code code = look_in_networks(&search, err);
	map_deinit(&search.inodes);
	finder->spent_ns += clock_thread_ns() - begin_ns;
	if (!code && !vec_reserve(ret, ret->len + search.found.len))
		code = err_nomem(err);
	for (size_t i = 0; !code && i < search.found.len; i++)
		ret->at[ret->len++] = search.found.at[i];
	vec_free(&search.found);
	return code;
}
