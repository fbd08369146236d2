#include "cli/pager.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/vec.h"
#include "render/term.h"

typedef VEC(char *) word_list;

static void words_free(word_list *words)
{
	vec_free(words);
}

static void attr_destroy(posix_spawnattr_t *attr)
{
	posix_spawnattr_destroy(attr);
}

static void actions_destroy(posix_spawn_file_actions_t *actions)
{
	posix_spawn_file_actions_destroy(actions);
}

/* Where programs are looked for with rights that are lent. */
#define SYSTEM_PATH "/usr/sbin:/usr/bin:/sbin:/bin"
static const char *const system_dirs[] = {"/usr/bin", "/bin"};

/* Has somebody else lent gospy its rights? Then they must not come into the hands of who is at the
 * keyboard: no pager of that user's choice, and no commands in ours. */
static bool is_lent(void)
{
	return getauxval(AT_SECURE) ||
	       (geteuid() == 0 &&
		(getenv("SUDO_UID") || getenv("DOAS_USER") || getenv("PKEXEC_UID")));
}

/* The environment of the pager. A user's own LESS is left alone, unless the rights are lent; then
 * the shell and programs that less calls do not come from the user's PATH either. */
static bool environment(bool lent, word_list *ret)
{
	static char secure[] = "LESSSECURE=1", options[] = "LESS=FRX", path[] = "PATH=" SYSTEM_PATH;
	for (char **variable = environ; *variable; variable++) {
		if (!(lent && (strncmp(*variable, "LESS", 4) == 0 ||
			       strncmp(*variable, "PATH=", 5) == 0)) &&
		    !vec_push(ret, *variable))
			return false;
	}
	if (lent && !(vec_push(ret, secure) && vec_push(ret, path)))
		return false;
	if ((lent || !getenv("LESS")) && !vec_push(ret, options))
		return false;
	return vec_push(ret, NULL);
}

/* The words of a command, or the shell with all of it where only that can tell. `text` is cut up.
 */
static bool arguments(char *text, word_list *ret)
{
	static char shell[] = "/bin/sh", option[] = "-c";
	if (text[strcspn(text, "|&;<>()$`\\\"'*?[#~=%\n")])
		return vec_push(ret, shell) && vec_push(ret, option) && vec_push(ret, text) &&
		       vec_push(ret, NULL);
	char *rest = NULL;
	for (char *word = strtok_r(text, " \t", &rest); word; word = strtok_r(NULL, " \t", &rest)) {
		if (!vec_push(ret, word))
			return false;
	}
	return vec_push(ret, NULL);
}

/* Run `command` with `in` as its standard input; an errno. */
static int spawn(const char *command, bool lent, int in, pid_t *ret)
{
	CLEANUP(attr_destroy) posix_spawnattr_t attr;
	CLEANUP(actions_destroy) posix_spawn_file_actions_t actions;
	CLEANUP(words_free) word_list args = {0}, env = {0};
	CLEANUP_FREE char *text = strdup(command);
	sigset_t defaults, none;
	posix_spawnattr_init(&attr);
	posix_spawn_file_actions_init(&actions);
	sigemptyset(&defaults);
	sigaddset(&defaults, SIGXFSZ); // main() ignores it
	sigemptyset(&none);            // agent.c blocks some
	if (!text || !arguments(text, &args) || !environment(lent, &env) ||
	    posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO) ||
	    posix_spawnattr_setsigdefault(&attr, &defaults) ||
	    posix_spawnattr_setsigmask(&attr, &none) ||
	    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK))
		return ENOMEM;
	if (!lent)
		return posix_spawnp(ret, args.at[0], &actions, &attr, args.at, env.at);
	// posix_spawnp() would look where the user's PATH says.
	int error = ENOENT;
	for (size_t i = 0; error && i < sizeof(system_dirs) / sizeof(*system_dirs); i++) {
		char path[64];
		snprintf(path, sizeof(path), "%s/%s", system_dirs[i], args.at[0]);
		error = posix_spawn(ret, path, &actions, &attr, args.at, env.at);
	}
	return error;
}

/* What the user wants; "": nothing. */
static const char *command_of(bool lent)
{
	const char *command = getenv("GOSPY_PAGER");
	if (!command)
		command = getenv("PAGER");
	if (command && (!command[strspn(command, " \t")] || strcmp(command, "cat") == 0))
		return "";
	return command && !lent ? command : "less -FRX";
}

static void start(struct pager *pager, struct out *out)
{
	int fds[2];
	bool lent = is_lent();
	const char *command = command_of(lent);
	if (!*command || pipe2(fds, O_CLOEXEC) != 0)
		return;
	int error = spawn(command, lent, fds[0], &pager->pid);
	close(fds[0]);
	if (error) {
		pager->pid = 0;
		close(fds[1]);
		pager->failed = command == getenv("GOSPY_PAGER") || command == getenv("PAGER")
					? command
					: NULL;
		return;
	}
	// Who is at the keyboard speaks to the pager now. If that ends early, so does gospy.
	signal(SIGPIPE, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	out->fd = fds[1];
	pager->command = command;
}

static void begin(struct out *out, void *ctx, bool more)
{
	struct pager *pager = ctx;
	if (more || !out_fits_screen(out))
		start(pager, out);
}

void pager_offer(struct pager *pager, struct out *out)
{
	// A job in the background would be stopped as soon as its pager touched the terminal.
	if (!out->rows || term_is_dumb() || tcgetpgrp(out->fd) != getpgrp())
		return;
	out->begin = begin;
	out->begin_ctx = pager;
}

void pager_decline(struct out *out)
{
	out->begin = NULL;
}

void pager_line(struct pager *pager, const char *line, size_t len)
{
	if (pager->pid && isatty(STDERR_FILENO))
		strbuf_add(&pager->later, line, len);
	else if (write(STDERR_FILENO, line, len) < 0)
		return; // nobody is left to be told
}

bool pager_end(struct pager *pager)
{
	int status = 0;
	if (!pager->pid)
		return false;
	while (waitpid(pager->pid, &status, 0) < 0 && errno == EINTR)
		;
	pager->pid = 0;
	// As a shell says that there is no such program, or that it is none.
	if (WIFEXITED(status) && WEXITSTATUS(status) >= 126)
		pager->failed = pager->command;
	if (!pager->later.failed)
		pager_line(pager, pager->later.s ? pager->later.s : "", pager->later.len);
	strbuf_deinit(&pager->later);
	return true;
}
