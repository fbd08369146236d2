"""What gospy says where filters leave nothing over, and who does not move."""
import collections

import lib_fixture
import lib_gospy

# trackingSeq came in Go 1.17.
COUNTED = 17


class SilenceTest(lib_gospy.TargetTest):
    def setUp(self):
        build = lib_gospy.builds("parked")[-1]
        self.fixture = self.watch(lib_fixture.start(build, "-n", "3"))

    def note(self, *args, out=""):
        """The one line on stderr of a run that shows no goroutine."""
        run = lib_gospy.run(args[0], self.fixture.pid, *args[1:]).expect(lib_gospy.OK)
        if out is not None:
            self.assertEqual(run.out, out)
        self.assertRegex(run.err, r"^gospy: note: [^\n]+\n$")
        return run.err

    def test_nothing_matches(self):
        self.assertIn("0 of 4 goroutines match\n", self.note("stack", "--func", "nosuch"))
        self.assertIn("0 of 4 goroutines match", self.note("stack", "--label", "nosuch"))
        self.assertIn("0 of 4 goroutines match", self.note("stack", "--group", "--state", "dead"))
        self.assertIn("0 of 4 goroutines match; --func looks at the place that --pc chooses",
                      self.note("summary", "--func", "nosuch", out=None))
        run = lib_gospy.run("stack", self.fixture.pid, "--func", "nosuch", "-q")
        self.assertEqual((run.status, run.out, run.err), (lib_gospy.OK, "", ""))

    def test_waits_that_nobody_has_noted(self):
        unknown = "0 of 4 goroutines match; how long 3 wait is unknown: the runtime notes it in a " \
            "GC, and there was none yet"
        self.assertIn(unknown, self.note("stack", "--min-wait", "1ns"))
        self.assertIn(unknown, self.note("summary", "--group", "--min-wait", "1ns", out=None))
        # The first one notes nothing: it has no time of a cycle before.
        self.fixture.ask("gc")
        self.fixture.ask("gc")
        run = lib_gospy.run("stack", self.fixture.pid, "--min-wait", "1ns").expect(lib_gospy.OK)
        self.assertEqual(run.err, "")
        self.assertIn("0 of 4 goroutines match\n", self.note("stack", "--min-wait", "1000h"))

    def test_goroutines_that_are_not_there(self):
        everything = lib_gospy.summary(self.fixture.pid, "--system")["goroutines"]
        system = next(g["goid"] for g in everything if g["system"])
        run = lib_gospy.run("stack", self.fixture.pid, "--goid", f"99999,1,{system}")
        self.assertEqual(run.expect(lib_gospy.OK).err,
                         "gospy: note: there is no goroutine 99999\n"
                         f"gospy: note: goroutine {system} is the runtime's own: --system shows "
                         "it\n")
        self.assertRegex(run.out, r"^goroutine 1 \[")
        run = lib_gospy.run("stack", self.fixture.pid, "--goid", "99999").expect(lib_gospy.OK)
        self.assertEqual(run.err, "gospy: note: there is no goroutine 99999\n"
                                  "gospy: note: 0 of 4 goroutines match\n")

    def test_what_matches_is_shown_without_a_word(self):
        for command in ("stack", "summary"):
            run = lib_gospy.run(command, self.fixture.pid, "--func", "main")
            self.assertEqual(run.expect(lib_gospy.OK).err, "")


class ForTest(lib_gospy.TargetTest):
    """On a busy machine those that should move may stand still for that time, too. Then it is looked
    again; those that cannot move are there each time."""

    def test_who_does_not_move(self):
        self.on_each(self.check_parked, "parked", "-n", "40", "-switching", "10")

    def check_parked(self, fixture):
        parked = collections.Counter(f"main.park{i % 4}" for i in range(40))

        def only_parked():
            document = lib_gospy.summary(fixture.pid, "--for", "200ms", "--min-wait", "200ms")
            places = collections.Counter(g["start"]["func"] for g in document["goroutines"])
            self.assertEqual(document["watched_ns"], 200000000)
            if int(fixture.ready["go"].split(".")[1]) < COUNTED:
                self.assertEqual(places, {})
                return True
            self.assertLessEqual(parked, places)
            return places == parked
        lib_gospy.wait_for(only_parked, "the others to move")

    def test_deadlock(self):
        """Two wait for each other; the one that looks at them each 100 ms moves."""
        self.on_each(self.check_deadlock, "abba")

    def check_deadlock(self, fixture):
        locked = [g["goid"] for g in fixture.ready["goroutines"]
                  if g.get("name") in ("first", "second")]

        def only_locked():
            run = lib_gospy.whole("stack", fixture.pid, "--for", "1s", "--json")
            if int(fixture.ready["go"].split(".")[1]) < COUNTED:
                self.assertRegex(run.err, "of 4 it cannot be told whether they moved")
                return True
            found = [g["goid"] for g in run.json()["goroutines"]]
            self.assertLessEqual(set(locked), set(found))
            self.assertIn(f"{len(found)} of 4 goroutines match and did not move within 1s", run.err)
            return found == locked
        lib_gospy.wait_for(only_locked, "the one that looks to move")

    def test_top_watches_by_itself(self):
        fixture = self.watch(lib_fixture.start(lib_gospy.builds("abba")[-1]))

        def only_locked():
            run = lib_gospy.whole("top", fixture.pid, "--batch", "-n", "2", "--refresh", "1500ms",
                                  "--json")
            first, second = ({group["location"]["func"]: group for group in frame["groups"]}
                             for frame in run.json_lines())
            self.assertFalse(any("longest_still_ns" in group for group in first.values()))
            still = {func: group["longest_still_ns"] for func, group in second.items()
                     if "longest_still_ns" in group}
            self.assertGreater(still["main.lock"], 1e9)
            self.assertNotIn("longest_wait_ns", second["main.lock"])
            return list(still) == ["main.lock"]
        lib_gospy.wait_for(only_locked, "the one that looks to move")


if __name__ == "__main__":
    lib_gospy.main()
