#include "cli/opts.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/strbuf.h"

bool opts_number(const char *s, uint64_t *ret)
{
	uint64_t n = 0;
	if (!*s)
		return false;
	for (; *s; s++) {
		if (*s < '0' || *s > '9' || __builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, (uint64_t)(*s - '0'), &n))
			return false;
	}
	*ret = n;
	return true;
}

bool opts_pid(const char *s, pid_t *ret)
{
	uint64_t n;
	if (!opts_number(s, &n) || n == 0 || n > INT_MAX)
		return false;
	*ret = (pid_t)n;
	return true;
}

/* Nanoseconds of the unit at `s`, and its length; 0: none. */
static uint64_t unit_at(const char *s, size_t *len_ret)
{
	static const struct {
		const char *name;
		uint64_t ns;
	} units[] = {
		{"ns", 1},         {"us", 1000},       {"ms", 1000000},
		{"s", 1000000000}, {"m", 60000000000}, {"h", 3600000000000},
	};
	size_t len = strcspn(s, "0123456789.");
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strlen(units[i].name) == len && strncmp(units[i].name, s, len) == 0) {
			*len_ret = len;
			return units[i].ns;
		}
	}
	return 0;
}

/* The decimal number at *s, which moves behind it: whole + fraction / fraction_scale. */
static bool scaled_number(const char **s, uint64_t *whole_ret, uint64_t *fraction_ret,
			  uint64_t *fraction_scale_ret)
{
	const char *p = *s;
	uint64_t whole = 0, fraction = 0, scale = 1;
	bool digits = false;
	for (; *p >= '0' && *p <= '9'; p++, digits = true) {
		if (__builtin_mul_overflow(whole, 10, &whole) ||
		    __builtin_add_overflow(whole, (uint64_t)(*p - '0'), &whole))
			return false;
	}
	if (*p == '.') {
		for (p++; *p >= '0' && *p <= '9'; p++, digits = true) {
			// Nine decimals of a second are all that nanoseconds hold.
			if (scale < 1000000000) {
				fraction = fraction * 10 + (uint64_t)(*p - '0');
				scale *= 10;
			}
		}
	}
	*s = p;
	*whole_ret = whole;
	*fraction_ret = fraction;
	*fraction_scale_ret = scale;
	return digits;
}

bool opts_duration(const char *s, uint64_t *ns_ret)
{
	uint64_t total = 0;
	bool first = true;
	do {
		uint64_t whole, fraction, scale, part;
		size_t len = 0;
		if (!scaled_number(&s, &whole, &fraction, &scale))
			return false;
		uint64_t unit = first && !*s ? 1000000000 : unit_at(s, &len);
		if (!unit || __builtin_mul_overflow(whole, unit, &part) ||
		    __builtin_add_overflow(total, part, &total))
			return false;
		// fraction < 1e9 and unit <= 3.6e12: the product needs 128 bits.
		part = (uint64_t)((unsigned __int128)fraction * unit / scale);
		if (__builtin_add_overflow(total, part, &total))
			return false;
		s += len;
		first = false;
	} while (*s);
	if (total == GOSPY_UNKNOWN)
		return false;
	*ns_ret = total;
	return true;
}

static size_t min3(size_t a, size_t b, size_t c)
{
	size_t min = a < b ? a : b;
	return min < c ? min : c;
}

enum { WORD_MAX = 32 };

/* Edits (insert, delete, replace) from one word to the other. */
static size_t edit_distance(const char *a, const char *b)
{
	size_t row[WORD_MAX + 1];
	size_t m = strlen(a), n = strlen(b);
	if (m > WORD_MAX || n > WORD_MAX)
		return SIZE_MAX;
	for (size_t j = 0; j <= n; j++)
		row[j] = j;
	for (size_t i = 1; i <= m; i++) {
		size_t diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= n; j++) {
			size_t above = row[j];
			row[j] = min3(row[j - 1] + 1, above + 1, diagonal + (a[i - 1] != b[j - 1]));
			diagonal = above;
		}
	}
	return row[n];
}

void suggestion_offer(struct suggestion *suggestion, const char *candidate)
{
	size_t distance = edit_distance(suggestion->word, candidate);
	// If more than a third of the letters are wrong it is another word. One letter never stands
	// for another.
	size_t len = strlen(candidate);
	if (distance > (len + 2) / 3 || distance >= len)
		return;
	if (!suggestion->best || distance < suggestion->distance) {
		suggestion->best = candidate;
		suggestion->distance = distance;
	}
}

bool opt_takes_word(const struct opt *opt)
{
	return opt->type != OPT_FLAG && opt->type != OPT_BARE;
}

