"""gospy leaks, held against what a fixture knows: every goroutine that is leaked is found, and none
that is not; and what moves about all the time is never proved."""
import os
import tempfile
import unittest

import lib_gospy
import take_core

# Snapshots of a process that moves pointers about all the time.
LOOKS = int(os.environ.get("GOSPY_LEAKS_LOOKS", "10"))

# What a quiet leak may be called by chance: its address is in a register of somebody, say.
PROVED_SHARE = 0.95

NO_STOP = "no stop is allowed"


def named(fixture):
    """Their goroutines, by name of the class that they are of."""
    classes = {"leaked": set(), "healthy": set(), "doubtful": set()}
    for g in fixture.ready["goroutines"]:
        kind = g.get("name", "").split(" ")[0]
        if kind in classes:
            classes[kind].add(g["goid"])
    return classes


def verdicts(found):
    return {goid: group["verdict"] for group in found["groups"] for goid in group["goids"]}


def look(pid, *args, status=lib_gospy.OK):
    return lib_gospy.run("leaks", pid, "--json", *args).expect(status).json()


@lib_gospy.on_processes_only
class LostTest(lib_gospy.TargetTest):
    """The fixture lost has leaked goroutines, and others that look alike."""

    def check_found(self, fixture, found):
        names = {g["goid"]: g.get("name") for g in fixture.ready["goroutines"]}
        known = named(fixture)
        said = verdicts(found)
        self.assertGreaterEqual(len(known["leaked"]), 70)
        self.assertGreaterEqual(len(known["healthy"]), 90)
        self.assertEqual([names[goid] for goid in known["leaked"] - set(said)], [], "missed")
        self.assertEqual([names.get(goid) for goid in
                          set(said) - known["leaked"] - known["doubtful"]], [], "false")
        return known, said

    def check_lost(self, fixture):
        found = look(fixture.pid, "--max-pause", f"{lib_gospy.HANG}s")
        known, said = self.check_found(fixture, found)
        # A stop that was not to be had says why; the machine may be too busy.
        if "not_proved" not in found:
            proved = [goid for goid in known["leaked"] if said[goid] == "proved"]
            self.assertGreaterEqual(len(proved), PROVED_SHARE * len(known["leaked"]))
            self.assertGreater(found["paused_ns"], 0)
        # What a weak pointer leads to may come back.
        self.assertEqual({said.get(goid) for goid in known["doubtful"]} - {"likely"}, set())
        self.assertEqual(found["proved"], sum(said[goid] == "proved" for goid in said))

    def test_all_are_found_and_no_other(self):
        self.on_each(self.check_lost, "lost", variants=("default", "stripped"))

    def check_without_a_stop(self, fixture):
        found = look(fixture.pid, "--non-blocking")
        known, said = self.check_found(fixture, found)
        self.assertEqual((found["not_proved"], found["paused_ns"]), (NO_STOP, 0))
        by_goid = {g["goid"]: g for g in fixture.ready["goroutines"]}
        for goid in known["leaked"]:
            reason = by_goid[goid].get("reason", "")
            never = "nil chan" in reason or "no cases" in reason
            self.assertEqual(said[goid], "proved" if never else "likely", reason)

    def test_without_a_stop(self):
        self.on_each(self.check_without_a_stop, "lost", variants=("default",))

    def test_a_stop_that_would_be_too_long(self):
        fixture = self.watch(lib_gospy.lib_fixture.start(lib_gospy.builds("lost")[-1]))
        run = lib_gospy.run("leaks", fixture.pid, "--json", "--max-pause", "1us")
        found = run.expect(lib_gospy.OK).json()
        self.assertIn("longer than --max-pause", found["not_proved"])
        self.assertIn("a proof would hold the process for about", run.err)
        self.assertEqual(found["paused_ns"], 0)

    def test_a_core(self):
        def check(fixture):
            with tempfile.TemporaryDirectory(prefix="gospy-core-") as place:
                path = os.path.join(place, "core")
                take_core.take(fixture.pid, path)
                found = look(path)
            _, said = self.check_found(fixture, found)
            self.assertNotIn("not_proved", found)
            proved = sum(verdict == "proved" for verdict in said.values())
            self.assertGreaterEqual(proved, PROVED_SHARE * len(named(fixture)["leaked"]))
        self.on_each(check, "lost", variants=("default",))

    def check_paths(self, fixture):
        """What is leaked nothing has that may run, of which the verdict does not say otherwise."""
        known = named(fixture)
        for group in look(fixture.pid, "--path", "--max-pause", f"{lib_gospy.HANG}s")["groups"]:
            never = "nil chan" in group["wait_reason"] or "no cases" in group["wait_reason"]
            self.assertEqual("path" in group, not never)
            if not never and set(group["goids"]) & known["leaked"]:
                self.assertNotIn("root", group["path"])
                self.assertTrue(group["path"]["steps"])

    def test_paths(self):
        self.on_each(self.check_paths, "lost", variants=("default",))

    def capture(self, fixture, place, *options):
        """A bundle with the heap, and whether that is of one instant."""
        path = os.path.join(place, "bundle")
        taken = lib_gospy.run("capture", "--heap", "--json", "-o", path, fixture.pid, *options)
        return path, taken.expect(lib_gospy.OK).json()["heap_instant"]

    def test_a_bundle(self):
        def check(fixture):
            with tempfile.TemporaryDirectory(prefix="gospy-bundle-") as place:
                path, exact = self.capture(fixture, place, "--max-pause", f"{lib_gospy.HANG}s")
                found = look(path)
            known, said = self.check_found(fixture, found)
            self.assertEqual({said.get(goid) for goid in known["doubtful"]} - {"likely"}, set())
            if exact:
                self.assertNotIn("not_proved", found)
                proved = [goid for goid in known["leaked"] if said[goid] == "proved"]
                self.assertGreaterEqual(len(proved), PROVED_SHARE * len(known["leaked"]))
        self.on_each(check, "lost", variants=("default",))

    def test_a_bundle_of_no_instant(self):
        fixture = self.watch(lib_gospy.lib_fixture.start(lib_gospy.builds("lost")[-1]))
        with tempfile.TemporaryDirectory(prefix="gospy-bundle-") as place:
            path, exact = self.capture(fixture, place, "--non-blocking")
            found = look(path)
        self.assertFalse(exact)
        self.check_found(fixture, found)
        self.assertIn("copied while the process ran", found["not_proved"])

    def test_what_is_said(self):
        fixture = self.watch(lib_gospy.lib_fixture.start(lib_gospy.builds("lost")[-1]))
        found = look(fixture.pid)
        by_goid = {g["goid"]: g for g in fixture.ready["goroutines"]}
        for group in found["groups"]:
            self.assertEqual(group["count"], len(group["goids"]))
            g = by_goid[group["goids"][0]]
            self.assertEqual(group["wait_reason"], g["reason"])
            self.assertEqual(group["created_by"]["func"], g["creator"])
            self.assertTrue(group["stack"] and group["why"])
        lines = lib_gospy.run("leaks", fixture.pid, "--json=lines").expect(lib_gospy.OK)
        self.assertEqual(len(lines.out.splitlines()), 1 + len(found["groups"]))
        text = lib_gospy.run("leaks", fixture.pid).expect(lib_gospy.OK).out
        self.assertRegex(text, r"^leaked goroutines: \d+ proved")
        self.assertIn("goroutines in chan receive (nil chan)", text)

    def test_exit_status_and_ignored(self):
        fixture = self.watch(lib_gospy.lib_fixture.start(lib_gospy.builds("lost")[-1]))
        everything = "^main\\."
        self.assertGreater(look(fixture.pid, "--fail-on", "proved", status=lib_gospy.CHECK)["proved"],
                           0)
        look(fixture.pid, "--fail-on", "likely", status=lib_gospy.CHECK)
        found = look(fixture.pid, "--fail-on", "growing", "--ignore", everything)
        self.assertEqual(found["groups"], [])
        self.assertGreaterEqual(found["ignored"], len(named(fixture)["leaked"]))
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as known:
            known.write(f"# all of them\n\n{everything}\n")
            known.flush()
            found = look(fixture.pid, "--ignore-file", known.name, "--fail-on", "proved")
        self.assertEqual(found["groups"], [])


