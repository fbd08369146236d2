"""`gospy pprof --debug N`: the text that the process itself writes of the same moment."""
import os
import re
import tempfile

import lib_fixture
import lib_gospy

RECORDED = ("heap", "allocs", "block", "mutex", "threadcreate")
VARIANTS = ("default", "pie", "cgo", "stripped", "noopt")
# So often a process may have done something of its own between two looks.
TRIES = 20


class Text:
    """A profile as text: .head, .records, one a paragraph, and .memory, the names of MemStats."""

    def __init__(self, text):
        text, _, memory = text.partition("\n\n# runtime.MemStats\n")
        self.memory = [line.split("=")[0] for line in memory.splitlines()]
        lines = text.splitlines()
        first = 0
        while first < len(lines) and not re.match(r"-?\d.* @", lines[first]):
            first += 1
        self.head = lines[:first]
        self.records = "\n".join(lines[first:]).strip("\n").split("\n\n")

    def order(self):
        """What the records are in order of: that of equal ones is up to the sorting."""
        return [record.split(" @")[0].split(" [")[0].split(": ")[-1].split()[0]
                for record in self.records]

    def __eq__(self, other):
        return (self.head, self.memory, self.order(), sorted(self.records)) == \
            (other.head, other.memory, other.order(), sorted(other.records))


class PprofTextTest(lib_gospy.TargetTest):
    maxDiff = None

    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)
        self.file = os.path.join(self.directory.name, "text")

    def own(self, fixture, kind, debug=1):
        self.assertEqual(fixture.ask(f"profile {kind} {debug} {self.file}"), {})
        with open(self.file, encoding="utf-8") as f:
            return f.read()

    def ours(self, fixture, kind, debug=1, *options):
        return lib_gospy.run("pprof", kind, fixture.pid, "--debug", debug,
                             *options).expect(lib_gospy.OK).out

    def each(self, check, *args, variants=VARIANTS):
        for build in lib_gospy.builds("profiled", variants):
            with self.subTest(build=str(build)):
                check(self.watch(lib_fixture.start(build, *args)))
            self.doCleanups()
            self.setUp()

    def check_recorded(self, fixture):
        """If nothing has happened in the process between two writings of its own, ours, which came
        in between, is the same as both."""
        for kind in RECORDED:
            with self.subTest(kind=kind):
                for _ in range(TRIES):
                    before = Text(self.own(fixture, kind))
                    ours = Text(self.ours(fixture, kind))
                    if before == Text(self.own(fixture, kind)):
                        self.assertEqual(ours.head, before.head)
                        self.assertEqual(sorted(ours.records), sorted(before.records))
                        self.assertEqual(ours.order(), before.order())
                        self.assertEqual(ours.memory, before.memory)
                        break
                else:
                    self.skipTest(f"{kind}: the process was never quiet")

    def test_recorded(self):
        self.each(self.check_recorded)

    def test_after_collections(self):
        self.each(self.check_recorded, "-collect", variants=("default",))

    def test_goroutine(self):
        """All but the goroutine that writes."""
        def others(text):
            return [record for record in Text(text).records if "\tmain.main+" not in record]

        def check(fixture):
            own, ours = self.own(fixture, "goroutine"), self.ours(fixture, "goroutine")
            self.assertEqual(others(ours), others(own))
            self.assertEqual(ours.splitlines()[0], own.splitlines()[0])
            self.assertGreater(len(others(own)), 3)
        self.each(check)

    def test_stacks(self):
        """--debug 2 of goroutine: tracebacks. How long one waits is left out."""
        def others(text):
            found = {}
            for paragraph in text.strip("\n").split("\n\n"):
                head, *lines = paragraph.splitlines()
                goid, state = re.match(r"goroutine (\d+) .*?\[([^\],]*)", head).groups()
                found[goid] = (state, lines)
            return {goid: found[goid] for goid in found if goid != "1"}

        def check(fixture):
            own = others(self.own(fixture, "goroutine", 2))
            self.assertEqual(others(self.ours(fixture, "goroutine", 2)), own)
            self.assertGreater(len(own), 30)
        self.each(check, variants=("default",))

    def test_files(self):
        fixture = self.watch(lib_fixture.start(lib_gospy.builds("profiled", ("default",))[-1]))
        for kind, debug, first in (("block", 1, "--- contention:\n"), ("goroutine", 2, "goroutine ")):
            with self.subTest(kind=kind):
                there = self.ours(fixture, kind, debug, "-o", "-")
                self.assertTrue(there.startswith(first), there[:100])
                facts = lib_gospy.run("pprof", kind, fixture.pid, "--debug", debug, "--json",
                                      "-o", self.file).expect(lib_gospy.OK).json()
                self.assertEqual(facts["file"], self.file)
                self.assertEqual(facts["format"], "text")
                self.assertEqual(facts["bytes"], os.path.getsize(self.file))
                with open(self.file, encoding="utf-8") as f:
                    self.assertTrue(f.read().startswith(first))

    def test_json_has_no_room(self):
        fixture = self.watch(lib_fixture.start(lib_gospy.builds("profiled", ("default",))[-1]))
        run = lib_gospy.run("pprof", "heap", fixture.pid, "--debug", 1, "--json")
        self.assertIn("-o", run.expect(lib_gospy.USAGE).err)


if __name__ == "__main__":
    lib_gospy.main()
