#include "cli/which.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "render/alike.h"
#include "render/escape.h"
#include "render/name.h"
#include "render/report_list.h"
#include "render/units.h"
#include "render/width.h"
#include "tui/app.h"
#include "tui/screen.h"

enum {
	CONTAINER_MIN = 6,    /* digits of its id that are no word by accident */
	CONTAINER_SHOWN = 12, /* as docker(1) shows an id */
	LIKE_MAX = 6,         /* others that are named where nothing fits */
	LISTED_MAX = 100,
};

void which_pids_free(which_pids *pids)
{
	vec_free(pids);
}

void which_ones_free(which_ones *ones)
{
	vec_free(ones);
}

static void list_destroy(struct gospy_process_list **list)
{
	gospy_process_list_destroy(*list);
}

/* ---- words */

static bool is_number(const char *word)
{
	return !word[strspn(word, "0123456789")];
}

/* An address as a person or the list writes it. */
struct address {
	bool any;       /* no host is given */
	bool localhost; /* by that name */
	bool v6;
	uint8_t ip[16];
	uint16_t port;
};

static bool parse_ip(const char *host, struct address *ret)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	if (inet_pton(AF_INET, host, ret->ip) == 1)
		return true;
	if (inet_pton(AF_INET6, host, ret->ip) != 1)
		return false;
	ret->v6 = memcmp(ret->ip, mapped, sizeof(mapped)) != 0;
	if (!ret->v6)
		memmove(ret->ip, ret->ip + sizeof(mapped), 4);
	return true;
}

/* What is between the last colon and the end is a number: an address, whatever is before it. */
static bool is_address(const char *word)
{
	const char *colon = strrchr(word, ':');
	uint64_t port;
	return colon && !strchr(word, '/') && opts_number(colon + 1, &port);
}

/* False: the host is a name, or makes no sense; or the port is none. */
static bool parse_address(const char *word, struct address *ret)
{
	char host[INET6_ADDRSTRLEN];
	const char *colon = strrchr(word, ':');
	size_t len = (size_t)(colon - word);
	uint64_t port;
	*ret = (struct address){0};
	if (!opts_number(colon + 1, &port) || port < 1 || port > UINT16_MAX)
		return false;
	ret->port = (uint16_t)port;
	if (len >= 2 && word[0] == '[' && word[len - 1] == ']') {
		word++;
		len -= 2;
	}
	if (len >= sizeof(host))
		return false;
	snprintf(host, sizeof(host), "%.*s", (int)len, word);
	ret->any = !len || strcmp(host, "*") == 0;
	ret->localhost = strcmp(host, "localhost") == 0;
	return ret->any || ret->localhost || parse_ip(host, ret);
}

static bool is_unspecified(const struct address *address)
{
	static const uint8_t zeros[16];
	return memcmp(address->ip, zeros, address->v6 ? 16 : 4) == 0;
}

static bool is_loopback(const struct address *address)
{
	static const uint8_t one[16] = {[15] = 1};
	return address->v6 ? memcmp(address->ip, one, 16) == 0 : address->ip[0] == 127;
}

/* How well a listener fits: the kernel gives a connection to the one that names the address, and
 * only without such a one to one for all addresses. One of IPv6 may take those of IPv4, too. In
 * another network namespace the same address is another one. */
enum fit { FIT_NONE, FIT_ELSEWHERE, FIT_ALL_ADDRESSES, FIT_EXACT };

static enum fit fit_listener(const struct address *wanted, const char *listener)
{
	struct address local;
	if (!parse_address(listener, &local) || local.port != wanted->port)
		return FIT_NONE;
	if (wanted->any)
		return FIT_EXACT;
	if (wanted->localhost ? is_loopback(&local)
			      : wanted->v6 == local.v6 &&
					memcmp(wanted->ip, local.ip, wanted->v6 ? 16 : 4) == 0)
		return FIT_EXACT;
	bool family = wanted->localhost || local.v6 || !wanted->v6;
	return is_unspecified(&local) && family ? FIT_ALL_ADDRESSES : FIT_NONE;
}

