#!/usr/bin/env python3
"""Each command shows the same on a bundle as on the process that it was made of, in text and in JSON, but
for where it was read. The process is at rest and stopped meanwhile; when the bundle is looked at, it
has ended and its program is gone.

By default a few programs and commands take part; GOSPY_BUNDLES=all takes every fixture of every
version of Go, and all commands. GOSPY_BUNDLES=REGEX takes those programs that it is found in, as
"1.26.8 pie states", and GOSPY_SHOW=1 prints what differs at once, and how often what was the same."""
import collections
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import lib_commands
import lib_core
import lib_fixture
import lib_gospy
import lib_targets
from lib_same import FREE, MASKS, TOP_MASKS, diff_of, in_one_order, mask, same

WHICH = os.environ.get("GOSPY_BUNDLES", "")
SHOW = os.environ.get("GOSPY_SHOW")

# Variant and fixture of each program that always takes part, of the oldest or the newest Go that it was
# built with.
OLDEST, NEWEST = 0, -1
FEW = ((OLDEST, "stripped", "states"), (NEWEST, "default", "states"), (NEWEST, "cgo", "cgo"),
       (NEWEST, "pie", "parked"), (OLDEST, "cshared", "clib"), (NEWEST, "plugin", "plughost"))

# What is tried of these, so that each report is, in text and in JSON.
FEW_COMMANDS = (
    "summary -v", "summary --group", "summary --json --non-blocking", "stack --system",
    "stack --threads --native --json", "memstats -a", "memstats --json", "stats --json",
    "version -v", "doctor -v", "doctor --json", "pprof heap --debug 1",
    "pprof goroutine --format folded", "top -n 1",
)

# How often a program is taken that runs: when it is stopped its threads may still go on, each time
# that gospy lets go of them.
ATTEMPTS = 4

# Where something was read, how it was stopped, and what the kernel alone tells.
SOURCE = [
    mask(FREE, rb" +\((?:paused|nothing ran|not stopped|bundle)[^)]*\)", b" (@)", "how it was read"),
    mask(FREE, rb"^(.*, pid \d+, go\S+), up .*$", rb"\1, @", "the same, in top"),
    mask(FREE, rb'"rss":\d+,', b"", "it is the kernel's, and in no bundle"),
    mask(FREE, rb',"bundle":"[^"]*"(?:,"left_out":"[^"]*")?', b"", "the same"),
    mask(FREE, rb'"left_out":"[^"]*",(?="readable")|,"left_out":"[^"]*"(?=,"main"|,"deps")', b"",
         "what a bundle is without"),
    mask(FREE, rb'"(exact|non_blocking)":(?:true|false)', rb'"\1":@', "the same"),
    mask(FREE, rb'(?<="active":)\d+', b"@", "of what cannot change all is read at once"),
    mask(FREE, rb"(?<=^gospy: note: captured in )(.*, )\d+ goroutines? inside the stop", rb"\1@", "the same"),
    mask(FREE, rb'(?<="stopped_threads":)\d+', b"@",
         "a command stops only those that it needs, a capture serves all commands"),
    mask(FREE, rb"^(?:pid \d+|\S+/bundle\.\w+): (?=all|)", b"@: ", "what was looked at"),
    mask(FREE, rb"^ok +(?:stop|threads) +.*$", b"@", "nothing is there to be stopped"),
    mask(FREE, rb'\{"topic":"access","name":"(?:stop|threads)","verdict":"ok","text":"[^"]*"\}',
         b"@", "the same"),
    mask(FREE, rb'"pid":\d+(?=,"readable")|"core":"[^"]*"(?=,"readable")', b"@",
         "what was looked at"),
    mask(FREE, rb"(?<=cycles/second=)\d+", b"@", "measured anew each time"),
    mask(FREE, rb"(?<=^# MaxRSS = )(?:\d+|\?)", b"@", "the same"),
    mask(FREE, rb"; --for 1s shows who does not move$", b"", "of a process alone"),
    mask(FREE, rb"(?<=^Time: ).*", b"@", "when a live profile was made"),
]


