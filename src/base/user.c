#include "base/user.h"

#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>

/* A name or a path that is cut is another one. */
static bool copy(char *to, size_t size, const char *from)
{
	return from && (size_t)snprintf(to, size, "%s", from) < size;
}

bool user_find(uid_t uid, struct user_entry *user)
{
	char buf[8192];
	struct passwd entry, *found = NULL;
	memset(user, 0, sizeof(*user));
	if (getpwuid_r(uid, &entry, buf, sizeof(buf), &found) != 0 || !found)
		return false;
	if (!copy(user->home, sizeof(user->home), entry.pw_dir))
		user->home[0] = '\0';
	return copy(user->name, sizeof(user->name), entry.pw_name);
}

bool user_is_in_group(uid_t uid, gid_t first, gid_t gid)
{
	enum { GROUPS_MAX = 256 };
	gid_t groups[GROUPS_MAX];
	struct user_entry user;
	int n = GROUPS_MAX;
	if (first == gid)
		return true;
	if (!user_find(uid, &user) || getgrouplist(user.name, first, groups, &n) < 0)
		return false;
	for (int i = 0; i < n; i++) {
		if (groups[i] == gid)
			return true;
	}
	return false;
}
