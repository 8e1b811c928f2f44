// SPDX-License-Identifier: GPL-2.0-or-later
#include "wire/lan.h"

#include <stdlib.h>
#include <string.h>

#define NIL 0 /* member 0 is none */

int lan_init(struct lans *l, uint32_t links, struct err *err)
{
	size_t members = (size_t)links * LAN_GROUPS_MAX + 1;
	uint32_t chains = 2;

	memset(l, 0, sizeof(*l));
	while (chains < 2 * links) {
		chains *= 2;
	}
	l->links = links;
	l->mask = chains - 1;
	l->fresh = 1;
	l->first = malloc(links * sizeof(*l->first));
	l->next = malloc(links * sizeof(*l->next));
	/* Pages that are never touched cost nothing. */
	l->members = calloc(members, sizeof(*l->members));
	l->chains = calloc(chains, sizeof(*l->chains));
	l->of_host = calloc(links, sizeof(*l->of_host));
	l->groups = calloc(links, sizeof(*l->groups));
	if (!l->first || !l->next || !l->members || !l->chains || !l->of_host || !l->groups) {
		lan_fini(l);
		return err_errno(err, ERR_FAILED, "LANs of %u links", links);
	}
	memset(l->first, 0xff, links * sizeof(*l->first));
	memset(l->next, 0xff, links * sizeof(*l->next));
	return 0;
}

void lan_fini(struct lans *l)
{
	free(l->first);
	free(l->next);
	free(l->members);
	free(l->chains);
	free(l->of_host);
	free(l->groups);
	memset(l, 0, sizeof(*l));
}

void lan_add_host(struct lans *l, uint32_t lan, uint32_t host)
{
	l->next[host] = l->first[lan];
	l->first[lan] = host;
}

/* --- membership ------------------------------------------------------------ */

static uint32_t *chain_of(const struct lans *l, uint32_t lan, struct ip_addr group)
{
	uint64_t h = (group.hi ^ group.lo * UINT64_C(0xbf58476d1ce4e5b9)) + lan;

	return &l->chains[(h * UINT64_C(0x9e3779b97f4a7c15) >> 32) & l->mask];
}

static bool is_member(const struct lan_member *m, uint32_t lan, struct ip_addr group)
{
	return m->lan == lan && ip_equal(m->group, group);
}

void lan_join(struct lans *l, uint32_t lan, struct ip_addr group, uint32_t host)
{
	uint32_t *chain = chain_of(l, lan, group), i;
	struct lan_member *m;

	for (i = l->of_host[host]; i != NIL; i = l->members[i].next_of_host) {
		if (is_member(&l->members[i], lan, group)) {
			return;
		}
	}
	if (l->groups[host] == LAN_GROUPS_MAX) {
		return;
	}
	i = l->free;
	if (i != NIL) {
		l->free = l->members[i].next_of_host;
	} else {
		i = l->fresh++;
	}
	m = &l->members[i];
	*m = (struct lan_member){
		.group = group, .lan = lan, .host = host, .next = *chain,
		.next_of_host = l->of_host[host],
	};
	*chain = i;
	l->of_host[host] = i;
	l->groups[host]++;
}

/* End the membership that *@at, an index of a member in the list of its host, leads to. */
static void end_membership(struct lans *l, uint32_t *at)
{
	uint32_t i = *at, *link;
	struct lan_member *m = &l->members[i];

	*at = m->next_of_host;
	for (link = chain_of(l, m->lan, m->group); *link != i; link = &l->members[*link].next) {
	}
	*link = m->next;
	l->groups[m->host]--;
	m->next_of_host = l->free;
	l->free = i;
}

void lan_leave(struct lans *l, uint32_t lan, struct ip_addr group, uint32_t host)
{
	for (uint32_t *at = &l->of_host[host]; *at != NIL; at = &l->members[*at].next_of_host) {
		if (is_member(&l->members[*at], lan, group)) {
			end_membership(l, at);
			return;
		}
	}
}

void lan_leave_all(struct lans *l, uint32_t host)
{
	while (l->of_host[host] != NIL) {
		end_membership(l, &l->of_host[host]);
	}
}

uint32_t lan_next_member(const struct lans *l, uint32_t lan, struct ip_addr group, uint32_t *at)
{
	uint32_t i = *at == NIL ? *chain_of(l, lan, group) : l->members[*at].next;

	while (i != NIL && !is_member(&l->members[i], lan, group)) {
		i = l->members[i].next;
	}
	*at = i;
	return i == NIL ? LAN_NONE : l->members[i].host;
}

bool lan_floods(struct ip_addr group)
{
	if (ip_is_v4(group)) {
		return (uint32_t)group.lo >> 8 == 0xe00000;
	}
	return group.hi == UINT64_C(0xff02) << 48 && group.lo == 1;
}
