// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Events with a course: a line that flaps, and one that follows a file.  Both become steps, each
 * of them an event that changes the line as if it were written by itself.
 */
#include <stdio.h>

#include "base/clean.h"
#include "base/fs.h"
#include "topo/alloc.h"
#include "topo/limits.h"
#include "topo/load.h"

#define FILE_MAX_BYTES (UINT64_C(4) << 20)
#define MAX_ROWS 20000u
#define MAX_COLUMNS 8u
#define MIN_PERIOD_NS INT64_C(1000000)

/* A step that changes nothing yet, of the same peers as the event. */
static struct event_spec *add_step(struct event_spec *event, int64_t at_ns)
{
	struct event_spec *step;

	event->steps = must_grow(event->steps, event->step_count, sizeof(*event->steps));
	step = &event->steps[event->step_count++];
	*step = *event;
	step->what = EVENT_LINK;
	step->at_ns = at_ns;
	step->changes = 0;
	step->steps = NULL;
	step->step_count = 0;
	step->follow_path = NULL;
	return step;
}

static int read_for(struct reader *r, const struct node *node, void *object)
{
	struct event_spec *event = object;

	return read_duration(r, node, LIMIT_TIME_NS, &event->for_ns);
}

/* --- flap ------------------------------------------------------------------- */

static int read_part(struct reader *r, const struct node *node, int64_t *ns)
{
	char shown[NODE_SHOW_BYTES];

	if (read_duration(r, node, LIMIT_TIME_NS, ns)) {
		return -1;
	}
	return *ns >= MIN_PERIOD_NS ? 0 : node_fail(r->tree, node, r->err,
						    "%s; at least 1ms is allowed",
						    node_show(node, shown));
}

static int read_flap_down(struct reader *r, const struct node *node, void *object)
{
	int64_t down_ns = 0;

	if (read_part(r, node, &down_ns)) {
		return -1;
	}
	for (int i = 0; i < 2; i++) {
		struct event_spec *step = add_step(object, i ? down_ns : 0);

		step->changes = CHANGE_DOWN | CHANGE_UP;
		step->down = step->up = i ? RATE_RESTORE : RATE_CUT;
	}
	((struct event_spec *)object)->period_ns = down_ns;
	return 0;
}

static int read_flap_up(struct reader *r, const struct node *node, void *object)
{
	int64_t up_ns = 0;

	if (read_part(r, node, &up_ns)) {
		return -1;
	}
	((struct event_spec *)object)->period_ns += up_ns;
	return 0;
}

static const struct field flap_fields[] = {
	{.key = "down", .required = true, .read = read_flap_down},
	{.key = "up", .required = true, .read = read_flap_up},
	{.key = "for", .read = read_for},
};
const struct field_map flap_map = {"flap", "\"flap\"", flap_fields, ARRAY_LEN(flap_fields)};

int load_flap(struct reader *r, const struct node *node, struct event_spec *event)
{
	return read_fields(r, &flap_map, node, event);
}

/* --- follow ----------------------------------------------------------------- */

/* A row of the file, cut at its commas; the nodes are places for messages. */
struct row {
	struct node cells[MAX_COLUMNS];
	size_t count;
};

static void trim(char **text, char *end)
{
	*text += strspn(*text, " \t\r");
	while (end > *text && strchr(" \t\r", end[-1])) {
		end--;
	}
	*end = '\0';
}

/* False: more cells than there may be. */
static bool cut_row(char *line, unsigned number, struct row *row)
{
	char *start = line, *rest = line;

	line[strcspn(line, "#")] = '\0';
	row->count = 0;
	while (rest) {
		char *cell = strsep(&rest, ",");

		if (row->count == MAX_COLUMNS) {
			return false;
		}
		trim(&cell, cell + strlen(cell));
		row->cells[row->count++] = (struct node){
			.kind = NODE_TEXT, .line = number, .text = cell,
			.column = (unsigned)(cell - start) + 1,
		};
	}
	return true;
}

static bool is_empty(const struct row *row)
{
	return row->count == 1 && !*row->cells[0].text;
}

