"""`gospy summary` on fixtures of every Go version, held against what the fixtures say."""
import collections
import os
import re
import time

import compare
import lib_fixture
import lib_gospy

MODES = lib_gospy.modes({"paused": (), "non-blocking": ("--non-blocking",), "exact": ("--exact",)})

# Fixtures that list their goroutines, and arguments that give them another shape.
LISTED = (
    ("states",),
    ("states", "-finalizer"),
    ("spin",),
    ("abba",),
    ("server",),
    ("parked", "-n", "200"),
    ("threads",),
    ("generics",),
    ("iterpull",),
    ("cgo",),
)


class SummaryTest(lib_gospy.TargetTest):
    def compare(self, fixture):
        for mode, options in MODES.items():
            with self.subTest(mode=mode):
                self.compare_once(fixture, options)

    def settled(self, fixture):
        """What the fixture says once its goroutines without a name, those of net/http for example,
        have come to rest, too."""
        def at_rest(g):
            # The goroutine of os/signal waits in what counts as a system call.
            return ("name" in g or g["state"] == "waiting"
                    or g["creator"].startswith("os/signal."))

        def rest():
            said = fixture.ask("stack")
            return {**fixture.ready, **said} if all(map(at_rest, said["goroutines"])) else None
        if all("name" in g for g in fixture.ready["goroutines"]):
            return fixture.ready
        return lib_gospy.wait_for(rest, "all goroutines to wait")

    def compare_once(self, fixture, options):
        def take():
            ready = self.settled(fixture)
            before = time.monotonic_ns()
            document = lib_gospy.summary(fixture.pid, *options)
            after = time.monotonic_ns()
            # The goroutines of net/http may still end.
            same = self.settled(fixture)["goroutines"] == ready["goroutines"]
            return (ready, document, before, after) if same else None
        ready, document, before, after = lib_gospy.wait_for(
            take, "goroutines that stay as they are")
        compare.Goroutines(self, ready, document).check()
        compare.check_counts(self, ready, document)
        compare.check_processors(self, ready, document)
        self.check_mode(ready, document["snapshot"], options)
        if "waitsince_ns" in ready:
            compare.check_waits(self, document, ready["waitsince_ns"], before, after)

    def check_mode(self, ready, snapshot, options):
        for mark in ("late", "moved", "torn", "unreadable"):
            self.assertEqual(snapshot[mark], 0, mark)
        if lib_gospy.ON == "bundle":
            return  # it says what that stop was like
        if lib_gospy.ON == "core":
            self.assertEqual([snapshot[key] for key in ("instant", "exact", "paused_ns")],
                             [True, True, 0])
            return
        self.assertEqual(snapshot["non_blocking"], "--non-blocking" in options)
        # Before 1.17 a goroutine has no counter of its switches, and all of one instant is exact.
        counts = compare.minor_version(ready) >= 17
        exact = snapshot["instant"] and (options != () or not counts)
        self.assertEqual(snapshot["exact"], exact)
        # Only what runs is stopped, and without a stop there is an instant only while nothing does.
        self.assertTrue(snapshot["instant"] or "--non-blocking" in options)
        self.assertTrue(snapshot["stopped_threads"] == 0 or "--non-blocking" not in options)
        # A thread that is interrupted while it sleeps may not come to its stop, and is not held then.
        self.assertTrue(snapshot["paused_ns"] == 0 or snapshot["stopped_threads"] > 0)
        self.assertNotIn("not_stopped", snapshot)


def make_test(args):
    return lambda self: self.on_each(self.compare, *args)


for listed in LISTED:
    setattr(SummaryTest, "test_" + "_".join(listed).replace("-", ""), make_test(listed))


