#include "machine/agent_find.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/user.h"

enum {
	PORT_TEXT_MAX = 16, /* five digits, and room for a line end */
};

struct agent_home {
	uid_t uid;
	char *dir; /* NULL: there is none */
};

void agent_finder_deinit(struct agent_finder *finder)
{
	listener_finder_deinit(&finder->networks);
	for (size_t i = 0; i < finder->homes.len; i++)
		free(finder->homes.at[i].dir);
	vec_free(&finder->homes);
}

/* ------------------------------------------------------------------------------ who listens -- */

static bool is_any(const struct sock_addr *addr)
{
	static const uint8_t zeros[16];
	return memcmp(addr->ip, zeros, addr->v6 ? 16 : 4) == 0;
}

static bool is_loopback(const struct sock_addr *addr)
{
	static const uint8_t one[16] = {[15] = 1};
	return addr->v6 ? memcmp(addr->ip, one, 16) == 0 : addr->ip[0] == 127;
}

/* Where to reach a listener from its own machine. Go listens on all addresses of both families with
 * one socket of the newer one (net/ipsock_posix.go:favoriteAddrFamily). */
static struct sock_addr reachable(const struct sock_addr *local)
{
	if (is_any(local))
		return (struct sock_addr){.ip = {127, 0, 0, 1}, .port = local->port};
	return *local;
}

static void add_listener(struct agent_listeners *list, const struct agent_listener *listener)
{
	if (list->len == AGENT_LISTENERS_MAX) {
		list->more++;
		return;
	}
	size_t at = list->len++;
	if (is_loopback(&listener->addr)) {
		for (; at > 0 && !is_loopback(&list->at[at - 1].addr); at--)
			list->at[at] = list->at[at - 1];
	}
	list->at[at] = *listener;
}

static enum gospy_code listeners_on(struct agent_finder *finder, pid_t pid, pid_t tid,
				    uint16_t port, struct agent_listeners *ret,
				    struct gospy_error *err)
{
	CLEANUP(listeners_free) listener_vec found = {0};
	struct agent_listeners list = {0};
	enum gospy_code code = listeners_of_process(&finder->networks, pid, tid, port, &found, err);
	if (code)
		return code;
	for (size_t i = 0; i < found.len; i++) {
		const struct agent_listener listener = {reachable(&found.at[i].local),
							found.at[i].ns};
		add_listener(&list, &listener);
	}
	*ret = list;
	return GOSPY_OK;
}

enum gospy_code agent_listeners(struct agent_finder *finder, pid_t pid, pid_t tid,
				struct agent_listeners *ret, struct gospy_error *err)
{
	return listeners_on(finder, pid, tid, 0, ret, err);
}

/* ------------------------------------------------------------------------------- port files -- */

/* What is wrong with the files that were found; told if none is right. */
struct search {
	struct agent_finder *finder;
	pid_t pid, tid;
	struct proc_status status;
	struct agent_place *place;
	struct gospy_error *err; /* of the first file that was wrong */
	enum gospy_code code;    /* its code; 0: none was */
};

static void wrong(struct search *search, enum gospy_code code, const char *path, const char *why)
{
	if (!search->code)
		search->code = err_set(search->err, code, "the port file %s %s", path, why);
}

/* Decimal digits, with white space around them as gops allows, or 0. */
static uint16_t parse_port(const char *text, size_t len)
{
	unsigned port = 0;
	size_t i = 0;
	while (len && strchr(" \t\r\n", text[len - 1]))
		len--;
	while (i < len && strchr(" \t\r\n", text[i]))
		i++;
	if (i == len)
		return 0;
	for (; i < len && text[i] >= '0' && text[i] <= '9' && port <= UINT16_MAX; i++)
		port = port * 10 + (unsigned)(text[i] - '0');
	return i < len || port > UINT16_MAX ? 0 : (uint16_t)port;
}

/* May this user have written the port file of that process? Other users could lead gospy to a port
 * of that process which is no agent's. */
