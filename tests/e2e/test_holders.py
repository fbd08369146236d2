"""`gospy waits`: who holds a lock, held against a fixture that knows it, and deadlocks: all that are
there, and none that is not."""
import os
import re
import shutil
import signal
import struct
import subprocess

import lib_fixture
import lib_gospy

VARIANTS = ("default", "stripped", "noopt")
MODES = lib_gospy.modes({"paused": (), "non-blocking": ("--non-blocking",), "exact": ("--exact",)})
LOOKS = int(os.environ.get("GOSPY_HOLDERS_LOOKS", "4"))

# From this minor version of Go on a counter proves that a goroutine has not moved.
COUNTED = 17

# What their code does not tell: the lock is found by a word of memory that may have changed.
BY_MEMORY = ("in a map", "pointed to by a global", "replaced")
# Their holders are named where arguments are passed in registers.
NAMED = ("plain", "deferred", "early return", "helper", "helper of helper", "helper between",
         "branches", "closure", "callback", "by interface", "many arguments", "twice", "another between", "recursion",
         "global", "inner", "outer", "embedded", "write", "read", "TryLock",
         "TryLock in a condition", "generic")

# Those whose every edge is certain from COUNTED on. Where a function that defers calls another one by
# a pointer that may have been a deferred call, so that its locks are in doubt.
DEADLOCKS = ("self", "reads and writes", "reads twice", "interfaces")
DOUBTED = ("self by helper", "ring")
LOOSE = ("handed to a closure", "handed to a closure that defers", "handed to a function")


def waits(pid, *options):
    return lib_gospy.whole("waits", pid, "--json", *options).json()


def certain(found):
    return [holder["goid"] for holder in found["holders"] if holder["certain"]]


def locks_of(document):
    return {int(found["addr"], 16): found for found in document["objects"]
            if found["kind"] in ("sync.Mutex", "sync.RWMutex")}


def stop(pid):
    lib_gospy.stop_all(pid)
    lib_gospy.wait_for(lambda: all(state in "TZX" for _, state, _ in lib_gospy.threads(pid)),
                       f"{pid} to stop")


