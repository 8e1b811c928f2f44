#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# The life cycle of runs: real containers, real clients, real kills.

load helpers

SMALL=tests/data/system/small.yaml
# The same swarm with an uplink so thin that it is still going on when we strike.
LONG=(--no-calibrate --set links.dsl.up=16kbit/s --set links.lan.up=16kbit/s "$SMALL")

@test "a small swarm completes, byte-exact, and leaves nothing" {
	need_host
	run "$LENTO" run --results "$RESULTS" --capture leechers-1 --capture tracker \
		--set capture.snap=96B "$SMALL"
	echo "$output"
	[ "$status" -eq 0 ] || [ "$status" -eq 5 ]
	json=$RESULTS/latest/results.json
	/usr/bin/python3 tests/system/captured.py "$RESULTS/latest" tracker-1 leechers-1
	[ "$(field "$json" '[p["verified"] for p in r["peers"] if p["role"] == "leech"]')" = "[True, True, True]" ]
	[ -s "$RESULTS/latest/manifest.json" ]
	[ -s "$RESULTS/latest/timeline.csv" ]
	[ -s "$RESULTS/latest/host.csv" ]
	# All that was delivered between peers is in it, but for what came while it was written last.
	rows=$(awk -F, 'NR > 1 { sum += $5 } END { printf "%d", sum }' "$RESULTS/latest/traffic.csv")
	[ "$(field "$json" "0.99 < $rows / sum(b for _, _, b in r['traffic']) <= 1")" = True ]
	[ "$(grep -c leechers-1, "$RESULTS/latest/peers.csv")" -gt 2 ]
	[ -s "$RESULTS/latest/experiment.resolved.yaml" ]
	[ -z "$(leftovers "$(readlink "$RESULTS/latest")")" ]
}

@test "the same seed gives the same payload and torrent" {
	need_host
	"$LENTO" run --quiet --no-calibrate --results "$RESULTS/a" "$SMALL" >/dev/null || [ $? -eq 5 ]
	"$LENTO" run --quiet --no-calibrate --results "$RESULTS/b" "$SMALL" >/dev/null || [ $? -eq 5 ]
	[ "$(field "$RESULTS/a/latest/manifest.json" 'r["payload"]')" = \
	  "$(field "$RESULTS/b/latest/manifest.json" 'r["payload"]')" ]
}

@test "two runs at once" {
	need_host
	start_run a --no-calibrate "$SMALL"
	a=$LENTO_PID
	start_run b --no-calibrate "$SMALL"
	b=$LENTO_PID
	wait_end "$a" 120
	[ "$STATUS" -eq 0 ] || [ "$STATUS" -eq 5 ]
	wait_end "$b" 120
	[ "$STATUS" -eq 0 ] || [ "$STATUS" -eq 5 ]
	for x in a b; do
		[ "$(field "$RESULTS/$x/latest/results.json" \
			'all(p["verified"] for p in r["peers"] if p["role"] == "leech")')" = True ]
	done
}

@test "ps, logs, exec, set, pause, resume while a run goes on" {
	need_host
	start_run x "${LONG[@]}"
	id=$(wait_phase x run)
	"$LENTO" ps | grep -F "$id"
	"$LENTO" ps "$id" | grep -E '^leechers-1 .*ctorrent'
	[ "$("$LENTO" exec leechers-1 /bin/hostname)" = leechers-1 ]
	run "$LENTO" exec leechers-1 /bin/sh -c 'exit 7'
	[ "$status" -eq 7 ]
	run "$LENTO" exec leecher-1 /bin/true
	[ "$status" -eq 2 ]
	[[ "$output" == *'did you mean "leechers-1"'* ]]
	"$LENTO" logs tracker-1 >/dev/null
	"$LENTO" set tdf=0.5
	"$LENTO" ps --json | grep -q '"tdf": "0.5"'
	"$LENTO" pause
	before=$("$LENTO" ps --json | grep virtual_ns)
	sleep 0.5
	[ "$("$LENTO" ps --json | grep virtual_ns)" = "$before" ]
	"$LENTO" resume
	sleep 0.3
	[ "$("$LENTO" ps --json | grep virtual_ns)" != "$before" ]
	run "$LENTO" set tdf=0
	[ "$status" -eq 2 ]
	kill -INT "$LENTO_PID"
	wait_end "$LENTO_PID" 30
	[ -s "$RESULTS/x/latest/results.json" ]
	[ "$(field "$RESULTS/x/latest/results.json" 'r["run"]["interrupted"]')" = True ]
	[ -z "$(leftovers "$id")" ]
}

# strike NAME: kill -9 of one of lento, wire, store in mid-run.
strike() {
	start_run k "${LONG[@]}"
	id=$(wait_phase k run)
	sleep 1
	kill -9 "$(state_pid "$id" "$1")"
}

@test "kill -9 of lento-wire: the run is invalid and says why" {
	need_host
	strike wire
	wait_end "$LENTO_PID" 60
	[ "$STATUS" -eq 5 ]
	[ "$(field "$RESULTS/k/latest/results.json" 'r["verdict"]["level"]')" = invalid ]
	grep -q 'lento-wire.*signal 9' "$RESULTS/k/latest/results.json"
	[ -z "$(leftovers "$id")" ]
}

@test "kill -9 of lento-store: the run is invalid and says why" {
	need_host
	strike store
	wait_end "$LENTO_PID" 60
	[ "$STATUS" -eq 5 ]
	[ "$(field "$RESULTS/k/latest/results.json" 'r["verdict"]["level"]')" = invalid ]
	grep -q 'lento-store.*signal 9' "$RESULTS/k/latest/results.json"
	[ -z "$(leftovers "$id")" ]
}

