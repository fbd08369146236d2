#include "cli/ctrl_c.h"

#include <sys/signalfd.h>
#include <unistd.h>

void ctrl_c_begin(struct ctrl_c *c)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
	sigset_t mask;
	*c = (struct ctrl_c){0};
	sigemptyset(&mask);
	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++) {
		struct sigaction action;
		if (sigaction(signals[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN)
			sigaddset(&mask, signals[i]);
	}
	int fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd <= 0)
		return;
	sigprocmask(SIG_BLOCK, &mask, &c->old_mask);
	c->fd = fd;
}

void ctrl_c_end(struct ctrl_c *c)
{
	struct signalfd_siginfo info;
	if (!c->fd)
		return;
	while (read(c->fd, &info, sizeof(info)) == sizeof(info))
		;
	close(c->fd);
	c->fd = 0;
	sigprocmask(SIG_SETMASK, &c->old_mask, NULL);
}
