#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The captures of a run agree with its counters.

Usage: captured.py RESULTS PEER...      just these peers were captured, 96 bytes a packet
"""
import glob
import json
import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests"))
sys.dont_write_bytecode = True
import pcapng  # noqa: E402

ETH0, DROPS = 0, 1


def drops(direction):
    return direction["queue_drops"] + direction["loss_drops"] + direction["fault_drops"]


def check(peer, path, virt_ns):
    file, link = pcapng.read(path), peer["link"]
    address = bytes(int(part) for part in peer["ip"].split("."))
    seen = {(i, out): 0 for i in (ETH0, DROPS) for out in (True, False)}
    size = {True: 0, False: 0}
    for p in file.packets:
        seen[p.interface, p.outbound] += 1
        assert len(p.data) == min(96, p.length), "the snap length"
        assert p.data[12:16] == address if p.outbound else p.data[16:20] == address
        assert (p.comment is None) == (p.interface == ETH0), "just drops have a reason"
        if p.interface == ETH0:
            size[p.outbound] += p.length
    assert seen[ETH0, False] == link["down"]["packets"], (seen, link)
    assert size[False] == link["down"]["bytes"]
    # What was sent is through the uplink, was dropped there, or was still queued at the end.
    up = link["up"]["packets"] + drops(link["up"]) + link["unknown_dst_drops"]
    assert up <= seen[ETH0, True] <= up + 100, (seen, link)
    assert seen[DROPS, False] == drops(link["down"])
    assert seen[DROPS, True] == drops(link["up"]) + link["unknown_dst_drops"]
    assert link["captured"] == len(file.packets) and link["capture_missing"] == 0
    stamps = [p.ns for p in file.packets]
    assert stamps == sorted(stamps) and stamps[-1] - stamps[0] < virt_ns + 60 * 10**9, "virtual"
    return len(file.packets)


def main():
    results, wanted = sys.argv[1], sys.argv[2:]
    with open(os.path.join(results, "results.json"), encoding="utf-8") as file:
        result = json.load(file)
    paths = {path.split("/")[-2]: path for path in glob.glob(results + "/peers/*/capture.pcapng")}
    assert sorted(paths) == sorted(wanted), paths
    peers = {peer["name"]: peer for peer in result["peers"]}
    for name in wanted:
        count = check(peers[name], paths[name], result["run"]["virt_ns"])
        assert count > 10, "nothing happened"
        print(f"{name}: {count} packets")
    assert all(p["link"]["captured"] == 0 for n, p in peers.items() if n not in wanted)


main()
