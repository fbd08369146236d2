#include "machine/descriptors.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "live/process.h"
#include "machine/inet.h"
#include "machine/socket_protocol.h"
#include "machine/unix_sockets.h"

enum {
	DESCRIPTORS_MAX = 4096,
	LINK_MAX = 256,
	/* A table with a hundred thousand sockets takes some 100 ms. */
	TABLES_NS = 500000000,
	/* To look at all descriptors of a machine with a thousand processes takes some 50 ms. */
	PEERS_NS = 200000000,
};

/* One that is looked up. */
struct item {
	struct gospy_descriptor pub;
	uint64_t inode; /* of a socket or a pipe, else 0 */
	bool pipe;
	bool writes;               /* of a pipe: this end is written to */
	bool connected;            /* a socket of TCP or UDP */
	struct inet_socket socket; /* if it is one of those: .inode is not 0 */
	uint64_t peer;             /* see peer_key(); 0: not known */
};

struct finder {
	pid_t pid, tid;
	struct arena *arena;
	VEC(struct item) items;
	struct map by_inode; /* of sockets -> 1 + index of the item */
	struct map by_peer;  /* -> 1 + index of the first item that has this one as its peer */
	size_t wanted;       /* peers that are not found yet */
	uint64_t deadline_ns;
	bool out_of_memory;
};

/* Who is looked for: a socket, or the end of a pipe that is written to, or the other one. */
static uint64_t peer_key(uint64_t inode, bool writes)
{
	return inode << 1 | writes;
}

static void unix_free(unix_vec *sockets)
{
	vec_free(sockets);
}

static void finder_deinit(struct finder *f)
{
	vec_free(&f->items);
	map_deinit(&f->by_inode);
	map_deinit(&f->by_peer);
}

/* "socket:[4711]"; 0: it is none. */
static uint64_t inode_of(const char *link, const char *prefix)
{
	size_t len = strlen(prefix);
	return strncmp(link, prefix, len) == 0 ? strtoull(link + len, NULL, 10) : 0;
}

static bool read_link(int dir, const char *name, char link[LINK_MAX])
{
	ssize_t n = readlinkat(dir, name, link, LINK_MAX - 1);
	if (n > 0)
		link[n] = '\0';
	return n > 0;
}

/* Is the descriptor open for writing? The mode of its link says so: fs/proc/fd.c. */
static bool is_writable(int dir, const char *name)
{
	struct stat st;
	return !fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) && st.st_mode & S_IWUSR;
}

