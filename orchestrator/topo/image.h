/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * image - how a client is started, known to be ready, and stopped: the folder
 * images/<name>/ with its image.yaml.
 *
 * Texts may hold variables {name}, put in when a peer starts (image_expand):
 *	{ip} {port} {name} {peer}     the peer's own address, port, group and index
 *	{data} {log} {tmp} {share}    its directories as it sees them
 *	{payload}                     file name of the payload, inside {data}
 *	{torrent}                     path of the .torrent file
 *	{infohash}                    40 hex digits
 *	{tracker_ip} {tracker_port}   of the first tracker
 *	{announce}                    its announce URL
 *	{up_kBps} {down_kBps}         the link's rates in 1000 bytes per second, 0 = unlimited
 * "{{" stands for "{".
 */
#ifndef LENTO_IMAGE_H
#define LENTO_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct image_file {
	char *path;          /* with variables */
	char *content;       /* with variables */
};

enum ready_kind { READY_STARTED, READY_TCP_LISTEN };

struct image_role {
	char **argv;         /* NULL-terminated; NULL: the image does not play this role */
	struct image_file *files; /* written before the start */
	unsigned file_count;
};

struct image {
	char *name;
	char *description;
	char **packages;     /* Debian packages, NULL-terminated */
	char *program;       /* absolute path that must exist on the host */
	uint16_t port;       /* TCP port that peers connect to; 0 = none */
	enum ready_kind ready;
	int64_t ready_timeout_wns; /* wall: a client that hangs at its start is a fault */
	int stop_signal;
	int64_t stop_grace_wns;    /* wall time from the signal to SIGKILL */
	char **env;          /* "NAME=value", NULL-terminated, with variables */
	struct image_role roles[4]; /* by enum peer_role */
};

int image_load(const char *image_dir, const char *name, struct image **image, struct err *err);
void image_destroy(struct image *image);

/* The names of the images in @image_dir, sorted, NULL-terminated; see texts_free(). */
char **image_list(const char *image_dir);

/* "seed", ... by enum peer_role, NULL-terminated. */
extern const char *const image_role_words[];

struct reader;
struct node;
/* Are the variables in @text, which stands at @node, known ones?  ERR_USAGE if not. */
int image_check_text(struct reader *r, const struct node *node, const char *text);

struct image_vars {
	const char *ip, *name, *data, *log, *tmp, *share, *payload, *torrent, *infohash;
	const char *tracker_ip, *announce;
	uint32_t peer;
	uint16_t port, tracker_port;
	uint64_t up_bps, down_bps;
};

/* Replace the variables; the caller frees *out.  An unknown variable is ERR_USAGE. */
int image_expand(const char *text, const struct image_vars *vars, char **out, struct err *err);

#endif
