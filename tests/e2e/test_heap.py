"""gospy heap against what a program knows of its own objects."""
import json
import os
import subprocess
import tempfile
import threading
import time
import unittest

import lib_fixture
import lib_gospy
import lib_pprof
from lib_gospy import (ERROR, GOSPY, HANG, OK, ON, ON_PROCESS, PARTIAL, USAGE, TargetTest, on_processes_only,
                       run)


class Heap(TargetTest):
    def look(self, fixture, *options):
        return run("heap", fixture.pid, "--json", *options).expect(OK).json()

    def settled(self, fixture, *options):
        """A look that is of one instant, if it takes a stop: a thread may move in the first one."""
        def at_an_instant():
            mine = self.look(fixture, *options)
            fine = not ON_PROCESS or "--stop" not in options or mine["instant"]
            return mine if fine or "not_stopped" in mine else None
        return lib_gospy.wait_for(at_an_instant, "a look at one instant")

    def check(self, fixture, *options):
        known = fixture.ready
        mine = self.settled(fixture, *options)
        objects = {entry["name"]: entry["objects"] for entry in mine["types"] if "name" in entry}
        self.assertEqual({name: objects.get(name) for name in known["types"]}, known["types"])
        # What the answer takes is allocated after the figures were read.
        own = fixture.ask("memstats")
        self.assertLessEqual(mine["allocated"]["bytes"], own["HeapAlloc"])
        self.assertGreater(mine["allocated"]["bytes"], own["HeapAlloc"] * 0.95)
        self.assertLessEqual(mine["reachable"]["bytes"], mine["allocated"]["bytes"])
        self.assertGreater(mine["typed"]["bytes"], mine["reachable"]["bytes"] * 0.95)
        sizes = [entry["bytes"] for entry in mine["types"]]
        self.assertEqual(sizes, sorted(sizes, reverse=True))
        self.assertFalse(any("retained_bytes" in entry for entry in mine["types"]))
        for key in ("objects", "bytes"):
            self.assertEqual(sum(entry[key] for entry in mine["types"]), mine["reachable"][key])
            self.assertEqual(sum(entry[key] for entry in mine["types"] if "name" in entry),
                             mine["typed"][key])
        self.assertEqual(mine["unknown_spans"], 0)
        self.assertEqual(mine["unread_roots"], 0)
        if "--stop" not in options:
            self.assertEqual(mine["instant"], ON == "core")
            self.assertEqual(mine["paused_ns"], 0)
        elif ON_PROCESS and "not_stopped" not in mine:
            self.assertTrue(mine["instant"])

    def test_types(self):
        for build in lib_gospy.builds("heaped", variants=("default", "pie", "stripped", "cgo")):
            with self.subTest(build=str(build)):
                fixture = self.watch(lib_fixture.start(build))
                self.check(fixture)
                self.check(fixture, "--stop", "--max-pause", "60s")
            self.doCleanups()

    @on_processes_only
    def test_busy(self):
        """What stays is seen in each look, though spans are swept and made anew all the time."""
        fixture = self.fixture()
        known = fixture.ready["types"]
        fixture.ask("busy")
        for _ in range(12):
            mine = run("heap", fixture.pid, "--json").expect(OK).json()
            objects = {entry["name"]: entry["objects"] for entry in mine["types"]
                       if "name" in entry}
            self.assertEqual({name: objects.get(name) for name in known}, known)
            self.assertGreater(mine["typed"]["bytes"], mine["reachable"]["bytes"] * 0.9)

    @on_processes_only
    def test_too_short_a_pause(self):
        fixture = self.fixture()
        looked = run("heap", "--json", "--stop", "--max-pause", "1us", fixture.pid).expect(OK)
        mine = looked.json()
        if mine["instant"]:
            self.assertEqual(mine["paused_ns"], 0)  # nothing ran
        else:
            self.assertIn("copied without a stop", looked.err)
            self.assertTrue(mine["not_stopped"])

    @on_processes_only
    def test_bundles_do_not_have_it(self):
        fixture = self.fixture()
        with tempfile.TemporaryDirectory() as place:
            bundle = os.path.join(place, "bundle")
            run("capture", "-o", bundle, fixture.pid).expect(OK)
            for command in ("heap", "leaks"):
                self.assertIn("a bundle without the heap", run(command, bundle).expect(ERROR).err)
            self.assertIn("was made without the heap",
                          run("capture", "--heap", "-o", bundle + "2", bundle).expect(USAGE).err)

    def check_bundle(self, fixture, *options):
        """The types of the objects, and what leads to them, are those of the process."""
        with tempfile.TemporaryDirectory() as place:
            bundle = os.path.join(place, "bundle")
            live = run("heap", fixture.pid, "--json", "--who", "main.tree").expect(OK).json()
            taken = run("capture", "--heap", "--json", "-o", bundle, fixture.pid,
                        *options).expect(OK)
            self.assertIn("the heap adds up to", taken.err)
            self.assertGreater(taken.json()["heap_bytes"], 1 << 20)
            again = os.path.join(place, "again")
            run("capture", "--heap", "-o", again, bundle).expect(OK)
            mine = run("heap", bundle, "--json").expect(OK).json()
            second = run("heap", again, "--json").expect(OK).json()
            who = run("heap", bundle, "--json", "--who", "main.tree").expect(OK).json()
            leaks = run("leaks", bundle, "--json").expect(OK).json()
        # Names and types of variables are in the bundle: its reader has no file of the program.
        paths = [(one["paths"][0]["root"], [step["name"] for step in one["paths"][0]["steps"]])
                 for one in (who, live)]
        self.assertEqual(paths[0], paths[1])
        self.assertEqual(mine["instant"], taken.json()["heap_instant"])
        # What is guessed of a type depends on the order of reading.
        self.assertEqual(mine["types"][:15], second["types"][:15])
        for key in ("instant", "allocated", "reachable"):
            self.assertEqual(mine[key], second[key])
        objects = {entry["name"]: entry["objects"] for entry in mine["types"] if "name" in entry}
        known = fixture.ready["types"]
        self.assertEqual({name: objects.get(name) for name in known}, known)
        self.assertEqual((mine["unknown_spans"], mine["unread_roots"]), (0, 0))
        self.assertGreater(mine["typed"]["bytes"], mine["reachable"]["bytes"] * 0.95)
        self.assertEqual(who["paths"][0]["objects"], known["main.tree"])
        return taken.json(), leaks

    @on_processes_only
    def test_bundles_with_it(self):
        for build in lib_gospy.builds("heaped", variants=("default", "stripped")):
            with self.subTest(build=str(build)):
                fixture = self.watch(lib_fixture.start(build))
                taken, _ = self.check_bundle(fixture, "--max-pause", f"{HANG}s")
                self.assertEqual(taken["heap_instant"], "not_stopped" not in taken)
            self.doCleanups()

    @on_processes_only
    def test_bundles_with_it_that_were_copied_while_it_ran(self):
        taken, _ = self.check_bundle(self.fixture(), "--non-blocking")
        self.assertFalse(taken["heap_instant"])

    def fixture(self):
        build = lib_gospy.builds("heaped", variants=("default",))[-1]
        return self.watch(lib_fixture.start(build))

    def test_lines_and_limits(self):
        fixture = self.fixture()
        lines = run("heap", "--json=lines", "--limit", "3", fixture.pid).expect(OK).json_lines()
        self.assertEqual([line["type"] for line in lines], ["heap"] + 3 * ["heap_type"])
        self.assertGreater(lines[0]["type_count"], 3)
        text = run("heap", "-n", "2", fixture.pid).expect(OK).out.splitlines()
        self.assertEqual(text[3].split(), ["BYTES", "SHARE", "OBJECTS", "TYPE"])
        self.assertEqual(len(text), 7)
        self.assertRegex(text[-1], r"^\.\.\. \d+ more$")

    def check_retained(self, fixture):
        """Nothing else leads to what these structures consist of."""
        types = {entry["name"]: entry for entry in self.look(fixture, "--retained")["types"]
                 if "name" in entry}
        leaf = 32
        for name, more in (("main.tree", 0), ("main.node", 0), ("main.wide", 11 * leaf),
                           ("main.huge", 200 * leaf), ("main.deep", 1201 * leaf),
                           ("[]main.record", 3023 * (leaf + 32)), ("main.leaf", 0)):
            with self.subTest(type=name):
                self.assertEqual(types[name]["retained_bytes"], types[name]["bytes"] + more)

    def check_all_retained(self, fixture):
        entries = self.look(fixture, "--retained")["types"]
        retained = [entry["retained_bytes"] for entry in entries]
        self.assertEqual(retained, sorted(retained, reverse=True))
        for entry in entries:
            self.assertGreaterEqual(entry["retained_bytes"], entry["bytes"])

    def test_retained(self):
        for build in lib_gospy.builds("heaped", variants=("default", "stripped")):
            with self.subTest(build=str(build)):
                fixture = self.watch(lib_fixture.start(build))
                self.check_retained(fixture)
                self.check_all_retained(fixture)
            self.doCleanups()

    def who(self, fixture, what):
        return run("heap", fixture.pid, "--json", "--who", what).expect(OK).json()

    def check_paths(self, build, fixture):
        ready = fixture.ready
        trees = self.who(fixture, "main.tree")
        self.assertEqual(trees["objects"], ready["types"]["main.tree"])
        self.assertEqual(len(trees["paths"]), 1)
        path = trees["paths"][0]
        # The array of interfaces behind a global, whose type DWARF alone tells.
        array = ("[]interface {}" if build.variant in lib_gospy.WITH_SYMBOLS
                 else "? 256 B with pointers")
        self.assertEqual([step["name"] for step in path["steps"]], [array, "main.tree"])
        if build.variant in lib_gospy.WITH_SYMBOLS:
            self.assertEqual(path["root"], "main.kept")
        else:
            self.assertRegex(path["root"], "^0x[0-9a-f]+$")
        for structure in ready["structures"][::5]:
            one = self.who(fixture, hex(structure["root"]))
            self.assertEqual(int(one["addr"], 16), structure["root"])
            self.assertEqual(one["paths"][0]["root"], path["root"])
            self.assertEqual(int(one["paths"][0]["steps"][-1]["addr"], 16), structure["root"])
        leaves = self.who(fixture, "main.leaf")
        self.assertEqual(leaves["objects"], ready["types"]["main.leaf"])
        self.assertEqual(sum(path["objects"] for path in leaves["paths"]),
                         leaves["objects"])
        guarded = self.who(fixture, hex(ready["guarded"]))["paths"][0]
        self.assertRegex(guarded["root"], r"^stack of goroutine \d+ in main\.guard$")
        self.assertEqual(len(guarded["steps"]), 1)

    def test_who(self):
        for build in lib_gospy.builds("heaped", variants=("default", "stripped")):
            with self.subTest(build=str(build)):
                self.check_paths(build, self.watch(lib_fixture.start(build)))
            self.doCleanups()

    def test_who_does_not_exist(self):
        fixture = self.fixture()
        self.assertIn("no object of type", run("heap", fixture.pid, "--who", "main.none")
                      .expect(ERROR).err)
        self.assertIn("there is no object", run("heap", fixture.pid, "--who", "0x10")
                      .expect(ERROR).err)
        held = fixture.ready["finalizer"][0]
        self.assertIn("is garbage", run("heap", fixture.pid, "--who", hex(held))
                      .expect(ERROR).err)
        text = run("heap", fixture.pid, "--who", "main.wide").expect(OK).out
        self.assertRegex(text, r"^main\.wide: .* in 1 object, kept alive by these paths\n\n"
                         r".* in 1 object\n    main\.kept\n"
                         r"    (\? 256 B with pointers|\[\]interface \{\})\n    main\.wide\n$")

    def test_flame_graphs(self):
        fixture = self.fixture()
        page = run("heap", "--format", "html", fixture.pid).expect(OK).out
        self.assertTrue(page.startswith("<!"))
        self.assertTrue("what keeps it alive" in page)
        picture = run("heap", "--format", "svg", fixture.pid).expect(OK).out
        for text in ("<svg", "main.kept", "main.huge"):
            self.assertTrue(text in picture, text)
        for other in (["--json"], ["--retained"], ["--who", "main.tree"], ["--for", "1s"]):
            run("heap", "--format", "svg", *other, fixture.pid).expect(USAGE)

    @on_processes_only
    def test_profile_for_pprof(self):
        """Its samples are the paths of the report, and pprof makes the same sums of them."""
        fixture = self.fixture()
        with tempfile.NamedTemporaryFile(suffix=".pb.gz") as file:
            def of_one_heap():
                """Both are of a heap that nothing was allocated in meanwhile."""
                before = self.look(fixture)["reachable"]
                file.truncate(0)
                file.seek(0)
                subprocess.run([GOSPY, "heap", "--format", "pprof", str(fixture.pid)], stdout=file,
                               check=True)
                return before if self.look(fixture)["reachable"] == before else None
            mine = lib_gospy.wait_for(of_one_heap, "a heap that stays as it is")
            profile = lib_pprof.Profile(lib_pprof.read(file.name))
            self.assertEqual(profile.types, [("objects", "count"), ("space", "bytes")])
            top = "" if lib_pprof.go_pprof() else lib_pprof.go_tool_pprof(
                "-top", "-sample_index=objects", file.name)
        sums = [sum(sample[0][i] for sample in profile.samples) for i in (0, 1)]
        self.assertEqual(sums, [mine["objects"], mine["bytes"]])
        known = fixture.ready["types"]
        for name in ("main.tree", "main.leaf"):
            of_it = [sample for sample in profile.samples if sample[1][0][0] == name]
            self.assertEqual(sum(sample[0][0] for sample in of_it), known[name])
            if top:
                self.assertRegex(top, rf"(?m)^ *{known[name]} .* {name}$")
        self.assertTrue(any(sample[1][-1][0] == "main.kept" for sample in profile.samples))

    @on_processes_only
    def test_growth(self):
        fixture = self.fixture()
        mine = run("heap", "--json", "--for", "1ms", fixture.pid).expect(OK).json()
        self.assertEqual(mine["before"], mine["after"])
        self.assertEqual(mine["types"], [])
        with subprocess.Popen([GOSPY, "heap", "--json", "--for", "5s", str(fixture.pid)],
                              stdout=subprocess.PIPE, text=True) as looking:
            # It has been looked at when gospy sleeps; whatever comes earlier is in both looks.
            deadline = time.monotonic() + HANG
            while looking.poll() is None and time.monotonic() < deadline:
                fixture.ask("grow")
                time.sleep(0.05)
            mine = json.loads(looking.stdout.read())
        types = {entry.get("name"): entry for entry in mine["types"]}
        self.assertIn("main.grown", types, mine)
        grown = types["main.grown"]
        self.assertGreater(grown["after"]["objects"], grown["before"]["objects"])
        self.assertGreater(mine["after"]["bytes"], mine["before"]["bytes"])
        run("heap", "--for", "1s", "--retained", fixture.pid).expect(USAGE)

    @on_processes_only
    def test_array_grows_meanwhile(self):
        """All that was there before a look is seen in it, though the array that leads to it is
        another one each time it gets too small."""
        fixture = self.fixture()
        done, told = threading.Event(), [0]

        def grow():
            while not done.is_set():
                fixture.ask("grow")
                told[0] += 1000
                time.sleep(0.02)

        whole = 0
        grower = threading.Thread(target=grow)
        grower.start()
        try:
            for _ in range(12):
                least = told[0]
                looked = run("heap", "--json", fixture.pid)
                mine = looked.json()
                if looked.status == lib_gospy.PARTIAL:
                    # A look that takes seconds cannot follow all that is new by then, and says so.
                    self.assertIn("was allocated while", mine["problem"])
                    continue
                looked.expect(OK)
                whole += 1
                known = {entry.get("name"): entry["objects"] for entry in mine["types"]}
                self.assertGreaterEqual(known.get("main.grown", 0), least, mine)
                self.assertGreaterEqual(known["main.leaf"], fixture.ready["types"]["main.leaf"])
        finally:
            done.set()
            grower.join()
        self.assertGreater(whole, 0)

    @on_processes_only
    def test_two_heaps(self):
        """What one has and the other has not, of processes, and of one and its bundle."""
        fixture = self.fixture()
        other = self.watch(lib_fixture.start(lib_gospy.builds("states", ("default",))[-1]))
        known = fixture.ready["types"]
        for first, second, side in ((other.pid, fixture.pid, "after"),
                                    (fixture.pid, other.pid, "before")):
            mine = run("heap", "--json", "--diff", first, second).expect(OK).json()
            self.assertEqual((mine["before_pid"], mine["pid"]), (first, second))
            types = {entry.get("name"): entry for entry in mine["types"]}
            mains = {name: types[name][side]["objects"] for name in known if "main." in name}
            self.assertEqual(mains, {name: known[name] for name in mains})
            grown = [entry["after"]["bytes"] - entry["before"]["bytes"] for entry in mine["types"]]
            self.assertEqual(grown, sorted(grown, reverse=True))
        with tempfile.TemporaryDirectory() as place:
            bundle = os.path.join(place, "bundle")
            run("capture", "--heap", "-o", bundle, fixture.pid).expect(OK)
            mine = run("heap", "--json", "--diff", bundle, fixture.pid).expect(OK).json()
            self.assertEqual([entry for entry in mine["types"]
                              if "main." in entry.get("name", "")], [])
            fixture.ask("grow")
            mine = run("heap", "--json", "--diff", bundle, fixture.pid).expect(OK).json()
        grown = {entry.get("name"): entry for entry in mine["types"]}["main.grown"]
        self.assertEqual((grown["before"]["objects"], grown["after"]["objects"]), (0, 1000))
        for others in (["--for", "1s"], ["--who", "main.tree"], ["--retained"]):
            run("heap", "--diff", other.pid, *others, fixture.pid).expect(USAGE)
        run("heap", "--diff", "/nowhere/to/be/found", fixture.pid).expect(lib_gospy.NO_TARGET)

    def test_too_little_memory(self):
        """What is known is shown, and it is said that it is not all."""
        fixture, seen = self.fixture(), set()
        for most in (1000, 100000, 200000, 300000, 400000, 500000, 2000000):
            looked = run("heap", "--json", "--max-memory", most, fixture.pid)
            seen.add(looked.status)
            with self.subTest(most=most):
                if looked.status == PARTIAL:
                    self.assertTrue(looked.json()["partial"])
                    self.assertLessEqual(looked.json()["memory_bytes"], most)
                elif looked.status != OK:
                    self.assertIn("no memory is left", looked.err)
        self.assertEqual(seen, {ERROR, PARTIAL, OK})
        run("heap", "--max-memory", "x", fixture.pid).expect(USAGE)


if __name__ == "__main__":
    unittest.main()
