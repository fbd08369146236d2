#include "core/bundle_facts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/pairs.h"

enum {
	TEXT_MAX = 256 << 20,
	THREADS_MAX = 1 << 18,
	MAPS_MAX = 1 << 21,
	DESCRIPTORS_MAX = 1 << 16,
	FUNCTIONS_MAX = 1 << 20,
};

/* ---- writing */

static void write_u64(struct strbuf *text, const char *key, uint64_t value)
{
	if (value != GOSPY_UNKNOWN)
		pairs_addf(text, key, "%" PRIu64, value);
}

static void write_text(struct strbuf *text, const char *key, const char *value)
{
	if (value)
		pairs_add(text, key, value);
}

/* "1234 1 S 3 1 0 0 202 18446744073709551615 0 ... shop" */
static void write_thread(struct strbuf *text, const struct bundle_thread *thread)
{
	const struct task *task = &thread->task;
	const struct place *place = &thread->place;
	pairs_addf(text, "thread",
		   "%d %d %u %u %u %u %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64
		   " 0x%" PRIx64 " 0x%" PRIx64 " %s",
		   (int)task->tid, (int)task->nstid, (unsigned)(unsigned char)task->state,
		   (unsigned)task->io_worker, (unsigned)thread->state, (unsigned)thread->has_regs,
		   (uint64_t)place->syscall, place->arg0, place->arg1, place->arg2, place->arg3,
		   place->sp, place->pc, task->comm);
}

static void write_mapping(struct strbuf *text, const struct mapping *map)
{
	unsigned flags = (map->read ? 4u : 0) | (map->write ? 2u : 0) | (map->exec ? 1u : 0) |
			 (map->shared ? 8u : 0);
	pairs_addf(text, "map",
		   "0x%" PRIx64 " 0x%" PRIx64 " %u 0x%" PRIx64 " %" PRIu64 " %" PRIu64 " %s",
		   map->start, map->end, flags, map->offset, map->dev, map->inode, map->path);
}

/* Texts may hold anything, so each has a line of its own behind that of the numbers. */
static void write_descriptor(struct strbuf *text, const struct source_descriptor *descriptor)
{
	const struct gospy_descriptor *is = &descriptor->is;
	pairs_addf(text, "descriptor", "%d 0x%" PRIx64 " %d", is->fd, descriptor->poll,
		   (int)is->peer_pid);
	write_text(text, "descriptor_type", is->type);
	write_text(text, "descriptor_local", is->local);
	write_text(text, "descriptor_remote", is->remote);
	write_text(text, "descriptor_state", is->state);
	write_text(text, "descriptor_peer", is->peer_comm);
	if (is->receive_queue != GOSPY_UNKNOWN && is->send_queue != GOSPY_UNKNOWN)
		pairs_addf(text, "descriptor_queues", "%" PRIu64 " %" PRIu64, is->receive_queue,
			   is->send_queue);
}

