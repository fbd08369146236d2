"""Whatever happens to gospy, its target goes on as it was; whatever happens to the target, gospy
says so."""
import itertools
import os
import random
import signal
import subprocess
import sys
import time

import compare
import lib_fixture
import lib_freezer
import lib_gospy
import lib_seccomp

KILLS = int(os.environ.get("GOSPY_KILLS", "100"))
SHARES = 11  # that these are divided into

COMPLETE = (lib_gospy.OK, lib_gospy.PARTIAL)
MODES = ((), ("--exact",), ("--non-blocking",))

# A tracer of all threads of a process, until its input ends.
TRACER = """
import ctypes, os, sys
PTRACE_SEIZE = 0x4206
libc = ctypes.CDLL(None, use_errno=True)
for tid in os.listdir("/proc/%s/task" % sys.argv[1]):
    if libc.ptrace(PTRACE_SEIZE, int(tid), None, None) != 0:
        sys.exit(os.strerror(ctypes.get_errno()))
print("ready", flush=True)
sys.stdin.read()
"""


def newest(name):
    return lib_gospy.builds(name, variants=["default"])[-1]


def busy_summary(pid, *options):
    """Of a target that is at work: some of its goroutines may be marked, and gospy then says so."""
    run = lib_gospy.run("summary", pid, "--json", *options)
    snapshot = run.json()["snapshot"]
    partial = any(snapshot.get(mark) for mark in ("late", "torn", "unreadable", "problem"))
    run.expect(lib_gospy.PARTIAL if partial else lib_gospy.OK)
    return run.json()


def duration(*args):
    begin = time.monotonic()
    lib_gospy.run(*args)
    return time.monotonic() - begin


def usual_duration(pid, options):
    return duration("summary", pid, *options)


def all_stopped(pid):
    return all(state == "T" for _, state, _ in lib_gospy.threads(pid))


def is_traced(pid, tid):
    try:
        return lib_gospy.status_fields(f"/proc/{pid}/task/{tid}/status")["TracerPid"] != "0"
    except (FileNotFoundError, ProcessLookupError):
        return False