/* ---- processes that fit */

struct search {
	const char *word;
	char real[PATH_MAX]; /* the word as a path without links, or "" */
	bool path, listener;
	struct address address;
	struct gospy_process_list *list;
	const struct gospy_process *processes;
	size_t count;
};

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

static bool is_called(const struct gospy_process *process, const char *name)
{
	return strcmp(process->comm, name) == 0 || strcmp(process->name, name) == 0 ||
	       (process->exe && strcmp(base_name(process->exe), name) == 0);
}

static enum fit fit_program(const struct search *search, size_t i)
{
	const struct gospy_process *process = &search->processes[i];
	if (!process->is_go)
		return FIT_NONE;
	if (!search->path)
		return is_called(process, search->word) ? FIT_EXACT : FIT_NONE;
	if (!process->exe)
		return FIT_NONE;
	return strcmp(process->exe, search->word) == 0 || strcmp(process->exe, search->real) == 0
		       ? FIT_EXACT
		       : FIT_NONE;
}

/* One that may not be looked into may be Go's. */
static enum fit fit_unknown(const struct search *search, size_t i)
{
	const struct gospy_process *process = &search->processes[i];
	return !process->is_go && process->problem && is_called(process, search->word) ? FIT_EXACT
										       : FIT_NONE;
}

/* Does it live in another network namespace? */
static bool is_elsewhere(const struct gospy_process_details *details)
{
	struct stat ours;
	return details->net_ns && stat("/proc/self/ns/net", &ours) == 0 &&
	       details->net_ns != ours.st_ino;
}

static enum fit fit_address(const struct search *search, size_t i)
{
	const struct gospy_process_details *details = gospy_process_list_details(search->list, i);
	enum fit best = FIT_NONE;
	for (size_t j = 0; details && j < details->listener_count; j++) {
		enum fit fit = fit_listener(&search->address, details->listeners[j]);
		best = fit > best ? fit : best;
	}
	return best && !search->address.any && is_elsewhere(details) ? FIT_ELSEWHERE : best;
}

/* The group itself, or one on the way to it. */
static bool is_in_group(const char *cgroup, const char *name)
{
	const size_t len = strlen(name);
	if (*name == '/')
		return strncmp(cgroup, name, len) == 0 && (!cgroup[len] || cgroup[len] == '/');
	for (const char *s = cgroup; (s = strchr(s, '/')); s++) {
		if (strncmp(s + 1, name, len) == 0 && (!s[1 + len] || s[1 + len] == '/'))
			return true;
	}
	return false;
}

static enum fit fit_group(const struct search *search, size_t i)
{
	const struct gospy_process_details *details = gospy_process_list_details(search->list, i);
	const size_t len = strlen(search->word);
	if (!details || !*search->word)
		return FIT_NONE;
	bool container = details->container && len >= CONTAINER_MIN &&
			 strncmp(details->container, search->word, len) == 0;
	bool group = details->cgroup && is_in_group(details->cgroup, search->word) &&
		     strcmp(search->word, "/") != 0;
	return container || group ? FIT_EXACT : FIT_NONE;
}

typedef enum fit fit_function(const struct search *search, size_t i);

/* Append those that fit best. */
static enum gospy_code collect(const struct search *search, fit_function *fit, which_pids *ret,
			       struct gospy_error *err)
{
	enum fit best = FIT_ELSEWHERE;
	const size_t before = ret->len;
	for (size_t i = 0; i < search->count; i++) {
		enum fit this = fit(search, i);
		if (this < best)
			continue;
		if (this > best)
			ret->len = before;
		best = this;
		if (!vec_push(ret, search->processes[i].pid))
			return err_nomem(err);
	}
	return GOSPY_OK;
}

