"""`gospy pprof --format html` and `svg`: what is in them, and, in a headless Chromium, that the page
works. What no process can be made to ask for is written by flame_writer.c."""
import base64
import collections
import hashlib
import os
import re
import subprocess
import tempfile
import unittest

import lib_browser
import lib_fixture
import lib_flame
import lib_gospy
import lib_terminal

WRITER = os.path.join(os.path.dirname(lib_gospy.GOSPY), "tests", "flame_writer")

TYPES = ("objects/count", "space/bytes")
MB = 1 << 20
SHOP = {
    ("runtime.main", "main.main", "main.serve", "net/http.(*conn).serve"): (7, 3 * MB),
    ("runtime.main", "main.main", "main.serve", "net/http.(*conn).serve",
     "encoding/json.Marshal"): (2, 2 * MB),
    ("runtime.main", "main.main", "main.load", "encoding/json.Marshal"): (1, 4 * MB),
    ("runtime.main", "main.main", "main.load", "main.load", "os.ReadFile"): (90, MB),
    ("main.worker", "encoding/json.Marshal", "main.worker"): (0, 6 * MB),
}
TOTAL = 16 * MB

HOSTILE = ("<img src=x onerror=owned=1>", "</script><script>owned=1</script>", "<!--<script>",
           "\"';owned=1//", "${owned=1}", "a\u2028b\u2029", "javascript:owned=1", "&lt;b&gt;",
           "__proto__", "constructor", "x.\u202eevil", "gr\u00fc\u00dfe.\u65e5\u672c.F", "x" * 27000,
           "p/" * 5000 + "last.(*T).Method")


def lines(stacks):
    return b"".join("\t".join([*map(str, values), *names]).encode() + b"\n"
                    for names, values in stacks.items())


def write(form, stacks, types=TYPES, diff=False):
    """The text of a flame graph; `stacks` are values by names, or what flame_writer reads."""
    text = stacks if isinstance(stacks, bytes) else lines(stacks)
    run = subprocess.run([WRITER, form, *(["diff"] if diff else []), *types], input=text,
                         capture_output=True, timeout=lib_gospy.HANG, check=True)
    return run.stdout.decode()


def inverted(stacks, number):
    """Values by the names from the innermost on."""
    found = collections.Counter()
    for names, values in stacks.items():
        for n in range(1, len(names) + 1):
            found[names[::-1][:n]] += values[number]
    return {names: value for names, value in found.items() if value}


def ahead(stacks, number):
    """The same from the outermost on."""
    return inverted({names[::-1]: values for names, values in stacks.items()}, number)


class WriterTest(unittest.TestCase):
    def setUp(self):
        if not os.path.exists(WRITER):
            self.skipTest("flame_writer was not built")

    def assert_drawn(self, shares, expected, total, pixels):
        """Each stack is as wide as its share; what is too narrow is not there."""
        missing = {names for names in expected if names not in shares}
        for names in missing:
            self.assertLess(expected[names] / total * pixels, 0.6, names)
        for names, share in shares.items():
            if names:
                self.assertAlmostEqual(share * pixels, expected[names] / total * pixels, delta=1.5,
                                       msg=names)


