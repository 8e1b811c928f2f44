// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hostcheck_groups - walls that come from the control groups above us and from the
 * kernel's tables of them.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clean.h"
#include "base/fs.h"
#include "hostcheck_probe.h"

/* The kernel numbers memory groups with 16 bits. */
#define MEMORY_GROUPS_MAX 65535

static char *slurp(const struct hostcheck_query *q, const char *name)
{
	CLEAN_FREE char *path = str_format("%s%s", q->root, name);
	char *text = NULL;

	return fs_read(path, &text, NULL, NULL) ? NULL : text;
}

static uint64_t wanted_of(const struct hostcheck_query *q, const struct need *need)
{
	return need->base + need->per_peer * q->peers;
}

static void lack(struct hostcheck_item *item, enum check_level level, uint64_t wanted)
{
	item->level = level;
	snprintf(item->needed, sizeof(item->needed), "%" PRIu64, wanted);
}

/* systemd is in a group of its own below the one that it shares out. */
static void cut_scope(char *path)
{
	static const char scope[] = "/init.scope";
	size_t len = strlen(path), cut = sizeof(scope) - 1;

	if (len >= cut && strcmp(path + len - cut, scope) == 0) {
		path[len - cut] = '\0';
	}
}

/*
 * Where the group of the host's first process, below which those of peers are made,
 * has its pids.max; NULL: nowhere (no such controller).  In /proc/1/cgroup a version 1
 * hierarchy is "8:pids:/path", version 2 "0::/path".
 */
static char *pids_knob(const struct hostcheck_query *q)
{
	CLEAN_FREE char *mounts = slurp(q, "/proc/self/mounts");
	CLEAN_FREE char *groups = slurp(q, "/proc/1/cgroup");
	char dir[256], type[32], options[256], path[256] = "";

	for (const char *at = mounts; at && *at; at = strchr(at, '\n') ? strchr(at, '\n') + 1 : NULL) {
		const char *key, *line;
		CLEAN_FREE char *knob = NULL;
		CLEAN_FREE char *full = NULL;

		if (sscanf(at, "%*s %255s %31s %255s", dir, type, options) != 3 ||
		    strncmp(type, "cgroup", 6) != 0) {
			continue;
		}
		key = type[6] == '2' ? "0::" : ":pids:";
		line = groups ? strstr(groups, key) : NULL;
		if (!line || (type[6] != '2' && !strstr(options, "pids")) ||
		    sscanf(line + strlen(key), "%255[^\n]", path) != 1) {
			continue;
		}
		cut_scope(path);
		knob = str_format("%s%s/pids.max", dir, strcmp(path, "/") == 0 ? "" : path);
		full = str_format("%s%s", q->root, knob);
		if (access(full, R_OK) == 0) {
			return take_ptr(knob);
		}
	}
	return NULL;
}

void probe_pids_group(const struct hostcheck_query *q, const struct need *need,
		      struct hostcheck_item *item)
{
	CLEAN_FREE char *knob = pids_knob(q);
	CLEAN_FREE char *text = knob ? slurp(q, knob) : NULL;
	uint64_t have;

	if (!text || strncmp(text, "max", 3) == 0) {
		snprintf(item->found, sizeof(item->found), "not limited");
		return;
	}
	have = strtoull(text, NULL, 10);
	item->need = wanted_of(q, need);
	snprintf(item->knob, sizeof(item->knob), "%s%s", q->root, knob);
	snprintf(item->found, sizeof(item->found), "%" PRIu64, have);
	if (have < item->need) {
		lack(item, need->lack, item->need);
		snprintf(item->mend, sizeof(item->mend), "echo %" PRIu64 " > %s", item->need, knob);
	}
}

void probe_memory_groups(const struct hostcheck_query *q, const struct need *need,
			 struct hostcheck_item *item)
{
	CLEAN_FREE char *text = slurp(q, "/proc/cgroups");
	const char *line = text ? strstr(text, "\nmemory\t") : NULL;
	uint64_t wanted = wanted_of(q, need), used;

	if (!line || sscanf(line, " memory %*u %" SCNu64, &used) != 1) {
		snprintf(item->found, sizeof(item->found), "/proc/cgroups does not tell");
		return;
	}
	snprintf(item->found, sizeof(item->found), "%" PRIu64 " of %d used", used, MEMORY_GROUPS_MAX);
	if (used + wanted > MEMORY_GROUPS_MAX) {
		lack(item, need->lack, wanted);
		snprintf(item->mend, sizeof(item->mend), "groups that were removed may hold their number "
			 "while cached files belong to them: echo 3 > /proc/sys/vm/drop_caches");
	}
}

void probe_conntrack(const struct hostcheck_query *q, const struct need *need,
		     struct hostcheck_item *item)
{
	CLEAN_FREE char *max = slurp(q, "/proc/sys/net/netfilter/nf_conntrack_max");
	CLEAN_FREE char *count = slurp(q, "/proc/sys/net/netfilter/nf_conntrack_count");

	(void)need;
	if (!max) {
		snprintf(item->found, sizeof(item->found), "not in this kernel, and not needed");
		return;
	}
	snprintf(item->found, sizeof(item->found), "%" PRIu64 " of %" PRIu64 " entries used by others, none needed",
		 (uint64_t)(count ? strtoull(count, NULL, 10) : 0), (uint64_t)strtoull(max, NULL, 10));
}