/* "tcp", "unix" */
static const char *socket_type(const struct finder *f, int fd, uint64_t inode)
{
	char name[SOCKET_PROTOCOL];
	if (!socket_protocol(f->tid, (uint64_t)fd, inode, name))
		return "socket";
	for (char *c = name; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	// "TCPv6" is TCP as well, and its address says the rest; "UNIX-STREAM" a kind of "UNIX".
	name[strcspn(name, "-")] = '\0';
	size_t len = strlen(name);
	if (len > 2 && strcmp(name + len - 2, "v6") == 0)
		name[len - 2] = '\0';
	return arena_strdup(f->arena, name);
}

static bool add_item(struct finder *f, int dir, int fd)
{
	char link[LINK_MAX], name[16];
	snprintf(name, sizeof(name), "%d", fd);
	if (!read_link(dir, name, link))
		return true;
	struct item item = {.pub = {.fd = fd,
				    .receive_queue = GOSPY_UNKNOWN,
				    .send_queue = GOSPY_UNKNOWN,
				    .sent_ago_ns = GOSPY_UNKNOWN,
				    .received_ago_ns = GOSPY_UNKNOWN,
				    .sent = GOSPY_UNKNOWN,
				    .received = GOSPY_UNKNOWN,
				    .unacked_ns = GOSPY_UNKNOWN,
				    .unread_ns = GOSPY_UNKNOWN}};
	if ((item.inode = inode_of(link, "pipe:["))) {
		item.pipe = true;
		item.writes = is_writable(dir, name);
		item.pub.type = "pipe";
		item.peer = peer_key(item.inode, !item.writes);
	} else if ((item.inode = inode_of(link, "socket:["))) {
		item.pub.type = socket_type(f, fd, item.inode);
	} else {
		item.pub.type = arena_strdup(f->arena, link);
	}
	if (!item.pub.type || !vec_push(&f->items, item))
		return false;
	if (item.pipe || !item.inode)
		return true;
	uint64_t *slot = map_put(&f->by_inode, item.inode);
	if (slot)
		*slot = f->items.len;
	return slot;
}

static bool add_items(struct finder *f, const descriptor_numbers *fds)
{
	char path[32];
	snprintf(path, sizeof(path), "/proc/%d/fd", (int)f->tid);
	int dir CLEANUP_CLOSE = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return true; // nothing is known then
	for (size_t i = 0; i < fds->len && f->items.len < DESCRIPTORS_MAX && !cancel_asked(); i++) {
		if ((!i || fds->at[i] != fds->at[i - 1]) && !add_item(f, dir, fds->at[i]))
			return false;
	}
	return true;
}

static const char *address(const struct finder *f, const struct sock_addr *addr)
{
	char text[SOCK_ADDR_TEXT];
	struct sock_addr plain = sock_addr_plain(addr);
	sock_addr_text(&plain, text);
	return arena_strdup(f->arena, text);
}

static bool take_socket(struct finder *f, const struct inet_socket *socket)
{
	const uint64_t *at = map_get(&f->by_inode, socket->inode);
	struct item *item = at ? &f->items.at[*at - 1] : NULL;
	if (!item)
		return true;
	item->socket = *socket;
	item->pub.type = socket->udp ? "udp" : "tcp"; // whatever it is by: MPTCP is TCP
	item->connected = socket->remote.port != 0;
	item->pub.local = address(f, &socket->local);
	item->pub.remote = item->connected ? address(f, &socket->remote) : NULL;
	item->pub.state = socket->udp ? NULL : inet_state(socket);
	item->pub.receive_queue = socket->received;
	item->pub.send_queue = socket->sent;
	item->pub.sent_ago_ns = socket->sent_ago_ns;
	item->pub.received_ago_ns = socket->received_ago_ns;
	item->pub.sent = socket->sent_total;
	item->pub.received = socket->received_total;
	item->pub.unacked_ns = socket->unacked_ns;
	return item->pub.local && (!item->connected || item->pub.remote);
}

static bool was_never_read(const struct inet_socket *socket)
{
	return !socket->udp && socket->received_total != UINT64_MAX && socket->received_total &&
	       socket->received >= socket->received_total;
}

/* The other ends of the connections: sockets with the two addresses the other way round. */
static enum gospy_code find_ends(struct finder *f, const struct netns *ns, struct gospy_error *err)
{
	CLEANUP(map_deinit) struct map pairs = {0};
	for (size_t i = 0; i < f->items.len; i++) {
		const struct item *item = &f->items.at[i];
		if (!item->connected)
			continue;
		uint64_t *slot =
			map_put(&pairs, sock_addr_pair(&item->socket.remote, &item->socket.local));
		if (!slot)
			return err_nomem(err);
		*slot = i + 1;
	}
	if (!pairs.len)
		return GOSPY_OK;
	inet_vec ends = {0};
	const struct inet_query query = {
		.pairs = &pairs, .times = true, .deadline_ns = f->deadline_ns};
	enum gospy_code code = inet_sockets(ns, &query, &ends, err);
	for (size_t i = 0; i < ends.len; i++) {
		const struct inet_socket *end = &ends.at[i];
		const uint64_t *at = map_get(&pairs, sock_addr_pair(&end->local, &end->remote));
		struct item *item = at ? &f->items.at[*at - 1] : NULL;
		if (!item || item->socket.udp != end->udp || end->inode == item->inode)
			continue;
		// What nobody has accepted yet is no file.
		item->peer = end->inode ? peer_key(end->inode, false) : 0;
		if (was_never_read(end))
			item->pub.unread_ns = end->received_ago_ns;
	}
	vec_free(&ends);
	return code;
}

static enum gospy_code find_inet(struct finder *f, const struct netns *ns, struct gospy_error *err)
{
	const struct inet_query query = {
		.inodes = &f->by_inode, .times = true, .deadline_ns = f->deadline_ns};
	inet_vec sockets = {0};
	enum gospy_code code = inet_sockets(ns, &query, &sockets, err);
	for (size_t i = 0; i < sockets.len; i++) {
		if (!take_socket(f, &sockets.at[i]))
			code = err_nomem(err);
	}
	vec_free(&sockets);
	return code ? code : find_ends(f, ns, err);
}

/* Put what the other ends are bound to into those that have them: clients of a server. */
static enum gospy_code name_unix_ends(struct finder *f, const struct netns *ns,
				      const struct map *ends, struct gospy_error *err)
{
	CLEANUP(unix_free) unix_vec found = {0};
	enum gospy_code code = unix_sockets(ns, ends, f->deadline_ns, &found, err);
	for (size_t i = 0; i < found.len; i++) {
		const struct unix_socket *end = &found.at[i];
		struct item *item = &f->items.at[*map_get(ends, end->inode) - 1];
		if (*end->name && !(item->pub.remote = arena_strdup(f->arena, end->name)))
			return err_nomem(err);
	}
	return code;
}

/* Is there a socket that may be one of Unix? */
static bool has_unix(const struct finder *f)
{
	for (size_t i = 0; i < f->items.len; i++) {
		const struct item *item = &f->items.at[i];
		if (item->inode && !item->pipe && !item->socket.inode)
			return true;
	}
	return false;
}

/* Connections of Unix sockets: the kernel tells the other end of each. */
static enum gospy_code find_unix(struct finder *f, const struct netns *ns, struct gospy_error *err)
{
	CLEANUP(unix_free) unix_vec found = {0};
	CLEANUP(map_deinit) struct map ends = {0};
	enum gospy_code code = unix_sockets(ns, &f->by_inode, f->deadline_ns, &found, err);
	for (size_t i = 0; i < found.len; i++) {
		const struct unix_socket *socket = &found.at[i];
		const uint64_t at = *map_get(&f->by_inode, socket->inode);
		struct item *item = &f->items.at[at - 1];
		uint64_t *end = socket->peer ? map_put(&ends, socket->peer) : NULL;
		item->pub.type = "unix";
		if (*socket->name && !(item->pub.local = arena_strdup(f->arena, socket->name)))
			return err_nomem(err);
		if (!socket->peer)
			continue;
		if (!end)
			return err_nomem(err);
		*end = at;
		item->peer = peer_key(socket->peer, false);
	}
	return code || !ends.len ? code : name_unix_ends(f, ns, &ends, err);
}

/* If the time is up, less is known. */
static enum gospy_code find_sockets(struct finder *f, struct gospy_error *err)
{
	const struct netns ns = netns_of(f->tid);
	if (!f->by_inode.len)
		return GOSPY_OK;
	f->deadline_ns = clock_after(clock_thread_ns(), TABLES_NS);
	enum gospy_code code = find_inet(f, &ns, err);
	if (!code && has_unix(f))
		code = find_unix(f, &ns, err);
	return code == GOSPY_E_LIMIT ? GOSPY_OK : code;
}

static bool want_peers(struct finder *f)
{
	for (size_t i = 0; i < f->items.len; i++) {
		const struct item *item = &f->items.at[i];
		uint64_t *slot = item->peer ? map_put(&f->by_peer, item->peer) : NULL;
		if (item->peer && !slot)
			return false;
		if (!slot || *slot)
			continue;
		*slot = i + 1;
		f->wanted++;
	}
	return true;
}

static bool is_over(const struct finder *f)
{
	return !f->wanted || f->out_of_memory || cancel_asked() ||
	       clock_thread_ns() >= f->deadline_ns;
}

static const char *name_of(struct finder *f, pid_t pid)
{
	struct proc_stat stat;
	if (procfs_stat(pid, 0, &stat, NULL))
		return NULL;
	const char *name = arena_strdup(f->arena, stat.comm);
	f->out_of_memory |= !name;
	return name;
}

/* A descriptor of some process: is it the other end of one? */
static void look_at(struct finder *f, pid_t pid, int dir, const char *name)
{
	char link[LINK_MAX];
	if (!read_link(dir, name, link))
		return;
	uint64_t socket = inode_of(link, "socket:["), pipe = inode_of(link, "pipe:[");
	if (!socket && !pipe)
		return;
	const uint64_t *at = map_get(&f->by_peer, socket ? peer_key(socket, false)
							 : peer_key(pipe, is_writable(dir, name)));
	struct item *item = at ? &f->items.at[*at - 1] : NULL;
	if (!item || item->pipe != (pipe != 0) || item->pub.peer_pid)
		return;
	item->pub.peer_pid = pid;
	item->pub.peer_comm = name_of(f, pid);
	f->wanted--;
}

static void look_into(struct finder *f, pid_t pid)
{
	char path[32];
	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	DIR *dir CLEANUP_CLOSEDIR = opendir(path);
	const struct dirent *entry;
	while (dir && !is_over(f) && (entry = readdir(dir)))
		look_at(f, pid, dirfd(dir), entry->d_name);
}

/* Of a process that has both ends of a connection itself, and of others. */
static void find_peers(struct finder *f)
{
	f->deadline_ns = clock_after(clock_thread_ns(), PEERS_NS);
	look_into(f, f->pid);
	DIR *proc CLEANUP_CLOSEDIR = is_over(f) ? NULL : opendir("/proc");
	const struct dirent *entry;
	while (proc && !is_over(f) && (entry = readdir(proc))) {
		pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
		if (pid > 0 && pid != f->pid)
			look_into(f, pid);
	}
}

static bool give(struct finder *f, const struct gospy_descriptor **ret, size_t *n_ret)
{
	struct gospy_descriptor *list = arena_calloc(f->arena, f->items.len + 1, sizeof(*list));
	for (size_t i = 0; list && i < f->items.len; i++) {
		const struct item *item = &f->items.at[i];
		const uint64_t *first = item->peer ? map_get(&f->by_peer, item->peer) : NULL;
		list[i] = item->pub;
		if (!first)
			continue;
		list[i].peer_pid = f->items.at[*first - 1].pub.peer_pid;
		list[i].peer_comm = f->items.at[*first - 1].pub.peer_comm;
	}
	*ret = list;
	*n_ret = list ? f->items.len : 0;
	return list;
}

static int compare(const void *a, const void *b)
{
	const int *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

enum gospy_code descriptors_find(pid_t pid, descriptor_numbers *fds, struct arena *arena,
				 const struct gospy_descriptor **ret, size_t *n_ret,
				 struct gospy_error *err)
{
	CLEANUP(finder_deinit) struct finder f = {.pid = pid, .tid = pid, .arena = arena};
	if (process_live_tid(pid, &f.tid, NULL))
		f.tid = pid;
	if (fds->len)
		qsort(fds->at, fds->len, sizeof(*fds->at), compare);
	if (!add_items(&f, fds))
		return err_nomem(err);
	enum gospy_code code = find_sockets(&f, err);
	if (code)
		return code;
	if (!want_peers(&f))
		return err_nomem(err);
	find_peers(&f);
	if (f.out_of_memory || !give(&f, ret, n_ret))
		return err_nomem(err);
	return cancel_check(err);
}
