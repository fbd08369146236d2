"""What goroutines wait for: one name for one thing, in every report, held against the addresses,
descriptors and deadlines that the fixture `states` knows of its own."""
import os
import re
import tempfile

import lib_fixture
import lib_gospy
import take_core

VARIANTS = ("default", "pie", "stripped")
# A deadline is a thousand hours away; the clocks of the fixture and of gospy are not read at once.
DEADLINE_TOLERANCE_NS = 60 * 10**9


def waiters(fixture):
    """The goroutines that say what they wait for, but the one of two that reads: it waits for
    nothing of what it has said."""
    for g in fixture.ready["goroutines"]:
        said = g.get("waits")
        if said and not (said["kind"] == "internal/poll.fdMutex" and g["reason"] == "IO wait"):
            yield g, said


def name_of(said):
    return f"{said['kind']} {said['addr']}"


class WaitTest(lib_gospy.TargetTest):
    def check_due(self, found, said, time_unix_ns):
        if "due_unix_ns" in said:
            self.assertLess(abs(time_unix_ns + found["due_ns"] - said["due_unix_ns"]),
                            DEADLINE_TOLERANCE_NS)

    def check_one(self, found, said, time_unix_ns):
        self.assertEqual(found["kind"], said["kind"])
        if "addr" in said:
            self.assertEqual(int(found["addr"], 16), int(said["addr"], 16))
        if "fd" in said:
            self.assertEqual(found["fd"], said["fd"])
            self.assertEqual(found["direction"], "read")
            self.assertEqual((found.get("local"), found.get("remote")),
                             (said.get("local"), said.get("remote")))
            self.assertEqual(found["type"], "tcp" if "local" in said else "pipe")
        if "cases" in said:
            told = {(int(case["addr"], 16), case["direction"]) for case in said["cases"]}
            self.assertEqual({(int(case["addr"], 16), case["direction"])
                              for case in found["channels"]}, told)
        if "remote" in said or found.get("type") == "pipe":
            # It has all the other ends itself.
            self.assertEqual(found["peer_pid"], self.pid)
        elif "fd" in said:
            self.assertEqual(found["state"], "LISTEN")
        self.check_due(found, said, time_unix_ns)

    def check_json(self, fixture, command, *options):
        document = lib_gospy.whole(command, fixture.pid, "--json", *options).json()
        found = {g["goid"]: g for g in document["goroutines"]}
        for g, said in waiters(fixture):
            with self.subTest(name=g["name"], command=command):
                self.assertIn("waits_for", found[g["goid"]])
                self.check_one(found[g["goid"]]["waits_for"], said,
                               document["snapshot"]["time_unix_ns"])
        for g in fixture.ready["goroutines"]:
            if "(nil chan)" in g.get("reason", ""):
                self.assertEqual(found[g["goid"]]["waits_for"]["kind"], "nil channel")
            if g.get("reason") == "select (no cases)":
                self.assertEqual(found[g["goid"]]["waits_for"],
                                 {"kind": "select", "channels": []})
            if "chan" in g:
                self.assertEqual(found[g["goid"]]["waits_for"]["kind"], "channel")
                self.assertEqual(int(found[g["goid"]]["waits_for"]["addr"], 16),
                                 int(g["chan"], 16))

    def check_text(self, fixture):
        out = lib_gospy.whole("summary", fixture.pid).out
        lines = {int(line.split(" - ")[0]): line
                 for line in out.split("\ngoroutines:\n")[1].splitlines()}
        for g, said in waiters(fixture):
            line = lines[g["goid"]]
            with self.subTest(name=g["name"]):
                if "addr" in said:
                    self.assertRegex(line, " - waiting for " +
                                     re.escape(f"{g['reason']} on {name_of(said)}") + "[:,] ")
                if "fd" in said:
                    self.assertRegex(line, rf" - waiting for IO wait on fd {said['fd']}\b")
                for case in said.get("cases", ()):
                    self.assertIn(f"{case['addr']} ({case['direction']})", line)

    def check_groups(self, fixture):
        """The name is the same in groups by stack and in those of top."""
        run = lib_gospy.whole("stack", fixture.pid, "--group")
        document = lib_gospy.whole("stack", fixture.pid, "--group", "--json").json()
        names = {(wait["waits_for"]["kind"], int(wait["waits_for"]["addr"], 16))
                 for group in document["groups"] for wait in group.get("waits", ())
                 if "addr" in wait["waits_for"]}
        frame = lib_gospy.whole("top", fixture.pid, "-n", 1, "--json", "--group", "object").json()
        titles = {group["title"]: group["count"] for group in frame["groups"]}
        told = {}
        for _, said in waiters(fixture):
            if "addr" in said:
                told[name_of(said)] = told.get(name_of(said), 0) + 1
                self.assertIn((said["kind"], int(said["addr"], 16)), names)
        self.assertTrue(told)
        for name, count in told.items():
            self.assertIn(f"waits for: {name}\n", run.out)
            self.assertEqual(titles.get(name), count, name)
        self.assertIn("nil channel", titles)

    def check_syscall(self, fixture):
        """Those that are in the kernel, by the name of the call, and what it is about."""
        goids = {g["name"]: g["goid"] for g in fixture.ready["goroutines"]}
        document = lib_gospy.whole("waits", fixture.pid, "--json").json()
        found = {waiter["goid"]: waiter["waits_for"] for thing in document["objects"]
                 for waiter in thing["waiters"] if thing["kind"] == "system call"}
        self.assertIn(goids["syscall-read"], found)
        waits_for = found[goids["syscall-read"]]
        self.assertEqual((waits_for["syscall"], waits_for["number"]), ("read", 0))
        self.assertEqual((waits_for["type"], waits_for["peer_pid"]), ("pipe", fixture.pid))
        link = os.readlink(f"/proc/{fixture.pid}/fd/{waits_for['fd']}")
        self.assertRegex(link, r"^pipe:")
        out = lib_gospy.whole("waits", fixture.pid, "--goid", goids["syscall-read"]).out
        self.assertIn(f"waits for system call read of fd {waits_for['fd']} pipe", out)

    def test_syscalls_of_files(self):
        """The registers tell of the same calls, but not what their descriptors were."""
        fixture = self.watch(lib_fixture.start(lib_gospy.builds("states", ("default",))[-1]))
        goids = {g["name"]: g["goid"] for g in fixture.ready["goroutines"]}
        with tempfile.TemporaryDirectory(prefix="gospy-files-") as place:
            core, bundle = os.path.join(place, "core"), os.path.join(place, "bundle")
            take_core.take(fixture.pid, core)
            lib_gospy.run("capture", fixture.pid, "-o", bundle).expect(lib_gospy.OK)
            for path in (core, bundle):
                document = lib_gospy.run("waits", path, "--json").json()
                found = {waiter["goid"]: waiter["waits_for"] for thing in document["objects"]
                         for waiter in thing["waiters"] if thing["kind"] == "system call"}
                waits_for = found[goids["syscall-read"]]
                self.assertEqual((waits_for["syscall"], waits_for["number"]), ("read", 0))
                self.assertRegex(os.readlink(f"/proc/{fixture.pid}/fd/{waits_for['fd']}"), "^pipe:")
                self.assertNotIn("type", waits_for)

    def check_dues(self, fixture):
        """Sleeps and deadlines: until when."""
        out = lib_gospy.whole("waits", fixture.pid).out
        dues = [said for _, said in waiters(fixture) if "due_unix_ns" in said]
        self.assertEqual(bool(re.search(r"\n  goroutines? [^\n]*, (wakes up|deadline|timer) in ",
                                        out)), bool(dues))

    def test_states(self):
        for build in lib_gospy.builds("states", VARIANTS):
            with self.subTest(build=str(build)):
                fixture = self.watch(lib_fixture.start(build))
                self.pid = fixture.pid
                for options in ((), ("--non-blocking",), ("--exact",)):
                    self.check_json(fixture, "summary", *options)
                self.check_json(fixture, "stack")
                self.check_text(fixture)
                self.check_groups(fixture)
                self.check_syscall(fixture)
                self.check_dues(fixture)
            self.doCleanups()

    def test_one_lock(self):
        """Thousands that wait for one lock wait for one thing, in all versions."""
        for build in lib_gospy.builds("parked", ("default",)):
            with self.subTest(build=str(build)):
                fixture = self.watch(
                    lib_fixture.start(build, "-n", "3000", "-kind", "mutex"))
                document = lib_gospy.whole("stack", fixture.pid, "--group", "--json").json()
                waits = [wait for group in document["groups"] for wait in group.get("waits", ())
                         if wait["waits_for"]["kind"] == "sync.Mutex"]
                self.assertEqual(sum(wait["count"] for wait in waits), 3000)
                self.assertEqual(len({wait["waits_for"]["addr"] for wait in waits}), 1)
            self.doCleanups()


