"""Programs without symbols, with no --bin: what is shown of them is what their unstripped twin gives,
on the same process, and what they say themselves."""
import compare
import lib_fixture
import lib_gospy

STRIPPED = ("stripped", "sw")

# What differs from one moment to the next in a process at rest.
MOMENTARY = {"uptime_ns", "time_unix_ns", "paused_ns", "total_ns", "wait_ns", "cpu_ns"}

# What needs layouts that only debug information has, where gospy knows no others.
FIGURES = ("sched", "heap")


def without_moments(value):
    if isinstance(value, dict):
        return {k: without_moments(v) for k, v in value.items() if k not in MOMENTARY}
    if isinstance(value, list):
        return [without_moments(v) for v in value]
    return value


def difference(a, b, path=""):
    """Where two documents differ first, or None."""
    if isinstance(a, dict) and isinstance(b, dict):
        pairs = [(k, a.get(k), b.get(k)) for k in {**a, **b}]
    elif isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        pairs = [(i, x, y) for i, (x, y) in enumerate(zip(a, b))]
    else:
        return None if a == b else f"{path}: {str(a)[:200]} != {str(b)[:200]}"
    return next((d for k, x, y in pairs if (d := difference(x, y, f"{path}/{k}"))), None)


def addresses(document):
    return {p["name"]: p["addr"] for p in document["provenance"] if "addr" in p}


class StrippedTest(lib_gospy.TargetTest):
    def look(self, fixture, command, *options):
        run = lib_gospy.run(command, fixture.pid, "--json", *options)
        run.expect(lib_gospy.PARTIAL if "no DWARF" in run.err else lib_gospy.OK)
        return run.json()

    def difference(self, fixture, twin, command):
        alone = self.look(fixture, command)
        helped = self.look(fixture, command, "--bin", twin)
        if not alone["heap"]:
            alone["snapshot"].pop("problem", None)
            for part in FIGURES:
                helped[part] = {k: v for k, v in helped[part].items() if k in alone[part]}
        return difference(without_moments(alone), without_moments(helped))

    def check_same(self, fixture, twin, command):
        """What has just begun may still come to rest; what differs, differs again."""
        for _ in range(5):
            found = self.difference(fixture, twin, command)
            if not found:
                return
        self.fail(found)

    def test_as_the_unstripped_twin(self):
        twins = {b.version: b.path for b in lib_gospy.builds("states", ["default"])}
        for build in lib_gospy.builds("states", ["stripped"]):
            fixture = self.watch(lib_fixture.start(build))
            for command in ("summary", "stack"):
                with self.subTest(build=str(build), command=command):
                    self.check_same(fixture, twins[build.version], command)

    def test_every_address(self):
        twins = {b.version: b.path for b in lib_gospy.builds("states", ["default"])}
        for build in lib_gospy.builds("states", ["stripped"]):
            with self.subTest(build=str(build)):
                fixture = self.watch(lib_fixture.start(build))
                alone = self.look(fixture, "summary", "-v")
                helped = self.look(fixture, "summary", "-v", "--bin", twins[build.version])
                self.assertEqual(addresses(alone), addresses(helped))
                sources = {p["source"] for p in alone["provenance"] if p["name"] in addresses(alone)}
                self.assertEqual(sources, {"code"})

    def test_what_the_program_says(self):
        for build in lib_gospy.builds("states", STRIPPED):
            with self.subTest(build=str(build)):
                fixture = self.watch(lib_fixture.start(build))
                document = self.look(fixture, "summary")
                compare.Goroutines(self, fixture.ready, document).check()


if __name__ == "__main__":
    lib_gospy.main()
