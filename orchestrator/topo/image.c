// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * images/<name>/image.yaml into a struct image.  Every text with variables is
 * expanded once on trial here, so that a wrong one is told with its place and not
 * in the middle of a run.
 */
#include "topo/image.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/clean.h"
#include "base/fs.h"
#include "topo/alloc.h"
#include "topo/fields.h"
#include "topo/limits.h"

#define WALL_MAX_NS INT64_C(600000000000)
#define MAX_FILES 32u

const char *const image_role_words[] = {"seed", "leech", "tracker", "none", NULL};

/* A run's own values do not matter here, only which variables there are. */
static const struct image_vars trial = {
	.ip = "192.0.2.1", .name = "peer-1", .data = "/data", .log = "/log", .tmp = "/tmp",
	.share = "/lento", .payload = "payload", .torrent = "/lento/t.torrent",
	.infohash = "00", .tracker_ip = "192.0.2.2", .announce = "http://192.0.2.2:6969/announce",
	.port = 6881, .tracker_port = 6969,
};

int image_check_text(struct reader *r, const struct node *node, const char *text)
{
	CLEAN_FREE char *expanded = NULL;
	struct err why;

	if (image_expand(text, &trial, &expanded, &why)) {
		return node_fail(r->tree, node, r->err, "%s", why.msg);
	}
	return 0;
}

/* --- the fields ----------------------------------------------------------- */

static int read_description(struct reader *r, const struct node *node, void *object)
{
	return read_string(r, node, "a description", &((struct image *)object)->description);
}

static int read_packages(struct reader *r, const struct node *node, void *object)
{
	return read_texts(r, node, "the list of packages", &((struct image *)object)->packages);
}

static int read_program(struct reader *r, const struct node *node, void *object)
{
	struct image *image = object;
	char shown[NODE_SHOW_BYTES];

	if (read_string(r, node, "a program", &image->program)) {
		return -1;
	}
	return image->program[0] == '/' ? 0 :
	       node_fail(r->tree, node, r->err, "%s; a program is an absolute path",
			 node_show(node, shown));
}

static int read_port(struct reader *r, const struct node *node, void *object)
{
	uint64_t port = 0;

	if (read_number(r, node, 0, UINT16_MAX, &port)) {
		return -1;
	}
	((struct image *)object)->port = (uint16_t)port;
	return 0;
}

static int read_ready_when(struct reader *r, const struct node *node, void *object)
{
	static const char *const words[] = {
		[READY_STARTED] = "started", [READY_TCP_LISTEN] = "tcp-listen", NULL,
	};
	int kind = 0;

	if (read_word(r, node, words, &kind)) {
		return -1;
	}
	((struct image *)object)->ready = (enum ready_kind)kind;
	return 0;
}

static int read_ready_timeout(struct reader *r, const struct node *node, void *object)
{
	return read_duration(r, node, WALL_MAX_NS, &((struct image *)object)->ready_timeout_wns);
}

static int read_stop_signal(struct reader *r, const struct node *node, void *object)
{
	static const int signals[] = {SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGKILL};
	static const char *const words[] = {"TERM", "INT", "QUIT", "HUP", "KILL", NULL};
	int index = 0;

	if (read_word(r, node, words, &index)) {
		return -1;
	}
	((struct image *)object)->stop_signal = signals[index];
	return 0;
}

static int read_stop_grace(struct reader *r, const struct node *node, void *object)
{
	return read_duration(r, node, WALL_MAX_NS, &((struct image *)object)->stop_grace_wns);
}

static const struct field ready_fields[] = {
	{.key = "when", .required = true, .read = read_ready_when},
	{.key = "timeout_wall", .read = read_ready_timeout},
};
static const struct field_map ready_map = {
	"ready", "\"ready\"", ready_fields, ARRAY_LEN(ready_fields),
};

