"""Holding a summary against what the target said of itself. Every function raises AssertionError
through the test case it is given; nothing here comes from gospy's own idea of what is right."""
import re

import lib_fixture
import lib_gospy

# How the states of a goroutine that never waits may look at one instant.
ON_PROCESSOR = {"running", "runnable", "preempted"}

# Fixtures' goroutines that wait, but wake up now and then by a clock.
CLOCKED = {("abba", "main"), ("server", "expirer")}


def minor_version(ready):
    """The 21 of go1.21.3"""
    return int(re.match(r"go1\.(\d+)", ready["go"])[1])


def folded(func):
    """Tracebacks leave out type arguments: main.wait[...]."""
    return re.sub(r"\[.*\]", "[...]", func)


NOWHERE = {"func": None, "file": None, "line": None}


def outside_of_runtime(frames):
    """What the runtime does for other packages is in its directory. Of that, what everybody can
    call is taken for theirs: time.Sleep."""
    for frame in frames:
        name = frame["func"].rsplit(".", 1)[-1]
        of_runtime = re.search(r"/src/runtime/[^/]*$", frame["file"]) and not name[0].isupper()
        if not of_runtime and not frame["func"].startswith("runtime."):
            return frame
    # What only parks the goroutine says nothing.
    return next((frame for frame in frames
                 if frame["func"] not in ("runtime.gopark", "runtime.goparkunlock")), NOWHERE)


def of_user(frames):
    """The fixtures are the user's own code; what they depend on comes after it. Nobody has written
    what cgo makes."""
    own = (frame for frame in frames if re.match(r"(main|fixtures/.*)\.", frame["func"])
           and not frame["file"].endswith("_cgo_gotypes.go"))
    return next(own, NOWHERE)


