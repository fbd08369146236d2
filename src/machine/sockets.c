#include "machine/sockets.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "live/scan.h"
#include "machine/sock_diag.h"
#include "machine/socket_protocol.h"

enum {
	/* Instead of a descriptor: this socket was found, or is none of TCP or UDP. */
	SETTLED = -1,
};

enum gospy_code sockets_inodes(pid_t tid, uint64_t deadline_ns, struct map *inodes,
			       struct gospy_error *err)
{
	enum { UNTIMED = 64 /* entries: to ask for the time costs what one of them does */ };
	char path[32];
	snprintf(path, sizeof(path), "/proc/%d/fd", tid);
	DIR *dir CLEANUP_CLOSEDIR = opendir(path);
	if (!dir)
		return err_os(err, errno == ENOENT ? ESRCH : errno, "cannot list %s", path);
	const struct dirent *entry;
	for (size_t i = 0; (entry = readdir(dir)); i++) {
		char link[32];
		enum gospy_code late = i % UNTIMED ? GOSPY_OK : sock_diag_in_time(deadline_ns, err);
		if (late)
			return late;
		ssize_t n = readlinkat(dirfd(dir), entry->d_name, link, sizeof(link));
		static const char prefix[] = "socket:[";
		const size_t prefix_len = sizeof(prefix) - 1;
		if (n <= (ssize_t)prefix_len || memcmp(link, prefix, prefix_len))
			continue;
		struct scan s = scan_of(
			(struct span){(const uint8_t *)link + prefix_len, (size_t)n - prefix_len});
		uint64_t inode = scan_u64(&s, 10);
		uint64_t *fd = s.failed ? NULL : map_put(inodes, inode);
		if (!s.failed && !fd)
			return err_nomem(err);
		if (fd)
			*fd = strtoull(entry->d_name, NULL, 10);
	}
	return GOSPY_OK;
}

static bool is_inet(pid_t tid, uint64_t fd, uint64_t inode)
{
	static const char *const names[] = {"TCP", "TCPv6", "UDP", "UDPv6", "MPTCP", "MPTCPv6"};
	char name[SOCKET_PROTOCOL];
	if (!socket_protocol(tid, fd, inode, name))
		return false;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (strcmp(name, names[i]) == 0)
			return true;
	}
	return false;
}

/* The sockets of a process that are looked for. */
struct search {
	pid_t pid, tid;
	uint64_t budget_ns; /* see sockets_of_process() */
	struct map inodes;
	inet_vec found;
	uint64_t left;     /* of TCP or UDP, that no table had */
	uint64_t table_ns; /* what the tables took so far */
	uint64_t left_ns;  /* what counting the others took */
};

/* When a step must end that has taken `spent_ns` before. */
static uint64_t deadline(const struct search *search, uint64_t spent_ns)
{
	const uint64_t budget_ns = search->budget_ns;
	uint64_t rest_ns = spent_ns < budget_ns ? budget_ns - spent_ns : 0;
	return budget_ns ? clock_after(clock_thread_ns(), rest_ns) : 0;
}

/* Each descriptor is asked only once what it is. */
static enum gospy_code count_left(struct search *search, struct gospy_error *err)
{
	const uint64_t begin_ns = clock_thread_ns(), end_ns = deadline(search, search->left_ns);
	enum gospy_code code = GOSPY_OK;
	search->left = 0;
	for (size_t i = 0; !code && i < search->inodes.cap; i++) {
		struct map_entry *entry = &search->inodes.entries[i];
		if (!entry->used || entry->value == (uint64_t)SETTLED)
			continue;
		code = sock_diag_in_time(end_ns, err);
		if (!code && is_inet(search->tid, entry->value, entry->key))
			search->left++;
		else if (!code)
			entry->value = (uint64_t)SETTLED;
	}
	search->left_ns += clock_thread_ns() - begin_ns;
	return code;
}

static enum gospy_code find_in(struct search *search, const struct netns *ns,
			       struct gospy_error *err)
{
	const uint64_t begin_ns = clock_thread_ns();
	const struct inet_query query = {.inodes = &search->inodes,
					 .deadline_ns = deadline(search, search->table_ns)};
	size_t i = search->found.len;
	enum gospy_code code = inet_sockets(ns, &query, &search->found, err);
	for (; i < search->found.len; i++)
		*map_get(&search->inodes, search->found.at[i].inode) = (uint64_t)SETTLED;
	search->table_ns += clock_thread_ns() - begin_ns;
	return code;
}

static enum gospy_code find_all(struct search *search, struct gospy_error *err)
{
	const struct netns first = netns_of(search->tid);
	netns_vec others = {0};
	enum gospy_code code = find_in(search, &first, err);
	if (!code)
		code = count_left(search, err);
	if (!code && search->left)
		code = netns_of_others(search->pid, &first, &others, err);
	for (size_t i = 0; !code && search->left && i < others.len; i++) {
		code = find_in(search, &others.at[i], err);
		if (!code)
			code = count_left(search, err);
	}
	vec_free(&others);
	return code;
}

enum gospy_code sockets_of_process(pid_t pid, pid_t tid, uint64_t budget_ns, inet_vec *ret,
				   uint64_t *others_ret, struct gospy_error *err)
{
	struct search search = {.pid = pid, .tid = tid, .budget_ns = budget_ns};
	enum gospy_code listed = sockets_inodes(tid, deadline(&search, 0), &search.inodes, err);
	enum gospy_code code = listed;
	if ((!code || code == GOSPY_E_LIMIT) && search.inodes.len)
		code = find_all(&search, err);
	map_deinit(&search.inodes);
	if (!code)
		code = listed;
	if (code && code != GOSPY_E_LIMIT) {
		vec_free(&search.found);
		return code;
	}
	*ret = search.found;
	*others_ret = search.left;
	return code;
}
