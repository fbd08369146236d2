#include "tui/follow.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/strbuf.h"
#include "base/vec.h"
#include "tui/worker.h"

static const uint64_t LOOK_AGAIN_NS = 1000000000;
/* To list descriptors may be work. The first looks are thorough, because a program that has just
 * begun does not listen yet; of the others every so many. */
enum { THOROUGH_LOOKS = 5, THOROUGH_EVERY = 10 };
/* The kernel counts the starts of processes in ticks, and cuts off what is less. */
static const uint64_t TICK_NS = 10000000;

/* What tells the target, and its successor, from other processes. Texts: NULL: unknown. */
struct identity {
	pid_t ppid;
	uint64_t start_ns;
	uint64_t seen_ns; /* CLOCK_BOOTTIME: when it was there for the last time */
	char *comm, *exe, *cgroup;
	uint64_t net_ns; /* 0: unknown. Each network namespace has addresses of its own */
	VEC(char *) listeners;
};

struct follow {
	struct worker worker; /* first; its lock is for what follows up to `event` */
	bool ended, looked;
	struct follow_news news;
	bool has_news;
	int event;
	/* Of the thread alone. */
	pid_t pid;
	uint64_t began_ns; /* CLOCK_BOOTTIME: when the target began to be watched */
	uint64_t looks;
	struct identity identity;
};

static char *copy(const char *s)
{
	char *text = s ? strdup(s) : NULL;
	if (s && !text)
		abort();
	return text;
}

static bool same(const char *a, const char *b)
{
	return a && b && strcmp(a, b) == 0;
}

static void identity_deinit(struct identity *identity)
{
	free(identity->comm);
	free(identity->exe);
	free(identity->cgroup);
	for (size_t i = 0; i < identity->listeners.len; i++)
		free(identity->listeners.at[i]);
	vec_free(&identity->listeners);
}

static void destroy(struct worker *worker)
{
	struct follow *follow = (struct follow *)worker;
	identity_deinit(&follow->identity);
	close(follow->event);
	worker_deinit(worker);
	free(follow);
}

/* ---- what the target is */

static void remember(struct identity *identity, const struct gospy_process_info *info,
		     uint64_t now_ns)
{
	struct identity fresh = {
		.ppid = info->ppid,
		.start_ns = info->start_ns,
		.seen_ns = now_ns,
		.comm = copy(info->comm),
		.exe = copy(info->exe),
		.cgroup = copy(info->cgroup),
		.net_ns = info->net_ns,
	};
	for (size_t i = 0; i < info->socket_count; i++) {
		const struct gospy_socket *socket = &info->sockets[i];
		if (strcmp(socket->state, "LISTEN") == 0 &&
		    !vec_push(&fresh.listeners, copy(socket->local)))
			abort();
	}
	identity_deinit(identity);
	*identity = fresh;
}

/* Is the process there, and does it run what it ran at first? Then what is known of it is brought
 * up to date. One that is dead and not yet waited for has no executable. */
static bool is_there(struct follow *follow)
{
	const struct gospy_process_options how = {.size = sizeof(how),
						  .cancel_fd = follow->worker.cancel_fd};
	struct gospy_process_info *info = NULL;
	const uint64_t now_ns = clock_boot_ns();
	const struct identity *before = &follow->identity;
	if (gospy_process_info_create_with(follow->pid, &how, &info, NULL))
		return false;
	bool first = !before->seen_ns;
	bool there = first || (info->start_ns == before->start_ns &&
			       (same(info->exe, before->exe) || (!info->exe && !before->exe)));
	if (there)
		remember(&follow->identity, info, now_ns);
	gospy_process_info_destroy(info);
	return there;
}

/* ---- who follows it */

/* What a process has in common with the target. */
struct likeness {
	bool exe, name, parent, cgroup;
	const char *listener; /* or NULL */
};

