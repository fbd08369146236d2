"""gospy memstats against runtime.ReadMemStats of the process itself."""
import os
import re
import select
import subprocess
import unittest

import lib_fixture
import lib_gospy
from lib_gospy import OK, PARTIAL, USAGE, TargetTest, run
from lib_terminal import Terminal

# "noopt" is left out: there, Scanner.Text, which is not inlined, makes a string of the command on the
# heap before the process reads its statistics.
VARIANTS = ("default", "pie", "cgo", "cgopie", "race", "stripped", "sw", "sstrip")

# What gops prints, by its names in JSON and in runtime.MemStats.
FIELDS = {
    "alloc": "Alloc", "total_alloc": "TotalAlloc", "sys": "Sys", "lookups": "Lookups",
    "mallocs": "Mallocs", "frees": "Frees", "heap_alloc": "HeapAlloc", "heap_sys": "HeapSys",
    "heap_idle": "HeapIdle", "heap_inuse": "HeapInuse", "heap_released": "HeapReleased",
    "heap_objects": "HeapObjects", "stack_inuse": "StackInuse", "stack_sys": "StackSys",
    "mspan_inuse": "MSpanInuse", "mspan_sys": "MSpanSys", "mcache_inuse": "MCacheInuse",
    "mcache_sys": "MCacheSys", "buck_hash_sys": "BuckHashSys", "gc_sys": "GCSys",
    "other_sys": "OtherSys", "next_gc": "NextGC", "last_gc_unix_ns": "LastGC",
    "pause_total_ns": "PauseTotalNs", "num_gc": "NumGC", "num_forced_gc": "NumForcedGC",
    "gc_cpu_fraction": "GCCPUFraction", "enable_gc": "EnableGC", "debug_gc": "DebugGC",
}
GROWING = ("total_alloc", "mallocs", "frees", "pause_total_ns", "num_gc", "num_forced_gc")

# Since 1.15 the flush of the caches, with which ReadMemStats begins, puts spans into sets, whose
# blocks come from persistentalloc. When the chunk of the P that does it is used up, the next one is
# added to both OtherSys and Sys. Which P that will be cannot be known.
# runtime/mspanset.go:push, malloc.go:persistentalloc1
SPAN_SETS_SINCE = 15
PERSISTENT_CHUNK = 256 << 10
# With a goal that the memory limit sets (GOGC=off), what is not the heap's lowers NextGC.
# runtime/mgcpacer.go:memoryLimitHeapGoal
GOAL_BY_LIMIT_SINCE = 19
# The flush also frees spans of stacks. Their mspans go to the P that does it, or, when that has
# enough of them, back to spanalloc, and up to 1.13 they are merged with their neighbours.
# runtime/mheap.go:freeMSpanLocked, coalesce
MSPAN_SIZES = {12: 144, **{m: 136 for m in range(13, 18)}, 18: 144, 19: 144, 21: 168}
MSPAN_SIZE = 160
# Since 1.13 the scavenger gives free memory back all the time: it stays in HeapIdle, and
# HeapReleased grows. runtime/mgcscavenge.go
SCAVENGER_SINCE = 13


def ring(answer):
    """PauseNs and PauseEnd of the last cycles, oldest first."""
    n = answer["NumGC"]
    return [{"gc": gc, "pause_ns": answer["PauseNs"][(gc - 1) % 256],
             "end_unix_ns": answer["PauseEnd"][(gc - 1) % 256]}
            for gc in range(max(1, n - 255), n + 1)]


def look(pid, *options):
    return run("memstats", pid, *options)


def whole(pid, *options):
    return lib_gospy.whole("memstats", pid, *options)


