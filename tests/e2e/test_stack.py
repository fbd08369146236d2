"""`gospy stack` on fixtures of every Go version: the text must be that of the program's own
runtime.Stack, to the byte."""
import collections
import json
import os
import re
import signal
import subprocess
import sys
import threading

import lib_fixture
import lib_gospy

MODES = lib_gospy.modes({"paused": (), "non-blocking": ("--non-blocking",), "exact": ("--exact",)})

LISTED = (
    ("states",),
    ("states", "-finalizer"),
    ("abba",),
    ("server",),
    ("parked", "-n", "200"),
    ("threads",),
    ("generics",),
    ("iterpull",),
    ("markers",),
    ("cgo",),
    ("deep",),
)

MINUTES = re.compile(r", \d+ minutes")
MARK = re.compile(r"^\[(.*)\]$", re.M)


def split(text):
    """The goroutines of a traceback by goid, in its order; without the minutes, which pass."""
    blocks = [block for block in text.strip("\n").split("\n\n") if block]
    return {int(re.match(r"goroutine (\d+) ", block)[1]): MINUTES.sub("", block)
            for block in blocks}


def moving(ready):
    """The goids that are not parked: the one that answers, and those that compute."""
    return {g["goid"] for g in ready["goroutines"]
            if g["state"] in ("running", "runnable") or g.get("name") in ("main", "stdin")}


def all_stopped(fixture):
    return all(state == "T" for _, state, _ in lib_gospy.threads(fixture.pid))


class Collector:
    """Has a fixture collect garbage whenever it is told to."""

    def __init__(self, fixture):
        self.fixture = fixture
        self.wanted = threading.Semaphore(0)
        self.over = False
        self.thread = threading.Thread(target=self.run)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over = True
        self.start()
        self.thread.join()

    def start(self):
        self.wanted.release()

    def run(self):
        while self.wanted.acquire() and not self.over:
            self.fixture.ask("gc")


def at_rest(fixture, options, aside):
    """Tracebacks by goid, of the program and of gospy, once the program, asked before and after, is no
    longer busy with its start (a server that closes a connection, say)."""
    def take():
        own = split(fixture.ask("stack")["traceback"])
        run = lib_gospy.run("stack", fixture.pid, *options)
        then = split(fixture.ask("stack")["traceback"])
        same = own.keys() == then.keys() and all(
            own[goid] == then[goid] for goid in own if goid not in aside)
        # Who still moves may have no stack to show, and gospy says so by its status. And a collection
        # may have begun in between, which is in the midst of a stack.
        if not same or run.status == lib_gospy.PARTIAL or " (scan)" in run.out:
            return None
        return own, split(run.expect(lib_gospy.OK).out)
    return lib_gospy.wait_for(take, "the program to come to rest")


class IdentityTest(lib_gospy.TargetTest):
    share = collections.defaultdict(lambda: [0, 0])

    @classmethod
    def tearDownClass(cls):
        for build, (same, all_) in sorted(cls.share.items()):
            print(f"identical to the runtime's: {same} of {all_}, {build}")

    def compare(self, build, fixture):
        for mode, options in MODES.items():
            with self.subTest(mode=mode):
                self.compare_once(build, fixture, options)

    def compare_once(self, build, fixture, options):
        aside = moving(fixture.ready)
        own, shown = at_rest(fixture, options, aside)
        self.assertEqual(sorted(shown), sorted(own), "goids")
        parked = [goid for goid in own if goid not in aside]
        # The runtime puts the goroutine that prints first; the others come in allgs order.
        self.assertEqual([goid for goid in shown if goid not in aside], parked, "order")
        for goid in parked:
            self.share[str(build)][1] += 1
            with self.subTest(goid=goid):
                self.assertEqual(shown[goid], own[goid])
                self.share[str(build)][0] += 1

    def test_ancestors(self):
        self.run_all("states", env={"GODEBUG": "tracebackancestors=2"})

    def test_generic_ancestors(self):
        self.run_all("generics", env={"GODEBUG": "tracebackancestors=1"})

    def test_deepest(self):
        self.on_each(self.check_deepest, "deep", "-deepest", 1500000, variants=("default",))

    def check_deepest(self, fixture):
        """Who began the recursion is there, and all of it is counted."""
        run = lib_gospy.whole("stack", fixture.pid, "--json", "--non-blocking")
        found = [g for g in run.json()["goroutines"] if "left_out" in g]
        self.assertEqual(len(found), 1)
        frames = [frame["func"] for frame in found[0]["frames"]]
        calls = frames.count("main.turn") + found[0]["left_out"]
        self.assertEqual(calls, fixture.ready["deepest"])
        self.assertEqual(set(frames[found[0]["left_out_at"] - 1:-2]), {"main.turn"})
        self.assertIn("main.bottom", frames[-2:])
        self.assertEqual(found[0]["created_by"]["func"], "main.main")

    def test_elided(self):
        self.on_each(self.check_elided, "deep")

    def check_elided(self, fixture):
        """JSON tells which calls are elided and how many."""
        own = {goid: re.search(r"^\.\.\.(\d+) frames elided\.\.\.$", block, re.M)
               for goid, block in split(fixture.ready["traceback"]).items()}
        document = lib_gospy.whole("stack", fixture.pid, "--json").json()
        for g in document["goroutines"]:
            elided = sum(frame.get("elided", False) for frame in g["frames"])
            self.assertEqual(g.get("elided", 0), elided)
            if own[g["goid"]]:
                self.assertEqual(elided, int(own[g["goid"]][1]))

    def run_all(self, name, *args, env=None):
        for build in lib_gospy.builds(name):
            with self.subTest(build=str(build)):
                fixture = self.watch(lib_fixture.start(build, *args, env=env))
                if "traceback" not in fixture.ready:
                    self.skipTest("too many goroutines to print")
                self.compare(build, fixture)
            self.doCleanups()


