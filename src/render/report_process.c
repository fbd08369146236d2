#include "render/report_process.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "render/json.h"
#include "render/units.h"

static void percent_text(struct out *out, const char *label, double percent)
{
	if (percent >= 0)
		out_printf(out, "%s:\t%.3f%%\n", label, percent);
}

static void string_text(struct out *out, const char *label, const char *s)
{
	if (!s)
		return;
	out_printf(out, "%s:\t", label);
	out_text(out, s);
	out_putc(out, '\n');
}

struct address_text {
	char s[sizeof(((struct gospy_socket *)NULL)->local)];
};

/* Addresses look as gops has them: no brackets around an IPv6 address, and an IPv4 address alone
 * where an IPv6 one stands for it (Go's net.IP.String). */
static struct address_text bare_address(const char *address)
{
	static const char mapped[] = "::ffff:";
	struct address_text text;
	const char *end = strrchr(address, ']');
	if (*address != '[' || !end) {
		snprintf(text.s, sizeof(text.s), "%s", address);
		return text;
	}
	const char *host = address + 1;
	if (strncmp(host, mapped, sizeof(mapped) - 1) == 0 &&
	    memchr(host, '.', (size_t)(end - host)))
		host += sizeof(mapped) - 1;
	snprintf(text.s, sizeof(text.s), "%.*s%s", (int)(end - host), host, end + 1);
	return text;
}

/* Behind the sockets it says how many could not be shown. */
static void other_sockets_text(struct out *out, uint64_t n)
{
	if (n)
		out_printf(
			out,
			"other sockets:\t%lu (unconnected, or of a network namespace that none of "
			"its threads is in)\n",
			n);
}

static void process_text(struct out *out, const struct gospy_process_info *info, uint64_t sample_ns)
{
	if (info->ppid)
		out_printf(out, "parent PID:\t%d\n", (int)info->ppid);
	if (info->ns_pid != info->pid)
		out_printf(out, "PID in its namespace:\t%d\n", (int)info->ns_pid);
	if (info->threads != GOSPY_UNKNOWN)
		out_printf(out, "threads:\t%lu\n", info->threads);
	percent_text(out, "memory usage", info->memory_percent);
	percent_text(out, "cpu usage", info->cpu_percent);
	if (sample_ns && info->cpu_percent_sample >= 0)
		out_printf(out, "cpu usage (%s):\t%.3f%%\n", units_go_duration(sample_ns).s,
			   info->cpu_percent_sample);
	string_text(out, "username", info->username);
	string_text(out, "cmd+args", info->cmdline);
	if (info->elapsed_ns != GOSPY_UNKNOWN)
		string_text(out, "elapsed time", units_elapsed(info->elapsed_ns).s);
	for (size_t i = 0; i < info->socket_count; i++) {
		const struct gospy_socket *s = &info->sockets[i];
		out_printf(out, "local/remote:\t%s <-> %s (%s)\n", bare_address(s->local).s,
			   bare_address(s->remote).s, s->state);
	}
	other_sockets_text(out, info->other_sockets);
}

static void process_json(struct out *out, const struct gospy_process_info *info, uint64_t sample_ns)
{
	struct json json = {.out = out};
	json_begin(&json, "process_info");
	json_u64(&json, "pid", (uint64_t)info->pid);
	json_u64(&json, "ppid", (uint64_t)info->ppid);
	if (info->ns_pid != info->pid)
		json_u64(&json, "ns_pid", (uint64_t)info->ns_pid);
	json_u64(&json, "threads", info->threads);
	json_percent(&json, "memory_percent", info->memory_percent);
	json_percent(&json, "cpu_percent", info->cpu_percent);
	if (sample_ns) {
		json_percent(&json, "cpu_percent_sample", info->cpu_percent_sample);
		json_u64(&json, "sample_ns", sample_ns);
	}
	json_str(&json, "username", info->username);
	json_str(&json, "cmdline", info->cmdline);
	json_u64(&json, "elapsed_ns", info->elapsed_ns);
	if (info->sockets_known) {
		json_array(&json, "sockets");
		for (size_t i = 0; i < info->socket_count; i++) {
			json_object(&json, NULL);
			json_str(&json, "local", info->sockets[i].local);
			json_str(&json, "remote", info->sockets[i].remote);
			json_str(&json, "state", info->sockets[i].state);
			json_object_end(&json);
		}
		json_array_end(&json);
		json_u64(&json, "other_sockets", info->other_sockets);
		if (info->sockets_cut)
			json_bool(&json, "sockets_cut", true);
	}
	json_object_end(&json);
	json_newline(&json);
}

void report_process(struct out *out, const struct gospy_process_info *info, uint64_t sample_ns,
		    enum report_format format)
{
	if (format == REPORT_TEXT)
		process_text(out, info, sample_ns);
	else
		process_json(out, info, sample_ns);
}

/* ---- on a terminal */

static void label_people(struct out *out, const char *label)
{
	out_printf(out, "%-12s", label);
}

static void line_people(struct out *out, const char *label, const char *text)
{
	if (!text)
		return;
	label_people(out, label);
	out_text(out, text);
	out_putc(out, '\n');
}

static void memory_people(struct out *out, const struct gospy_process_info *info)
{
	if (info->rss == GOSPY_UNKNOWN)
		return;
	label_people(out, "memory");
	out_puts(out, units_bytes(info->rss).s);
	if (info->memory_percent >= 0)
		out_printf(out, ", %.1f%% of this machine's", info->memory_percent);
	out_putc(out, '\n');
}

