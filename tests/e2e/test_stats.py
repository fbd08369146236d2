"""gospy stats against what the process says of itself."""
import unittest

import lib_fixture
import lib_gospy
from lib_gospy import TargetTest, wait_for

VARIANTS = ("default", "pie", "noopt", "stripped", "sw", "sstrip")


def look(pid, *options):
    return lib_gospy.whole("stats", pid, *options)


class Stats(TargetTest):
    def settled(self, fixture, *options):
        """Counts, and the process's own before and after, which must be alike: an idle runtime may
        still start a thread."""
        def both():
            before = fixture.ask("count")
            mine = look(fixture.pid, "--json", *options).json()
            after = fixture.ask("count")
            same = all(before[key] == after[key] for key in ("goroutines", "threads"))
            waiting = all(mine.get(key) == fixture.ready[key]
                          for key in ("netpoll_waiters", "m_locked"))
            # The runtime has goroutines of its own, which may be about to run.
            queued = mine["runq_global"] + mine["runq_local"]
            return (mine, after) if same and waiting and not queued else None
        return wait_for(both, "a process at rest")

    def test_a_quiet_process(self):
        for build in lib_gospy.builds("churn", variants=VARIANTS):
            with self.subTest(build=str(build)):
                fixture = self.watch(lib_fixture.start(build, "-rounds", 20))
                for options in ((), ("--non-blocking",)):
                    mine, own = self.settled(fixture, *options)
                    for key in ("goroutines", "threads", "gomaxprocs", "num_cpu", "cgo_calls"):
                        self.assertEqual(mine[key], own[key], key)
                    for key in ("finalizers", "netpoll_waiters", "m_locked"):
                        self.assertEqual(mine[key], fixture.ready[key], key)
                    # The scavenger has one of its own, and a stopped one stays for a while:
                    # mgcscavenge.go:scavengerState.
                    self.assertIn(mine["timers"] - fixture.ready["timers"], (0, 1, 2))
                    self.assertEqual(sum(mine[f"p_{state}"] for state in
                                         ("idle", "running", "syscall", "gcstop")),
                                     own["gomaxprocs"])
                    self.assertLess(mine["m_idle"], own["threads"])
                    self.assertEqual("cleanups" in mine, build.minor >= 25)
            self.doCleanups()

    def test_many_goroutines(self):
        def check(fixture):
            own = fixture.ask("stack")["num_goroutine"]
            mine = look(fixture.pid, "--json").json()
            self.assertEqual(mine["goroutines"], own)
        self.on_each(check, "parked")

    def test_calls_to_c(self):
        def check(fixture):
            mine = look(fixture.pid, "--json").json()
            self.assertGreaterEqual(mine["m_incgo"], 1)
            self.assertGreaterEqual(mine["cgo_calls"], mine["m_incgo"])
        for build in lib_gospy.builds("cgo", variants=("cgo", "cgopie")):
            with self.subTest(build=str(build)):
                check(self.watch(lib_fixture.start(build)))
            self.doCleanups()

    def test_lines_of_gops(self):
        """google/gops:agent/agent.go"""
        build = lib_gospy.builds("churn", variants=("default",))[-1]
        fixture = self.watch(lib_fixture.start(build, "-rounds", 5))
        own = self.settled(fixture)[1]
        lines = look(fixture.pid).out.splitlines()
        self.assertEqual(lines[0], f"goroutines: {own['goroutines']}")
        self.assertRegex(lines[1], r"^OS threads: \d+$")
        self.assertEqual(lines[2:], [f"GOMAXPROCS: {own['gomaxprocs']}",
                                     f"num CPU: {own['num_cpu']}"])
        more = look(fixture.pid, "-v").out.splitlines()
        self.assertGreater(len(more), len(lines))
        self.assertIn("Ms locked: 1", more)


if __name__ == "__main__":
    lib_gospy.main()
