"""gospy check, on programs that each have one thing wrong with them, and on one that has nothing: what
is wrong comes first, and what is well is not found fault with."""
import collections
import concurrent.futures
import os
import resource
import tempfile
import time

import lib_fixture
import lib_gospy
import take_core

# A stop for proofs may take what it takes on a crowded machine.
STOP = ("--stop", "--max-pause", f"{lib_gospy.HANG}s")
MANY = 300  # behind one lock

# With what the fixture ill is started, how it is looked at, and what comes first: kind, severity, and
# words of its text or evidence.
ILLNESSES = {
    "leak": ((), STOP, "leaks", "wrong", " goroutines can never run again"),
    "circle": ((), STOP, "deadlocks", "wrong", "2 goroutines wait for each other"),
    "mixed": ((), STOP, "deadlocks", "wrong", "2 goroutines wait for each other"),
    "nil": ((), (), "leaks", "wrong", "chan receive (nil chan)"),
    "consumer": ((), STOP, "leaks", "wrong", "cap 4 len 4"),
    "queue": ((), (), "channels", "suspect", "which nobody receives from"),
    "convoy": (("-n", MANY), (), "locks", "wrong", f"{MANY} of {MANY + 8} goroutines wait for"),
    "jam": (("-n", MANY), (), "locks", "wrong", "goroutines wait for sync.Mutex"),
    "threads": ((), (), "limits", "suspect",
                "of 100 threads that it may have (debug.SetMaxThreads)"),
    "growth": ((), (), "growth", "suspect", "more and more goroutines"),
}
VERDICTS = {"ok": lib_gospy.OK, "suspect": lib_gospy.OK, "wrong": lib_gospy.CHECK}


def check(pid, *args):
    """The JSON; of a process that is busy, what is not exact is marked."""
    run = lib_gospy.run("check", pid, "--json", *args)
    found = run.json()
    if run.status != lib_gospy.PARTIAL or found["verdict"] == "wrong":
        run.expect(VERDICTS[found["verdict"]])
    return found


def words(finding):
    return "\n".join([finding["text"], *finding["evidence"]])


def most_alike(pid):
    """How many goroutines wait for the reason that most of them wait for."""
    found = lib_gospy.run("stack", pid, "--json").json()["goroutines"]
    return max(collections.Counter(g.get("wait_reason") for g in found).values())


def at_rest(pid):
    """Whether most of them wait, and as many as a moment ago."""
    most = most_alike(pid)
    time.sleep(0.1)
    return most > 0.9 * MANY and most == most_alike(pid)


