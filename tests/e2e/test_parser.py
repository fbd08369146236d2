"""`gospy stack` read by a parser of Go tracebacks that others have written, panicparse: it must
find in the text what gospy's JSON holds, and the same as in the program's own traceback."""
import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest

import lib_fixture
import lib_gospy

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "traceback_parser")

FIXTURES = (("states",), ("server",), ("parked", "-n", "50"), ("generics",), ("iterpull",))

# Since Go 1.27 they follow the brackets of a header; the parser is older.
LABELS = re.compile(r"^(goroutine \d+ \[[^\]]*\]) \{.*\}:$", re.M)


def find_go():
    """The newest go command that is installed; any other could not fetch the module."""
    roots = [entry["goroot"] for entry in lib_fixture.manifest()["versions"]
             if entry["source"] == "installed"]
    return os.path.join(roots[-1], "bin", "go") if roots else shutil.which("go")


def build(directory):
    """The parser, which is fetched unless it is in the module cache; skipped if it cannot be."""
    go = find_go()
    if not go:
        raise unittest.SkipTest("left out: no go command to build the parser with")
    path = os.path.join(directory, "parser")
    environment = {**os.environ, "GOTOOLCHAIN": "local", "GOFLAGS": "", "GOWORK": "off"}
    process = subprocess.run([go, "build", "-o", path, "."], cwd=SOURCE, env=environment, text=True,
                             capture_output=True, timeout=lib_gospy.HANG)
    if process.returncode != 0:
        raise unittest.SkipTest("left out: " + process.stderr.strip().splitlines()[-1])
    return path


def bare(args):
    """Without what the parser does not keep, or writes in another way."""
    return re.sub(r"0x|\?", "", args)


def place(frame):
    return frame["func"], frame["file"], frame["line"]


class ParserTest(lib_gospy.TargetTest):
    @classmethod
    def setUpClass(cls):
        directory = tempfile.TemporaryDirectory()
        cls.addClassCleanup(directory.cleanup)
        cls.parser = build(directory.name)

    def parse(self, text):
        process = subprocess.run([self.parser], input=LABELS.sub(r"\1:", text), text=True,
                                 capture_output=True, timeout=lib_gospy.HANG)
        self.assertEqual(process.returncode, 0, process.stderr)
        return {g["goid"]: g for g in json.loads(process.stdout)}

    def compare_frames(self, parsed, shown):
        self.assertEqual([(*place(f), bare(f["args"])) for f in parsed["frames"]],
                         [(*place(f), bare(f.get("args", "..."))) for f in shown["frames"]])
        creators = []
        if "created_by" in shown:
            creator = shown["created_by"]
            goid = shown.get("parent_goid")
            func = creator["func"] + (f" in goroutine {goid}" if goid else "")
            creators = [(func, creator["file"], creator["line"])]
        self.assertEqual([place(f) for f in parsed["created_by"]], creators)

    def shown(self, fixture):
        """The text of gospy, parsed, and the goroutines of its JSON."""
        parsed = self.parse(lib_gospy.whole("stack", fixture.pid).out)
        document = lib_gospy.whole("stack", fixture.pid, "--json").json()
        return parsed, {g["goid"]: g for g in document["goroutines"]}

    def check(self, fixture):
        def at_rest():
            """A program may be busy with its start still: once it says the same before and after."""
            own = self.parse(fixture.ask("stack")["traceback"])
            shown = self.shown(fixture)
            same = own.keys() == self.parse(fixture.ask("stack")["traceback"]).keys()
            return (own, *shown) if same else None
        own, parsed, shown = lib_gospy.wait_for(at_rest, "the program to come to rest")
        self.assertEqual(set(parsed), set(own))
        self.assertEqual(set(parsed), set(shown))
        awake = {g["goid"] for g in fixture.ready["goroutines"]
                 if g["state"] in ("running", "runnable") or g.get("name") in ("main", "stdin")}
        for goid in set(parsed) - awake:
            with self.subTest(goid=goid):
                self.assertEqual(parsed[goid], own[goid])
                state = shown[goid].get("wait_reason") or shown[goid]["status"]
                self.assertEqual(parsed[goid]["state"], state)
                self.assertEqual(parsed[goid]["locked"], shown[goid]["locked"])
                self.compare_frames(parsed[goid], shown[goid])

    def test_fixtures(self):
        for listed in FIXTURES:
            self.on_each(self.check, *listed)


if __name__ == "__main__":
    lib_gospy.main()
