#include "render/report_process.h"

#include <stdio.h>

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

/* As gops has it: no brackets around an address of IPv6, and that of IPv4 alone where one stands
 * for it (Go's net.IP.String). */
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