class Goroutines:
    """Compares the goroutines of one summary with those of a ready line."""

    def __init__(self, test, ready, document):
        self.test = test
        self.ready = ready
        self.document = document
        # Of each goroutine, the function it began in; wrappers are not in a traceback.
        self.first = {g["goid"]: g["frames"][-1]["func"]
                      for g in lib_fixture.parse_traceback(ready["traceback"])}
        self.frames = {g["goid"]: g["frames"]
                       for g in lib_fixture.parse_traceback(ready["traceback"])}
        self.minor = minor_version(ready)
        self.non_blocking = document["snapshot"]["non_blocking"]

    def check(self):
        shown = {g["goid"]: g for g in self.document["goroutines"]}
        said = {g["goid"]: g for g in self.ready["goroutines"]}
        self.test.assertEqual(sorted(shown), sorted(said), "goids")
        for goid, target in said.items():
            with self.test.subTest(goroutine=target.get("name", goid)):
                self.check_one(shown[goid], target)

    def check_one(self, g, said):
        clocked = (self.ready["fixture"], said.get("name")) in CLOCKED
        if clocked and g["status"] in ON_PROCESSOR:
            return
        self.check_sound(g)
        self.check_state(g, said)
        self.check_start(g, said)
        self.check_creator(g, said)
        self.check_thread(g, said)
        self.check_channel(g, said)
        self.check_current(g, said)
        self.check_calls(g, said)
        self.check_labels(g, said)

    def check_sound(self, g):
        allowed = {"sound", "retried"} if self.non_blocking else {"sound"}
        self.test.assertIn(g["soundness"], allowed)
        if "sp" in g:
            lo, sp, hi = (int(g[key], 16) for key in ("stack_lo", "sp", "stack_hi"))
            self.test.assertTrue(lo <= sp <= hi, f"sp {sp:#x} outside [{lo:#x}, {hi:#x}]")

    def check_state(self, g, said):
        if said["state"] == "running":
            self.test.assertIn(g["status"], ON_PROCESSOR)
            return
        self.test.assertEqual(g["status"], said["state"])
        self.test.assertEqual(g.get("wait_reason"), said.get("reason"))

    def check_start(self, g, said):
        """The function of the go statement. Where that is a wrapper of the compiler's, gospy names
        the function it calls and the wrapper beside it, and tracebacks leave the wrapper out."""
        if "start" not in said:
            return
        start = g["start"]
        if folded(start["func"]) != said["start"]:
            self.test.assertEqual(start.get("wrapper"), said["start"])
            self.test.assertEqual(folded(start["func"]), self.first[said["goid"]])
        elif "wrapper" not in start:
            self.test.assertEqual((start["file"], start["line"]),
                                  (said["start_file"], said["start_line"]))

    def check_creator(self, g, said):
        creator = g.get("creator")
        if "creator" not in said:
            return
        self.test.assertEqual((folded(creator["func"]), creator["file"], creator["line"]),
                              (said["creator"], said["create_file"], said["create_line"]))
        if "creator_goid" in said:
            self.test.assertEqual(g.get("parent_goid"), said["creator_goid"])

    def check_thread(self, g, said):
        self.test.assertEqual(g["locked"], said.get("locked", False), "locked to its thread")
        if "tid" in said:
            self.test.assertEqual(g.get("tid"), said["tid"])

    def check_channel(self, g, said):
        channel = g.get("channel")
        if "(nil chan)" in said.get("reason", "") and channel:
            self.test.assertEqual(channel["addr"], "0x0")
        if "chan" not in said:
            return
        self.test.assertEqual(int(channel["addr"], 16), int(said["chan"], 16))
        self.test.assertFalse(channel["closed"])
        if self.minor >= 23 and said["cap"] == 0 and channel["cap"] == 1:
            # Since 1.23 a timer's channel has room for one value and says it has none.
            self.test.assertIn(said["name"], ("time-after", "ticker", "expirer"))
            return
        self.test.assertEqual((channel["cap"], channel["len"]), (said["cap"], said["len"]))

    def check_current(self, g, said):
        current = g.get("current")
        if said["state"] == "waiting":
            # All waits end in the scheduler, those for a coroutine in its switch.
            self.test.assertRegex(current["func"], r"^runtime\.")
        elif said["state"] == "syscall":
            self.test.assertTrue(current["func"])
        elif self.non_blocking and g["status"] == "running":
            self.test.assertIsNone(current, "a running goroutine's saved place is an old one")
        elif current:
            self.test.assertRegex(current["func"], r"^(main|runtime|sync/atomic|internal/)\b")

    def check_labels(self, g, said):
        if "name" not in said:
            return
        labels = said.get("labels", {})
        self.test.assertEqual(g["has_labels"], bool(labels))
        self.test.assertEqual([(label["key"], label["value"]) for label in g.get("labels", [])],
                              sorted(labels.items()))

    def check_calls(self, g, said):
        """The innermost calls of the target's own traceback that are the user's, and that are not
        the runtime's."""
        if said["state"] != "waiting":
            return
        for key, expected in (("user", of_user(self.frames[said["goid"]])),
                              ("call", outside_of_runtime(self.frames[said["goid"]]))):
            shown = g.get(key, {})
            self.test.assertEqual({key: shown.get(key) for key in NOWHERE}, expected, key)
        self.test.assertEqual(g.get("user_origin"), "own" if "user" in g else None)


def check_counts(test, ready, document):
    counts = document["goroutine_counts"]
    # The goroutine for finalizers counts as the program's own while it runs the program's code, in
    # a traceback that is, but not in NumGoroutine.
    finalizing = sum(g.get("name") == "finalizer" for g in ready["goroutines"])
    test.assertEqual(counts["total"], ready["num_goroutine"] + finalizing)
    kinds = ("idle", "runnable", "running", "syscall", "waiting", "other")
    test.assertEqual(sum(counts[kind] for kind in kinds), counts["total"])
    if "goroutines" in document:
        test.assertEqual(len(document["goroutines"]), counts["total"])
        for kind in ("runnable", "running", "syscall", "waiting"):
            listed = sum(g["status"] == kind for g in document["goroutines"])
            test.assertEqual(counts[kind], listed, kind)


