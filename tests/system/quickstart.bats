#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# What "make run" runs: three genuine clients in one swarm.

load helpers

@test "quickstart: 12 leechers of three clients complete, byte-exact, in under 3 minutes" {
	need_host
	begin=$SECONDS
	run timeout 200 "$LENTO" run --results "$RESULTS" topologies/quickstart.yaml
	echo "$output"
	[ "$status" -eq 0 ] || [ "$status" -eq 5 ]
	[ $((SECONDS - begin)) -lt 180 ]
	json=$RESULTS/latest/results.json
	[ "$(field "$json" 'sum(1 for p in r["peers"] if p["role"] == "leech" and p["verified"])')" -eq 12 ]
	[ "$(field "$json" 'all(p["as_expected"] for p in r["peers"])')" = True ]
	# Nobody is faster than the link allows, whatever the clock says.
	[ "$(field "$json" 'all((p["complete_virt_ns"] - p["started_virt_ns"]) / 1e9 >=
		8 * r["run"]["payload_bytes"] / next(l["down_bps"] for g in r["groups"] for l in r["links"]
		if g["name"] == p["group"] and l["name"] == g["link"])
		for p in r["peers"] if p["role"] == "leech")')" = True ]
	[ -z "$(leftovers "$(readlink "$RESULTS/latest")")" ]
}
