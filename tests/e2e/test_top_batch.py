"""gospy top without a screen: frames of text and JSON. What grows in them, and how fast, is held
against what the fixture says that it has started, and when."""
import collections
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

import compare
import lib_fixture
import lib_gospy
import lib_terminal

# How long leaks are watched. Goroutines leak the faster the shorter it is.
SECONDS = float(os.environ.get("GOSPY_TOP_SECONDS", "4"))
FRAMES = 16
STEADY = 20000
RATES = (1, 10, 100)  # a second, if they are watched for 30 seconds
PRECISION = 0.1


def slope(points):
    """Of the line fitted to (x, y)."""
    n = len(points)
    x_mean, y_mean = sum(x for x, _ in points) / n, sum(y for _, y in points) / n
    return (sum((x - x_mean) * (y - y_mean) for x, y in points) /
            sum((x - x_mean) ** 2 for x, _ in points))


def start_of(group):
    return group.get("location", {}).get("func")


def by_start(frame):
    return {start_of(group): group for group in frame["groups"]}


class TopBatchTest(lib_gospy.TargetTest):
    def fixture(self, name, *args, build=-1, variants=("default",)):
        return self.watch(lib_fixture.start(lib_gospy.builds(name, variants)[build], *args))

    def frames(self, fixture, n, *options):
        """Of a program at work some goroutines may be marked."""
        run = lib_gospy.run("top", fixture.pid, "--batch", "--json=lines", "-n", n, *options)
        self.assertIn(run.status, (lib_gospy.OK, lib_gospy.PARTIAL), run.err)
        frames = run.json_lines()
        self.assertEqual([frame["frame"] for frame in frames], list(range(1, n + 1)))
        return frames

    def check_rates(self, started, frames):
        """The slope of what the fixture had started at the instants of the frames is the truth."""
        groups = by_start(frames[-1])
        for site, times in started.items():
            group = groups[site]
            truth = slope([(frame["snapshot"]["time_unix_ns"] / 60e9,
                            sum(t <= frame["snapshot"]["time_unix_ns"] for t in times))
                           for frame in frames])
            for rate in ("rate_per_min", "growth_per_min"):
                self.assertAlmostEqual(group[rate], truth, delta=PRECISION * truth + 60 / SECONDS,
                                       msg=f"{rate} of {site}")
            # A goroutine is noted by the fixture right after it has started.
            instant = frames[-1]["snapshot"]["time_unix_ns"]
            self.assertAlmostEqual(group["count"], sum(t <= instant for t in times),
                                   delta=max(5, 0.05 * len(times)), msg=site)

    def leaked_steadily(self, started, frames):
        """Whether the fixture has: on a busy machine it may have stood still for a while."""
        first, last = (frames[i]["snapshot"]["time_unix_ns"] for i in (0, -1))
        times = [t for t in max(started.values(), key=len) if first <= t <= last]
        return all(b - a < 1e9 * SECONDS / 8 for a, b in zip([first, *times], [*times, last]))

    def watch_leak(self, *options, build=-1):
        factor = 30 / SECONDS
        refresh = SECONDS / (FRAMES - 1)

        def watched():
            fixture = self.fixture("leak", "-steady", STEADY, "-period", f"{1.4 * refresh}s", "-rates",
                                   ",".join(str(rate * factor) for rate in RATES), build=build)
            frames = self.frames(fixture, FRAMES, "--refresh", f"{refresh:.3f}", *options)
            started = fixture.ask("count")
            self.doCleanups()
            waves = any("main.ride" in by_start(frame) for frame in frames)
            return (frames, started) if waves and self.leaked_steadily(started, frames) else None
        frames, started = lib_gospy.wait_for(watched, "a fixture that leaks steadily, and waves")
        self.check_rates(started, frames)
        last = frames[-1]["groups"]
        self.assertEqual({start_of(group) for group in last[:len(RATES)]}, set(started))
        for frame in frames:
            # Nothing that is steady, or that comes and goes, is ever flagged.
            growing = {start_of(group) for group in frame["groups"] if group["growing"]}
            self.assertLessEqual(growing, set(started))
        self.assertEqual(growing, set(started))
        steady = by_start(frames[-1])
        for name in ("main.waitForToken", "main.waitForLock"):
            self.assertEqual(steady[name]["count"], STEADY // 2)
            self.assertEqual(steady[name]["delta"], 0)
            self.assertEqual(steady[name]["rate_per_min"], 0)
            self.assertFalse(steady[name]["new"])

    def test_leaks_come_first(self):
        self.watch_leak()

    def test_leaks_without_a_stop(self):
        self.watch_leak("--non-blocking", build=0)

    def test_figures_and_keys(self):
        """Sums, and each key, against the goroutines that a summary and the fixture know."""
        fixture = self.fixture("states")
        goroutines = [g for g in fixture.ask("stack")["goroutines"] if not g.get("system")]
        for key in ("start", "creator", "user", "current", "stack", "state", "object", "label"):
            frame, = self.frames(fixture, 1, "--group", key)
            self.assertEqual(frame["key"], key)
            self.assertEqual(frame["matching"], len(frame["groups"]))
            total = frame["goroutine_counts"]["total"]
            self.assertEqual(sum(group["count"] for group in frame["groups"]), total)
            self.assertEqual(len({group["id"] for group in frame["groups"]}),
                             len(frame["groups"]))
            counts = [group["count"] for group in frame["groups"]]
            self.assertEqual(counts, sorted(counts, reverse=True))
            self.check_key(key, frame, goroutines)

    def check_key(self, key, frame, goroutines):
        groups = frame["groups"]
        if key == "state":
            told = collections.Counter(g["reason"] for g in goroutines if g.get("reason"))
            shown = {group["state"]: group["count"] for group in groups}
            for reason, count in told.items():
                names = [name for name in reason.split("|") if name in shown]
                self.assertTrue(names, reason)
                self.assertGreaterEqual(shown[names[0]], count, reason)
        elif key == "label":
            titles = {group["title"] for group in groups}
            self.assertIn("(no labels)", titles)
            labelled = lib_gospy.summary(fixture_pid(frame))["goroutines"]
            told = {", ".join(f"{label['key']}={label['value']}" for label in g["labels"])
                    for g in labelled if g.get("labels")}
            self.assertEqual(titles - {"(no labels)"}, told)
        elif key == "object":
            channels = collections.Counter(
                g["channel"]["addr"] for g in lib_gospy.summary(fixture_pid(frame))["goroutines"]
                if g.get("channel") and g["channel"]["addr"] != "0x0")
            shown = {group["title"].split()[-1]: group["count"] for group in groups
                     if group["title"].startswith("channel ")}
            self.assertEqual(shown, dict(channels))

    def check_locks(self, fixture, *options):
        """Of whoever waits for a lock the fixture knows the lock's address."""
        told = {f"{g['waits']['kind']} {g['waits']['addr']}"
                for g in fixture.ask("stack")["goroutines"] if "mutex" in g}
        self.assertEqual(len(told), 3)
        frame, = self.frames(fixture, 1, "--group", "object", *options)
        self.assertLessEqual(told, {group["title"] for group in frame["groups"]})

    def test_locks(self):
        for build in lib_gospy.builds("states", ("default", "stripped")):
            with self.subTest(build=str(build)):
                fixture = self.watch(lib_fixture.start(build))
                self.check_locks(fixture)
                self.check_locks(fixture, "--non-blocking")
            self.doCleanups()

    def test_waiters_of_one_lock(self):
        """Thousands behind one mutex, of the oldest and the newest Go."""
        for build in (0, -1):
            fixture = self.fixture("parked", "-n", 3000, "-kind", "mutex", build=build)
            frame, = self.frames(fixture, 1, "--group", "object")
            self.assertEqual(frame["groups"][0]["count"], 3000)
            self.assertRegex(frame["groups"][0]["title"], "^sync.Mutex 0x")

    def test_users(self):
        """Where goroutines wait in the user's own code, by their own traceback."""
        fixture = self.fixture("states")
        said = collections.Counter()
        for g in lib_fixture.parse_traceback(fixture.ready["traceback"]):
            user = compare.of_user(g["frames"])
            said[user["func"], user["line"]] += g["status"] == "waiting"
        frame, = self.frames(fixture, 1, "--group", "user")
        shown = collections.Counter()
        for group in frame["groups"]:
            self.assertEqual(group.get("user"), group.get("location"))
            self.assertFalse(group["users_differ"])
            user = group.get("user", {})
            shown[user.get("func"), user.get("line")] += group["count"]
        self.assertLessEqual(+said, shown)
        frame, = self.frames(fixture, 1, "--sort", "user")
        users = [group["user"] for group in frame["groups"] if "user" in group]
        self.assertEqual(users, sorted(users, key=lambda user: (user["func"], user["file"],
                                                                user["line"])))
        known = ["user" in group for group in frame["groups"]]
        self.assertEqual(known, sorted(known, reverse=True))

    def test_users_of_too_many(self):
        """Without a word their stacks are not read, and it is not known where they wait."""
        fixture = self.fixture("parked", "-n", 100001)
        frame, = self.frames(fixture, 1)
        self.assertGreater(len(frame["groups"]), 1)
        for group in frame["groups"]:
            self.assertNotIn("user", group)
        line = lib_gospy.run("top", fixture.pid, "-n", 1, "--limit", 1).expect(lib_gospy.OK).out
        self.assertRegex(line, r"\n +\d+ +0 .* main\.park\d main\.go:\d+ +\? +main\.start ")
        frame, = self.frames(fixture, 1, "--waits-at")
        for group in frame["groups"]:
            self.assertRegex(group["user"]["func"], r"^(main|fixtures/fixture)\.")

    def test_text(self):
        fixture = self.fixture("parked", "-n", 1000)
        run = lib_gospy.run("top", fixture.pid, "-n", 2, "--refresh", "100ms", "--limit", 2)
        frames = run.expect(lib_gospy.OK).out.split("\n\n")
        self.assertEqual(len(frames), 2)
        for frame in frames:
            lines = frame.rstrip("\n").split("\n")
            self.assertRegex(lines[0], rf"^\d\d:\d\d:\d\d parked, pid {fixture.pid}, go1\.")
            self.assertRegex(lines[1], r"^goroutines: 1001, 0 since")
            self.assertRegex(lines[4], r"^ +COUNT +DELTA +RATE/MIN +OLDEST +STATE +LOCATION +"
                                       r"WAITS AT +CREATED BY$")
            for line in lines[5:7]:
                self.assertRegex(line, r"^ +250 +0 .*chan receive +main\.park\d main\.go:\d+ +"
                                       r"main\.\S+ main\.go:\d+ +main\.start main\.go:\d+$")
            self.assertEqual(lines[7], "... 3 more")
            self.assertEqual(len(lines), 8)

    def test_on_a_terminal(self):
        """Lines keep to the width of one that can show no screen."""
        fixture = self.fixture("states")
        for cols in 40, 80:
            terminal = lib_terminal.Terminal([lib_gospy.GOSPY, "top", "-n", 1, fixture.pid], 90, cols,
                                             env={"TERM": "dumb"})
            self.addCleanup(terminal.close)
            self.assertEqual(terminal.end(), lib_gospy.OK)
            lines = terminal.screen.lines()
            titles = next(i for i, line in enumerate(lines) if re.match(" +COUNT ", line))
            rows = [line for line in lines[titles + 1:] if line]
            # A place may stand below its row; what the terminal breaks goes on at the very left.
            self.assertGreater(len(rows), 20)
            for row in rows:
                self.assertRegex(row, r"^ +\d+ +\S+ |^ {6,8}((at|by) )?\S+:\d+…?$")
            self.assertIn(fixture.ready["goroutines"][0]["state"], "".join(lines))
            self.assertRegex("\n".join(lines[:titles]), r"(?m)^goroutines: \d+, ")

    def test_gone_and_new(self):
        """Waves come and go: what there was in the first frame is gone in some later one."""
        fixture = self.fixture("leak", "-steady", 10, "-wave", 5, "-period", "300ms", "-rates",
                               "0.001,0.001,0.001")
        process = subprocess.Popen([lib_gospy.GOSPY, "top", str(fixture.pid), "--json=lines",
                                    "--refresh", "20ms"], stdout=subprocess.PIPE, text=True)
        try:
            first = json.loads(process.stdout.readline())
            seen = set()
            deadline = time.monotonic() + lib_gospy.HANG
            while time.monotonic() < deadline and len(seen) < 2:
                wave = by_start(json.loads(process.stdout.readline())).get("main.ride")
                if wave and wave["count"] and "main.ride" in by_start(first):
                    self.assertFalse(wave["gone"] or wave["new"])
                if wave:
                    self.assertEqual(wave["gone"], wave["count"] == 0)
                    self.assertEqual(wave["new"], "main.ride" not in by_start(first))
                    seen.add(wave["count"] > 0)
                elif "main.ride" not in by_start(first):
                    seen.add(False)
            self.assertEqual(len(seen), 2)
        finally:
            process.terminate()
            process.communicate()
        self.assertEqual(process.returncode, -signal.SIGTERM)

    def test_filters(self):
        fixture = self.fixture("parked", "-n", 100)
        frame, = self.frames(fixture, 1, "--func", r"park[13]$", "--sort", "location")
        self.assertEqual([start_of(group) for group in frame["groups"]],
                         ["main.park1", "main.park3"])
        frame, = self.frames(fixture, 1, "--pc", "caller", "--limit", 2)
        self.assertEqual((frame["key"], frame["shown"], len(frame["groups"])), ("creator", 2, 2))
        self.assertTrue(all(group["created_by"]["func"] == "main.start"
                            for group in frame["groups"]))

    def test_the_target_ends(self):
        fixture = lib_fixture.start(lib_gospy.builds("parked", ("default",))[-1], "-n", 10)
        process = subprocess.Popen([lib_gospy.GOSPY, "top", str(fixture.pid), "--json=lines",
                                    "--refresh", "50ms"], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        self.assertEqual(json.loads(process.stdout.readline())["type"], "top")
        fixture.close()
        out, err = process.communicate(timeout=lib_gospy.HANG)
        self.assertEqual(process.returncode, lib_gospy.NO_TARGET)
        self.assertEqual(json.loads(out.splitlines()[-1])["error"]["code"], "gone")
        self.assertRegex(err, r"^gospy: [^\n]+\n$")

    def test_the_reader_ends(self):
        """With nobody to read, it ends before the next frame would be due."""
        fixture = self.fixture("parked", "-n", 10)
        process = subprocess.Popen([lib_gospy.GOSPY, "top", str(fixture.pid), "--refresh", "1h"],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        process.stdout.readline()
        process.stdout.close()
        self.assertIn(process.wait(timeout=lib_gospy.HANG), (128 + signal.SIGPIPE, -signal.SIGPIPE))
        self.assertEqual(process.stderr.read(), b"")
        process.stderr.close()

    def test_usage(self):
        for options, word in ((("--refresh", "0"), "--refresh"), (("--func", "("), "--func"),
                              (("--group", "nothing"), "--group"), (("--sort", "x"), "--sort"),
                              (("--max-pause", "0"), "--max-pause"), ((), "PID")):
            pid = (1,) if options else ()
            run = lib_gospy.run("top", *pid, *options).expect(lib_gospy.USAGE)
            self.assertIn(word, run.err)
            self.assertEqual(run.out, "")


class SystemCallsTest(lib_gospy.TargetTest):
    """A sample of a small program that rests costs few system calls: it is paid for ever."""
    MOST = 60
    THREADS = 6  # each of the program's costs four

    def calls(self, pid, *options):
        """Of the cheapest sample: in others something may have run."""
        with tempfile.NamedTemporaryFile("r", encoding="utf-8", errors="replace") as log:
            prefix = ["strace", "-f", "-o", log.name]
            run = lib_gospy.run("top", pid, "--batch", "--refresh", "50ms", "-n", 10, *options,
                                prefix=prefix)
            run.expect(lib_gospy.OK)
            calls = [line.split(maxsplit=1)[1] for line in log]
        frames = [0]
        for call in calls:
            if call.startswith("write(1,"):
                frames.append(0)
            elif not call.startswith(("<...", "+++", "---")):
                frames[-1] += 1
        return min(frames[3:-1])

    @unittest.skipIf(os.environ.get("GOSPY_SANITIZE"), "sanitizers make calls of their own")
    def test_few(self):
        if not shutil.which("strace"):
            self.skipTest("there is no strace")
        if subprocess.run(["strace", "-o", os.devnull, "true"], stderr=subprocess.DEVNULL,
                          check=False).returncode:
            self.skipTest("strace may not trace here")
        build = lib_gospy.builds("parked", ("default",))[-1]
        fixture = self.watch(lib_fixture.start(build, "-n", 10, env={"GOMAXPROCS": "2"}))
        for options in (), ("--non-blocking",):
            with self.subTest(options=options):
                calls = self.calls(fixture.pid, *options)
                threads = len(os.listdir(f"/proc/{fixture.pid}/task"))
                if threads > self.THREADS:
                    self.skipTest(f"the program has {threads} threads")
                self.assertLessEqual(calls, self.MOST)
                self.assertGreater(calls, 0)


def fixture_pid(frame):
    return frame["target"]["pid"]


if __name__ == "__main__":
    lib_gospy.main()