def make_test(args):
    return lambda self: self.run_all(*args)


for listed in LISTED:
    setattr(IdentityTest, "test_" + "_".join(listed).replace("-", ""), make_test(listed))


class MovingTest(lib_gospy.TargetTest):
    """Goroutines that run and switch: every stack is walked to its end."""

    def check(self, fixture):
        for options in MODES.values():
            for _ in range(2):
                run = lib_gospy.run("stack", fixture.pid, "--max-pause", "10s", *options)
                self.assertIn(run.status, (lib_gospy.OK, lib_gospy.PARTIAL), run.err)
                marks = set(MARK.findall(run.out)) - {"moved", "late", "torn"}
                self.assertEqual(marks, set())

    # How a program is linked does not matter to how its threads run; while they do, they use all
    # processors.
    VARIANTS = ("default", "cgo")

    def test_mesh(self):
        self.on_each(self.check, "mesh", variants=self.VARIANTS)

    def test_spin(self):
        self.on_each(self.check, "spin", variants=self.VARIANTS)

    def test_states(self):
        builds = lib_gospy.builds("mesh", ("default",))
        for build in builds[0], builds[-1]:
            with self.subTest(build=str(build)):
                self.check_states(self.watch(lib_fixture.start(build)))
            self.doCleanups()

    def check_states(self, fixture):
        """Only the stacks of these are read, and each that is shown was."""
        for options in MODES.values():
            for state in ("waiting", "runnable", "waiting,runnable"):
                run = lib_gospy.run("stack", fixture.pid, "--json", "--max-pause", "10s",
                                    "--state", state, *options)
                self.assertIn(run.status, (lib_gospy.OK, lib_gospy.PARTIAL), run.err)
                for g in run.json()["goroutines"]:
                    self.assertIn(g["status"], state.split(","))
                    if g["soundness"] in ("sound", "retried"):
                        self.assertTrue(g["frames"], g)

    def test_foreign_code(self):
        self.on_each(self.check_foreign_code, "jit")

    def check_foreign_code(self, fixture):
        expected = {
            "leaf": [("main.leaf", True)],
            "caller": [("main.spin", False), ("main.called", False), ("main.caller", True)],
        }
        names = {g["goid"]: g.get("name") for g in fixture.ready["goroutines"]}
        fixture.ask("count")

        def begun():
            """Both run. One that is just being preempted is in the runtime."""
            run = lib_gospy.whole("stack", fixture.pid, "--json")
            found = {names.get(g["goid"]): g for g in run.json()["goroutines"]}
            return found if all("foreign_pc" in found[name] and found[name]["status"] == "running"
                                for name in expected) else None
        found = lib_gospy.wait_for(begun, "both to run")
        for name, frames in expected.items():
            shown = [(f["func"], f.get("by_frame_pointer", False)) for f in found[name]["frames"]]
            self.assertEqual(shown, frames)
        mark = re.compile(r"^\[no Go function at 0x[0-9a-f]+: by frame pointers from here\]\n"
                          r"main\.", re.M)
        lib_gospy.wait_for(
            lambda: len(mark.findall(lib_gospy.whole("stack", fixture.pid).out)) == 2,
            "both to be marked")

    def test_signals(self):
        self.on_each(self.check_signalled, "spin", variants=self.VARIANTS)

    def check_signalled(self, fixture):
        """Threads that are in signal handlers: where they were interrupted can be told."""
        loop = f"import os, signal\nwhile True: os.kill({fixture.pid}, signal.SIGURG)"
        with subprocess.Popen([sys.executable, "-c", loop]) as killer:
            try:
                for _ in range(3):
                    lib_gospy.wait_for(lambda: self.check_spinning(fixture),
                                       "a snapshot of one instant")
            finally:
                killer.kill()

    def check_spinning(self, fixture):
        """Whether the snapshot is of one instant: each signal may wake a thread that was to stand
        still, and of a goroutine that is marked as moved no place is claimed. Nor is it where all
        was read without a stop, because the threads did not get a processor to come to one."""
        run = lib_gospy.run("stack", fixture.pid, "--json")
        self.assertIn(run.status, (lib_gospy.OK, lib_gospy.PARTIAL), run.err)
        document = run.json()
        if document["snapshot"]["non_blocking"]:
            return False
        for g in document["goroutines"]:
            if g["start"]["func"] == "main.spin" and g["soundness"] == "sound":
                self.assertNotIn("stack_problem", g)
                self.assertEqual([f["func"] for f in g["frames"]][-1:], ["main.spin"], g)
        return document["snapshot"]["instant"]