def chosen():
    """The targets that take part."""
    of_go = [target for target in lib_targets.targets() if target.version != "none"]
    if WHICH:
        return [target for target in of_go if WHICH == "all" or re.search(WHICH, str(target))]
    found = []
    for which, variant, name in FEW[:2] if lib_gospy.FEW else FEW:
        fitting = [t for t in of_go if (t.variant, t.name) == (variant, name)
                   and "(" not in str(t)]
        found += sorted(fitting, key=lambda t: [int(n) for n in t.version.split(".")])[which:][:1]
    return found


def moved_away(target, place):
    """The target with the files of its programs copied to a directory of their own, and these."""
    words, files = [], []
    for word in target.command:
        if word.startswith(lib_fixture.DIRECTORY):
            folder, name = os.path.split(word)
            # A program that loads a plugin looks for it beside itself.
            beside = ["plugged"] if name == "plughost" else []
            files += [shutil.copy(os.path.join(folder, each), place) for each in [name, *beside]]
            word = os.path.join(place, name)
        words.append(word)
    return target._replace(command=tuple(words)), files


Ended = collections.namedtuple("Ended", "status out err")


def run(command, subject):
    process = subprocess.run([lib_gospy.GOSPY, *command.split(), str(subject)], check=False,
                             stdin=subprocess.DEVNULL, capture_output=True,
                             timeout=lib_gospy.HANG, env={**os.environ, "LC_ALL": "C", "TZ": "UTC"})
    return Ended(process.returncode, process.stdout, process.stderr)


class BundleTest(unittest.TestCase):
    def setUp(self):
        self.equal, self.unequal = collections.Counter(), collections.Counter()

    def test_all_is_the_same(self):
        commands = lib_commands.OF_BUNDLE if WHICH else FEW_COMMANDS
        targets = chosen()
        if not targets:
            self.skipTest("no program that takes part was built")
        for target in targets:
            with self.subTest(target=str(target)):
                self.compare(target, [command for command in commands if not target.large
                                      or command in lib_commands.OF_LARGE_TARGET])
        if SHOW:
            self.show()

    def compare(self, target, commands):
        left = list(commands)
        for _ in range(ATTEMPTS):
            differing = self.differing(target, left)
            left = list(differing)
            if not left:
                break
        for command in commands:
            (self.unequal if command in left else self.equal)[target.version, target.variant] += 1
        if differing:
            shown = [f"{command}\n{why}" for command, why in list(differing.items())[:5]]
            text = f"{len(differing)} commands:\n" + "\n".join(shown)
            if SHOW:
                print(target, text, file=sys.stderr)
            self.fail(text)

    def differing(self, target, commands):
        """Commands and how they differ: of one process, and bundles of it."""
        with tempfile.TemporaryDirectory(prefix="gospy-core-") as place:
            target, files = moved_away(target, place)
            bundles = {mode: os.path.join(place, f"bundle.{mode}") for mode in ("still", "moving")}
            with lib_targets.Stopped(target, {}) as stopped:
                run("stack --native", stopped.pid)  # what is read the first time comes into memory
                began = time.monotonic_ns()
                live = {command: run(command, stopped.pid) for command in commands}
                if run("summary", stopped.pid).status in (lib_gospy.NO_TARGET, lib_gospy.ERROR):
                    return {}  # one of 32 bits, or one that has a Go program as data
                self.capture(stopped.pid, bundles["still"])
                if any("--non-blocking" in command for command in commands):
                    self.capture(stopped.pid, bundles["moving"], "--non-blocking")
                passed_ns = time.monotonic_ns() - began
            for path in files:
                os.unlink(path)
            found = {}
            for command in commands:
                path = bundles["moving" if "--non-blocking" in command else "still"]
                why = difference(command, live[command], run(command, path), passed_ns)
                if why:
                    found[command] = why
            return found

    def capture(self, pid, path, *how):
        native = ["--native"] if "--non-blocking" not in how else []
        words = ["capture", "--redact", "none", "--labels", "--sockets", *native, "--max-pause",
                 f"{lib_gospy.HANG}s", "-o", path, *how]
        ended = run(" ".join(words), pid)
        self.assertIn(ended.status, (lib_gospy.OK, lib_gospy.PARTIAL), ended.err)

    def show(self):
        for key in sorted({*self.equal, *self.unequal}):
            print(*key, self.equal[key], "equal", self.unequal[key], "unequal", file=sys.stderr)