static struct likeness compare(const struct follow *follow, const struct gospy_process *process,
			       const struct gospy_process_details *details)
{
	const struct identity *target = &follow->identity;
	struct likeness like = {
		.exe = same(process->exe, target->exe),
		.name = same(process->comm, target->comm),
	};
	const bool later = details->start_ns + TICK_NS >= target->seen_ns;
	// Orphans have a parent in common, and those that are in no group have the root.
	like.parent = later && process->ppid == target->ppid && target->ppid > 1;
	like.cgroup =
		later && same(details->cgroup, target->cgroup) && strcmp(details->cgroup, "/") != 0;
	const bool neighbour = target->net_ns && details->net_ns == target->net_ns;
	for (size_t i = 0; neighbour && i < details->listener_count; i++) {
		for (size_t j = 0; !like.listener && j < target->listeners.len; j++) {
			if (same(details->listeners[i], target->listeners.at[j]))
				like.listener = target->listeners.at[j];
		}
	}
	return like;
}

/* 0: it is no successor. */
static int degree(const struct likeness *like)
{
	if (!like->exe && !like->name)
		return 0;
	return (like->listener ? 4 : 0) + like->parent + like->cgroup;
}

/* "process 4711 has ended; process 5012 follows it: same executable, same parent" */
static void describe(const struct follow *follow, const struct likeness *like,
		     struct follow_news *news)
{
	struct strbuf text = {0};
	strbuf_printf(&text, "process %d has ended; process %d follows it: same %s",
		      (int)follow->pid, (int)news->pid,
		      like->exe ? "executable" : "name, another file");
	if (like->parent)
		strbuf_puts(&text, ", same parent");
	if (like->cgroup)
		strbuf_puts(&text, ", same control group");
	if (like->listener)
		strbuf_printf(&text, ", listens on %s, too", like->listener);
	snprintf(news->text, sizeof(news->text), "%s", text.s ? text.s : "");
	strbuf_deinit(&text);
}

static bool search(struct follow *follow, struct follow_news *ret)
{
	const struct gospy_process_options how = {
		.size = sizeof(how), .cancel_fd = follow->worker.cancel_fd, .details = true};
	struct gospy_process_list *list = NULL;
	struct likeness best = {0};
	int best_degree = 0;
	size_t n, alike = 0;
	*ret = (struct follow_news){0};
	if (gospy_process_list_create_with(&how, &list, NULL))
		return false;
	const struct gospy_process *processes = gospy_process_list_get(list, &n);
	for (size_t i = 0; i < n; i++) {
		const struct gospy_process_details *details = gospy_process_list_details(list, i);
		if (!details || details->start_ns + TICK_NS < follow->began_ns ||
		    (processes[i].pid == follow->pid &&
		     details->start_ns == follow->identity.start_ns))
			continue;
		const struct likeness like = compare(follow, &processes[i], details);
		const int this = degree(&like);
		if (this < best_degree || !this)
			continue;
		alike = this > best_degree ? 1 : alike + 1;
		best_degree = this;
		best = like;
		ret->pid = processes[i].pid;
	}
	gospy_process_list_destroy(list);
	if (alike == 1) {
		describe(follow, &best, ret);
	} else if (alike) {
		snprintf(ret->text, sizeof(ret->text),
			 "%zu processes may be the successor of process %d: nothing tells which is",
			 alike, (int)follow->pid);
		ret->pid = 0;
	}
	return alike;
}

/* ---- the thread */

static void tell(struct follow *follow, const struct follow_news *news)
{
	const uint64_t one = 1;
	pthread_mutex_lock(&follow->worker.lock);
	// The same is not said twice, but for a successor, which may not have been ready to be
	// looked into.
	bool is_new = news->pid || strcmp(news->text, follow->news.text) != 0;
	follow->has_news |= is_new;
	follow->news = *news;
	pthread_mutex_unlock(&follow->worker.lock);
	if (is_new && write(follow->event, &one, sizeof(one)) < 0)
		return; // it is readable already
}

