"""Whatever happens to gospy, its target goes on as it was; whatever happens to the target, gospy
says so."""
import os
import random
import signal
import subprocess
import sys
import time

import compare
import lib_fixture
import lib_gospy

KILLS = int(os.environ.get("GOSPY_KILLS", "200"))
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
    partial = any(snapshot[mark] for mark in ("late", "torn", "unreadable"))
    run.expect(lib_gospy.PARTIAL if partial else lib_gospy.OK)
    return run.json()


def usual_duration(pid, options):
    begin = time.monotonic()
    busy_summary(pid, *options)
    return time.monotonic() - begin


class KillTest(lib_gospy.TargetTest):
    """gospy ends at random instants, from before it has looked at anything to after its end."""

    def end_at_random(self, signum, times):
        count = self.watch(lib_fixture.start(newest("count")))
        # Enough goroutines for reading them to be a good part of the time.
        parked = self.watch(lib_fixture.start(newest("parked"), "-n", "20000"))
        targets = [(fixture.pid, options, usual_duration(fixture.pid, options))
                   for fixture in (count, parked) for options in MODES]
        instants = random.Random(1)
        statuses = set()
        for i in range(times):
            pid, options, duration = targets[i % len(targets)]
            process = lib_gospy.start("summary", pid, *options)
            time.sleep(instants.uniform(0, 1.1 * duration))
            process.send_signal(signum)
            process.communicate(timeout=lib_gospy.HANG)
            statuses.add(process.returncode)
            lib_gospy.wait_for(lambda: not lib_gospy.disturbed(pid), "threads let go")
            if i % 20 == 0:
                self.assert_progress(count)
        failed = {key: n for key, n in count.ask("count").items() if key.endswith("_failed") and n}
        self.assertEqual(failed, {}, "system calls of the target failed")
        return statuses

    def test_kill(self):
        statuses = self.end_at_random(signal.SIGKILL, KILLS)
        self.assertLessEqual(statuses, {*COMPLETE, -signal.SIGKILL})
        self.assertIn(-signal.SIGKILL, statuses)

    def test_interrupt(self):
        statuses = self.end_at_random(signal.SIGINT, KILLS // 4)
        self.assertLessEqual(statuses, {*COMPLETE, -signal.SIGINT, 128 + signal.SIGINT})

    def test_terminate(self):
        statuses = self.end_at_random(signal.SIGTERM, KILLS // 4)
        self.assertLessEqual(statuses, {*COMPLETE, -signal.SIGTERM, 128 + signal.SIGTERM})


class StoppedTest(lib_gospy.TargetTest):
    """A target that somebody else has stopped stays stopped."""

    def all_stopped(self, pid):
        return all(state == "T" for _, state, _ in lib_gospy.threads(pid))

    def test_group_stop(self):
        def check(fixture):
            os.kill(fixture.pid, signal.SIGSTOP)
            lib_gospy.wait_for(lambda: self.all_stopped(fixture.pid), "the group-stop")
            for options in MODES:
                with self.subTest(options=options):
                    document = lib_gospy.summary(fixture.pid, *options)
                    compare.Goroutines(self, fixture.ready, document).check()
                    lib_gospy.wait_for(lambda: self.all_stopped(fixture.pid), "the stop again")
                    self.assertEqual(lib_gospy.disturbed(fixture.pid, stopped=True), [])
            os.kill(fixture.pid, signal.SIGCONT)
            self.assertIn("Alloc", fixture.ask("memstats"))
        self.on_each(check, "states")

    def test_kill_while_group_stopped(self):
        fixture = self.watch(lib_fixture.start(newest("states")))
        os.kill(fixture.pid, signal.SIGSTOP)
        lib_gospy.wait_for(lambda: self.all_stopped(fixture.pid), "the group-stop")
        duration = usual_duration(fixture.pid, ())
        instants = random.Random(2)
        for _ in range(30):
            process = lib_gospy.start("summary", fixture.pid)
            time.sleep(instants.uniform(0, 1.1 * duration))
            process.kill()
            process.communicate()
            lib_gospy.wait_for(lambda: not lib_gospy.disturbed(fixture.pid, stopped=True),
                               "all threads stopped, none traced")
        os.kill(fixture.pid, signal.SIGCONT)


class TracedTest(lib_gospy.TargetTest):
    def test_other_tracer(self):
        fixture = self.watch(lib_fixture.start(newest("states")))
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
        self.on_each(check, "threads", "-rate", "500")

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