def check_processors(test, ready, document):
    test.assertEqual(document["target"]["go_version"], ready["go"])
    test.assertEqual(document["sched"]["gomaxprocs"], ready["gomaxprocs"])
    alive = [p for p in document["ps"] if p["status"] != "dead"]
    test.assertEqual([p["id"] for p in alive], list(range(ready["gomaxprocs"])))
    # A goroutine's thread and its M's are the same.
    tids = {m["id"]: m.get("tid") for m in document["ms"]}
    for g in document["goroutines"]:
        if g["status"] in ("running", "syscall") and "m_id" in g:
            test.assertEqual(g.get("tid"), tids[g["m_id"]])


def check_waits(test, document, bounds, before_ns, after_ns):
    """`bounds`: CLOCK_MONOTONIC between which every wait began to count."""
    first, last = bounds
    waiting = [g for g in document["goroutines"] if g["status"] == "waiting"]
    test.assertTrue(waiting)
    for g in waiting:
        if not lib_gospy.ON_PROCESS:
            # What time it was then is not known; it may be known how late it was at least.
            test.assertLessEqual(g.get("wait_ns", 0), after_ns - first, f"goroutine {g['goid']}")
            continue
        test.assertIn("wait_ns", g, f"goroutine {g['goid']}")
        test.assertTrue(before_ns - last <= g["wait_ns"] <= after_ns - first,
                        f"goroutine {g['goid']} waits {g['wait_ns']} ns, by the target's word "
                        f"{before_ns - last} to {after_ns - first}")


# Members of "heap" and what runtime.MemStats calls them.
MEMSTATS = {
    "next_gc": "NextGC",
    "num_gc": "NumGC",
    "num_forced_gc": "NumForcedGC",
    "last_gc_unix_ns": "LastGC",
    "pause_total_ns": "PauseTotalNs",
    "last_pause_ns": "LastPauseNs",
}
# Those that grow by what the target allocates to answer.
GROWING = {
    "in_use": "HeapInuse",
    "objects": "HeapObjects",
}


def memstats(fixture):
    stats = fixture.ask("memstats")
    # As runtime.MemStats describes its ring.
    stats["LastPauseNs"] = stats["PauseNs"][(stats["NumGC"] + 255) % 256]
    return stats


def check_heap(test, fixture, take):
    """`take` makes a summary. The target's own figures frame it: one that is the same before and
    after must be gospy's too. They are asked for until each has been so once."""
    left = set(MEMSTATS) | set(GROWING)
    for _ in range(50):
        before = memstats(fixture)
        heap = take()["heap"]
        after = memstats(fixture)
        for key, name in MEMSTATS.items():
            if before[name] == after[name]:
                test.assertEqual(heap[key], after[name], f"{key} and MemStats.{name}")
                left.discard(key)
        if before["NumGC"] == after["NumGC"]:
            for key, name in GROWING.items():
                test.assertTrue(before[name] <= heap[key] <= after[name],
                                f"{key} {heap[key]} and MemStats.{name} of {before[name]} before, "
                                f"{after[name]} after")
                left.discard(key)
        # ReadMemStats gives the stacks that the P's have cached back to the heap, in units of pages
        # and half a _StackCacheSize at a time; they are stacks again right after.
        given_back = after["HeapSys"] - heap["sys"]
        if before["HeapSys"] == after["HeapSys"]:
            test.assertTrue(0 <= given_back <= after["StackInuse"] and given_back % 8192 == 0,
                            f"sys {heap['sys']} and MemStats.HeapSys {after['HeapSys']}")
        test.assertTrue(0 < heap["live"] <= heap["sys"])
        if not left:
            return
    test.fail(f"the target never stood still enough to compare {sorted(left)}")
