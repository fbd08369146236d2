"""The flame graph of gospy top: its tree is that of the target's own tracebacks and profiles, and
what is drawn of it has the room that it should have."""
import collections
import glob
import json
import os
import re
import shutil
import tempfile
import unittest

import lib_fixture
import lib_pprof
from test_top import TopTest


class FlameTest(TopTest):
    def setUp(self):
        super().setUp()
        self.directory = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.directory)

    def written(self, top):
        """{calls, outermost first: (self, total)} of the tree that is shown, as w writes it."""
        for path in glob.glob(os.path.join(self.directory, "*")):
            os.remove(path)
        top.wait_no_text("written")
        top.key("w")
        name = top.wait_text(r"written: (\S+)\.txt")[1]
        with open(os.path.join(self.directory, name + ".json"), encoding="utf-8") as f:
            document = json.load(f)
        self.assertEqual((document["type"], document["view"]), ("screen", "Flame"))
        rows = document["rows"]
        paths = [()]
        for row in rows[1:]:
            self.assertLess(row["caller"], len(paths), "callers come first")
            paths.append((*paths[row["caller"]], row["function"]))
        self.assertEqual(len(set(paths)), len(paths))
        top.key("Home")  # ends the message
        return {path: (row["self"], row["total"]) for path, row in zip(paths, rows)}

    def open(self, *args, fixture="parked", keys="ff", size=(24, 80), **options):
        target = self.fixture(fixture, *args)
        top = self.top(target, size=size, cwd=self.directory, **options)
        if keys:
            top.key(*keys)
            top.wait_text("stacks of all" if keys == "ff" else "heap, ")
            top.wait_text(r"^.\d+ goroutines|^.\d[\d.]* [kM]?B ")
        return target, top

    def traceback(self, fixture, start=None):
        """{calls and state: count} of all that were started, by the target itself."""
        stacks = collections.Counter()
        for g in lib_fixture.parse_traceback(fixture.ready["traceback"]):
            calls = tuple(frame["func"] for frame in reversed(g["frames"]))
            if g["created_by"] and start in (None, calls[0]):
                stacks[(*calls, f"[{g['reason']}]")] += 1
        return stacks

    def leaves(self, tree):
        return {path: own for path, (own, _) in tree.items() if own and path[0] != "main.main"}