class DataTest(WriterTest):
    """Without a browser."""

    def test_stacks(self):
        stacks = {**SHOP, ("a.b", "c.d"): (-3, 1 << 62), ("a.b",): (0, -(1 << 63)),
                  (): (5, 31)}
        page = lib_flame.Page(write("html", stacks))
        self.assertEqual(page.stacks, stacks)
        self.assertEqual(page.title, "heap of <shop> (4711)")
        self.assertEqual(page.data["type"], 1)
        self.assertEqual(page.data["types"], [{"name": "objects", "unit": "count"},
                                              {"name": "space", "unit": "bytes"}])

    def test_base(self):
        stacks = {names: (*values, values[0] * 3, 17) for names, values in SHOP.items()}
        page = lib_flame.Page(write("html", stacks, diff=True))
        self.assertTrue(page.data["diff"])
        self.assertEqual(page.stacks, stacks)

    def test_many(self):
        """Numbers of all lengths."""
        stacks = {tuple(f"pkg{n % 7}.F{n >> k}" for k in range(12, -1, -1)): (n, n ** 5)
                  for n in range(5000)}
        del stacks[next(iter(stacks))]
        self.assertEqual(lib_flame.Page(write("html", stacks)).stacks, stacks)

    def test_merged(self):
        """Of more calls than a browser can take the largest are there, and of the others the sum."""
        calls = 11 << 17
        values = {("a.M", f"f{n}"): (1, (n % 4000 + 1) ** 2) for n in range(calls)}
        page = lib_flame.Page(write("html", values))
        self.assertTrue(page.data["merged"])
        self.assertTrue(1 << 17 < page.data["nodes"] <= 1 << 20, page.data["nodes"])
        rest = page.stacks.pop(("a.M", "(smaller calls)"))
        least = min(values for _, values in page.stacks.values())
        for names, kept in page.stacks.items():
            self.assertEqual(kept, values.pop(names))
        self.assertEqual(rest, tuple(map(sum, zip(*values.values()))))
        self.assertLess(max(value for _, value in values.values()), least)

    def test_hostile_names(self):
        clean = lib_flame.Page(write("html", SHOP))
        raw = b"".join(b"1\t1\t" + name.encode() + b"\n" for name in HOSTILE) + \
            b"1\t1\tbroken\xff\xfe\xc3\n"
        page = lib_flame.Page(write("html", raw))
        self.assertEqual(page.elements, clean.elements)
        names = {names[0] for names in page.stacks}
        # As everywhere in gospy's output: bytes that are unfit for text stand as \xNN.
        self.assertEqual(names, {"broken\\xff\\xfe\\xc3", *(
            re.sub("[\u2028\u2029\u202e]",
                   lambda c: "".join(f"\\x{byte:02x}" for byte in c[0].encode()), name)
            for name in HOSTILE)})
        names = {box.name for box in lib_flame.read_svg(write("svg", raw))}
        self.assertIn("<img src=x onerror=owned=1>", names)
        self.assertIn("broken\\xff\\xfe\\xc3", names)
        self.assertLess(max(map(len, names)), 500)

    def test_policy(self):
        """Nothing but its own script and style may do anything."""
        text = write("html", SHOP)
        page = lib_flame.Page(text)
        directives = dict(part.strip().split(" ", 1) for part in page.policy.split(";"))
        self.assertEqual(directives["default-src"], "'none'")
        for tag in ("script", "style"):
            inside = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.S)
            self.assertEqual(len(inside), 1)
            digest = base64.b64encode(hashlib.sha256(inside[0].encode()).digest()).decode()
            self.assertEqual(directives[f"{tag}-src"], f"'sha256-{digest}'")
        self.assertEqual(set(directives), {"default-src", "script-src", "style-src", "base-uri",
                                           "form-action"})
        self.assertEqual((page.elements["script"], page.elements["style"]), (2, 1))
        self.assertFalse({"link", "img", "iframe", "object"} & set(page.elements))
        self.assertNotRegex(text, r"(?i)https?:|url\(|@import")

    def test_svg(self):
        for number, types in enumerate((TYPES[:1], TYPES)):
            stacks = {names: values[:number + 1] for names, values in SHOP.items()}
            text = write("svg", stacks, types)
            boxes = lib_flame.read_svg(text)
            widths = lib_flame.widths(boxes)
            total = sum(values[number] for values in SHOP.values())
            self.assert_drawn({names: width / widths[()] for names, width in widths.items()},
                              ahead(SHOP, number), total, 1180)
            self.assertNotRegex(text, r"(?i)<script|href|https?:(?!//www\.w3\.org/2000/svg)")
        marshal = [box for box in boxes if box.name == "encoding/json.Marshal"]
        self.assertIn("4MB, 25%", [box.figures[0].replace("25.00", "25") for box in marshal])
        self.assertEqual(len({box.color for box in marshal}), 1)

    def test_svg_of_too_many(self):
        stacks = {(f"a.F{n}", "b.G"): (1,) for n in range(20000)}
        stacks["c.H",] = (20000,)
        boxes = lib_flame.read_svg(write("svg", stacks, TYPES[:1]))
        self.assertEqual([box.name for box in boxes], ["all", "c.H"])
        self.assertEqual(lib_flame.read_svg(write("svg", b"", TYPES)), [])