static enum gospy_code make_list(struct search *search, bool details, struct gospy_error *err)
{
	const struct gospy_process_options how = {.size = sizeof(how), .details = details};
	gospy_process_list_destroy(take(search->list));
	enum gospy_code code = gospy_process_list_create_with(&how, &search->list, err);
	if (!code)
		search->processes = gospy_process_list_get(search->list, &search->count);
	return code;
}

/* ---- nothing fits */

/* Something that is like what was looked for; each once. */
static void add_like(struct strbuf *like, size_t *count, const char *text)
{
	CLEANUP(strbuf_deinit) struct strbuf quoted = {0};
	strbuf_printf(&quoted, "'%s'", text);
	if (quoted.failed || *count == LIKE_MAX || (like->s && strstr(like->s, quoted.s)))
		return;
	strbuf_printf(like, "%s%s", *count ? ", " : "", quoted.s);
	++*count;
}

static void add_names(const struct search *search, struct strbuf *like, size_t *count)
{
	const char *name = base_name(search->word);
	struct suggestion suggestion = {.word = name};
	for (size_t i = 0; *name && i < search->count; i++) {
		const struct gospy_process *process = &search->processes[i];
		if (!process->is_go)
			continue;
		if (search->path && process->exe && is_called(process, name))
			add_like(like, count, process->exe);
		else if (strcasestr(process->name, name))
			add_like(like, count, process->name);
		else
			suggestion_offer(&suggestion, process->name);
	}
	if (suggestion.best)
		add_like(like, count, suggestion.best);
}

/* Containers whose ids begin so: for one of them the word may have too few digits, or too many that
 * are decimal. */
static void add_containers(const struct search *search, struct strbuf *like, size_t *count)
{
	const size_t len = strlen(search->word);
	for (size_t i = 0; len && i < search->count; i++) {
		const struct gospy_process_details *details =
			gospy_process_list_details(search->list, i);
		char id[CONTAINER_SHOWN + 1];
		if (!details || !details->container ||
		    strncmp(details->container, search->word, len) != 0)
			continue;
		snprintf(id, sizeof(id), "%s", details->container);
		add_like(like, count, id);
	}
}

/* Other addresses of the same port, or other ports. */
static void add_listeners(const struct search *search, bool same_port, struct strbuf *like,
			  size_t *count)
{
	struct address local;
	for (size_t i = 0; i < search->count; i++) {
		const struct gospy_process_details *details =
			gospy_process_list_details(search->list, i);
		for (size_t j = 0; details && j < details->listener_count; j++) {
			const char *listener = details->listeners[j];
			if (parse_address(listener, &local) &&
			    (local.port == search->address.port) == same_port)
				add_like(like, count, listener);
		}
	}
}

/* Of those that may not be looked into nothing is known. */
static void add_unknown(const struct search *search, struct strbuf *text)
{
	size_t n = gospy_process_list_unreadable(search->list), late = 0;
	for (size_t i = 0; search->listener && i < search->count; i++) {
		const struct gospy_process_details *details =
			gospy_process_list_details(search->list, i);
		late += details && details->listeners_cut;
		n += details && !details->listeners_known && !details->listeners_cut;
	}
	if (late)
		strbuf_printf(text, "; for %zu process%s there was no time", late,
			      late == 1 ? "" : "es");
	if (n)
		strbuf_printf(text, "; %zu process%s may not be looked into%s", n,
			      n == 1 ? "" : "es", geteuid() ? ": run as root" : "");
}

