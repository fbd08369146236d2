#include "machine/sockets.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "live/scan.h"
#include "machine/socket_protocol.h"

enum {
	/* Instead of a descriptor: this socket was found, or is none of TCP or UDP. */
	SETTLED = -1,
};

enum gospy_code sockets_inodes(pid_t tid, struct map *inodes, struct gospy_error *err)
{
	char path[32];
	snprintf(path, sizeof(path), "/proc/%d/fd", tid);
	DIR *dir CLEANUP_CLOSEDIR = opendir(path);
	if (!dir)
		return err_os(err, errno == ENOENT ? ESRCH : errno, "cannot list %s", path);
	const struct dirent *entry;
	while ((entry = readdir(dir))) {
		char link[32];
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

/* Each descriptor is asked only once what it is. */
static uint64_t count_left(pid_t tid, const struct map *inodes)
{
	uint64_t left = 0;
	for (size_t i = 0; i < inodes->cap; i++) {
		struct map_entry *entry = &inodes->entries[i];
		if (!entry->used || entry->value == (uint64_t)SETTLED)
			continue;
		if (is_inet(tid, entry->value, entry->key))
			left++;
		else
			entry->value = (uint64_t)SETTLED;
	}
	return left;
}

static enum gospy_code find_in(const struct netns *ns, struct map *inodes, inet_vec *ret,
			       struct gospy_error *err)
{
	const struct inet_query query = {.inodes = inodes};
	size_t i = ret->len;
	enum gospy_code code = inet_sockets(ns, &query, ret, err);
	for (; !code && i < ret->len; i++)
		*map_get(inodes, ret->at[i].inode) = (uint64_t)SETTLED;
	return code;
}

static enum gospy_code find_all(pid_t pid, pid_t tid, struct map *inodes, inet_vec *ret,
				uint64_t *left_ret, struct gospy_error *err)
{
	const struct netns first = netns_of(tid);
	netns_vec others = {0};
	enum gospy_code code = find_in(&first, inodes, ret, err);
	uint64_t left = code ? 0 : count_left(tid, inodes);
	if (left)
		code = netns_of_others(pid, &first, &others, err);
	for (size_t i = 0; !code && left && i < others.len; i++) {
		code = find_in(&others.at[i], inodes, ret, err);
		left = code ? 0 : count_left(tid, inodes);
	}
	vec_free(&others);
	*left_ret = left;
	return code;
}

enum gospy_code sockets_of_process(pid_t pid, pid_t tid, inet_vec *ret, uint64_t *others_ret,
				   struct gospy_error *err)
{
	struct map inodes = {0};
	inet_vec sockets = {0};
	uint64_t others = 0;
	enum gospy_code code = sockets_inodes(tid, &inodes, err);
	if (!code && inodes.len)
		code = find_all(pid, tid, &inodes, &sockets, &others, err);
	map_deinit(&inodes);
	if (code) {
		vec_free(&sockets);
		return code;
	}
	*ret = sockets;
	*others_ret = others;
	return GOSPY_OK;
}
