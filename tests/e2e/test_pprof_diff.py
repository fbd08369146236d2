"""`gospy pprof --diff`: what other programs make of two profiles that processes write of
themselves. The base is of another process of the same program, which has done less."""
import gzip
import os
import tempfile
import unittest

import lib_fixture
import lib_flame
import lib_gospy
import lib_pprof

# So often a process may have done something of its own between two looks.
TRIES = 20
KINDS = ("heap", "allocs", "block", "mutex", "threadcreate")


class DiffTest(lib_gospy.TargetTest):
    maxDiff = None

    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = directory.name

    def path(self, name):
        return os.path.join(self.directory, name)

    def start(self, variant="default"):
        build = lib_gospy.builds("profiled", (variant,))[-1]
        fixture = self.watch(lib_fixture.start(build, "-collect", "-buckets", 20))
        base = self.watch(lib_fixture.start(build))
        return fixture, base

    def own(self, fixture, kind, name):
        """The profile that the process writes of itself, also in a file."""
        path = self.path(name)
        self.assertEqual(fixture.ask(f"profile {kind} 0 {path}"), {})
        return path, lib_pprof.read(path)

    def quiet(self, fixture, kind, *options):
        """Its own profile, and what gospy prints at the same moment of the difference."""
        for _ in range(TRIES):
            _, before = self.own(fixture, kind, "now")
            ours = lib_gospy.run("pprof", kind, fixture.pid, "--diff", self.path("base"), *options)
            path, after = self.own(fixture, kind, "now")
            if lib_pprof.without_times(before) == lib_pprof.without_times(after):
                return path, ours.expect(lib_gospy.OK).out
        raise unittest.SkipTest(f"{kind}: the process was never quiet")

    def go_pprof_or_skip(self):
        why_not = lib_pprof.go_pprof()
        if why_not:
            self.skipTest(why_not)

    def test_pprof(self):
        """As `go tool pprof -proto -diff_base` merges both, wherever each of them is loaded."""
        self.go_pprof_or_skip()
        for variant in ("default", "pie"):
            fixture, other = self.start(variant)
            self.check_pprof(fixture, other)

    def check_pprof(self, fixture, other):
        for kind in KINDS:
            with self.subTest(kind=kind):
                base, _ = self.own(other, kind, "base")
                now, _ = self.quiet(fixture, kind, "-o", self.path("ours"))
                lib_pprof.go_tool_pprof("-proto", "-output", self.path("theirs"), "-diff_base",
                                        base, now)
                self.assertEqual(lib_pprof.without_times(lib_pprof.read(self.path("ours"))),
                                 lib_pprof.without_times(lib_pprof.read(self.path("theirs"))))

    def test_any_file(self):
        """The base may have been written by gospy or by other programs, compressed or not."""
        self.go_pprof_or_skip()
        fixture, other = self.start()
        for _ in range(TRIES):
            states = [self.untimed_files(fixture, other)]
            found = [self.less(fixture, base) for base in self.files(other)]
            states.append(self.untimed_files(fixture, other))
            if states[0] == states[1]:
                self.assertEqual(found, [found[0]] * len(found))
                return
        self.skipTest("the processes were never quiet")

    def untimed_files(self, *fixtures):
        """What they write of themselves now."""
        return [lib_pprof.without_times(self.own(fixture, "block", "own")[1])
                for fixture in fixtures]

    def files(self, fixture):
        """Its profile as several programs write it."""
        base, data = self.own(fixture, "block", "base")
        with open(self.path("plain"), "wb") as f:
            f.write(data)
        lib_pprof.go_tool_pprof("-proto", "-output", self.path("tool"), base)
        lib_gospy.whole("pprof", "block", fixture.pid, "-o", self.path("gospy"))
        return [base, self.path("plain"), self.path("tool"), self.path("gospy")]

    def less(self, fixture, base):
        lib_gospy.whole("pprof", "block", fixture.pid, "--diff", base, "-o", self.path("ours"))
        return lib_pprof.without_times(lib_pprof.read(self.path("ours")))

    def test_top(self):
        """As `go tool pprof -top -diff_base` prints it."""
        self.go_pprof_or_skip()
        for variant in ("default", "noopt"):
            fixture, other = self.start(variant)
            for kind, options, theirs in (
                    ("heap", (), ()), ("allocs", (), ()), ("block", (), ()), ("mutex", (), ()),
                    ("threadcreate", (), ()),
                    ("heap", ("--sample-type", "alloc_objects", "--limit", 5),
                     ("-sample_index=alloc_objects", "-nodecount=5"))):
                with self.subTest(variant=variant, kind=kind, options=options):
                    base, _ = self.own(other, kind, "base")
                    now, ours = self.quiet(fixture, kind, "--format", "top", *options)
                    theirs = lib_pprof.go_tool_pprof("-top", *theirs, "-diff_base", base, now)
                    self.assertEqual(self.untimed(ours), self.untimed(theirs))

    @staticmethod
    def untimed(text):
        return [line for line in text.splitlines() if not line.startswith("Time: ")]

    @staticmethod
    def sums(data, number):
        found = {}
        for values, frames, _ in lib_pprof.Profile(data).samples:
            names = tuple(lib_pprof.printed(name) for name, *_ in reversed(frames) if name)
            found[names] = found.get(names, 0) + values[number]
        return found

    def test_folded(self):
        """Each stack with the value of the base and the one now, as difffolded.pl writes them."""
        fixture, other = self.start()
        for kind, number in (("heap", -1), ("allocs", 1), ("mutex", -1)):
            with self.subTest(kind=kind):
                _, base = self.own(other, kind, "base")
                path, ours = self.quiet(fixture, kind, "--format", "folded")
                expected = self.both(base, path, number)
                self.assertEqual(self.columns(ours), expected)
                self.assertEqual(len(ours.splitlines()), len(expected))

    @staticmethod
    def columns(folded):
        found = {}
        for line in folded.splitlines():
            stack, *values = line.rsplit(" ", 2)
            found[tuple(stack.split(";")) if stack != "[no stack]" else ()] = \
                tuple(map(int, values))
        return found

    def both(self, base, path, number):
        """Of each stack the value in the base and the one in the file."""
        before, now = self.sums(base, number), self.sums(lib_pprof.read(path), number)
        return {names: (before.get(names, 0), now.get(names, 0)) for names in {*before, *now}
                if before.get(names) or now.get(names)}

    def test_flame(self):
        """A page has the figures of both, and a picture shows calls of both."""
        fixture, other = self.start()
        _, base = self.own(other, "mutex", "base")
        path, text = self.quiet(fixture, "mutex", "--format", "html")
        page = lib_flame.Page(text)
        self.assertTrue(page.data["diff"])
        self.assertEqual({stack: (values[3], values[1]) for stack, values in page.stacks.items()
                          if values[3] or values[1]}, self.both(base, path, 1))
        path, text = self.quiet(fixture, "mutex", "--format", "svg")
        root, *boxes = lib_flame.read_svg(text)
        self.assertTrue(any(figure.startswith("before ") for figure in root.figures), root)
        self.assertTrue(boxes)
        self.assertLessEqual({box.name for box in boxes},
                             {name for stack in self.both(base, path, 1) for name in stack})

    def test_same(self):
        """Less itself nothing is left."""
        fixture, _ = self.start()
        self.own(fixture, "block", "base")
        _, ours = self.quiet(fixture, "block", "--format", "top")
        self.assertIn("Showing nodes accounting for 0, 0% of ", ours)

    def test_facts(self):
        fixture, other = self.start()
        base, _ = self.own(other, "mutex", "base")
        facts = lib_gospy.whole("pprof", "mutex", fixture.pid, "--diff", base, "--json", "-o",
                                self.path("ours")).json()
        profile = lib_pprof.Profile(lib_pprof.read(self.path("ours")))
        self.assertEqual(facts["samples"], len(profile.samples))
        self.assertEqual(facts["base"], base)
        self.assertIn(("pprof::base", "true", 0),
                      {label for sample in profile.samples for label in sample[2]})

    def test_refused(self):
        """A line that says what is wrong with the base, and nothing is written."""
        fixture, other = self.start()
        base, data = self.own(other, "heap", "base")
        files = {"cut": data[:-7], "empty": b"", "text": b"heap profile: 1: 2 [3: 4] @ heap/5\n",
                 "packed": gzip.compress(data)[:-9], "junk": b"\x1f\x8bjunk"}
        for name, contents in files.items():
            with open(self.path(name), "wb") as f:
                f.write(contents)
        os.mkfifo(self.path("fifo"))
        cases = [(("heap", self.path(name)), lib_gospy.ERROR,
                  f"/{name}: .*; `gospy pprof TYPE PROCESS -o FILE` writes one") for name in files]
        cases += [(("heap", self.path("fifo")), lib_gospy.ERROR, "fifo"),
                  (("heap", self.path("no-such-file")), lib_gospy.ERROR, "No such file"),
                  (("heap", self.directory), lib_gospy.ERROR, self.directory),
                  (("goroutine", base), lib_gospy.USAGE, "holds inuse_space in bytes.*same kind"),
                  (("block", base), lib_gospy.USAGE, "holds inuse_space in bytes.*same kind"),
                  (("heap", base, "--format", "speedscope"), lib_gospy.USAGE,
                   "speedscope shows no differences.*html or svg"),
                  (("heap", base, "--debug", 1), lib_gospy.USAGE, "--diff does not go with --debug")]
        for (kind, path, *options), status, said in cases:
            with self.subTest(path=path, kind=kind, options=options):
                run = lib_gospy.run("pprof", kind, fixture.pid, "--diff", path, *options, "-o",
                                    self.path("ours")).expect(status)
                self.assertRegex(run.err, rf"^gospy: [^\n]*{said}[^\n]*\n$")
                self.assertFalse(os.path.exists(self.path("ours")))


if __name__ == "__main__":
    lib_gospy.main()
