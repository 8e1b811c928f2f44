// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * When the peers of a group start, and the files that an experiment names.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/clean.h"
#include "base/fs.h"
#include "topo/alloc.h"
#include "topo/limits.h"
#include "topo/load.h"

#define TRACE_MAX_BYTES (UINT64_C(4) << 20)

int find_file(struct reader *r, const struct node *node, char **path, uint64_t *bytes)
{
	const char *text = "", *from = exp_reader(r)->exp->path, *slash = strrchr(from, '/');
	CLEAN_FREE char *joined = NULL;
	char shown[NODE_SHOW_BYTES];
	struct stat st;

	if (read_text(r, node, "a file", &text)) {
		return -1;
	}
	joined = *text == '/' || !slash ?
			 must_strdup(text) : str_format("%.*s/%s", (int)(slash - from), from, text);
	free(*path);
	*path = realpath(joined, NULL);
	if (!*path || stat(*path, &st)) {
		return node_fail(r->tree, node, r->err, "%s: %s", node_show(node, shown),
				 strerror(errno));
	}
	if (!S_ISREG(st.st_mode)) {
		return node_fail(r->tree, node, r->err, "%s is no regular file",
				 node_show(node, shown));
	}
	*bytes = (uint64_t)st.st_size;
	return 0;
}

/* --- traces --------------------------------------------------------------- */

/* One line of a trace: an offset, or nothing (1) when blank or a comment. */
static int trace_line(char *line, int64_t *ns, const char **why)
{
	char *end = line + strcspn(line, "#\r");

	while (end > line && (end[-1] == ' ' || end[-1] == '\t')) {
		end--;
	}
	*end = '\0';
	line += strspn(line, " \t");
	if (!*line) {
		return 1;
	}
	if (units_parse_duration(line, ns, why)) {
		return -1;
	}
	if (*ns > LIMIT_TIME_NS) {
		*why = "it is later than 30 days";
		return -1;
	}
	return 0;
}

static int parse_trace(const char *path, char *text, struct group_spec *group, struct err *err)
{
	int64_t *out = must_calloc(group->count, sizeof(*out));
	uint32_t count = 0;
	unsigned number = 0;

	group->start.trace_ns = out;
	while (text && count < group->count) {
		char *line = strsep(&text, "\n");
		const char *why = NULL;
		int64_t ns = 0;
		int kind = trace_line(line, &ns, &why);

		number++;
		if (kind > 0) {
			continue;
		}
		if (kind == 0 && count > 0 && ns < out[count - 1]) {
			why = "the offsets must ascend";
		}
		if (why) {
			char shown[NODE_SHOW_BYTES];

			return err_set(err, ERR_USAGE, "%s:%u:1: %s: %s", path, number,
				       text_show(line, shown), why);
		}
		out[count++] = ns;
	}
	if (count < group->count) {
		return err_set(err, ERR_USAGE, "%s:%u:1: the trace ends after %u start times; the group has %u peers",
			       path, number, count, group->count);
	}
	return 0;
}

/* --- the fields ----------------------------------------------------------- */

static int set_kind(struct reader *r, const struct node *node, struct start_spec *start,
		    enum start_kind kind)
{
	if (start->kind != START_AT_ONCE) {
		return node_fail(r->tree, node, r->err,
				 "\"start\" takes one of the keys every, poisson, trace");
	}
	start->kind = kind;
	return 0;
}

static int read_at(struct reader *r, const struct node *node, void *object)
{
	return read_duration(r, node, LIMIT_TIME_NS, &((struct group_spec *)object)->start.at_ns);
}

static int read_every(struct reader *r, const struct node *node, void *object)
{
	struct group_spec *group = object;

	if (set_kind(r, node, &group->start, START_EVERY) ||
	    read_duration(r, node, LIMIT_TIME_NS, &group->start.every_ns)) {
		return -1;
	}
	if (group->start.every_ns > LIMIT_TIME_NS / group->count) {
		return node_fail(r->tree, node, r->err,
				 "the last of %u peers would start later than 30 days", group->count);
	}
	return 0;
}

static int read_poisson(struct reader *r, const struct node *node, void *object)
{
	struct group_spec *group = object;

	return set_kind(r, node, &group->start, START_POISSON) ||
	       read_duration(r, node, LIMIT_TIME_NS, &group->start.every_ns) ? -1 : 0;
}

static int read_trace(struct reader *r, const struct node *node, void *object)
{
	struct group_spec *group = object;
	CLEAN_FREE char *text = NULL;
	uint64_t bytes = 0;

	if (set_kind(r, node, &group->start, START_TRACE) ||
	    find_file(r, node, &group->start.trace_path, &bytes)) {
		return -1;
	}
	if (bytes > TRACE_MAX_BYTES) {
		return node_fail(r->tree, node, r->err, "the trace is larger than 4 MiB");
	}
	if (fs_read(group->start.trace_path, &text, NULL, r->err)) {
		return node_fail(r->tree, node, r->err, "%s: %s", group->start.trace_path,
				 strerror(errno));
	}
	return parse_trace(group->start.trace_path, text, group, r->err);
}

static const struct field start_fields[] = {
	{.key = "at", .read = read_at},
	{.key = "every", .read = read_every},
	{.key = "poisson", .read = read_poisson},
	{.key = "trace", .read = read_trace},
};
const struct field_map start_map = {
	"start", "\"start\"", start_fields, ARRAY_LEN(start_fields),
};

int load_start(struct reader *r, const struct node *node, struct group_spec *group)
{
	return read_fields(r, &start_map, node, group);
}