class TreeTest(FlameTest):
    def test_all(self):
        fixture, top = self.open("-n", 402, "-depth", 3)
        expected = self.traceback(fixture)
        self.assertEqual(sum(expected.values()), 402)
        top.wait_text(r"stacks of all")
        tree = self.written(top)
        self.assertEqual(self.leaves(tree), expected)
        self.assertEqual(tree[()][1], len(fixture.ready["goroutines"]))
        totals = collections.Counter()
        for path, (own, _) in tree.items():
            for depth in range(len(path) + 1):
                totals[path[:depth]] += own
        self.assertEqual(totals, {path: total for path, (_, total) in tree.items()})
        self.quit(top)

    def test_group_and_all(self):
        """f shows the selected group, and with f again everything; the same from its goroutines."""
        fixture, top = self.open("-n", 44, "-depth", 2, keys="")
        top.key("/")
        top.type("park2$")
        top.wait_text(r"^/park2")
        top.key("Enter")
        top.wait_text(r"\d of \d groups")
        for keys in (("f",), ("Enter", "f")):
            top.key(*keys)
            top.wait_text(r"stacks of main\.park2 ")
            top.wait_text(r"^.11 goroutines")
            self.assertEqual(self.leaves(self.written(top)), self.traceback(fixture, "main.park2"))
            top.key("f")
            top.wait_text(r"^.45 goroutines")
            top.wait_text("stacks of all")
            top.key("f")
            top.wait_text(r"^.11 goroutines")
            top.key("Esc")
        top.key("Esc", "Esc", "2")
        top.wait_text("Ps and")
        top.key("f")
        top.wait_text("stacks of all")
        self.quit(top)

    def test_callers(self):
        """i: who calls what is selected, and a stack counts once however often it does."""
        fixture, top = self.open("-n", 40, "-depth", 6)
        top.key("/")
        top.type("park1$")
        top.key("Enter")
        top.wait_text(r"park1 +\d+ goroutines, ")
        top.key("i")
        top.wait_text("callers")
        expected = collections.Counter()
        for calls, count in self.traceback(fixture).items():
            first = calls.index("main.park1")
            expected[calls[first::-1]] += count
        tree = self.written(top)
        self.assertEqual(self.leaves(tree), expected)
        self.assertEqual(tree[()][1], 40)
        # What is searched for is cleared first, then the callers, then the view.
        top.key("Esc")
        top.wait_no_text(" found")
        top.wait_text("callers$")
        top.key("Esc")
        top.wait_text("stacks of all$")
        top.key("i")
        top.wait_text("stacks of all, callers$")
        top.key("i")
        top.wait_text("stacks of all$")
        top.key("Esc")
        top.wait_text("by start")
        self.quit(top)

    def test_frozen(self):
        """A frozen picture can be looked at so, too."""
        fixture, top = self.open("-n", 40, keys="")
        top.key("p")
        top.wait_text("FROZEN")
        top.key("f", "f")
        top.wait_text(r"^.41 goroutines")
        self.assertEqual(self.leaves(self.written(top)), self.traceback(fixture))
        self.assertIn("FROZEN", top.text())
        self.quit(top)

    def test_running_without_a_stop(self):
        """Where it is is not known, but where it began."""
        _, top = self.open(fixture="busy", keys="")
        top.key("b", "f", "f")
        top.wait_text(r"^.\d+ goroutines")
        top.key("/")
        top.type(r"^\[running\]$")
        top.wait_text(r", [1-9]\S*% found")
        top.key("Enter")
        self.quit(top)


class HeapTest(FlameTest):
    def test_profile(self):
        """All four values of the process's own profile."""
        fixture, top = self.open(fixture="profiled", keys=("3", "f"))
        path = os.path.join(self.directory, "own")
        fixture.ask(f"profile heap 0 {path}")
        own = lib_pprof.Profile(lib_pprof.read(path))
        self.assertEqual([t[0] for t in own.types], ["alloc_objects", "alloc_space",
                                                     "inuse_objects", "inuse_space"])
        for name in ("inuse_space", "alloc_objects", "alloc_space", "inuse_objects"):
            top.wait_text(rf"heap, {name}")
            column = [t[0] for t in own.types].index(name)
            # What the process allocated to write of itself is known later.
            expected = collections.Counter()
            for values, frames, _ in own.samples:
                calls = tuple(frame[0] for frame in reversed(frames))
                if "runtime/pprof" not in " ".join(calls) and "fixture." not in " ".join(calls):
                    expected[calls] += values[column]
            tree = self.written(top)
            self.assertEqual({calls: tree.get(calls, (0, 0))[0] for calls in expected}, expected)
            self.assertGreater(sum(expected.values()), 0)
            top.key("t")
        top.wait_text("heap, inuse_space")
        top.key("T")
        top.wait_text("heap, inuse_objects")
        top.wait_text(r"^.\d+ objects ")
        self.quit(top)

    def test_no_profile(self):
        """It is said why there is none."""
        fixture = self.fixture("abba")
        top = self.top(fixture, size=(24, 60), cwd=self.directory)
        top.key("3", "f")
        top.wait_text("left out by the linker|linker$")
        for key in ("Down", "Enter", "i", "t", "/", "Esc", "n", "w"):
            top.key(key)
        top.key("Esc")
        top.wait_text("heap live")
        self.quit(top)


