#!/usr/bin/env python3
"""Bundles that were cut off, or that lie: in their headers, in what they say of the process and of its
program, in what they say was read. gospy says so or shows what is there; it does not crash, hang or
take memory by what a bundle claims.

Of many hundreds of lies some are tried, by turns; GOSPY_BUNDLES=all tries all of them."""
import os
import re
import resource
import struct
import tempfile
import unittest

import lib_core
import lib_fixture
import lib_gospy
from lib_gospy import ERROR, NO_TARGET, OK, PARTIAL

ALL = os.environ.get("GOSPY_BUNDLES") == "all"
FEW = 15 if lib_gospy.FEW else 40

COMMANDS = ("summary --json", "stack --system", "memstats -a", "stats -v", "doctor -v",
            "pprof heap --debug 1", "version -v", "summary --group --pc user", "top -n 1",
            "stack --threads --native", "pprof goroutine --format folded", "doctor --json")

# gospy takes some megabytes for a bundle of this size; with sanitizers as much again and more.
MEMORY_KB = (1500 if lib_gospy.has_sanitizers() else 300) << 10

FACTS, EXACT, MARKS, PROGRAM = range(0x59505347, 0x5950534b)
HUGE = (1 << 64) - 1


def some(lies):
    """Every one of them, or FEW, from the first to the last."""
    lies = list(lies)
    return lies if ALL else [lies[i * len(lies) // FEW] for i in range(FEW)] \
        if len(lies) > FEW else lies


def notes(data):
    """Owner, type and bytes of each note."""
    at = 0
    while at + 12 <= len(data):
        owner, size, kind = struct.unpack_from("<III", data, at)
        at += 12
        name = data[at:at + owner]
        at += owner + 3 & ~3
        yield name, kind, data[at:at + size]
        at += size + 3 & ~3


def packed(found):
    return b"".join(struct.pack("<III", len(name), len(data), kind) + name.ljust(-(-len(name) // 4) * 4,
                                                                                b"\0")
                    + data.ljust(-(-len(data) // 4) * 4, b"\0") for name, kind, data in found)


def of_text(text):
    """Facts that lie: each line in turn is missing, is there twice, is cut off, or has another
    number in place of each of its own."""
    lines = text.split(b"\n")
    addresses = re.findall(rb"0x[0-9a-f]{5,}", text) or [b"0x1000"]
    for i, line in enumerate(lines):
        def changed(*new, i=i):
            return b"\n".join([*lines[:i], *new, *lines[i + 1:]])
        yield f"without {line}", changed()
        yield f"twice {line}", changed(line, line)
        yield f"cut {line}", changed(line[:len(line) // 2])
        for number in re.finditer(rb"(?<![\w.])(0x[0-9a-f]+|\d+)(?![\w.])", line):
            for value in (b"0", b"1", b"-1", b"%d" % HUGE, b"%d" % (1 << 40), b"0x7fffffffffff",
                          addresses[i % len(addresses)]):
                if value != number[0]:
                    new = line[:number.start()] + value + line[number.end():]
                    yield f"{line} is {new}", changed(new)
    yield "long", text + b"x" * (1 << 20) + b"\n"
    yield "many", text + b"thread 1 1 S 0 0 0 0 0 0 0 0 0 0 0 x\nmap 0 1 4 0 0 0 x\n" * 20000
    yield "empty", b""


def of_words(data):
    """Bytes that lie: each of the first words, and some behind, is another one."""
    places = [*range(0, min(len(data), 96), 8), *range(96, len(data) - 8, max(8, len(data) // 160 & ~7))]
    for at in places:
        for value in (0, 1, HUGE, 1 << 40, 0x7fffffffe000):
            yield f"{value:#x} at {at}", data[:at] + value.to_bytes(8, "little") + data[at + 8:]
    for size in (0, 7, len(data) // 2, max(0, len(data) - 1)):
        yield f"{size} bytes", data[:size]


class LiesTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        builds = lib_fixture.builds("states", variants=("default",))
        if not builds:
            raise unittest.SkipTest("no build of states")
        place = tempfile.TemporaryDirectory(prefix="gospy-core-")
        cls.addClassCleanup(place.cleanup)
        cls.zst, cls.plain = (os.path.join(place.name, name) for name in ("zst", "plain"))
        with lib_fixture.start(builds[-1]) as fixture:
            for path, options in ((cls.zst, ()), (cls.plain, ("--plain",))):
                lib_gospy.run("capture", fixture.pid, "-o", path, "--labels",
                              "--native", *options).expect(OK)
        cls.tried = 0

    def setUp(self):
        self.path = os.path.join(lib_core.directory(self), "bundle")

    def look(self, what):
        """A command on what became of the bundle: it ends well, and takes little."""
        kind = type(self)
        command = COMMANDS[kind.tried % len(COMMANDS)]
        kind.tried += 1
        with self.subTest(lie=what[:300], command=command):
            looked = lib_gospy.run_on([*command.split(), "--core", self.path], (), None)
            self.assertIn(looked.status, (OK, ERROR, NO_TARGET, PARTIAL), looked.err)
            if looked.status in (ERROR, NO_TARGET) and not command.startswith("doctor"):
                self.assertRegex(looked.err, r"(?m)^gospy: [^\n]+\n\Z")
            taken = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
            self.assertLess(taken, MEMORY_KB, f"{taken} KiB")
            return looked
        return None

    def write(self, data):
        with open(self.path, "wb") as f:
            f.write(data)

    def test_cut(self):
        """At 500 places, of a bundle as it is and of one that is not packed."""
        for source in (self.zst, self.plain):
            with open(source, "rb") as f:
                data = f.read()
            for size in some({*range(200), *(len(data) * i // 300 for i in range(300))}):
                self.write(data[:size])
                looked = self.look(f"{size} of {len(data)} bytes of {source}")
                # The version stands in what is said of the program, all of which may be there.
                if looked and "version" not in looked.args:
                    self.assertNotEqual(looked.status, OK, f"{size} bytes: {looked}")
                    self.assertRegex(looked.out + looked.err, "cut off|missing|no core file|empty")

    def test_changed_bytes(self):
        """Of a packed one, some bytes, in the frames and in the table behind them."""
        with open(self.zst, "rb") as f:
            data = f.read()
        places = [*(len(data) * i // 300 for i in range(300)), *range(len(data) - 200, len(data))]
        for at in some(places):
            self.write(data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1:])
            self.look(f"another byte at {at}")

    def test_headers(self):
        """Each program header, each field of it, says what cannot be."""
        with open(self.plain, "rb") as f:
            data = f.read()
        self.write(data)
        with lib_core.Headers(self.path) as headers:
            originals = headers.all()
            lies = [(i, field, value) for i, ph in enumerate(originals) for field in range(8)
                    for value in (0, 1, 3, HUGE, HUGE - 4095, 1 << 40, ph[field] + 4096,
                                  originals[i // 2][field])
                    if value != ph[field]]
            for i, field, value in some(lies):
                changed = list(originals[i])
                changed[field] = value & (HUGE if field > 1 else 0xffffffff)
                headers.write(i, changed)
                self.look(f"field {field} of header {i} is {value:#x}")
                headers.write(i, originals[i])

    def test_notes(self):
        """What gospy itself has written down, and what is written down as in every core."""
        with open(self.plain, "rb") as f:
            data = f.read()
        with lib_core.Headers(self.plain) as headers:
            originals = headers.all()
        where = next(i for i, ph in enumerate(originals) if ph[0] == lib_core.Headers.NOTE)
        ph = originals[where]
        found = list(notes(data[ph[2]:ph[2] + ph[5]]))
        for at, (name, kind, bytes_of) in enumerate(found):
            text = name == b"GOSPY\0" and kind in (FACTS, PROGRAM)
            for what, lie in some((of_text if text else of_words)(bytes_of)) \
                    if name == b"GOSPY\0" or ALL else list(of_words(bytes_of))[:3]:
                new = packed([*found[:at], (name, kind, lie), *found[at + 1:]])
                self.write(data + new)
                with lib_core.Headers(self.path) as headers:
                    headers.write(where, [*ph[:2], len(data), *ph[3:5], len(new), ph[6], ph[7]])
                self.look(f"{name} {kind:#x}: {what}")

    def test_frames(self):
        """Frames that claim 2^60 bytes, and a table that claims as much."""
        with open(self.zst, "rb") as f:
            data = f.read()
        claim = bytes.fromhex("28b52ffde0") + (1 << 60).to_bytes(8, "little") + b"\1\0\0"
        entries, table = struct.unpack_from("<I", data, len(data) - 9)[0], len(data)
        table -= 9 + 8 * entries + 8
        for what, lie in (("a frame", claim), ("the first frame", claim + data[4:]),
                          ("a frame behind", data[:table] + claim + data[table:]),
                          *((f"entry {i}", data[:table + 8 + 8 * i] + b"\xff" * 8
                             + data[table + 16 + 8 * i:]) for i in some(range(entries))),
                          ("the number", data[:-9] + b"\xff" * 4 + data[-5:])):
            self.write(lie)
            self.look(what)


if __name__ == "__main__":
    unittest.main()
