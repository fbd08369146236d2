/*
 * Writes a flame graph of what is on standard input, for test_flame.py:
 *
 *     flame_writer html|svg [diff] VALUES... <STACKS
 *
 * VALUES are types of values with their units, "space/bytes". A line of STACKS has a value of each
 * type, of a difference then those of the base, and the names from the outermost call on, all with
 * a tab between them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "render/flame_html.h"
#include "render/flame_svg.h"

enum { TYPES_MAX = 4, COLUMNS_MAX = 2 * TYPES_MAX };

static bool read_stack(struct flame *flame, char *line)
{
	int64_t values[COLUMNS_MAX];
	uint32_t node = FLAME_ROOT, name;
	char *rest = line;
	line[strcspn(line, "\n")] = '\0';
	for (size_t i = 0; i < flame->columns; i++) {
		const char *word = strsep(&rest, "\t");
		if (!word)
			return false;
		values[i] = strtoll(word, NULL, 10);
	}
	for (const char *call; (call = strsep(&rest, "\t"));) {
		if (!flame_name(flame, call, &name) || !flame_call(flame, node, name, &node))
			return false;
	}
	for (size_t i = 0; i < flame->columns; i++)
		flame_add(flame, node, i, values[i]);
	return true;
}

static bool read_stacks(struct flame *flame)
{
	CLEANUP_FREE char *line = NULL;
	size_t cap = 0;
	while (getline(&line, &cap, stdin) > 0) {
		if (!read_stack(flame, line))
			return false;
	}
	return flame_end(flame);
}

int main(int argc, char **argv)
{
	static struct out out;
	const char *facts[] = {"go1.99", "2026-11-30 15:04:05 UTC"};
	struct gospy_profile_value_type types[TYPES_MAX];
	CLEANUP(flame_deinit) struct flame flame = {0};
	struct flame_picture picture = {.flame = &flame,
					.title = "heap of <shop> (4711)",
					.facts = facts,
					.fact_count = sizeof(facts) / sizeof(facts[0]),
					.types = types};
	int first = 2;
	picture.diff = argc > first && strcmp(argv[first], "diff") == 0;
	first += picture.diff;
	for (int i = first; i < argc && picture.type_count < TYPES_MAX; i++) {
		char *unit = strchr(argv[i], '/');
		if (!unit)
			return 2;
		*unit++ = '\0';
		types[picture.type_count++] = (struct gospy_profile_value_type){argv[i], unit};
	}
	if (!picture.type_count)
		return 2;
	picture.type = picture.type_count - 1;
	out_init(&out, STDOUT_FILENO, false);
	if (!flame_init(&flame, picture.type_count << picture.diff) || !read_stacks(&flame))
		return 1;
	bool room = strcmp(argv[1], "svg") == 0 ? flame_svg(&out, &picture)
						: flame_html(&out, &picture);
	return room && out_flush(&out) ? 0 : 1;
}
