#include "goruntime/gops_agent.h"

#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "gospy.h"

/* Port in the file DIR/PID, or 0. The file is another user's: nothing is followed or waited for. */
static unsigned read_port(const char *dir, const char *subdir, pid_t pid)
{
	char path[PATH_MAX], text[16], *end;
	snprintf(path, sizeof(path), "%s%s/%d", dir, subdir, pid);
	int fd CLEANUP_CLOSE = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	unsigned long port = strtoul(text, &end, 10);
	return end != text && port <= USHRT_MAX ? (unsigned)port : 0;
}

static unsigned port_of(pid_t pid, uid_t uid)
{
	const char *gops = getenv("GOPS_CONFIG_DIR"), *xdg = getenv("XDG_CONFIG_HOME");
	unsigned port = gops && *gops ? read_port(gops, "", pid) : 0;
	if (!port && xdg && *xdg)
		port = read_port(xdg, "/gops", pid);
	if (port)
		return port;
	char buf[4096];
	struct passwd entry, *user = NULL;
	if (getpwuid_r(uid, &entry, buf, sizeof(buf), &user) != 0 || !user || !user->pw_dir)
		return 0;
	return read_port(user->pw_dir, "/.config/gops", pid);
}

static bool listens_on(const struct gospy_socket *socket, unsigned port)
{
	const char *colon = strrchr(socket->local, ':');
	return strcmp(socket->state, "LISTEN") == 0 && colon &&
	       strtoul(colon + 1, NULL, 10) == port;
}

bool gops_agent_lives(pid_t pid, uid_t uid)
{
	unsigned port = port_of(pid, uid);
	struct gospy_process_info *info;
	if (!port || gospy_process_info_create(pid, 0, &info, NULL))
		return false;
	bool lives = false;
	for (size_t i = 0; i < info->socket_count && !lives; i++)
		lives = listens_on(&info->sockets[i], port);
	gospy_process_info_destroy(info);
	return lives;
}