class HeaderTest(lib_gospy.TargetTest):
    def test_heap(self):
        def check(fixture):
            fixture.ask("gc")
            compare.check_heap(self, fixture, lambda: lib_gospy.summary(fixture.pid))
        self.on_each(check, "states")

    def test_threads(self):
        self.on_each(self.check_threads, "states")

    def check_threads(self, fixture):
        def take():
            before = sorted(lib_gospy.threads(fixture.pid))
            document = lib_gospy.summary(fixture.pid)
            if before != sorted(lib_gospy.threads(fixture.pid)):
                return None  # some thread came or went, or changed its state
            return document["threads"], before
        shown, threads = lib_gospy.wait_for(take, "threads that stay as they are")
        self.assertEqual(shown["total"], len(threads))

    def test_text(self):
        self.on_each(self.check_text, "states")

    def check_text(self, fixture):
        text = lib_gospy.run("summary", "--pid", fixture.pid).expect(lib_gospy.OK).out
        header, goroutines = text.split("\ngoroutines:\n")
        self.check_header(fixture, header.split("\n"))
        self.check_lines(fixture.ready, goroutines.splitlines())

    def check_header(self, fixture, lines):
        ready = fixture.ready
        exe = os.readlink(f"/proc/{fixture.pid}/exe")
        procs = ready["gomaxprocs"]
        date = r"of \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC\)"
        source = {
            "process": r"\d+s +\((nothing ran, nothing stopped|paused [\d.]+ ms, \d+ of \d+ threads)\)",
            "core": rf"\? +\(core file core\.{fixture.pid} {date}",
            "bundle": rf"\d+s +\(bundle core\.{fixture.pid} {date}",
        }[lib_gospy.ON]
        count = r"\?" if lib_gospy.ON == "core" else r"\d+"
        patterns = [
            rf"bin: {re.escape(exe)}, goVer: {re.escape(ready['go'][2:])}, gomaxprocs: {procs}, "
            rf"pid: {fixture.pid}, uptime: {source}",
            r"Sched: NMidle \d+, NMspinning \d+, NPidle \d+, NGsys \d+, Runqsize \d+",
            r"Heap: [\d.]+ \wB in use, [\d.]+ \wB sys, [\d.]+ \wB live, \d+ objects      "
            r"GC: \d+ cycles, \d+ forced, last [\d.]+s ago, total pause [\d.]+ ms, "
            r"next at [\d.]+ \wB",
            *(rf"P{i} \w+, schedtick: \d+, syscalltick: \d+, m: (-|\d+), runq: \d+"
              for i in range(procs)),
            rf"Threads: \d+ total, {count} running, {count} sleeping, {count} stopped, {count} zombie",
            rf"Goroutines: {ready['num_goroutine']} total, 0 idle, \d+ running, \d+ syscall, "
            r"\d+ waiting.*",
        ]
        lines = [line for line in lines if line]
        self.assertEqual(len(lines), len(patterns), lines)
        for pattern, line in zip(patterns, lines):
            self.assertRegex(line, f"^{pattern}$")

    def check_lines(self, ready, lines):
        self.assertEqual([int(line.split(" - ")[0]) for line in lines],
                         sorted(g["goid"] for g in ready["goroutines"]))
        text = {int(line.split(" - ")[0]): line for line in lines}
        for g in ready["goroutines"]:
            line = text[g["goid"]]
            if g["state"] == "waiting":
                self.assertIn(f" - waiting for {g['reason']}", line)
            if g.get("name") in ("chan-send-buffered", "chan-receive-buffered"):
                way = "to" if "send" in g["name"] else "from"
                self.assertIn(f" {way} {g['chan']}, cap {g['cap']} len {g['len']}", line)
            if g.get("name") == "locked":
                self.assertIn("locked to thread", line)


