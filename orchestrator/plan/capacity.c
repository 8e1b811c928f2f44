// SPDX-License-Identifier: GPL-2.0-or-later
#include "plan/capacity.h"

#include <math.h>
#include <stdbool.h>

double capacity_paper_peers(double rate_mbytes)
{
	return CAPACITY_PAPER_FIT / rate_mbytes;
}

double capacity_share(const struct capacity_host *hosts, size_t n, size_t i, size_t j)
{
	double others = -1; /* a peer does not connect to itself */

	for (size_t k = 0; k < n; k++) {
		others += hosts[k].peers;
	}
	if (others <= 0 || !hosts[j].peers) {
		return 0;
	}
	return (i == j ? hosts[j].peers - 1.0 : hosts[j].peers) / others;
}

double capacity_traffic(const struct capacity_host *hosts, size_t n, size_t i, size_t j)
{
	return capacity_share(hosts, n, i, j) * fmin(hosts[i].up, hosts[j].down);
}

/* What crosses the card of host @i: into it, or out of it. */
static double crossing(const struct capacity_host *hosts, size_t n, size_t i, bool in)
{
	double sum = 0;

	for (size_t j = 0; j < n; j++) {
		if (j != i) {
			sum += in ? capacity_traffic(hosts, n, j, i) : capacity_traffic(hosts, n, i, j);
		}
	}
	return sum;
}

struct capacity_load capacity_judge(const struct capacity_host *hosts, size_t n, size_t i,
				    enum capacity_rule rule)
{
	const struct capacity_host *h = &hosts[i];

	switch (rule) {
	case CAPACITY_DOWN:
		return (struct capacity_load){ rule, crossing(hosts, n, i, true), h->card_down };
	case CAPACITY_UP:
		return (struct capacity_load){ rule, crossing(hosts, n, i, false), h->card_up };
	case CAPACITY_WITHIN:
		return (struct capacity_load){ rule, capacity_traffic(hosts, n, i, i), h->within / 2 };
	case CAPACITY_ALL_UP:
		return (struct capacity_load){ rule, h->up, h->card_up };
	case CAPACITY_ALL_DOWN:
		return (struct capacity_load){ rule, h->down, h->card_down };
	case CAPACITY_ALL_WITHIN:
	case CAPACITY_RULES_END:
		break;
	}
	return (struct capacity_load){ CAPACITY_ALL_WITHIN, fmin(h->up, h->down), h->within / 2 };
}

struct capacity_load capacity_binding(const struct capacity_host *hosts, size_t n, size_t *host)
{
	struct capacity_load fullest = { CAPACITY_DOWN, 0, INFINITY };

	*host = 0;
	for (size_t i = 0; i < n; i++) {
		for (int rule = CAPACITY_DOWN; rule <= CAPACITY_WITHIN; rule++) {
			struct capacity_load l = capacity_judge(hosts, n, i, (enum capacity_rule)rule);

			if (l.load / l.room > fullest.load / fullest.room) {
				fullest = l;
				*host = i;
			}
		}
	}
	return fullest;
}
