"""`gospy pprof --seconds`: what the process itself answers for ?seconds=, and several processes."""
import os
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

import lib_fixture
import lib_gospy
import lib_pprof

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "delta_target")
KINDS = ("heap", "allocs", "block", "mutex", "threadcreate", "goroutine")
# So often something else may have come between, such as a thread that the runtime starts; and so
# many seconds the work has to be done in, the more the busier the machine is.
SECONDS = (1, 1, 2, 4, 8, 16)
TRIES = 20


def build(directory):
    """The target, by the newest go command that is installed."""
    roots = [entry["goroot"] for entry in lib_fixture.manifest()["versions"]
             if entry["source"] == "installed"]
    if not roots:
        raise unittest.SkipTest("left out: no go command to build a program with net/http/pprof")
    path = os.path.join(directory, "delta_target")
    environment = {**os.environ, "GOTOOLCHAIN": "local", "GOFLAGS": "", "GOWORK": "off"}
    process = subprocess.run([os.path.join(roots[-1], "bin", "go"), "build", "-o", path, "."],
                             cwd=SOURCE, env=environment, text=True, capture_output=True,
                             timeout=lib_gospy.HANG)
    if process.returncode != 0:
        raise unittest.SkipTest("left out: " + process.stderr.strip().splitlines()[-1])
    return path