static const struct opt *find_long(const struct opt_group *const *groups, const char *name,
				   size_t len)
{
	for (; *groups; groups++) {
		for (const struct opt *opt = (*groups)->opts; opt->name; opt++) {
			if (strlen(opt->name) == len && strncmp(opt->name, name, len) == 0)
				return opt;
		}
	}
	return NULL;
}

static const struct opt *find_letter(const struct opt_group *const *groups, char letter)
{
	for (; *groups; groups++) {
		for (const struct opt *opt = (*groups)->opts; opt->name; opt++) {
			if (opt->letter && opt->letter == letter)
				return opt;
		}
	}
	return NULL;
}

static enum gospy_code unknown_long(const struct opt_group *const *groups, const char *name,
				    size_t len, struct gospy_error *err)
{
	char word[WORD_MAX + 1];
	snprintf(word, sizeof(word), "%.*s", (int)(len < WORD_MAX ? len : WORD_MAX), name);
	struct suggestion suggestion = {.word = word};
	for (; *groups; groups++) {
		for (const struct opt *opt = (*groups)->opts; opt->name; opt++)
			suggestion_offer(&suggestion, opt->name);
	}
	if (suggestion.best)
		return err_set(err, GOSPY_E_USAGE, "unknown option '--%s' (did you mean '--%s'?)",
			       word, suggestion.best);
	return err_set(err, GOSPY_E_USAGE, "unknown option '--%s'; --help lists those there are",
		       word);
}

static enum gospy_code no_argument(const struct opt *opt, struct gospy_error *err)
{
	return err_set(err, GOSPY_E_USAGE,
		       "--%s takes no argument: leave out what follows the =", opt->name);
}

/* What it is called in the help tells what it has to be. */
static enum gospy_code needs_argument(const struct opt *opt, const char *as_written,
				      struct gospy_error *err)
{
	return err_set(err, GOSPY_E_USAGE, "%s needs an argument: %s %s", as_written, as_written,
		       opt->arg ? opt->arg : "...");
}

static enum gospy_code bad_choice(const struct opt *opt, const char *arg, struct gospy_error *err)
{
	struct strbuf names = {0};
	for (const struct opt_choice *c = opt->choices; c && c->name; c++) {
		strbuf_puts(&names, c == opt->choices ? "" : c[1].name ? ", " : " or ");
		strbuf_puts(&names, c->name);
	}
	enum gospy_code code = names.s ? err_set(err, GOSPY_E_USAGE, "--%s takes %s, not '%s'",
						 opt->name, names.s, arg)
				       : no_argument(opt, err);
	strbuf_deinit(&names);
	return code;
}

static enum gospy_code bad_argument(const struct opt *opt, const char *arg, const char *wanted,
				    struct gospy_error *err)
{
	return err_set(err, GOSPY_E_USAGE, "--%s takes %s, not '%s'", opt->name, wanted, arg);
}

static const struct opt_choice *find_choice(const struct opt *opt, const char *arg)
{
	for (const struct opt_choice *c = opt->choices; c && c->name; c++) {
		if (strcmp(c->name, arg) == 0)
			return c;
	}
	return NULL;
}

static enum gospy_code set_choice(const struct opt *opt, const char *arg, int *ret,
				  struct gospy_error *err)
{
	const struct opt_choice *choice = find_choice(opt, arg);
	if (!choice)
		return bad_choice(opt, arg, err);
	*ret = choice->value;
	return GOSPY_OK;
}

/* "1,2,3" */
static enum gospy_code add_numbers(const struct opt *opt, const char *arg, opt_numbers *numbers,
				   struct gospy_error *err)
{
	for (const char *s = arg;; s++) {
		char digits[24];
		size_t len = strcspn(s, ",");
		uint64_t n;
		snprintf(digits, sizeof(digits), "%.*s", (int)(len < 23 ? len : 23), s);
		if (len >= sizeof(digits) || !opts_number(digits, &n))
			return bad_argument(opt, arg, "numbers separated by commas", err);
		if (!vec_push(numbers, n))
			return err_nomem(err);
		s += len;
		if (!*s)
			return GOSPY_OK;
	}
}

