#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# What a run does to the host it is on: the host's limits, its CPUs, and peers without manners.

load helpers

HOGS=tests/data/system/hogs.yaml

# nice_of PID
nice_of() {
	ps -o ni= -p "$1" | tr -d ' '
}

# The client of RUN/PEER, as the host numbers it.
client_of() {
	pgrep -f '^/bin/sleep infinity$' | while read -r pid; do
		if grep -q "/$1\$" "/proc/$pid/cgroup"; then
			echo "$pid"
			break
		fi
	done
}

# wait_for COMMAND...: until it succeeds; what it waits for takes a second or two.
wait_for() {
	local i
	for ((i = 0; i < 600; i++)); do
		if "$@" >/dev/null 2>&1; then
			return 0
		fi
		sleep 0.1
	done
	echo "waited in vain for: $*" >&2
	return 1
}

# A hundred thousand packets, with time for lento-wire to take them from the device.
FLOOD='exec 3>/dev/udp/198.18.2.1/9 4<> <(:)
for ((i = 0; i < 500; i++)); do
	for ((k = 0; k < 200; k++)); do echo x >&3; done 2>/dev/null
	read -r -t 0.002 -u 4
done'

@test "peers that fork, eat memory, fill the disk or flood are named, and harm no other" {
	need_host
	start_run h --no-calibrate --quiet "$HOGS"
	id=$(wait_phase h run)

	# Who is asked goes before the peers; they are as the user has started lento.
	[ "$(nice_of "$LENTO_PID")" = -10 ]
	[ "$(nice_of "$(client_of "$id/calm-1")")" = "$(nice)" ]

	"$LENTO" exec hogs-1 /bin/sh -c 'for i in $(seq 100); do sleep 300 & done' || :
	"$LENTO" exec hogs-2 /bin/sh -c 'head -c 200M /dev/zero | tail >/dev/null' || :
	"$LENTO" exec hogs-3 /bin/sh -c 'head -c 80M /dev/zero >/log/much; sleep 60' || :
	"$LENTO" exec hogs-4 /bin/bash -c "$FLOOD" || :
	wait_for grep -q 'hogs-3: ended for filling the disk' "$RESULTS/h/latest/lento.log"
	"$LENTO" exec calm-1 /bin/true

	kill -INT "$LENTO_PID"
	wait_end "$LENTO_PID" 120
	json=$RESULTS/h/latest/results.json
	field "$json" 'r["verdict"]'
	field "$json" '[(p["name"], p["end"], p["why"], p["limits_hit"]) for p in r["peers"] if p["group"] == "hogs"]'
	[ "$STATUS" -eq 4 ]
	[ "$(field "$json" '[p["limits_hit"] for p in r["peers"] if p["group"] == "hogs"]')" = \
	  "[['processes'], ['memory'], ['disk'], ['network']]" ]
	[ "$(field "$json" '{tuple(p["limits_hit"]) for p in r["peers"] if p["group"] == "calm"}')" = "{()}" ]
	[ "$(field "$json" '{p["end"] for p in r["peers"] if p["group"] == "calm"}')" = "{'running'}" ]
	[ "$(field "$json" '[p["why"][:27] for p in r["peers"] if not p["as_expected"]]')" = \
	  "['ended for filling the disk:']" ]
	[ "$(field "$json" '[x["text"] for x in r["verdict"]["reasons"] if x["rule"] == "limits"]')" = \
	  "['4 of 24 peers ran into limits: hogs-1 (processes), hogs-2 (memory), hogs-3 (disk), hogs-4 (network)']" ]
	[ -z "$(leftovers "$id")" ]
}

# Two knobs that --fix looks at, put below what two peers need and far above what this host
# uses: one of the kernel, one that only the host's own network namespace has.
KNOBS=(/proc/sys/kernel/pty/max /proc/sys/net/ipv4/neigh/default/gc_thresh3)
LOW=(1090 500)

@test "--fix raises what is too low, and puts it back in the host's network, too" {
	need_host
	before=() during=() after=()
	for i in 0 1; do
		before[i]=$(cat "${KNOBS[i]}")
		echo "${LOW[i]}" >"${KNOBS[i]}"
	done
	# Nothing fails before the host has its numbers again.
	start_run f --fix --no-calibrate --quiet --set time.limit=10min tests/data/system/idle.yaml || :
	wait_phase f run || :
	for i in 0 1; do
		during[i]=$(cat "${KNOBS[i]}")
	done
	kill -INT "$LENTO_PID" || :
	wait_end "$LENTO_PID" 60 || :
	for i in 0 1; do
		after[i]=$(cat "${KNOBS[i]}")
		echo "${before[i]}" >"${KNOBS[i]}"
	done
	echo "before ${before[*]}, during ${during[*]}, after ${after[*]}"
	cat "$WORK/f.err"
	for i in 0 1; do
		[ "${during[i]}" -gt "${LOW[i]}" ]
		[ "${after[i]}" -eq "${LOW[i]}" ]
	done
	[ ! -s "$WORK/f.err" ]
	[ -z "$(ls "$LENTO_STATE")" ]
}