class CheckTest(lib_gospy.TargetTest):
    @classmethod
    def setUpClass(cls):
        """Requests that get old meanwhile."""
        cls.old = [lib_fixture.start(build, "-hang", 3)
                   for build in lib_gospy.builds("server", ("default",))[-1:]]

    @classmethod
    def tearDownClass(cls):
        for fixture in cls.old:
            fixture.close()

    def expect_first(self, found, kind, severity, said):
        self.assertTrue(found["findings"], found)
        first = found["findings"][0]
        self.assertEqual((first["kind"], first["severity"]), (kind, severity), found["findings"])
        self.assertIn(said, words(first))
        self.assertEqual(found["verdict"], severity)
        self.assertTrue(first["next"].startswith("gospy "))

    def both_ends(self, name, variants=("default",)):
        found = lib_gospy.builds(name, variants)
        return [found[0], found[-1]] if len(found) > 1 else found

    def look_at_all(self, wanted):
        """Of each a fixture is there already: they are looked at side by side, for most of it is
        waiting."""
        with concurrent.futures.ThreadPoolExecutor(len(wanted)) as pool:
            return list(pool.map(lambda one: check(one[0].pid, *one[1]), wanted))

    def test_illnesses(self):
        for build in self.both_ends("ill"):
            names = list(ILLNESSES)
            fixtures = [self.watch(lib_fixture.start(build, "-with", name, *ILLNESSES[name][0]))
                        for name in names]
            looked = self.look_at_all([(fixture, ILLNESSES[name][1])
                                       for fixture, name in zip(fixtures, names)])
            for name, found in zip(names, looked):
                with self.subTest(build=str(build), name=name):
                    self.expect_first(found, *ILLNESSES[name][2:])
            self.doCleanups()

    def test_saved(self):
        """Somebody else can end what looks like a deadlock of a lock and a channel."""
        for build in self.both_ends("ill"):
            with self.subTest(build=str(build)):
                fixture = self.watch(lib_fixture.start(build, "-with", "saved"))
                found = check(fixture.pid, *STOP)
                self.assertNotIn("deadlocks", [one["kind"] for one in found["findings"]])
                self.assertNotIn("leaks", [one["kind"] for one in found["findings"]])
            self.doCleanups()

    def test_without_a_stop(self):
        """What is not proved is a suspect."""
        fixture = self.watch(lib_fixture.start(lib_gospy.builds("ill", ("default",))[-1],
                                               "-with", "leak"))
        found = check(fixture.pid, "--non-blocking")
        self.expect_first(found, "leaks", "suspect", "not proved: no stop is allowed")
        self.assertEqual(found["paused_ns"], 0)

    def test_what_is_well(self):
        for build in self.both_ends("ill"):
            with self.subTest(build=str(build)):
                fixture = self.watch(lib_fixture.start(build))
                found = check(fixture.pid)
                self.assertEqual(found["findings"], [])
                kinds = {one["kind"] for one in found["looked_at"]}
                self.assertLessEqual({"deadlocks", "leaks", "growth", "locks", "channels", "network",
                                      "gc", "scheduler"}, kinds)
                self.assertGreaterEqual(found["watched_ns"], 10**9)
                once = check(fixture.pid, "--no-wait")
                self.assertEqual(once["findings"], [])
                self.assertNotIn("watched_ns", once)
                self.assertIn("growth", {one["kind"] for one in once["not_looked_at"]})
            self.doCleanups()

    def test_deadlock(self):
        for build in self.both_ends("abba"):
            with self.subTest(build=str(build)):
                fixture = self.watch(lib_fixture.start(build))
                goids = {g["goid"] for g in fixture.ready["goroutines"]
                         if g.get("name") in ("first", "second")}
                found = check(fixture.pid, "--no-wait")
                self.expect_first(found, "deadlocks", "wrong", "2 goroutines wait for each other")
                self.assertEqual(set(found["findings"][0]["goids"]), goids)
            self.doCleanups()

    def test_garbage(self):
        """A heap that is as large as its limit, and one that is collected all the time."""
        build = lib_gospy.builds("ill", ("default",))[-1]
        limits = [({"GOGC": "5"}, 16, "GOGC=5")]
        if build.minor >= 19:
            limits.append(({"GOMEMLIMIT": "56MiB"}, 48, "GOMEMLIMIT=56.0 MB"))
        fixtures = [self.watch(lib_fixture.start(build, "-with", "garbage", "-live", live, env=env))
                    for env, live, _ in limits]
        for fixture, (_, _, said) in zip(fixtures, limits):
            with self.subTest(said=said):
                # On a crowded machine a second may be short.
                found = lib_gospy.wait_for(
                    lambda: next((found for found in [check(fixture.pid)]
                                  if found["verdict"] == "wrong"), None), "something to be wrong")
                self.expect_first(found, "gc", "wrong", said)

    def test_hung_thread(self):
        for build in lib_gospy.builds("hung", ("cgo",))[-1:]:
            fixture = self.watch(lib_fixture.start(build))
            found = check(fixture.pid)
            self.expect_first(found, "threads", "wrong", f"thread {fixture.ready['tid']}")

    def test_stopped(self):
        fixture = self.watch(lib_fixture.start(lib_gospy.builds("ill", ("default",))[-1]))
        lib_gospy.stop_all(fixture.pid)
        try:
            lib_gospy.wait_for(lambda: {state for _, state, _ in lib_gospy.threads(fixture.pid)} ==
                               {"T"}, "it to stop")
            self.expect_first(check(fixture.pid), "process", "wrong", "the process is stopped")
        finally:
            os.kill(fixture.pid, 18)

    def test_requests(self):
        """A peer that does not answer, once that has been so for long enough."""
        for fixture in self.old:
            found = lib_gospy.wait_for(
                lambda: next((found for found in [check(fixture.pid, "--no-wait")]
                              if found["findings"]), None), "requests to be old")
            self.expect_first(found, "network", "suspect", "3 HTTP requests have no answer")
            # Its other connections are idle, not silent.
            self.assertIn(f": 3 with {fixture.ready['addr']}", words(found["findings"][0]))

    def test_limits(self):
        """Descriptors, of which there may be no more than there are."""
        fixture = self.watch(lib_fixture.start(lib_gospy.builds("ill", ("default",))[-1]))
        used = len(os.listdir(f"/proc/{fixture.pid}/fd"))
        hard = resource.prlimit(fixture.pid, resource.RLIMIT_NOFILE)[1]
        for most, severity in ((used, "wrong"), (used * 100 // 85, "suspect")):
            resource.prlimit(fixture.pid, resource.RLIMIT_NOFILE, (most, hard))
            found = check(fixture.pid, "--no-wait")
            self.expect_first(found, "limits", severity, f"{used} of {most} descriptors")
        resource.prlimit(fixture.pid, resource.RLIMIT_NOFILE, (hard, hard))
        self.assertIn("limits", {one["kind"] for one in check(fixture.pid)["looked_at"]})

    def test_a_core(self):
        """It is of one instant, so that leaks are proved."""
        with tempfile.TemporaryDirectory(prefix="gospy-core-") as place:
            for name in ("leak", "convoy"):
                fixture = self.watch(lib_fixture.start(
                    lib_gospy.builds("ill", ("default",))[-1], "-with", name, "-n", MANY))
                path = os.path.join(place, name)
                # It says that it is ready when the last of them is about to wait; and where a
                # goroutine came to send before it was looked for, it has not leaked.
                lib_gospy.wait_for(lambda pid=fixture.pid: at_rest(pid), "all to wait")
                waiting = most_alike(fixture.pid)
                take_core.take(fixture.pid, path)
                found = lib_gospy.run("check", path, "--json").expect(lib_gospy.CHECK).json()
                self.expect_first(found, "leaks" if name == "leak" else "locks", "wrong",
                                  str(waiting))

    def test_text(self):
        """It has what the JSON has, and fits a screen."""
        fixture = self.watch(lib_fixture.start(lib_gospy.builds("abba", ("default",))[-1]))
        run = lib_gospy.run("check", fixture.pid).expect(lib_gospy.CHECK)
        found = check(fixture.pid)
        self.assertIn("1 thing is wrong", run.out)
        for finding in found["findings"]:
            self.assertIn(f"wrong: {finding['text']}\n", run.out)
            for line in finding["evidence"]:
                self.assertIn(f"  {line}\n", run.out)
            self.assertIn(f"  next: {finding['next']}\n", run.out)
        self.assertLessEqual(len(run.out.splitlines()), 24)
        lines = lib_gospy.run("check", fixture.pid, "--json=lines").expect(lib_gospy.CHECK)
        self.assertEqual([line["type"] for line in lines.json_lines()],
                         ["check"] + ["finding"] * len(found["findings"]))
        # Of several one that has something wrong is enough.
        well = self.watch(lib_fixture.start(lib_gospy.builds("ill", ("default",))[-1]))
        both = lib_gospy.run("check", "--json", well.pid, fixture.pid).expect(lib_gospy.CHECK)
        self.assertEqual([one["verdict"] for one in both.json()], ["ok", "wrong"])


if __name__ == "__main__":
    lib_gospy.main()
