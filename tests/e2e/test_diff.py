"""`gospy diff`: what leaks, at which rate; who began, who ended, who never moved; builds and versions
of Go that are compared with one another. What is expected comes from the targets."""
import collections
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import unittest

import lib_fixture
import lib_gospy
import lib_terminal
import take_core

STEADY = 500
# How often a second each site of the fixture leaks.
RATES = {"main.leakSlowly": 20, "main.leak": 60, "main.leakQuickly": 180}
# The note that the linker writes: type 4, owner "Go", the ID.
GO_NOTE = re.compile(rb"\x04\0\0\0Go\0\0([!-~]+/[!-~]+)")
# So many groups of two builds have to be paired rightly.
RIGHTLY = 0.95


def diff(*args, status=lib_gospy.OK):
    """The JSON of a difference of which everything could be read."""
    if status == lib_gospy.OK:
        return lib_gospy.whole("diff", *args, "--json").json()
    return lib_gospy.run("diff", *args, "--json").expect(status).json()


def name_of(group, key="start"):
    return group.get(key, {}).get("func")


def changes_by_start(document, key="change"):
    sums = collections.Counter()
    for group in document["groups"]:
        sums[name_of(group)] += group[key]
    return sums


class DiffTest(lib_gospy.TargetTest):
    maxDiff = None

    def start(self, build, *args):
        return self.watch(lib_fixture.start(build, *args))