@lib_gospy.on_processes_only
class MoverTest(lib_gospy.TargetTest):
    """In the fixture mover the only pointers to channels move all the time."""

    def check_mover(self, fixture):
        known = named(fixture)
        proved = looked = 0
        for _ in range(LOOKS):
            found = look(fixture.pid, "--max-pause", f"{lib_gospy.HANG}s")
            said = verdicts(found)
            wrong = {goid for goid in known["healthy"] if said.get(goid) == "proved"}
            self.assertEqual(wrong, set(), "proved, though somebody has its channel")
            if "not_proved" not in found:
                looked += len(known["leaked"])
                proved += sum(said.get(goid) == "proved" for goid in known["leaked"])
        # One look may find much of it in the hands of a thread; of many looks that is little.
        share = PROVED_SHARE if LOOKS >= 100 else PROVED_SHARE / 2
        self.assertGreaterEqual(proved, share * looked)
        print(f"{fixture.process.args[0]}: {proved} of {looked} proved, in {LOOKS} looks")

    def test_what_moves_is_never_proved(self):
        self.on_each(self.check_mover, "mover", variants=("default",))

    def check_bundles(self, fixture):
        known = named(fixture)
        with tempfile.TemporaryDirectory(prefix="gospy-bundle-") as place:
            path = os.path.join(place, "bundle")
            for _ in range(LOOKS // 5):
                taken = lib_gospy.run("capture", "--heap", "--max-pause", f"{lib_gospy.HANG}s",
                                      "-o", path, fixture.pid)
                if taken.status == lib_gospy.PARTIAL:
                    self.assertIn("without the heap", taken.err)  # there was no stop to be had
                    continue
                taken.expect(lib_gospy.OK)
                said = verdicts(look(path))
                wrong = {goid for goid in known["healthy"] if said.get(goid) == "proved"}
                self.assertEqual(wrong, set(), "proved, though somebody has its channel")

    def test_bundles_of_what_moves(self):
        self.on_each(self.check_bundles, "mover", variants=("default",))


@lib_gospy.on_processes_only
class GrowthTest(lib_gospy.TargetTest):
    """The fixture leak has sites with more and more goroutines, whose channels are global."""

    def test_what_grows(self):
        fixture = self.watch(lib_gospy.lib_fixture.start(
            lib_gospy.builds("leak", ("default",))[-1], "-steady", "100", "-rates", "1,10,200",
            "-wave", "0"))

        def grown():
            found = look(fixture.pid, "--watch", "1s", "--fail-on", "likely")
            return [g for g in found["groups"] if g["verdict"] == "growing"]
        groups = lib_gospy.wait_for(grown, "a group that grows")
        self.assertGreater(groups[0]["count"], groups[0]["count_before"])
        self.assertIn("main.leak", groups[0]["stack"][-1]["func"])

    def test_what_refers_to_what_grows(self):
        """A lock that is a global, and a channel that a global leads to."""
        fixture = self.watch(lib_gospy.lib_fixture.start(
            lib_gospy.builds("leak", ("default",))[-1], "-steady", "100", "-rates", "200,200,200",
            "-wave", "0"))

        def roots():
            groups = look(fixture.pid, "--watch", "1s", "--path", "--limit", "1")["groups"]
            return {g["wait_reason"]: g["path"] for g in groups if g["verdict"] == "growing"}
        found = lib_gospy.wait_for(lambda: (lambda r: r if len(r) > 2 else None)(roots()),
                                   "three groups that grow")
        self.assertEqual(found["sync.Mutex.Lock"], {"root": "main.lock", "steps": []})
        for reason in ("chan receive", "select"):
            self.assertEqual(found[reason]["root"], "main.token")
            self.assertEqual(len(found[reason]["steps"]), 1)
        text = lib_gospy.run("leaks", fixture.pid, "--watch", "1s", "--path").expect(lib_gospy.OK)
        self.assertRegex(text.out, r"(?m)^  path    main\.token\n +\S.* 0x[0-9a-f]+$")


class NothingTest(lib_gospy.TargetTest):
    @lib_gospy.on_processes_only
    def test_nothing_is_leaked(self):
        fixture = self.watch(lib_gospy.lib_fixture.start(lib_gospy.builds("states")[-1]))
        waits = {g["goid"]: g.get("reason", "") for g in fixture.ready["goroutines"]}
        for goid in verdicts(look(fixture.pid)):
            self.assertRegex(waits[goid], "nil chan|no cases|chan|select|sync|semacquire")


if __name__ == "__main__":
    lib_gospy.main()