class Equality(TargetTest):
    def check_equal(self, fixture, minor, *options):
        """gospy's figures, and then the process's own: all are equal, but for what is explained
        above. The runtime is not always as quiet as the program: it may start a thread in between
        (proc.go:startm), or collect garbage (forcegcperiod). Then it is looked at again."""
        differing = None

        def equal():
            nonlocal differing
            mine = whole(fixture.pid, "--json", *options).json()
            after = fixture.ask("memstats")
            differing = self.differing(mine, after, minor)
            return None if differing else (mine, after)
        mine, after = lib_gospy.wait_for(equal, lambda: f"equal figures: {differing}")
        self.assertIn(mine["reading"]["soundness"], ("sound", "retried"))
        self.assertEqual(mine["pauses"], ring(after))
        return mine

    def differing(self, mine, after, minor):
        own = {key: after[name] for key, name in FIELDS.items()}
        own["by_size"] = [{"size": c["Size"], "mallocs": c["Mallocs"], "frees": c["Frees"]}
                          for c in after["BySize"]]
        differing = {key: (mine.get(key), own[key]) for key in own if mine.get(key) != own[key]}

        def explained(*keys):
            for key in keys:
                differing.pop(key, None)
        chunks = own["sys"] - mine["sys"]
        if (minor >= SPAN_SETS_SINCE and chunks > 0 and chunks % PERSISTENT_CHUNK == 0 and
                own["other_sys"] - mine["other_sys"] == chunks):
            explained("sys", "other_sys")
        if minor >= GOAL_BY_LIMIT_SINCE and 0 <= mine["next_gc"] - own["next_gc"] <= chunks:
            explained("next_gc")
        freed = mine["mspan_inuse"] - own["mspan_inuse"]
        if freed >= 0 and freed % MSPAN_SIZES.get(minor, MSPAN_SIZE) == 0:
            explained("mspan_inuse")
        if minor >= SCAVENGER_SINCE and mine["heap_released"] <= own["heap_released"]:
            explained("heap_released")
        return differing

    def each(self, check, name, *args, variants=VARIANTS, env=None):
        for build in lib_gospy.builds(name, variants=variants):
            with self.subTest(build=str(build)):
                check(self.watch(lib_fixture.start(build, *args, env=env)), build.minor)
            self.doCleanups()

    def test_small_program(self):
        def check(fixture, minor):
            self.check_equal(fixture, minor)
            fixture.ask("gc")
            mine = self.check_equal(fixture, minor)
            self.assertGreaterEqual(mine["num_forced_gc"], 1)
            self.assertEqual(mine["gc_phase"], "off")
        self.each(check, "states")

    def test_many_goroutines(self):
        self.each(self.check_equal, "parked", variants=("default",))

    def test_after_churn(self):
        """Stacks in caches, large objects, tiny ones."""
        def check(fixture, minor):
            self.check_equal(fixture, minor)
            self.check_equal(fixture, minor, "--non-blocking")
        self.each(check, "churn", "-rounds", 60)

    def test_full_ring_of_pauses(self):
        def check(fixture, minor):
            self.assertEqual(len(self.check_equal(fixture, minor)["pauses"]), 256)
        self.each(check, "churn", "-rounds", 5, "-gc", 300, variants=("default",))

    def test_pacing(self):
        for percent in (-1, 250):
            def check(fixture, minor, percent=percent):
                mine = self.check_equal(fixture, minor)
                self.assertEqual(mine["gc_off"], percent < 0)
                self.assertEqual(mine.get("gc_percent"), percent if percent >= 0 else None)
            self.each(check, "churn", "-rounds", 5, "-percent", percent,
                      variants=("default", "stripped"))

    def test_memory_limit(self):
        limit = 40 << 20

        def check(fixture, minor):
            mine = self.check_equal(fixture, minor)
            self.assertEqual(mine.get("memory_limit"), limit if minor >= 19 else None)
        self.each(check, "churn", "-rounds", 5, variants=("default", "stripped"),
                  env={"GOMEMLIMIT": str(limit)})

    def test_cpu_times(self):
        """Of all cycles, as runtime/metrics has them from Go 1.20 on."""
        names = {"assist_ns": "gc/mark/assist", "dedicated_ns": "gc/mark/dedicated",
                 "idle_ns": "gc/mark/idle", "pause_ns": "gc/pause", "total_ns": "total"}

        def check(fixture, minor):
            while True:
                before = fixture.ask("count").get("cpu")
                mine = whole(fixture.pid, "--json").json()
                after = fixture.ask("count").get("cpu")
                if before == after:
                    break  # else there was a collection
            self.assertEqual(after is not None, minor >= 20)
            for key, name in names.items() if after else ():
                own = after[f"/cpu/classes/{name}:cpu-seconds"]
                self.assertAlmostEqual(mine["cpu"][key] / 1e9, own, places=9)
            self.assertGreater(mine["mark_cpu"]["dedicated_ns"] + mine["mark_cpu"]["idle_ns"], 0)
        self.each(check, "churn", "-rounds", 30, variants=("default", "stripped"))