class OneProcessTest(DiffTest):
    def test_heaps_and_leaks(self):
        """One process has what the other one has not: types that it has counted itself, and
        goroutines that it has leaked."""
        heaped = self.start(lib_gospy.builds("heaped", ("default",))[-1])
        lost = self.start(lib_gospy.builds("lost", ("default",))[-1])
        leaked = sum(g.get("name", "").startswith("leaked ") for g in lost.ready["goroutines"])
        document = diff(heaped.pid, lost.pid, "--heap", "--leaks", "--max-pause",
                        f"{lib_gospy.HANG}s")
        leaks = document["leaks"]
        # Nobody but the one that guards an object has the channel that it waits for.
        self.assertEqual(sum(leaks["before"].values()), 1)
        self.assertGreaterEqual(sum(leaks["after"].values()), leaked)
        self.assertEqual(sum(entry["after"] for entry in leaks["changed"]),
                         sum(leaks["after"].values()))
        self.assertEqual([(name_of(entry, "waits_at"), entry["after"])
                          for entry in leaks["changed"] if entry["before"]], [("main.guard", 0)])
        types = {entry["name"]: entry for entry in document["heap"]["types"] if "name" in entry}
        known = heaped.ready["types"]
        for name in ("main.tree", "main.wide", "[]main.record"):
            self.assertEqual(types[name]["before"]["objects"], known[name])
            self.assertEqual(types[name]["after"]["objects"], 0)
        text = lib_gospy.run("diff", lost.pid, heaped.pid, "--heap", "--leaks", "--max-pause",
                             f"{lib_gospy.HANG}s").expect(lib_gospy.OK).out
        self.assertRegex(text, r"(?m)^Leaked goroutines: \d+ proved and \d+ likely before, "
                         r"[01] proved and [01] likely after$")
        self.assertRegex(text, r"(?m)^Heap: .* objects before, .* after$")
        self.assertRegex(text, r"(?m)^ *\+\S+ kB .* main\.tree$")

    def test_a_bundle_without_the_heap(self):
        fixture = self.start(lib_gospy.builds("heaped", ("default",))[-1])
        with tempfile.TemporaryDirectory() as place:
            bundle = os.path.join(place, "bundle")
            lib_gospy.run("capture", "-o", bundle, fixture.pid).expect(lib_gospy.OK)
            looked = lib_gospy.run("diff", bundle, fixture.pid, "--heap", "--leaks", "--json")
        document = looked.expect(lib_gospy.PARTIAL).json()
        self.assertFalse({"heap", "leaks"} & set(document))
        self.assertIn("the heap is left out", looked.err)

    def test_waits(self):
        """A channel that more and more goroutines wait for, by as many as are new."""
        fixture = self.start(lib_gospy.builds("leak", ("default",))[-1], "-steady", STEADY,
                             "-rates", ",".join(map(str, RATES.values())), "-wave", 1)
        document = diff("--for", "1s", fixture.pid, "--waits")
        grown = [wait for wait in document["waits"] if wait["after"] > wait["before"]]
        self.assertEqual(grown, document["waits"])
        self.assertTrue(grown)
        by_start = changes_by_start(document)
        leaked = sum(by_start[name] for name in RATES)
        self.assertGreater(leaked, 0)
        found = sum(wait["after"] - wait["before"] for wait in grown
                    if wait["kind"] in ("channel", "sync.Mutex", "sync.WaitGroup", "select"))
        self.assertGreaterEqual(found, leaked)
        out = lib_gospy.whole("diff", "--for", "1s", fixture.pid, "--waits").out
        self.assertRegex(out, r"\nMore wait than before for \d+ things?\n  \+\d+, \d+ now: ")
        other = self.start(lib_gospy.builds("abba", ("default",))[-1])
        run = lib_gospy.run("diff", fixture.pid, other.pid, "--waits", "--json")
        self.assertNotIn("waits", run.json())
        self.assertIn("--waits compares one process with itself", run.err)

    def test_leak(self):
        """Each site with as many goroutines as it says it has started in between."""
        for build in (lib_gospy.builds("leak", ("default",))[i] for i in (0, -1)):
            with self.subTest(build=str(build)):
                fixture = self.start(build, "-steady", STEADY, "-rates",
                                     ",".join(map(str, RATES.values())))
                # Before Go 1.17 nothing tells of a wait but what a collection notes, and what it notes
                # is the time of the one before.
                fixture.ask("gc")
                fixture.ask("gc")
                document = diff("--for", "2s", fixture.pid, "--unchanged")
                self.check_leak(document, fixture.ask("count"))
                self.check_steady(document)
                self.check_fates(document)
            self.doCleanups()

    def check_leak(self, document, started):
        self.assertTrue(document["same_process"])
        self.assertEqual(document["by"], "exact")
        self.assertGreater(document["elapsed_ns"], 0)
        first, last = (document[side]["snapshot"]["time_unix_ns"] for side in ("before", "after"))
        changes = changes_by_start(document)
        for site, times in started.items():
            told = sum(first < t <= last for t in times)
            # A site notes a goroutine when it has started it: one may not be noted yet, each time; and
            # a crowded machine may take long to stop all threads, and long until the next is noted.
            close = sum(min(abs(t - first), abs(t - last)) < 1e8 for t in times)
            self.assertAlmostEqual(changes[site], told, delta=2 + close, msg=site)
            rate = sum(g["rate_per_min"] for g in document["groups"] if name_of(g) == site)
            self.assertAlmostEqual(rate, changes[site] * 60e9 / document["elapsed_ns"], delta=0.1)
        grown = [name_of(g) for g in document["groups"] if g["change"] > 0]
        self.assertEqual([site for site in grown if site in RATES][:3],
                         sorted(RATES, key=RATES.get, reverse=True))

    def check_steady(self, document):
        """Half of them wait for a channel, half for a lock, from the beginning to the end."""
        for site in ("main.waitForToken", "main.waitForLock"):
            groups = [g for g in document["groups"] if name_of(g) == site]
            self.assertEqual([(g["kind"], g["before"], g["after"], g["stuck"]) for g in groups],
                             [("same", STEADY // 2, STEADY // 2, STEADY // 2)], site)

    def check_fates(self, document):
        total = document["goroutines"]
        self.assertEqual(total["change"], total["after"] - total["before"])
        self.assertEqual(total["change"], total["born"] - total["ended"])
        for key in ("before", "after", "change", "born", "ended", "stuck", "unsure"):
            self.assertEqual(sum(g[key] for g in document["groups"]), total[key], key)
        for group in document["groups"]:
            self.assertLessEqual(group["born"], group["after"])
            self.assertLessEqual(group["ended"], group["before"])
            self.assertLessEqual(group["stuck"] + group["unsure"],
                                 min(group["before"], group["after"]))
        self.assertGreater(total["born"], 0)

    def test_nothing_tells_who_is_stuck(self):
        """Before Go 1.17, while there was no collection."""
        build = lib_gospy.builds("parked", ("default",))[0]
        if build.minor >= 17:
            self.skipTest("no Go before 1.17")
        fixture = self.start(build, "-n", 100)
        total = diff("--for", "50ms", fixture.pid)["goroutines"]
        self.assertEqual((total["stuck"], total["unsure"]), (0, 100))
        text = lib_gospy.whole("diff", "--for", "50ms", fixture.pid, "--unchanged").out
        self.assertIn("0 waited at one place all the time, of 100 that is not known", text)
        self.assertRegex(text, r"(?m)^ +0 same .* 25 +25 .* 0 +0 +\? ")

    def test_who_moves_is_not_stuck(self):
        """Pairs hand a token to each other all the time, at the same places, beside some that wait."""
        build = lib_gospy.builds("parked", ("default",))[-1]
        fixture = self.start(build, "-n", 100, "-switching", 10)
        document = diff("--for", "300ms", fixture.pid, "--unchanged")
        stuck = collections.Counter()
        for group in document["groups"]:
            stuck[name_of(group).startswith("main.park")] += group["stuck"]
        self.assertEqual(stuck[True], 100)
        self.assertEqual(stuck[False], 0)

    def test_with_itself(self):
        def check(fixture):
            for args in ((fixture.pid, fixture.pid), ("--for", "50ms", fixture.pid),
                         ("--by", "function", fixture.pid, fixture.pid),
                         ("--by", "line", fixture.pid, fixture.pid),
                         ("--by", "start", "--system", fixture.pid, fixture.pid)):
                document = diff(*args)
                self.assertEqual((document["matching"], document["groups"]), (0, []), args)
                total = document["goroutines"]
                self.assertEqual((total["change"], total["born"], total["ended"]), (0, 0, 0), args)
                if "--system" not in args:
                    self.assertEqual(total["before"], 301)
            run = lib_gospy.whole("diff", fixture.pid, fixture.pid)
            self.assertRegex(run.out, r"(?m)^Nothing has changed: 5 groups by place in the code$")
        self.on_each(check, "parked", "-n", 300)

    def test_stopped(self):
        """Of what stands still no figure changes, but that a thread which was looked at runs for a
        moment until the kernel has stopped it again."""
        build = lib_gospy.builds("parked", ("default",))[-1]
        fixture = self.start(build, "-n", 10)
        self.addCleanup(os.kill, fixture.pid, signal.SIGCONT)
        lib_gospy.stop_all(fixture.pid)
        lib_gospy.wait_for(lambda: not lib_gospy.disturbed(fixture.pid, True), "all to stop")
        document = diff(fixture.pid, fixture.pid)
        changed = {f["name"] for f in document["figures"] if f["change"]}
        self.assertLessEqual(changed, {"running"})
        self.assertLess({"rss", "gomaxprocs", "heap_inuse", "num_gc", "total"},
                        {f["name"] for f in document["figures"]})
        run = lib_gospy.whole("diff", fixture.pid, fixture.pid)
        figures = run.out.partition("\nFIGURE")[2].splitlines()[1:]
        self.assertLessEqual({line[:15] for line in figures}, {"running threads"}, run.out)

    def test_figures(self):
        """What a collection counts."""
        build = lib_gospy.builds("leak", ("default",))[-1]
        fixture = self.start(build, "-steady", 10)
        with tempfile.TemporaryFile("w+") as out:
            running = subprocess.Popen(
                [lib_gospy.GOSPY, "diff", "--for", "1s", str(fixture.pid), "--json"], stdout=out)
            before = fixture.ask("memstats")["NumGC"]
            while running.poll() is None:
                fixture.ask("gc")
            after = fixture.ask("memstats")["NumGC"]
            out.seek(0)
            self.assertIn(running.returncode, (lib_gospy.OK, lib_gospy.PARTIAL))
            document = json.loads(out.read())
        figures = {(f["of"], f["name"]): f for f in document["figures"]}
        cycles = figures["memstats", "num_gc"]
        self.assertLessEqual(cycles["before"], cycles["after"])
        self.assertLessEqual(cycles["change"], after)
        self.assertGreaterEqual(cycles["after"], before)
        for figure in document["figures"]:
            self.assertEqual(figure["change"], figure["after"] - figure["before"], figure)
        threads = figures["threads", "total"]
        self.assertEqual(threads["after"], document["after"]["threads"]["total"])


def expected_pairs(before, after, renamed=()):
    """The sizes of each group in both, by what the two processes say of themselves."""
    old, new = before.ready["sizes"], after.ready["sizes"]
    pairs = {name: (old.get(name, 0), new.get(name, 0)) for name in {*old, *new}}
    for name in renamed:
        sizes = pairs.pop(name)
        pairs[name, "old"], pairs[name, "new"] = (sizes[0], 0), (0, sizes[1])
    return pairs


class TwoProcessesTest(DiffTest):
    def setUp(self):
        self.plain = lib_gospy.builds("drift", ("default",))

    def edited(self, version):
        found = [b for b in lib_gospy.builds("drifted", ("default",)) if b.version == version]
        if not found:
            self.skipTest(f"no build of drifted by Go {version}")
        return found[0]

    def check_pairs(self, before, after, *options, renamed=()):
        """All groups differ in size, so that a pair of sizes is a pair of groups."""
        document = diff(before.pid, after.pid, "--unchanged", *options)
        expected = expected_pairs(before, after, renamed)
        found = {(g["before"], g["after"]) for g in document["groups"]}
        wrong = sorted(f"{name}: {sizes}" for name, sizes in expected.items()
                       if sizes not in found)
        self.assertLessEqual(len(wrong), (1 - RIGHTLY) * len(expected), wrong)
        self.assertEqual(document["goroutines"]["before"], len(before.ready["goroutines"]))
        self.assertEqual(document["goroutines"]["after"], len(after.ready["goroutines"]))
        self.assertNotIn("born", document["goroutines"])
        self.assertNotIn("rate_per_min", document["goroutines"])
        return document

    def test_one_build(self):
        """Wherever it is loaded."""
        for build in lib_gospy.builds("drift", ("default", "pie", "stripped")):
            with self.subTest(build=str(build)):
                first, second = self.start(build), self.start(build)
                document = self.check_pairs(first, second)
                self.assertEqual(document["by"], "exact")
                self.assertTrue(document["same_build"])
                self.assertFalse(document["same_process"])
                self.assertEqual({g["kind"] for g in document["groups"]}, {"same"})
                with open(build.path, "rb") as f:
                    go_id = GO_NOTE.search(f.read())[1].decode()
                for side in ("before", "after"):
                    self.assertEqual(document[side]["target"]["go_build_id"], go_id)
            self.doCleanups()

    def test_shifted_lines(self):
        """The same program after some edits."""
        for build in self.plain:
            with self.subTest(go=build.version):
                before, after = self.start(build), self.start(self.edited(build.version))
                document = self.check_pairs(before, after, renamed=["renamed"])
                self.assertEqual(document["by"], "function")
                self.assertFalse(document["same_build"])
                groups = {(g["before"], g["after"]): g for g in document["groups"]}
                sizes = expected_pairs(before, after)
                # One more call within.
                layers = groups[sizes["layers"]]
                self.assertEqual(layers["match"], "similar")
                self.assertEqual(name_of(layers["changed_from"], "waits_at"), "main.lower")
                # A closure came before these.
                for name in ("first", "second"):
                    self.assertEqual(groups[sizes[name]]["match"], "renumbered", name)
                self.assertEqual(groups[sizes["added"]]["kind"], "new")
                self.assertEqual(groups[sizes["gone"]]["kind"], "gone")
                self.assertEqual(name_of(groups[sizes["gone"]]), "main.gone")
            self.doCleanups()

    def test_two_versions(self):
        """Each with the newest, and the newest after the edits."""
        newest = self.plain[-1]
        for build in self.plain[:-1]:
            with self.subTest(go=build.version):
                before, after = self.start(build), self.start(newest)
                document = self.check_pairs(before, after)
                self.assertEqual(document["by"], "function")
                edited = self.start(self.edited(newest.version))
                self.check_pairs(before, edited, renamed=["renamed"])
            self.doCleanups()

    def test_lines(self):
        """Of two links of the same source each line is the same, counted from its function's start;
        before Go 1.20 functions do not say where they start."""
        pies = {b.version: b for b in lib_gospy.builds("drift", ("pie",))}
        for build in self.plain:
            if build.version not in pies:
                continue
            with self.subTest(go=build.version):
                before, after = self.start(build), self.start(pies[build.version])
                document = self.check_pairs(before, after, "--by", "line")
                self.assertEqual(document["by"], "line" if build.minor >= 20 else "function")
                self.assertEqual({g["kind"] for g in document["groups"]}, {"same"})
            self.doCleanups()

    def two(self):
        return self.start(self.plain[-1]), self.start(self.edited(self.plain[-1].version))

    def test_start(self):
        """Two groups that begin with one function are one."""
        before, after = self.two()
        document = diff(before.pid, after.pid, "--by", "start", "--unchanged")
        starts = [name_of(g) for g in document["groups"]]
        self.assertEqual(len(starts), len(set(starts)))
        self.assertEqual(changes_by_start(document)["main.outer"], 100)

    def test_fail_over(self):
        """By the sizes that both say they have."""
        before, after = self.two()
        pairs = expected_pairs(before, after, ["renamed"]).values()
        old, new = len(before.ready["goroutines"]), len(after.ready["goroutines"])
        largest = max(new - old for old, new in pairs)
        self.assertGreater(new - old, largest)

        def check(limit, over, groups):
            failed = over or groups
            run = lib_gospy.run("diff", before.pid, after.pid, "--json", "--fail-over", limit)
            run.expect(lib_gospy.CHECK if failed else lib_gospy.OK)
            said = run.json()["fail_over"]
            self.assertEqual((said["goroutines_over"], said["groups_over"]), (over, groups), limit)
            self.assertEqual(sum(g["over"] for g in run.json()["groups"]), groups)
            text = lib_gospy.run("diff", before.pid, after.pid, "--fail-over", limit)
            text.expect(run.status)
            self.assertEqual("by more than " + limit in text.err, bool(failed))

        check(str(new - old), False, 0)
        check(str(new - old - 1), True, 0)
        check(str(largest), True, 0)
        check(str(largest - 1), True, sum(b - a == largest for a, b in pairs))
        above = int(100 * (new - old) / old) + 1
        over = [(a, b) for a, b in pairs if b - a > a * above / 100]
        check(f"{above}%", False, len(over))
        check(f"{largest - 1},{above}%", False, sum(b - a > largest - 1 for a, b in over))
        # Less is never too much.
        lib_gospy.run("diff", after.pid, before.pid, "--fail-over", "100").expect(lib_gospy.OK)

    def test_ignore(self):
        before, after = self.two()
        old, new = before.ready["sizes"], after.ready["sizes"]
        # Both call main.park; and a start function is a call, too.
        for pattern, names in ((r"main\.park$", ("left", "right")), ("main.outer", ("layers",))):
            document = diff(before.pid, after.pid, "--ignore", pattern, "--unchanged")
            for side, sizes, fixture in (("before", old, before), ("after", new, after)):
                ignored = sum(sizes[name] for name in names)
                self.assertEqual(document["ignored"][side], ignored)
                self.assertEqual(document["goroutines"][side],
                                 len(fixture.ready["goroutines"]) - ignored)
                self.assertEqual(sum(g[side] for g in document["groups"]),
                                 document["goroutines"][side])
        document = diff(before.pid, after.pid, "--ignore", ".", "--ignore", "x")
        self.assertEqual(document["goroutines"]["after"], 0)
        self.assertEqual(document["groups"], [])

    def test_lines_and_limit(self):
        before, after = self.two()
        whole = diff(before.pid, after.pid)
        lines = lib_gospy.run("diff", before.pid, after.pid, "--json=lines", "--limit", 3)
        header, *groups = lines.expect(lib_gospy.OK).json_lines()
        self.assertEqual((header["type"], header["shown"]), ("diff", 3))
        self.assertEqual(header["matching"], whole["matching"])
        self.assertEqual([g.pop("type") for g in groups], ["group"] * 3)
        counts = [(g["before"], g["after"]) for g in groups]
        self.assertEqual(counts, [(g["before"], g["after"]) for g in whole["groups"][:3]])
        changes = [g["change"] for g in whole["groups"]]
        self.assertEqual([c for c in changes if c > 0], sorted(filter(lambda c: c > 0, changes))[::-1])
        text = lib_gospy.run("diff", before.pid, after.pid, "-n", 3).expect(lib_gospy.OK).out
        self.assertRegex(text, rf"(?m)^\.\.\. {whole['matching'] - 3} more$")

    def test_terminal(self):
        """Nothing is wider than the screen, and each group that grew is there with its function."""
        before, after = self.two()
        for cols in (80, 60, 40):
            text = self.screen(cols, "diff", "--no-pager", before.pid, after.pid)
            self.assertLessEqual(max(map(len, text.splitlines())), cols)
            for name in ("lower", "choose", "closures", "added"):
                self.assertIn(name, text)

    def screen(self, cols, *args):
        terminal = lib_terminal.Terminal([lib_gospy.GOSPY, *map(str, args)], rows=100, cols=cols,
                                         env={"NO_COLOR": "1"})
        self.addCleanup(terminal.close)
        self.assertEqual(terminal.end(), lib_gospy.OK)
        return terminal.text()

    def test_core(self):
        """A core is as good as the process."""
        if not shutil.which("gcore"):
            self.skipTest("no gcore")
        before, after = self.two()
        with tempfile.TemporaryDirectory() as directory:
            subprocess.run(["gcore", "-o", f"{directory}/core", str(before.pid)], check=True,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            core = f"{directory}/core.{before.pid}"
            for args in ((core, core), (core, before.pid), (before.pid, core)):
                document = diff(*args)
                self.assertEqual((document["by"], document["groups"]), ("exact", []), args)
                # A core does not tell when its process began: it may be another one.
                self.assertFalse(document["same_process"])
            live, dead = diff(before.pid, after.pid), diff(core, after.pid)
            self.assertEqual([(g["before"], g["after"], name_of(g)) for g in live["groups"]],
                             [(g["before"], g["after"], name_of(g)) for g in dead["groups"]])
            run = lib_gospy.run("diff", "--for", "1s", core).expect(lib_gospy.USAGE)
            self.assertIn("nothing moves in a core file", run.err)

    def test_programs_of_cores(self):
        """Of two programs that are where nobody looks, each is named."""
        place = tempfile.TemporaryDirectory(prefix="gospy-diff-")
        self.addCleanup(place.cleanup)
        cores, programs = [], []
        for name in "leak", "parked":
            build = lib_gospy.builds(name, ("default",))[-1]
            program = shutil.copy(build.path, os.path.join(place.name, name))
            fixture = lib_fixture.Fixture(program)
            self.addCleanup(fixture.close)
            cores.append(os.path.join(place.name, f"{name}.core"))
            take_core.take(fixture.pid, cores[-1])
            programs.append(f"{program}.moved")
            os.rename(program, programs[-1])
        lib_gospy.run("diff", *cores).expect(lib_gospy.ERROR)
        lib_gospy.run("diff", *cores, "--bin", programs[0]).expect(lib_gospy.ERROR)
        named = [word for program in programs for word in ("--bin", program)]
        document = diff(*cores, *named)
        self.assertEqual([document[side]["target"]["core"] for side in ("before", "after")], cores)
        lib_gospy.run("diff", *cores, *named, "--bin", programs[0]).expect(lib_gospy.USAGE)


if __name__ == "__main__":
    lib_gospy.main()
