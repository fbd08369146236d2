#include "target/sockets.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "target/scan.h"

/** include/net/tcp_states.h; the names are those of netstat(8) and gops. */
static const char *tcp_state(uint64_t state)
{
	static const char *const names[] = {
		[1] = "ESTABLISHED", [2] = "SYN_SENT",  [3] = "SYN_RECV", [4] = "FIN_WAIT1",
		[5] = "FIN_WAIT2",   [6] = "TIME_WAIT", [7] = "CLOSE",    [8] = "CLOSE_WAIT",
		[9] = "LAST_ACK",    [10] = "LISTEN",   [11] = "CLOSING", [12] = "SYN_RECV",
	};
	return state < sizeof(names) / sizeof(*names) && names[state] ? names[state] : "UNKNOWN";
}

enum { TCP_LISTEN = 10 };

/** "0100007F:1F90": each 32-bit word of the address as the machine's number, the port as such. */
static void scan_address(struct scan *s, struct sock_addr *addr)
{
	struct span hex = scan_word(s);
	addr->v6 = hex.len > 13;
	const size_t words = addr->v6 ? 4 : 1;
	if (hex.len != words * 8 + 5 || hex.ptr[words * 8] != ':') {
		s->failed = true;
		return;
	}
	for (size_t i = 0; i < words; i++) {
		struct scan digits = scan_of(span_sub(hex, i * 8, 8));
		uint32_t word = (uint32_t)scan_u64(&digits, 16);
		memcpy(addr->ip + i * sizeof(word), &word, sizeof(word));
		s->failed |= !scan_at_end(&digits) || digits.failed;
	}
	struct scan port = scan_of(span_sub(hex, words * 8 + 1, 4));
	addr->port = (uint16_t)scan_u64(&port, 16);
	s->failed |= !scan_at_end(&port) || port.failed;
}

struct line {
	struct sock_addr local, remote;
	uint64_t state, inode;
};

/* net/ipv4/tcp_ipv4.c, get_tcp4_sock(): "sl: local remote st tx:rx tr:when retrnsmt uid timeout
 * inode ..."; udp is the same. false: it makes no sense, as the heading. */
static bool scan_line_of_table(struct span text, struct line *line)
{
	struct scan s = scan_of(text);
	*line = (struct line){0};
	scan_blanks(&s);
	scan_word(&s);
	scan_blanks(&s);
	scan_address(&s, &line->local);
	scan_blanks(&s);
	scan_address(&s, &line->remote);
	scan_blanks(&s);
	line->state = scan_u64(&s, 16);
	for (int i = 0; i < 5; i++) {
		scan_blanks(&s);
		scan_word(&s);
	}
	scan_blanks(&s);
	line->inode = scan_u64(&s, 10);
	return !s.failed;
}

void sock_addr_text(const struct sock_addr *addr, char text[SOCK_ADDR_TEXT])
{
	char host[INET6_ADDRSTRLEN];
	inet_ntop(addr->v6 ? AF_INET6 : AF_INET, addr->ip, host, sizeof(host));
	snprintf(text, SOCK_ADDR_TEXT, addr->v6 ? "[%s]:%u" : "%s:%u", host, addr->port);
}

bool sockets_parse_line(struct span text, bool udp, const struct map *inodes, socket_vec *sockets)
{
	struct line line;
	if (!scan_line_of_table(text, &line) || !map_get(inodes, line.inode))
		return true;
	struct gospy_socket socket = {.state = udp ? "NONE" : tcp_state(line.state)};
	sock_addr_text(&line.local, socket.local);
	sock_addr_text(&line.remote, socket.remote);
	return vec_push(sockets, socket);
}

bool listeners_parse_line(struct span text, listener_vec *listeners, bool *more_ret)
{
	struct line line;
	*more_ret = true;
	if (!scan_line_of_table(text, &line))
		return true;
	*more_ret = line.state == TCP_LISTEN;
	return !*more_ret || vec_push(listeners, ((struct listener){line.local, line.inode}));
}

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
		if (!s.failed && !map_put(inodes, inode))
			return err_nomem(err);
	}
	return GOSPY_OK;
}

/** A table may have as many lines as the host has sockets: they are not held. */
static enum gospy_code read_table(pid_t tid, const char *name, const struct map *inodes,
				  socket_vec *sockets, struct gospy_error *err)
{
	char path[32];
	snprintf(path, sizeof(path), "/proc/%d/net/%s", tid, name);
	FILE *file CLEANUP_FCLOSE = fopen(path, "re");
	if (!file)
		return GOSPY_OK; // a kernel without that protocol
	char *line CLEANUP_FREE = NULL;
	size_t size = 0;
	ssize_t n;
	while ((n = getline(&line, &size, file)) > 0) {
		struct span span = {(const uint8_t *)line, (size_t)n};
		if (!sockets_parse_line(span, name[0] == 'u', inodes, sockets))
			return err_nomem(err);
	}
	return GOSPY_OK;
}

/* net/ipv4/tcp_ipv4.c, tcp_get_idx(): listening sockets come first. */
static enum gospy_code read_listeners(pid_t tid, const char *name, listener_vec *listeners,
				      struct gospy_error *err)
{
	char path[32];
	snprintf(path, sizeof(path), "/proc/%d/net/%s", tid, name);
	FILE *file CLEANUP_FCLOSE = fopen(path, "re");
	if (!file)
		return GOSPY_OK; // a kernel without that protocol
	char *line CLEANUP_FREE = NULL;
	size_t size = 0;
	bool more = true;
	ssize_t n;
	while (more && (n = getline(&line, &size, file)) > 0) {
		struct span span = {(const uint8_t *)line, (size_t)n};
		if (!listeners_parse_line(span, listeners, &more))
			return err_nomem(err);
	}
	return GOSPY_OK;
}

enum gospy_code listeners_read(pid_t tid, listener_vec *ret, struct gospy_error *err)
{
	listener_vec listeners = {0};
	enum gospy_code code = read_listeners(tid, "tcp", &listeners, err);
	if (!code)
		code = read_listeners(tid, "tcp6", &listeners, err);
	if (code)
		vec_free(&listeners);
	else
		*ret = listeners;
	return code;
}

enum gospy_code sockets_of_process(pid_t tid, socket_vec *ret, struct gospy_error *err)
{
	static const char *const tables[] = {"tcp", "tcp6", "udp", "udp6"};
	struct map inodes = {0};
	socket_vec sockets = {0};
	enum gospy_code code = sockets_inodes(tid, &inodes, err);
	for (size_t i = 0; !code && inodes.len && i < sizeof(tables) / sizeof(*tables); i++)
		code = read_table(tid, tables[i], &inodes, &sockets, err);
	map_deinit(&inodes);
	if (code)
		vec_free(&sockets);
	else
		*ret = sockets;
	return code;
}