class CircleTest(lib_gospy.TargetTest):
    """Deadlocks that channels have a part in, by the heap."""

    def start(self, build, name):
        return self.watch(lib_fixture.start(build, "-with", name))

    def waits(self, pid, *options):
        return lib_gospy.run("waits", pid, "--heap", "--json", "--max-pause",
                             f"{lib_gospy.HANG}s", *options).expect(lib_gospy.OK)

    def circles(self, pid, *options):
        return self.waits(pid, *options).json()["deadlocks"]

    def builds(self):
        found = lib_gospy.builds("ill", ("default", "stripped"))
        return [found[0], found[-1]] if len(found) > 1 else found

    def test_channels(self):
        for build in self.builds():
            with self.subTest(build=str(build)):
                fixture = self.start(build, "circle")
                circles = self.circles(fixture.pid)
                self.assertEqual([one["certain"] for one in circles], [True])
                goids = {one["goid"] for one in circles[0]["goroutines"]}
                self.assertEqual(len(goids), 2)
                for one in circles[0]["goroutines"]:
                    self.assertEqual(one["waits_for"]["kind"], "channel")
                    self.assertEqual(one["held_by"]["by_heap"], True)
                    self.assertLessEqual({one["held_by"]["goid"]}, goids - {one["goid"]})
                text = lib_gospy.run("waits", fixture.pid, "--heap", "--max-pause",
                                     f"{lib_gospy.HANG}s").expect(lib_gospy.OK).out
                self.assertIn("deadlock: 2 goroutines wait for each other", text)
                self.assertIn("nobody else who may run", text)
                self.assertRegex(text, r"\nthen paused .* to prove what the heap tells\n")
                proof = self.waits(fixture.pid).json()["proof"]
                self.assertGreater(proof["paused_ns"], 0)
                self.assertGreater(proof["stopped_threads"], 0)
                self.assertNotIn("not_proved", proof)
                self.assertEqual(lib_gospy.run("waits", fixture.pid, "--json")
                                 .expect(lib_gospy.OK).json()["deadlocks"], [])
            self.doCleanups()

    def test_with_locks(self):
        """One of the locks is a global variable, so that anybody may reach it."""
        for build in self.builds():
            with self.subTest(build=str(build)):
                fixture = self.start(build, "mixed")
                circles = self.circles(fixture.pid)
                self.assertEqual([one["certain"] for one in circles], [True, True])
                text = lib_gospy.run("waits", fixture.pid, "--heap", "--max-pause",
                                     f"{lib_gospy.HANG}s").expect(lib_gospy.OK).out
                self.assertIn("as long as nobody else unlocks", text)
                self.assertNotIn("nobody else who may run", text)
                for circle in circles:
                    kinds = sorted(one["waits_for"]["kind"] for one in circle["goroutines"])
                    self.assertEqual(kinds, ["channel", "sync.Mutex"])
                self.assertEqual(self.circles(self.start(build, "saved").pid), [])
            self.doCleanups()

    def test_without_a_stop(self):
        fixture = self.start(self.builds()[-1], "mixed")
        run = self.waits(fixture.pid, "--non-blocking")
        circles, proof = run.json()["deadlocks"], run.json()["proof"]
        self.assertEqual(proof["paused_ns"], 0)
        self.assertIn(f"could be proved: {proof['not_proved']}", run.err)
        self.assertEqual([one["certain"] for one in circles], [False, False])
        whys = {one["held_by"].get("why") for circle in circles for one in circle["goroutines"]}
        self.assertIn("heap", whys)

    def test_core(self):
        """A core is of one instant, so all is proved."""
        fixture = self.start(self.builds()[0], "mixed")
        with tempfile.TemporaryDirectory() as directory:
            core = os.path.join(directory, "core")
            take_core.take(fixture.pid, core)
            circles = lib_gospy.run("waits", core, "--heap",
                                    "--json").expect(lib_gospy.OK).json()["deadlocks"]
            self.assertEqual([one["certain"] for one in circles], [True, True])

    def test_fields(self):
        """What a lock is called in the type that it is a part of."""
        for build in self.builds():
            with self.subTest(build=str(build)):
                fixture = self.start(build, "mixed")
                objects = lib_gospy.run("waits", fixture.pid, "--heap", "--json", "--max-pause",
                                        f"{lib_gospy.HANG}s").expect(lib_gospy.OK).json()["objects"]
                locks = [one for one in objects if one["kind"] == "sync.Mutex" and "in" in one]
                self.assertEqual(len(locks), 1)
                if build.variant != "default":
                    continue  # nothing tells the type
                self.assertEqual((locks[0]["in"]["type"], locks[0]["in"]["field"]),
                                 ("main.shelf", ".mu"))
                who = lib_gospy.run("heap", fixture.pid, "--who", locks[0]["addr"], "--values",
                                    "--json").expect(lib_gospy.OK).json()
                self.assertEqual(who["field"], ".mu")
                values = {one["field"]: (one["type"], one["value"]) for one in who["values"]}
                self.assertLessEqual({
                    ".label": ("string", '"best"'), ".full": ("bool", "true"),
                    ".change": ("int8", "-5"), ".price": ("float64", "1.5"),
                    ".boxes[0]": ("uint16", "7"), ".boxes[1]": ("uint16", "8"),
                    ".other": ("*main.shelf", "nil")}.items(), values.items())
                self.assertRegex(values[".any"][1], "^int at 0x")
                text = lib_gospy.run("heap", fixture.pid, "--who",
                                     locks[0]["addr"]).expect(lib_gospy.OK).out
                self.assertNotIn("best\"", text)
                for args in (("--values",), ("--values", "--who", "main.shelf")):
                    lib_gospy.run("heap", fixture.pid, *args).expect(lib_gospy.USAGE)
            self.doCleanups()