static enum gospy_code none_fits(const struct search *search, struct gospy_error *err)
{
	CLEANUP(strbuf_deinit) struct strbuf like = {0};
	CLEANUP(strbuf_deinit) struct strbuf text = {0};
	size_t likes = 0, containers = 0, go = 0;
	for (size_t i = 0; i < search->count; i++)
		go += search->processes[i].is_go;
	strbuf_printf(&text,
		      search->listener ? "no Go process listens on %s"
		      : search->path   ? "no Go process runs %s"
				       : "no Go process is called '%s'",
		      search->word);
	if (search->listener) {
		add_listeners(search, true, &like, &likes);
		add_listeners(search, false, &like, &likes);
	} else {
		add_containers(search, &like, &containers);
		likes = containers;
		add_names(search, &like, &likes);
	}
	if (likes)
		strbuf_printf(&text,
			      search->listener ? " (these are listened on: %s)"
					       : " (did you mean %s?)",
			      like.s ? like.s : "");
	else
		strbuf_puts(&text, go ? "; `gospy list` shows those there are"
				      : "; there is no Go process");
	if (containers)
		strbuf_printf(&text, "; of a container's id give %d digits or more", CONTAINER_MIN);
	add_unknown(search, &text);
	return text.failed ? err_nomem(err) : err_set(err, GOSPY_E_GONE, "%s", text.s);
}

/* ---- finding */

static enum gospy_code find_listener(struct search *search, which_pids *ret,
				     struct gospy_error *err)
{
	if (!parse_address(search->word, &search->address))
		return err_set(err, GOSPY_E_USAGE,
			       "'%s' names no listener of this machine: write :PORT, or "
			       "ADDRESS:PORT in digits; a gops agent at an address is asked with "
			       "--agent",
			       search->word);
	enum gospy_code code = make_list(search, true, err);
	if (!code)
		code = collect(search, fit_address, ret, err);
	return code;
}

static enum gospy_code find_program(struct search *search, which_pids *ret, struct gospy_error *err)
{
	const size_t before = ret->len;
	if (search->path && !realpath(search->word, search->real))
		search->real[0] = '\0';
	enum gospy_code code = make_list(search, false, err);
	if (!code)
		code = collect(search, fit_program, ret, err);
	if (code || ret->len > before)
		return code;
	code = collect(search, fit_unknown, ret, err);
	if (code || ret->len > before)
		return code;
	// Only now does it pay to look at the groups of all.
	code = make_list(search, true, err);
	return code ? code : collect(search, fit_group, ret, err);
}

enum gospy_code which_find(const char *word, which_pids *ret, struct gospy_error *err)
{
	pid_t pid;
	const size_t before = ret->len;
	if (is_number(word)) {
		if (!opts_pid(word, &pid))
			return err_set(err, GOSPY_E_USAGE,
				       "'%s' is no process id: these go from 1 to %d", word,
				       INT_MAX);
		return vec_push(ret, pid) ? GOSPY_OK : err_nomem(err);
	}
	struct search search = {
		.word = word, .path = strchr(word, '/'), .listener = is_address(word)};
	CLEANUP(list_destroy) struct gospy_process_list *list = NULL;
	enum gospy_code code = search.listener ? find_listener(&search, ret, err)
					       : find_program(&search, ret, err);
	list = search.list;
	if (!code && ret->len == before)
		code = none_fits(&search, err);
	return code;
}

/* ---- one of them */

/* A line of those behind the error. */
struct choice {
	struct strbuf facts, command; /* escaped */
};

struct choices {
	struct choice at[LISTED_MAX];
};

static void choices_deinit(struct choices *choices)
{
	for (size_t i = 0; i < LISTED_MAX; i++) {
		strbuf_deinit(&choices->at[i].facts);
		strbuf_deinit(&choices->at[i].command);
	}
}

/* What stands before the command. On a narrow terminal that needs the room of the user. */
static void add_facts(struct strbuf *text, int cols, const char *pid, const char *user,
		      const char *uptime)
{
	enum { NARROW = 60 };
	if (cols && cols < NARROW)
		strbuf_printf(text, "%7s %-7s ", pid, uptime);
	else
		strbuf_printf(text, "%8s  %-10s  %-8s  ", pid, user, uptime);
}

