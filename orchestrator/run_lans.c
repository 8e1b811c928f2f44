// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * run_lans - the gateways of the LANs: what the experiment says of them, in the terms of
 * lento-wire, and the events that change their lines.
 */
#include "run_private.h"

#include <stdlib.h>

uint32_t run_gateway_id(const struct run *run, uint32_t gateway)
{
	return run->exp->peer_count + 1 + gateway;
}

static struct wire_nat nat_of(const struct nat_spec *nat)
{
	static const enum wire_nat_kind kinds[] = {
		[NAT_NONE] = WIRE_NAT_NONE, [NAT_FULL_CONE] = WIRE_NAT_FULL_CONE,
		[NAT_RESTRICTED] = WIRE_NAT_RESTRICTED,
		[NAT_PORT_RESTRICTED] = WIRE_NAT_PORT_RESTRICTED,
		[NAT_SYMMETRIC] = WIRE_NAT_SYMMETRIC,
	};

	return (struct wire_nat) {
		.kind = kinds[nat->kind], .hairpin = nat->hairpin,
		.port_min = nat->port_min, .port_max = nat->port_max,
		.timeout_ns = {
			[WIRE_NAT_UDP] = nat->udp_ns, [WIRE_NAT_TCP] = nat->tcp_ns,
			[WIRE_NAT_TCP_TRANSITORY] = nat->tcp_transitory_ns,
			[WIRE_NAT_ICMP] = nat->icmp_ns,
		},
	};
}

void run_gateway_of(const struct run *run, uint32_t gateway, struct wire_link *out)
{
	const struct lan_spec *lan = experiment_gateway_lan(run->exp, gateway);

	*out = (struct wire_link) {
		.kind = WIRE_GATEWAY, .ip = experiment_gateway_ip(run->exp, gateway),
		.group = (uint32_t)(run->exp->group_count + (size_t)(lan - run->exp->lans)),
		.inside_ip = lan->addresses.network, .inside_bits = lan->addresses.bits,
		.nat = nat_of(&lan->nat),
	};
	run_lines_of(&run->wans[gateway], out->line);
}

/* The peer behind @gateway that @f leads to; false: it is behind another one. */
static bool forward_target(const struct run *run, uint32_t gateway, const struct forward_spec *f,
			   uint32_t *peer)
{
	const struct lan_spec *lan = experiment_gateway_lan(run->exp, gateway);
	const struct group_spec *group = &run->exp->groups[f->to.group];
	uint32_t k = f->to.number ? f->to.number - 1 : gateway - lan->first_gateway;

	*peer = group->first_peer + k;
	return k < group->count && experiment_peer_gateway(run->exp, *peer) == gateway;
}

static int add_forward(struct run *run, uint32_t gateway, const struct forward_spec *f,
		       struct err *err)
{
	static const uint8_t numbers[] = { [FORWARD_TCP] = 6, [FORWARD_UDP] = 17 };
	uint32_t peer;

	if (!forward_target(run, gateway, f, &peer)) {
		return 0;
	}
	for (int p = FORWARD_TCP; p <= FORWARD_UDP; p++) {
		struct wire_forward forward = {
			.inside_ip = experiment_peer_ip(run->exp, peer), .port = f->port,
			.inside_port = f->inside_port, .protocol = numbers[p],
		};

		if ((f->protocol == FORWARD_BOTH || (int)f->protocol == p) &&
		    wire_add_forward(run->wire, run_gateway_id(run, gateway), &forward, err)) {
			return -1;
		}
	}
	return 0;
}

int run_add_gateways(struct run *run, struct err *err)
{
	run->wans = calloc(run->exp->gateway_count + 1, sizeof(*run->wans));
	if (!run->wans) {
		return err_errno(err, ERR_FAILED, "%u LANs", run->exp->gateway_count);
	}
	for (uint32_t g = 0; g < run->exp->gateway_count; g++) {
		const struct lan_spec *lan = experiment_gateway_lan(run->exp, g);
		struct wire_link link;

		run->wans[g] = run->exp->links[lan->wan];
		run_gateway_of(run, g, &link);
		if (wire_add_gateway(run->wire, run_gateway_id(run, g), &link, err)) {
			return err_wrap(err, "LAN %s", lan->name);
		}
		for (size_t i = 0; i < lan->forward_count; i++) {
			if (add_forward(run, g, &lan->forwards[i], err)) {
				return err_wrap(err, "LAN %s", lan->name);
			}
		}
	}
	return 0;
}

uint32_t run_wan_event(struct run *run, const struct event_spec *e)
{
	uint32_t changed = 0;

	for (uint32_t g = 0; run->wans && g < run->exp->gateway_count; g++) {
		const struct lan_spec *lan = experiment_gateway_lan(run->exp, g);
		bool named = e->lan != NO_LAN ? lan == &run->exp->lans[e->lan] : lan->wan == e->link;
		struct wire_link link;
		struct err err = { 0 };

		if (!named) {
			continue;
		}
		link_spec_change(&run->wans[g], &run->exp->links[lan->wan], e);
		run_gateway_of(run, g, &link);
		if (wire_set_link(run->wire, run_gateway_id(run, g), &link, &err)) {
			run_fail(run, ERR_FIDELITY, "event on the line of the LAN %s: %s", lan->name,
				 err.msg);
		}
		changed++;
	}
	return changed;
}
