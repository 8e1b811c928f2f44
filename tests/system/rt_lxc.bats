#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Containers for real: see rt_lxc.c, which holds the cases.

BUILD=${BUILD:-build}

case_of() {
	cd "$BATS_TEST_DIRNAME/../.." || return 1
	[ -x "$BUILD/tests/system/rt_lxc" ] || skip "$BUILD/tests/system/rt_lxc is not built"
	run "$BUILD/tests/system/rt_lxc" "$BUILD" orchestrator/rt/seccomp.policy "$1"
	echo "$output"
	[ "$status" -ne 77 ] || skip "$output"
	[ "$status" -eq 0 ]
}

@test "a peer sees no devices, no writable root, few capabilities, a filter" {
	case_of isolation
}

@test "the same without user namespaces" {
	case_of root
}

@test "eth0 is the peer's, all routes lead there, TCP constants follow the factor" {
	case_of network
}

@test "a container's sockets have the run's congestion control and initial RTO" {
	case_of tcp
}

@test "memory and process limits hold, usage is counted" {
	case_of limits
}

@test "a command runs inside, under the same limits" {
	case_of exec
}

@test "a frozen peer stands still, goes on, can be killed" {
	case_of freeze
}

@test "exit status, signals, failed starts, a killed lento-init" {
	case_of events
}

@test "a container that cannot start says why and leaves nothing" {
	case_of bootfail
}

@test "a client that speaks to lento's socket is not heard" {
	case_of liar
}

@test "peers end when lento is killed" {
	case_of orphan
}

@test "purging one of two runs leaves the other alone" {
	case_of two
}

@test "a run killed in the middle of its boots leaves nothing" {
	case_of midboot
}

@test "twenty times: start, kill -9, purge; nothing is left" {
	case_of purge
}
