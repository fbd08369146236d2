"""Running gospy, and looking whether its target is unharmed afterwards."""
import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import lib_fixture
import take_core

GOSPY = os.path.abspath(os.environ.get("GOSPY", "build/dev/gospy"))

# What gospy ends with: docs/gospy.1.
OK, ERROR, USAGE, PERMISSION, NO_TARGET, PARTIAL = range(6)
CHECK = 10  # one that was asked for has failed

# Builds of a fixture that need no --bin.
WITH_SYMBOLS = ("default", "pie", "cgo", "cgopie", "noopt")

# Without symbols these globals are looked for when a profile is asked for: test_pprof.py.
FOR_PROFILES = {f"runtime.{name}" for name in ("mProf", "mProfCycle", "ticks", "blockprofilerate",
                                               "mutexprofilerate")}

# Far above anything seen, so that a hang is a failure and a slow machine is not.
HANG = 120

# What the tests are run on: processes; or a "core" of each, or a "bundle", that is taken when gospy is
# to look at it. tests/CMakeLists.txt lists the scripts that are run on each.
ON = os.environ.get("GOSPY_ON", "process")
ON_PROCESS = ON == "process"
on_processes_only = unittest.skipUnless(ON_PROCESS, f"not on a {ON}")


def modes(ways):
    """Of these ways to read a process those that there are: what cannot change is read in one."""
    return ways if ON_PROCESS else {ON: ()}


def has_sanitizers():
    """Whether this gospy was built with them: it takes terabytes of address space."""
    with open(GOSPY, "rb") as program:
        symbols = program.read()
    return b"__asan_init" in symbols or b"__tsan_init" in symbols


class Run:
    """A finished run of gospy."""

    def __init__(self, args, process):
        self.args = args
        self.status = process.returncode
        self.out = process.stdout
        self.err = process.stderr
        if "Sanitizer" in self.err or "runtime error:" in self.err:
            raise AssertionError(f"{self}: a sanitizer reports\n{self.err}")

    def __str__(self):
        return f"gospy {' '.join(self.args)} (status {self.status})"

    def json(self):
        return json.loads(self.out)

    def json_lines(self):
        return [json.loads(line) for line in self.out.splitlines()]

    def expect(self, status):
        """This run, which must have ended with this status."""
        if self.status != status:
            raise AssertionError(f"{self}: expected status {status}\n{self.out[:2000]}\n{self.err}")
        return self


# Commands that stop a process. What they could not read within a second is marked; but on a crowded
# machine gospy itself may stand still for longer.
STOPPING = ("summary", "stack", "waits", "stats", "memstats", "pprof", "top", "diff")


def patient(args):
    """These arguments, and that gospy has time to read all."""
    if args[:1] in [[command] for command in STOPPING] and \
            not {"--max-pause", "--agent"} & set(args):
        return [args[0], "--max-pause", f"{HANG}s", *args[1:]]
    return args


def got_no_stop(status, err, args):
    """--exact insists on a stop. Threads that wait long for a processor may not come to it."""
    return "--exact" in args and status == ERROR and "could not be stopped in time" in err


def take(pid, path):
    """Write what the tests are run on, of a process: with all that they ask for."""
    if ON == "core":
        take_core.take(pid, path)
        return
    words = ["capture", "--redact", "none", "--labels", "--max-pause", f"{HANG}s", "-o", path]
    captured = run_on([*words, str(pid)], (), None)
    if captured.status != PARTIAL:
        captured.expect(OK)


@contextlib.contextmanager
def aimed(args):
    """These arguments, for what the tests are run on: a number that is no value of an option is a
    process, and so is that of --pid."""
    args = list(args)
    with contextlib.ExitStack() as made:
        for i, arg in enumerate(args):
            before = str(args[i - 1]) if i else ""
            if not ON_PROCESS and isinstance(arg, int) and (
                    not before.startswith("-") or before == "--pid"):
                place = made.enter_context(tempfile.TemporaryDirectory(prefix="gospy-core-"))
                args[i] = os.path.join(place, f"core.{arg}")
                take(arg, args[i])
                if before == "--pid":
                    args[i - 1] = "--core"
        yield [str(arg) for arg in args]


def run(*args, prefix=(), env=None):
    """A finished run; one that insists on a stop is tried until there is one."""
    with aimed(args) as text:
        return run_on(text, prefix, env)


def run_on(args, prefix, env):
    args = patient(args)
    environment = {**os.environ, "LC_ALL": "C", **(env or {})}
    deadline = time.monotonic() + HANG
    while True:
        process = subprocess.run([*prefix, GOSPY, *args], stdin=subprocess.DEVNULL,
                                 capture_output=True, text=True, timeout=HANG, env=environment)
        looked = Run(args, process)
        if not got_no_stop(looked.status, looked.err, args) or time.monotonic() > deadline:
            return looked


def whole(*args, **how):
    """A run that could read everything. Whether it can depends on the machine, too: a thread may be
    held up on its way to its stop. gospy says so then, and is asked again."""
    def everything():
        looked = run(*args, **how)
        # top says so in its frames.
        if looked.status == PARTIAL and ("gospy: note: " in looked.err or args[0] == "top"):
            return None
        return looked.expect(OK)
    return wait_for(everything, f"gospy {' '.join(map(str, args))} to read everything")