class SightTest(FlameTest):
    """What is on the screen."""

    def cells(self, line, separator="│"):
        """[(column, text)] of a row."""
        return [(m.start(), m[1].strip()) for m in
                re.finditer(rf"{re.escape(separator)}([^{separator}]+)", line)]

    def row(self, top, number):
        first = next(i for i, line in enumerate(top.screen.lines())
                     if re.search(r"^.\d+ goroutines", line))
        return top.screen.lines()[first + number]

    def test_sizes(self):
        """Shares are columns, names are as long as they have room, and nothing is cut."""
        fixture, top = self.open("-n", 400, "-depth", 2, size=(24, 200))
        names = [f"main.park{i}" for i in range(4)]
        for cols in (200, 80, 40):
            top.resize(24, cols)
            top.wait(lambda lines: max(map(len, lines)) <= cols and
                     len(self.cells(self.row(top, 1))) == 5, f"five cells in {cols} columns")
            cells = self.cells(self.row(top, 1))
            self.assertEqual(cells[0][0], 0)
            for i, (at, text) in enumerate(cells[:4]):
                width = cells[i + 1][0] - at
                self.assertLessEqual(abs(width - cols / 4), 3, cells)
                self.assertIn(text.split()[0], (names[i], names[i][5:]))
                self.assertEqual("24.9%" in text, cols > 40)
            self.assertRegex(cells[4][1], "…")
        self.quit(top)

    def test_moving(self):
        """Every call can be reached, also those that have no room of their own."""
        fixture, top = self.open("-n", 400, "-depth", 2)
        top.wait_text(r"^all  401 goroutines, 100% of all$")
        top.key("Down")
        top.wait_text(r"^main\.park0  100 goroutines, 24\.9% of all, 24\.9% of caller$")
        for name in ("park1", "park2", "park3"):
            top.key("Right")
            top.wait_text(rf"^main\.{name}  100 goroutines, ")
        top.key("Right")
        top.wait_text(r"^main\.main  1 goroutine, 0\.2% of all, 0\.2% of caller$")
        top.wait(lambda _: "ain" in self.row(top, 1), "a cell of main.main")
        top.key("Left", "Down", "Down")
        top.wait_text(r"^main\.init\.\S+  100 goroutines, 24\.9% of all, 100% of caller$")
        top.key("Up")
        top.wait_text(r"^main\.park0  100 goroutines, ")
        top.key("End")
        top.wait_text(r"^\[chan recv\]  100 goroutines, ")
        top.key("Home")
        top.wait_text(r"^all ")
        self.quit(top)

    def test_zoom(self):
        fixture, top = self.open("-n", 400, "-depth", 2)
        top.key("Down", "Right", "Enter")
        # The way there stays, and has all columns.
        top.wait(lambda _: [len(self.cells(self.row(top, i))) for i in range(4)] == [1] * 4,
                 "one call a row")
        self.assertRegex(self.row(top, 1), r"^.main\.park1 +24\.9%$")
        self.assertRegex(self.row(top, 2), r"^.main\.park2 +24\.9%$")
        for key in ("Backspace", "Esc"):
            top.key(key)
            top.wait(lambda _: len(self.cells(self.row(top, 1))) == 5, "all of them")
            top.wait_text(r"^main\.park1  100 ")
            top.key("Enter")
            top.wait(lambda _: len(self.cells(self.row(top, 1))) == 1, "one of them")
        top.key("Esc", "Esc")
        top.wait_text("by start")
        self.quit(top)

    def test_search(self):
        """Matching cells are marked, and their share is shown."""
        fixture, top = self.open("-n", 400, "-depth", 2)
        top.key("/")
        top.type("PARK1|park1")
        share = 100 * 200 / 401
        top.wait_text(rf", {share:.1f}% found")
        top.key("Enter")

        top.wait(lambda _: any("underline" in cell[1][2] for row in top.screen.cells
                               for cell in row), "marks")
        texts = ["".join(cell[0] for cell in row if "underline" in cell[1][2])
                 for row in top.screen.cells]
        self.assertEqual({text for text in re.findall(r"main\.\w+", " ".join(texts))},
                         {"main.park1"})
        # One of both is selected.
        top.wait_text(r"^main\.park1  100 goroutines, ")
        top.key("n")
        top.wait_text(r"^main\.park1  100 goroutines, 24\.9% of all, (24\.9|100)% of caller")
        top.key("Esc")
        top.wait_no_text("found")
        top.key("/")
        top.type("nothing like it")
        top.wait_text(", 0% found")
        top.key("Enter", "n")
        top.wait_text("no call matches")
        top.key("Esc")
        self.quit(top)

    def test_live(self):
        """New samples change the figures, and not what is selected or zoomed to."""
        _, top = self.open("-steady", 20, "-rates", "1,5,40", "-wave", "1", fixture="leak",
                           keys="")
        top.wait_text("main.leakQuickly")
        top.key("f", "f")
        top.wait_text("stacks of all")
        top.key("/")
        top.type("leakQuickly")
        top.key("Enter", "Enter", "Esc")

        def count(_):
            found = re.search(r"^main\.leakQuickly  (\d+) goroutines, ", top.text(), re.M)
            return found and int(found[1])
        first = top.wait(count, "the goroutines that leak")
        top.wait(lambda lines: (count(lines) or 0) > first, "more of them")
        self.assertEqual(len(self.cells(self.row(top, 1))), 1, "still zoomed to")
        self.quit(top)

    def test_what_is_selected_comes_back(self):
        """Goroutines that come and go in waves."""
        _, top = self.open("-steady", 20, "-rates", "0.001,0.001,0.001", "-wave", "20",
                           fixture="leak")
        # They may be gone by the time that all is typed.
        while not re.search(r"^main\.ride  ", top.text(), re.M):
            top.key("Esc") if "found" in top.text() else None
            top.wait_no_text("found")
            top.wait_text("main.ride")
            top.key("/")
            top.wait_text("^/")
            top.type("ride$")
            top.key("Enter")
            top.wait_text(r"found +/ride\$$")
        for _ in range(2):
            top.wait_no_text(r"^main\.ride  ")
            top.wait_text(r"^main\.ride  ")
        self.quit(top)

    def test_looks(self):
        """Without colours, and without UTF-8, each cell has a border."""
        fixture = self.fixture("parked", "-n", 40, "-depth", 2)
        for env, separator in (({"NO_COLOR": "1"}, "│"), ({"LC_ALL": "C"}, "|"),
                               ({"TERM": "vt220", "LC_ALL": "C"}, "|")):
            with self.subTest(env=env):
                top = self.top(fixture, size=(24, 80), env=env)
                top.key("f", "f")
                top.wait_text(r"^.41 goroutines")
                top.wait(lambda _: len(self.cells(self.row(top, 1), separator)) == 5, "five cells")
                if "LC_ALL" in env:
                    self.assertTrue(top.text().isascii(), top.text())
                colors = {color for row in top.screen.cells for _, style in row
                          for color in style[:2] if color is not None}
                if "NO_COLOR" in env or "TERM" in env:
                    self.assertEqual(colors, set())
                else:
                    self.assertLessEqual(colors, set(range(8)) | {246})
                self.quit(top)

    def test_mouse(self):
        fixture, top = self.open("-n", 400, "-depth", 2)
        first = next(i for i, line in enumerate(top.screen.lines())
                     if re.search(r"^.401 goroutines", line))
        x = self.cells(self.row(top, 1))[2][0] + 2
        top.mouse("click", first + 1, x)
        top.wait_text(r"^main\.park2  100 ")
        top.mouse("double", first + 2, x)
        top.wait(lambda _: len(self.cells(self.row(top, 1))) == 1, "one of them")
        top.wait_text(r"^main\.park3  100 ")
        self.quit(top)


if __name__ == "__main__":
    unittest.main()