static void cpu_people(struct out *out, const struct gospy_process_info *info, uint64_t sample_ns)
{
	bool sampled = sample_ns && info->cpu_percent_sample >= 0;
	if (info->cpu_percent < 0 && !sampled)
		return;
	label_people(out, "cpu");
	if (sampled)
		out_printf(out, "%.1f%% over %s%s", info->cpu_percent_sample,
			   units_go_duration(sample_ns).s, info->cpu_percent < 0 ? "" : ", ");
	if (info->cpu_percent >= 0)
		out_printf(out, "%.1f%% since the start", info->cpu_percent);
	out_puts(out, " (100% is one CPU)\n");
}

/* Those that listen, those that are connected, those that are on the way to or from it, UDP. */
static int rank_of(const struct gospy_socket *socket)
{
	static const char *const first[] = {"LISTEN", "ESTABLISHED"};
	for (int i = 0; i < 2; i++) {
		if (strcmp(socket->state, first[i]) == 0)
			return i;
	}
	return strcmp(socket->state, "NONE") == 0 ? 3 : 2;
}

/* Addresses in the order of their hosts and then of their ports, as numbers. */
static int compare_addresses(const char *a, const char *b)
{
	const char *a_colon = strrchr(a, ':'), *b_colon = strrchr(b, ':');
	size_t a_len = a_colon ? (size_t)(a_colon - a) : strlen(a);
	size_t b_len = b_colon ? (size_t)(b_colon - b) : strlen(b);
	int order = strncmp(a, b, a_len < b_len ? a_len : b_len);
	if (order || a_len != b_len)
		return order ? order : a_len < b_len ? -1 : 1;
	int a_port = a_colon ? atoi(a_colon + 1) : 0, b_port = b_colon ? atoi(b_colon + 1) : 0;
	return (a_port > b_port) - (a_port < b_port);
}

static int compare_sockets(const void *left, const void *right)
{
	const struct gospy_socket *a = *(const struct gospy_socket *const *)left;
	const struct gospy_socket *b = *(const struct gospy_socket *const *)right;
	int order = rank_of(a) - rank_of(b);
	if (!order)
		order = strcmp(a->state, b->state);
	if (!order)
		order = compare_addresses(a->local, b->local);
	return order ? order : compare_addresses(a->remote, b->remote);
}

/* What a person calls a state: UDP has none. */
static const char *state_name(const struct gospy_socket *socket)
{
	return strcmp(socket->state, "NONE") == 0 ? "UDP" : socket->state;
}

/* "2 LISTEN, 3 ESTABLISHED" */
static void count_states(struct out *out, const struct gospy_socket *const *sockets, size_t n)
{
	for (size_t i = 0; i < n;) {
		size_t same = 1;
		while (i + same < n && strcmp(sockets[i]->state, sockets[i + same]->state) == 0)
			same++;
		out_printf(out, "%s%zu %s", i ? ", " : "", same, state_name(sockets[i]));
		i += same;
	}
}

/* Is it the address of the other end of a socket that has none? */
static bool is_nowhere(const char *address)
{
	return strcmp(address, "0.0.0.0:0") == 0 || strcmp(address, "[::]:0") == 0;
}

static void sockets_people(struct out *out, const struct gospy_process_info *info)
{
	const size_t n = info->socket_count;
	const struct gospy_socket **sockets CLEANUP_FREE = calloc(n + 1, sizeof(*sockets));
	if (!sockets) {
		out->error = ENOMEM;
		return;
	}
	for (size_t i = 0; i < n; i++)
		sockets[i] = &info->sockets[i];
	qsort(sockets, n, sizeof(*sockets), compare_sockets);
	label_people(out, "sockets");
	if (!info->sockets_known)
		out_puts(out, "? (its descriptors may not be listed)");
	else if (!n && !info->other_sockets && !info->sockets_cut)
		out_puts(out, "none");
	count_states(out, sockets, n);
	if (info->other_sockets)
		out_printf(out, "%s%lu unconnected or in another network namespace", n ? ", " : "",
			   info->other_sockets);
	if (info->sockets_cut)
		out_puts(out, n || info->other_sockets ? ", and maybe more" : "maybe more");
	out_putc(out, '\n');
	for (size_t i = 0; i < n; i++) {
		const struct gospy_socket *s = sockets[i];
		out_printf(out, "  %-12s %s", state_name(s), s->local);
		if (!is_nowhere(s->remote))
			out_printf(out, " <-> %s", s->remote);
		out_putc(out, '\n');
	}
}

void report_process_people(struct out *out, const struct gospy_process_info *info,
			   uint64_t sample_ns)
{
	const struct out_mark mark = out_mark(out);
	label_people(out, "process");
	out_printf(out, "%d ", (int)info->pid);
	out_text(out, info->comm);
	if (info->ns_pid != info->pid)
		out_printf(out, ", %d in its namespace", (int)info->ns_pid);
	out_printf(out, ", child of %d\n", (int)info->ppid);
	line_people(out, "user", info->username);
	line_people(out, "command", info->cmdline);
	line_people(out, "executable", info->exe);
	line_people(out, "container", info->container);
	if (info->cgroup && strcmp(info->cgroup, "/") != 0)
		line_people(out, "cgroup", info->cgroup);
	if (info->elapsed_ns != GOSPY_UNKNOWN)
		line_people(out, "uptime", units_span(info->elapsed_ns).s);
	if (info->threads != GOSPY_UNKNOWN)
		out_printf(out, "%-12s%lu\n", "threads", info->threads);
	memory_people(out, info);
	cpu_people(out, info, sample_ns);
	sockets_people(out, info);
	out_wrap(out, mark);
}
