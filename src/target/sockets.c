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

/** "0100007F:1F90": each 32-bit word of the address as the machine's number, the port as such. */
static void scan_address(struct scan *s, char text[64])
{
	struct span hex = scan_word(s);
	const size_t words = hex.len > 13 ? 4 : 1;
	if (hex.len != words * 8 + 5 || hex.ptr[words * 8] != ':') {
		s->failed = true;
		return;
	}
	uint32_t addr[4];
	for (size_t i = 0; i < words; i++) {
		struct scan word = scan_of(span_sub(hex, i * 8, 8));
		addr[i] = (uint32_t)scan_u64(&word, 16);
		s->failed |= !scan_at_end(&word) || word.failed;
	}
	struct scan port = scan_of(span_sub(hex, words * 8 + 1, 4));
	unsigned number = (unsigned)scan_u64(&port, 16);
	s->failed |= !scan_at_end(&port) || port.failed;
	char host[INET6_ADDRSTRLEN];
	inet_ntop(words == 4 ? AF_INET6 : AF_INET, addr, host, sizeof(host));
	snprintf(text, 64, words == 4 ? "[%s]:%u" : "%s:%u", host, number);
}

bool sockets_parse_line(struct span line, bool udp, const struct map *inodes, socket_vec *sockets)
{
	// net/ipv4/tcp_ipv4.c, get_tcp4_sock(): "sl: local remote st tx:rx tr:when retrnsmt uid
	// timeout inode ..."
	struct scan s = scan_of(line);
	struct gospy_socket socket = {0};
	scan_blanks(&s);
	scan_word(&s);
	scan_blanks(&s);
	scan_address(&s, socket.local);
	scan_blanks(&s);
	scan_address(&s, socket.remote);
	scan_blanks(&s);
	socket.state = udp ? "NONE" : tcp_state(scan_u64(&s, 16));
	if (udp)
		scan_word(&s);
	for (int i = 0; i < 5; i++) {
		scan_blanks(&s);
		scan_word(&s);
	}
	scan_blanks(&s);
	uint64_t inode = scan_u64(&s, 10);
	if (s.failed || !map_get(inodes, inode))
		return true;
	return vec_push(sockets, socket);
}

/** The inodes of all sockets among the descriptors. */
static enum gospy_code read_inodes(pid_t tid, struct map *inodes, struct gospy_error *err)
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

enum gospy_code sockets_of_process(pid_t tid, socket_vec *ret, struct gospy_error *err)
{
	static const char *const tables[] = {"tcp", "tcp6", "udp", "udp6"};
	struct map inodes = {0};
	socket_vec sockets = {0};
	enum gospy_code code = read_inodes(tid, &inodes, err);
	for (size_t i = 0; !code && inodes.len && i < sizeof(tables) / sizeof(*tables); i++)
		code = read_table(tid, tables[i], &inodes, &sockets, err);
	map_deinit(&inodes);
	if (code)
		vec_free(&sockets);
	else
		*ret = sockets;
	return code;
}
