"""`gospy pprof --format F`: what other programs make of the process's own profile."""
import collections
import json
import os
import re
import subprocess
import tempfile
import unittest

import lib_fixture
import lib_flame
import lib_gospy
import lib_pprof

KINDS = ("goroutine", "heap", "allocs", "block", "mutex", "threadcreate")
# So often a process may have done something of its own between two looks.
TRIES = 20


class FormatsTest(lib_gospy.TargetTest):
    maxDiff = None

    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)
        self.file = os.path.join(self.directory.name, "profile")

    def each(self, check, variants=("default",)):
        for build in lib_gospy.builds("profiled", variants):
            with self.subTest(build=str(build)):
                check(self.watch(lib_fixture.start(build, "-collect")))
            self.doCleanups()
            self.setUp()

    def own(self, fixture, kind):
        """The profile that the process writes of itself, in .file."""
        self.assertEqual(fixture.ask(f"profile {kind} 0 {self.file}"), {})
        return lib_pprof.read(self.file)

    def ours(self, fixture, kind, *options):
        return lib_gospy.run("pprof", kind, fixture.pid, *options).expect(lib_gospy.OK).out

    def quiet(self, fixture, kind, *options):
        """A profile of its own, and what gospy has printed of the same."""
        for _ in range(TRIES):
            before = self.own(fixture, kind)
            ours = self.ours(fixture, kind, *options)
            after = self.own(fixture, kind)
            if lib_pprof.without_times(before) == lib_pprof.without_times(after):
                return lib_pprof.Profile(before), ours
        raise unittest.SkipTest(f"{kind}: the process was never quiet")

    @staticmethod
    def sums(profile, number):
        """Value of each stack of names, outermost first. The goroutine that writes is left out, and
        what stands for no code."""
        found = collections.Counter()
        for values, frames, _ in profile.samples:
            names = tuple(lib_pprof.printed(name) for name, *_ in reversed(frames) if name)
            if profile.types[number][0] != "goroutine" or "main.main" not in names:
                found[names] += values[number]
        return {names: value for names, value in found.items() if value}

    def test_folded(self):
        def folded(text, kind):
            found = {}
            for line in text.splitlines():
                stack, value = line.rsplit(" ", 1)
                names = tuple(stack.split(";")) if stack != "[no stack]" else ()
                self.assertNotIn(names, found)
                if kind != "goroutine" or "main.main" not in names:
                    found[names] = int(value)
            return found

        def check(fixture):
            for kind in KINDS:
                with self.subTest(kind=kind):
                    profile, ours = self.quiet(fixture, kind, "--format", "folded")
                    number = 1 if kind == "allocs" else -1
                    self.assertEqual(folded(ours, kind), self.sums(profile, number))
            profile, ours = self.quiet(fixture, "heap", "--format", "folded", "--sample-type",
                                       "alloc_objects")
            self.assertEqual(folded(ours, "heap"), self.sums(profile, 0))
        self.each(check, ("default", "stripped"))

    def test_speedscope(self):
        def check(fixture):
            for kind in KINDS:
                with self.subTest(kind=kind):
                    profile, ours = self.quiet(fixture, kind, "--format", "speedscope")
                    document = json.loads(ours)
                    self.assertEqual(document["activeProfileIndex"],
                                     1 if kind == "allocs" else len(profile.types) - 1)
                    for number, shown in enumerate(document["profiles"]):
                        self.compare(document, shown, profile, number)
        self.each(check)

    def compare(self, document, shown, profile, number):
        frames = [frame["name"] for frame in document["shared"]["frames"]]
        found = collections.Counter()
        self.assertEqual(len(shown["samples"]), len(shown["weights"]))
        self.assertEqual(sum(shown["weights"]), shown["endValue"])
        for sample, weight in zip(shown["samples"], shown["weights"]):
            names = tuple(frames[i] for i in sample)
            if shown["name"] != "goroutine" or "main.main" not in names:
                found[names] += weight
        self.assertEqual(shown["type"], "sampled")
        self.assertEqual(shown["name"], profile.types[number][0])
        self.assertEqual(shown["unit"].replace("none", "count"), profile.types[number][1])
        self.assertEqual(found, self.sums(profile, number))

    def test_html(self):
        """All types of values are in the page."""
        def check(fixture):
            for kind in KINDS:
                with self.subTest(kind=kind):
                    profile, ours = self.quiet(fixture, kind, "--format", "html")
                    page = lib_flame.Page(ours)
                    self.assertEqual([(t["name"], t["unit"]) for t in page.data["types"]],
                                     [tuple(t) for t in profile.types])
                    for number in range(len(profile.types)):
                        shown = {names: value for names, value in page.column(number).items()
                                 if kind != "goroutine" or "main.main" not in names}
                        self.assertEqual(shown, self.sums(profile, number))
        self.each(check)

    def test_svg(self):
        def check(fixture):
            for kind in KINDS:
                with self.subTest(kind=kind):
                    profile, ours = self.quiet(fixture, kind, "--format", "svg")
                    self.compare_widths(lib_flame.read_svg(ours), profile, kind)
        self.each(check)

    def compare_widths(self, boxes, profile, kind):
        totals = collections.Counter()
        number = 1 if kind == "allocs" else -1
        for values, frames, _ in profile.samples:
            names = tuple(lib_pprof.printed(name) for name, *_ in reversed(frames) if name)
            for depth in range(len(names) + 1):
                totals[names[:depth]] += values[number]
        widths = lib_flame.widths(boxes)
        for names, width in widths.items():
            # What the process does to write its own profile, and gospy does not see.
            if kind != "goroutine" or "main.main" not in names:
                self.assertAlmostEqual(width, totals[names] / totals[()] * boxes[0].width, delta=1.6)
        self.assertEqual({names for names, total in totals.items() if names and
                          total / totals[()] * boxes[0].width >= 1 and
                          (kind != "goroutine" or "main.main" not in names)} - set(widths), set())

    def test_top(self):
        """As `go tool pprof -top` prints the process's own profile."""
        why_not = lib_pprof.go_pprof()
        if why_not:
            self.skipTest(why_not)

        def check(fixture):
            for kind, options, theirs in (
                    ("heap", (), ()), ("allocs", (), ()), ("block", (), ()),
                    ("threadcreate", (), ()),
                    ("heap", ("--sample-type", "alloc_objects", "--limit", 5),
                     ("-sample_index=alloc_objects", "-nodecount=5")),
                    ("mutex", ("--sample-type", "contentions"), ("-sample_index=contentions",))):
                with self.subTest(kind=kind, options=options):
                    _, ours = self.quiet(fixture, kind, "--format", "top", *options)
                    theirs = lib_pprof.go_tool_pprof("-top", *theirs, self.file)
                    self.assertEqual(self.untimed(ours), self.untimed(theirs))
        self.each(check, ("default", "noopt"))

    @staticmethod
    def untimed(text):
        return [line for line in text.splitlines() if not line.startswith("Time: ")]

    def test_text(self):
        """--format text is --debug 1."""
        fixture = self.watch(lib_fixture.start(lib_gospy.builds("profiled", ("default",))[-1]))
        for _ in range(TRIES):
            before = self.ours(fixture, "block", "--format", "text")
            other = self.ours(fixture, "block", "--debug", 1)
            if before == self.ours(fixture, "block", "--format", "text"):
                self.assertEqual(other, before)
                return
        self.skipTest("the process was never quiet")

    def test_wrong_options(self):
        fixture = self.watch(lib_fixture.start(lib_gospy.builds("profiled", ("default",))[-1]))
        for options in (("--format", "nosuch"), ("--format", "folded", "--debug", 1),
                        ("--format", "text", "--debug", 0), ("--sample-type", "inuse_space"),
                        ("--format", "folded", "--sample-type", "nosuch"), ("--limit", 3),
                        ("--format", "top", "--json")):
            with self.subTest(options=options):
                run = lib_gospy.run("pprof", "heap", fixture.pid, *options)
                self.assertEqual(len(run.expect(lib_gospy.USAGE).err.splitlines()), 1, run.err)


if __name__ == "__main__":
    lib_gospy.main()
