/*
 * Which processes a person means by a word. A word of digits is a PID, always; what it names need
 * not be Go's. Other words name Go processes:
 *
 *	:8080, 127.0.0.1:8080, localhost:8080, [::1]:8080	what listens there on TCP
 *	/srv/shop/shop, ./shop	the executable; or the path of a control group
 *	shop	what runs under this name; or else in a control group of this name (shop.service),
 *or in the container whose id begins so
 *
 * Where a process may not be looked into, only its name is known: it is meant if no other is.
 *
 * For a command that reads a Go runtime a word may also be the path of a core file.
 */
#ifndef GOSPY_CLI_WHICH_H
#define GOSPY_CLI_WHICH_H

#include "base/vec.h"
#include "cli/cli.h"

typedef VEC(pid_t) which_pids;
/** The guard. */
void which_pids_free(which_pids *pids);

/* What a command looks at: a process, or a core file of one. */
struct which_one {
	pid_t pid;        /* 0: it is a core file */
	const char *core; /* its path, borrowed; NULL: it is a process */
};
typedef VEC(struct which_one) which_ones;
/** The guard. */
void which_ones_free(which_ones *ones);

/** Does it name a core file, or is it "-", standard input? A word that is a number is a PID,
 * always.
 */
bool which_is_core(const char *word);
/** GOSPY_E_USAGE: more than one of them is standard input. */
enum gospy_code which_check_stdin(const struct which_one *ones, size_t count,
				  struct gospy_error *err) __attribute__((warn_unused_result));

/** Append all that the word means, by PID. GOSPY_E_GONE: there is none; the message says what is
 * like it. GOSPY_E_USAGE: it cannot name a process. */
enum gospy_code which_find(const char *word, which_pids *ret, struct gospy_error *err)
	__attribute__((warn_unused_result));

/** The process that an option or else the first of the words means; the words move on. If it means
 * several, the user chooses, where there is a terminal; elsewhere this is an error, behind which
 * they are listed. 0, with `err`: there is none. */
pid_t which_process(struct cli *cli, const struct target_options *options, char ***words,
		    size_t *count, struct gospy_error *err);
/** The same for a command that reads the process, without its agent. GOSPY_E_USAGE, GOSPY_E_GONE.
 */
pid_t which_target(struct cli *cli, const struct target_options *options, char ***words,
		   size_t *count, struct gospy_error *err);
/** The same for a command that reads a Go runtime: of a process or of a core file. */
enum gospy_code which_runtime(struct cli *cli, const struct target_options *options, char ***words,
			      size_t *count, struct which_one *ret, struct gospy_error *err)
	__attribute__((warn_unused_result));

/** All processes and core files that options and words mean: with --all all that a word fits. Of
 * several the user has named more than one, or a word that may mean more. */
enum gospy_code which_runtimes(struct cli *cli, const struct target_options *options, char **words,
			       size_t count, which_ones *ret, bool *several_ret,
			       struct gospy_error *err) __attribute__((warn_unused_result));

/** What a command does with one of them; its exit status. */
typedef int which_action(struct cli *cli, const struct which_one *one, void *ctx);
/**
 * Do it for each of them, one after the other. Of several each has a line before it that names it;
 * JSON is an array then, of what is written for one of them, and with =lines one after the other.
 * The exit status is that of all if they agree, 5 if some of it was shown, else the first one.
 */
int which_each(struct cli *cli, const struct target_options *options, char **words, size_t count,
	       which_action *action, void *ctx);

#endif