class Busy(TargetTest):
    def check_between(self, fixture, *options):
        sound = 0
        for _ in range(5):
            before = fixture.ask("memstats")
            looked = look(fixture.pid, "--json", *options)
            after = fixture.ask("memstats")
            mine = looked.json()
            torn = mine["reading"]["soundness"] == "torn"
            if not lib_gospy.ON_PROCESS and "problem" in mine["reading"]:
                continue  # it was in the midst of something, and there is no later look
            self.assertEqual(looked.status, PARTIAL if torn else OK, f"{looked}\n{looked.err}")
            sound += not torn
            # The collector counts these at one place, whatever else is going on.
            keys = GROWING[3:] if torn else GROWING
            for key in keys:
                self.assertLessEqual(before[FIELDS[key]], mine[key], f"{key} {options}")
                self.assertLessEqual(mine[key], after[FIELDS[key]], f"{key} {options}")
        return sound

    def test_counters_grow(self):
        for build in lib_gospy.builds("churn", variants=("default", "stripped")):
            with self.subTest(build=str(build)):
                fixture = self.watch(lib_fixture.start(build))
                self.assertGreater(self.check_between(fixture), 0)
                self.check_between(fixture, "--non-blocking")
            self.doCleanups()


class Output(TargetTest):
    def start(self, *args):
        build = lib_gospy.builds("churn", variants=("default",))[-1]
        return self.watch(lib_fixture.start(build, *args))

    def test_lines_of_gops(self):
        """Names, order and forms: google/gops:agent/agent.go."""
        fixture = self.start("-rounds", 10)
        fixture.ask("gc")
        for _ in range(20):
            lines = whole(fixture.pid).out.splitlines()
            own = fixture.ask("memstats")
            again = whole(fixture.pid, "--json").json()
            if own["HeapReleased"] == again["heap_released"]:
                break
        size = re.compile(r"(?:when heap-alloc >= )?(?:\d+\.\d\d[KMGTP]B \()?(\d+) bytes\)?$")
        names = [line.split(": ")[0] for line in lines]
        self.assertEqual(names, [
            "alloc", "total-alloc", "sys", "lookups", "mallocs", "frees", "heap-alloc", "heap-sys",
            "heap-idle", "heap-in-use", "heap-released", "heap-objects", "stack-in-use",
            "stack-sys", "mspan-in-use", "mspan-sys", "mcache-in-use", "mcache-sys",
            "buck-hash-sys", "other-sys", "gc-sys", "next-gc", "last-gc", "gc-pause-total",
            "gc-pause", "gc-pause-end", "num-gc", "num-forced-gc", "gc-cpu-fraction", "enable-gc",
            "debug-gc"])
        text = dict(line.split(": ", 1) for line in lines)
        for name, key in (("alloc", "Alloc"), ("heap-in-use", "HeapInuse"),
                          ("stack-sys", "StackSys"), ("next-gc", "NextGC")):
            self.assertEqual(int(size.match(text[name])[1]), own[key], name)
        self.assertEqual(int(text["mallocs"]), own["Mallocs"])
        last = (own["NumGC"] + 255) % 256
        self.assertEqual(int(text["gc-pause"]), own["PauseNs"][last])
        self.assertEqual(int(text["gc-pause-end"]), own["PauseEnd"][last])
        self.assertEqual(float(text["gc-cpu-fraction"]), own["GCCPUFraction"])
        self.assertTrue(text["enable-gc"], "true")

    def test_all(self):
        fixture = self.start("-rounds", 10)
        plain = whole(fixture.pid).out
        for option in ("--all", "-v"):
            more = whole(fixture.pid, option).out
            self.assertEqual([line.split(":")[0] for line in more.splitlines()][:31],
                             [line.split(":")[0] for line in plain.splitlines()])
            self.assertIn("\ngc-phase: off\n", more)
            self.assertIn("\ngc-percent: 100\n", more)

    def test_watch(self):
        fixture = self.start("-rounds", 2)
        first = fixture.ask("memstats")["NumGC"]
        watching = subprocess.Popen([lib_gospy.GOSPY, "memstats", "--watch", "1ms", "-n", "3",
                                     "--json", str(fixture.pid)], stdout=subprocess.PIPE)

        out = b""

        def ended():
            """A cycle, and the next one once it was seen: the process remembers 256. Those before
            the first look are not shown."""
            nonlocal out
            fixture.ask("gc")
            if select.select([watching.stdout], [], [], 1)[0]:
                out += os.read(watching.stdout.fileno(), 1 << 16)
            return watching.poll() is not None
        lib_gospy.wait_for(ended, "three cycles to be seen")
        out = (out + watching.communicate()[0]).decode().splitlines()
        own = {pause["gc"]: pause for pause in ring(fixture.ask("memstats"))}
        cycles = [lib_gospy.json.loads(line) for line in out]
        self.assertEqual(watching.returncode, OK)
        self.assertEqual(len(cycles), 3)
        for i, cycle in enumerate(cycles):
            self.assertEqual(cycle["gc"], cycles[0]["gc"] + i)
            self.assertGreater(cycle["gc"], first)
            self.assertEqual(cycle["pause_ns"], own[cycle["gc"]]["pause_ns"])
            self.assertEqual(cycle["end_unix_ns"], own[cycle["gc"]]["end_unix_ns"])

    def test_terminal(self):
        """A goal that no heap can reach is none; who waits for a cycle is told so."""
        for build in (lib_gospy.builds("parked", variants=("default",))[i] for i in (0, -1)):
            fixture = self.watch(lib_fixture.start(build, "-n", 4, env={"GOGC": "off"}))
            terminal = Terminal([lib_gospy.GOSPY, "memstats", fixture.pid], 50, 80)
            self.addCleanup(terminal.close)
            self.assertEqual(terminal.end(), OK)
            self.assertIn("\nnext-gc: never (GOGC=off)\n", terminal.text())
            watching = Terminal([lib_gospy.GOSPY, "memstats", "--watch", "10ms", fixture.pid], 24,
                                120, shared_stderr=True)
            self.addCleanup(watching.close)
            watching.wait_text("^gospy: note: 0 GC cycles so far, and GOGC=off ")

    def test_watch_until_the_end(self):
        build = lib_gospy.builds("churn", variants=("default",))[0]
        with lib_fixture.start(build) as fixture:
            watching = subprocess.Popen([lib_gospy.GOSPY, "memstats", "--watch", "10ms",
                                         str(fixture.pid)], stdout=subprocess.PIPE, text=True)
            line = watching.stdout.readline()
        self.assertRegex(line, r"^gc \d+ @\d+\.\d{3}s.*: \d+\.\d+ m?s pause")
        watching.communicate()
        self.assertEqual(watching.returncode, OK)

    def test_usage(self):
        fixture = self.start("-rounds", 1)
        run("memstats", fixture.pid, "-n", 3).expect(USAGE)
        run("memstats", fixture.pid, "--max-pause", 0).expect(USAGE)
        run("memstats").expect(USAGE)


if __name__ == "__main__":
    lib_gospy.main()
