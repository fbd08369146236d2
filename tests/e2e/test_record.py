"""`gospy record`: the places where fixtures/burner spends processor time, in the shares that it counts
itself."""
import collections
import json
import os
import random
import re
import signal
import subprocess
import tempfile
import time
import unittest

import lib_fixture
import lib_flame
import lib_gospy
import lib_pprof
import lib_seccomp

# Processor time of the target that is recorded. With the default rate that is so many hundreds of
# samples.
ENOUGH_NS, SOME_NS = 2 * 10**9, 4 * 10**8
# A share is off by more than that many standard deviations once in a million times.
SIGMAS = 5
# Of a few dozen samples one may be of what a busy machine has read too late.
NEARLY_ALL = 0.9


def names(sample):
    """The functions of a stack, innermost first, as the runtime prints them; and what is none."""
    return [function if function.startswith("[") else lib_pprof.printed(function)
            for function, _, _ in sample[1]]


class RecordTest(lib_gospy.TargetTest):
    @classmethod
    def setUpClass(cls):
        directory = tempfile.TemporaryDirectory()
        cls.addClassCleanup(directory.cleanup)
        cls.path = os.path.join(directory.name, "out")

    def begin(self, pid, *args, prefix=()):
        """gospy, which records until it is asked to end."""
        process = subprocess.Popen(
            [*prefix, lib_gospy.GOSPY, "record", str(pid), "-v", "-d", "0", "-o", self.path,
             *map(str, args)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "LC_ALL": "C"},
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
        for stream in (process.stdout, process.stderr):
            self.addCleanup(stream.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        line = process.stderr.readline()
        self.assertIn("recording has begun", line, line + (process.stderr.read()
                                                           if not line else ""))
        return process

    def end(self, process, status=lib_gospy.OK, ask=True):
        """What it says, in two texts."""
        if ask:
            process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=lib_gospy.HANG)
        self.assertNotIn("Sanitizer", err)
        self.assertEqual(process.returncode, status, err)
        return out, err

    def record(self, fixture, *args, ns=SOME_NS, status=lib_gospy.OK):
        """Record so much processor time of the fixture. What it did meanwhile; JSON, if it was
        asked for."""
        process = self.begin(fixture.pid, *args)
        before = fixture.ask("count")
        lib_gospy.wait_for(lambda: fixture.ask("count")["cpu_ns"] - before["cpu_ns"] > ns,
                           "processor time")
        after = fixture.ask("count")
        out, _ = self.end(process, status)
        return before, after, json.loads(out) if "--json" in args else None

    def profile(self, fixture, *args, ns=SOME_NS):
        before, after, facts = self.record(fixture, "--json", *args, ns=ns)
        profile = lib_pprof.Profile(lib_pprof.read(self.path))
        self.assertEqual(profile.types, [("samples", "count"), ("cpu", "nanoseconds")])
        self.assertEqual(sum(values[0] for values, *_ in profile.samples), facts["samples"])
        for values, *_ in profile.samples:
            self.assertEqual(values[1], values[0] * facts["period_ns"])
        return before, after, facts, profile.samples

    def fixture(self, build, mode):
        return self.watch(lib_fixture.start(build, "-mode", mode))

    def builds(self, variants=("default",)):
        return lib_gospy.builds("burner", variants)


class SharesTest(RecordTest):
    def assert_share(self, count, total, share, what):
        deviation = (share * (1 - share) / total) ** .5
        self.assertAlmostEqual(count / total, share, delta=SIGMAS * deviation, msg=what)

    def check(self, fixture):
        before, after, facts, samples = self.profile(fixture, ns=ENOUGH_NS)
        units = [b - a for a, b in zip(before["units"], after["units"])]
        by_part, by_label, goids = collections.Counter(), collections.Counter(), {}
        for sample in samples:
            (count, _), _, labels = sample
            stack = names(sample)
            if not stack or stack[0] != "main.spin":
                continue
            # All callers are there, that of the leaf, too.
            part = stack[1].replace("main.work", "")
            if "[missing frames]" not in stack:
                self.assertRegex(stack[1], r"main\.work[1-4]$")
                self.assertIn(f"main.part{part}", stack)
            by_part[part] += count
            texts = {key: text for key, text, _ in labels if text}
            if texts:
                self.assertEqual(texts, {"part": part, "kind": "share"})
                by_label[part] += count
            goid = [number for key, _, number in labels if key == "goroutine"]
            if goid:
                goids.setdefault(part, set()).add(goid[0])
        total = sum(by_part.values())
        self.assertGreater(total, 100)
        for i, unit in enumerate(units):
            self.assert_share(by_part[str(i + 1)], total, unit / sum(units), f"part {i + 1}")
        if fixture.build.minor >= 15:  # before, no profile has them
            self.assertGreaterEqual(sum(by_label.values()), NEARLY_ALL * total)
        self.assertEqual({part: len(ids) for part, ids in goids.items()}, dict.fromkeys(goids, 1))
        self.assertGreaterEqual(facts["whole"], NEARLY_ALL * facts["samples"])
        self.assertLessEqual(facts["of_unknown"], (1 - NEARLY_ALL) * facts["samples"])
        self.assertEqual((facts["lost"], facts["malformed"]), (0, 0))
        # Each thread is short of one period for each processor at most; and not more is sampled
        # than was used.
        used = facts["samples"] * facts["period_ns"]
        short = facts["period_ns"] * (facts["event_count"] + 16)
        self.assertLessEqual(used, facts["target_cpu_ns"] + facts["period_ns"])
        self.assertGreaterEqual(used, facts["target_cpu_ns"] * .97 - short)

    @unittest.skipUnless(lib_gospy.ALL_BUILDS, "of a few seconds on a machine that others crowd too "
                         "little is exact: --all")
    def test_shares(self):
        for build in self.builds(("default", "stripped", "pie")):
            with self.subTest(build=str(build)):
                fixture = self.fixture(build, "shares")
                fixture.build = build
                self.check(fixture)
            self.doCleanups()

    def test_by(self):
        """A frame for each part of it, and only that is different."""
        fixture = self.fixture(self.builds()[-1], "shares")
        for by, pattern in (("label=part", r"part(=[1-4]|: none|: unknown)"),
                            ("goroutine", r"goroutine \d+|(no|unknown) goroutine"),
                            ("thread", r"thread \d+"), ("label=x", r"x: (none|unknown)")):
            _, _, _, samples = self.profile(fixture, "--by", by)
            for sample in samples:
                self.assertRegex(names(sample)[-1], f"^(?:{pattern})$")
            if by == "label=part":
                for sample in samples:
                    stack = names(sample)
                    if "=" in stack[-1]:
                        self.assertIn(f"main.part{stack[-1][-1]}", [*stack, "main.part" + stack[-1][
                            -1]] if "[missing frames]" in stack else stack)

    def test_events_of_the_system(self):
        fixture = self.fixture(self.builds()[-1], "shares")
        try:
            _, _, facts, samples = self.profile(fixture, "--events", "system")
        except AssertionError as error:
            if "CAP_PERFMON" in str(error):
                self.skipTest(str(error))
            raise
        self.assertEqual(facts["events"], "system")
        self.assertEqual(facts["event_count"], facts["ring_count"])
        self.assertIn("main.spin", {names(sample)[0] for sample in samples if sample[1]})

    def test_formats(self):
        fixture = self.fixture(self.builds()[-1], "shares")
        for output, pattern in (("top", r"(?s)^File: burner\n.*Type: cpu\n.*Duration: .*"
                                        r"flat%.* main\.spin\n"),
                                ("folded",
                                 r"(?m)^(?:\S+;)?main\.shares\.func\S*;.*main\.spin \d+$"),
                                ("speedscope", r'"nanoseconds".*'), ("html", "<html"),
                                ("svg", "<svg.*")):
            self.record(fixture, "--format", output)
            with open(self.path, encoding="utf-8") as f:
                text = f.read()
            self.assertRegex(text, pattern)
            if output == "html":
                self.assertIn("main.spin", lib_flame.Page(text).names)
            if output == "speedscope":
                frames = json.loads(text)["shared"]["frames"]
                self.assertIn("main.spin", {frame["name"] for frame in frames})


# Of each mode: a function, and all that has to be among its callers.
KINDS = {
    "leaves": {"runtime.memmove": ("main.copyAll", "main.leaves.func1")},
    "calls": {"main.callOnce": ("main.calls.func1",)},
    "clock": {"main.clockOnce": ("main.clock.func1",)},
    "closures": {"main.spin": ("main.closures.func2|main.closures.func1|main.closures.gowrap1",)},
    "garbage": {"main.tree": ("main.garbage.func1",)},
    "many": {"main.relay": ()},
    "threads": {"main.spin": (r"main\.threads\.func1\S*",)},
}


class KindsTest(RecordTest):
    @staticmethod
    def hides_frames(build):
        """While it reads the clock an old runtime is on the thread's stack and has the goroutine's
        sp in rbp, so nothing leads on from what was copied."""
        goroot = next(v["goroot"] for v in lib_fixture.manifest()["versions"]
                      if v["version"] == build.version)
        path = os.path.join(goroot, "src", "runtime", "sys_linux_amd64.s")
        with open(path, encoding="utf-8") as f:
            return "MOVQ\tSP, BP\t// Save old SP" in f.read()

    def check(self, build, mode):
        fixture = self.fixture(build, mode)
        _, _, facts, samples = self.profile(fixture)
        if mode == "clock" and self.hides_frames(build):
            missing = any("[missing frames]" in names(sample) for sample in samples)
            self.assertEqual(facts["whole"] < facts["samples"], missing)
        else:
            self.assertGreaterEqual(facts["whole"], NEARLY_ALL * facts["samples"] - 1)
        found = collections.Counter()
        for sample in samples:
            stack = names(sample)
            for function, callers in KINDS[mode].items():
                if function not in stack:
                    continue
                found[function] += 1
                if "[missing frames]" in stack:
                    continue
                above = stack[stack.index(function) + 1:]
                for caller in callers:
                    self.assertTrue(any(re.fullmatch(caller, name) for name in above), stack)
        self.assertEqual(set(found), set(KINDS[mode]))

    def test_kinds(self):
        builds = self.builds()
        for mode in KINDS:
            for build in builds if mode in ("garbage", "clock") else builds[-1:]:
                with self.subTest(mode=mode, build=str(build)):
                    self.check(build, mode)
                self.doCleanups()

    def test_deep(self):
        """Deeper than the kernel notes: the innermost calls, and where the goroutine began."""
        fixture = self.fixture(self.builds()[-1], "deep")
        _, _, _, samples = self.profile(fixture)
        stacks = [names(sample) for sample in samples if "main.spin" in names(sample)]
        self.assertTrue(stacks)
        for stack in stacks:
            self.assertGreater(stack.count("main.descend"), 100)
            self.assertIn("[missing frames]", stack)
        self.assertIn("main.deep.func1", {stack[-1] for stack in stacks})

    def test_c(self):
        for build in self.builds(("cgo",)):
            with self.subTest(build=str(build)):
                fixture = self.fixture(build, "c")
                _, _, _, samples = self.profile(fixture)
                stacks = [names(sample) for sample in samples if "burn_in_c" in names(sample)]
                self.assertTrue(stacks)
                for stack in stacks:
                    at = stack.index("burn_in_c")
                    self.assertEqual(stack[at + 1], "call_burn_in_c")
                    self.assertIn("runtime.asmcgocall", stack)
                # Half of the C code has Go's frame pointer still, the other half has not.
                with_callers = [stack for stack in stacks
                                if "main.callC" in stack and "runtime.cgocall" in stack]
                self.assertGreater(len(with_callers), .6 * len(stacks))
                for stack in with_callers:
                    self.assertIn("main.burnC.func1", stack)
                    self.assertNotIn("[missing frames]", stack)
            self.doCleanups()

    def test_kernel(self):
        fixture = self.fixture(self.builds()[-1], "calls")
        _, _, facts, samples = self.profile(fixture, "--kernel")
        if facts["kernel_unseen"]:
            self.skipTest("this user may not see the kernel")
        kernel = [sample for sample in samples if "[kernel]" in names(sample)]
        self.assertEqual(sum(sample[0][0] for sample in kernel), facts["kernel"])
        for sample in kernel:
            self.assertEqual(names(sample).index("[kernel]"), 0)


class WallTest(RecordTest):
    """What goroutines do, whether they run or wait."""

    def wall(self, pid, *args, status=lib_gospy.OK):
        run = lib_gospy.run("record", pid, "-d", "1s", "--json", "-o", self.path, *args)
        facts = run.expect(status).json()
        profile = lib_pprof.Profile(lib_pprof.read(self.path))
        self.assertEqual(profile.types, [("samples", "count"), ("wall", "nanoseconds")])
        self.assertEqual(sum(values[0] for values, *_ in profile.samples), facts["samples"])
        return facts, profile.samples

    @staticmethod
    def texts(sample):
        return {key: text for key, text, _ in sample[2] if text}

    def test_all_of_them(self):
        """Of a few all are looked at: each has the whole time, in its state, with its stack."""
        build = lib_gospy.builds("parked", ("default",))[-1]
        fixture = self.watch(lib_fixture.start(build, "-n", "300"))
        listed = lib_gospy.run("stack", fixture.pid, "--json").expect(lib_gospy.OK).json()
        parked = [g for g in listed["goroutines"] if g["status"] == "waiting"
                  and not g.get("system")]
        facts, samples = self.wall(fixture.pid, "--wall")
        time_ns = facts["ticks"] * facts["period_ns"]
        self.assertLessEqual(time_ns, facts["duration_ns"] + facts["period_ns"])
        waiting = [sample for sample in samples if self.texts(sample).get("state") == "waiting"]
        count = sum(values[0] for values, *_ in waiting)
        self.assertGreaterEqual(count, (len(parked) - 5) * facts["ticks"])
        self.assertLessEqual(count, (len(parked) + 5) * facts["ticks"])
        for values, *_ in samples:
            self.assertGreaterEqual(values[1], values[0] * facts["period_ns"])
        self.assertGreaterEqual(facts["whole"], NEARLY_ALL * facts["samples"])
        reasons = collections.Counter()
        for sample in waiting:
            reasons[self.texts(sample).get("reason")] += sample[0][0]
        expected = collections.Counter(g.get("wait_reason") for g in parked)
        top = expected.most_common(1)[0]
        self.assertAlmostEqual(reasons[top[0]] / facts["ticks"], top[1], delta=5)

    def test_drawn(self):
        """Of many some are drawn, and stand for all of them."""
        build = lib_gospy.builds("parked", ("default",))[-1]
        fixture = self.watch(lib_fixture.start(build, "-n", "20000"))
        facts, samples = self.wall(fixture.pid, "--wall")
        self.assertLessEqual(facts["samples"], 512 * facts["ticks"])
        self.assertGreater(facts["samples"], 450 * facts["ticks"])
        self.assertAlmostEqual(facts["goroutines"], 20000, delta=1000)
        total = sum(values[1] for values, *_ in samples)
        self.assertGreater(total, 19000 * facts["ticks"] * facts["period_ns"])

    def test_parts(self):
        fixture = self.fixture(self.builds()[-1], "shares")
        for what, by, pattern in (("--wall", "state", "waiting|running|runnable|syscall|preempted"),
                                  ("--off", "reason", "[a-zA-Z ()]+"),
                                  ("--wall", "goroutine", r"goroutine \d+"),
                                  ("--off", "label=part", r"part(=[1-4]|: none|: unknown)")):
            _, samples = self.wall(fixture.pid, what, "--by", by)
            self.assertTrue(samples)
            for sample in samples:
                self.assertRegex(names(sample)[-1], f"^(?:{pattern})$")
                if what == "--off":
                    self.assertNotEqual(self.texts(sample)["state"], "running")
        run = lib_gospy.run("record", fixture.pid, "--wall", "--by", "thread")
        self.assertIn("no thread", run.expect(lib_gospy.USAGE).err)
        run = lib_gospy.run("record", fixture.pid, "--by", "reason")
        self.assertIn("who uses a processor runs", run.expect(lib_gospy.USAGE).err)


class EndsTest(RecordTest):
    def test_the_target_ends(self):
        fixture = lib_fixture.start(self.builds()[-1], "-mode", "shares")
        self.addCleanup(fixture.close)
        process = self.begin(fixture.pid, "--json")
        before = fixture.ask("count")["cpu_ns"]
        lib_gospy.wait_for(lambda: fixture.ask("count")["cpu_ns"] - before > SOME_NS, "work")
        fixture.tell("quit")
        out, err = self.end(process, lib_gospy.PARTIAL, ask=False)
        facts = json.loads(out)
        self.assertEqual(facts["ended"], "gone")
        self.assertIn("the process ended after", err)
        self.assertGreater(facts["samples"], 0)
        samples = lib_pprof.Profile(lib_pprof.read(self.path)).samples
        self.assertIn("main.spin", {names(sample)[0] for sample in samples if sample[1]})

    def test_the_target_executes_a_program(self):
        fixture = self.watch(lib_fixture.start(self.builds()[-1], "-mode", "shares"))
        process = self.begin(fixture.pid, "--json")
        fixture.ask("exec")
        out, err = self.end(process, lib_gospy.PARTIAL, ask=False)
        self.assertEqual(json.loads(out)["ended"], "exec")
        self.assertIn("the process began another program", err)

    def test_the_end_of_who_is_looked_at(self):
        """Nothing of another program is counted, and what was seen before is kept."""
        for what, ended in (("exec", "exec"), ("quit", "gone")):
            fixture = lib_fixture.start(self.builds()[-1], "-mode", "shares")
            self.addCleanup(fixture.close)
            process = self.begin(fixture.pid, "--json", "--wall")
            before = fixture.ask("count")["cpu_ns"]
            lib_gospy.wait_for(lambda: fixture.ask("count")["cpu_ns"] - before > SOME_NS, "work")
            (fixture.ask if what == "exec" else fixture.tell)(what)
            out, err = self.end(process, lib_gospy.PARTIAL, ask=False)
            facts = json.loads(out)
            self.assertEqual(facts["ended"], ended)
            self.assertGreater(facts["samples"], 0)
            samples = lib_pprof.Profile(lib_pprof.read(self.path)).samples
            self.assertEqual(sum(values[0] for values, *_ in samples), facts["samples"])

    def test_time(self):
        """A duration ends it; nothing is to be seen of a process that waits."""
        fixture = self.watch(lib_fixture.start(lib_gospy.builds("parked", ("default",))[-1]))
        run = lib_gospy.run("record", fixture.pid, "-d", "200ms", "--json", "-o", self.path)
        facts = run.expect(lib_gospy.OK).json()
        self.assertEqual(facts["ended"], "time")
        self.assertGreaterEqual(facts["duration_ns"], 2 * 10**8)

    def test_killed(self):
        """No event is left of a gospy that was killed at any instant, and the target is as it
        was."""
        fixture = self.fixture(self.builds()[-1], "shares")
        before = fixture.ask("count")["units"]
        random.seed(fixture.pid)
        for i in range(1000 if lib_gospy.ALL_BUILDS else 20):
            process = subprocess.Popen(
                [lib_gospy.GOSPY, "record", str(fixture.pid), "-d", "0", "-o",
                 self.path + ".killed", *random.choice(([], ["--wall"], ["-r", "999"]))],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(random.uniform(0, .08))  # whatever it has come to: any instant will do
            process.kill()
            self.assertEqual(process.wait(), -signal.SIGKILL)
            if i % 10 == 0:
                self.assert_unharmed(fixture)
        self.assert_unharmed(fixture)
        self.assertFalse(os.path.exists(self.path + ".killed"))
        lib_gospy.wait_for(lambda: all(a > b for a, b in zip(fixture.ask("count")["units"], before)),
                           "work after it")

    def test_until_exit(self):
        """The end of the process is what was asked for."""
        fixture = lib_fixture.start(self.builds()[-1], "-mode", "shares")
        self.addCleanup(fixture.close)
        process = self.begin(fixture.pid, "--json", "--until", "exit")
        fixture.tell("quit")
        out, err = self.end(process, lib_gospy.OK, ask=False)
        self.assertEqual(json.loads(out)["ended"], "gone")
        self.assertNotIn("the process ended", err)

    def test_at(self):
        """It begins when there is reason to."""
        fixture = self.fixture(self.builds()[-1], "shares")
        for option, value, what in (("--at-goroutines", "3", r"\d+ goroutines"),
                                    ("--at-rss", "100k", ".* of memory"),
                                    ("--at-cpu", "1", r"\d+ % of a processor")):
            run = lib_gospy.run("record", fixture.pid, option, value, "-d", "50ms", "--wall",
                                "-o", self.path).expect(lib_gospy.OK)
            self.assertRegex(run.err, f"{what}: the recording begins")
        ending = lib_fixture.start(self.builds()[-1], "-mode", "shares")
        self.addCleanup(ending.close)
        process = subprocess.Popen(
            [lib_gospy.GOSPY, "record", str(ending.pid), "--at-goroutines", "1000000", "-o",
             self.path + ".none"], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        ending.tell("quit")
        _, err = process.communicate(timeout=lib_gospy.HANG)
        self.assertEqual(process.returncode, lib_gospy.NO_TARGET, err)
        self.assertFalse(os.path.exists(self.path + ".none"))
        run = lib_gospy.run("record", os.getpid(), "--at-rss", "much").expect(lib_gospy.USAGE)
        self.assertIn("--at-rss takes a size", run.err)


class RefusedTest(RecordTest):
    def test_core(self):
        fixture = self.watch(lib_fixture.start(lib_gospy.builds("parked", ("default",))[-1]))
        core = self.path + ".core"
        lib_gospy.run("capture", fixture.pid, "-o", core)
        run = lib_gospy.run("record", core, "-o", self.path).expect(lib_gospy.ERROR)
        self.assertIn("does not run: there is nothing to be recorded", run.err)

    def test_filtered(self):
        """Where a seccomp filter refuses it, as in a container: what to do is said."""
        if not lib_seccomp.works():
            self.skipTest("no seccomp filters here")
        fixture = self.watch(lib_fixture.start(self.builds()[-1]))
        process = subprocess.run(
            [lib_gospy.GOSPY, "record", str(fixture.pid), "-o", self.path], text=True,
            capture_output=True, timeout=lib_gospy.HANG, stdin=subprocess.DEVNULL,
            preexec_fn=lambda: lib_seccomp.refuse(lib_seccomp.SYS_PERF_EVENT_OPEN))
        self.assertEqual(process.returncode, lib_gospy.PERMISSION, process.stderr)
        self.assertRegex(process.stderr, rf"^gospy: cannot record pid {fixture.pid}: .*; try: ")
        self.assertFalse(os.path.exists(self.path))


if __name__ == "__main__":
    if not lib_gospy.ON_PROCESS:
        raise SystemExit(77)
    lib_gospy.main()