class CommandTest(lib_gospy.TargetTest):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)

    def target(self):
        build = lib_gospy.builds("profiled", ("default",))[-1]
        return self.watch(lib_fixture.start(build, "-collect"))

    def test_terminal(self):
        """A page is not for a terminal: it becomes a file, and what opens it is said."""
        fixture = self.target()
        for form in ("html", "svg"):
            terminal = lib_terminal.Terminal(
                [lib_gospy.GOSPY, *lib_gospy.patient(["pprof", "heap", str(fixture.pid),
                                                      "--format", form])],
                cols=200, cwd=self.directory.name)
            self.addCleanup(terminal.close)
            self.assertEqual(terminal.end(), lib_gospy.OK)
            files = [name for name in os.listdir(self.directory.name) if name.endswith(form)]
            self.assertEqual(len(files), 1)
            self.assertRegex(files[0], rf"^gospy-profiled-{fixture.pid}-heap-.*\.{form}$")
            self.assertIn(f"open it in a browser: xdg-open {files[0]}", terminal.text())
            with open(os.path.join(self.directory.name, files[0]), encoding="utf-8") as f:
                self.assertIn(f"heap of profiled ({fixture.pid})", f.read())

    def test_output(self):
        fixture = self.target()
        path = os.path.join(self.directory.name, "page")
        for form in ("html", "svg"):
            command = ("pprof", "heap", fixture.pid, "--format", form, "--sample-type",
                       "alloc_space")
            out = lib_gospy.run(*command).expect(lib_gospy.OK).out
            self.assertIn(f"heap of profiled ({fixture.pid})", out)
            self.assertIn(fixture.ready["go"], out)
            if form == "html":
                page = lib_flame.Page(out)
                self.assertEqual(page.data["types"][page.data["type"]]["name"], "alloc_space")
            said = lib_gospy.run(*command, "-o", path, "--json").expect(lib_gospy.OK).json()
            self.assertEqual((said["format"], said["file"], said["bytes"]),
                             (form, path, os.path.getsize(path)))
            said = lib_gospy.run(*command, "-o", path).expect(lib_gospy.OK).out
            self.assertIn(f"browser: xdg-open {path}", said)
            lib_gospy.run(*command, "--json").expect(lib_gospy.USAGE)

    def test_nothing(self):
        """A profile without samples says so."""
        build = lib_gospy.builds("profiled", ("default",))[-1]
        fixture = self.watch(lib_fixture.start(build, "-quiet"))
        page = lib_flame.Page(lib_gospy.run("pprof", "block", fixture.pid, "--format", "html")
                              .expect(lib_gospy.OK).out)
        self.assertEqual(page.stacks, {})
        self.assertTrue(page.data["note"])
        svg = lib_gospy.run("pprof", "block", fixture.pid, "--format", "svg").expect(lib_gospy.OK)
        self.assertIn("There is nothing to draw.", svg.out)


# What the page shows: boxes with the names that are said of them when they are gone to.
BOXES = """[...document.querySelectorAll(".box:not([hidden])")].map((e) => ({
    text: e.textContent, left: e.offsetLeft, top: e.offsetTop,
    width: e.getBoundingClientRect().width,
    x: e.getBoundingClientRect().x + e.getBoundingClientRect().width / 2,
    y: e.getBoundingClientRect().y + e.getBoundingClientRect().height / 2,
    level: Number(e.getAttribute("aria-level")), classes: [...e.classList],
    background: getComputedStyle(e).backgroundColor, color: getComputedStyle(e).color}))"""


