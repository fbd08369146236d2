"""Who does not run is not stopped, and whoever cannot be stopped is no obstacle: threads that
sleep, in uninterruptible sleep, in a frozen cgroup; thousands of them; several gospys at once."""
import contextlib
import os
import subprocess

import compare
import lib_fixture
import lib_freezer
import lib_gospy

SNAPSHOTS = int(os.environ.get("GOSPY_QUIET_SNAPSHOTS", "100"))
COMPLETE = (lib_gospy.OK, lib_gospy.PARTIAL)
MODES = ((), ("--non-blocking",))

# Commands that stop a process, or did.
COMMANDS = (("summary",), ("stack",), ("stack", "--threads"), ("memstats",), ("stats",))


def newest(name, variant="default"):
    return lib_gospy.builds(name, variants=[variant])[-1]


def of_threads(pid, name):
    """What that file says of each thread; some may end meanwhile."""
    texts = {}
    for tid in os.listdir(f"/proc/{pid}/task"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError), \
                open(f"/proc/{pid}/task/{tid}/{name}", encoding="ascii") as f:
            texts[tid] = f.read()
    return texts


def times_on_processor(pid):
    """Of each thread, how often it was put on a processor."""
    return {tid: int(text.split()[2]) for tid, text in of_threads(pid, "schedstat").items()}


def all_asleep(pid):
    """Whether the kernel says of each thread that it is off every processor."""
    return "running\n" not in of_threads(pid, "syscall").values()