class OptionTest(lib_gospy.TargetTest):
    """What the options choose, by the unfiltered summary of the same quiet target."""

    def setUp(self):
        self.fixture = self.watch(lib_fixture.start(lib_gospy.builds("states")[-1]))
        self.all = self.goroutines()

    def goroutines(self, *options):
        return lib_gospy.summary(self.fixture.pid, *options)["goroutines"]

    def goids(self, *options):
        return [g["goid"] for g in self.goroutines(*options)]

    def test_state(self):
        for state in ("waiting", "syscall"):
            self.assertEqual(self.goids("--state", state),
                             [g["goid"] for g in self.all if g["status"] == state])
        self.assertEqual(self.goids("--state", "waiting,syscall"), [g["goid"] for g in self.all])

    def test_func(self):
        # A channel's sender begins in send or sendBuffered, by the target's word.
        senders = [g["goid"] for g in self.fixture.ready["goroutines"]
                   if g.get("name", "").startswith("chan-send")]
        self.assertEqual(self.goids("--func", r"^main\.send(Buffered)?$"), senders)
        # As Perl reads it; without a capital letter case does not matter.
        for pattern in (r"^main\.send(?!nil)\w*$", r"^main\.send(buffered)?$", r"(?i)^MAIN\.SEND(?!N)"):
            self.assertEqual(self.goids("--func", pattern), senders, pattern)
        self.assertEqual(self.goids("--func", r"^Main\.send"), [])
        self.assertEqual(self.goids("--func", "no such function"), [])

    def test_pattern_that_takes_too_long(self):
        run = lib_gospy.run("summary", self.fixture.pid, "--func", r"^(\w|[a-z]|.)+[!?]")
        self.assertRegex(run.expect(lib_gospy.PARTIAL).err, r"--func takes too many steps on \d+ ")

    def test_created_by(self):
        said = sorted(g["goid"] for g in self.fixture.ready["goroutines"]
                      if g.get("creator") in ("main.locks", "main.timers"))
        self.assertEqual(len(said), 9)
        self.assertEqual(self.goids("--created-by", r"^main\.(locks|timers)$"), said)
        # The filter works together with a function, even if that is the same one.
        self.assertEqual(self.goids("--created-by", "locks", "--func", "timers", "--pc", "caller"),
                         [])
        self.assertEqual(self.goids("--created-by", "main.", "--func", "locks|timers",
                                    "--pc", "caller"), said)
        lib_gospy.run("summary", self.fixture.pid, "--created-by", "(").expect(lib_gospy.USAGE)

    def test_label(self):
        labels = {g["goid"]: g.get("labels", {}) for g in self.fixture.ready["goroutines"]}
        for option, wanted in (("part", lambda l: "part" in l),
                               ("part=one", lambda l: l.get("part") == "one"),
                               ("part=on", lambda l: False),
                               ("par", lambda l: False),
                               ("request=42", lambda l: l.get("request") == "42")):
            self.assertEqual(self.goids("--label", option),
                             sorted(goid for goid in labels if wanted(labels[goid])), option)
        both = [goid for goid in labels if labels[goid].keys() >= {"part", "path"}]
        self.assertEqual(self.goids("--label", "part", "--label", "path=/a b"), sorted(both))
        counts = lib_gospy.summary(self.fixture.pid, "--label", "part", "--group")["groups"]
        self.assertEqual(sum(group["count"] for group in counts), len(both))
        lib_gospy.run("summary", self.fixture.pid, "--label", "=x").expect(lib_gospy.USAGE)

    def test_min_wait(self):
        self.assertEqual(self.goids("--min-wait", "1000h"), [])
        self.assertEqual(self.goids("--min-wait", "1ns"),
                         [g["goid"] for g in self.all if "wait_ns" in g])

    def test_group(self):
        for pc, places in (("start", ["start"]), ("caller", ["creator"]),
                           ("current", ["call", "current"]), ("user", ["user"])):
            expected = {}
            for g in self.all:
                at = next((g[place] for place in places if place in g), None)
                key = (at["func"], at.get("file"), at.get("line")) if at else None
                expected[key] = expected.get(key, 0) + 1
            document = lib_gospy.summary(self.fixture.pid, "--group", "--pc", pc)
            found = {}
            for group in document["groups"]:
                at = group.get("location")
                key = (at["func"], at.get("file"), at.get("line")) if at else None
                found[key] = group["count"]
                self.assertEqual(sum(group["states"].values()), group["count"])
            self.assertEqual(found, expected, pc)
            counts = [group["count"] for group in document["groups"]]
            self.assertEqual(counts, sorted(counts, reverse=True))

    def test_waits_at(self):
        """In a pipe only if it is asked for."""
        options = ("--group", "--created-by", r"^main\.channels$")
        for group in lib_gospy.summary(self.fixture.pid, *options)["groups"]:
            self.assertNotIn("user", group)
        plain = lib_gospy.run("summary", self.fixture.pid, *options).expect(lib_gospy.OK).out
        text = lib_gospy.run("summary", self.fixture.pid, *options,
                             "--waits-at").expect(lib_gospy.OK).out
        self.assertNotIn("WAITS AT", plain)
        self.assertRegex(text, r"(?m)^COUNT .*  LOCATION +WAITS AT$")
        users = {g["goid"]: g["user"] for g in self.all if "user" in g}
        for group in lib_gospy.summary(self.fixture.pid, *options, "--waits-at")["groups"]:
            self.assertIn({**group["user"], "pc": 0},
                          [{**user, "pc": 0} for user in users.values()])
            place = "{func} ({file}:{line})".format(**group["user"])
            self.assertRegex(text, rf"(?m)  {re.escape(place)}( \.\.\.)?$")
        lines = lib_gospy.run("summary", self.fixture.pid, "--waits-at").expect(lib_gospy.OK).out
        for goid, user in users.items():
            place = "{func} ({file}:{line})".format(**user)
            if user != next(g for g in self.all if g["goid"] == goid)["start"]:
                self.assertRegex(lines, rf"(?m)^{goid} - .* at {re.escape(place)}$")

    def test_group_reasons(self):
        # By the target's word. All that started them is one place: they are one group.
        said = collections.Counter(g["reason"] for g in self.fixture.ready["goroutines"]
                                   if g.get("creator") == "main.channels")
        self.assertGreater(len(said), 2)
        options = ("--group", "--pc", "caller", "--created-by", r"^main\.channels$")
        groups = lib_gospy.summary(self.fixture.pid, *options)["groups"]
        found = collections.Counter()
        for group in groups:
            for reason in group["wait_reasons"]:
                self.assertFalse(reason["leaked"])
                found[reason["wait_reason"]] += reason["count"]
        self.assertEqual(found, said)
        lines = lib_gospy.run("summary", self.fixture.pid, *options, "--limit", "1").out
        row = re.search(r"^COUNT .*\n +\d+  (.*?)  ", lines, re.M)[1]
        self.assertEqual(row, ", ".join(f"{r['count']} {r['wait_reason']}"
                                        for r in groups[0]["wait_reasons"]))

    def test_group_order(self):
        def groups(key):
            return lib_gospy.summary(self.fixture.pid, "--group", "--sort", key)["groups"]
        waits = [group.get("longest_wait_ns", -1) for group in groups("wait")]
        self.assertGreater(len(set(waits)), lib_gospy.ON_PROCESS)
        self.assertEqual(waits, sorted(waits, reverse=True))
        names = [group["location"]["func"] for group in groups("location")]
        self.assertEqual(names, sorted(names))

    def test_lines(self):
        head, *rest = lib_gospy.run("summary", self.fixture.pid, "--json=lines").expect(
            lib_gospy.OK).json_lines()
        self.assertEqual(head["type"], "summary")
        self.assertEqual([g["goid"] for g in rest], [g["goid"] for g in self.all])

    def test_dead_and_system(self):
        more = self.goroutines("--dead", "--system")
        self.assertTrue(any(g["system"] for g in more))
        alive = [g["goid"] for g in more if not g["system"]
                 and g["status"] not in ("dead", "deadextra")]
        self.assertEqual(alive, [g["goid"] for g in self.all])


if __name__ == "__main__":
    lib_gospy.main()
