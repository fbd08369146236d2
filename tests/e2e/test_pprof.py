"""`gospy pprof`: the bytes are those that the process itself writes of the same moment."""
import collections
import os
import shutil
import sys
import tempfile

import lib_fixture
import lib_gospy
import lib_pprof
import test_images

# Those that the process can write of itself without being in them.
RECORDED = ("heap", "allocs", "block", "mutex", "threadcreate")
VARIANTS = ("default", "pie", "cgo", "stripped", "sw", "noopt", "race")
# So often a process may have done something of its own between two looks, such as starting a
# thread, or waiting for a lock of its runtime.
TRIES = 20
# So many profiles are taken of a process that collects all the time.
WHOLE = int(os.environ.get("GOSPY_PROFILES", 4))
# What a program in C and one in Python load a library with, and have it serve.
PYTHON_HOST = test_images.PYTHON_HOST
# With this every allocation is in the memory profile, from the start.
EVERY_ALLOCATION = {"GODEBUG": "memprofilerate=1"}

# Pairs of profiles: (Go version, what became of them) -> how many.
pairs = collections.Counter()


def tearDownModule():
    """The table of what was compared."""
    print(f"\n{'Go':8} {'pairs':>6} {'same bytes':>11} {'wrong':>6} {'never quiet':>12}")
    for version in sorted({version for version, _ in pairs},
                          key=lambda version: [int(n) for n in version.split(".")]):
        same, wrong, noisy = (pairs[version, what] for what in ("same", "wrong", "noisy"))
        print(f"{version:8} {same + wrong + noisy:6} {same:11} {wrong:6} {noisy:12}")


