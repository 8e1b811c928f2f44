# SPDX-License-Identifier: GPL-2.0-or-later
# Shared by the system tests: a state directory of their own, and a look at what
# is left on the machine.
# shellcheck shell=bash

BUILD=${BUILD:-build}
cd "$BATS_TEST_DIRNAME/../.." || exit 1
LENTO=$(realpath "$BUILD")/lento

need_host() {
	[ "$(id -u)" -eq 0 ] || skip "root is needed"
	[ -c /dev/net/tun ] || skip "this kernel has no TUN device"
	[ -c /dev/fuse ] || skip "this kernel has no FUSE"
}

setup() {
	WORK=$(mktemp -d)
	export LENTO_STATE="$WORK/state"
	RESULTS="$WORK/results"
	PIDS=()
}

teardown() {
	"$LENTO" destroy --all >/dev/null 2>&1 || :
	for pid in "${PIDS[@]}"; do
		kill -9 "$pid" 2>/dev/null || :
	done
	rm -rf "$WORK"
}

# start_run NAME ARGUMENTS...: a run in the background; $LENTO_PID is its process.
start_run() {
	local name=$1
	shift
	"$LENTO" run --results "$RESULTS/$name" "$@" >"$WORK/$name.out" 2>"$WORK/$name.err" 3>&- &
	LENTO_PID=$!
	PIDS+=("$LENTO_PID")
}

# wait_phase NAME PHASE: until the run that wrote below results/NAME is there; prints its id.
wait_phase() {
	local id i
	for ((i = 0; i < 300; i++)); do
		id=$(readlink "$RESULTS/$1/latest" 2>/dev/null || :)
		if [ -n "$id" ] && grep -q "phase $2\$" "$RESULTS/$1/$id/lento.log" 2>/dev/null; then
			echo "$id"
			return 0
		fi
		sleep 0.1
	done
	echo "the run did not reach phase $2:" >&2
	cat "$WORK/$1.err" >&2
	return 1
}

# state_pid ID NAME: the pid of lento, wire or store from the run's record.
state_pid() {
	/usr/bin/python3 -c 'import json,sys; print(json.load(open(sys.argv[1]))[sys.argv[2]]["pid"])' \
		"$LENTO_STATE/$1/state.json" "$2"
}

# field FILE EXPRESSION: look into results.json, as "r".
field() {
	/usr/bin/python3 -c 'import json,sys; r = json.load(open(sys.argv[1])); print(eval(sys.argv[2]))' \
		"$1" "$2"
}

# Everything of run ID that could be left behind; empty when there is nothing.
leftovers() {
	local id=$1
	find /sys/fs/cgroup -type d -path "*/lento/$id*" 2>/dev/null
	grep -F "$id" /proc/mounts || :
	ls -d "$LENTO_STATE/$id" 2>/dev/null || :
	ip -o link | grep -E ' (peer[0-9]+|tun[0-9]+|eth0)[:@]' | grep -v -F 'link/ether' || :
	local p
	for p in /proc/[0-9]*; do
		if tr '\0' ' ' <"$p/cmdline" 2>/dev/null | grep -F "$id" | grep -qv -e bats -e '^tail'; then
			echo "process ${p#/proc/}: $(tr '\0' ' ' <"$p/cmdline")"
		fi
	done
}

# wait_gone PID SECONDS: a background run has ended; its status is in $STATUS.
wait_end() {
	local i
	for ((i = 0; i < $2 * 10; i++)); do
		if ! kill -0 "$1" 2>/dev/null; then
			STATUS=0
			wait "$1" || STATUS=$?
			return 0
		fi
		sleep 0.1
	done
	echo "process $1 hangs" >&2
	return 1
}