/* `arg` is NULL only where the option needs none. */
static enum gospy_code set_value(const struct opt *opt, const char *arg, void *values,
				 struct gospy_error *err)
{
	void *value = (char *)values + opt->offset;
	switch (opt->type) {
	case OPT_FLAG:
		if (arg)
			return no_argument(opt, err);
		*(bool *)value = true;
		break;
	case OPT_STRING:
		*(const char **)value = arg;
		break;
	case OPT_DURATION:
		if (!opts_duration(arg, value))
			return bad_argument(opt, arg, "a duration such as 500ms, 2s or 1m30s", err);
		if (opt->above_zero && !*(uint64_t *)value)
			return bad_argument(opt, arg, "a duration above zero, such as 1s", err);
		break;
	case OPT_NUMBER:
		if (!opts_number(arg, value))
			return bad_argument(opt, arg, "a number", err);
		break;
	case OPT_NUMBERS:
		return add_numbers(opt, arg, value, err);
	case OPT_STRINGS:
		if (!vec_push((opt_strings *)value, arg))
			return err_nomem(err);
		break;
	case OPT_PID:
		if (!opts_pid(arg, value))
			return bad_argument(opt, arg, "a process id (other words go without it)",
					    err);
		break;
	case OPT_BARE:
		if (!arg) {
			memcpy(value, &opt->bare, sizeof(opt->bare));
			break;
		}
		return set_choice(opt, arg, value, err);
	case OPT_CHOICE:
		return set_choice(opt, arg, value, err);
	}
	return GOSPY_OK;
}

/* `*args` is at a word that begins with "--"; it is left at the last word used. */
static enum gospy_code parse_long(const struct opt_group *const *groups, char ***args, void *values,
				  struct gospy_error *err)
{
	const char *name = **args + 2;
	size_t len = strcspn(name, "=");
	const char *arg = name[len] ? name + len + 1 : NULL;
	const struct opt *opt = find_long(groups, name, len);
	if (!opt)
		return unknown_long(groups, name, len, err);
	if (!arg && opt_takes_word(opt)) {
		arg = (*args)[1];
		if (!arg)
			return needs_argument(opt, **args, err);
		(*args)++;
	}
	return set_value(opt, arg, values, err);
}

/* The same for "-x", "-xyz", "-p1" and "-p 1". */
static enum gospy_code parse_letters(const struct opt_group *const *groups, char ***args,
				     void *values, struct gospy_error *err)
{
	for (const char *letter = **args + 1; *letter; letter++) {
		const struct opt *opt = find_letter(groups, *letter);
		const char *arg = NULL;
		if (!opt)
			return err_set(err, GOSPY_E_USAGE,
				       "unknown option '-%c'; --help lists those there are",
				       *letter);
		if (opt_takes_word(opt)) {
			arg = letter[1] ? letter + 1 : (*args)[1];
			if (!arg)
				return needs_argument(opt, (char[]){'-', *letter, '\0'}, err);
			if (!letter[1])
				(*args)++;
		}
		enum gospy_code code = set_value(opt, arg, values, err);
		if (code || arg)
			return code;
	}
	return GOSPY_OK;
}

enum gospy_code opts_parse(const struct opt_group *const *groups, char **args, void *values,
			   size_t *count_ret, struct gospy_error *err)
{
	char **words = args;
	bool options = true;
	for (char **arg = args; *arg; arg++) {
		enum gospy_code code = GOSPY_OK;
		if (!options || (*arg)[0] != '-' || !(*arg)[1])
			*words++ = *arg;
		else if (strcmp(*arg, "--") == 0)
			options = false;
		else if ((*arg)[1] == '-')
			code = parse_long(groups, &arg, values, err);
		else
			code = parse_letters(groups, &arg, values, err);
		if (code)
			return code;
	}
	*count_ret = (size_t)(words - args);
	*words = NULL;
	return GOSPY_OK;
}

/* The option that a word begins with; NULL: it begins with none. `*next_ret`: what follows the word
 * is its argument. */
static const struct opt *option_of(const struct opt_group *const *groups, const char *word,
				   bool *next_ret)
{
	const struct opt *opt = NULL;
	const size_t len = strcspn(word, "=");
	if (word[0] != '-' || !word[1])
		return NULL;
	if (word[1] == '-')
		opt = find_long(groups, word + 2, len - 2);
	else
		opt = find_letter(groups, word[1]);
	*next_ret = opt && opt_takes_word(opt) && !word[word[1] == '-' ? len : 2];
	return opt;
}

const struct opt *opts_foreign(const struct opt_group *const *groups,
			       const struct opt_group *const *others, char *const *args)
{
	for (size_t i = 0; args[i] && strcmp(args[i], "--") != 0; i++) {
		bool next = false;
		const struct opt *opt = option_of(others, args[i], &next);
		if (opt && !option_of(groups, args[i], &next))
			return opt;
		i += next && args[i + 1];
	}
	return NULL;
}

size_t opts_first_word(const struct opt_group *const *groups, char *const *args)
{
	size_t i = 0;
	for (; args[i] && args[i][0] == '-' && args[i][1]; i++) {
		bool next = false;
		option_of(groups, args[i], &next);
		i += next && args[i + 1];
	}
	return i;
}
