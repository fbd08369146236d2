/* What this machine knows of a user: by whatever its C library asks (files, LDAP, systemd), or,
 * where gospy has its C library inside, by /etc/passwd and /etc/group alone: what the others are
 * asked by are libraries of that machine. */
#ifndef GOSPY_BASE_USER_H
#define GOSPY_BASE_USER_H

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>

enum { USER_NAME_MAX = 64 };

struct user_entry {
	char name[USER_NAME_MAX];
	char home[PATH_MAX]; /* "": none is known */
};

/** False: nobody of that number is known. */
bool user_find(uid_t uid, struct user_entry *user);
/** Is it this user's first group, or another one of those that the user is in? */
bool user_is_in_group(uid_t uid, gid_t first, gid_t gid);

/** user_find()'s name, or the number. */
static inline void user_name(uid_t uid, char name[USER_NAME_MAX])
{
	struct user_entry user;
	if (user_find(uid, &user))
		memcpy(name, user.name, sizeof(user.name));
	else
		snprintf(name, USER_NAME_MAX, "%u", uid);
}

#endif