/* One that is dead and not yet waited for has no memory. */
static void look_cheaply(struct follow *follow)
{
	struct gospy_process_usage usage;
	const uint64_t now_ns = clock_boot_ns();
	if (!gospy_process_usage(follow->pid, &usage, NULL) && usage.rss &&
	    usage.rss != GOSPY_UNKNOWN)
		follow->identity.seen_ns = now_ns;
}

static void look(struct follow *follow)
{
	struct follow_news news = {0};
	pthread_mutex_lock(&follow->worker.lock);
	bool ended = follow->ended;
	pthread_mutex_unlock(&follow->worker.lock);
	const uint64_t looks = follow->looks++;
	if (!ended && looks >= THOROUGH_LOOKS && looks % THOROUGH_EVERY) {
		look_cheaply(follow);
		return;
	}
	bool there = is_there(follow);
	pthread_mutex_lock(&follow->worker.lock);
	follow->looked = true;
	pthread_cond_broadcast(&follow->worker.changed);
	pthread_mutex_unlock(&follow->worker.lock);
	if (!ended)
		return;
	if (!there && search(follow, &news)) {
		tell(follow, &news);
	} else if (there) {
		news.pid = follow->pid;
		snprintf(news.text, sizeof(news.text), "process %d has executed its program anew",
			 (int)follow->pid);
		tell(follow, &news);
	}
}

/* Wait until it is time to look again; false: it is time to end. */
static bool wait_for_next(struct follow *follow)
{
	const uint64_t until = clock_mono_ns() + LOOK_AGAIN_NS;
	const struct timespec at = {(time_t)(until / 1000000000), (long)(until % 1000000000)};
	pthread_mutex_lock(&follow->worker.lock);
	const bool ended = follow->ended;
	while (!follow->worker.stopping && follow->ended == ended &&
	       pthread_cond_timedwait(&follow->worker.changed, &follow->worker.lock, &at) !=
		       ETIMEDOUT)
		;
	bool go_on = !follow->worker.stopping;
	pthread_mutex_unlock(&follow->worker.lock);
	return go_on;
}

static void run(struct worker *worker)
{
	struct follow *follow = (struct follow *)worker;
	do {
		look(follow);
	} while (wait_for_next(follow));
}

enum gospy_code follow_start(pid_t pid, struct follow **ret, struct gospy_error *err)
{
	struct follow *follow = calloc(1, sizeof(*follow));
	if (!follow)
		abort();
	follow->pid = pid;
	follow->began_ns = clock_boot_ns();
	follow->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	enum gospy_code code = follow->event < 0 ? err_os(err, errno, "eventfd")
						 : worker_init(&follow->worker, err);
	if (code) {
		close(follow->event);
		free(follow);
		return code;
	}
	code = worker_start(&follow->worker, run, destroy, err);
	if (code)
		destroy(&follow->worker);
	else
		*ret = follow;
	return code;
}

void follow_wait(struct follow *follow)
{
	pthread_mutex_lock(&follow->worker.lock);
	while (!follow->looked)
		pthread_cond_wait(&follow->worker.changed, &follow->worker.lock);
	pthread_mutex_unlock(&follow->worker.lock);
}

void follow_stop(struct follow *follow)
{
	if (follow)
		worker_stop(&follow->worker);
}

void follow_ended(struct follow *follow)
{
	pthread_mutex_lock(&follow->worker.lock);
	follow->ended = true;
	pthread_cond_broadcast(&follow->worker.changed);
	pthread_mutex_unlock(&follow->worker.lock);
}

int follow_fd(const struct follow *follow)
{
	return follow->event;
}

bool follow_take(struct follow *follow, struct follow_news *ret)
{
	uint64_t count;
	if (read(follow->event, &count, sizeof(count)) < 0 && errno != EAGAIN)
		return false;
	pthread_mutex_lock(&follow->worker.lock);
	bool has_news = follow->has_news;
	*ret = follow->news;
	follow->has_news = false;
	pthread_mutex_unlock(&follow->worker.lock);
	return has_news;
}