class SecondsTest(lib_gospy.TargetTest):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = directory.name

    def path(self, name):
        return os.path.join(self.directory, name)

    def waiting(self, *args):
        """gospy, which has read the first profile and waits to read the second."""
        process = subprocess.Popen([lib_gospy.GOSPY, "pprof", *map(str, args), "-v"],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True, cwd=self.directory,
                                   env={**os.environ, "LC_ALL": "C"},
                                   preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        line = process.stderr.readline()
        self.assertIn("the first one is read", line)
        return process


class DeltaTest(SecondsTest):
    @classmethod
    def setUpClass(cls):
        directory = tempfile.TemporaryDirectory()
        cls.addClassCleanup(directory.cleanup)
        cls.target = build(directory.name)

    def deltas(self, fixture, kind, seconds):
        """Ours and that of the process's own handler, between whose profiles it has done some work;
        None if that took too long."""
        gospy = self.waiting(kind, fixture.pid, "--seconds", seconds, "-o", self.path("ours"))
        command = f"delta {kind} {seconds} {self.path('own')}"
        self.assertEqual(fixture.ask(command), {"error": ""})
        self.assertEqual(fixture.ask("work"), {"error": ""})
        done_ns = time.time_ns()
        self.assertEqual(fixture.ask("wait"), {"error": ""})
        self.assertIn(gospy.wait(lib_gospy.HANG), (lib_gospy.OK, lib_gospy.PARTIAL))
        ours, own = (lib_pprof.read(self.path(name)) for name in ("ours", "own"))
        # Ours has the time at which reading began, the other one when it was over.
        own_ns, lasted_ns = self.times(own)
        began_ns = min(self.times(ours)[0], own_ns - lasted_ns + seconds * 1_000_000_000)
        whole = gospy.returncode == lib_gospy.OK
        return (ours, own) if whole and began_ns > done_ns else None

    @staticmethod
    def times(data):
        fields = lib_pprof.message(data)
        return fields[9][0], fields[10][0]

    @staticmethod
    def others(data):
        """Without the goroutines that answer."""
        return [sample for sample in lib_pprof.Profile(data).samples
                if not any(frame[0] == "main.main" or frame[0].startswith("net/http/pprof.")
                           for frame in sample[1])]

    def comparable(self, data, kind):
        return self.others(data) if kind == "goroutine" else lib_pprof.without_times(data)

    def test_own_answer(self):
        fixture = self.watch(lib_fixture.Fixture(self.target))
        for kind in KINDS:
            with self.subTest(kind=kind):
                self.check(fixture, kind)

    def check(self, fixture, kind):
        found = None
        for seconds in SECONDS:
            found = self.deltas(fixture, kind, seconds) or found
            if found and self.comparable(found[0], kind) == self.comparable(found[1], kind):
                break
        if not found:
            self.skipTest("the machine was never quick enough")
        ours, own = found
        self.assertEqual(self.comparable(ours, kind), self.comparable(own, kind))
        profile = lib_pprof.Profile(ours)
        samples = self.others(ours) if kind == "goroutine" else \
            [sample for sample in profile.samples if "main.work" in (f[0] for f in sample[1])]
        values = [value for sample in samples for value in sample[0]]
        self.assertGreater(profile.fields[10][0], SECONDS[0] * 500_000_000)
        self.assertGreater(profile.fields[9][0], profile.fields[10][0])
        if kind not in ("threadcreate", "block", "mutex"):
            self.assertGreater(max(values), 0)
        if kind in ("block", "mutex"):
            self.assertTrue(profile.samples)
        if kind in ("heap", "goroutine"):
            self.assertLess(min(values), 0)
        self.assertFalse([sample for sample in profile.samples if not any(sample[0])])

    def test_formats(self):
        """A time goes with all formats but text, and is said."""
        fixture = self.watch(lib_fixture.Fixture(self.target))
        for form in ("top", "folded", "speedscope"):
            run = lib_gospy.run("pprof", "heap", fixture.pid, "--seconds", "10ms", "--format", form)
            self.assertIn(run.status, (lib_gospy.OK, lib_gospy.PARTIAL))
            if form == "top":
                self.assertRegex(run.out, r"\nDuration: [\d.]+m?s, Total samples = ")
        run = lib_gospy.whole("pprof", "heap", fixture.pid, "--seconds", "10ms", "--json", "-o",
                              self.path("ours"))
        self.assertGreaterEqual(run.json()["duration_ns"], 5_000_000)
        self.assertEqual(run.json()["pids"], [fixture.pid])


class EndTest(SecondsTest):
    def start(self):
        return lib_fixture.start(lib_gospy.builds("profiled", ("default",))[-1])

    def left(self):
        """Files in the working directory of gospy."""
        return os.listdir(self.directory)

    def test_target_ends(self):
        with self.start() as fixture:
            gospy = self.waiting("heap", fixture.pid, "--seconds", "10m")
            fixture.process.kill()
            self.assertEqual(gospy.wait(lib_gospy.HANG), lib_gospy.NO_TARGET)
            self.assertRegex(gospy.stderr.read(),
                             rf"process {fixture.pid} has ended, .* before its second profile")
        self.assertEqual(self.left(), [])

    def test_all_targets_end(self):
        """One of two is left out with a note, and with the other nothing is left."""
        with self.start() as one, self.start() as other:
            gospy = self.waiting("heap", one.pid, other.pid, "--seconds", "10m")
            one.process.kill()
            self.assertRegex(gospy.stderr.readline(), rf"note: .*process {one.pid} has ended")
            other.process.kill()
            self.assertEqual(gospy.wait(lib_gospy.HANG), lib_gospy.NO_TARGET)
            self.assertRegex(gospy.stderr.read(), rf"gospy: process {other.pid} has ended")
        self.assertEqual(self.left(), [])

    def test_called_off(self):
        fixture = self.watch(self.start())
        gospy = self.waiting("goroutine", fixture.pid, "--seconds", "10m")
        gospy.send_signal(signal.SIGINT)
        self.assertEqual(gospy.wait(lib_gospy.HANG), -signal.SIGINT)
        self.assertEqual(self.left(), [])

    def test_wrong_options(self):
        fixture = self.watch(self.start())
        for options in (("--debug", 1), ("--debug", 2), ("--format", "text")):
            with self.subTest(options=options):
                run = lib_gospy.run("pprof", "goroutine", fixture.pid, "--seconds", 1, *options)
                self.assertRegex(run.expect(lib_gospy.USAGE).err,
                                 r"^gospy: [^\n]*--seconds does not go with --debug.*top[^\n]*\n$")


class SeveralTest(SecondsTest):
    """Several processes in one profile, and tags."""

    def start(self, *args):
        return self.watch(lib_fixture.start(lib_gospy.builds("profiled", ("default",))[-1], *args))

    def own(self, fixture, kind):
        self.assertEqual(fixture.ask(f"profile {kind} 0 {self.path('own')}"), {})
        return lib_pprof.Profile(lib_pprof.read(self.path("own")))

    def ours(self, kind, *args):
        lib_gospy.whole("pprof", kind, *args, "-o", self.path("ours"))
        return lib_pprof.Profile(lib_pprof.read(self.path("ours")))

    @staticmethod
    def sums(samples):
        """Values of each stack and its labels; what is nothing is not in a merged profile."""
        found = {}
        for values, frames, labels in samples:
            key = frames, labels
            found[key] = tuple(map(sum, zip(values, found.get(key, (0,) * len(values)))))
        return {key: values for key, values in found.items() if any(values)}

    @staticmethod
    def untagged(samples, *tags):
        return [(values, frames, tuple(label for label in labels if label[0] not in tags))
                for values, frames, labels in samples]

    def test_several(self):
        fixtures = self.start(), self.start("-collect", "-buckets", 20)
        for kind in ("heap", "block"):
            with self.subTest(kind=kind):
                self.check_several(fixtures, kind)

    def check_several(self, fixtures, kind):
        pids = [fixture.pid for fixture in fixtures]
        for _ in range(TRIES):
            own = [self.own(fixture, kind) for fixture in fixtures]
            ours = self.ours(kind, *pids)
            tagged = self.ours(kind, *pids, "--tag", "pid")
            if all(profile.fields[2] == self.own(fixture, kind).fields[2]
                   for fixture, profile in zip(fixtures, own)):
                break
        else:
            self.skipTest("the processes were never quiet")
        self.assertEqual(self.sums(ours.samples), self.sums(own[0].samples + own[1].samples))
        for pid, profile in zip(pids, own):
            label = ("pid", str(pid), 0)
            part = [sample for sample in tagged.samples if label in sample[2]]
            self.assertEqual(self.sums(self.untagged(part, "pid")), self.sums(profile.samples))

    def test_all(self):
        """All that have one name."""
        name = f"several{os.getpid()}"
        path = shutil.copy(lib_gospy.builds("profiled", ("default",))[-1].path, self.path(name))
        fixtures = [self.watch(lib_fixture.Fixture(path)) for _ in range(3)]
        run = lib_gospy.whole("pprof", "block", "--all", name, "--tag", "pid,host", "--json",
                              "-o", self.path("ours"))
        self.assertEqual(sorted(run.json()["pids"]), sorted(f.pid for f in fixtures))
        self.assertNotIn("pid", run.json())
        labels = {label for sample in lib_pprof.Profile(lib_pprof.read(self.path("ours"))).samples
                  for label in sample[2]}
        self.assertEqual(labels, {("host", os.uname().nodename, 0),
                                  *(("pid", str(f.pid), 0) for f in fixtures)})

    def test_one_is_gone(self):
        fixture = self.start()
        with lib_fixture.start(lib_gospy.builds("profiled", ("default",))[-1]) as gone:
            pass
        run = lib_gospy.run("pprof", "heap", gone.pid, fixture.pid, "--json", "-o",
                            self.path("ours")).expect(lib_gospy.PARTIAL)
        self.assertEqual(run.json()["pids"], [fixture.pid])
        self.assertRegex(run.err, rf"note: [^\n]*{gone.pid}[^\n]*\n")
        run = lib_gospy.run("pprof", "heap", "--all", "--pid", gone.pid, "-o", self.path("none"))
        run.expect(lib_gospy.NO_TARGET)
        self.assertFalse(os.path.exists(self.path("none")))

    def test_states(self):
        """--tag state,reason tells goroutines apart as the process's own traceback does."""
        fixture = self.watch(lib_fixture.start(lib_gospy.builds("states", ("default",))[-1]))
        expected = {}
        for goroutine in lib_fixture.parse_traceback(fixture.ready["traceback"]):
            key = goroutine["status"], goroutine["reason"]
            if goroutine["status"] == "waiting":
                expected[key] = expected.get(key, 0) + 1
        found = {}
        for values, _, labels in self.ours("goroutine", fixture.pid, "--tag",
                                           "state,reason").samples:
            labels = {key: value for key, value, _ in labels}
            key = labels["state"], labels.get("reason")
            found[key] = found.get(key, 0) + values[0]
        self.assertEqual({key: n for key, n in found.items() if key[0] == "waiting"}, expected)

    def test_wrong_options(self):
        fixture = self.start()
        for options, said in ((("--tag", "state"), "goroutine profile only"),
                              (("--tag", "pid,nosuch"), "--tag takes pid, .*, not 'nosuch'"),
                              (("--tag", "pid", "--debug", 1), "--tag does not go with --debug"),
                              ((fixture.pid, "--debug", 1), "more than one does not go")):
            with self.subTest(options=options):
                run = lib_gospy.run("pprof", "heap", fixture.pid, *options)
                self.assertRegex(run.expect(lib_gospy.USAGE).err, rf"^gospy: [^\n]*{said}[^\n]*\n$")


if __name__ == "__main__":
    lib_gospy.main()