void bundle_facts_write(const struct bundle_facts *facts, struct strbuf *text)
{
	const struct source_taken *taken = &facts->taken;
	pairs_addf(text, "gospy-bundle", "%d %d", BUNDLE_MAJOR, BUNDLE_MINOR);
	write_text(text, "gospy", facts->gospy);
	write_u64(text, "pid", (uint64_t)facts->pid);
	write_text(text, "comm", facts->comm);
	write_text(text, "exe", facts->exe);
	write_u64(text, "exe_deleted", facts->exe_deleted);
	write_u64(text, "of_core", facts->taken.of_core);
	write_u64(text, "start_ns", facts->start_ns);
	write_u64(text, "time_unix_ns", facts->real_ns);
	write_u64(text, "boot_ns", facts->boot_ns);
	write_u64(text, "mono_ns", facts->mono_ns);
	write_u64(text, "private_bytes", facts->private_bytes);
	write_u64(text, "non_blocking", taken->non_blocking);
	write_u64(text, "instant", taken->instant);
	write_u64(text, "no_labels", taken->no_labels);
	write_u64(text, "sockets", taken->sockets);
	write_u64(text, "native", taken->native);
	write_u64(text, "heap", (uint64_t)taken->heap);
	write_u64(text, "figures_steady", taken->figures_steady);
	write_u64(text, "cycles_per_second", taken->cycles_per_second);
	write_u64(text, "paused_ns", taken->paused_ns);
	write_u64(text, "stopped_threads", taken->stopped_threads);
	if (facts->signal)
		write_u64(text, "signal", (uint64_t)facts->signal);
	if (facts->signal_tid)
		write_u64(text, "signal_tid", (uint64_t)facts->signal_tid);
	write_u64(text, "fault_addr", facts->fault_addr);
	write_text(text, "left_out", facts->left_out);
	write_text(text, "redacted", facts->redacted);
	for (size_t i = 0; i < facts->threads.len; i++)
		write_thread(text, &facts->threads.at[i]);
	for (size_t i = 0; i < facts->maps.maps.len; i++)
		write_mapping(text, &facts->maps.maps.at[i]);
	for (size_t i = 0; i < facts->descriptors.len; i++)
		write_descriptor(text, &facts->descriptors.at[i]);
	for (size_t i = 0; i < facts->functions.len; i++) {
		const struct source_function *function = &facts->functions.at[i];
		pairs_addf(text, "c_function", "0x%" PRIx64 " 0x%" PRIx64 " %s", function->pc,
			   function->entry, function->name);
	}
}

/* ---- reading */

static bool read_thread(const char *at, struct bundle_facts *facts)
{
	struct bundle_thread thread = {0};
	struct place *place = &thread.place;
	uint64_t n[6], syscall;
	for (size_t i = 0; i < sizeof(n) / sizeof(*n); i++) {
		if (!pair_u64(&at, &n[i]))
			return true;
	}
	if (!pair_u64(&at, &syscall) || !pair_u64(&at, &place->arg0) ||
	    !pair_u64(&at, &place->arg1) || !pair_u64(&at, &place->arg2) ||
	    !pair_u64(&at, &place->arg3) || !pair_u64(&at, &place->sp) ||
	    !pair_u64(&at, &place->pc) || *at != ' ' || !n[0] || n[0] > INT32_MAX ||
	    n[1] > INT32_MAX || n[4] > MOMENT_MOVED || facts->threads.len == THREADS_MAX)
		return true;
	place->syscall = (int64_t)syscall;
	thread.task.tid = (pid_t)n[0];
	thread.task.nstid = (pid_t)n[1];
	thread.task.state = (char)n[2];
	thread.task.io_worker = n[3];
	thread.state = (enum moment_state)n[4];
	thread.has_regs = n[5];
	snprintf(thread.task.comm, sizeof(thread.task.comm), "%s", at + 1);
	return vec_push(&facts->threads, thread);
}

static bool read_mapping(const char *at, struct bundle_facts *facts)
{
	struct mapping map = {0};
	uint64_t flags;
	struct mappings *maps = &facts->maps;
	uint64_t before = maps->maps.len ? maps->maps.at[maps->maps.len - 1].end : 0;
	if (!pair_u64(&at, &map.start) || !pair_u64(&at, &map.end) || !pair_u64(&at, &flags) ||
	    !pair_u64(&at, &map.offset) || !pair_u64(&at, &map.dev) || !pair_u64(&at, &map.inode) ||
	    map.start < before || map.start >= map.end || maps->maps.len == MAPS_MAX)
		return true;
	map.read = flags & 4;
	map.write = flags & 2;
	map.exec = flags & 1;
	map.shared = flags & 8;
	map.path = arena_strdup(&maps->arena, *at == ' ' ? at + 1 : "");
	return map.path && vec_push(&maps->maps, map);
}