/* `cols`: of the terminal, or 0. false: it has ended meanwhile. */
static bool get_choice(pid_t pid, int cols, struct choice *choice)
{
	CLEANUP(strbuf_deinit) struct strbuf facts = {0};
	struct gospy_process_info *info = NULL;
	if (gospy_process_info_create(pid, 0, &info, NULL))
		return false;
	const char *command = info->cmdline && *info->cmdline ? info->cmdline : info->comm;
	char number[16];
	snprintf(number, sizeof(number), "%d", (int)pid);
	add_facts(&facts, cols, number, info->username, units_span(info->elapsed_ns).s);
	escape_add(&choice->facts, facts.s ? facts.s : "");
	escape_add(&choice->command, cols ? report_list_command(command, info->exe) : command);
	gospy_process_info_destroy(info);
	return !facts.failed && !choice->facts.failed && !choice->command.failed;
}

/* `room`: columns that are left for the command; 0: it is no terminal. */
static void add_choice(struct strbuf *text, const struct choice *choice,
		       const struct alike_text *command, int room)
{
	CLEANUP(strbuf_deinit) struct strbuf shown = {0};
	strbuf_add(text, choice->facts.s, choice->facts.len);
	if (room > 0)
		alike_show(command, room, term_is_utf8(), &shown);
	else
		strbuf_add(&shown, command->s, command->len);
	const struct name name = {.kind = NAME_TEXT, .text = shown.s ? shown.s : ""};
	name_fit(&name, room > 0 ? room : INT_MAX, term_is_utf8(), text);
	strbuf_putc(text, '\n');
	text->failed |= shown.failed;
}

static int facts_width(const struct choice *choice)
{
	return width_text(choice->facts.s, choice->facts.len, term_is_utf8());
}

static void list_choices(struct cli *cli, const which_pids *pids)
{
	CLEANUP(choices_deinit) struct choices choices = {0};
	struct alike_text commands[LISTED_MAX] = {0};
	struct strbuf *text = &cli->choices;
	int rows, cols, widest = 0;
	size_t n = 0;
	term_size(STDERR_FILENO, &rows, &cols);
	add_facts(text, cols, "PID", "USER", "UPTIME");
	strbuf_puts(text, "COMMAND\n");
	for (size_t i = 0; i < pids->len && i < LISTED_MAX; i++) {
		struct choice *choice = &choices.at[n];
		if (!get_choice(pids->at[i], cols, choice))
			continue;
		commands[n].s = choice->command.s;
		commands[n++].len = choice->command.len;
		if (facts_width(choice) > widest)
			widest = facts_width(choice);
	}
	if (cols && !alike_find(commands, n, cols - widest, term_is_utf8()))
		text->failed = true;
	for (size_t i = 0; i < n; i++)
		add_choice(text, &choices.at[i], &commands[i],
			   cols ? cols - facts_width(&choices.at[i]) : 0);
	if (pids->len > LISTED_MAX)
		strbuf_printf(text, "... %zu more\n", pids->len - LISTED_MAX);
}

/* Is somebody there who can be asked? */
static bool is_interactive(const struct cli *cli)
{
	struct gospy_error err;
	return cli->format == REPORT_TEXT && isatty(STDIN_FILENO) && !screen_check(&err);
}

static pid_t ask(const which_pids *pids, const struct common_options *common)
{
	pid_t chosen = 0;
	struct app_end end;
	struct gospy_error err;
	const struct top_options options = {
		.chosen_ret = &chosen,
		.choices = pids->at,
		.choice_count = pids->len,
		.color = common->color,
		.theme = common->theme,
	};
	return app_run(&options, &end, &err) ? 0 : chosen;
}