static int check_header(struct reader *r, const struct row *header)
{
	static const char *const columns[] = {
		"at", "down", "up", "delay", "jitter", "loss", "queue", "overhead", NULL,
	};

	for (size_t i = 0; i < header->count; i++) {
		int word = 0;

		if (read_word(r, &header->cells[i], columns, &word)) {
			return -1;
		}
		if ((word == 0) != (i == 0)) {
			return node_fail(r->tree, &header->cells[i], r->err,
					 "the first column, and no other, is \"at\"");
		}
	}
	return 0;
}

static int read_row(struct reader *r, const struct row *header, const struct row *row,
		    struct event_spec *event)
{
	const struct event_spec *last = event->step_count ? &event->steps[event->step_count - 1] : NULL;
	int64_t at_ns = 0, last_ns = last ? last->at_ns : 0;
	struct event_spec *step;

	if (row->count != header->count) {
		return node_fail(r->tree, &row->cells[0], r->err, "%zu values under %zu columns",
				 row->count, header->count);
	}
	if (read_duration(r, &row->cells[0], LIMIT_TIME_NS, &at_ns)) {
		return -1;
	}
	if (at_ns < last_ns) {
		return node_fail(r->tree, &row->cells[0], r->err, "the instants must ascend");
	}
	if (event->step_count == MAX_ROWS) {
		return node_fail(r->tree, &row->cells[0], r->err, "more than %u rows", MAX_ROWS);
	}
	step = add_step(event, at_ns);
	if (event->step_count > 1) {
		step->to = step[-1].to;    /* what an empty value leaves as it was */
	}
	for (size_t i = 1; i < row->count; i++) {
		if (*row->cells[i].text && load_event_value(r, header->cells[i].text,
							     &row->cells[i], step)) {
			return -1;
		}
	}
	return 0;
}

static int read_rows(struct exp_reader *r, char *text, struct event_spec *event)
{
	struct row header = {.count = 0}, row;
	unsigned number = 0;

	while (text) {
		char *line = strsep(&text, "\n");

		if (!cut_row(line, ++number, &row)) {
			return node_fail(r->base.tree, &row.cells[0], r->base.err,
					 "more than %u values", MAX_COLUMNS);
		}
		if (is_empty(&row)) {
			continue;
		}
		if (header.count ? read_row(&r->base, &header, &row, event)
				 : check_header(&r->base, &row)) {
			return -1;
		}
		if (!header.count) {
			header = row;
		}
	}
	return event->step_count ? 0 : err_set(r->base.err, ERR_USAGE,
					       "%s: there are no rows below the names of the columns",
					       r->base.tree->path);
}

static int read_follow_file(struct reader *r, const struct node *node, void *object)
{
	struct event_spec *event = object;
	struct tree file = {0};
	struct exp_reader inner = *exp_reader(r);
	CLEAN_FREE char *text = NULL;
	uint64_t bytes = 0;

	if (find_file(r, node, &event->follow_path, &bytes)) {
		return -1;
	}
	if (bytes > FILE_MAX_BYTES) {
		return node_fail(r->tree, node, r->err, "the file is larger than 4 MiB");
	}
	if (fs_read(event->follow_path, &text, NULL, r->err)) {
		r->err->kind = ERR_USAGE;
		return -1;
	}
	file.path = event->follow_path;
	inner.base.tree = &file;
	return read_rows(&inner, text, event);
}

static int read_repeat(struct reader *r, const struct node *node, void *object)
{
	struct event_spec *event = object;
	char shown[NODE_SHOW_BYTES];

	if (read_part(r, node, &event->period_ns)) {
		return -1;
	}
	if (event->step_count && event->steps[event->step_count - 1].at_ns > event->period_ns) {
		return node_fail(r->tree, node, r->err, "%s is shorter than the file",
				 node_show(node, shown));
	}
	return 0;
}

static const struct field follow_fields[] = {
	{.key = "file", .required = true, .read = read_follow_file},
	{.key = "repeat", .read = read_repeat},
	{.key = "for", .read = read_for},
};
const struct field_map follow_map = {
	"follow", "\"follow\"", follow_fields, ARRAY_LEN(follow_fields),
};

int load_follow(struct reader *r, const struct node *node, struct event_spec *event)
{
	return node->kind == NODE_MAP ? read_fields(r, &follow_map, node, event)
				      : read_follow_file(r, node, event);
}
