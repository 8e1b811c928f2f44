#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A swarm behind NATs: all leechers complete, and each WAN line has carried what crossed it.

Usage: wan_bytes.py RESULTS.JSON

What peers have got over a gateway, by the traffic matrix, is what its line has carried, but for
packets that were dropped behind it.  How many those may be is counted elsewhere; of some
that were under way at the end it is not known.
"""
import json
import sys

MTU = 1500
UNDER_WAY = 40

with open(sys.argv[1], encoding="utf-8") as file:
    results = json.load(file)
peers = results["peers"]
failures = 0


def check(good, text):
    global failures
    failures += not good
    print(f"{'good' if good else 'BAD '}: {text}")


def drops(direction):
    return direction["queue_drops"] + direction["loss_drops"] + direction["fault_drops"]


def crossed(gateway, src_is_inside):
    """Bytes by the traffic matrix, out of a LAN or into it."""
    return sum(count for src, dst, count in results["traffic"]
               if (peers[src]["gateway"] == gateway) == src_is_inside
               and (peers[dst]["gateway"] == gateway) != src_is_inside)


for peer in peers:
    if peer["role"] == "leech":
        check(peer["verified"] is True, f"{peer['name']} has the payload, byte-exact")

# Wherever they were to go.
astray = (UNDER_WAY + results["wire"]["unknown_dst_drops"]
          + sum(drops(p["link"]["down"]) for p in peers)
          + sum(drops(g["down"]) + g["nat"]["filtered_drops"] for g in results["gateways"]))
check(len(results["gateways"]) == 4, "four gateways")
for number, gateway in enumerate(results["gateways"]):
    for direction in "up", "down":
        carried = gateway[direction]["bytes"]
        arrived = crossed(number, direction == "up")
        check(arrived <= carried <= arrived + MTU * astray,
              f"{gateway['name']} {direction}: {carried} bytes on the line, {arrived} by the matrix, "
              f"at most {astray} packets astray")
    check(gateway["down"]["bytes"] > results["run"]["payload_bytes"],
          f"{gateway['name']}: the payload has come in")
    check(gateway["nat"]["created"] > 0 and gateway["nat"]["exhausted_drops"] == 0,
          f"{gateway['name']}: {gateway['nat']['created']} bindings were made")
sys.exit(failures > 0)