def luminance(color):
    """https://www.w3.org/TR/WCAG21/#dfn-relative-luminance"""
    linear = [c / 255 / 12.92 if c / 255 <= 0.03928 else ((c / 255 + 0.055) / 1.055) ** 2.4
              for c in color]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    dark, light = sorted(map(luminance, (one, other)))
    return (light + 0.05) / (dark + 0.05)


@unittest.skipUnless(lib_browser.program(), "there is no Chromium")
@unittest.skipIf(lib_gospy.FEW, "sanitizers see nothing of what a browser does")
class PageTest(WriterTest):
    """The page in a browser."""

    @classmethod
    def setUpClass(cls):
        cls.browser = lib_browser.Browser()
        cls.addClassCleanup(cls.browser.close)
        try:
            cls.browser.call("Browser.getVersion")
        except (EOFError, BrokenPipeError) as e:
            raise unittest.SkipTest(f"Chromium does not start here: {e}") from e

    def setUp(self):
        super().setUp()
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)

    def open(self, stacks=None, types=TYPES, diff=False, **how):
        self.page(write("html", SHOP if stacks is None else stacks, types, diff), **how)

    def page(self, text, **how):
        path = os.path.join(self.directory.name, "page.html")
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        self.browser.open(f"file://{path}", **how)
        self.addCleanup(self.assert_quiet, f"file://{path}", self.browser.events)

    def assert_quiet(self, url, events):
        """It has asked for nothing but itself, and complained of nothing."""
        self.js("0")  # what came before has been told
        self.assertEqual(lib_browser.complaints(events), [])
        self.assertEqual(set(lib_browser.requests(events)), {url})

    def js(self, expression):
        return self.browser.evaluate(expression)

    def text(self, element):
        return self.js(f'document.getElementById("{element}").textContent')

    def boxes(self):
        return self.js(BOXES)

    def box(self, text):
        """The outermost of that text."""
        found = [box for box in self.boxes() if box["text"] == text]
        self.assertTrue(found, text)
        return found[0]

    def click(self, text):
        box = self.box(text)
        self.browser.click(box["x"], box["y"])

    def press(self, *keys):
        for key in keys:
            self.browser.press(key)

    def focus(self):
        """The name of the call that the keyboard is at."""
        return self.js('document.querySelector("#figures b").textContent')

    def stacks(self):
        """The width of each stack that is drawn, of all the width. All names must fit."""
        boxes = self.boxes()
        found = {}
        for box in boxes:
            way = [other for other in boxes if other["level"] < box["level"] and
                   other["left"] - 1 <= box["left"] < other["left"] + other["width"]]
            way = sorted(way, key=lambda other: other["level"]) + [box]
            found[tuple(other["text"] for other in way[1:])] = box["width"] / boxes[0]["width"]
        return found

    def test_opens(self):
        self.open()
        self.assertEqual(self.text("title"), "heap of <shop> (4711)")
        self.assertEqual(self.text("facts"), "go1.99 \u00b7 2026-11-30 15:04:05 UTC")
        self.assertEqual(self.boxes()[0]["text"], "all: 16MB")
        self.assertEqual(self.text("notes"), "")
        self.assertIn("total 16MB (100%)", self.text("figures"))

    def test_layout(self):
        # Names that fit into a narrow box.
        letters = {}
        stacks = {tuple(letters.setdefault(name, f"a.{len(letters)}") for name in names): values
                  for names, values in SHOP.items()}
        self.open(stacks, width=5000)
        self.assert_drawn(self.stacks(), ahead(stacks, 1), TOTAL, 4976)
        self.press("c")
        self.assert_drawn(self.stacks(), inverted(stacks, 1), TOTAL, 4976)
        self.press("t")
        self.assert_drawn(self.stacks(), inverted(stacks, 0), 100, 4976)
        self.press("c")
        self.assert_drawn(self.stacks(), ahead(stacks, 0), 100, 4976)

    def test_zoom(self):
        self.open()
        full = self.boxes()[0]["width"]
        self.click("main.serve")
        self.assertAlmostEqual(self.box("main.serve")["width"], full, delta=1)
        shown = [box["text"] for box in self.boxes()]
        self.assertEqual(shown, ["all: 16MB", "runtime.main", "main.main", "main.serve",
                                 "net/http.(*conn).serve", "encoding/json.Marshal"])
        self.assertEqual(["above" in box["classes"] for box in self.boxes()],
                         [True] * 3 + [False] * 3)
        # The way to the root stays, and leads back.
        self.click("runtime.main")
        self.assertIn("main.load", [box["text"] for box in self.boxes()])
        self.assertNotIn("main.worker", [box["text"] for box in self.boxes()])
        self.js('document.getElementById("reset").click()')
        self.assertIn("main.worker", [box["text"] for box in self.boxes()])
        self.assertTrue(self.js('document.getElementById("reset").disabled'))

    def test_keyboard(self):
        self.open()
        self.press("ArrowDown")
        self.assertEqual(self.focus(), "runtime.main")  # the larger one
        self.press("ArrowLeft")
        self.assertEqual(self.focus(), "main.worker")
        self.press("ArrowLeft")
        self.assertEqual(self.focus(), "main.worker")
        self.press("End")
        self.assertEqual(self.focus(), "runtime.main")
        self.press("ArrowDown", "ArrowDown", "Enter")
        zoomed = self.focus()
        self.assertAlmostEqual(self.box(zoomed)["width"], self.boxes()[0]["width"], delta=1)
        self.press("ArrowUp")
        self.assertEqual(self.focus(), "main.main")
        self.press("Backspace")
        self.assertGreater(len(self.boxes()), 6)
        self.press("Escape")
        self.assertEqual(self.focus(), "all")
        # What an assistive program is told.
        active = self.js('document.getElementById(document.activeElement.getAttribute('
                         '"aria-activedescendant")).getAttribute("aria-label")')
        self.assertTrue(active.startswith("all, total 16MB"), active)
        self.press("?")
        self.assertTrue(self.js('document.getElementById("help").open'))
        self.press("Escape")
        self.assertFalse(self.js('document.getElementById("help").open'))

    def test_search(self):
        self.open()
        self.press("/")
        self.browser.type("^Encoding/|READFILE")
        self.assertEqual(self.text("found"), "0% in 0 functions")  # capitals are meant
        self.press("Escape")
        self.assertEqual(self.text("found"), "")
        self.browser.press("f", lib_browser.CONTROL)
        self.browser.type("^encoding/|readfile")
        # json.Marshal calls main.worker: that counts once.
        self.assertEqual(self.text("found"), "81.25% in 2 functions")
        matching = {box["text"] for box in self.boxes() if "match" in box["classes"]}
        self.assertEqual(matching, {"encoding/json.Marshal", "ReadFile"})
        self.press("Enter")
        first = self.focus()
        self.press("n", "n", "n")
        self.assertNotEqual(self.js('document.activeElement.id'), "search")
        self.press("N", "N", "N")
        self.assertEqual(self.focus(), first)
        self.press("/")
        self.browser.type("(*conn")
        self.assertEqual(self.js('document.getElementById("search").getAttribute("aria-invalid")'),
                         "true")
        self.assertEqual(self.text("found"), "31.25% in 1 function")  # as it is written

    def test_search_finds_what_is_too_small(self):
        stacks = {("a.Large",): (1, 10 ** 9), ("a.Small", "b.Needle"): (1, 10)}
        self.open(stacks)
        self.assertEqual(len(self.boxes()), 2)
        self.press("/")
        self.browser.type("needle")
        self.press("Enter")
        self.assertEqual(self.focus(), "b.Needle")
        self.assertAlmostEqual(self.box("b.Needle")["width"], self.boxes()[0]["width"], delta=1)

    def test_types(self):
        self.open()
        options = self.js('[...document.getElementById("type").options].map((o) => o.textContent)')
        self.assertEqual(options, ["objects: 100", "space: 16MB"])
        self.assertEqual(self.js('document.getElementById("type").value'), "1")
        self.click("main.load")
        self.press("t")
        self.assertEqual(self.js('document.getElementById("type").value'), "0")
        # It is still the same call that is zoomed to.
        self.assertEqual(self.focus(), "main.load")
        self.assertIn("total 91 (91.00%)", self.text("figures"))
        self.press("Escape")
        self.assertEqual(self.boxes()[0]["text"], "all: 100")
        self.assertNotIn("main.worker", [box["text"] for box in self.boxes()])

    def test_units(self):
        """Figures are printed as in the picture, and so as pprof does."""
        totals = (1, 7, 999, 1000, 1023, 1024, 1536, 10 ** 6, 123456789, 5 * 10 ** 9, 5 * 10 ** 11,
                  36 * 10 ** 11, 1 << 50, 123 << 52)
        for unit in ("bytes", "nanoseconds", "count", "kB", "MS", "widgets", "__proto__"):
            types = [f"a/{unit}"]
            # Each calls the one with less.
            self.open({tuple(f"a.F{n}" for n in totals[:i:-1] + (total,)): (total - below,)
                       for i, (below, total) in enumerate(zip((0,) + totals, totals))}, types)
            for total in reversed(totals):
                self.press("ArrowDown", "Enter")
                self.assertEqual(self.focus(), f"a.F{total}")
                _, box = lib_flame.read_svg(write("svg", {("a.F",): (total,)}, types))
                expected = box.figures[0].split(",")[0]
                self.assertRegex(self.text("figures"), rf"total {re.escape(expected)} \(", unit)

    def test_only(self):
        """All calls of one function, and all callers of it."""
        self.open()
        self.click("main.load")
        self.press("o")
        self.assertEqual([box["text"] for box in self.boxes()],
                         ["main.load", "encoding/json.Marshal", "main.load", "os.ReadFile"])
        self.press("o")
        self.assertIn("runtime.main", [box["text"] for box in self.boxes()])
        self.press("ArrowDown")
        while self.focus() != "encoding/json.Marshal":
            before = self.focus()
            self.press("ArrowLeft" if before == "runtime.main" else "ArrowDown")
            self.assertNotEqual(self.focus(), before)
        self.js('document.getElementById("act-callers").click()')
        self.assertEqual({box["text"] for box in self.boxes() if box["level"] == 2},
                         {"main.load", "main.worker", "net/http.(*conn).serve"})
        self.assertIn("total 12MB (75.00%)", self.text("figures"))

    def test_flip(self):
        self.open()
        self.assertEqual(self.boxes()[0]["top"], min(box["top"] for box in self.boxes()))
        self.press("i")
        self.assertEqual(self.boxes()[0]["top"], max(box["top"] for box in self.boxes()))
        self.press("ArrowUp")
        self.assertEqual(self.focus(), "runtime.main")
        self.press("ArrowDown")
        self.assertEqual(self.focus(), "all")

    def test_order(self):
        self.open()
        self.assertEqual([box["text"] for box in self.boxes()][1:3],
                         ["main.worker", "runtime.main"])
        self.press("s")
        self.assertEqual([box["text"] for box in self.boxes()][1:3],
                         ["runtime.main", "main.worker"])

    def test_hover(self):
        self.open()
        box = self.box("main.worker")
        self.assertTrue(self.js('document.getElementById("tip").hidden'))
        self.browser.hover(box["x"], box["y"])
        lib_gospy.wait_for(lambda: not self.js('document.getElementById("tip").hidden'), "the tip")
        self.assertEqual(self.text("tip"), "main.workertotal 6MB (37.50%)self 0 (0%)")

    def test_hostile_names(self):
        stacks = {(name, "x.Y"): (1, 1000 + n) for n, name in enumerate(HOSTILE)}
        self.open(stacks)
        elements = self.js('document.querySelectorAll("*").length')
        shown = set()
        self.press("ArrowDown", "Home")
        for at in range(len(HOSTILE)):
            shown.add(self.focus())
            self.press("Enter", "Escape", "ArrowDown", "Home", *["ArrowRight"] * (at + 1))
        self.assertEqual(len(shown), len(HOSTILE))
        self.press("/")
        self.browser.type("owned")
        self.assertIn("in 5 functions", self.text("found"))
        self.assertIn("<img src=x onerror=owned=1>", shown)
        self.assertEqual(self.js("typeof owned"), "undefined")
        self.assertEqual(self.js('document.querySelectorAll("img, iframe, script:not([type])")'
                                 ".length"), 1)
        # No more than those of what is said of a call.
        self.assertLess(self.js('document.querySelectorAll("*").length'), elements + 40)

    def test_narrow(self):
        """A telephone: nothing stands out, and of a name the end is kept."""
        stacks = {("runtime.main", f"google.golang.org/grpc/internal/transport.(*conn{n}).serve{n}"):
                  (1, 1) for n in range(5)}
        self.open(stacks, width=400, height=700, touch=True)
        self.assertLessEqual(self.js("document.documentElement.scrollWidth"), 400)
        self.assertEqual(self.js('[...document.querySelectorAll("button, select, input")].filter('
                                 "(e) => e.getBoundingClientRect().right > 400).length"), 0)
        self.assertEqual([box["text"] for box in self.boxes()][2:],
                         [f"serve{n}" for n in range(5)])
        self.click("serve3")
        self.assertEqual(self.boxes()[2]["text"],
                         "google.golang.org/grpc/internal/transport.(*conn3).serve3")

    def test_too_many(self):
        """What is narrower than half a pixel has no box, and rows out of sight have no elements."""
        stacks = {(f"a.F{n:05}", "b.G"): (1, 1) for n in range(20000)}
        stacks["c.H",] = (1, 20000)
        self.open(stacks)
        self.assertEqual([box["text"] for box in self.boxes()], ["all: 39.06kB", "c.H"])
        deep = {tuple(f"d.F{n}" for n in range(2000)): (1, 1)}
        self.open(deep)
        self.assertLess(len(self.boxes()), 200)
        self.js('document.getElementById("chart").scrollTop = 1e9')
        lib_gospy.wait_for(lambda: "d.F1999" in [box["text"] for box in self.boxes()], "the end")
        self.assertLess(len(self.boxes()), 200)

    def test_many(self):
        """As many boxes as a screen has room for, either way up."""
        stacks = {tuple(f"e.F{depth}" if depth < 5 else f"e.F{depth}.func{n}"
                        for depth in range(30)): (1, 1) for n in range(500)}
        self.open(stacks, width=1100)
        boxes = len(self.boxes())
        self.assertEqual(boxes, 1 + 5 + 25 * 500)
        self.press("i", "ArrowUp", "ArrowUp", "c", "i", "c", "Home", "End")
        self.assertEqual(len(self.boxes()), boxes)

    def test_names(self):
        """What is said of a function in less and less room: its end is kept."""
        path = "example.org/deep/path/"
        names = {
            "pkg.(*Type).Method": ["(*Type).Method", "Method"],
            "http.HandlerFunc.ServeHTTP": ["HandlerFunc.ServeHTTP", "ServeHTTP"],
            "main.(*T[...]).handle.func1.2": ["(*T[...]).handle.func1.2", "handle.func1.2"],
            "main.main.func1": ["main.func1"],
        }
        shown = {name: set() for name in names}
        for width in range(100, 1000, 30):
            self.open({(path + name,): (1, 1) for name in names}, width=width)
            for name, box in zip(sorted(names), self.boxes()[1:]):
                shown[name].add(box["text"])
        for name, shorter in names.items():
            self.assertLessEqual({name, *shorter}, shown[name])
            for text in shown[name] - {path + name, name, *shorter, ""}:
                self.assertTrue(text.endswith("\u2026") and shorter[-1].startswith(text[:-1]), text)

    def test_below_zero(self):
        self.open({("a.F", "b.G"): (1, -300), ("a.F", "c.H"): (1, 500), ("d.I",): (1, 500)})
        self.assertEqual(self.text("notes"), "-300B of 1 stack is below zero and not drawn.")
        self.assertAlmostEqual(self.box("a.F")["width"], self.box("d.I")["width"], delta=2)
        self.click("a.F")
        self.assertIn("total 200B", self.text("figures"))
        self.open({("a.F",): (1, -300)})
        self.assertFalse(self.js('document.getElementById("empty").hidden'))
        self.open(b"")
        self.assertFalse(self.js('document.getElementById("empty").hidden'))

    def test_colors(self):
        """Those of the picture, readable in the light and in the dark."""
        stacks = {(f"example.org/package{n}.F", f"runtime.f{n}", f"gr\u00fc\u00dfe{n}.F"): (1, 1)
                  for n in range(40)}
        pictured = {box.name: lib_flame.colors(box.color)
                    for box in lib_flame.read_svg(write("svg", stacks))}
        self.open(stacks, width=16000)
        self.assertEqual({box["text"] for box in self.boxes()[1:]}, set(pictured) - {"all"})
        for box in self.boxes()[1:]:
            for one, other in zip(lib_flame.colors(box["background"]), pictured[box["text"]]):
                self.assertAlmostEqual(one, other, delta=1)
        for dark in (False, True):
            self.open(stacks, width=8000, dark=dark)
            self.assert_readable()
            page = self.js("getComputedStyle(document.body).backgroundColor")
            self.assertEqual(luminance(lib_flame.colors(page)) < 0.1, dark)

    def assert_readable(self):
        """https://www.w3.org/TR/WCAG21/#contrast-minimum"""
        for box in self.boxes():
            ratio = contrast(*(lib_flame.colors(box[of]) for of in ("background", "color")))
            self.assertGreater(ratio, 4.5, box)

    def test_night_falls(self):
        self.open()
        by_day = self.box("main.worker")["background"]
        self.browser.prefer(dark=True)
        by_night = lib_gospy.wait_for(lambda: self.box("main.worker")["background"] != by_day and
                                      self.box("main.worker")["background"], "other colors")
        self.open(dark=True)
        self.assertEqual(self.box("main.worker")["background"], by_night)

    def test_diff(self):
        """Values of now, then of the base."""
        self.open({("a.Grown",): (1, 300, 1, 100), ("a.Same",): (1, 100, 1, 100),
                   ("a.Gone",): (0, 0, 1, 200), ("a.New",): (1, 400, 0, 0)}, diff=True)

        def widths():
            boxes = self.boxes()
            return {box["text"]: round(box["width"] / boxes[0]["width"], 1) for box in boxes[1:]}
        self.assertEqual(widths(), {"a.Grown": 0.3, "a.Same": 0.2, "a.Gone": 0.2, "a.New": 0.3})
        hues = {}
        for box in self.boxes()[1:]:
            red, _, blue = lib_flame.colors(box["background"])
            hues[box["text"]] = red - blue
        self.assertGreater(hues["a.New"], hues["a.Grown"])
        self.assertGreater(hues["a.Grown"], hues["a.Same"])
        self.assertGreater(hues["a.Same"], hues["a.Gone"])
        self.assertEqual(hues["a.Same"], 0)
        self.assert_readable()
        self.browser.prefer(dark=True)
        lib_gospy.wait_for(lambda: luminance(lib_flame.colors(self.box("a.Same")["background"])) <
                           0.2, "dark colors")
        self.assert_readable()
        self.click("a.Grown")
        self.assertIn("before 100B (25.00%)after 300B (37.50%)difference +200B (+200.00%)",
                      self.text("figures"))
        self.press("Escape", "w")
        self.assertEqual(widths(), {"a.Grown": 0.4, "a.Same": 0.1, "a.New": 0.5})
        self.press("w")
        self.assertEqual(widths(), {"a.Grown": 0.2, "a.Same": 0.2, "a.Gone": 0.5})
        self.assertEqual(self.js('document.querySelector("#width [aria-pressed=true]").value'),
                         "base")


if __name__ == "__main__":
    lib_gospy.main()