class ShownTest(lib_gospy.TargetTest):
    """Only those are looked up that are shown, and of these all is there."""

    def test_few_of_many(self):
        for build in lib_gospy.builds("parked", ("default",)):
            for kind, waits in (("chan", "channel"), ("mutex", "sync.Mutex"), ("select", "select"),
                                ("sleep", "sleep")):
                with self.subTest(build=str(build), kind=kind):
                    fixture = self.watch(lib_fixture.start(build, "-n", "600", "-kind", kind))
                    everything = {g["goid"]: g for g in
                                  lib_gospy.summary(fixture.pid)["goroutines"]}
                    some = sorted(goid for goid, g in everything.items()
                                  if g.get("wait_reason"))[100]
                    for args in (("summary", "--limit", 3), ("summary", "--state", "waiting"),
                                 ("summary", "--state", "waiting", "--limit", 3),
                                 ("summary", "--sort", "location", "--limit", 3),
                                 ("stack", "--goid", some)):
                        document = lib_gospy.whole(args[0], fixture.pid, *args[1:],
                                                   "--json").json()
                        self.assertTrue(document["goroutines"])
                        for g in document["goroutines"]:
                            self.same(g, everything[g["goid"]], waits)
                self.doCleanups()

    def same(self, found, wanted, kind):
        found, wanted = found.get("waits_for"), wanted.get("waits_for")
        self.assertEqual(bool(found), bool(wanted))
        if found:
            self.assertIn(found["kind"], {kind, "channel"})
            # What is left of a sleep is less by now.
            self.assertEqual({**found, "due_ns": 0}, {**wanted, "due_ns": 0})


