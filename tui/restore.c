#include "tui/restore.h"

#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <termios.h>
#include <unistd.h>

static const int crashes[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS, SIGTRAP};
enum { CRASHES = sizeof(crashes) / sizeof(crashes[0]) };

static struct {
	volatile sig_atomic_t armed;
	int tty;
	struct termios settings;
	bool has_settings;
	char sequence[RESTORE_MAX];
	size_t len;
	int stderr_aside;  /* where stderr led to; -1: it is left alone */
	int stderr_memory; /* what is written to it meanwhile */
	struct sigaction before[CRASHES];
	bool at_exit;
} state = {.stderr_aside = -1, .stderr_memory = -1};

static void divert_stderr(void)
{
	if (!isatty(STDERR_FILENO))
		return;
	state.stderr_memory = memfd_create("gospy-stderr", MFD_CLOEXEC);
	if (state.stderr_memory < 0)
		return;
	state.stderr_aside = dup(STDERR_FILENO);
	if (state.stderr_aside >= 0)
		dup2(state.stderr_memory, STDERR_FILENO);
}

/* The text that was put aside mostly says why the program ends. */
static void undivert_stderr(void)
{
	char text[4096];
	ssize_t n;
	if (state.stderr_aside >= 0) {
		dup2(state.stderr_aside, STDERR_FILENO);
		close(state.stderr_aside);
		state.stderr_aside = -1;
	}
	if (state.stderr_memory < 0)
		return;
	lseek(state.stderr_memory, 0, SEEK_SET);
	while ((n = read(state.stderr_memory, text, sizeof(text))) > 0) {
		if (write(STDERR_FILENO, text, (size_t)n) < 0)
			break;
	}
	close(state.stderr_memory);
	state.stderr_memory = -1;
}

void restore_now(void)
{
	if (!state.armed)
		return;
	state.armed = 0;
	if (write(state.tty, state.sequence, state.len) < 0)
		state.len = 0; // nothing else can be done about it
	if (state.has_settings)
		tcsetattr(state.tty, TCSANOW, &state.settings);
	undivert_stderr();
}

/* The handler that was there before has the signal next. */
static void on_crash(int signal, siginfo_t *info, void *context)
{
	(void)context;
	restore_now();
	for (int i = 0; i < CRASHES; i++) {
		if (crashes[i] == signal)
			sigaction(signal, &state.before[i], NULL);
	}
	// A fault happens again on return; a signal that was sent has to be sent again.
	if (info->si_code <= 0)
		raise(signal);
}

static void at_exit(void)
{
	restore_now();
}

void restore_arm(int tty, const char *sequence, size_t len)
{
	state.tty = tty;
	state.has_settings = tcgetattr(tty, &state.settings) == 0;
	state.len = len < sizeof(state.sequence) ? len : sizeof(state.sequence);
	memcpy(state.sequence, sequence, state.len);
	if (!state.at_exit)
		state.at_exit = atexit(at_exit) == 0;
	divert_stderr();
	struct sigaction action = {.sa_sigaction = on_crash, .sa_flags = SA_SIGINFO | SA_ONSTACK};
	sigfillset(&action.sa_mask);
	for (int i = 0; i < CRASHES; i++)
		sigaction(crashes[i], &action, &state.before[i]);
	state.armed = 1;
}

void restore_disarm(void)
{
	if (state.armed) {
		for (int i = 0; i < CRASHES; i++)
			sigaction(crashes[i], &state.before[i], NULL);
	}
	state.armed = 0;
	undivert_stderr();
}