class BusyTest(unittest.TestCase):
    """What was read at different times, of a program that works, is no contradiction."""

    def test_nothing_is_wrong(self):
        builds = [build for name in ("busy", "churn")
                  for build in lib_fixture.builds(name, variants=("default",))[::-1][:1 + bool(WHICH)]]
        if not builds:
            self.skipTest("no program that takes part was built")
        for build in builds:
            with self.subTest(build=str(build)), lib_fixture.start(build) as fixture, \
                    tempfile.TemporaryDirectory(prefix="gospy-core-") as place:
                for i in range(20 if WHICH else 4):
                    self.look(fixture.pid, os.path.join(place, str(i)),
                              "--non-blocking" if i % 2 else "--max-pause")

    def look(self, pid, path, how):
        """doctor finds what it finds in the process, and what was whole can be read."""
        words = [how, f"{lib_gospy.HANG}s"] if how == "--max-pause" else [how]
        taken = run(" ".join(["capture", "-o", path, *words]), pid)
        self.assertIn(taken.status, (lib_gospy.OK, lib_gospy.PARTIAL), taken.err)
        self.assertEqual(problems(run("doctor --json", path)), problems(run("doctor --json", pid)))
        # A stack that was being moved cannot be read in the process either, nor can one that was
        # read late and went on meanwhile.
        for g in json.loads(run("stack --json --system", path).out)["goroutines"]:
            whole = g["soundness"] in ("sound", "retried") and g["status"] != "copystack"
            self.assertFalse(whole and "stack_problem" in g, g)
        for command in ("summary --json", "memstats -a", "stats -v", "pprof goroutine --debug 1"):
            ended = run(command, path)
            # Some figures, and some stacks, cannot be read without a stop.
            expected = {lib_gospy.OK, taken.status, *([lib_gospy.PARTIAL] if len(words) == 1 else [])}
            self.assertIn(ended.status, expected, f"{command}: {ended.err}")


class DeepTest(unittest.TestCase):
    """Of stacks that are too deep to be copied whole a bundle has all that lies between the frames,
    and so each argument."""

    def test_arguments(self):
        builds = lib_fixture.builds("deep", variants=("noopt",))
        if not builds:
            self.skipTest("no build of deep")
        path = os.path.join(lib_core.directory(self), "bundle")
        with lib_fixture.start(builds[-1]) as fixture:
            os.kill(fixture.pid, signal.SIGSTOP)
            try:
                live = run("stack --json=lines", fixture.pid)
                taken = run(f"capture --redact none -o {path}", fixture.pid)
            finally:
                os.kill(fixture.pid, signal.SIGCONT)
        self.assertIn(taken.status, (lib_gospy.OK, lib_gospy.PARTIAL), taken.err)
        for command in ("stack --json=lines", "stack --no-args --json=lines"):
            for one, other in zip(frames(live), frames(run(command, path)), strict=True):
                if "--no-args" in command:
                    one = [{**frame, "args": None} for frame in one]
                    other = [{**frame, "args": None} for frame in other]
                self.assertEqual(one, other)


def frames(ended):
    """Those of each goroutine, from JSON lines."""
    return [json.loads(line).get("frames", []) for line in ended.out.splitlines()[1:]]


