#include "profile/made.h"

struct made *made_create(void)
{
	struct made *made = calloc(1, sizeof(*made));
	if (made) {
		made->pub.drop_frames = "";
		made->pub.keep_frames = "";
		made->pub.doc_url = "";
	}
	return made;
}

void made_destroy(struct gospy_profile *profile)
{
	struct made *made = (struct made *)profile;
	if (!made)
		return;
	arena_deinit(&made->arena);
	arena_deinit(&made->stacks);
	for (size_t i = 0; i < made->owned.len; i++)
		free(made->owned.at[i]);
	vec_free(&made->owned);
	free(made);
}
