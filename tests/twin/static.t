#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Programs that the shim does not reach: static ones, musl, Go, and what starts what.
#
# Real programs are timed from outside, where no clock is dilated: one that escapes ends in a
# quarter of the time.  static-rows has the twin tests, linked statically.
cd "$(dirname "$0")/../.." || exit 1
build=${BUILD:-build}
timedil=$build/timedil
TIMEDIL=$timedil
export TIMEDIL
sleeper=$build/tests/twin/sleeper
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
failed=0
n=0

result() { # STATUS NAME [WHY]
	n=$((n + 1))
	if [ "$1" = 0 ]; then
		echo "ok $n - $2"
	else
		echo "not ok $n - $2: $3"
		failed=1
	fi
}

# takes NAME COMMAND...: 1200 ms of wall time at TDF 4, that is 300 of its own, and success.
# On a busy machine a program starts late; one dilated twice would sleep for 4800 ms.
takes() {
	local name=$1 begin wall status why chance
	shift
	for chance in 1 2 3; do
		begin=$(date +%s%N)
		"$timedil" --tdf 4 "$@" >"$dir/out" 2>&1
		status=$?
		wall=$((($(date +%s%N) - begin) / 1000000))
		why=
		[ $status = 0 ] || why="status $status: $(head -n 1 "$dir/out")"
		[ $wall -ge 1195 ] || why="only $wall ms of wall time"
		[ $wall -lt 4000 ] || why="$wall ms of wall time"
		[ -n "$why" ] || break
	done
	[ -z "$why" ]
	result $? "$name" "$why ($chance tries)"
}

# says NAME TEXT COMMAND...
says() {
	local name=$1 text=$2 out
	shift 2
	out=$("$timedil" --tdf 4 --date @1000000000 "$@" 2>&1)
	[ "$out" = "$text" ]
	result $? "$name" "printed '$out', not '$text'"
}

takes "static: a sleep" "$sleeper" 300
takes "busybox: sleep" busybox sleep 0.3
says "busybox: date" 1000000000 busybox date +%s
musl-gcc -O2 -static -o "$dir/musl-static" tests/twin/sleeper.c &&
	musl-gcc -O2 -o "$dir/musl" tests/twin/sleeper.c
takes "musl: static" "$dir/musl-static" 300
takes "musl: dynamic" "$dir/musl" 300
takes "musl: dynamic, trapped" --trap "$dir/musl" 300
takes "Go: hey, for a duration" hey -z 300ms -q 10 -c 1 http://127.0.0.1:1/
takes "Go: gosu executes" gosu root "$sleeper" 300
takes "python, trapped" --trap python3 -c "
import time
a = time.monotonic()
time.sleep(.3)
assert .299 < time.monotonic() - a < 1"

takes "dynamic starts static" bash -c "$sleeper 300; true"
takes "static starts dynamic" busybox sh -c "/bin/sleep 0.3; true"
takes "static, dynamic, static" busybox sh -c "/bin/bash -c '$sleeper 300; true'; true"
takes "without its environment" env -i "$PWD/$sleeper" 300
printf '#!%s sh\n/bin/sleep 0.3\n' "$(command -v busybox)" >"$dir/script"
chmod +x "$dir/script"
takes "a script of a static shell" bash -c "$dir/script; true"
says "its name" "$(readlink -f "$(command -v busybox)")" busybox readlink /proc/self/exe
says "its arguments" "busybox cat /proc/self/cmdline" bash -c \
	"busybox cat /proc/self/cmdline | tr '\\0' ' ' | sed 's/ \$//'"

echo "1..$n"
exit $failed
