#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# timedil explain: what it says of a process, by whatever that is dilated, and why one is not.
cd "$(dirname "$0")/../.." || exit 1
build=${BUILD:-build}
timedil=$build/timedil
dir=$(mktemp -d) || exit 1
child=
trap '[ -z "$child" ] || kill "$child" 2>/dev/null; rm -rf "$dir"' EXIT
failed=0
n=0

result() { # STATUS NAME [WHY]
	n=$((n + 1))
	if [ "$1" = 0 ]; then
		echo "ok $n - $2"
	else
		echo "not ok $n - $2"
		printf '%s\n' "$3" | sed 's/^/# /'
		failed=1
	fi
}

# explains NAME STATUS TEXT COMMAND...: COMMAND, which has to print its process id when it is up
# and then to stay, is explained with STATUS and a line that matches TEXT.
explains() {
	local name=$1 status=$2 text=$3 got pid
	shift 3
	exec {up}< <(exec "$@" 2>"$dir/err")
	child=$!
	read -r -t 30 pid <&"$up"
	"$timedil" explain "$pid" >"$dir/out" 2>&1
	got=$?
	kill "${pid:-$child}" 2>>"$dir/out" || kill "$child"
	exec {up}<&-
	wait "$child" 2>/dev/null
	child=
	[ $got = "$status" ] && grep -qE "$text" "$dir/out"
	result $? "$name" "status $got, wanted $status and '$text'; pid '$pid'
$(cat "$dir/out")"
}

cat >"$dir/odd.c" <<'END'
/* Prints its process id and waits; does before what its argument says. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifdef ODD
static long call(long nr, long a, long b, long c, long d)
{
	register long r10 __asm__("r10") = d;
	long ret;

	__asm__ volatile("syscall" : "=a"(ret) : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10)
			 : "rcx", "r11", "memory");
	return ret;
}
#endif

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	char params[120] = { 0 };

	if (strcmp(what, "ring") == 0 && syscall(SYS_io_uring_setup, 4, params) < 0) {
		return 1;
	}
#ifdef ODD
	unsigned long block = 1UL << (SIGURG - 1);

	__builtin_ia32_rdtsc();
	if (strcmp(what, "deaf") == 0) {
		call(SYS_rt_sigprocmask, SIG_BLOCK, (long)&block, 0, sizeof(block));
	}
#endif
	printf("%d\n", (int)getpid());
	fflush(stdout);
	pause();
	return 0;
}
END
gcc -o "$dir/plain" "$dir/odd.c" && gcc -static -o "$dir/static" "$dir/odd.c" || exit 1
dilated=("$timedil" --tdf 4)

explains "the shim" 0 "^dilated: by libtimedil.so" "${dilated[@]}" "$dir/plain"
explains "its clock and factor" 0 "^clock: /dev/shm/timedil-.*, TDF 4, running" "${dilated[@]}" "$dir/plain"
explains "all of its threads hear of changes" 0 "reach each of 1 thread$" "${dilated[@]}" "$dir/plain"
explains "a ring without liburing" 0 "io_uring +REAL: 1 open, without" "${dilated[@]}" "$dir/plain" ring
explains "times of files" 0 "times of files +virtual" "${dilated[@]}" "$dir/plain"
explains "not those without TIMEDIL_FILES" 0 "times of files +REAL: TIMEDIL_FILES" \
	"${dilated[@]}" env -u TIMEDIL_FILES "$dir/plain"
explains "a program that is not dilated" 1 "NO.* executed without LD_PRELOAD" "$dir/plain"
explains "a cleared environment" 1 "NO.* executed without LD_PRELOAD" "${dilated[@]}" env -i "$dir/plain"
explains "a static program past the trap" 1 "NO.* static, or Go" "$dir/static"
explains "no page" 1 "NO.* found no clock page" env LD_PRELOAD="$PWD/$build/libtimedil.so" \
	TIMEDIL_PAGE="$dir/none" "$dir/plain"

if [ "$(uname -m)" = x86_64 ]; then
	gcc -DODD -o "$dir/odd" "$dir/odd.c" || exit 1
	explains "the trap" 0 "^dilated: by timedil-trap" "${dilated[@]}" "$dir/static"
	explains "the trap on a dynamic program" 0 "^dilated: by timedil-trap" \
		"${dilated[@]}" --trap "$dir/plain"
	explains "what the trap does not cover" 0 "TCP_INFO.* REAL" "${dilated[@]}" "$dir/static"
	explains "rdtsc" 0 "rdtsc +REAL: 1 place in $dir/odd" "${dilated[@]}" "$dir/odd"
	explains "no rdtsc" 0 "rdtsc +REAL, but in none of its files" "${dilated[@]}" "$dir/plain"
	explains "a system call without libc" 0 "instructions +REAL: 1 place in $dir/odd" \
		"${dilated[@]}" "$dir/odd"
	explains "one that blocks the kick" 0 "MISSED by 1 of 1 threads" "${dilated[@]}" "$dir/odd" deaf
fi

out=$("$timedil" --explain 2>&1)
[ $? = 2 ] && [[ $out == *"takes the ids of processes"* ]]
result $? "without a process" "$out"
out=$("$timedil" explain 12x 2>&1)
[ $? = 2 ] && [[ $out == *"'12x' is no process id"* ]]
result $? "no number" "$out"
out=$("$timedil" explain 2147483647 2>&1)
[ $? = 125 ] && [[ $out == *"process 2147483647: there is none"* ]]
result $? "no process" "$out"

echo "1..$n"
exit $failed
