/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * draw - pictures of an experiment's network, for people and for other programs.  Each writes
 * text to @out and leaves it to the caller to see whether that worked.
 */
#ifndef LENTO_DRAW_H
#define LENTO_DRAW_H

#include <stdio.h>

#include "topo/experiment.h"

/* SVG: what share of the peers has at most which rate, and which delay, each direction a curve; of
 * the lines that LANs share two more. */
void draw_links_svg(const struct experiment *exp, FILE *out);

/* Graphviz: groups with their links, LANs that are alike with their gateway, and the delays between them. */
void draw_network_dot(const struct experiment *exp, FILE *out);

/*
 * GML, as network tools read it, with the keys of Shadow's graphs: a node is the peers of a group that
 * have the same link and are in the same LAN, an edge has the latency from a peer to another and the loss
 * on the way.  There is an edge from each to each, and no way leads over a third (Shadow's
 * use_shortest_path is false).  What is behind a gateway says so (lan, nat, wan, wan_bandwidth_down): that
 * others share the line, and that a NAT filters, an edge cannot say.
 */
void draw_network_gml(const struct experiment *exp, FILE *out);

#endif
