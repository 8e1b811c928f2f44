#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Real programs, dilated.  Each waits for 300 ms in a way of its language's and prints how
# many of its milliseconds went by: about 300 (a clock that escapes says 1200), in no less
# than 1200 ms of wall time (a wait that escapes takes 300).
#
# shellcheck disable=SC2016 # programs in other languages have dollars of their own
cd "$(dirname "$0")/../.." || exit 1
timedil=${BUILD:-build}/timedil
tdf=4
n=0
failed=0
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT

# waits NAME PROGRAM ARG...
waits() {
	local name=$1 begin end wall virt why chance
	shift
	n=$((n + 1))
	if ! command -v "$1" >/dev/null; then
		echo "ok $n - $name # SKIP $1 is not installed"
		return
	fi
	for chance in 1 2 3; do
		begin=$(date +%s%N)
		virt=$("$timedil" --tdf $tdf "$@" 2>"$dir/err")
		end=$(date +%s%N)
		wall=$(((end - begin) / 1000000))
		why=
		[[ $virt =~ ^[0-9]+$ ]] || why="printed '$virt'; $(head -n 1 "$dir/err")"
		[ -n "$why" ] || [ "$virt" -ge 299 ] || why="only $virt ms of its time"
		[ -n "$why" ] || [ "$virt" -lt 400 ] || why="$virt ms of its time"
		[ -n "$why" ] || [ $wall -ge 1195 ] || why="only $wall ms of wall time"
		[ -n "$why" ] || break
	done
	if [ -z "$why" ]; then
		echo "ok $n - $name"
	else
		echo "not ok $n - $name: $why ($chance tries)"
		failed=1
	fi
}

# python NAME STATEMENTS: what waits, between two looks at two clocks.
python() {
	waits "python: $1" /usr/bin/python3 -c "
import time, threading, queue, select, selectors, asyncio, subprocess, signal, socket, os
a, b = time.monotonic(), time.time()
$2
a, b = time.monotonic() - a, time.time() - b
assert abs(a - b) < .02, (a, b)
print(round(a * 1000))"
}

python "time.sleep" "time.sleep(.3)"
python "threading.Event" "threading.Event().wait(.3)"
python "threading.Lock" "l = threading.Lock(); l.acquire(); l.acquire(timeout=.3)"
python "queue" "
try: queue.Queue().get(timeout=.3)
except queue.Empty: pass"
python "select" "select.select([], [], [], .3)"
python "selectors" "
s = selectors.DefaultSelector(); s.register(os.pipe()[0], 1); s.select(.3)"
python "asyncio" "asyncio.run(asyncio.sleep(.3))"
python "subprocess" "
p = subprocess.Popen(['sleep', '5'])
try: p.wait(.3)
except subprocess.TimeoutExpired: p.kill(); p.wait()"
python "signal.setitimer" "
signal.signal(signal.SIGALRM, lambda *a: None); signal.setitimer(signal.ITIMER_REAL, .3); signal.pause()"
python "signal.sigtimedwait" "signal.sigtimedwait([signal.SIGUSR1], .3)"
python "socket.settimeout" "
s = socket.socketpair(); s[0].settimeout(.3)
try: s[0].recv(1)
except TimeoutError: pass"
python "a child's sleep" "subprocess.run(['sleep', '.3'])"

waits "perl: select" perl -MTime::HiRes=time -e \
	'$a = time; select(undef, undef, undef, .3); print int((time - $a) * 1000 + .5)'
waits "perl: alarm" perl -MTime::HiRes=time,ualarm -e \
	'$a = time; $SIG{ALRM} = sub { print int((time - $a) * 1000 + .5); exit }; ualarm(300000); sleep 9'
waits "bash: read -t" bash -c \
	'a=${EPOCHREALTIME/./}; read -rt .3 <> <(:); echo $(((${EPOCHREALTIME/./} - a + 500) / 1000))'
waits "node: setTimeout" node -e \
	'const a = performance.now(); setTimeout(() => console.log(Math.round(performance.now() - a)), 300)'
waits "node: Atomics.wait" node -e \
	'const a = Date.now(); Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
	console.log(Date.now() - a)'

cat >"$dir/Wait.java" <<'JAVA'
public class Wait {
	public static void main(String[] args) throws Exception {
		long a = System.nanoTime();
		Thread.sleep(100);
		synchronized (Wait.class) {
			Wait.class.wait(100);
		}
		new java.util.concurrent.CountDownLatch(1).await(100, java.util.concurrent.TimeUnit.MILLISECONDS);
		System.out.println((System.nanoTime() - a + 500000) / 1000000);
	}
}
JAVA
if command -v javac >/dev/null && javac -d "$dir" "$dir/Wait.java" 2>/dev/null; then
	waits "java: sleep, wait, await" java -cp "$dir" Wait
else
	n=$((n + 1))
	echo "ok $n - java # SKIP no compiler"
fi

# A server that accepts and says nothing, in a network of its own.
n=$((n + 1))
if command -v curl >/dev/null && unshare -n true 2>/dev/null; then
	cat >"$dir/curl" <<'SH'
ip link set lo up
python3 -c '
import socket
s = socket.create_server(("127.0.0.1", 8099))
c = s.accept()[0]
c.recv(4096)
c.recv(1)' &
sleep 1
begin=$(date +%s%N)
"$1" --tdf "$2" curl -s -m 0.3 -o /dev/null -w '%{time_total} ' http://127.0.0.1:8099/
echo "$? $((($(date +%s%N) - begin) / 1000000))"
SH
	read -r virt status wall < <(unshare -n sh "$dir/curl" "$timedil" $tdf)
	virt=${virt//./}
	if [ "$status" = 28 ] && [ "$wall" -ge 1190 ] && [ "$((10#$virt))" -lt 450000 ]; then
		echo "ok $n - curl: --max-time"
	else
		echo "not ok $n - curl: --max-time: status $status, $virt us of its time, $wall ms wall"
		failed=1
	fi
else
	echo "ok $n - curl # SKIP not installed, or no network namespaces"
fi

echo "1..$n"
exit $failed