class DebuggerTest(unittest.TestCase):
    """Debuggers open a bundle as the core file that it is."""

    def setUp(self):
        builds = lib_fixture.builds("states", variants=("default",))
        if not builds:
            self.skipTest("no build of states")
        self.program, self.path = builds[-1].path, os.path.join(lib_core.directory(self), "bundle")
        with lib_fixture.start(builds[-1]) as fixture:
            taken = run(f"capture --plain -o {self.path}", fixture.pid)
            self.assertEqual(taken.status, lib_gospy.OK, taken.err)
        self.shown = json.loads(run("stack --json --system --threads", self.path).out)

    def ask(self, *words):
        """What a debugger says of it; the test is skipped where there is none."""
        if not shutil.which(words[0]):
            self.skipTest(f"no {words[0]}")
        return subprocess.run([*words, self.program, self.path], check=False, text=True,
                              stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=lib_gospy.HANG).stdout

    def test_gdb(self):
        said = self.ask("gdb", "-nx", "-batch", "-iex", "set auto-load off", "-ex", "info threads")
        self.assertEqual({int(tid) for tid in re.findall(r"\bLWP (\d+)", said)},
                         {thread["tid"] for thread in self.shown["threads"]})

    def test_dlv(self):
        """All goroutines, those of the runtime too, each with calls."""
        commands = os.path.join(os.path.dirname(self.path), "commands")
        with open(commands, "w", encoding="ascii") as f:
            f.write("goroutines -t\nexit\n")
        said = self.ask("dlv", "--check-go-version=false", "--allow-non-terminal-interactive=true",
                        "--init", commands, "core")
        shown = json.loads(run("summary --json --system", self.path).out)["goroutines"]
        parts = re.split(r"(?m)^[* ] Goroutine (?=\d)", said)[1:]
        self.assertEqual({int(part.split()[0]) for part in parts}, {g["goid"] for g in shown})
        for part in parts:
            self.assertRegex(part, r"(?m)^\s+0  0x", part)


class NowhereTest(unittest.TestCase):
    """Where there is gospy and nothing else: no /proc, no /tmp, no program."""

    @unittest.skipIf(os.geteuid() or lib_gospy.has_sanitizers(), "needs root, and no sanitizers")
    def test_all_is_there(self):
        builds = lib_fixture.builds("states", variants=("default",))
        if not builds:
            self.skipTest("no build of states")
        with tempfile.TemporaryDirectory(prefix="gospy-core-") as place:
            libraries = subprocess.run(["ldd", lib_gospy.GOSPY], check=True, capture_output=True,
                                       text=True).stdout
            for path in re.findall(r"(/\S+) \(0x", libraries):
                os.makedirs(place + os.path.dirname(path), exist_ok=True)
                shutil.copy(path, place + path)
            shutil.copy(lib_gospy.GOSPY, place + "/gospy")
            with lib_fixture.start(builds[-1]) as fixture:
                taken = run(f"capture -o {place}/bundle", fixture.pid)
                self.assertEqual(taken.status, lib_gospy.OK, taken.err)
            for command in ("summary --json", "stack", "doctor", "memstats", "version"):
                here = run(command, place + "/bundle")
                there = subprocess.run(
                    ["/gospy", *command.split(), "/bundle"], check=False, capture_output=True,
                    stdin=subprocess.DEVNULL, env={"LC_ALL": "C", "TZ": "UTC"},
                    preexec_fn=lambda: os.chroot(place), cwd="/", timeout=lib_gospy.HANG)
                here = Ended(here.status, here.out.replace(place.encode(), b""), here.err)
                there = Ended(there.returncode, there.stdout, there.stderr)
                self.assertEqual(difference(command, here, there, 0), "")


def problems(ended):
    """What a run of doctor complains of."""
    findings = json.loads(ended.out)["findings"]
    return [finding for finding in findings if finding["verdict"] != "ok"]


def difference(command, live, bundle, passed_ns):
    """How the two differ, as a text; empty: in nothing but where they were read."""
    masks = SOURCE + (TOP_MASKS if command.startswith("top") else MASKS)
    lines = [] if live.status == bundle.status else [f"status {live.status}, then {bundle.status}"]
    said = [re.sub(rb"(?m)^gospy: note: the bundle was made without .*\n", b"", ended.err)
            for ended in (live, bundle)]
    for before, now in ((live.out, bundle.out), said):
        if command.startswith("top"):
            before, now = in_one_order(before), in_one_order(now)
        if not same(before, now, masks, passed_ns):
            lines += diff_of(command, before, now, masks)[:40]
    return "\n".join(lines)


if __name__ == "__main__":
    unittest.main()