@test "kill -9 of lento: destroy --all leaves nothing" {
	need_host
	strike lento
	wait_end "$LENTO_PID" 10
	"$LENTO" ps | grep -E "$id +dead"
	timeout 60 "$LENTO" destroy --all
	left=$(leftovers "$id")
	echo "$left"
	[ -z "$left" ]
	"$LENTO" ps | grep -q 'no run'
}

@test "destroy of a run that is alive ends it, with its results" {
	need_host
	start_run d "${LONG[@]}"
	id=$(wait_phase d run)
	timeout 60 "$LENTO" destroy "$id"
	wait_end "$LENTO_PID" 10
	[ -s "$RESULTS/d/latest/results.json" ]
	[ -z "$(leftovers "$id")" ]
}

@test "a stopped lento-wire is noticed" {
	need_host
	start_run s "${LONG[@]}"
	id=$(wait_phase s run)
	kill -STOP "$(state_pid "$id" wire)"
	wait_end "$LENTO_PID" 90
	[ "$STATUS" -eq 5 ]
	grep -q 'does not answer' "$RESULTS/s/latest/results.json"
	[ -z "$(leftovers "$id")" ]
}

@test "a client that crashes is named, exit status 4" {
	need_host
	start_run c "${LONG[@]}"
	id=$(wait_phase c run)
	"$LENTO" exec leechers-1 /bin/sh -c 'for p in /proc/[0-9]*; do
		read -r name <$p/comm; [ "$name" = ctorrent ] && kill -SEGV ${p#/proc/}; done; :'
	sleep 1
	kill -TERM "$LENTO_PID"
	wait_end "$LENTO_PID" 30
	[ "$STATUS" -eq 4 ]
	[ "$(field "$RESULTS/c/latest/results.json" \
		'[p["end"] for p in r["peers"] if p["name"] == "leechers-1"]')" = "['crashed']" ]
}

@test "a client that ignores SIGTERM is killed after its grace time" {
	need_host
	start_run h "${LONG[@]}"
	id=$(wait_phase h run)
	"$LENTO" exec leechers-1 /bin/sh -c 'for p in /proc/[0-9]*; do
		read -r name <$p/comm; [ "$name" = ctorrent ] && kill -STOP ${p#/proc/}; done; :'
	kill -TERM "$LENTO_PID"
	wait_end "$LENTO_PID" 40
	[ "$STATUS" -eq 4 ]
	[ "$(field "$RESULTS/h/latest/results.json" \
		'[p["end"] for p in r["peers"] if p["name"] == "leechers-1"]')" = "['hung']" ]
	[ -z "$(leftovers "$id")" ]
}

@test "bad experiments: one message, exit status 2, nothing created" {
	n=0
	for f in tests/data/bad/*; do
		run "$LENTO" run --results "$RESULTS" "$f"
		echo "$f: $output"
		[ "$status" -eq 2 ]
		[ "${#lines[@]}" -eq 1 ]
		[[ "$output" == "lento: $f:"* ]]
		n=$((n + 1))
	done
	[ "$n" -ge 25 ]
	[ ! -e "$RESULTS" ]
	[ ! -e "$LENTO_STATE" ]
}

@test "a dry run prints an experiment that reads the same again" {
	"$LENTO" run --dry-run --set links.dsl.down=4Mbit/s "$SMALL" >"$WORK/one.yaml"
	grep -q '4Mbit/s' "$WORK/one.yaml"
	"$LENTO" run --dry-run "$WORK/one.yaml" >"$WORK/two.yaml"
	diff "$WORK/one.yaml" "$WORK/two.yaml"
	[ ! -e "$LENTO_STATE" ]
}

@test "a full disk below the results fails the run with one clear reason" {
	need_host
	mkdir "$RESULTS"
	run unshare -m sh -c "mount -t tmpfs -o size=28k full '$RESULTS' &&
		exec '$LENTO' run --no-calibrate --results '$RESULTS' '$SMALL'"
	echo "$output"
	[ "$status" -eq 1 ]
	[[ "$output" == *"No space left on device"* ]]
	[ -z "$(ls "$LENTO_STATE")" ]
}

@test "a full disk below the state directory leaves nothing" {
	need_host
	mkdir "$LENTO_STATE"
	run unshare -m sh -c "mount -t tmpfs -o size=1100k full '$LENTO_STATE' &&
		'$LENTO' run --no-calibrate --results '$RESULTS' '$SMALL'; s=\$?; ls '$LENTO_STATE'; exit \$s"
	echo "$output"
	[ "$status" -eq 1 ]
	[[ "${lines[-1]}" == *"No space left on device"* ]]
	[ -z "$(ls "$RESULTS")" ]
}

@test "kill -9 at any moment of the start: destroy leaves nothing" {
	need_host
	for delay in 0.05 0.15 0.3 0.5 0.8; do
		start_run k "$SMALL"
		sleep "$delay"
		id=$(readlink "$RESULTS/k/latest" || :)
		kill -9 "$LENTO_PID"
		wait_end "$LENTO_PID" 5
		timeout 60 "$LENTO" destroy --all
		[ -z "$(ls "$LENTO_STATE")" ]
		if [ -n "$id" ]; then
			left=$(leftovers "$id")
			echo "$left"
			[ -z "$left" ]
		fi
	done
}