static bool read_descriptor(const char *at, struct bundle_facts *facts)
{
	struct source_descriptor descriptor = {.is = {.sent_ago_ns = GOSPY_UNKNOWN,
						      .received_ago_ns = GOSPY_UNKNOWN,
						      .sent = GOSPY_UNKNOWN,
						      .received = GOSPY_UNKNOWN,
						      .unacked_ns = GOSPY_UNKNOWN,
						      .unread_ns = GOSPY_UNKNOWN}};
	uint64_t fd, peer;
	if (!pair_u64(&at, &fd) || !pair_u64(&at, &descriptor.poll) || !pair_u64(&at, &peer) ||
	    fd > INT32_MAX || peer > INT32_MAX || facts->descriptors.len == DESCRIPTORS_MAX)
		return true;
	descriptor.is.fd = (int)fd;
	descriptor.is.peer_pid = (pid_t)peer;
	descriptor.is.type = "?";
	descriptor.is.receive_queue = descriptor.is.send_queue = GOSPY_UNKNOWN;
	return vec_push(&facts->descriptors, descriptor);
}

/* Of the descriptor whose line was the last one. */
static void take_descriptor_text(const struct pair *pair, struct bundle_facts *facts)
{
	if (!facts->descriptors.len)
		return;
	struct gospy_descriptor *is = &facts->descriptors.at[facts->descriptors.len - 1].is;
	const struct {
		const char *key;
		const char **value;
	} texts[] = {
		{"descriptor_type", &is->type},      {"descriptor_local", &is->local},
		{"descriptor_remote", &is->remote},  {"descriptor_state", &is->state},
		{"descriptor_peer", &is->peer_comm},
	};
	const char *at = pair->value;
	uint64_t received, sent;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		if (strcmp(pair->key, texts[i].key) == 0)
			*texts[i].value = pair->value;
	}
	if (strcmp(pair->key, "descriptor_queues") == 0 && pair_u64(&at, &received) &&
	    pair_u64(&at, &sent)) {
		is->receive_queue = received;
		is->send_queue = sent;
	}
}

static bool read_function(const char *at, struct bundle_facts *facts)
{
	struct source_function function = {0};
	if (!pair_u64(&at, &function.pc) || !pair_u64(&at, &function.entry) || *at != ' ' ||
	    facts->functions.len == FUNCTIONS_MAX)
		return true;
	function.name = at + 1;
	return vec_push(&facts->functions, function);
}

static bool take_number(const struct pair *pair, struct bundle_facts *facts)
{
	const struct {
		const char *key;
		uint64_t *value;
	} numbers[] = {
		{"start_ns", &facts->start_ns},
		{"time_unix_ns", &facts->real_ns},
		{"boot_ns", &facts->boot_ns},
		{"mono_ns", &facts->mono_ns},
		{"private_bytes", &facts->private_bytes},
		{"paused_ns", &facts->taken.paused_ns},
		{"stopped_threads", &facts->taken.stopped_threads},
		{"fault_addr", &facts->fault_addr},
		{"cycles_per_second", &facts->taken.cycles_per_second},
	};
	uint64_t n;
	const char *at = pair->value;
	if (!pair_u64(&at, &n))
		return false;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
		if (strcmp(pair->key, numbers[i].key) == 0)
			*numbers[i].value = n;
	}
	if (strcmp(pair->key, "gospy-bundle") == 0)
		facts->major = n;
	else if (strcmp(pair->key, "pid") == 0)
		facts->pid = n <= INT32_MAX ? (pid_t)n : 0;
	else if (strcmp(pair->key, "exe_deleted") == 0)
		facts->exe_deleted = n;
	else if (strcmp(pair->key, "of_core") == 0)
		facts->taken.of_core = n;
	else if (strcmp(pair->key, "non_blocking") == 0)
		facts->taken.non_blocking = n;
	else if (strcmp(pair->key, "instant") == 0)
		facts->taken.instant = n;
	else if (strcmp(pair->key, "no_labels") == 0)
		facts->taken.no_labels = n;
	else if (strcmp(pair->key, "sockets") == 0)
		facts->taken.sockets = n;
	else if (strcmp(pair->key, "native") == 0)
		facts->taken.native = n;
	else if (strcmp(pair->key, "heap") == 0)
		facts->taken.heap =
			n <= SOURCE_HEAP_INSTANT ? (enum source_heap)n : SOURCE_HEAP_NONE;
	else if (strcmp(pair->key, "figures_steady") == 0)
		facts->taken.figures_steady = n;
	else if (strcmp(pair->key, "signal") == 0)
		facts->signal = n <= 64 ? (int)n : 0;
	else if (strcmp(pair->key, "signal_tid") == 0)
		facts->signal_tid = n <= INT32_MAX ? (pid_t)n : 0;
	return true;
}