class HoldersTest(lib_gospy.TargetTest):
    def check_lock(self, lock, found, minor):
        self.assertEqual(found["kind"], lock["kind"])
        self.assertEqual(found["waiting"], lock["waiters"])
        self.assertEqual(len(found["waiters"]), lock["waiters"])
        self.assertTrue(found["locked"] or found.get("readers"))
        self.assertLessEqual(set(certain(found)), {lock["owner"]})
        if lock["style"] in BY_MEMORY:
            return
        if lock["style"] in NAMED and minor >= COUNTED:
            self.assertEqual(certain(found), [lock["owner"]])
            self.assertEqual(found["holders"][0]["reader"], lock["style"] == "read")
            self.assertTrue(found["holders"][0]["taken_at"]["func"].startswith("main."))

    def check_standing(self, fixture):
        minor = int(fixture.ready["go"].split(".")[1])
        for mode, options in MODES.items():
            if mode == "non-blocking" and minor < COUNTED:
                continue
            document = waits(fixture.pid, *options)
            found = locks_of(document)
            self.assertEqual(document["deadlocks"], [])
            for lock in fixture.ready["locks"]:
                with self.subTest(mode=mode, style=lock["style"]):
                    self.check_lock(lock, found[int(lock["addr"], 16)], minor)

    def test_standing(self):
        self.on_each(self.check_standing, "holders", variants=VARIANTS)

    def test_chain_and_graph(self):
        """Of one that waits, and holds what others wait for."""
        def check(fixture):
            locks = {lock["style"]: lock for lock in fixture.ready["locks"]}
            document = waits(fixture.pid)
            found = locks_of(document)[int(locks["plain"]["addr"], 16)]
            waiter, owner = found["waiters"][0]["goid"], locks["plain"]["owner"]
            run = lib_gospy.whole("waits", fixture.pid, "--goid", waiter)
            self.assertIn(f"\n  held by goroutine {owner}, taken at main.plain", run.out)
            self.assertRegex(run.out, rf"\ngoroutine {owner} waits for channel 0x")
            chain = waits(fixture.pid, "--goid", f"{waiter},{owner}")["chains"]
            self.assertEqual([[link["goid"] for link in one["chain"]] for one in chain],
                             [[waiter, owner], [owner]])
            self.assertFalse(chain[0]["circle"] or chain[0]["deadlock"])
            self.assertEqual(chain[0]["chain"][1]["waits_for"]["kind"], "channel")
            run = lib_gospy.run("waits", fixture.pid, "--goid", 1 << 40)
            run.expect(lib_gospy.OK)
            self.assertIn(f"there is no goroutine {1 << 40}", run.err)
            graph = Graph(lib_gospy.whole("waits", fixture.pid, "--dot").out)
            self.assertIn((waiter, owner), graph.whom())
        self.on_each(check, "holders", variants=("default",))

    @lib_gospy.on_processes_only
    def test_heap(self):
        """What keeps them, and who refers to a channel: a global, and all who wait for it."""
        def check(fixture):
            document = waits(fixture.pid, "--heap")
            locks = {lock["style"]: lock for lock in fixture.ready["locks"]}
            found = locks_of(document)
            pointed = found[int(locks["pointed to by a global"]["addr"], 16)]
            self.assertEqual(pointed["in"]["root"], "main.pointed")
            self.assertIn({"root": "main.pointed", "steps": 0}, pointed["referrers"])
            never = max((thing for thing in document["objects"] if thing["kind"] == "channel"),
                        key=lambda thing: thing["waiting"])
            self.assertEqual(never["in"]["root"], "main.never")
            self.assertEqual([referrer for referrer in never["referrers"]
                              if "goid" not in referrer], [{"root": "main.never", "steps": 0}])
            referrers = {referrer.get("goid") for referrer in never["referrers"]}
            self.assertLessEqual({waiter["goid"] for waiter in never["waiters"]}, referrers)
            out = lib_gospy.whole("waits", fixture.pid, "--heap").out
            self.assertIn("\n  referred to by main.never\n", out)
        self.on_each(check, "holders", variants=("default",))

    def test_text(self):
        def check(fixture):
            out = lib_gospy.whole("waits", fixture.pid).out
            for lock in fixture.ready["locks"]:
                if lock["style"] not in ("plain", "write"):
                    continue
                block = out.split(f"{lock['kind']} {lock['addr']}: 3 wait")[1].split("\n\n")[0]
                self.assertIn(f"\n  held by goroutine {lock['owner']}, taken at main.", block)
        self.on_each(check, "holders", variants=("default",))

    def owners(self, fixture):
        """By the lock: the goroutine that says that it has it; where none says so, nothing."""
        owners = {}
        with open(f"/proc/{fixture.pid}/mem", "rb") as mem:
            for lock in fixture.ready["locks"]:
                mem.seek(int(lock["owner"], 16))
                owners[int(lock["addr"], 16)] = struct.unpack("<Q", mem.read(8))[0]
        return {addr: goid for addr, goid in owners.items() if goid}

    @lib_gospy.on_processes_only
    def test_busy(self):
        """All locks are taken and released all the time."""
        def check(fixture):
            waiters = named = 0
            for _ in range(LOOKS):
                stop(fixture.pid)
                document = waits(fixture.pid)
                owners = self.owners(fixture)
                os.kill(fixture.pid, signal.SIGCONT)
                self.assertEqual(document["deadlocks"], [])
                for addr, found in locks_of(document).items():
                    if addr not in owners:
                        continue
                    self.assertLessEqual(set(certain(found)), {owners[addr]}, found)
                    waiters += found["waiting"]
                    named += found["waiting"] if certain(found) else 0
            print(f"{fixture.process.args[0]}: of {waiters} waiters, {named} know who holds it")
            minor = int(fixture.ready["go"].split(".")[1])
            if minor >= 22:
                # Far below what is found: it is a matter of chance where they stand.
                self.assertGreater(named, waiters * 0.7)
        self.on_each(check, "holders", "-busy", "400", variants=VARIANTS)


NODE = r'([gom]\d+) \[(?:shape=ellipse, |style=dashed, )?label="((?:[^"\\]|\\.)*)"(?:, color=red)?\]'
EDGE = r'([gm]\d+|o\d+) -> ([go]\d+)(?: \[label="((?:[^"\\]|\\.)*)"(?:, [a-z]+=[a-z]+)*\])?'


class Graph:
    """What `--dot` draws: nodes with their labels, and edges. All of it has to be of this form."""

    def __init__(self, text):
        lines = text.splitlines()
        assert lines[:3] == ["digraph waits {", "  rankdir=LR;", "  node [shape=box];"], lines[:3]
        assert lines[-1] == "}", lines[-1]
        self.nodes, self.edges = {}, []
        for line in lines[3:-1]:
            node, edge = (re.fullmatch(f"  {form};", line) for form in (NODE, EDGE))
            if node:
                assert node[1] not in self.nodes, line
                self.nodes[node[1]] = node[2]
            else:
                assert edge, line
                self.edges.append((edge[1], edge[2], edge[3]))
        assert all(end in self.nodes for edge in self.edges for end in edge[:2])
        if shutil.which("dot"):
            subprocess.run(("dot", "-Tsvg"), input=text, text=True, check=True,
                           stdout=subprocess.DEVNULL)

    def goid(self, node):
        return int(re.match(r"goroutine (\d+)", self.nodes[node])[1])

    def whom(self):
        """Pairs of goroutines: one waits, the other one holds it."""
        held = {(a, self.goid(b)) for a, b, _ in self.edges if a[0] == "o"}
        return {(self.goid(a), goid) for a, b, _ in self.edges if a[0] == "g"
                for node, goid in held if node == b}