class QuietTest(lib_gospy.TargetTest):
    def asleep(self, build, *args):
        fixture = self.watch(lib_fixture.start(build, *args))
        lib_gospy.wait_for(lambda: all_asleep(fixture.pid), "all threads to sleep")
        return fixture

    def check_untouched(self, fixture, *command):
        """gospy looks at it, and no thread of it notices. Once in a while one wakes by itself."""
        def untouched():
            before = times_on_processor(fixture.pid)
            lib_gospy.whole(command[0], fixture.pid, *command[1:])
            return times_on_processor(fixture.pid) == before
        lib_gospy.wait_for(untouched, f"{command} to touch no thread")

    def test_untouched(self):
        for build in lib_gospy.builds("threads", variants=["default"]):
            fixture = self.asleep(build, "-asleep", 20)
            for command in COMMANDS:
                with self.subTest(build=str(build), command=command):
                    self.check_untouched(fixture, *command)
            self.doCleanups()

    def test_many_threads(self):
        fixture = self.asleep(newest("threads"), "-asleep", 6000)
        for command in (("summary", "--group"), ("memstats",)):
            with self.subTest(command=command):
                self.check_untouched(fixture, *command)

    def test_interrupted_calls(self):
        """C code in system calls that nobody may interrupt is not interrupted."""
        for build in lib_gospy.builds("sleepers", variants=["cgo"]):
            with self.subTest(build=str(build)):
                fixture = self.asleep(build)
                last = build == newest("sleepers", "cgo")
                for i in range(SNAPSHOTS if last else max(1, SNAPSHOTS // 20)):
                    command, *options = COMMANDS[i % len(COMMANDS)]
                    lib_gospy.whole(command, fixture.pid, *options)
                counts = fixture.ask("count")
                self.assertEqual({key: n for key, n in counts.items() if n}, {})
            self.doCleanups()

    def test_many_gospys(self):
        fixture = self.asleep(newest("threads"), "-asleep", 3000)
        for command in ("summary", "memstats"):
            running = [subprocess.Popen([lib_gospy.GOSPY, command, str(fixture.pid)], text=True,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
                       for _ in range(6)]
            errors = [process.communicate(timeout=lib_gospy.HANG)[1] for process in running]
            self.assertLessEqual({process.returncode for process in running}, set(COMPLETE),
                                 errors)


class ObstacleTest(lib_gospy.TargetTest):
    """Threads that no stop reaches."""

    def stack(self, fixture, *options, status=(lib_gospy.OK,)):
        run = lib_gospy.run("stack", fixture.pid, "--json", *options)
        self.assertIn(run.status, status, run.err)
        return run.json()

    def check_native(self, fixture):
        """Its registers are not to be had, and so its C code is not; that is said."""
        run = lib_gospy.run("stack", fixture.pid, "--threads", "--native", "--json")
        threads = run.expect(lib_gospy.PARTIAL).json()["threads"]
        problems = [t.get("native_problem") for t in threads if t["tid"] == fixture.ready["tid"]]
        self.assertEqual(problems, ["not copied"])
        self.assertRegex(run.err, r"gospy: note: \d+ stacks? could not be read")

    def check_hung(self, fixture, options):
        """One of its goroutines runs a thousand times a second, and may be marked."""
        for g in self.stack(fixture, *options, status=COMPLETE)["goroutines"]:
            if g["start"]["func"] == "main.tick":
                continue
            self.assertIn(g["soundness"], ("sound", "retried"), g)
            self.assertNotIn("stack_problem", g)
            if g["start"]["func"] == "main.hang":
                self.assertEqual(g["status"], "syscall", g)
                self.assertEqual([f["func"] for f in g["frames"]][-1], "main.hang", g)
                self.assertEqual(g["tid"], fixture.ready["tid"], g)
                break
        else:
            self.fail("the hung goroutine is not shown")
        threads = self.stack(fixture, "--threads", *options, status=COMPLETE)["threads"]
        hung = [t for t in threads if t["tid"] == fixture.ready["tid"]]
        self.assertEqual([(t["state"], t["role"]) for t in hung], [("disk sleep", "goroutine")])

    def test_uninterruptible(self):
        def check(fixture):
            for options in MODES:
                with self.subTest(options=options):
                    self.check_hung(fixture, options)
            for command in ("summary", "memstats", "stats"):
                with self.subTest(command=command):
                    lib_gospy.whole(command, fixture.pid)
            self.check_native(fixture)
            # It hangs still, and nobody had it go on.
            self.assertEqual(dict((tid, state) for tid, state, _ in lib_gospy.threads(fixture.pid))
                             [fixture.ready["tid"]], "D")
        self.on_each(check, "hung", variants=["cgo"])

    def test_top(self):
        fixture = self.watch(lib_fixture.start(newest("hung", "cgo")))
        run = lib_gospy.run("top", fixture.pid, "--batch", "--json=lines", "-n", 5,
                            "--refresh", "100ms")
        self.assertIn(run.status, COMPLETE, run.err)
        self.assertEqual(len(run.json_lines()), 5)

    def test_often_uninterruptible(self):
        """One that runs between two such sleeps: it may be stopped then, or marked."""
        fixture = self.watch(lib_fixture.start(newest("hung", "cgo"), "-again", "30ms"))
        longest = 0
        for i in range(20):
            document = self.stack(fixture, *MODES[i % len(MODES)], status=COMPLETE)
            longest = max(longest, document["snapshot"].get("paused_ns", 0))
        print(f"sleeps of 30 ms that cannot be interrupted: stood still {longest / 1e6:.1f} ms")

    def test_frozen(self):
        build = newest("states")
        for kind in lib_freezer.ALL:
            for options in MODES:
                with self.subTest(kind=kind.name, options=options):
                    self.check_frozen(self.frozen(kind, build), options)
                self.doCleanups()

    def frozen(self, kind, build):
        self.fixture = self.watch(lib_fixture.start(build))
        freezer = kind(self.fixture.pid)
        self.addCleanup(freezer.close)
        freezer.freeze()
        return freezer

    def check_frozen(self, freezer, options):
        document = lib_gospy.summary(freezer.pid, *options)
        compare.Goroutines(self, self.fixture.ready, document).check()
        self.stack(self.fixture, *options)
        for command in ("memstats", "stats"):
            lib_gospy.run(command, freezer.pid, *options).expect(lib_gospy.OK)
        self.assertTrue(freezer.frozen())
        self.assertEqual(lib_gospy.disturbed(freezer.pid), [])


if __name__ == "__main__":
    lib_gospy.main()
