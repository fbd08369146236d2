"""Programs without symbols, with no --bin: what is shown of them is what their unstripped twin gives,
on the same process, and what they say themselves."""
import os
import shutil
import struct
import subprocess
import tempfile
import unittest

import compare
import lib_fixture
import lib_gospy

STRIPPED = ("stripped", "sw")


def strip(path, stripped):
    subprocess.run(["strip", "-o", stripped, path], check=True)


def behead(path, stripped):
    """As sstrip does: no section headers."""
    strip(path, stripped)
    with open(stripped, "r+b") as f:
        f.seek(0x28)  # e_shoff
        f.write(struct.pack("<Q", 0))
        f.seek(0x3c)  # e_shnum, e_shstrndx
        f.write(struct.pack("<HH", 0, 0))


# What differs from one moment to the next in a process at rest.
MOMENTARY = {"uptime_ns", "time_unix_ns", "paused_ns", "total_ns", "wait_ns", "due_ns", "cpu_ns",
             "schedtick", "syscalltick"}


def without_moments(value):
    if isinstance(value, dict):
        return {k: without_moments(v) for k, v in value.items() if k not in MOMENTARY}
    if isinstance(value, list):
        return [without_moments(v) for v in value]
    return value


def difference(a, b, path=""):
    """Where two documents differ first, or None."""
    if isinstance(a, dict) and isinstance(b, dict):
        pairs = [(k, a.get(k), b.get(k)) for k in {**a, **b}]
    elif isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        pairs = [(i, x, y) for i, (x, y) in enumerate(zip(a, b))]
    else:
        return None if a == b else f"{path}: {str(a)[:200]} != {str(b)[:200]}"
    return next((d for k, x, y in pairs if (d := difference(x, y, f"{path}/{k}"))), None)


def addresses(document):
    return {p["name"]: p["addr"] for p in document["provenance"]
            if "addr" in p and p["name"] not in lib_gospy.FOR_PROFILES}


class StrippedTest(lib_gospy.TargetTest):
    def look(self, fixture, command, *options):
        return lib_gospy.run(command, fixture.pid, "--json", *options).expect(lib_gospy.OK).json()

    def difference(self, fixture, twin, command):
        alone = self.look(fixture, command)
        helped = self.look(fixture, command, "--bin", twin)
        # If the tables do not have the release, it says so.
        if "layouts without debug information" in alone["target"].get("note", ""):
            del alone["target"]["note"]
        return difference(without_moments(alone), without_moments(helped))

    def check_same(self, fixture, twin, command):
        """What has just begun may still come to rest; what differs, differs again."""
        for _ in range(50):
            found = self.difference(fixture, twin, command)
            if not found:
                return
        self.fail(found)

    def check_all_same(self, fixture, twin):
        for command in ("summary", "stack"):
            with self.subTest(command=command):
                self.check_same(fixture, twin, command)
        alone = self.look(fixture, "summary", "-v")
        helped = self.look(fixture, "summary", "-v", "--bin", twin)
        self.assertEqual(addresses(alone), addresses(helped))
        sources = {p["source"] for p in alone["provenance"] if p["name"].startswith("runtime.")}
        self.assertEqual(sources, {"code"})

    def test_as_the_unstripped_twin(self):
        twins = {b.version: b.path for b in lib_fixture.builds("states", ["default"])}
        for build in lib_gospy.builds("states", ["stripped"]):
            with self.subTest(build=str(build)):
                fixture = self.watch(lib_fixture.start(build))
                self.check_all_same(fixture, twins[build.version])

    @unittest.skipUnless(shutil.which("strip"), "there is no strip")
    def test_every_kind_of_build(self):
        with tempfile.TemporaryDirectory() as directory:
            for build in lib_gospy.builds("states"):
                for remove in (strip, behead):
                    with self.subTest(build=str(build), remove=remove.__name__):
                        path = os.path.join(directory, f"states-{remove.__name__}")
                        remove(build.path, path)
                        fixture = self.watch(lib_fixture.Fixture(path))
                        self.check_all_same(fixture, build.path)
                        os.unlink(path)

    def test_what_the_program_says(self):
        for build in lib_gospy.builds("states", STRIPPED):
            with self.subTest(build=str(build)):
                fixture = self.watch(lib_fixture.start(build))
                document = self.look(fixture, "summary")
                compare.Goroutines(self, fixture.ready, document).check()


if __name__ == "__main__":
    lib_gospy.main()