static const struct field stop_fields[] = {
	{.key = "signal", .read = read_stop_signal},
	{.key = "grace_wall", .read = read_stop_grace},
};
static const struct field_map stop_map = {
	"stop", "\"stop\"", stop_fields, ARRAY_LEN(stop_fields),
};

static int read_ready(struct reader *r, const struct node *node, void *object)
{
	return read_fields(r, &ready_map, node, object);
}

static int read_stop(struct reader *r, const struct node *node, void *object)
{
	return read_fields(r, &stop_map, node, object);
}

static int read_env(struct reader *r, const struct node *node, void *object)
{
	struct image *image = object;

	if (read_map(r, node, "\"env\"")) {
		return -1;
	}
	image->env = must_calloc(node->count + 1, sizeof(*image->env));
	for (size_t i = 0; i < node->count; i++) {
		const struct node *key = node->keys[i], *value = node->items[i];

		if (!*key->text || strchr(key->text, '=')) {
			return node_fail(r->tree, key, r->err,
					 "the name of a variable is no empty text and has no \"=\"");
		}
		if (value->kind != NODE_TEXT) {
			return node_fail(r->tree, value, r->err, "a variable's value is a text");
		}
		if (image_check_text(r, value, value->text)) {
			return -1;
		}
		image->env[i] = str_format("%s=%s", key->text, value->text);
	}
	return 0;
}

/* --- a role --------------------------------------------------------------- */

static int read_argv(struct reader *r, const struct node *node, void *object)
{
	struct image_role *role = object;

	if (read_texts(r, node, "\"argv\"", &role->argv)) {
		return -1;
	}
	if (!role->argv[0] || role->argv[0][0] != '/') {
		return node_fail(r->tree, node, r->err,
				 "\"argv\" begins with the absolute path of the program");
	}
	for (size_t i = 0; i < node->count; i++) {
		if (image_check_text(r, node->items[i], role->argv[i])) {
			return -1;
		}
	}
	return 0;
}

/* A client's files belong in its own directories, nowhere else. */
static int read_file_path(struct reader *r, const struct node *node, void *object)
{
	struct image_file *file = object;
	char shown[NODE_SHOW_BYTES];

	if (read_string(r, node, "a path", &file->path) || image_check_text(r, node, file->path)) {
		return -1;
	}
	if ((strncmp(file->path, "{tmp}/", 6) != 0 && strncmp(file->path, "{data}/", 7) != 0 &&
	     strncmp(file->path, "{log}/", 6) != 0) || strstr(file->path, "..")) {
		return node_fail(r->tree, node, r->err,
				 "%s; a file lies below {tmp}/, {data}/ or {log}/",
				 node_show(node, shown));
	}
	return 0;
}

static int read_file_content(struct reader *r, const struct node *node, void *object)
{
	struct image_file *file = object;

	if (node->kind != NODE_TEXT) {
		return node_fail(r->tree, node, r->err, "a file's content is a text");
	}
	free(file->content);
	file->content = must_strdup(node->text);
	return image_check_text(r, node, file->content);
}

static const struct field file_fields[] = {
	{.key = "path", .required = true, .read = read_file_path},
	{.key = "content", .required = true, .read = read_file_content},
};
static const struct field_map file_map = {
	"file", "a file", file_fields, ARRAY_LEN(file_fields),
};

static int read_files(struct reader *r, const struct node *node, void *object)
{
	struct image_role *role = object;

	if (read_list(r, node, "\"files\"")) {
		return -1;
	}
	if (node->count > MAX_FILES) {
		return node_fail(r->tree, node, r->err, "at most %u files are allowed", MAX_FILES);
	}
	role->files = must_calloc(node->count, sizeof(*role->files));
	for (size_t i = 0; i < node->count; i++) {
		role->file_count++;
		if (read_fields(r, &file_map, node->items[i], &role->files[i])) {
			return -1;
		}
	}
	return 0;
}

static const struct field role_fields[] = {
	{.key = "argv", .required = true, .read = read_argv},
	{.key = "files", .read = read_files},
};
static const struct field_map role_map = {
	"role", "a role", role_fields, ARRAY_LEN(role_fields),
};

