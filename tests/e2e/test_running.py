"""`gospy stack --running`: the goroutines that are on a thread, found without a look at the others,
are those that a snapshot of all goroutines has there, and their stacks are the same."""
import os
import signal

import lib_fixture
import lib_gospy

MODES = {"paused": (), "non-blocking": ("--non-blocking",), "exact": ("--exact",)}

# Before it a goroutine runs for some instructions before its M has it: src/runtime/proc.go:execute.
M_FIRST = 14


# How a program is linked does not matter to where its M's are.
VARIANTS = ("default", "cgo")


def stopped(fixture):
    """A thread in uninterruptible sleep stops before it is back in the program."""
    return all(state in "TD" for _, state, _ in lib_gospy.threads(fixture.pid))


def comparable(g):
    """What kind of lock it is another waiter may have told, who is on no M."""
    return {key: value for key, value in g.items() if key not in ("wait_ns", "waits_for")}


class RunningTest(lib_gospy.TargetTest):
    def stack(self, fixture, *options):
        return lib_gospy.whole("stack", fixture.pid, "--json", "--system", *options).json()

    def check(self, build, fixture):
        """While nothing of the process runs, all looks find the same."""
        lib_gospy.stop_all(fixture.pid)
        try:
            for mode, options in MODES.items():
                with self.subTest(mode=mode):
                    self.check_stopped(build, fixture, options)
        finally:
            os.kill(fixture.pid, signal.SIGCONT)

    def check_stopped(self, build, fixture, options):
        # A thread that gospy has let go of runs in the kernel until it stops again.
        lib_gospy.wait_for(lambda: stopped(fixture), "all threads to stop")
        full = self.stack(fixture, *options)
        everywhere = {g["goid"]: comparable(g) for g in full["goroutines"]}
        on_ms = [m["curg_goid"] for m in full["ms"] if m.get("curg_goid") in everywhere]
        lib_gospy.wait_for(lambda: stopped(fixture), "all threads to stop again")
        small = self.stack(fixture, "--running", *options)
        self.assertEqual(small["snapshot"]["scope"], "running")
        self.assertNotIn("scope", full["snapshot"])
        # A thread that stopped between two stores of dropg() or execute() has a goroutine that does
        # not have it, and is about to begin or has ceased to run: that one is not shown.
        on_ms = [goid for goid in on_ms if everywhere[goid].get("tid") or
                 everywhere[goid]["status"] in ("running", "syscall")]
        # All that is said of them, and in the order of the M's.
        self.assertEqual([comparable(g) for g in small["goroutines"]],
                         [everywhere[goid] for goid in on_ms])
        found = set(on_ms)
        active = {goid for goid, g in everywhere.items()
                  if g["status"] == "syscall" or
                  g["status"] == "running" and build.minor >= M_FIRST}
        self.assertLessEqual(active, found)
        self.check_fixture(fixture, everywhere, found)
        # One whose status was stored, and that its thread does not have yet, is not looked at.
        aside = sum(g["status"] == "running" for goid, g in everywhere.items() if goid not in found)
        for kind, others in (("running", aside), ("syscall", 0)):
            self.assertEqual(small["goroutine_counts"][kind] + others,
                             full["goroutine_counts"][kind])
        for kind in ("total", "waiting", "dead", "system"):
            self.assertNotIn(kind, small["goroutine_counts"])

    def check_fixture(self, fixture, everywhere, found):
        """What the program says of itself: who is in a system call is found, who waits is not."""
        for g in fixture.ready.get("goroutines", ()):
            if g["state"] == "syscall":
                self.assertIn(g["goid"], found, g)
            elif g["state"] == "waiting":
                self.assertNotIn(g["goid"], found, g)

    def on_each_build(self, name, *args, env=None):
        for build in lib_gospy.builds(name, VARIANTS):
            with self.subTest(build=str(build)):
                self.check(build, self.watch(lib_fixture.start(build, *args, env=env)))
            self.doCleanups()

    def test_spin(self):
        self.on_each_build("spin")

    def test_busy(self):
        self.on_each_build("busy")

    def test_mesh(self):
        self.on_each_build("mesh")

    def test_threads(self):
        self.on_each_build("threads")

    def test_threads_asleep(self):
        self.on_each_build("threads", "-asleep", 40)

    def test_sleepers(self):
        self.on_each_build("sleepers")

    def test_hung(self):
        self.on_each_build("hung")

    def test_cgo(self):
        self.on_each_build("cgo")

    def test_states(self):
        self.on_each_build("states")

    def test_iterpull(self):
        self.on_each_build("iterpull")

    def test_own_traceback(self):
        """A goroutine that stays in a system call: calls and lines are those that the process
        prints of it."""
        def check(fixture):
            own = {g["goid"]: g for g in
                   lib_fixture.parse_traceback(fixture.ask("stack")["traceback"])}
            shown = {g["goid"]: g for g in self.stack(fixture, "--running")["goroutines"]}
            for g in fixture.ready.get("goroutines", ()):
                # The one that answers has moved since.
                if g["state"] == "syscall" and g.get("name") != "main":
                    frames = [{key: frame[key] for key in ("func", "file", "line")}
                              for frame in shown[g["goid"]]["frames"] if not frame["hidden"]]
                    self.assertEqual(frames, own[g["goid"]]["frames"])
        self.on_each(check, "states", variants=VARIANTS)

    def test_running(self):
        """Goroutines that never stop running are seen running, in the functions that they run."""
        def check(fixture):
            spinning = {g["goid"] for g in fixture.ready["goroutines"]
                        if g["name"].startswith("spin-")}
            seen = set()

            def all_seen():
                run = lib_gospy.run("stack", fixture.pid, "--json", "--running")
                self.assertIn(run.status, (lib_gospy.OK, lib_gospy.PARTIAL), run.err)
                for g in run.json()["goroutines"]:
                    if g["goid"] in spinning and g["status"] == "running" and g.get("frames"):
                        self.assertIn("main.spin", [frame["func"] for frame in g["frames"]], g)
                        seen.add(g["goid"])
                return seen == spinning
            lib_gospy.wait_for(all_seen, "each to be seen running")
        self.on_each(check, "spin", variants=VARIANTS)

    def test_forms(self):
        fixture = self.watch(lib_fixture.start(lib_gospy.builds("threads")[-1]))
        for option in ("--threads", "--state=bogus"):
            lib_gospy.run("stack", fixture.pid, "--running", option).expect(lib_gospy.USAGE)
        run = lib_gospy.run("stack", fixture.pid, "--running", "--state=syscall", "--json=lines")
        head, *rest = run.expect(lib_gospy.OK).json_lines()
        self.assertEqual(head["snapshot"]["scope"], "running")
        self.assertEqual({g["status"] for g in rest}, {"syscall"})
        run = lib_gospy.run("stack", fixture.pid, "--running", "--state=waiting")
        self.assertEqual(run.expect(lib_gospy.OK).out, "")


if __name__ == "__main__":
    lib_gospy.main()