/* `several`: the command can take all of them. */
static pid_t choose(struct cli *cli, const char *word, const which_pids *pids, bool several,
		    const struct common_options *common, struct gospy_error *err)
{
	pid_t pid = pids->len == 1 ? pids->at[0] : 0;
	if (!pid && is_interactive(cli))
		pid = ask(pids, common);
	if (pid)
		return pid;
	list_choices(cli, pids);
	err_set(err, GOSPY_E_USAGE, "'%s' fits %zu processes: give the PID of one%s", word,
		pids->len, several ? ", or --all for all of them" : "");
	return 0;
}

static enum gospy_code no_word(struct gospy_error *err)
{
	return err_set(err, GOSPY_E_USAGE,
		       "which process? give its PID, name or :PORT; `gospy list` shows them");
}

static enum gospy_code no_agent(const struct target_options *options, struct gospy_error *err)
{
	return options->timeout_ns ? err_set(err, GOSPY_E_USAGE,
					     "--timeout is for the agent: it goes with --agent")
				   : GOSPY_OK;
}

static bool is_stdin(const char *word)
{
	return strcmp(word, "-") == 0;
}

bool which_is_core(const char *word)
{
	return is_stdin(word) || (!is_number(word) && gospy_is_core(word));
}

enum gospy_code which_check_stdin(const struct which_one *ones, size_t count,
				  struct gospy_error *err)
{
	size_t n = 0;
	for (size_t i = 0; i < count; i++)
		n += ones[i].core && is_stdin(ones[i].core);
	return n > 1 ? err_set(err, GOSPY_E_USAGE, "standard input can be read only once")
		     : GOSPY_OK;
}

static enum gospy_code check_core(const struct target_options *options, struct gospy_error *err)
{
	return options->core && !*options->core
		       ? err_set(err, GOSPY_E_USAGE, "--core takes the path of a core file, not ''")
		       : GOSPY_OK;
}

pid_t which_process(struct cli *cli, const struct target_options *options, char ***words,
		    size_t *count, struct gospy_error *err)
{
	CLEANUP(which_pids_free) which_pids pids = {0};
	if (options->pid)
		return options->pid;
	if (!*count) {
		no_word(err);
		return 0;
	}
	if (which_is_core(**words)) {
		err_set(err, GOSPY_E_USAGE,
			"'%s' is a core file: this command is about a process that runs", **words);
		return 0;
	}
	if (which_find(**words, &pids, err))
		return 0;
	pid_t pid = choose(cli, **words, &pids, false, &options->common, err);
	cli->about = is_number(**words) ? 0 : pid;
	(*words)++;
	(*count)--;
	return pid;
}

pid_t which_target(struct cli *cli, const struct target_options *options, char ***words,
		   size_t *count, struct gospy_error *err)
{
	if (no_agent(options, err))
		return 0;
	return which_process(cli, options, words, count, err);
}

enum gospy_code which_runtime(struct cli *cli, const struct target_options *options, char ***words,
			      size_t *count, struct which_one *ret, struct gospy_error *err)
{
	*ret = (struct which_one){.core = options->core};
	if (options->core && options->pid)
		return err_set(err, GOSPY_E_USAGE, "--core and --pid are two targets: give one");
	if (check_core(options, err))
		return err->code;
	if (no_agent(options, err))
		return err->code;
	if (!options->core && !options->pid && *count && which_is_core(**words)) {
		ret->core = *(*words)++;
		(*count)--;
	}
	if (!ret->core)
		ret->pid = which_process(cli, options, words, count, err);
	return ret->core || ret->pid ? GOSPY_OK : err->code;
}

/* ---- several */

static enum gospy_code add_once(which_ones *ones, pid_t pid, struct gospy_error *err)
{
	for (size_t i = 0; i < ones->len; i++) {
		if (ones->at[i].pid == pid)
			return GOSPY_OK;
	}
	return vec_push(ones, (struct which_one){.pid = pid}) ? GOSPY_OK : err_nomem(err);
}

