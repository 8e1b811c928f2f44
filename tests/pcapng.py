# SPDX-License-Identifier: GPL-2.0-or-later
"""A strict reader of pcapng files, written from draft-ietf-opsawg-pcapng and not from our
writer, so that the tests do not take our own mistakes for right.

read(PATH) gives a File; a file that breaks a rule raises ValueError.
"""
import struct
from collections import namedtuple

Interface = namedtuple("Interface", "linktype snap options")
Packet = namedtuple("Packet", "interface ns data length outbound comment missing")
File = namedtuple("File", "section interfaces packets statistics")


def need(ok, text):
    if not ok:
        raise ValueError(text)


def options(data, order):
    """The options of a block, as {code: value}; codes in use here stand once."""
    found, at = {}, 0
    while at < len(data):
        code, length = struct.unpack_from(order + "HH", data, at)
        at += 4
        if code == 0:
            need(length == 0 and at == len(data), "something follows the end of the options")
            return found
        value = data[at:at + length]
        need(len(value) == length, "an option is cut off")
        pad = -length % 4
        need(data[at + length:at + length + pad] == bytes(pad), "padding that is not zero")
        need(code not in found, f"option {code} stands twice")
        found[code] = value
        at += length + pad
    need(not found, "the end of the options is missing")
    return found


def blocks(raw):
    need(len(raw) >= 12 and raw[:4] == b"\x0a\x0d\x0d\x0a", "no section header")
    order = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}[raw[8:12]]
    at = 0
    while at < len(raw):
        kind, length = struct.unpack_from(order + "II", raw, at)
        need(length >= 12 and length % 4 == 0 and at + length <= len(raw), "a block is cut short")
        (again,) = struct.unpack_from(order + "I", raw, at + length - 4)
        need(again == length, "the lengths of a block differ")
        yield order, kind, raw[at + 8:at + length - 4]
        at += length


def packet(body, order, interfaces):
    number, high, low, captured, length = struct.unpack_from(order + "IIIII", body)
    need(number < len(interfaces), "a packet before its interface")
    need(captured <= length and captured <= interfaces[number].snap, "more than the snap length")
    need(interfaces[number].options.get(9) == b"\x09", "stamps are no nanoseconds")
    end = 20 + captured
    pad = -captured % 4
    need(body[end:end + pad] == bytes(pad), "padding that is not zero")
    opts = options(body[end + pad:], order)
    direction = struct.unpack(order + "I", opts[2])[0] & 3
    need(direction in (1, 2), "a packet without a direction")
    missing = struct.unpack(order + "Q", opts[4])[0] if 4 in opts else 0
    comment = opts[1].decode("utf-8") if 1 in opts else None
    return Packet(number, high << 32 | low, body[20:end], length, direction == 2, comment, missing)


def read(path):
    with open(path, "rb") as file:
        raw = file.read()
    interfaces, packets, statistics, section = [], [], [], None
    for order, kind, body in blocks(raw):
        if kind == 0x0A0D0D0A:
            need(section is None, "two sections")
            need(struct.unpack_from(order + "HH", body, 4) == (1, 0), "not version 1.0")
            section = options(body[16:], order)
        elif kind == 1:
            linktype, reserved, snap = struct.unpack_from(order + "HHI", body)
            need(reserved == 0, "reserved bits are set")
            interfaces.append(Interface(linktype, snap, options(body[8:], order)))
        elif kind == 6:
            packets.append(packet(body, order, interfaces))
        elif kind == 5:
            number, _, _ = struct.unpack_from(order + "III", body)
            opts = options(body[12:], order)
            statistics.append((number, struct.unpack(order + "Q", opts[4])[0],
                               struct.unpack(order + "Q", opts[5])[0]))
        else:
            raise ValueError(f"a block of type {kind}")
    return File(section, interfaces, packets, statistics)