static bool take_pair(const struct pair *pair, struct bundle_facts *facts)
{
	const struct {
		const char *key;
		const char **value;
	} texts[] = {
		{"gospy", &facts->gospy},       {"comm", &facts->comm},
		{"exe", &facts->exe},           {"left_out", &facts->left_out},
		{"redacted", &facts->redacted},
	};
	if (strcmp(pair->key, "redacted") == 0)
		facts->taken.redacted = true;
	if (strcmp(pair->key, "thread") == 0)
		return read_thread(pair->value, facts);
	if (strcmp(pair->key, "map") == 0)
		return read_mapping(pair->value, facts);
	if (strcmp(pair->key, "descriptor") == 0)
		return read_descriptor(pair->value, facts);
	if (strcmp(pair->key, "c_function") == 0)
		return read_function(pair->value, facts);
	take_descriptor_text(pair, facts);
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		if (strcmp(pair->key, texts[i].key) == 0)
			*texts[i].value = pair->value;
	}
	take_number(pair, facts);
	return true;
}

static int compare_pc(const void *a, const void *b)
{
	const struct source_function *x = a, *y = b;
	return (x->pc > y->pc) - (x->pc < y->pc);
}

/* What was read tells how the bundle was made. */
static void finish(struct bundle_facts *facts)
{
	if (facts->functions.len)
		qsort(facts->functions.at, facts->functions.len, sizeof(*facts->functions.at),
		      compare_pc);
	facts->taken.descriptors = facts->descriptors.at;
	facts->taken.descriptor_count = facts->descriptors.len;
	facts->taken.functions = facts->functions.at;
	facts->taken.function_count = facts->functions.len;
}

enum gospy_code bundle_facts_read(struct span text, struct bundle_facts *ret,
				  struct gospy_error *err)
{
	struct bundle_facts facts = {
		.start_ns = GOSPY_UNKNOWN,
		.real_ns = GOSPY_UNKNOWN,
		.boot_ns = GOSPY_UNKNOWN,
		.mono_ns = GOSPY_UNKNOWN,
		.private_bytes = GOSPY_UNKNOWN,
		.fault_addr = GOSPY_UNKNOWN,
		.taken.known = true,
	};
	struct pairs pairs = {.text = text, .arena = &facts.arena};
	struct pair pair;
	bool ok = true;
	if (text.len > TEXT_MAX)
		return err_set(err, GOSPY_E_LIMIT, "its facts are too long");
	while (ok && pairs_next(&pairs, &pair))
		ok = take_pair(&pair, &facts);
	enum gospy_code code = !ok || pairs.failed ? err_nomem(err) : GOSPY_OK;
	if (!code && !facts.major)
		code = err_set(err, GOSPY_E_BAD_DATA, "its facts do not say that it is a bundle");
	if (!code && facts.major > BUNDLE_MAJOR)
		code = err_set(err, GOSPY_E_UNSUPPORTED,
			       "it is a bundle of a later gospy%s%s: this one reads format %d, not "
			       "%" PRIu64,
			       facts.gospy ? ", " : "", facts.gospy ? facts.gospy : "",
			       BUNDLE_MAJOR, facts.major);
	if (code) {
		bundle_facts_deinit(&facts);
		return code;
	}
	finish(&facts);
	*ret = facts;
	return GOSPY_OK;
}

void bundle_facts_deinit(struct bundle_facts *facts)
{
	vec_free(&facts->threads);
	vec_free(&facts->descriptors);
	vec_free(&facts->functions);
	mappings_deinit(&facts->maps);
	arena_deinit(&facts->arena);
	*facts = (struct bundle_facts){0};
}