static bool is_trusted(const struct search *search, uid_t owner)
{
	return owner == search->status.uid || owner == search->status.euid || owner == 0 ||
	       owner == geteuid();
}

/* What is wrong with a file that was found. */
static uint16_t unfit(struct search *search, const char *shown, const struct gospy_error *err)
{
	if (err->code == GOSPY_E_BAD_DATA)
		wrong(search, GOSPY_E_NOT_FOUND, shown, "is not a regular file");
	else
		wrong(search, err->code == GOSPY_E_PERM ? err->code : GOSPY_E_NOT_FOUND, shown,
		      "cannot be read");
	return 0;
}

/* The port in a file, or 0. `shown` is what gospy calls the file. */
static uint16_t read_port(struct search *search, int root, const char *path, const char *shown)
{
	char text[PORT_TEXT_MAX + 1];
	struct gospy_error err;
	struct stat st;
	int found CLEANUP_CLOSE = -1;
	int fd CLEANUP_CLOSE = -1;
	if (file_find_below(root, path, &found, &err)) {
		if (err.code == GOSPY_E_PERM)
			wrong(search, GOSPY_E_PERM, shown, "may not be looked at");
		return 0;
	}
	if (fstat(found, &st) == 0 && S_ISREG(st.st_mode) && !is_trusted(search, st.st_uid)) {
		wrong(search, GOSPY_E_NOT_FOUND, shown, "belongs to another user");
		return 0;
	}
	if (file_reopen(found, shown, &fd, &err))
		return unfit(search, shown, &err);
	ssize_t n = read(fd, text, sizeof(text));
	if (n < 0) {
		wrong(search, GOSPY_E_NOT_FOUND, shown, "cannot be read");
		return 0;
	}
	uint16_t port = n <= PORT_TEXT_MAX ? parse_port(text, (size_t)n) : 0;
	if (!port)
		wrong(search, GOSPY_E_NOT_FOUND, shown, "does not hold a port number");
	return port;
}

/* Is it the port file of this process? Then `place` is filled. */
static bool try_file(struct search *search, int root, const char *path, const char *shown)
{
	struct agent_listeners list;
	struct gospy_error err;
	char why[160];
	uint16_t port = read_port(search, root, path, shown);
	if (!port)
		return false;
	enum gospy_code code =
		listeners_on(search->finder, search->pid, search->tid, port, &list, &err);
	if (code) {
		snprintf(why, sizeof(why), "cannot be checked: %s", err.msg);
		wrong(search, code, shown, why);
		return false;
	}
	if (!list.len) {
		snprintf(why, sizeof(why),
			 "is stale or not its own: process %d does not listen on port %u",
			 (int)search->pid, port);
		wrong(search, GOSPY_E_NOT_FOUND, shown, why);
		return false;
	}
	search->place->listener = list.at[0];
	snprintf(search->place->file, sizeof(search->place->file), "%s", shown);
	return true;
}

/* DIR[SUBDIR]/PID as gospy sees it. */
static bool try_own(struct search *search, const char *dir, const char *subdir)
{
	char path[PATH_MAX];
	if (!dir || !*dir ||
	    snprintf(path, sizeof(path), "%s%s/%d", dir, subdir, (int)search->pid) >=
		    (int)sizeof(path))
		return false;
	return try_file(search, AT_FDCWD, path, path);
}

