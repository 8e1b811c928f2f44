#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# lento-wire over real TUN devices, measured in virtual time (wire_net.c).

BUILD=${BUILD:-build}

# wire_net CASE TDF
wire_net() {
	[ "$(id -u)" -eq 0 ] || skip "root is needed"
	[ -c /dev/net/tun ] || skip "this kernel has no TUN device"
	run timeout 300 "$BUILD/tests/system/wire_net" "$BUILD/lento-wire" "$1" "$2"
	echo "$output"
	[ "$status" -ne 77 ] || skip "${lines[-1]}"
	[ "$status" -eq 0 ]
}

setup_file() {
	cd "$BATS_TEST_DIRNAME/../.." || return 1
	make -s BUILD="$BUILD" "$BUILD/lento-wire" "$BUILD/tests/system/wire_net"
}

setup() {
	cd "$BATS_TEST_DIRNAME/../.." || return 1
}

@test "round-trip time is the configured sum, TDF 1" { wire_net rtt 1; }
@test "round-trip time is the configured sum, TDF 5" { wire_net rtt 5; }
@test "round-trip time is the configured sum, TDF 0.5" { wire_net rtt 0.5; }

@test "rate is as configured, up and down, TDF 1" { wire_net rate 1; }
@test "rate is as configured, up and down, TDF 5" { wire_net rate 5; }
@test "rate is as configured, up and down, TDF 0.5" { wire_net rate 0.5; }

@test "loss is as configured and counted, TDF 1" { wire_net loss 1; }
@test "loss is as configured and counted, TDF 5" { wire_net loss 5; }

@test "queue delay under load is as configured and memory flat, TDF 1" { wire_net queue 1; }
@test "queue delay under load is as configured and memory flat, TDF 5" { wire_net queue 5; }
@test "queue delay under load is as configured and memory flat, TDF 0.5" { wire_net queue 0.5; }

@test "unknown destinations, false sources and malformed packets are dropped and counted" { wire_net drops 1; }
@test "a flood from one peer leaves others their time" { wire_net flood 1; }
@test "a peer that is gone costs nothing" { wire_net gone 1; }
@test "counters survive a kill -9 of lento-wire" { wire_net kill 1; }