class KillTest(lib_gospy.TargetTest):
    """gospy ends at random instants, from before it has looked at anything to after its end, and
    while it holds threads. None stays stopped or traced, and all counters go on."""

    SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGINT, signal.SIGTERM)
    COMMANDS = (("summary",), ("summary", "--exact"), ("summary", "--non-blocking"), ("stack",),
                ("stack", "--threads"), ("memstats",))

    def target(self, name, *args, variant="default"):
        build = lib_gospy.builds(name, variants=[variant])[-1]
        return self.watch(lib_fixture.start(build, *args))

    def end_at_random(self, fixture, share=1, stopped=False, still=False):
        """`stopped`: the threads are stopped by somebody else. `still`: nothing can be asked."""
        pid = fixture.pid
        durations = [(command, duration(command[0], pid, *command[1:]))
                     for command in self.COMMANDS]
        chance = random.Random(1)
        ended = {"by signals": 0, "of them with threads held": 0, "by itself": 0}
        times = max(1, round(KILLS * share / SHARES))
        for i in range(times):
            command, usual = chance.choice(durations)
            held, status = self.end_one(pid, command, chance.choice(self.SIGNALS),
                                        instant=chance.uniform(0, 1.1 * usual),
                                        until_held=chance.random() < 0.5)
            lib_gospy.wait_for(lambda: not lib_gospy.disturbed(pid, stopped),
                               "threads as they were")
            by_signal = status not in (*COMPLETE, lib_gospy.ERROR)
            ended["by signals" if by_signal else "by itself"] += 1
            ended["of them with threads held"] += by_signal and held
            if i % 20 == 0 and not still:
                self.assert_progress(fixture)
        print(f"{self.id().rsplit('.')[-1]}: {times} ends of gospy: {ended}", flush=True)
        if not still:
            self.assert_no_failures(fixture)

    def end_one(self, pid, command, signum, instant, until_held):
        """Start gospy and send it a signal at an instant, or if `until_held` as soon as it holds a
        thread. Whether it was seen to, and how it ended."""
        held = False
        process = lib_gospy.start(command[0], pid, *command[1:])
        end = time.monotonic() + instant
        tids = itertools.cycle(os.listdir(f"/proc/{pid}/task")) if until_held else ()
        for tid in tids:
            held = is_traced(pid, tid)
            if held or time.monotonic() >= end:
                break
        else:
            time.sleep(instant)
        process.send_signal(signum)
        err = process.communicate(timeout=lib_gospy.HANG)[1]
        if not lib_gospy.got_no_stop(process.returncode, err, command):
            self.assertIn(process.returncode, (*COMPLETE, -signum, 128 + signum, *self.allowed),
                          err)
        return held, process.returncode

    # Where no stop reaches some thread, a command that insists on one fails.
    allowed = ()

    def assert_no_failures(self, fixture):
        counts = fixture.ask("count")
        failed = {key: n for key, n in counts.items() if key.endswith("_failed") and n}
        self.assertEqual(failed, {}, "system calls of the target failed")

    def test_count(self):
        self.end_at_random(self.target("count"))

    def test_goroutines(self):
        """Enough of them for reading them to be a good part of the time."""
        self.end_at_random(self.target("parked", "-n", 20000))

    def test_idle(self):
        self.end_at_random(self.target("threads", "-asleep", 20))

    def test_busy(self):
        self.end_at_random(self.target("busy"), share=2)

    def test_witness(self):
        self.end_at_random(self.target("witness"), share=2)

    def test_many_threads(self):
        self.end_at_random(self.target("threads", "-asleep", 6000), share=0.5)

    def test_sleepers_in_c(self):
        self.end_at_random(self.target("sleepers", "-rate", 2, variant="cgo"))

    def test_uninterruptible(self):
        self.allowed = (lib_gospy.ERROR,)
        self.end_at_random(self.target("hung", variant="cgo"), share=0.5)

    def test_often_uninterruptible(self):
        self.allowed = (lib_gospy.ERROR,)
        self.end_at_random(self.target("hung", "-again", "20ms", variant="cgo"), share=0.5)

    def test_group_stopped(self):
        fixture = self.target("witness")
        os.kill(fixture.pid, signal.SIGSTOP)
        self.addCleanup(os.kill, fixture.pid, signal.SIGCONT)
        lib_gospy.wait_for(lambda: all_stopped(fixture.pid), "the group-stop")
        self.end_at_random(fixture, share=0.5, stopped=True, still=True)

    def freeze(self, kind):
        self.allowed = (lib_gospy.ERROR,)
        fixture = self.target("witness")
        freezer = kind(fixture.pid)
        self.addCleanup(freezer.close)
        freezer.freeze()
        self.end_at_random(fixture, share=0.5, still=True)
        self.assertTrue(freezer.frozen())

    def test_frozen_v1(self):
        self.freeze(lib_freezer.FreezerV1)

    def test_frozen_v2(self):
        self.freeze(lib_freezer.FreezerV2)


