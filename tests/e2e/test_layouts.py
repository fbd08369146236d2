"""Programs without debug information, whose layouts come from the tables: the same is shown of them
as with it, and what cannot be known is left out."""
import os
import re
import shutil
import subprocess
import tempfile
import unittest

import lib_fixture
import lib_gospy

# Heap figures that change with a GC only, of which a fixture at rest has none.
STILL = ("num_gc", "num_forced_gc", "last_gc_unix_ns", "pause_total_ns", "next_gc")


TABLES = os.path.join(os.path.dirname(__file__), "../../dwarf/go/layout_tables.c")


def newest_in_tables():
    """The last Go 1.x that the tables were made from."""
    with open(TABLES, encoding="utf-8") as f:
        releases = f.read().split("layout_releases[] = {")[1].split("};")[0]
    return max(int(minor) for minor in re.findall(r"\{(\d+), \d+\}", releases))


class LayoutsTest(lib_gospy.TargetTest):
    def setUp(self):
        if not shutil.which("strip"):
            self.skipTest("no strip")
        self.directory = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.directory)

    def without_dwarf(self, build, version=None):
        """A copy of a program that has symbols but no DWARF, and says that it is of `version`."""
        path = os.path.join(self.directory, f"{build.version}-{build.variant}-{version}")
        subprocess.run(["strip", "-g", "-o", path, build.path], check=True)
        if version:
            own = f"go{build.version}".encode()
            self.assertEqual(len(own), len(version))
            with open(path, "rb") as f:
                data = f.read()
            with open(path, "wb") as f:
                f.write(data.replace(own, version.encode()))
        return self.watch(lib_fixture.Fixture(path))

    def test_the_same_as_with_dwarf(self):
        """At rest, a program looks the same through the tables and through the DWARF of its twin."""
        for build in lib_gospy.builds("states", ["default", "pie", "cgo"]):
            with self.subTest(build=str(build)):
                fixture = self.without_dwarf(build)
                tables = lib_gospy.summary(fixture.pid, "-v")
                dwarf = lib_gospy.summary(fixture.pid, "-v", "--bin", build.path)
                used = {p["source"] for p in tables["provenance"]}
                self.assertIn("layout table", used)
                self.assertNotIn("DWARF", used)
                self.assertIn("DWARF", {p["source"] for p in dwarf["provenance"]})
                self.assertNotIn("note", tables["target"])
                self.assertEqual(set(tables), set(dwarf))
                self.assertEqual(set(tables["heap"]), set(dwarf["heap"]))
                for key in STILL:
                    self.assertEqual(tables["heap"][key], dwarf["heap"][key], key)
                self.assertEqual(set(tables["sched"]), set(dwarf["sched"]))
                self.assertEqual(tables["sched"]["goidgen"], dwarf["sched"]["goidgen"])
                self.assertEqual(tables["sched"]["ngsys"], dwarf["sched"]["ngsys"])

    def test_a_newer_version_is_checked(self):
        """The newest Go, pretending to be the one after it: its layouts are used, and that is said."""
        build = lib_gospy.builds("states", ["default"])[-1]
        if build.minor < newest_in_tables():
            self.skipTest(f"the tables know what comes after Go 1.{build.minor}")
        later = f"go1.{build.minor + 1}{build.version[len('1.27'):]}"
        fixture = self.without_dwarf(build, later)
        document = lib_gospy.summary(fixture.pid, "-v")
        self.assertEqual(document["target"]["go_version"], later)
        self.assertIn("heap", document)
        self.assertIn("in_use", document["heap"])
        self.assertRegex(document["target"]["note"], r"of Go [\d.]+ \(.*\); they fit this process")
        unchecked = [p["name"] for p in document["provenance"]
                     if p["source"].startswith("layout table, unchecked: ")]
        self.assertIn("layout runtime.schedt", unchecked)

    def pretend(self, minor, version):
        found = [b for b in lib_gospy.builds("states", ["default"])
                 if b.minor == minor and len(b.version) == len(version) - len("go")]
        if not found:
            raise unittest.SkipTest(f"no build of Go 1.{minor} that can say it is {version}")
        return self.without_dwarf(found[0], version)

    def test_what_does_not_fit_is_left_out(self):
        """Go 1.21 whose own version is a lie: layouts of 1.26 contradict the process."""
        fixture = self.pretend(21, "go1.26.11")

        def contradicted():
            # While no P is idle, the 0 that is found for their number may be right.
            run = lib_gospy.run("summary", fixture.pid, "--json")
            return "npidle" not in run.json()["sched"] and run
        run = lib_gospy.wait_for(contradicted, "an idle P")
        document = run.expect(lib_gospy.PARTIAL).json()
        self.assertIn("does not fit this process", document["target"]["note"])
        self.assertIn("left out", document["snapshot"]["problem"])
        self.assertNotIn("num_gc", document["heap"])
        self.assertNotIn("npidle", document["sched"])
        # What needs no table is all there.
        goids = {g["goid"] for g in document["goroutines"]}
        self.assertTrue({g["goid"] for g in fixture.ready["goroutines"]} <= goids)
        self.assertTrue(document["ps"] and document["ms"])

        def left_out():
            run = lib_gospy.run("summary", fixture.pid)
            return re.search(r"(?m)^Sched: NMidle \?, .*NPidle \?", run.out) and run
        run = lib_gospy.wait_for(left_out, "an idle P").expect(lib_gospy.PARTIAL)
        self.assertRegex(run.out, r"(?m)^Heap: .* GC: \? cycles, \? forced, last \?")
        self.assertNotIn("1844674407", run.out)
        # Labels are a map up to Go 1.23 and a slice from 1.24 on, which the version decides: those
        # that this one has cannot be so, and that is said.
        run = lib_gospy.run("stack", fixture.pid).expect(lib_gospy.PARTIAL)
        self.assertRegex(run.err, r"not shown, .*: \d+ goroutines' labels")


if __name__ == "__main__":
    lib_gospy.main()
