"""Every program of build/fixtures as something to start, brought to rest and stopped: whoever looks at
it twice looks at the same memory and the same threads."""
import collections
import os
import re
import signal
import subprocess
import time

import lib_fixture

# Far above anything seen, so that a hang is a failure and a slow machine is not.
HANG = 120
# How long a target may take until it does nothing, if it ever comes to that.
REST = 0.3


class Target(collections.namedtuple("Target",
                                    "version variant name args command env ask large twins")):
    """What is started, and how it is named. Something of no version needs no Go."""

    def __str__(self):
        return " ".join((self.version, self.variant, self.name, *self.args))


def target(build, *args, command=None, env=None, ask=None, large=False, twins=()):
    return Target(build.version, build.variant, build.name, args, command or (build.path, *args),
                  env or {}, ask, large, twins)


# Fewer goroutines than these fixtures start by themselves: a thousand lines find what ten thousand
# do.
FEWER = {"parked": ("-n", "500", "-switching", "20"), "leak": ("-steady", "500"),
         "mesh": ("-n", "200")}
# Variants without symbols.
STRIPPED = ("stripped", "sstrip", "sw")
# They begin when they are asked.
ASK = {"jit": "count"}
# Programs that are nothing without another one: targets() has what they are started with.
PARTS = ("clib", "plugged", "host", "unpack", "notgo-embed")

# Of the newest Go these, too.
MORE = (
    ("default", "parked", ("-n", "70000"), {"large": True}),  # above 65,536 more is checked
    ("default", "parked", ("-n", "50", "-kind", "mutex"), {}),
    ("default", "parked", ("-n", "50", "-kind", "select"), {}),
    ("default", "states", ("-finalizer",), {}),
    ("default", "states", (), {"env": {"GODEBUG": "tracebackancestors=5"}}),
    ("default", "threads", ("-asleep", "40"), {}),
    ("default", "threads", ("-deadleader",), {}),
    ("default", "churn", ("-rounds", "40", "-gc", "3"), {}),
    ("default", "deep", ("-deepest", "6000"), {}),
)


def all_builds():
    for entry in lib_fixture.manifest()["versions"]:
        for variant, names in entry["fixtures"].items():
            for name in names:
                path = os.path.join(lib_fixture.DIRECTORY, entry["version"], variant, name)
                yield lib_fixture.Build(entry["version"], variant, name, path)


def targets():
    builds = list(all_builds())
    of_name = {(b.version, b.variant, b.name): b for b in builds}
    host, unpack, embed = (of_name.get(("none", "default", name))
                           for name in ("host", "unpack", "notgo-embed"))
    for build in builds:
        if build.name not in PARTS:
            twins = [of_name[build.version, "default", name].path for name in (build.name, "abba")
                     if build.variant in STRIPPED and (build.version, "default", name) in of_name]
            yield target(build, *FEWER.get(build.name, ()), ask=ASK.get(build.name), twins=twins)
        if build.name == "clib" and host:
            yield target(build, command=(host.path, build.path))
        if build.name == "states" and build.variant == "default" and unpack:
            yield target(build, "(unpacked)", command=(unpack.path, build.path))
        if build.name == "parked" and build.variant == "default" and embed:
            yield target(build, "(embedded)", command=(embed.path, build.path))
    newest = max((b for b in builds if b.version != "none"),
                 key=lambda b: [int(n) for n in re.findall(r"\d+", b.version)]).version
    for variant, name, args, how in MORE:
        if (newest, variant, name) in of_name:
            yield target(of_name[newest, variant, name], *args, **how)


def threads(pid):
    """Of each thread that is there: its id, its state, and how often it was put on a processor."""
    for tid in os.listdir(f"/proc/{pid}/task"):
        try:
            with open(f"/proc/{pid}/task/{tid}/stat", encoding="utf-8", errors="replace") as f:
                state = f.read().rsplit(")", 1)[1].split()[0]
            with open(f"/proc/{pid}/task/{tid}/schedstat", encoding="ascii") as f:
                yield int(tid), state, f.read().split()[2]
        except (FileNotFoundError, ProcessLookupError):
            continue


def stop(pid):
    """A thread in uninterruptible sleep would keep the signal to itself: another one takes it."""
    takers = [tid for tid, state, _ in threads(pid) if state not in "DZX"]
    os.kill(takers[0] if takers else pid, signal.SIGSTOP)


def wait_until_stopped(pid):
    deadline = time.monotonic() + HANG
    while not all(state in "TDZX" for _, state, _ in threads(pid)):
        if time.monotonic() > deadline:
            raise TimeoutError(f"process {pid} does not stop")
        time.sleep(0.0005)


def wait_until_idle(pid):
    deadline = time.monotonic() + REST
    before = None
    while time.monotonic() < deadline:
        now = sorted(threads(pid))
        if now == before and all(state != "R" for _, state, _ in now):
            return
        before = now
        time.sleep(0.02)


class Stopped:
    """A target that has come to rest and was stopped. It ends with this program, however that ends:
    setpriv asks the kernel for that."""

    def __init__(self, what, env):
        # This process does not stop what it starts, so only a signal to all would reach both.
        self.fixture = lib_fixture.Fixture("setpriv", "--pdeathsig", "KILL", *what.command,
                                           env={**env, **what.env}, stderr=subprocess.DEVNULL)
        self.pid = self.fixture.pid
        try:
            if what.ask:
                self.fixture.ask(what.ask)
            wait_until_idle(self.pid)
            stop(self.pid)
            wait_until_stopped(self.pid)
        except BaseException:
            self.__exit__()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.fixture.process.kill()
        self.fixture.close()