class DeadlockTest(lib_gospy.TargetTest):
    def check_chain(self, fixture, members, certain):
        """From each member it leads through all of them, and back."""
        for goid in sorted(members)[:1]:
            document = waits(fixture.pid, "--goid", goid)
            self.assertEqual([chain["goid"] for chain in document["chains"]], [goid])
            chain = document["chains"][0]
            self.assertEqual({link["goid"] for link in chain["chain"]}, members)
            self.assertEqual(len(chain["chain"]), len(members))
            self.assertEqual(chain["chain"][-1]["held_by"][0]["goid"], goid)
            self.assertTrue(chain["circle"])
            self.assertEqual(chain["deadlock"], certain)
            self.assertNotIn("objects", document)
            run = lib_gospy.whole("waits", fixture.pid, "--goid", goid)
            self.assertEqual(run.out.rstrip().endswith(": a deadlock"), certain)
            self.assertEqual(run.out.rstrip().endswith(": a circle"), not certain)

    def check_graph(self, fixture, document):
        """It has the same edges as the circle."""
        graph = Graph(lib_gospy.whole("waits", fixture.pid, "--dot").out)
        for g in document["deadlocks"][0]["goroutines"]:
            if "waits_to_write" not in g["held_by"]:
                self.assertIn((g["goid"], g["held_by"]["goid"]), graph.whom())

    def check_deadlock(self, document, members, minor):
        found = document["deadlocks"]
        self.assertEqual(len(found), 1, found)
        goids = {g["goid"] for g in found[0]["goroutines"]}
        self.assertEqual(goids, members)
        self.assertEqual({g["held_by"]["goid"] for g in found[0]["goroutines"]}, members)
        self.assertEqual(found[0]["members"], len(members))
        if minor >= COUNTED:
            self.assertTrue(found[0]["certain"], found)

    def check_knot(self, build, name):
        fixture = self.watch(lib_fixture.start(build, "-knot", name))
        members = set(fixture.ready["members"].values())
        for mode, options in MODES.items():
            if mode == "non-blocking" and build.minor < COUNTED:
                continue
            with self.subTest(build=str(build), knot=name, mode=mode):
                document = waits(fixture.pid, *options)
                if name in LOOSE:
                    self.assertFalse([found for found in document["deadlocks"]
                                      if found["certain"]])
                else:
                    certain_since = 0 if name in DOUBTED else build.minor
                    self.check_deadlock(document, members, certain_since)
                    if mode == "paused" and build.variant == "default":
                        self.check_chain(fixture, members, document["deadlocks"][0]["certain"])
                        self.check_graph(fixture, document)
        self.doCleanups()

    def test_knots(self):
        for build in lib_gospy.builds("holders", VARIANTS):
            for name in DEADLOCKS + DOUBTED + LOOSE:
                self.check_knot(build, name)

    def test_abba(self):
        def check(fixture):
            members = {g["goid"] for g in fixture.ready["goroutines"] if "holds" in g}
            document = waits(fixture.pid)
            self.check_deadlock(document, members, COUNTED)
            held = {g["goid"]: g["holds"] for g in fixture.ready["goroutines"] if "holds" in g}
            for g in document["deadlocks"][0]["goroutines"]:
                self.assertEqual(int(g["waits_for"]["addr"], 16),
                                 int(held[g["held_by"]["goid"]], 16))
            out = lib_gospy.whole("waits", fixture.pid).out
            self.assertIn("\ndeadlock: 2 goroutines wait for each other\n", out)
            self.check_graph(fixture, document)
        self.on_each(check, "abba", variants=("default", "pie", "noopt"))

    @lib_gospy.on_processes_only
    def test_mesh(self):
        """Goroutines that switch all the time wait for each other's locks, but never for ever."""
        def check(fixture):
            for _ in range(LOOKS * 2):
                run = lib_gospy.run("waits", fixture.pid, "--json")
                self.assertIn(run.status, (lib_gospy.OK, lib_gospy.PARTIAL), run.err)
                self.assertEqual([found for found in run.json()["deadlocks"]
                                  if found["certain"]], [])
        self.on_each(check, "mesh", variants=("default", "noopt"))


if __name__ == "__main__":
    lib_gospy.main()
