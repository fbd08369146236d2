"""gospy heap against what a program knows of its own objects."""
import unittest

import lib_fixture
import lib_gospy
from lib_gospy import ERROR, OK, ON, PARTIAL, USAGE, TargetTest, run


class Heap(TargetTest):
    def look(self, fixture, *options):
        return run("heap", fixture.pid, "--json", *options).expect(OK).json()

    def check(self, fixture):
        known = fixture.ready
        mine = self.look(fixture)
        objects = {entry["name"]: entry["objects"] for entry in mine["types"] if "name" in entry}
        self.assertEqual({name: objects.get(name) for name in known["types"]}, known["types"])
        # What the answer takes is allocated after the figures were read.
        own = fixture.ask("memstats")
        self.assertLessEqual(mine["allocated"]["bytes"], own["HeapAlloc"])
        self.assertGreater(mine["allocated"]["bytes"], own["HeapAlloc"] * 0.95)
        self.assertLessEqual(mine["reachable"]["bytes"], mine["allocated"]["bytes"])
        self.assertGreater(mine["typed"]["bytes"], mine["reachable"]["bytes"] * 0.95)
        for key in ("objects", "bytes"):
            self.assertEqual(sum(entry[key] for entry in mine["types"]), mine["reachable"][key])
            self.assertEqual(sum(entry[key] for entry in mine["types"] if "name" in entry),
                             mine["typed"][key])
        self.assertEqual(mine["unknown_spans"], 0)
        self.assertEqual(mine["unread_roots"], 0)
        self.assertEqual(mine["instant"], ON == "core")

    def test_types(self):
        for build in lib_gospy.builds("heaped", variants=("default", "pie", "stripped", "cgo")):
            with self.subTest(build=str(build)):
                self.check(self.watch(lib_fixture.start(build)))
            self.doCleanups()

    def fixture(self):
        build = lib_gospy.builds("heaped", variants=("default",))[-1]
        return self.watch(lib_fixture.start(build))

    def test_lines_and_limits(self):
        fixture = self.fixture()
        lines = run("heap", "--json=lines", "--limit", "3", fixture.pid).expect(OK).json_lines()
        self.assertEqual([line["type"] for line in lines], ["heap"] + 3 * ["heap_type"])
        self.assertGreater(lines[0]["type_count"], 3)
        text = run("heap", "-n", "2", fixture.pid).expect(OK).out.splitlines()
        self.assertEqual(text[3].split(), ["BYTES", "SHARE", "OBJECTS", "TYPE"])
        self.assertEqual(len(text), 7)
        self.assertRegex(text[-1], r"^\.\.\. \d+ more$")

    def test_too_little_memory(self):
        """What is known is shown, and it is said that it is not all."""
        fixture, seen = self.fixture(), set()
        for most in (1000, 100000, 200000, 300000, 400000, 500000, 2000000):
            looked = run("heap", "--json", "--max-memory", most, fixture.pid)
            seen.add(looked.status)
            with self.subTest(most=most):
                if looked.status == PARTIAL:
                    self.assertTrue(looked.json()["partial"])
                    self.assertLessEqual(looked.json()["memory_bytes"], most)
                elif looked.status != OK:
                    self.assertIn("no memory is left", looked.err)
        self.assertEqual(seen, {ERROR, PARTIAL, OK})
        run("heap", "--max-memory", "x", fixture.pid).expect(USAGE)


if __name__ == "__main__":
    unittest.main()