class HeldTest(lib_gospy.TargetTest):
    """gospy ends in the midst of a stop: the kernel kills it when it makes a certain request."""

    SEIZE, INTERRUPT, GET_REGISTERS, DETACH = 0x4206, 0x4207, 0x4204, 17

    def killed_at(self, request, fixture, *command):
        # The search for leaks traces by itself, and waits for ever for a tracer that was killed.
        env = {**os.environ,
               "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"}
        process = subprocess.run([lib_gospy.GOSPY, command[0], str(fixture.pid), *command[1:]],
                                 stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                                 timeout=lib_gospy.HANG, env=env,
                                 preexec_fn=lambda: lib_seccomp.kill_at_ptrace(request))
        if not lib_gospy.got_no_stop(process.returncode, process.stderr, command):
            self.assertIn(process.returncode, (*COMPLETE, -signal.SIGSYS), process.stderr)
        lib_gospy.wait_for(lambda: not lib_gospy.disturbed(fixture.pid), "threads let go")
        return process.returncode == -signal.SIGSYS

    def check(self, name, command, variant="default"):
        fixture = self.watch(lib_fixture.start(lib_gospy.builds(name, variants=[variant])[-1]))
        times = max(5, KILLS // 60)
        for request in self.SEIZE, self.INTERRUPT, self.GET_REGISTERS, self.DETACH:
            killed = sum(self.killed_at(request, fixture, *command) for _ in range(times))
            # Whoever does not run need not be stopped, but of these some do.
            self.assertGreater(killed, 0, f"request {request:#x}")
            self.assert_progress(fixture)

    def setUp(self):
        if not lib_seccomp.works():
            self.skipTest("no filters for system calls here")

    def test_busy(self):
        self.check("busy", ("summary",))

    def test_busy_exact(self):
        self.check("busy", ("stack", "--exact"))

    def test_count(self):
        self.check("count", ("summary", "--exact"))

    def test_spin(self):
        self.check("spin", ("memstats",))


class StoppedTest(lib_gospy.TargetTest):
    """A target that somebody else has stopped stays stopped."""

    def test_group_stop(self):
        def check(fixture):
            os.kill(fixture.pid, signal.SIGSTOP)
            lib_gospy.wait_for(lambda: all_stopped(fixture.pid), "the group-stop")
            for options in MODES:
                with self.subTest(options=options):
                    document = lib_gospy.summary(fixture.pid, *options)
                    compare.Goroutines(self, fixture.ready, document).check()
                    lib_gospy.wait_for(lambda: all_stopped(fixture.pid), "the stop again")
                    self.assertEqual(lib_gospy.disturbed(fixture.pid, stopped=True), [])
            os.kill(fixture.pid, signal.SIGCONT)
            self.assertIn("Alloc", fixture.ask("memstats"))
        self.on_each(check, "states")


class TracedTest(lib_gospy.TargetTest):
    def test_other_tracer(self):
        """Of a process that runs. One that does not is read without a stop, whoever traces it."""
        # Its own signals would stop it: the other tracer lets none through.
        fixture = self.watch(lib_fixture.start(newest("spin"),
                                               env={"GODEBUG": "asyncpreemptoff=1"}))
        tracer = subprocess.Popen([sys.executable, "-c", TRACER, str(fixture.pid)], text=True,
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE)
        try:
            if tracer.stdout.readline() != "ready\n":
                self.skipTest(f"cannot trace here: {tracer.communicate()[1].strip()}")
            refused = lib_gospy.run("summary", fixture.pid).expect(lib_gospy.PERMISSION)
            self.assertIn(str(tracer.pid), refused.err)
            self.assertIn("--non-blocking", refused.err)
            document = lib_gospy.summary(fixture.pid, "--non-blocking")
            compare.Goroutines(self, fixture.ready, document).check()
        finally:
            tracer.communicate()


class MovingTest(lib_gospy.TargetTest):
    """Targets whose threads, or whose very program, come and go."""

    def test_thread_churn(self):
        def check(fixture):
            for i in range(20):
                document = busy_summary(fixture.pid, *MODES[i % len(MODES)])
                self.assertEqual(document["snapshot"]["unreadable"], 0)
                # main reads commands in a system call, and one goroutine is parked.
                self.assertGreaterEqual(document["goroutine_counts"]["total"], 2)
        self.on_each(check, "threads", "-rate", "500", variants=("default", "cgo"))

    def test_dead_leader(self):
        def check(fixture):
            for options in MODES:
                document = lib_gospy.summary(fixture.pid, *options)
                compare.Goroutines(self, fixture.ready, document).check()
        self.on_each(check, "threads", "-deadleader")

    def interfere(self, disturb, fixture, options):
        """Run gospy and disturb the target meanwhile; how it ended."""
        process = lib_gospy.start("summary", fixture.pid, *options)
        disturb(fixture)
        err = process.communicate(timeout=lib_gospy.HANG)[1]
        if not lib_gospy.got_no_stop(process.returncode, err, options):
            self.assertIn(process.returncode, (*COMPLETE, lib_gospy.NO_TARGET), err)
        if process.returncode == lib_gospy.NO_TARGET:
            self.assertRegex(err, r"^gospy: .+\n$")
            self.assertEqual(err.count("\n"), 1)
        return process.returncode

    def delays(self, pid, options, n):
        longest = 1.2 * usual_duration(pid, options)
        return [longest * i / n for i in range(n)]

    def test_exec(self):
        fixture = self.watch(lib_fixture.start(newest("parked"), "-n", "2000"))
        for options in MODES:
            for delay in self.delays(fixture.pid, options, 15):
                def disturb(target):
                    time.sleep(delay)
                    self.assertTrue(target.ask("exec")["ready"])
                self.interfere(disturb, fixture, options)

    def test_exit(self):
        build = newest("states")
        for options in MODES:
            with lib_fixture.start(build) as fixture:
                delays = self.delays(fixture.pid, options, 10)
            for delay in delays:
                with lib_fixture.start(build) as fixture:
                    def disturb(target):
                        time.sleep(delay)
                        os.kill(target.pid, signal.SIGKILL)
                    self.interfere(disturb, fixture, options)


if __name__ == "__main__":
    lib_gospy.main()