static enum gospy_code add_core(which_ones *ones, const char *path, struct gospy_error *err)
{
	return vec_push(ones, (struct which_one){.core = path}) ? GOSPY_OK : err_nomem(err);
}

static enum gospy_code add_word(struct cli *cli, const struct target_options *options,
				const char *word, which_ones *ones, struct gospy_error *err)
{
	CLEANUP(which_pids_free) which_pids found = {0};
	if (which_is_core(word))
		return add_core(ones, word, err);
	enum gospy_code code = which_find(word, &found, err);
	if (!code && !options->all) {
		pid_t pid = choose(cli, word, &found, true, &options->common, err);
		return pid ? add_once(ones, pid, err) : err->code;
	}
	for (size_t i = 0; !code && i < found.len; i++)
		code = add_once(ones, found.at[i], err);
	return code;
}

static void write_heading(struct cli *cli, const struct which_one *one)
{
	struct gospy_process_info *info = NULL;
	if (one->core) {
		out_text(cli->out, one->core);
		out_puts(cli->out, ":\n");
		return;
	}
	out_printf(cli->out, "pid %d", (int)one->pid);
	if (!gospy_process_info_create(one->pid, 0, &info, NULL)) {
		out_puts(cli->out, ", ");
		out_text(cli->out, info->comm);
	}
	gospy_process_info_destroy(info);
	out_puts(cli->out, ":\n");
}

/* What all of them together end with. */
static int joined_status(int before, int status, bool first)
{
	bool shown = status == EXIT_STATUS_OK || status == EXIT_STATUS_PARTIAL;
	bool shown_before = before == EXIT_STATUS_OK || before == EXIT_STATUS_PARTIAL;
	if (first || status == before)
		return status;
	return shown || shown_before ? EXIT_STATUS_PARTIAL : before;
}

static int do_all(struct cli *cli, const which_ones *ones, which_action *action, void *ctx)
{
	int status = EXIT_STATUS_OK;
	const bool array = cli->format == REPORT_JSON;
	out_puts(cli->out, array ? "[\n" : "");
	for (size_t i = 0; i < ones->len && !cli->out->error; i++) {
		if (i && cli->format != REPORT_JSON_LINES)
			out_puts(cli->out, array ? ",\n" : "\n");
		if (cli->format == REPORT_TEXT)
			write_heading(cli, &ones->at[i]);
		cli->about = ones->at[i].pid;
		status = joined_status(status, action(cli, &ones->at[i], ctx), i == 0);
	}
	out_puts(cli->out, array ? "]\n" : "");
	return status;
}

enum gospy_code which_runtimes(struct cli *cli, const struct target_options *options, char **words,
			       size_t count, which_ones *ret, bool *several_ret,
			       struct gospy_error *err)
{
	const size_t given = count + (options->pid != 0) + (options->core != NULL);
	enum gospy_code code = no_agent(options, err);
	if (!code)
		code = check_core(options, err);
	if (!code && !given)
		code = no_word(err);
	if (!code && options->pid)
		code = add_once(ret, options->pid, err);
	if (!code && options->core)
		code = add_core(ret, options->core, err);
	for (size_t i = 0; !code && i < count; i++)
		code = add_word(cli, options, words[i], ret, err);
	if (!code)
		code = which_check_stdin(ret->at, ret->len, err);
	*several_ret = given > 1 || options->all;
	if (!code && !*several_ret)
		cli->about = count && !is_number(words[0]) ? ret->at[0].pid : 0;
	return code;
}

int which_each(struct cli *cli, const struct target_options *options, char **words, size_t count,
	       which_action *action, void *ctx)
{
	CLEANUP(which_ones_free) which_ones ones = {0};
	struct gospy_error err;
	bool several;
	if (which_runtimes(cli, options, words, count, &ones, &several, &err))
		return cli_fail(cli, &err);
	return several ? do_all(cli, &ones, action, ctx) : action(cli, &ones.at[0], ctx);
}