class PprofTest(lib_gospy.TargetTest):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)

    def path(self, name):
        return os.path.join(self.directory.name, name)

    def own(self, fixture, kind):
        answer = fixture.ask(f"profile {kind} 0 {self.path('own')}")
        self.assertEqual(answer, {})
        return lib_pprof.read(self.path("own"))

    def ours(self, fixture, kind, *options):
        lib_gospy.whole("pprof", kind, fixture.pid, "-o", self.path("ours"), *options)
        return lib_pprof.read(self.path("ours"))

    def assert_same(self, build, fixture, kind):
        """If nothing has happened in the process between two writings of its own, ours, which came
        in between, is the same as both."""
        for _ in range(TRIES):
            before = lib_pprof.without_times(self.own(fixture, kind))
            ours = lib_pprof.without_times(self.ours(fixture, kind))
            after = lib_pprof.without_times(self.own(fixture, kind))
            if before == after:
                pairs[build.version, "same" if ours == before else "wrong"] += 1
                self.assertEqual(ours, before)
                return
        pairs[build.version, "noisy"] += 1
        self.skipTest(f"{kind}: the process was never quiet")

    def check_recorded(self, *args, variants=VARIANTS, kinds=RECORDED):
        for build in lib_gospy.builds("profiled", variants):
            fixture = self.watch(lib_fixture.start(build, *args))
            for kind in kinds:
                with self.subTest(build=str(build), kind=kind):
                    self.assert_same(build, fixture, kind)
            self.doCleanups()
            self.setUp()

    def test_before_a_collection(self):
        self.check_recorded()

    def test_after_collections(self):
        self.check_recorded("-collect")

    def test_between_collections(self):
        """What is allocated appears in the profile after the next two collections."""
        for build in lib_gospy.builds("profiled", ("default", "stripped")):
            fixture = self.watch(lib_fixture.start(build))
            for done in range(4):
                with self.subTest(build=str(build), collections=done):
                    self.assert_same(build, fixture, "heap")
                fixture.ask("gc")
            self.doCleanups()
            self.setUp()

    def check_loaded(self, build, fixture):
        """Of a program that has Go's code in more than one file."""
        self.assertEqual(fixture.ask("quiet"), {})
        for kind in RECORDED:
            with self.subTest(build=str(build), kind=kind):
                self.assert_same(build, fixture, kind)

    def test_library(self):
        host = lib_gospy.builds("host", ["default"])[0].path
        for build in lib_gospy.builds("clib", ["cshared"]):
            for command in ([host], [sys.executable, "-c", PYTHON_HOST]):
                library = shutil.copy(build.path, self.path("library.so"))
                fixture = self.watch(lib_fixture.Fixture(*command, library, env=EVERY_ALLOCATION))
                self.check_loaded(build, fixture)
                self.doCleanups()
                self.setUp()

    def test_plugin(self):
        for build in lib_gospy.builds("plughost", ["plugin"]):
            fixture = self.watch(lib_fixture.start(build, env=EVERY_ALLOCATION))
            self.check_loaded(build, fixture)
            self.doCleanups()
            self.setUp()

    def test_every_allocation(self):
        """At this rate the process cannot write of itself without changing it, so it is another one
        by then, and so is what each record stands for."""
        self.check_recorded("-collect", "-memrate", 1, variants=("default", "stripped"),
                            kinds=("heap", "allocs"))

    def test_rate_of_zero(self):
        self.check_recorded("-collect", "-memrate", -1, variants=("default", "stripped"),
                            kinds=("heap", "allocs"))

    def test_nothing_recorded(self):
        for build in lib_gospy.builds("profiled", ("default", "stripped")):
            fixture = self.watch(lib_fixture.start(build, "-quiet"))
            for kind, what in (("block", "SetBlockProfileRate"),
                               ("mutex", "SetMutexProfileFraction")):
                with self.subTest(build=str(build), kind=kind):
                    run = lib_gospy.run("pprof", kind, fixture.pid, "-o", self.path("ours"))
                    self.assertIn(what, run.expect(lib_gospy.OK).err)
                    self.assert_same(build, fixture, kind)
            self.doCleanups()
            self.setUp()

    def test_collections_all_the_time(self):
        """A reading that is not said to be torn is of one moment: nothing lives that was freed more
        often than allocated, as in the process's own."""
        for build in lib_gospy.builds("profiled", ("default", "stripped")):
            fixture = self.watch(lib_fixture.start(build, "-buckets", 3000, "-cycles"))
            begin = fixture.ask("memstats")["NumGC"]
            torn = 0

            def whole():
                nonlocal torn
                looked = lib_gospy.run("pprof", "heap", fixture.pid, "-o", self.path("ours"))
                if looked.status == lib_gospy.PARTIAL:
                    self.assertIn("collections came so fast", looked.err)
                    torn += 1
                    return None
                looked.expect(lib_gospy.OK)
                return lib_pprof.Profile(lib_pprof.read(self.path("ours")))
            for _ in range(WHOLE):
                profile = lib_gospy.wait_for(whole, "a profile of one moment")
                negative = [sample for sample in profile.samples if min(sample[0]) < 0]
                self.assertEqual(negative, [], str(build))
            cycles = fixture.ask("memstats")["NumGC"] - begin
            print(f"{build}: {WHOLE} profiles, {torn} were torn, {cycles} collections meanwhile")
            self.assertGreater(cycles, 0)
            self.doCleanups()
            self.setUp()

    def test_goroutine(self):
        """All but the goroutine that writes: the same samples in the same order."""
        def others(data):
            return [sample for sample in lib_pprof.Profile(data).samples
                    if not any(frame[0] == "main.main" for frame in sample[1])]
        for build in lib_gospy.builds("profiled", VARIANTS):
            fixture = self.watch(lib_fixture.start(build))
            for options in ((), ("--non-blocking",)):
                with self.subTest(build=str(build), options=options):
                    ours = others(self.ours(fixture, "goroutine", *options))
                    self.assertEqual(ours, others(self.own(fixture, "goroutine")))
                    self.assertGreater(len(ours), 3)
            self.doCleanups()
            self.setUp()

    def test_without_a_memory_profile(self):
        """Where nothing refers to it, the linker leaves it out from Go 1.17 on."""
        for build in lib_gospy.builds("abba", ("default",)):
            fixture = self.watch(lib_fixture.start(build))
            run = lib_gospy.run("pprof", "heap", fixture.pid, "-o", self.path("ours"))
            with self.subTest(build=str(build)):
                if build.minor >= 17:
                    self.assertIn("left out by the linker", run.expect(lib_gospy.ERROR).err)
                    self.assertFalse(os.path.exists(self.path("ours")))
                else:
                    run.expect(lib_gospy.OK)
            self.doCleanups()
            self.setUp()

    def test_facts(self):
        fixture = self.watch(lib_fixture.start(lib_gospy.builds("profiled", ("default",))[-1]))
        run = lib_gospy.run("pprof", "allocs", fixture.pid, "--json", "-o", self.path("ours"))
        facts = run.expect(lib_gospy.OK).json()
        profile = lib_pprof.Profile(lib_pprof.read(self.path("ours")))
        self.assertEqual(facts["samples"], len(profile.samples))
        self.assertEqual(facts["bytes"], os.path.getsize(self.path("ours")))
        self.assertEqual(facts["pid"], fixture.pid)

    def test_wrong_words(self):
        fixture = self.watch(lib_fixture.start(lib_gospy.builds("profiled", ("default",))[-1]))
        for args in ((), ("heap",), ("nosuch", fixture.pid), (fixture.pid, "heap")):
            with self.subTest(args=args):
                run = lib_gospy.run("pprof", *args).expect(lib_gospy.USAGE)
                self.assertEqual(len(run.err.splitlines()), 1, run.err)


if __name__ == "__main__":
    lib_gospy.main()