class ScanTest(lib_gospy.TargetTest):
    """A deep stack that the garbage collector is just scanning. It is parked all the same."""

    def test_scanned(self):
        self.on_each(self.check_scanned, "deep", "-deepest", 1500000, variants=("default",))

    def check_scanned(self, fixture):
        with Collector(fixture) as collector:
            for mode, options in MODES.items():
                with self.subTest(mode=mode):
                    lib_gospy.wait_for(lambda: self.is_seen(fixture, collector, options),
                                       "the program to be stopped while it scans the stack")

    def is_seen(self, fixture, collector, options):
        """Look at the stopped program; was it scanning? In either case the whole stack is there."""
        collector.start()
        os.kill(fixture.pid, signal.SIGSTOP)
        try:
            lib_gospy.wait_for(lambda: all_stopped(fixture), "the program to stop")
            run = lib_gospy.run("stack", fixture.pid, "--json", *options).expect(lib_gospy.OK)
        finally:
            os.kill(fixture.pid, signal.SIGCONT)
        deepest = [g for g in run.json()["goroutines"]
                   if g.get("left_out", 0) > fixture.ready["deepest"] / 2]
        self.assertEqual(len(deepest), 1)
        self.assertEqual(deepest[0]["frames"][-1]["func"], "main.bottom")
        return deepest[0]["scan"]


