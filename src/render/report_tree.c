#include "render/report_tree.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "base/strbuf.h"
#include "base/vec.h"
#include "render/report_list.h"

enum { ROOT = -1 }; /* no process has this pid */

struct node {
	pid_t pid, parent;
	const struct gospy_process *process; /* NULL: not Go, or not seen */
};

struct tree {
	const struct gospy_process_list *list;
	const struct gospy_process *processes;
	size_t process_count;
	VEC(struct node) nodes; /* sorted by parent, then pid */
};

static int compare_pid(const void *key, const void *element)
{
	pid_t a = *(const pid_t *)key, b = ((const struct gospy_process *)element)->pid;
	return (a > b) - (a < b);
}

static const struct gospy_process *find_process(const struct tree *tree, pid_t pid)
{
	return tree->process_count ? bsearch(&pid, tree->processes, tree->process_count,
					     sizeof(*tree->processes), compare_pid)
				   : NULL;
}

/* Is `pid`, which is not Go, a descendant of a Go process? */
static bool below_go(const struct tree *tree, pid_t pid)
{
	// The list is not of one instant: parents might form a ring.
	for (size_t steps = 0; steps < tree->process_count; steps++) {
		const struct gospy_process *process = find_process(tree, pid);
		if (!process)
			return false;
		if (process->is_go)
			return true;
		pid = process->ppid;
	}
	return false;
}

/* Add the non-Go processes that lead from a Go process up to the next one; only the parent if there
 * is no next one, as gops does. */
static bool add_parents(struct tree *tree, const struct gospy_process *child)
{
	pid_t pid = child->ppid;
	const struct gospy_process *parent = find_process(tree, pid);
	if (!below_go(tree, pid))
		return vec_push(&tree->nodes, ((struct node){pid, ROOT, NULL}));
	while (parent && !parent->is_go) {
		if (!vec_push(&tree->nodes, ((struct node){pid, parent->ppid, NULL})))
			return false;
		pid = parent->ppid;
		parent = find_process(tree, pid);
	}
	return true;
}

static int compare_nodes(const void *a, const void *b)
{
	const struct node *x = a, *y = b;
	if (x->parent != y->parent)
		return x->parent < y->parent ? -1 : 1;
	return (x->pid > y->pid) - (x->pid < y->pid);
}

static bool build(struct tree *tree)
{
	for (size_t i = 0; i < tree->process_count; i++) {
		const struct gospy_process *p = &tree->processes[i];
		if (p->is_go && (!vec_push(&tree->nodes, ((struct node){p->pid, p->ppid, p})) ||
				 !add_parents(tree, p)))
			return false;
	}
	if (!tree->nodes.len)
		return true;
	struct node *nodes = tree->nodes.at;
	qsort(nodes, tree->nodes.len, sizeof(*nodes), compare_nodes);
	// Brothers brought in the same parent more than once.
	size_t n = 1;
	for (size_t i = 1; i < tree->nodes.len; i++) {
		if (compare_nodes(&nodes[n - 1], &nodes[i]) != 0)
			nodes[n++] = nodes[i];
	}
	tree->nodes.len = n;
	return true;
}

/* Index of the first child of `parent`; the others follow it. */
static size_t first_child(const struct tree *tree, pid_t parent)
{
	size_t lo = 0, hi = tree->nodes.len;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (tree->nodes.at[mid].parent < parent)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static bool is_child(const struct tree *tree, size_t i, pid_t parent)
{
	return i < tree->nodes.len && tree->nodes.at[i].parent == parent;
}

static void node_text(struct out *out, const struct node *node)
{
	const struct gospy_process *p = node->process;
	if (p && p->agent)
		out_puts(out, "[*]  ");
	out_u64(out, (uint64_t)node->pid);
	if (p) {
		out_puts(out, " (");
		out_text(out, p->name);
		out_puts(out, ") {");
		out_text(out, report_list_version(p).s);
		out_putc(out, '}');
	}
	out_putc(out, '\n');
}

static void tree_text(struct out *out, const struct tree *tree, pid_t parent, struct strbuf *indent)
{
	for (size_t i = first_child(tree, parent); is_child(tree, i, parent); i++) {
		bool last = !is_child(tree, i + 1, parent);
		if (indent->len)
			out_write(out, indent->s, indent->len);
		out_puts(out, last ? "└── " : "├── ");
		node_text(out, &tree->nodes.at[i]);
		size_t len = indent->len;
		strbuf_puts(indent, last ? "    " : "│   ");
		tree_text(out, tree, tree->nodes.at[i].pid, indent);
		indent->len = len;
	}
}

static void process_json(struct json *json, const struct tree *tree,
			 const struct gospy_process *process)
{
	const struct list_row row = {
		.process = process,
		.details =
			gospy_process_list_details(tree->list, (size_t)(process - tree->processes)),
		.goroutines = GOSPY_UNKNOWN,
	};
	report_list_row_json(json, &row);
}

static void tree_json(struct json *json, const struct tree *tree, pid_t parent)
{
	for (size_t i = first_child(tree, parent); is_child(tree, i, parent); i++) {
		const struct node *node = &tree->nodes.at[i];
		json_object(json, NULL);
		json_bool(json, "go", node->process != NULL);
		if (node->process)
			process_json(json, tree, node->process);
		else
			json_u64(json, "pid", (uint64_t)node->pid);
		json_array(json, "children");
		tree_json(json, tree, node->pid);
		json_array_end(json);
		json_object_end(json);
	}
}

/* The same as of a list. */
static enum gospy_code write_lines(struct out *out, const struct gospy_process_list *list,
				   struct gospy_error *err)
{
	CLEANUP(list_rows_free) list_row_vec rows = {0};
	if (!list_rows_add(list, NULL, 0, &rows))
		return err_nomem(err);
	report_list(out, rows.at, rows.len, gospy_process_list_unreadable(list), REPORT_JSON_LINES);
	return GOSPY_OK;
}

enum gospy_code report_tree(struct out *out, const struct gospy_process_list *list,
			    enum report_format format, struct gospy_error *err)
{
	if (format == REPORT_JSON_LINES)
		return write_lines(out, list, err);
	struct tree tree = {.list = list};
	CLEANUP(strbuf_deinit) struct strbuf indent = {0};
	tree.processes = gospy_process_list_get(list, &tree.process_count);
	enum gospy_code code = build(&tree) ? GOSPY_OK : err_nomem(err);
	if (code == GOSPY_OK && format == REPORT_TEXT) {
		out_puts(out, "...\n");
		tree_text(out, &tree, ROOT, &indent);
		out_putc(out, '\n');
	} else if (code == GOSPY_OK) {
		struct json json = {.out = out};
		json_begin(&json, "process_tree");
		json_u64(&json, "unreadable", gospy_process_list_unreadable(list));
		json_array(&json, "processes");
		tree_json(&json, &tree, ROOT);
		json_array_end(&json);
		json_object_end(&json);
		json_newline(&json);
	}
	vec_free(&tree.nodes);
	return code;
}