def summary(pid, *options, **how):
    """The JSON of a summary in which nothing is marked; see whole()."""
    def unmarked():
        looked = run("summary", pid, "--json", *options, **how)
        if looked.status != PARTIAL:
            looked.expect(OK)
        document = looked.json()
        snapshot = document["snapshot"]
        gaps = [mark for mark in ("late", "torn", "unreadable", "problem") if snapshot.get(mark)]
        if bool(gaps) != (looked.status == PARTIAL):
            raise AssertionError(f"{looked}: {gaps} are marked\n{looked.err}")
        if gaps or snapshot["moved"] or "not_stopped" in snapshot:
            return None
        return document
    return wait_for(unmarked, f"a summary of {pid} without marks")


# What one version of Go does is tried with every one in the scripts that are about that
# (GOSPY_MATRIX_E2E in tests/CMakeLists.txt) and by ./dev test --all: both set GOSPY_ALL_BUILDS. The
# others take the oldest Go and the newest of each variant, and one between of the usual one. gospy with
# sanitizers takes its time, and does what it does without them; on a core or a bundle the same code
# reads what it reads of a process: there it is the oldest and the newest of the usual variant, and the
# newest of each other.
ALL_BUILDS = bool(os.environ.get("GOSPY_ALL_BUILDS"))
FEW = (bool(os.environ.get("GOSPY_SANITIZE")) or not ON_PROCESS) and not ALL_BUILDS


def some(found):
    """Those that take part, if not all do."""
    kept = set()
    for variant in {build.variant for build in found}:
        of_variant = [build for build in found if build.variant == variant]
        kept.add(of_variant[-1])
        if variant == "default" or not FEW:
            kept.add(of_variant[0])
        if variant == "default" and not FEW:
            kept.add(of_variant[len(of_variant) // 2])
    return [build for build in found if build in kept]


def builds(name, variants=WITH_SYMBOLS):
    """The builds of a fixture, oldest Go first; the test is skipped if there is none. GOSPY_GO,
    1.24 or 1.24.13, is for looking at one version only."""
    only = os.environ.get("GOSPY_GO", "")
    found = [build for build in lib_fixture.builds(name, variants=variants)
             if f"{build.version}.".startswith(only and f"{only}.")]
    found = found if ALL_BUILDS else some(found)
    if not found:
        raise unittest.SkipTest(f"no build of {name} as {', '.join(variants)}")
    return found


def start(*args):
    """gospy in the background, its output thrown away."""
    return subprocess.Popen([GOSPY, *[str(arg) for arg in args]], stdin=subprocess.DEVNULL,
                            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def wait_for(condition, what):
    """Poll until the condition holds; its value. `what` is a text, or makes one in the end."""
    deadline = time.monotonic() + HANG
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.002)
    raise AssertionError(f"waited in vain for {what() if callable(what) else what}")


def status_fields(path):
    with open(path, encoding="utf-8", errors="replace") as f:
        return dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)


def threads(pid):
    """State letter and tracer of each thread that is there."""
    for tid in os.listdir(f"/proc/{pid}/task"):
        try:
            fields = status_fields(f"/proc/{pid}/task/{tid}/status")
        except (FileNotFoundError, ProcessLookupError):
            continue
        yield int(tid), fields["State"][0], int(fields["TracerPid"])


def disturbed(pid, stopped=False):
    """The threads that a tracer holds, or that are stopped (or not stopped) against expectation."""
    return [(tid, state, tracer) for tid, state, tracer in threads(pid)
            if tracer or state == "t" or (state == "T") != stopped and state not in "ZX"]


def stop_all(pid):
    """SIGSTOP for each thread. What is sent to the process alone may wait for ever: the kernel wakes
    the leader to take it, and that may be in uninterruptible sleep."""
    tgkill = 234
    for tid in os.listdir(f"/proc/{pid}/task"):
        # If it has ended meanwhile, another one takes part.
        ctypes.CDLL(None).syscall(tgkill, pid, int(tid), signal.SIGSTOP)


class TargetTest(unittest.TestCase):
    """A test whose targets must be as they were when it is over."""

    def watch(self, fixture, stopped=False):
        """Look at the end of the test whether the fixture, which stays open until then, is well."""
        self.addCleanup(fixture.close)
        self.addCleanup(self.assert_unharmed, fixture, stopped)
        return fixture

    def on_each(self, check, name, *args, variants=WITH_SYMBOLS):
        """Run `check` on each build of a fixture, one after the other."""
        for build in builds(name, variants):
            with self.subTest(build=str(build)):
                check(self.watch(lib_fixture.start(build, *args)))
            self.doCleanups()

    def assert_unharmed(self, fixture, stopped=False):
        self.assertEqual(disturbed(fixture.pid, stopped), [], "threads stopped or traced")
        if not stopped:
            self.assert_progress(fixture)

    def assert_progress(self, fixture):
        """It answers, and if it counts what it does all the time, all of that grows."""
        if "go" not in fixture.ready:
            return  # a C program, which knows no commands
        first = fixture.ask("count")
        busy = fixture.ready.get("switching") or "-rate" in fixture.process.args
        if fixture.ready["fixture"] not in ("busy", "count", "hung", "mesh", "spin", "witness") \
                and not busy:
            return
        growing = {key for key in first if not key.endswith(("_eintr", "_failed"))}

        def grown():
            now = fixture.ask("count")
            return all(now[key] > first[key] for key in growing)
        wait_for(grown, f"progress of {sorted(growing)}")


def main():
    """Run the tests of a script; 77, which ctest takes for a skip, if all of them were skipped."""
    program = unittest.main(exit=False)
    result = program.result
    for test, reason in result.skipped:
        print(f"skipped: {test}: {reason}")
    if not result.wasSuccessful():
        sys.exit(1)
    # A class that is skipped as a whole counts as skipped, but not as run.
    if result.skipped and len(result.skipped) >= result.testsRun:
        sys.exit(77)
