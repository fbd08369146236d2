"""`gospy stack --threads`: every thread of the process, and what each does."""
import os

import lib_gospy

MODES = {"paused": (), "non-blocking": ("--non-blocking",), "exact": ("--exact",)}


def tids(pid):
    return sorted(int(tid) for tid in os.listdir(f"/proc/{pid}/task"))


def comm(pid, tid):
    with open(f"/proc/{pid}/task/{tid}/comm", encoding="utf-8") as f:
        return f.read().rstrip("\n")


def io_workers(pid):
    """The kernel's two, once both have begun to run and so have their names."""
    workers = {tid for tid in tids(pid) if comm(pid, tid).startswith(("iou-wrk-", "iou-sqp-"))}
    return workers if len(workers) == 2 else None


def without_m(fixture):
    """How many threads have none: those that stay in C code and, up to Go 1.20, the one that has
    called Go and returned."""
    if "c_threads" not in fixture.ready:
        return 0
    kept = any(g.get("name") == "c-thread-returned" for g in fixture.ready["goroutines"])
    return len(fixture.ready["c_threads"]) + (not kept)


class ThreadsTest(lib_gospy.TargetTest):
    def threads(self, fixture, *options):
        """The threads, when none is beginning or ending: on a busy machine it takes a thread its
        time to get its M."""
        def stable():
            before = tids(fixture.pid)
            run = lib_gospy.whole("stack", fixture.pid, "--threads", "--json", *options)
            threads = run.json()["threads"]
            no_m = {t["tid"] for t in threads if t["role"] == "no_m"}
            settled = before == tids(fixture.pid) and len(no_m) == without_m(fixture)
            return (threads, before) if settled else None
        threads, there = lib_gospy.wait_for(stable, "a moment without new threads")
        self.assertEqual([t["tid"] for t in threads], there)
        return {t["tid"]: t for t in threads}

    def check(self, fixture):
        for mode, options in MODES.items():
            with self.subTest(mode=mode):
                threads = self.threads(fixture, *options)
                self.check_roles(fixture, threads)
                for tid, thread in threads.items():
                    self.assertEqual(thread["comm"], comm(fixture.pid, tid))

    def check_roles(self, fixture, threads):
        roles = [t["role"] for t in threads.values()]
        self.assertEqual(roles.count("sysmon"), 1, threads)
        no_m = {t["tid"] for t in threads.values() if t["role"] == "no_m"}
        self.assertLessEqual(set(fixture.ready.get("c_threads", [])), no_m)
        shown = {t["goid"]: t for t in threads.values() if "goid" in t}
        for g in fixture.ready["goroutines"]:
            if g["state"] == "syscall" and g.get("name") != "main":
                self.assertEqual(shown[g["goid"]]["role"], "goroutine", g)
                self.assertEqual(shown[g["goid"]]["status"], "syscall", g)
            if "tid" in g and g["state"] == "waiting":
                self.assertEqual(threads[g["tid"]].get("goid"), g["goid"], g)
                self.assertEqual(threads[g["tid"]]["role"], "locked", g)

    def test_cgo(self):
        self.on_each(self.check, "cgo")

    def test_threads(self):
        self.on_each(self.check, "threads")

    def test_states(self):
        self.on_each(self.check, "states")

    def test_io_uring(self):
        """The kernel's workers are known by their flags; their names are the kernel's, too."""
        def check(fixture):
            if "refused" in fixture.ready:
                self.skipTest("io_uring: " + fixture.ready["refused"])
            workers = lib_gospy.wait_for(lambda: io_workers(fixture.pid), "the two workers")
            for options in MODES.values():
                threads = self.threads(fixture, *options)
                roles = {tid for tid, t in threads.items() if t["role"] == "io_worker"}
                self.assertEqual(roles, workers)
            run = lib_gospy.whole("stack", fixture.pid, "--threads")
            lines = {int(line.split()[1]): line for line in run.out.splitlines()}
            for tid in workers:
                self.assertIn(": a worker of io_uring, in the kernel", lines[tid])
            # That they have no stack of their own is no gap.
            run = lib_gospy.whole("stack", fixture.pid, "--threads", "--native", "--json")
            threads = run.json()["threads"]
            for thread in threads:
                if thread["tid"] in workers:
                    self.assertFalse(thread.get("frames"), thread)
        self.on_each(check, "iouring")

    def test_ms(self):
        """The same M's as in the summary, and their goroutines."""
        def check(fixture):
            threads = self.threads(fixture)
            ms = {m["tid"]: m for m in lib_gospy.summary(fixture.pid)["ms"] if "tid" in m}
            for tid, thread in threads.items():
                if thread["role"] != "no_m":
                    self.assertEqual(thread["m_id"], ms[tid]["id"])
        self.on_each(check, "cgo")

    def test_forms(self):
        fixture = self.watch(lib_gospy.lib_fixture.start(lib_gospy.builds("threads")[-1]))
        def same():
            before = tids(fixture.pid)
            run = lib_gospy.whole("stack", fixture.pid, "--threads")
            return (run, before) if before == tids(fixture.pid) else None
        run, there = lib_gospy.wait_for(same, "a moment without new threads")
        self.assertEqual([int(line.split()[1]) for line in run.out.splitlines()], there)
        run = lib_gospy.run("stack", fixture.pid, "--threads", "--json=lines")
        head, *rest = run.expect(lib_gospy.OK).json_lines()
        self.assertEqual(head["type"], "threads")
        self.assertEqual({t["type"] for t in rest}, {"thread"})
        for option in ("--goid=1", "--group", "--state=waiting", "--func=x", "--min-wait=1s",
                       "--created-by=x", "--label=x"):
            lib_gospy.run("stack", fixture.pid, "--threads", option).expect(lib_gospy.USAGE)


if __name__ == "__main__":
    lib_gospy.main()