class OptionTest(lib_gospy.TargetTest):
    def setUp(self):
        self.fixture = self.watch(lib_fixture.start(lib_gospy.builds("states")[-1]))
        self.all = self.goroutines()

    def goroutines(self, *options):
        return lib_gospy.run("stack", self.fixture.pid, "--json", *options).expect(
            lib_gospy.OK).json()["goroutines"]

    def goids(self, *options):
        return [g["goid"] for g in self.goroutines(*options)]

    def test_goid(self):
        a, b = self.all[3]["goid"], self.all[5]["goid"]
        self.assertEqual(sorted(self.goids("--goid", a, "--goid", b)), sorted([a, b]))
        self.assertEqual(sorted(self.goids("--goid", f"{a},{b}")), sorted([a, b]))
        lib_gospy.run("stack", self.fixture.pid, "--goid", "x").expect(lib_gospy.USAGE)

    def test_state_and_func(self):
        self.assertEqual(self.goids("--state", "syscall"),
                         [g["goid"] for g in self.all if g["status"] == "syscall"])
        expected = [g["goid"] for g in self.all
                    if any(re.search("blockLabelled", f["func"]) for f in g["frames"])]
        self.assertEqual(self.goids("--func", "blockLabelled"), expected)

    def test_reasons(self):
        """--state knows the runtime's words and those of the screen; they add up with states."""
        said = self.fixture.ready["goroutines"]
        for option, words in (
                (("chan receive (nil chan)",), {"chan receive (nil chan)"}),
                (("chan recv nil",), {"chan receive (nil chan)"}),
                (("select{},Mutex.Lock", "--state", "syscall"),
                 {"select (no cases)", "sync.Mutex.Lock", "syscall"}),
                (("IO wait,chan recv",), {"IO wait", "chan receive"})):
            expected = sorted(g["goid"] for g in said if (g.get("reason") or g["state"]) in words)
            self.assertTrue(expected)
            self.assertEqual(sorted(self.goids("--state", *option)), expected)
            shown = lib_gospy.summary(self.fixture.pid, "--state", *option)["goroutines"]
            self.assertEqual([g["goid"] for g in shown], expected)
        for wrong in ("lost", "syscall,", "chan", "chan recv,lost", ""):
            for command in ("stack", "summary"):
                run = lib_gospy.run(command, self.fixture.pid, "--state", wrong)
                self.assertRegex(run.expect(lib_gospy.USAGE).err,
                                 "^gospy: --state takes idle, .* not '(|lost|chan)'\n$")

    def test_depth_and_args(self):
        for g in self.goroutines("--depth", "1", "--no-args"):
            self.assertLessEqual(len(g["frames"]), 1)
            self.assertFalse(any("args" in f for f in g["frames"]))

    def test_system(self):
        more = self.goroutines("--system")
        self.assertTrue(any(g["system"] for g in more))
        for g in more:
            if g["status"] == "waiting":
                self.assertEqual(g["frames"][-1]["func"], "runtime.goexit")

    def test_group(self):
        run = lib_gospy.run("stack", self.fixture.pid, "--group", "--json").expect(lib_gospy.OK)
        groups = run.json()["groups"]
        self.assertEqual(sorted(goid for group in groups for goid in group["goids"]),
                         sorted(g["goid"] for g in self.all))
        counts = [group["count"] for group in groups]
        self.assertEqual(counts, sorted(counts, reverse=True))
        for group in groups:
            self.assertEqual(group["count"], len(group["goids"]))
        lib_gospy.run("stack", self.fixture.pid, "--group").expect(lib_gospy.OK)

    def test_sort(self):
        state = {g["goid"]: g.get("reason") or g["state"]
                 for g in self.fixture.ready["goroutines"]}
        self.assertEqual(self.goids("--sort", "goid"), sorted(state))
        # The fixture has collected: of all that wait it is known for how long.
        waits = [g.get("wait_ns", -1) for g in self.goroutines("--sort", "wait")]
        self.assertEqual(waits, sorted(waits, reverse=True))
        unknown = {g["goid"] for g in self.all if "wait_ns" not in g}
        self.assertTrue(unknown)
        for func in (("--func", "blockForever"), ()):
            by_place = [g["call"] for g in self.goroutines("--sort", "location", *func)]
            self.assertEqual([c["func"] for c in by_place], sorted(c["func"] for c in by_place))
        for sort, known in (("wait", lambda group: unknown.issuperset(group["goids"])),
                            ("state", lambda group: state[group["goids"][0]])):
            groups = lib_gospy.run("stack", self.fixture.pid, "--group", "--sort", sort,
                                   "--json").expect(lib_gospy.OK).json()["groups"]
            self.assertEqual(sorted(goid for group in groups for goid in group["goids"]),
                             sorted(state))
            self.assertEqual([known(group) for group in groups], sorted(map(known, groups)))

    def test_created_by(self):
        said = [g["goid"] for g in self.fixture.ready["goroutines"]
                if g.get("creator") == "main.parent"]
        self.assertEqual(self.goids("--created-by", r"main\.parent"), said)
        self.assertEqual(len(said), 1)

    def test_label(self):
        said = self.fixture.ready["goroutines"]
        having = [g["goid"] for g in said if g.get("labels", {}).get("request") == "42"]
        self.assertEqual(sorted(self.goids("--label", "request=42")), sorted(having))
        run = lib_gospy.run("stack", self.fixture.pid, "--group", "--label", "request", "--json")
        groups = run.expect(lib_gospy.OK).json()["groups"]
        self.assertEqual(sum(group["count"] for group in groups), len(having))
        for group in groups:
            members = [g["labels"] for g in said if g["goid"] in group["goids"]]
            counts = collections.Counter(pair for labels in members for pair in labels.items())
            shown = [(label["key"], label["value"], label["count"]) for label in group["labels"]]
            self.assertEqual(shown, sorted(((*pair, n) for pair, n in counts.items()),
                                           key=lambda row: (-row[2], row[0], row[1])))
        text = lib_gospy.run("stack", self.fixture.pid, "--group", "--label", "part").out
        self.assertIn('\nlabels: part: one, path: "/a b", request: 42\n', text)

    def test_lines(self):
        run = lib_gospy.run("stack", self.fixture.pid, "--json=lines").expect(lib_gospy.OK)
        head, *rest = [json.loads(line) for line in run.out.splitlines()]
        self.assertEqual(head["type"], "stack")
        self.assertEqual([g["goid"] for g in rest], [g["goid"] for g in self.all])


if __name__ == "__main__":
    lib_gospy.main()
