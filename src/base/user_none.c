#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/user.h"

static bool copy(char *to, size_t size, const char *from)
{
	return from && (size_t)snprintf(to, size, "%s", from) < size;
}

bool user_find(uid_t uid, struct user_entry *user)
{
	char buf[4096];
	struct passwd entry, *found;
	memset(user, 0, sizeof(*user));
	FILE *file CLEANUP_FCLOSE = fopen("/etc/passwd", "re");
	while (file && fgetpwent_r(file, &entry, buf, sizeof(buf), &found) == 0) {
		if (entry.pw_uid != uid)
			continue;
		if (!copy(user->home, sizeof(user->home), entry.pw_dir))
			user->home[0] = '\0';
		return copy(user->name, sizeof(user->name), entry.pw_name);
	}
	return false;
}

bool user_is_in_group(uid_t uid, gid_t first, gid_t gid)
{
	char buf[8192];
	struct user_entry user;
	struct group entry, *found;
	if (first == gid)
		return true;
	if (!user_find(uid, &user))
		return false;
	FILE *file CLEANUP_FCLOSE = fopen("/etc/group", "re");
	while (file && fgetgrent_r(file, &entry, buf, sizeof(buf), &found) == 0) {
		for (char **member = entry.gr_mem; entry.gr_gid == gid && *member; member++) {
			if (strcmp(*member, user.name) == 0)
				return true;
		}
	}
	return false;
}
