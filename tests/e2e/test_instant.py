"""What is shown as sound was so at one instant: the fixture `witness` has pairs of goroutines that
are never more than a step apart, however they wait."""
import collections
import os
import re

import lib_fixture
import lib_gospy

SNAPSHOTS = int(os.environ.get("GOSPY_INSTANT_SNAPSHOTS", "40"))

MODES = {"usual": (), "exact": ("--exact",)}

STEP = re.compile(r"main\.at(\d+)$")

# Fewer than these pairs may happen to look alike in two snapshots.
ENOUGH = 100


def step(g):
    """The step that a goroutine is in, or None: between two."""
    found = [STEP.match(frame["func"]) for frame in g["frames"] if frame["func"]]
    steps = [int(match[1]) for match in found if match]
    return steps[0] if steps else None


class InstantTest(lib_gospy.TargetTest):
    def possible(self, a, b):
        """Whether two sides of a pair can be in these steps at one instant."""
        return (a - b) % self.functions in (0, 1, self.functions - 1)

    def check_pair(self, kind, a, b):
        steps = step(a), step(b)
        if None in steps:
            return
        self.assertTrue(self.possible(*steps), f"{kind}: in steps {steps} at one instant\n{a}\n{b}")
        if kind == "chan":
            # One of them has the token, or is about to be given it, and is runnable then.
            waits = {g.get("wait_reason") for g in (a, b)}
            self.assertNotEqual(waits, {"chan receive"}, f"nobody has the token\n{a}\n{b}")

    def check_snapshot(self, fixture, options):
        run = lib_gospy.run("stack", fixture.pid, "--json", "--max-pause", "10s", *options)
        self.assertIn(run.status, (lib_gospy.OK, lib_gospy.PARTIAL), run.err)
        goroutines = {g["goid"]: g for g in run.json()["goroutines"]}
        now = {}
        for number, pair in enumerate(fixture.ready["pairs"]):
            a, b = (goroutines[goid] for goid in pair["goids"])
            if {a["soundness"], b["soundness"]} != {"sound"}:
                self.pairs["marked"] += 1
                continue
            self.pairs["sound"] += 1
            self.check_pair(pair["kind"], a, b)
            now[number] = step(a), step(b)
        return now

    def count_mixed(self, before, now):
        """What would be seen if one side were of another instant: that must be noticed."""
        for number in before.keys() & now.keys():
            a, b = before[number][0], now[number][1]
            # On a busy machine the whole program may have stood still in between.
            if a is not None and b not in (None, before[number][1]):
                self.pairs["mixed"] += 1
                self.pairs["noticed"] += not self.possible(a, b)

    def check(self, fixture, options, snapshots):
        self.functions = fixture.ready["functions"]
        self.pairs = collections.Counter()
        before = {}
        for _ in range(snapshots):
            now = self.check_snapshot(fixture, options)
            self.count_mixed(before, now)
            before = now
        print(f"Go {fixture.ready['go'][2:]}, {' '.join(fixture.process.args[1:])} "
              f"{' '.join(options)}: {snapshots} snapshots, {dict(self.pairs)}", flush=True)
        if self.pairs["mixed"] >= ENOUGH:
            self.assertTrue(self.pairs["noticed"], "this test does not notice anything")

    def run_one(self, build, snapshots, *args):
        for mode, options in MODES.items():
            with self.subTest(build=str(build), args=args, mode=mode):
                self.check(self.watch(lib_fixture.start(build, *args)), options, snapshots)
            self.doCleanups()

    def test_instant(self):
        builds = lib_gospy.builds("witness")
        for build in builds[:-1]:
            self.run_one(build, max(1, SNAPSHOTS // 5))
        # The newest carries the load. Few goroutines are all read inside the stop; of many only
        # those that are active.
        self.run_one(builds[-1], SNAPSHOTS)
        self.run_one(builds[-1], SNAPSHOTS, "-parked", 300)


if __name__ == "__main__":
    lib_gospy.main()
