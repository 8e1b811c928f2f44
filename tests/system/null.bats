#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# The run's logic without containers, network or root.

load helpers

# As a user without rights, where we are root; from a copy, as such a user may not
# be able to reach the source tree.
plain() {
	if [ "$(id -u)" -ne 0 ]; then
		"$LENTO" "$@"
		return
	fi
	mkdir -p "$WORK/bin"
	cp -rL "$BUILD"/lento* "$BUILD/libtimedil.so" "$BUILD/share" "$WORK/bin"
	chmod 0777 "$WORK"
	setpriv --reuid 65534 --regid 65534 --clear-groups "$WORK/bin/lento" "$@"
}

idle() {
	cp tests/data/system/idle.yaml "$WORK/idle.yaml"
	echo "$WORK/idle.yaml"
}

@test "the null back end runs, stops at the limit and leaves nothing" {
	run plain run --backend null --quiet --results "$RESULTS" "$(idle)"
	echo "$output"
	[ "$status" -eq 0 ] || [ "$status" -eq 5 ]
	json=$RESULTS/latest/results.json
	[ "$(field "$json" '[p["end"] for p in r["peers"]]')" = "['running', 'running']" ]
	[ "$(field "$json" 'r["run"]["stopped_by"]')" = "time limit" ]
	# 3 virtual seconds at TDF 0.5.
	[ "$(field "$json" '1.4 < r["run"]["wall_ns"] / 1e9 < 3')" = True ]
	[ -z "$(ls "$LENTO_STATE")" ]
}

@test "tdf: auto follows the host, within its range, and virtual time goes on evenly" {
	run plain run --backend null --quiet --results "$RESULTS" --set time.tdf=auto \
		--set 'time.tdf_range=[1/4, 2]' --set time.limit=6s "$(idle)"
	echo "$output"
	json=$RESULTS/latest/results.json
	[ "$(field "$json" 'r["run"]["tdf_auto"]')" = True ]
	[ "$(field "$json" 'len(r["tdf_changes"]) > 1')" = True ]
	[ "$(field "$json" 'all(0.25 <= c["tdf"]["value"] <= 2 for c in r["tdf_changes"])')" = True ]
	[ "$(field "$json" '[c["at_virt_ns"] for c in r["tdf_changes"]] == sorted(c["at_virt_ns"] for c in r["tdf_changes"])')" = True ]
	# The wall time is what the factors make of the virtual one, or the rule "clock" speaks.
	[ "$(field "$json" '[x["rule"] for x in r["verdict"]["reasons"] if x["rule"] == "clock"]')" = "[]" ]
	grep -q '^time: {tdf: auto, tdf_range: \[1/4, 2\]' "$RESULTS/latest/experiment.resolved.yaml" ||
		grep -q '^time: {tdf: auto, tdf_range: \[0.25, 2\]' "$RESULTS/latest/experiment.resolved.yaml"
}

@test "replicas make a series, and one that was interrupted goes on" {
	idle >/dev/null
	sed -i 's/^name: idle/name: idle\nreplicas: 3/' "$WORK/idle.yaml"
	run "$LENTO" run --backend null --quiet --no-calibrate --results "$RESULTS" --set time.limit=1s "$WORK/idle.yaml"
	echo "$output"
	series=$(realpath "$RESULTS/latest")
	[[ "$output" == *"3 of 3 replicas"* ]]
	[ "$(field "$series/series.json" 'len({r["seed"] for r in r["replicas"]})')" = 3 ]
	[ "$(field "$series/series.json" 'r["options"]')" = "['--backend', 'null', '--quiet', '--no-calibrate', '--set', 'time.limit=1s']" ]

	# As if the machine had gone down in the third.
	/usr/bin/python3 - "$series/series.json" <<-'END'
		import json, sys
		s = json.load(open(sys.argv[1]))
		s["replicas"][2].update(dir=None, exit_status=None)
		json.dump(s, open(sys.argv[1], "w"))
	END
	run "$LENTO" run --resume "$series"
	echo "$output"
	[[ "$output" == *"replica 3 of 3"* ]]
	[[ "$output" != *"replica 2 of 3"* ]]
	[ "$(find "$series" -name results.json | wc -l)" -eq 4 ]
	run "$LENTO" compare --json "$series"
	[ "$status" -eq 0 ]
	[[ "$output" == *'"runs": 3'* ]]

	echo "# changed" >>"$WORK/idle.yaml"
	run "$LENTO" run --resume "$series"
	[ "$status" -eq 2 ]
	[[ "$output" == *"has changed since"* ]]
}

@test "without root a run with containers is refused before anything is made" {
	run plain run --results "$RESULTS" "$(idle)"
	echo "$output"
	[ "$status" -eq 3 ]
	[ "${#lines[@]}" -eq 1 ]
	[[ "$output" == *root* ]]
	[ ! -e "$RESULTS" ]
	[ ! -e "$LENTO_STATE" ]
}

@test "a client that is not there is named before anything is made" {
	sed 's/image: idle/image: idel/' tests/data/system/idle.yaml >"$WORK/x.yaml"
	run plain run --backend null --results "$RESULTS" "$WORK/x.yaml"
	[ "$status" -eq 2 ]
	[[ "$output" == *'"idle"'* ]]
}

@test "an unknown command names the nearest one" {
	run "$LENTO" destory --all
	[ "$status" -eq 2 ]
	[[ "$output" == *'"destroy"'* ]]
}

@test "every command has a help of its own" {
	for c in run check ps logs exec pause resume set destroy; do
		run "$LENTO" "$c" --help
		[ "$status" -eq 0 ]
		[[ "$output" == "usage: lento $c"* ]]
	done
}

@test "topology draws an experiment, and makes one of a graph" {
	run "$LENTO" topology show --svg "$WORK/a.svg" --gml "$WORK/a.gml" --dot - topologies/quickstart.yaml
	echo "$output"
	[ "$status" -eq 0 ]
	[[ "$output" == 'graph "quickstart" {'* ]]
	/usr/bin/python3 -c 'import sys, xml.etree.ElementTree as tree; tree.parse(sys.argv[1])' "$WORK/a.svg"
	"$LENTO" topology import --peers 3 "$WORK/a.gml" >"$WORK/a.yaml"
	"$LENTO" run --dry-run "$WORK/a.yaml" | grep -q 'count: 4'
	for wrong in "import" "import --peers 0 $WORK/a.gml" "import $WORK/a.svg" "show $WORK/a.yaml" "paint x" ""; do
		# shellcheck disable=SC2086
		run "$LENTO" topology $wrong
		echo "topology $wrong: $status $output"
		[ "$status" -eq 2 ]
	done
}