/* DIR[SUBDIR]/PID as the process sees it, where it is called `ns_pid`. */
static bool try_target(struct search *search, const char *dir, const char *subdir, pid_t ns_pid)
{
	char path[PATH_MAX - 64], shown[PATH_MAX], root_path[32];
	if (!dir || !*dir ||
	    snprintf(path, sizeof(path), "%s%s/%d", dir, subdir, (int)ns_pid) >= (int)sizeof(path))
		return false;
	snprintf(root_path, sizeof(root_path), "/proc/%d/%s", (int)search->tid,
		 *dir == '/' ? "root" : "cwd");
	snprintf(shown, sizeof(shown), "%s%s%s", root_path, *dir == '/' ? "" : "/", path);
	int root CLEANUP_CLOSE = open(root_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return false;
	return try_file(search, root, path, shown);
}

static const char *find_variable(struct span variables, const char *name)
{
	size_t name_len = strlen(name);
	const char *at = (const char *)variables.ptr, *end = at + variables.len;
	while (at < end) {
		size_t len = strnlen(at, (size_t)(end - at));
		if (len == (size_t)(end - at))
			break; // cut off
		if (len > name_len && at[name_len] == '=' && memcmp(at, name, name_len) == 0)
			return at + name_len + 1;
		at += len + 1;
	}
	return NULL;
}

/* The home directory of a user, or NULL. */
static const char *find_home(struct agent_finder *finder, uid_t uid)
{
	struct user_entry user;
	for (size_t i = 0; i < finder->homes.len; i++) {
		if (finder->homes.at[i].uid == uid)
			return finder->homes.at[i].dir;
	}
	struct agent_home home = {.uid = uid};
	if (user_find(uid, &user) && user.home[0])
		home.dir = strdup(user.home);
	if (!vec_push(&finder->homes, home)) {
		free(home.dir);
		return NULL;
	}
	return home.dir;
}

/* Look where the variables of the process say. `*home_ret`: they say where its home is. */
static bool try_environ(struct search *search, bool *home_ret)
{
	char path[32];
	uint8_t *text CLEANUP_FREE = NULL;
	size_t len = 0;
	snprintf(path, sizeof(path), "/proc/%d/environ", (int)search->tid);
	if (procfs_read_file(path, &text, &len, NULL))
		return false;
	const struct span variables = {text, len};
	const char *gops = find_variable(variables, "GOPS_CONFIG_DIR");
	const char *xdg = find_variable(variables, "XDG_CONFIG_HOME");
	const char *home = find_variable(variables, "HOME");
	const struct proc_status *status = &search->status;
	pid_t ns_pid = status->nspid_len ? status->nspid[status->nspid_len - 1] : search->pid;
	*home_ret = home && *home;
	return try_target(search, gops, "", ns_pid) || try_target(search, xdg, "/gops", ns_pid) ||
	       try_target(search, home, "/.config/gops", ns_pid);
}

enum gospy_code agent_find(struct agent_finder *finder, pid_t pid, pid_t tid,
			   const struct proc_status *status, struct agent_place *ret,
			   struct gospy_error *err)
{
	struct agent_place place = {0};
	struct search search = {
		.finder = finder, .pid = pid, .tid = tid, .place = &place, .err = err};
	bool home = false;
	enum gospy_code code = GOSPY_OK;
	if (status)
		search.status = *status;
	else
		code = procfs_status(pid, 0, &search.status, err);
	if (code)
		return code;
	if (try_own(&search, getenv("GOPS_CONFIG_DIR"), "") ||
	    try_own(&search, getenv("XDG_CONFIG_HOME"), "/gops") || try_environ(&search, &home) ||
	    (!home && try_own(&search, find_home(finder, search.status.uid), "/.config/gops"))) {
		*ret = place;
		return GOSPY_OK;
	}
	if (search.code)
		return search.code;
	return err_set(err, GOSPY_E_NOT_FOUND, "process %d has left no port file", (int)pid);
}

bool agent_left_file(pid_t pid, char path[PATH_MAX])
{
	const struct {
		const char *dir, *subdir;
	} places[] = {
		{getenv("GOPS_CONFIG_DIR"), ""},
		{getenv("XDG_CONFIG_HOME"), "/gops"},
		{getenv("HOME"), "/.config/gops"},
	};
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		struct stat st;
		if (!places[i].dir || !*places[i].dir)
			continue;
		snprintf(path, PATH_MAX, "%s%s/%d", places[i].dir, places[i].subdir, (int)pid);
		if (lstat(path, &st) == 0)
			return true;
	}
	return false;
}
