/*
 * Option tables. An option stores its value at an offset of the struct that the command hands to
 * opts_parse, so that a table is data: parsing, help and the check of the man page read it.
 */
#ifndef GOSPY_CLI_OPTS_H
#define GOSPY_CLI_OPTS_H

#include "base/vec.h"
#include "gospy.h"

enum opt_type {
	OPT_FLAG,     /* bool */
	OPT_STRING,   /* const char * */
	OPT_DURATION, /* uint64_t, nanoseconds */
	OPT_NUMBER,   /* uint64_t */
	OPT_NUMBERS,  /* opt_numbers, which the caller frees: separated by commas, added up */
	OPT_STRINGS,  /* opt_strings, which the caller frees: added up */
	OPT_PID,      /* pid_t */
	OPT_CHOICE,   /* an enum: one of `choices` */
	OPT_BARE,     /* an enum: `bare`, or with "=" one of `choices` */
};

typedef VEC(uint64_t) opt_numbers;
typedef VEC(const char *) opt_strings;

struct opt_choice {
	const char *name; /* NULL ends the table */
	int value;
};

struct opt {
	const char *name; /* without dashes; NULL ends the table */
	char letter;      /* or 0 */
	enum opt_type type;
	size_t offset;
	const char *arg;                  /* what help calls the argument, or NULL */
	const struct opt_choice *choices; /* OPT_STRINGS: what the shell offers, or NULL */
	int bare;
	bool above_zero;  /* OPT_DURATION: 0 makes no sense */
	const char *help; /* NULL: another name of the option before it */
};

struct opt_group {
	const char *title;
	const struct opt *opts;
};

enum { OPT_GROUPS_MAX = 8 /* with the NULL at the end */ };

/**
 * Parse the NULL-terminated `args`. Options may stand anywhere before "--"; the other words are
 * moved to the front of `args` and counted. `groups` ends with NULL. GOSPY_E_USAGE.
 */
enum gospy_code opts_parse(const struct opt_group *const *groups, char **args, void *values,
			   size_t *count_ret, struct gospy_error *err)
	__attribute__((warn_unused_result));

/** Index of the first word that is neither an option nor the argument of one; of the NULL at the
 * end if there is none. Unknown options count as having no argument. */
size_t opts_first_word(const struct opt_group *const *groups, char *const *args);

/** The first option among `args` that is none of `groups`, but one of `others`; NULL: there is
 * none. */
const struct opt *opts_foreign(const struct opt_group *const *groups,
			       const struct opt_group *const *others, char *const *args);

/** Does the option take an argument as the next word? */
bool opt_takes_word(const struct opt *opt);

/** "500ms", "1m30s", "2h" as Go's time.ParseDuration, or plain seconds; not negative. */
bool opts_duration(const char *s, uint64_t *ns_ret);
/** Decimal digits only; false on overflow too. */
bool opts_number(const char *s, uint64_t *ret);
/** A positive number that fits. */
bool opts_pid(const char *s, pid_t *ret);

/** The nearest of several words to one that was mistyped. */
struct suggestion {
	const char *word;
	const char *best; /* NULL: none is near */
	size_t distance;
};
void suggestion_offer(struct suggestion *suggestion, const char *candidate);

#endif
