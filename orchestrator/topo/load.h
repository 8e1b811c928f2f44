/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * load - what the files that build a struct experiment share; private to topo.
 *
 * Reading goes in two steps.  Each section is read by its tables (load_*.c) into
 * the struct; what concerns several sections at once is checked afterwards
 * (check.c), with the places kept here.
 */
#ifndef LENTO_LOAD_H
#define LENTO_LOAD_H

#include "topo/experiment.h"
#include "topo/fields.h"

/* Where a LAN's values stand; NULL: they do not. */
struct lan_places {
	const struct node *addresses, *public, *forward;
};

/* Where a group's values stand; `group` itself is its name, the others may be NULL. */
struct group_places {
	const struct node *group, *body, *image, *count, *addresses;
	const struct node *role, *after, *expect, *lan;
};

struct exp_reader {
	struct reader base; /* first: fields hand on a struct reader */
	struct experiment *exp;
	const char *image_dir;
	struct lan_places *lan_places; /* by LAN index */
	struct group_places *places; /* by group index */
	const struct node *payload;  /* NULL: there is none */
	bool has_stop;
};

static inline struct exp_reader *exp_reader(struct reader *r)
{
	return (struct exp_reader *)r;
}

/* Readers of whole sections; @object is the struct experiment. */
int load_links(struct reader *r, const struct node *node, void *object);
int load_lans(struct reader *r, const struct node *node, void *object);
int load_groups(struct reader *r, const struct node *node, void *object);
int load_start(struct reader *r, const struct node *node, struct group_spec *group);
int load_delays(struct reader *r, const struct node *node, void *object);
int load_events(struct reader *r, const struct node *node, void *object);
int load_stop(struct reader *r, const struct node *node, void *object);
int load_capture(struct reader *r, const struct node *node, void *object);
int load_payload(struct reader *r, const struct node *node, void *object);

/* A queue in front of a line of @bps (0: unlimited); settle_queue() fills in what was not
 * written. */
int load_queue(struct reader *r, const struct node *node, struct queue_spec *queue, uint64_t bps);
void settle_queue(struct queue_spec *queue, uint64_t bps);

/* The file named at @node, read once; the experiment owns *series. */
int load_series(struct reader *r, const struct node *node, enum series_kind kind,
		const struct series_spec **series);

/* "unlimited" is 0. */
int load_rate(struct reader *r, const struct node *node, uint64_t *bps);
/* The value of @key of a link, one of its table, into @link. */
int load_link_value(struct reader *r, const char *key, const struct node *node,
		    struct link_spec *link);
/* The value of @key of an event that changes a link, into @event. */
int load_event_value(struct reader *r, const char *key, const struct node *node,
		     struct event_spec *event);
/* The steps of an event whose group or link is known. */
int load_flap(struct reader *r, const struct node *node, struct event_spec *event);
int load_follow(struct reader *r, const struct node *node, struct event_spec *event);
/* The ports that LANs forward; after the groups, which they name. */
int load_forwards(struct reader *r);

/* [a, b]: two sites, for the key @what. */
int load_pair(struct reader *r, const struct node *node, const char *what,
	      struct delay_spec *pair);
/* Link index by name, as find_group(). */
int find_link(struct reader *r, const struct node *node, const char *word, uint32_t *index);

/* A link like those under "links", named @name, which it takes over; at the end of them. */
int load_link(struct reader *r, const struct node *node, char *name, struct link_spec *link);
/* The value of a group's key "link": a name, a mix or a profile. */
int load_group_link(struct reader *r, const struct node *node, struct group_spec *group);
/* Draw each peer's link of a group with a mix; its count is known. */
void draw_links(const struct experiment *exp, struct group_spec *group);

/* Group index by name; an unknown one is an error at @node that names @word. */
int find_group(struct reader *r, const struct node *node, const char *word, uint32_t *index);

/* LAN index by name, likewise. */
int find_lan(struct reader *r, const struct node *node, const char *word, uint32_t *index);
/* A group or one peer by name. */
int find_peers(struct reader *r, const struct node *node, struct peers_spec *of);

/* A file named at @node, sought from the experiment's folder; absolute, exists, is a
 * regular file.  The caller frees *path. */
int find_file(struct reader *r, const struct node *node, char **path, uint64_t *bytes);

/* All that concerns more than one section. */
int check_experiment(struct exp_reader *r);

extern const struct field_map link_map, delay_both_map, loss_both_map, queue_both_map;
extern const struct field_map overhead_map, overhead_both_map, queue_map, loss_map, gilbert_map, jitter_map, jitter_both_map;
extern const struct field_map lan_map, nat_map, timeouts_map, forward_map;
extern const struct field_map group_map, start_map, group_link_map, profile_map, profile_line_map;
extern const struct field_map payload_map, delays_map, event_map, exp_stop_map, capture_map;
extern const struct field_map flap_map, follow_map, trace_map;

/* Words by enum, NULL-terminated; print.c writes what the loaders read. */
extern const char *const after_words[], *const expect_words[], *const do_words[];
extern const char *const jitter_words[], *const discipline_words[], *const congestion_words[];
extern const char *const nat_words[], *const protocol_words[];

#endif
