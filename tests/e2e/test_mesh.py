"""Snapshots of thousands of goroutines that switch all the time, without stopping them: none may
fail, and none may show as sound what cannot have been."""
import os

import lib_fixture
import lib_gospy

SNAPSHOTS = int(os.environ.get("GOSPY_MESH_SNAPSHOTS", "30"))

# The functions that goroutines of the mesh begin in, and what each can wait for.
LOCK = r"sync\.Mutex\.Lock|semacquire"
WAITS = {
    "main.relay": r"chan (send|receive)",
    "main.pair.func1": r"chan send",
    "main.selectRelay": r"chan send|select",
    "main.contend": LOCK,
    "main.park": r"chan receive",
}

# Where the place kept for a goroutine that is not running can be: in the scheduler when it waits;
# behind what makes a goroutine runnable when it is that, which may also be its very first
# instruction, or wherever it was preempted.
PARKED = r"^runtime\.(gopark|goparkunlock)$"
RUNNABLE = r"^(runtime\.|main\.|sync\.|internal/)"


class MeshTest(lib_gospy.TargetTest):
    def check_goroutine(self, g):
        """One shown as sound: its status, place and stack must go together."""
        if g["status"] in ("running", "syscall"):
            self.assertNotIn("wait_reason", g)
        if g["status"] == "running" and "current" not in g:
            return
        lo, sp, hi = (int(g[key], 16) for key in ("stack_lo", "sp", "stack_hi"))
        self.assertTrue(lo < sp <= hi, g)
        if g["status"] == "running":
            # Its thread slept, which is proved: in a lock of the runtime, or a page fault.
            self.assertGreater(g["tid"], 0)
            return
        if g["status"] == "syscall":
            return
        current = g["current"]["func"]
        if g["status"] == "waiting":
            self.assertRegex(current, PARKED, g)
            wait = WAITS.get(g["start"]["func"])
            if wait:
                self.assertRegex(g["wait_reason"], f"^({wait})$", g)
        else:
            self.assertIn(g["status"], ("runnable", "preempted", "copystack"), g)
            self.assertRegex(current, RUNNABLE, g)

    def check_snapshot(self, fixture):
        run = lib_gospy.run("summary", fixture.pid, "--non-blocking", "--json")
        self.assertIn(run.status, (lib_gospy.OK, lib_gospy.PARTIAL), run.err)
        document = run.json()
        snapshot = document["snapshot"]
        goroutines = document["goroutines"]
        doubtful = [g for g in goroutines if g["soundness"] not in ("sound", "retried")]
        self.assertEqual(run.status == lib_gospy.PARTIAL, bool(doubtful), run.err)
        if not doubtful:
            self.assertEqual(len(goroutines), self.expected)
            self.assertEqual(len({g["goid"] for g in goroutines}), len(goroutines))
        for g in goroutines:
            if g["soundness"] in ("sound", "retried"):
                self.check_goroutine(g)
        return snapshot

    def check(self, fixture, snapshots):
        # main, and what it has started but the goroutines that only start a pair.
        self.expected = 1 + fixture.ready["switching"] + fixture.ready["parked"]
        lib_gospy.wait_for(lambda: fixture.ask("stack")["num_goroutine"] == self.expected,
                           "all pairs to be at work")
        sums = {"consistent": 0, "retried": 0, "torn": 0}
        for _ in range(snapshots):
            snapshot = self.check_snapshot(fixture)
            for key in sums:
                sums[key] += snapshot[key]
        total = sum(sums.values())
        print(f"Go {fixture.ready['go'][2:]}: {snapshots} snapshots without a stop: "
              f"{sums['consistent']} consistent, {sums['retried']} retried, {sums['torn']} torn "
              f"({100 * sums['torn'] / total:.4f} %)")

    def test_mesh(self):
        builds = lib_gospy.builds("mesh", variants=["default"])
        # The newest carries the load, the others show that theirs is no different.
        for build in builds:
            with self.subTest(build=str(build)):
                fixture = self.watch(lib_fixture.start(build))
                self.check(fixture, SNAPSHOTS if build == builds[-1] else SNAPSHOTS // 5)
            self.doCleanups()


if __name__ == "__main__":
    lib_gospy.main()
