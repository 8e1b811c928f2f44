#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Kernel TCP in virtual time: see tcp_time.c, which holds the cases.

BUILD=${BUILD:-build}

case_of() {
	cd "$BATS_TEST_DIRNAME/../.." || return 1
	[ -x "$BUILD/tests/system/tcp_time" ] || skip "$BUILD/tests/system/tcp_time is not built"
	run "$BUILD/tests/system/tcp_time" "$1"
	echo "$output"
	[ "$status" -ne 77 ] || skip "$output"
	[ "$status" -eq 0 ]
}

@test "a SYN is sent again by the factor, in two runs at once, and after a change" {
	case_of syn
}

@test "the minimum RTO goes by the factor" {
	case_of rto
}

@test "an open connection follows the factor down, a new one up and down" {
	case_of follow
}

@test "CUBIC is ours, each run its own, and carries data through losses" {
	case_of cubic
}

@test "a run that is killed leaves nothing in the kernel" {
	case_of kill
}
