#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Capture files hold what happened: those that "test_capture --write" makes are read by a reader
that shares no code with the writer.

Usage: test_capture.py [BUILD DIRECTORY]
"""
import os
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests"))
sys.dont_write_bytecode = True
import pcapng  # noqa: E402

ETH0, DROPS = 0, 1
S = 10**9

# interface, ns, outbound, length, comment
SMALL = (
    4 * [(ETH0, 0, True, 1000, None)]
    + 2 * [(DROPS, 0, True, 1000, "dropped, queue: full")]
    + [
        (ETH0, S, False, 61, None),
        (DROPS, S, False, 61, "dropped, fault: of the emulator"),
        (ETH0, S, True, 20, None),
        (DROPS, S, True, 20, "dropped, address: nobody has the destination"),
        (ETH0, 2 * S, True, 125, None),
        (DROPS, 2 * S + 10**6, True, 125, "dropped, loss: as configured"),
        (DROPS, 3 * S + 1, False, 33, "dropped, loss: the way is cut"),
    ]
)


def check_frame(file, snap):
    assert file.section[4] == b"lento-wire"
    assert [i.linktype for i in file.interfaces] == [101, 101], "LINKTYPE_RAW"
    assert [i.options[2] for i in file.interfaces] == [b"eth0", b"drops"]
    assert all(i.options[3].startswith(b"leechers-1: ") for i in file.interfaces)
    assert [i.snap for i in file.interfaces] == [snap, snap]
    assert [s[0] for s in file.statistics] == [ETH0, DROPS]
    stamps = [p.ns for p in file.packets]
    assert stamps == sorted(stamps), "in the order of time"


def check_small(path, offset):
    file = pcapng.read(path)
    check_frame(file, 40)
    found = [(p.interface, p.ns - offset, p.outbound, p.length, p.comment) for p in file.packets]
    assert sorted(found, key=str) == sorted(SMALL, key=str), found
    for p in file.packets:
        assert len(p.data) == min(40, p.length) and p.data[0] == 0x45
        assert (p.data[15] == 1) == p.outbound, "the source address"
    assert file.statistics == [(ETH0, 7, 0), (DROPS, 6, 0)], file.statistics


def check_flood(path, captured, missing):
    file = pcapng.read(path)
    check_frame(file, 65535)
    assert len(file.packets) == captured and missing > 0
    assert all(len(p.data) == 1500 for p in file.packets)
    assert file.statistics == [(ETH0, captured + missing, missing), (DROPS, 0, 0)]
    assert sum(p.missing for p in file.packets) <= missing
    # The stamps number the packets: just those that are said to be missing are.
    last = -1
    for p in file.packets:
        number = p.ns - file.packets[0].ns
        assert number == last + 1 + p.missing, (number, last, p.missing)
        last = number


def main():
    build = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("BUILD", os.path.join(ROOT, "build"))
    program = os.path.join(build, "tests/unit/test_capture")
    with tempfile.TemporaryDirectory() as work:
        out = subprocess.run([program, "--write", work], check=True, capture_output=True, text=True)
        offset, captured, missing = (int(n) for n in out.stdout.split())
        check_small(os.path.join(work, "small.pcapng"), offset)
        check_flood(os.path.join(work, "flood.pcapng"), captured, missing)
    print(f"{len(SMALL)} packets as they happened; {captured} of {captured + missing} of a flood")
    return 0


sys.exit(main())
