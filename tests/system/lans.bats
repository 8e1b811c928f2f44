#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# LANs behind gateways with each kind of NAT: what gets through and what does not, with the sockets of
# real kernels (wire_lans.c prints the table), and a swarm of genuine clients.

load helpers

# wire_lans CASE
wire_lans() {
	[ "$(id -u)" -eq 0 ] || skip "root is needed"
	[ -c /dev/net/tun ] || skip "this kernel has no TUN device"
	run timeout 300 "$BUILD/tests/system/wire_lans" "$BUILD/lento-wire" "$1"
	echo "$output"
	[ "$status" -ne 77 ] || skip "${lines[-1]}"
	[ "$status" -eq 0 ]
}

setup_file() {
	cd "$BATS_TEST_DIRNAME/../.." || return 1
	make -s BUILD="$BUILD" "$BUILD/lento-wire" "$BUILD/tests/system/wire_lans"
}

@test "UDP through each NAT: who gets in, forwarded ports, hairpin, ICMP errors" { wire_lans udp; }
@test "TCP through each NAT: who gets in, forwarded ports, hairpin, data both ways" { wire_lans tcp; }
@test "NAT bindings last and end in virtual time" { wire_lans timeouts; }
@test "UDP hole punching between each two NATs" { wire_lans punch; }
@test "multicast reaches the members in its own LAN, and nobody else" { wire_lans multicast; }

@test "a swarm with clients behind each NAT completes, byte-exact" {
	need_host
	run timeout 250 "$LENTO" run --no-calibrate --results "$RESULTS" tests/data/system/nat.yaml
	echo "$output"
	[ "$status" -eq 0 ] || [ "$status" -eq 5 ]
	[[ "$output" == *"symmetric: 1 WAN line, "* ]]
	/usr/bin/python3 tests/system/wan_bytes.py "$RESULTS/latest/results.json"
}