static int read_roles(struct reader *r, const struct node *node, void *object)
{
	struct image *image = object;

	if (read_map(r, node, "\"roles\"")) {
		return -1;
	}
	for (size_t i = 0; i < node->count; i++) {
		int role = 0;

		if (read_word(r, node->keys[i], image_role_words, &role) ||
		    read_fields(r, &role_map, node->items[i], &image->roles[role])) {
			return -1;
		}
	}
	return node->count > 0 ? 0 :
	       node_fail(r->tree, node, r->err, "an image plays at least one role");
}

static const struct field image_fields[] = {
	{.key = "description", .required = true, .read = read_description},
	{.key = "packages", .required = true, .read = read_packages},
	{.key = "program", .required = true, .read = read_program},
	{.key = "port", .read = read_port},
	{.key = "ready", .read = read_ready},
	{.key = "stop", .read = read_stop},
	{.key = "env", .read = read_env},
	{.key = "roles", .required = true, .read = read_roles},
};
static const struct field_map image_map = {
	"", "an image", image_fields, ARRAY_LEN(image_fields),
};

const struct field_map *const image_field_maps[] = {
	&image_map, &ready_map, &stop_map, &role_map, &file_map, NULL,
};

/* --- the image ------------------------------------------------------------ */

static int read_image(struct reader *r, struct image *image)
{
	const struct node *root = r->tree->root;

	if (read_fields(r, &image_map, root, image)) {
		return -1;
	}
	if (image->ready == READY_TCP_LISTEN && image->port == 0) {
		return node_fail(r->tree, node_get(root, "ready"), r->err,
				 "ready when tcp-listen needs a \"port\"");
	}
	if (!image->env) {
		image->env = must_calloc(1, sizeof(*image->env));
	}
	return 0;
}

int image_load(const char *image_dir, const char *name, struct image **out, struct err *err)
{
	CLEAN_FREE char *path = str_format("%s/%s/image.yaml", image_dir, name);
	struct reader r = {.err = err};
	struct image *image;
	struct tree *tree;
	int failed;

	if (tree_load(path, &tree, err)) {
		return -1;
	}
	r.tree = tree;
	image = must_calloc(1, sizeof(*image));
	image->name = must_strdup(name);
	image->ready_timeout_wns = INT64_C(30000000000);
	image->stop_signal = SIGTERM;
	image->stop_grace_wns = INT64_C(5000000000);
	failed = read_image(&r, image);
	tree_destroy(tree);
	if (failed) {
		image_destroy(image);
		return -1;
	}
	*out = image;
	return 0;
}

void image_destroy(struct image *image)
{
	if (!image) {
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(image->roles); i++) {
		struct image_role *role = &image->roles[i];

		for (unsigned k = 0; k < role->file_count; k++) {
			free(role->files[k].path);
			free(role->files[k].content);
		}
		free(role->files);
		texts_free(role->argv);
	}
	texts_free(image->packages);
	texts_free(image->env);
	free(image->name);
	free(image->description);
	free(image->program);
	free(image);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

char **image_list(const char *image_dir)
{
	CLEAN_CLOSEDIR DIR *dir = opendir(image_dir);
	char **names = must_calloc(1, sizeof(*names));
	const struct dirent *entry;
	size_t count = 0;

	while (dir && (entry = readdir(dir))) {
		CLEAN_FREE char *path = str_format("%s/%s/image.yaml", image_dir, entry->d_name);
		struct stat st;

		if (entry->d_name[0] == '.' || stat(path, &st) || !S_ISREG(st.st_mode)) {
			continue;
		}
		names = reallocarray(names, count + 2, sizeof(*names));
		if (!names) {
			abort();
		}
		names[count++] = must_strdup(entry->d_name);
		names[count] = NULL;
	}
	qsort(names, count, sizeof(*names), compare_names);
	return names;
}
