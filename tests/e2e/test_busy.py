"""Stacks of goroutines that run, switch and call the system while they are looked at: every call
shown must be one that the fixture `busy` has in its source, on the line where it has it."""
import collections
import os
import re

import lib_fixture
import lib_gospy

SNAPSHOTS = int(os.environ.get("GOSPY_BUSY_SNAPSHOTS", "10"))

MODES = {"paused": (), "non-blocking": ("--non-blocking",), "exact": ("--exact",)}

# Packages whose functions call back, and what they call.
CALLBACKS = {"sort": {"Len", "Less", "Swap"}}

# What the compiler inserts calls of, and what that calls: frames of the runtime between it and the
# program's are not shown.
RUNTIME = re.compile(r"(runtime|(runtime/)?internal/.*|math/bits)\.")

DEFERRED = 0  # instead of a line: docs of fixtures/busy/calls.go


def last_name(func):
    """The `area` of main.(*circle).area"""
    return func[func.rindex(".") + 1:] if "." in func else func


def package(func):
    """The sync/atomic of sync/atomic.(*Int64).Add"""
    directory, slash, rest = func.rpartition("/")
    return directory + slash + rest.split(".")[0]


class Calls:
    """The calls that can be, by what the fixture has read in its own source."""

    def __init__(self, ready):
        self.lines = ready["calls"]
        self.starts = set(ready["starts"])
        self.faults = set(ready["faults"])
        self.deferred = {callee for callees in self.lines.values()
                         for callee, lines in callees.items() if DEFERRED in lines}

    def is_possible(self, caller, callee):
        """`caller` and `callee` are frames next to each other."""
        func, called = caller["func"], last_name(callee["func"])
        if not func.startswith("main."):
            if not callee["func"].startswith("main."):
                return True  # a library's own affair
            return called in CALLBACKS.get(package(func), ()) or \
                package(func) in ("panic", "runtime") and called in self.deferred
        # Calls that the compiler makes, and signals.
        if called not in self.lines[func] and RUNTIME.match(callee["func"]):
            return True
        if callee["func"] == "panic" and func in self.faults:
            return True
        lines = self.lines[func].get(called, ())
        return caller["line"] in lines or DEFERRED in lines


class BusyTest(lib_gospy.TargetTest):
    def check_goroutine(self, g):
        frames = g["frames"]
        self.seen[g["status"]] += 1
        if not frames:
            # The thread was in a signal handler, or between two stacks, or moves the stack.
            self.assertIn(g["status"], ("running", "copystack"), g)
            self.unknown += 1
            return
        self.assertNotIn("stack_problem", g)
        if frames[-1]["func"] == "runtime.goexit":
            return  # it has not begun: all there is is the runtime's, and so is shown
        if frames[-1]["func"] != "main.main":
            self.assertIn(frames[-1]["func"], self.calls.starts, g)
        elif g["status"] == "syscall":
            return  # it waits for commands
        for callee, caller in zip(frames, frames[1:]):
            if not self.calls.is_possible(caller, callee):
                chain = " < ".join(f"{f['func']}:{f['line']}" for f in frames)
                self.fail(f"no call of {callee['func']} by {caller['func']} in line "
                          f"{caller['line']}: {g['status']}, {chain}")
            self.pairs[caller["func"], callee["func"]] += 1

    def check_snapshot(self, fixture, options):
        run = lib_gospy.run("stack", fixture.pid, "--json", "--max-pause", "10s", *options)
        self.assertIn(run.status, (lib_gospy.OK, lib_gospy.PARTIAL), run.err)
        goroutines = run.json()["goroutines"]
        for g in goroutines:
            if g["soundness"] in ("sound", "retried"):
                self.check_goroutine(g)
            else:
                self.seen[g["soundness"]] += 1

    def check(self, fixture, snapshots):
        self.calls = Calls(fixture.ready)
        for mode, options in MODES.items():
            self.seen = collections.Counter()
            self.pairs = collections.Counter()
            self.unknown = 0
            with self.subTest(mode=mode):
                for _ in range(snapshots):
                    self.check_snapshot(fixture, options)
                print(f"Go {fixture.ready['go'][2:]}: {snapshots} snapshots {mode}: "
                      f"{sum(self.pairs.values())} calls, {len(self.pairs)} different, all "
                      f"possible; {dict(self.seen)}, {self.unknown} running without a stack")

    def test_busy(self):
        builds = lib_gospy.builds("busy")
        for build in builds[:-1]:
            self.run_one(build, 2, max(1, SNAPSHOTS // 10))
        # The newest carries the load, the others show that theirs is no different. Few goroutines
        # are all read inside the stop; of many only those that are active.
        self.run_one(builds[-1], 2, SNAPSHOTS)
        self.run_one(builds[-1], 24, max(1, SNAPSHOTS // 10))

    def run_one(self, build, n, snapshots):
        with self.subTest(build=str(build), n=n):
            fixture = self.watch(lib_fixture.start(build, "-n", n))
            self.check(fixture, snapshots)
        self.doCleanups()


if __name__ == "__main__":
    lib_gospy.main()