class MovingTest(lib_gospy.TargetTest):
    """Goroutines that wait for descriptors and go on all the time. Each says by profiler labels what
    its connection is."""

    def waits(self, pid):
        """Labels and what they wait for, of those that wait for descriptors."""
        looked = lib_gospy.run("summary", pid, "--json")
        if looked.status != lib_gospy.PARTIAL:
            looked.expect(lib_gospy.OK)
        for g in looked.json()["goroutines"]:
            if "labels" in g and "fd" in g.get("waits_for", ()):
                yield {label["key"]: label["value"] for label in g["labels"]}, g["waits_for"]

    def test_descriptors(self):
        """Of all of them it is known, though they go on before anything can be read after the
        stop."""
        for build in lib_gospy.builds("ferry", ("default",)):
            with self.subTest(build=str(build)):
                fixture = self.watch(lib_fixture.start(build))
                waiters, known = 0, 0
                while waiters < 100:
                    looked = lib_gospy.run("summary", fixture.pid, "--json")
                    for g in looked.json()["goroutines"]:
                        if g.get("wait_reason") == "IO wait" and g["soundness"] == "sound":
                            waiters += 1
                            known += "fd" in g.get("waits_for", ())
                # A thread that waits for a processor may end the stop before all was read.
                self.assertGreaterEqual(known, 0.9 * waiters)
            self.doCleanups()

    def look(self, pid, stayed, others):
        for said, found in self.waits(pid):
            known = {key: found[key] for key in ("local", "remote") if key in found}
            if "fd" in said:  # a connection that stays
                self.assertEqual(str(found["fd"]), said["fd"])
                self.assertIn(known, ({}, {key: said[key] for key in ("local", "remote")}))
                stayed.append(bool(known))
            elif known:
                others.append(known)
                # Another one's connection would have another address.
                if "from" in said:
                    self.assertEqual(known["local"].rsplit(":", 1)[0], said["from"])
                else:
                    self.assertEqual(known["remote"], said["remote"])

    def test_addresses(self):
        """What stays has its addresses, though its goroutine has moved; what was closed since, and
        its number used again, has none, or its own."""
        for build in lib_gospy.builds("ferry", ("default",)):
            with self.subTest(build=str(build)):
                fixture = self.watch(lib_fixture.start(build))
                stayed, others = [], []

                def enough():
                    self.look(fixture.pid, stayed, others)
                    return len(stayed) >= 40 and len(others) >= 100
                lib_gospy.wait_for(enough, lambda: f"{len(stayed)} and {len(others)} connections")
                # Tables of sockets change while they are read: one may be missed.
                self.assertGreaterEqual(sum(stayed), 0.95 * len(stayed))
            self.doCleanups()


if __name__ == "__main__":
    lib_gospy.main()
