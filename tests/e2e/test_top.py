"""gospy top on a terminal: what it shows is what the target says of itself, every key of its help
page does what it says, and the terminal is as it was afterwards, however it ends."""
import collections
import ctypes
import glob
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import termios
import unittest

import lib_fixture
import lib_gospy
import take_core
from lib_terminal import KEYS, Terminal

SIZE = (40, 120)
SYS_TGKILL = 234  # of x86-64
BAR = re.compile(r"\? help +q quit")
CYAN = 6  # the background of the selected line
NARROW = "N▼ "  # a title on a narrow screen


def newest(name):
    return lib_gospy.builds(name, variants=["default"])[-1]


class TopTest(lib_gospy.TargetTest):
    def fixture(self, name, *args):
        return self.watch(lib_fixture.start(newest(name), *args))

    def terminal(self, args, size=SIZE, **options):
        terminal = Terminal(args, *size, **options)
        self.addCleanup(terminal.close)
        self.addCleanup(self.assert_quiet, terminal)
        return terminal

    def top(self, fixture, *options, refresh="0.2", size=SIZE, wait="COUNT", **terminal):
        shown = self.terminal([lib_gospy.GOSPY, "top", "--refresh", refresh, *options,
                               fixture.pid], size, **terminal)
        if wait:
            shown.wait_text(wait)
        return shown

    def server(self):
        """A program with net/http, whose functions have long names."""
        server = subprocess.Popen([newest("server").path, "-linger"], stdout=subprocess.PIPE)
        self.addCleanup(server.stdout.close)
        self.addCleanup(server.wait)
        self.addCleanup(server.kill)
        server.stdout.readline()
        return server

    def assert_quiet(self, terminal):
        self.assertEqual(terminal.stderr(), "")

    def quit(self, top, key="q", status=0):
        top.key(key)
        self.assertEqual(top.end(), status)
        self.assertEqual(top.restored(), [])


def rows(lines, first, last=BAR):
    """The lines between that with the titles and the last one."""
    begin = next((i for i, line in enumerate(lines) if re.search(first, line)), len(lines))
    end = next((i for i, line in enumerate(lines) if last.search(line)), len(lines))
    return [line for line in lines[begin + 1:end] if line.strip()]


def counts(lines):
    """Groups by location: {function: count}."""
    found = {}
    for line in rows(lines, r"COUNT"):
        match = re.match(r".\s*(\d+) .*?\s(main\.\S+|runtime\.\S+)", line)
        if match:
            found[match[2]] = int(match[1])
    return found


def starts(fixture):
    """{function: count} of the goroutines' first functions, those of the go statements."""
    return dict(collections.Counter(start_of(fixture).values()))


def start_of(fixture):
    """{goid: function}; the outermost call, since the compiler may wrap what is started."""
    return {g["goid"]: g["frames"][-1]["func"]
            for g in lib_fixture.parse_traceback(fixture.ready["traceback"])}


# The words that columns have for reasons to wait that are not short by themselves.
SHORT = {"chan receive": "chan recv", "chan receive (nil chan)": "chan recv nil",
         "chan send (nil chan)": "chan send nil", "select (no cases)": "select{}",
         "sync.Cond.Wait": "Cond.Wait",
         "sync.Mutex.Lock": "Mutex.Lock", "sync.RWMutex.Lock": "RWMutex.Lock",
         "sync.RWMutex.RLock": "RWMutex.RLock", "sync.WaitGroup.Wait": "WaitGroup"}


def goids(lines):
    return [int(m[1]) for m in (re.match(r"\s*(\d+) ", line) for line in rows(lines, r"GOID")) if m]


def nobody(test):
    """What to put before a command that is to have no rights."""
    prefix = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    if os.getuid() != 0 or not shutil.which("setpriv"):
        test.skipTest("only root can give up its rights, with setpriv")
    try:
        lib_gospy.run("--version", prefix=prefix).expect(lib_gospy.OK)
    except (AssertionError, OSError):
        test.skipTest("gospy may not be run by another user")
    return prefix


class ScreenTest(TopTest):
    def test_groups(self):
        """Counts by start, and the totals of the header."""
        fixture = self.fixture("parked", "-n", 402)
        top = self.top(fixture)
        expected = starts(fixture)
        self.assertEqual(len(expected), 5)  # with main.main

        def equal(lines):
            return all(counts(lines).get(f) == n for f, n in expected.items())
        top.wait(equal, f"the counts {expected}")
        self.assertEqual(top.wait_text(r"^Goroutines +(\d+) ")[1],
                         str(len(fixture.ready["goroutines"])))
        self.assertTrue(top.wait_text(rf"parked +pid {fixture.pid} +{fixture.ready['go']} "))
        self.assertTrue(top.wait_text(rf"^Ps +{fixture.ready['gomaxprocs']} "))
        self.quit(top)

    def test_states(self):
        fixture = self.fixture("states")
        top = self.top(fixture, size=(60, 160))
        states = collections.Counter(g["state"] for g in fixture.ready["goroutines"])
        line = top.wait_text(r"(\d+) running +(\d+) runnable +(\d+) syscall +(\d+) waiting")
        self.assertEqual([int(n) for n in line.groups()],
                         [states[s] for s in ("running", "runnable", "syscall", "waiting")])
        # At last it groups by state, or reason to wait.
        for name in ("creator", "user frame", "current place", "whole stack", "state"):
            top.key("t")
            top.wait_text(rf" by {name}, \d+ groups?")
        words = [g.get("reason") or g["state"] for g in fixture.ready["goroutines"]]
        reasons = collections.Counter(SHORT.get(word, word) for word in words)

        def shown(lines):
            title = next((line for line in lines if "COUNT" in line), "STATE LOCATION")
            at, end = title.index("STATE"), title.index("LOCATION")
            # One that is only half drawn has no count yet.
            return {row[at:end].strip(): int(row[1:10]) for row in rows(lines, "COUNT")
                    if row[1:10].strip().isdigit()}
        top.wait(lambda lines: shown(lines) == reasons, f"{reasons}")
        # A filter knows the words of the screen, and those of the runtime.
        for word in ("select{}", r"^select \(no cases", "chan recv nil$", r"\(nil chan\)"):
            top.key("/")
            top.type(word)
            top.key("Enter")
            expected = {name: n for name, n in reasons.items() if any(
                re.search(word, form) for form in (name, *(k for k in SHORT if SHORT[k] == name)))}
            top.wait(lambda lines: shown(lines) == expected, f"{expected} by {word}")
            top.key("Esc")
        # What it waits for has the same name as the state, where that is all there is.
        top.key("t")
        top.wait_text(" by wait object, ")
        top.key("/")
        top.type("^select without|^select{}")
        top.key("Enter")
        top.wait_text(r"^ +1 .* select\{\} +select\{\} ")
        self.quit(top)

    def test_drill_in(self):
        """A group, its goroutines, a stack, and who waits for the same channel."""
        fixture = self.fixture("parked", "-n", 40, "-depth", 3)
        members = {goid for goid, start in start_of(fixture).items() if start == "main.park2"}
        top = self.top(fixture, size=(60, 120))
        self.select(top, "main.park2")
        top.key("Enter")
        top.wait(lambda lines: "GOID" in "".join(lines) and set(goids(lines)) == members,
                 f"the goroutines {members}")
        goid = goids(top.screen.lines())[0]
        traceback = next(g for g in lib_fixture.parse_traceback(fixture.ready["traceback"])
                         if g["goid"] == goid)
        top.key("Enter")
        top.wait_text(rf"^goroutine {goid} \[{re.escape(traceback['reason'])}")
        functions = [frame["func"] for frame in traceback["frames"]]
        shown = [m[1] for m in (re.match(r"(\S.*)\(.*\)$", line)
                                for line in rows(top.screen.lines(), "^goroutine")) if m]
        self.assertEqual(shown, functions)
        self.assertTrue(top.wait_text(rf"^created by {re.escape(traceback['created_by']['func'])}"))
        self.assertTrue(top.wait_text(rf"main\.go:{traceback['frames'][0]['line']} "))
        channel = next(g["chan"] for g in fixture.ready["goroutines"] if g["goid"] == goid)
        others = {g["goid"] for g in fixture.ready["goroutines"] if g.get("chan") == channel}
        top.key("o")
        top.wait_text(rf"waiting for channel {channel}")
        top.wait(lambda lines: "GOID" in "".join(lines) and
                 set(goids(lines)) == set(sorted(others)), f"the goroutines {others}",)
        self.quit(top)

    def test_all_that_it_waits_for(self):
        """The channels of a select with their directions, both ends of a connection: nothing is
        cut off where one line has no room."""
        fixture = self.fixture("states")
        for kind, member in (("select", "cases"), ("fd", "remote")):
            g = next(g for g in fixture.ready["goroutines"]
                     if g.get("waits", {}).get("kind") == kind and g["waits"].get(member))
            waits = g["waits"]
            start = next(t["frames"][-1]["func"] for t in
                         lib_fixture.parse_traceback(fixture.ready["traceback"])
                         if t["goid"] == g["goid"])
            top = self.top(fixture, size=(40, 50), wait=NARROW)
            top.key("/")
            top.wait_text("^/")
            top.type(re.escape(start) + r"\b")
            top.key("Enter", "Enter")
            top.wait_text("^ *GOID ")
            while g["goid"] != self.selected(top):
                above = self.selected(top)
                top.key("Down")
                top.wait(lambda _, above=above: self.selected(top) != above, "the line below")
            top.key("Enter")
            top.wait_text(rf"^goroutine {g['goid']} \[")
            top.wait_text("^created by ")
            expected = [rf" {case['addr']}, cap \d+ len \d+ \({case['direction']}\)"
                        for case in waits.get("cases", ())]
            if kind == "fd":
                expected = [rf"waits for fd {waits['fd']} tcp {waits['local']} with "
                            rf"{waits['remote']} "]

            def whole(lines, expected=expected):
                shown = " ".join(" ".join(rows(lines, "^goroutine")).split())
                return all(re.search(pattern, shown) for pattern in expected)
            top.wait(whole, f"{expected}")
            self.quit(top)

    def select(self, top, function):
        """Move the selection to the group of a function."""
        top.wait_text(re.escape(function))
        top.key("/")
        top.wait_text("^/")
        top.type(re.escape(function) + r"\b")
        top.wait(lambda lines: list(counts(lines)) == [function], f"{function} alone")
        top.key("Enter", "Down")
        top.wait_no_text("^/")

    def test_states_in_the_order_of_their_words(self):
        """They are sorted by the words that are shown: "Mutex.Lock" before "chan recv"."""
        fixture = self.fixture("states")
        n = sum("labels" not in g for g in fixture.ready["goroutines"])
        top = self.top(fixture, size=(70, 120))
        top.key("T")
        top.wait_text("by label")
        top.wait_text(r"\(no labels\)")
        top.key("Enter")
        top.wait_text("^ +GOID +STATE +WAIT▼")
        top.key("<")
        title = top.wait_text("^ +GOID +STATE▼ +WAIT ").string

        def states(lines):
            begin, end = title.index("STATE"), title.index(" THREAD")
            cells = [line[begin:end] for line in lines if re.match(r"  +\d+ ", line)]
            return [re.sub(r" +\S+$", "", cell.rstrip()) for cell in cells]
        top.wait(lambda lines: len(states(lines)) == n and states(lines) == sorted(states(lines)),
                 "states in the order of the alphabet")
        shown = states(top.screen.lines())
        self.assertLess(shown.index("Mutex.Lock"), shown.index("chan recv"))
        self.quit(top)

    def test_selection_follows(self):
        """The selection stays with its goroutine when the order is turned round."""
        fixture = self.fixture("parked", "-n", 40)
        top = self.top(fixture)
        self.select(top, "main.park1")
        top.key("Enter")
        top.wait(lambda lines: "GOID" in "".join(lines) and len(goids(lines)) == 10,
                 "ten goroutines")
        top.key("<", "<", "<")
        top.wait_text("GOID▼")
        first = self.selected(top)
        top.key("Down", "Down")
        top.wait(lambda lines: self.selected(top) == goids(lines)[goids(lines).index(first) + 2],
                 "the second one below to be selected")
        selected = self.selected(top)
        order = goids(top.screen.lines())
        self.assertEqual(order, sorted(order))
        top.key("I")
        top.wait(lambda lines: goids(lines) == order[::-1], "the order turned round")
        self.assertEqual(self.selected(top), selected)
        top.key("Enter")
        top.wait_text(rf"stack of goroutine {selected},")
        self.quit(top)

    def selected(self, top):
        """The goid of the selected line."""
        for line, cells in zip(top.screen.lines(), top.screen.cells):
            if cells[0][1][1] == CYAN and cells[-1][1][1] == CYAN:
                return int(line.split()[0])
        raise AssertionError(f"nothing is selected\n{top.text()}")

    def test_scheduler(self):
        """A goroutine that is locked to a thread is shown at it."""
        fixture = self.fixture("states")
        top = self.top(fixture)
        locked = next(g for g in fixture.ready["goroutines"] if g.get("tid"))
        top.key("Tab")
        top.wait_text(rf" {locked['tid']} .* {locked['goid']} .*main\.locked")
        for p in range(fixture.ready["gomaxprocs"]):
            top.wait_text(rf"^ +{p} (idle|running|syscall|GC stop)")
        self.quit(top)

    def test_scheduler_shows_calls(self):
        """Not how the runtime parks a thread, but who had that done: os/signal has a thread for its
        loop, and the runtime one that is locked to a goroutine for it."""
        top = self.top(self.server())
        top.key("2")
        top.wait_text(r" \d+ os/signal\.\w+ ")
        # What it waits for is the goroutine, which the runtime has parked in a select.
        top.wait_text(r" \d+ waits for runtime\.ensureSigM\b")
        self.assertNotRegex(top.text(), r"waits for runtime\.(selectgo|gopark)")
        self.quit(top)

    def test_thread_cpu(self):
        """What runs uses a processor."""
        top = self.top(self.fixture("busy"))
        top.key("2")

        def busy(lines):
            found = [re.match(r" +\d+ running +\d+ +(\d+) +(\d+\.\d) ", line) for line in lines]
            return any(m and float(m[2]) > 0 for m in found)
        top.wait(busy, "a thread that uses a processor")
        self.quit(top)

    def test_header(self):
        """What the process uses of what it may, what looking costs it, and the GC."""
        fixture = self.fixture("states")
        top = self.top(fixture, size=(35, 130))
        top.wait_text(rf" CPU \d+(\.\d)?% of {fixture.ready['gomaxprocs']}00%  RSS \d")
        # All stops so far cost at least as much as the last.
        pause = top.wait_text(r" pause (?:(\d+\.\d+)|(\d+\.\d+) ms), max (\d+\.\d+) ms$")
        self.assertGreaterEqual(float(pause[3]), float(pause[1] or pause[2]))
        fixture.ask("gc")
        top.wait_text(r" GC \d+(\.\d)?/min( \d+\.\d% cpu)? ")
        self.assertIn("first look", top.text())
        self.quit(top)
        # Where not all has room, what never changes gives way to the longest pause.
        for cols, version in ((75, False), (100, True)):
            top = self.top(fixture, size=(24, cols))
            top.wait_text(r" pause .*, max \d+\.\d+ ms$")
            self.assertEqual(fixture.ready["go"] in top.text(), version)
            self.quit(top)

    def test_waits(self):
        """A deadlock comes first, and is called so from the second sample on. From there it goes to
        the goroutines and their stacks, and back."""
        fixture = self.fixture("abba")
        members = {g["goid"]: g["holds"] for g in fixture.ready["goroutines"] if "holds" in g}
        for size in ((24, 120), (24, 80), (24, 40)):
            top = self.top(fixture, size=size, wait=None)
            top.wait_text(r"COUNT|N▼ ")
            top.key("4")
            top.wait_text(r"DEADLOCK")
            top.wait_text(r"4 Waits +1 deadlock")
            lines = top.screen.lines()
            first = next(i for i, line in enumerate(lines) if "DEADLOCK" in line)
            self.assertFalse([line for line in lines[:first] if "sync.Mutex" in line])
            if size[1] == 120:
                for holder, lock in members.items():
                    top.wait_text(rf" 1 .*sync.Mutex {lock} +{holder} +main.lock")
            top.key("Enter")
            top.wait_text(r"waiting for sync.Mutex")
            top.key("Enter")
            top.wait_text(r"goroutine \d+")
            top.key("Esc")
            top.wait_text(r"waiting for sync.Mutex")
            top.key("Esc")
            top.wait_text(r"DEADLOCK")
            self.quit(top)

    def test_deadlock_everywhere(self):
        """All views tell of a deadlock, but for the one that shows it."""
        top = self.top(self.fixture("abba"), size=(24, 100), wait=None)
        told = "Deadlock: 2 goroutines wait for each other (goroutine "
        top.wait_text(told.replace("(", r"\("))
        for key, view in (("2", "THREAD"), ("3", "next GC")):
            top.key(key)
            top.wait_text(view)
            top.wait_text(told.replace("(", r"\("))
        top.key("4")
        top.wait_text(r"DEADLOCK")
        self.assertNotIn(told, top.text())
        self.quit(top)

    def test_memory(self):
        fixture = self.fixture("states")
        top = self.top(fixture)
        fixture.ask("gc")
        stats = fixture.ask("memstats")
        top.key("3")
        top.wait_text(rf"^collector +{stats['NumGC']} cycles \({stats['NumForcedGC']} forced\)")
        top.wait_text("heap live")
        with open(f"/proc/{fixture.pid}/status", encoding="ascii") as status:
            peak = int(re.search(r"VmHWM:\s+(\d+)", status.read())[1]) / 1024
        shown = top.wait_text(r"^process RSS .* (\d+\.\d) MB of (\d+\.\d) MB at its peak")
        self.assertLessEqual(abs(float(shown[2]) - peak), 0.5 + 0.1 * peak)
        self.assertLessEqual(float(shown[1]), float(shown[2]))
        self.quit(top)
        # On a narrow screen there are fewer figures, and none is cut.
        top = self.top(fixture, size=(24, 40), wait=NARROW)
        top.key("3")
        top.wait_text(rf"^collector +{stats['NumGC']} cycles")
        top.wait_text("^heap live")
        for line in top.screen.lines():
            if re.match("live|in use|idle|process RSS|collector|pauses", line):
                self.assertNotIn("…", line)
        self.quit(top)

    def test_memory_without_collections(self):
        """There is no goal that a heap reaches, and no pause."""
        fixture = self.watch(lib_fixture.start(newest("parked"), "-n", 4, env={"GOGC": "off"}))
        top = self.top(fixture)
        top.key("3")
        top.wait_text("^pauses +none yet; ")
        top.wait_text("^heap live, over ")
        top.wait_text(" [kM]B, no goal ")
        self.assertNotIn("pause of the last collection", top.text())
        self.quit(top)


# Notes how many threads there are whenever the locale is changed.
LOCALE_WATCH = r'''
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>

char *setlocale(int category, const char *locale)
{
	char *(*real)(int, const char *) = (char *(*)(int, const char *))dlsym(RTLD_NEXT, "setlocale");
	FILE *log = locale ? fopen(getenv("LOCALE_LOG"), "a") : NULL;
	if (log) {
		DIR *dir = opendir("/proc/self/task");
		int entries = 0;
		while (readdir(dir))
			entries++;
		closedir(dir);
		fprintf(log, "%d threads\n", entries - 2);
		fclose(log);
	}
	return real(category, locale);
}
'''


@unittest.skipUnless(shutil.which("cc"), "there is no C compiler")
class LocaleTest(TopTest):
    def test_is_set_before_there_are_threads(self):
        with tempfile.TemporaryDirectory() as place:
            source, library, log = (os.path.join(place, name)
                                    for name in ("watch.c", "watch.so", "log"))
            with open(source, "w") as file:
                file.write(LOCALE_WATCH)
            subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=True)
            fixture = self.fixture("parked", "-n", 40)
            top = Terminal([lib_gospy.GOSPY, "top", fixture.pid], *SIZE, env={
                "LD_PRELOAD": library, "LOCALE_LOG": log,
                "ASAN_OPTIONS": "verify_asan_link_order=0"})
            self.addCleanup(top.close)
            top.wait_text("COUNT")
            with open(log) as file:
                self.assertEqual(set(file), {"1 threads\n"})
            # One thread is the program, which has others by now.
            self.assertGreater(len(os.listdir(f"/proc/{top.process.pid}/task")), 1)
            top.key("q")
            self.assertEqual(top.end(), 0)


def keys_and_words(top):
    """[(names of keys, what they do)] of the help page, which has two columns, the signs first."""
    half = next(line.index("Table") for line in top.screen.lines() if line.startswith("Signs"))
    text = [[line[:half], line[half:]] for line in top.screen.lines()]
    lines = [left for left, _ in text[1:-1]] + [right for _, right in text[1:-1]]
    lines = [line.strip() for line in lines]
    return [(line[:15].rstrip(), line[16:]) for line in lines[lines.index("Moving"):] if line[16:]]


class KeyTest(TopTest):
    """Every key of the help page, by what it does. Each begins and ends at the groups."""

    def test_every_key(self):
        fixture = self.fixture("parked", "-n", 400, "-depth", 2)
        self.assertTrue(starts(fixture))
        directory = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, directory)
        self.directory = directory
        top = self.top(fixture, size=(50, 120), cwd=directory)
        keys = self.keys_of_help(top)
        self.assertGreater(len(keys), 40)
        for key in keys:
            with self.subTest(key=key):
                self.assertIn(key, self.CHECKS, f"this test does not know the key {key}")
                self.CHECKS[key](self, top, key)
                self.home(top)
        self.assertEqual(top.restored(), [])

    def home(self, top):
        if top.process.poll() is None:
            top.wait_text(r"by start, \d+ groups")

    def keys_of_help(self, top):
        """Those of the page that the program shows."""
        top.key("?")
        top.wait_text("keys; Esc goes back")
        keys = [key for names, _ in keys_and_words(top) for key in names.split(" ")]
        top.key("Esc")
        self.home(top)
        # The one that ends the program in the end; others get one of their own.
        return [k for k in keys if k != "q"] + ["q"]

    # What is selected is known by its background.
    def line(self, top):
        return top.wait(lambda lines: next((i for i, row in enumerate(top.screen.cells)
                                            if row[0][1][1] == CYAN and row[-1][1][1] == CYAN), None),
                        "a selected line")

    def wait_line(self, top, y):
        top.wait(lambda _: top.screen.cells[y][-1][1][1] == CYAN, f"line {y} to be selected")

    def moves(self, top, key):
        first = self.line(top)
        last = first + len(counts(top.screen.lines())) - 1
        if key in ("Up", "k"):
            top.key("Down", "Down")
            self.wait_line(top, first + 2)
            top.key(key)
            self.wait_line(top, first + 1)
        elif key in ("Down", "j"):
            top.key(key)
            self.wait_line(top, first + 1)
        elif key in ("PgUp", "Home"):
            top.key("End")
            top.wait(lambda _: self.line(top) > first, "the last line to be selected")
            top.key(key)
            self.wait_line(top, first)
        else:
            top.key(key)
            top.wait(lambda _: self.line(top) >= last, "the last line to be selected")
        top.key("Home")
        self.wait_line(top, first)

    def opens(self, top, key):
        top.key(key)
        top.wait_text("goroutines of main.park")
        top.key("Esc")

    def goes_back(self, top, key):
        top.key("Enter")
        top.wait_text("goroutines of main.park")
        top.key(key)
        self.home(top)
        top.key("/")
        top.type("park1")
        top.key("Enter")
        top.wait_text(r"\d of \d groups")
        top.key(key)

    def turns(self, top, key):
        order = ["Ps and", "heap and collections", r"4 Waits +\d+ wait for"]
        for shown in order if key == "Tab" else order[::-1]:
            top.key(key)
            top.wait_text(shown)
        top.key(key)

    def views(self, top, key):
        """The numbers stand at the names of the views."""
        for number, shown in (("4", r"\d wait for"), ("3", "heap and collections"),
                              ("2", "Ps and"), ("1", "by start")):
            self.assertIn(f" {number} ", next(line for line in top.screen.lines() if
                                              re.search("1 Groups +2 ", line)))
            top.key(number)
            top.wait_text(shown)
        # Once more it leads back from what was opened; from the help it leads there.
        top.key("Enter")
        top.wait_text("goroutines of main.park")
        top.key("1")
        self.home(top)
        top.key("?")
        top.wait_text("keys; Esc goes back")
        top.key("2")
        top.wait_text("Ps and")
        top.key("9")
        top.wait_text("there are 4 views")
        top.key("1")

    def filters(self, top, key):
        before = set(counts(top.screen.lines()))
        top.key(key)
        top.wait_text("^/")
        top.type("park[12]")
        # The filter works while it is typed.
        top.wait(lambda lines: set(counts(lines)) == {"main.park1", "main.park2"}, "two groups")
        top.type("(")
        top.wait_text(r"[Uu]nmatched|[Pp]arenthes")
        top.key("Backspace", "Enter")
        top.wait_text(r"/park\[12\]")
        top.key("Esc")
        top.wait(lambda lines: set(counts(lines)) == before, "all groups again")

    def looks_for(self, top, key):
        """It goes to the line while it is typed; all lines stay."""
        first = next(i for i, line in enumerate(top.screen.lines()) if "COUNT" in line) + 1
        top.key("Home")
        self.wait_line(top, first)
        shown = counts(top.screen.lines())
        at = {f: next(i for i, line in enumerate(top.screen.lines()) if f"{f} " in line)
              for f in shown}
        matches = sorted(at[f] for f in ("main.park1", "main.park3"))
        top.key(key)
        top.wait_text("^Search: .*Enter stay  F3 next  Esc end")
        top.type("park[13]")
        self.wait_line(top, matches[0])
        self.assertEqual(set(counts(top.screen.lines())), set(shown))
        top.key(key)
        self.wait_line(top, matches[1])
        top.key("Enter")
        top.wait_no_text("^Search")
        top.key("n")
        self.wait_line(top, matches[0])
        top.key("Home")
        self.wait_line(top, first)

    def searches(self, top, key):
        functions = list(counts(top.screen.lines()))
        first = next(i for i, line in enumerate(top.screen.lines()) if "COUNT" in line) + 1
        at = {f: next(i for i, line in enumerate(top.screen.lines()) if f"{f} " in line)
              for f in functions}
        top.key("/")
        top.type("park[13]")
        top.wait(lambda lines: len(counts(lines)) == 2, "two groups")
        top.key("Esc")
        top.wait(lambda lines: len(counts(lines)) == len(functions), "all groups again")
        top.key("Home")
        self.wait_line(top, first)
        matches = sorted(at[f] for f in ("main.park1", "main.park3"))
        expected = [y for y in matches if y > first] + [y for y in matches if y <= first]
        if key == "N":
            expected = expected[::-1]
            if expected[0] == first:
                expected = expected[1:]
        top.key(key)
        self.wait_line(top, expected[0])
        top.key("Home")
        self.wait_line(top, first)

    def groups(self, top, key):
        forward = key in ("t", "F5")
        order = ["start", "creator", "user frame", "current place", "whole stack", "state",
                 "wait object", "label"]
        for name in (order[1:] if forward else order[:0:-1]) + ["start"]:
            top.key(key)
            top.wait_text(rf" by {name}, \d+ groups?")

    def sorts(self, top, key):
        top.wait_text("COUNT▼")
        top.key(">")
        top.wait_text("DELTA▼")
        top.key("<")
        top.wait_text("COUNT▼")

    def sort_menu(self, top, key):
        top.key(key)
        top.wait_text("^ Sort by")
        top.key("End", "Up", "Up", "Enter")
        top.wait_text("LOCATION▼")
        top.wait(lambda lines: [f for f in counts(lines) if "park" in f] ==
                 [f"main.park{i}" for i in range(4)], "the functions in their order")
        top.key(key, "Home", "Enter")
        top.wait_text("COUNT▼")

    def inverts(self, top, key):
        before = list(counts(top.screen.lines()).values())
        top.key(key)
        top.wait_text("COUNT▲")
        top.wait(lambda lines: list(counts(lines).values()) == sorted(before), "smallest first")
        top.key(key)
        top.wait_text("COUNT▼")

    def marks(self, top, key):
        top.wait_text("since first look")
        top.key(key)
        top.wait_text("since mark")
        top.wait_text("^marked")

    def growing(self, top, key):
        top.wait_text("growing first")
        top.key(key)
        top.wait_no_text("groups, growing first")
        top.key(key)
        top.wait_text("groups, growing first")

    def same_object(self, top, key):
        top.key("Enter")
        top.wait_text("GOID")
        top.wait(lambda lines: goids(lines), "goroutines")
        top.key(key)
        top.wait_text("waiting for channel 0x")
        top.key("Esc")
        top.wait_text("goroutines of main.park")
        top.key("Esc")

    def writes(self, top, key):
        # Frozen, what is written is what is shown.
        top.key("p")
        top.wait_text("FROZEN")
        shown = counts(top.screen.lines())
        top.key(key)
        name = top.wait_text(r"written: (\S+\.txt)")[1]
        with open(os.path.join(self.directory, name), encoding="utf-8") as f:
            self.assertEqual(counts(f.read().split("\n")), shown)
        with open(os.path.join(self.directory, name[:-3] + "json"), encoding="utf-8") as f:
            document = json.load(f)
        self.assertEqual(document["schema_version"], 1)
        self.assertEqual(document["type"], "top")
        self.assertEqual({g["location"]["func"]: g["count"] for g in document["groups"]}, shown)
        top.key("Enter")
        top.wait_text("GOID")
        listed = top.wait(lambda lines: goids(lines), "goroutines")
        top.key(key)
        second = top.wait_text(r"written: (\S+\.txt)")[1]
        self.assertNotEqual(second, name)
        with open(os.path.join(self.directory, second[:-3] + "json"), encoding="utf-8") as f:
            document = json.load(f)
        self.assertEqual((document["type"], document["view"]), ("screen", "Goroutines"))
        self.assertEqual([r["goid"] for r in document["rows"]][:len(listed)], listed)
        self.assertEqual(len(glob.glob(os.path.join(self.directory, "*"))), 4)
        # Where nothing can be written, it says so.
        aside = self.directory + ".aside"
        os.rename(self.directory, aside)
        os.mkdir(self.directory)
        shutil.rmtree(aside)
        top.key(key)
        top.wait_text("cannot write gospy-top-.*: No such file")
        top.key("Esc")
        self.home(top)
        top.key("p")
        top.wait_no_text("FROZEN")

    def freezes(self, top, key):
        top.key(key)
        top.wait_text("FROZEN")
        # Frozen as it is, it can be looked into.
        top.key("Enter")
        top.wait_text("GOID")
        top.wait(lambda lines: goids(lines), "goroutines")
        top.key("Enter")
        top.wait_text("stack of goroutine .* frozen")
        top.wait_text(r"^main\.park")
        top.key("Esc", "Esc")
        self.home(top)
        top.key(key)
        top.wait_no_text("FROZEN")

    def refreshes(self, top, key):
        top.key("p")
        top.wait_text("FROZEN")
        up = top.wait_text(r" up (\S+)")[1]
        top.key("Down", "Home")
        # Uptime has seconds: look again until one has passed.
        top.wait(lambda lines: (top.key(key), up not in "".join(lines))[1], "another sample")
        top.key("p")
        top.wait_no_text("FROZEN")

    def intervals(self, top, key):
        top.wait_text("every 200ms")
        top.key("+")
        top.wait_text("every 500ms")
        top.key("-")
        top.wait_text("every 200ms")

    def stopping(self, top, key):
        top.wait_text("^Snapshot +(paused|nothing stopped) ")
        top.key(key)
        top.wait_text(r"not stopped: \d+ consistent, \d+ retried, 0 torn")
        top.key(key)
        top.wait_text("^Snapshot +(paused|nothing stopped) ")

    def flame(self, top, key):
        """What it shows is seen in test_top_flame."""
        top.key("f")
        top.wait_text(r"^.100 goroutines +100%$")
        top.key("f")
        top.wait_text(r"^.401 goroutines +100%$")
        top.key("Down")
        top.wait_text(r"^main\.park0  100 goroutines, ")
        if key in ("Left", "Right"):
            top.key("Right")
            top.wait_text(r"^main\.park1  100 goroutines, ")
        if key == "Left":
            top.key("Left")
            top.wait_text(r"^main\.park0  100 goroutines, ")
        if key == "i":
            top.key("i")
            top.wait_text("stacks of all, callers$")
            top.key("i")
            top.wait_no_text("callers$")
        top.key("Esc")

    def follows(self, top, key):
        """What it leads to is seen in test_names."""
        top.key(key)
        top.wait_text("the one that follows it is shown")
        top.wait_text(r"^ *\d .* following\b")
        top.key(key)
        top.wait_text("its last picture stays")
        top.wait_no_text(r"^ *\d .* following\b")

    def click(self, top, key):
        first = next(i for i, line in enumerate(top.screen.lines()) if "COUNT" in line) + 1
        top.key("Home")
        self.wait_line(top, first)
        top.mouse("click", first + 2, 5)
        self.wait_line(top, first + 2)
        x = top.screen.lines()[first - 1].index("LOCATION")
        top.mouse("click", first - 1, x)
        top.wait_text("LOCATION▼")
        top.mouse("click", first - 1, x)
        top.wait_text("LOCATION▲")
        top.mouse("click", first - 1, top.screen.lines()[first - 1].index("COUNT"))
        top.wait_text("COUNT▼")
        top.key("Home")
        self.wait_line(top, first)

    def double_click(self, top, key):
        top.mouse("double", self.line(top) + 1, 5)
        top.wait_text("goroutines of ")
        top.key("Esc")
        self.home(top)
        top.key("Home")

    def wheel(self, top, key):
        top.key("Enter")
        top.wait_text("GOID")
        listed = top.wait(lambda lines: goids(lines), "goroutines")
        top.mouse("wheel down", 20, 5)
        top.wait(lambda lines: goids(lines)[0] == listed[3], "three lines down")
        top.mouse("wheel up", 20, 5)
        top.wait(lambda lines: goids(lines)[0] == listed[0], "three lines up")
        top.key("Esc")

    def helps(self, top, key):
        # Keys that are about groups lead from there to them.
        for other, shown in (("t", " by creator,"), ("T", " by start,"), (None, " by start,")):
            top.key(key)
            top.wait_text("keys; Esc goes back")
            top.key(other or "Esc")
            top.wait_text(shown)

    def quits(self, top, key):
        if key == "q":
            self.quit(top, key)
            return
        # Two that stop the target all the time would be in each other's way.
        top.key("p")
        top.wait_text("FROZEN")
        other = self.terminal([lib_gospy.GOSPY, "top",
                               re.search(r"pid (\d+)", top.text())[1]])
        other.wait_text("COUNT")
        self.quit(other, key)
        top.key("p")
        top.wait_no_text("FROZEN")

    def test_bottom_line(self):
        """It shows what works where the user is."""
        fixture = self.fixture("parked", "-n", 40)
        top = self.top(fixture)
        top.wait_text("^Enter open +Esc processes +/ filter +t group +s sort +m mark .*growing")
        top.key("Enter")
        top.wait_text("^Enter open +Esc back +/ filter +s sort +o same object ")
        top.key("Enter")
        top.wait_text("^Esc back +o same object +F3 search .*[?] help +q quit$")
        top.key("3")
        top.wait_text("^Esc processes  f flame  w write  Space freeze  1-4 view  [?] help  q quit$")
        top.key("p", "?")
        top.wait_text("^Esc back  F3 search  q quit$")
        top.key("Esc")
        top.wait_text("Space go on")
        top.key("1", "1", "/")
        top.wait_text("^/ +Enter keep  Esc unfilter$")
        top.type("park")
        top.key("Enter")
        top.wait_text("^Enter open +Esc unfilter ")
        self.quit(top)

    CHECKS = {
        **dict.fromkeys(("Up", "k", "Down", "j", "PgUp", "PgDn", "Home", "End"), moves),
        "Enter": opens, "Esc": goes_back, "Backspace": goes_back, "Tab": turns,
        "Shift-Tab": turns, "1-9": views, "/": filters, "F4": filters, "F3": looks_for,
        "n": searches, "N": searches,
        **dict.fromkeys(("t", "F5", "T", "Shift-F5"), groups),
        "<": sorts, ">": sorts, "F6": sort_menu, "s": sort_menu, "I": inverts, "m": marks, "g": growing,
        "o": same_object, "w": writes, "Space": freezes, "p": freezes, "r": refreshes,
        "Ctrl-L": refreshes, "+": intervals, "-": intervals, "b": stopping, "F": follows, "Click": click,
        "f": flame, "Left": flame, "Right": flame, "i": flame,
        "Double-click": double_click, "Wheel": wheel, "F1": helps, "?": helps, "h": helps,
        "q": quits, "F10": quits, "Ctrl-C": quits,
    }

    def test_keys_of_the_manual(self):
        """The manual page has the same keys, in the same words."""
        fixture = self.fixture("parked", "-n", 4)
        top = self.top(fixture, size=(60, 120))
        top.key("F1")
        top.wait_text("keys; Esc goes back")
        page = os.path.join(lib_fixture.TOP, "docs", "gospy.1")
        with open(page, encoding="utf-8") as f:
            manual = re.sub(r"\\f[BIRP]|\\&", "", f.read()).replace(r"\-", "-")
        for names, words in keys_and_words(top):
            keys = ", ".join(names.split(" "))
            self.assertIn(f"{keys}\n{words}\n", manual)
        top.key("Esc")
        top.wait_text("by start")
        self.quit(top)


class SizeTest(TopTest):
    def test_sizes(self):
        """Nothing is drawn where there is no room, and everything comes back."""
        fixture = self.fixture("parked", "-n", 40)
        top = self.top(fixture)
        for rows_, cols in ((24, 80), (3, 10), (10, 3), (1, 1), (2, 2), (24, 40), (5, 300)):
            top.resize(rows_, cols)
            for key in ("Enter", "Tab", "Tab", "Tab", "Tab", "Esc", "F6", "Esc", "F1", "Esc", "/", "Esc"):
                top.key(key)
        top.resize(24, 40)
        expected = starts(fixture)
        # The ends of names, and where they are, have room.
        ends = {re.search(r"\w+$", name)[0]: n for name, n in expected.items()}
        top.wait(lambda lines: {m[2]: int(m[1]) for m in (
            re.match(r".\s*(\d+) .*?[. ](\w+)(?: main\.go)?:\d+$", line)
            for line in rows(lines, NARROW)) if m} == ends,
            f"{ends} in 40 columns")
        self.assertLessEqual(max(map(len, top.screen.lines())), 40)
        top.wait(lambda lines: re.search("^Enter open .*[?] help q quit$", lines[-1]),
                 "help and quit on the bottom line")
        top.resize(*SIZE)
        top.wait_text("/MIN +OLDEST +STATE +LOCATION +WAITS AT +CREATED BY")
        self.quit(top)

    def test_80_columns(self):
        """What howto-leak.md says of the header and of DELTA holds on a small terminal."""
        fixture = self.fixture("parked", "-n", 400)
        top = self.top(fixture, size=(24, 80))
        n = len(fixture.ready["goroutines"])
        top.wait_text(rf"^Goroutines {n}  \+0/s .* {n - 1} wait  \+0 since first look")
        top.wait_text("^ +COUNT▼ +DELTA +/MIN ")
        top.key("m")
        top.wait_text(rf"^Goroutines {n}  \+0/s .* {n - 1} wait  \+0 since mark")
        self.quit(top)

    def test_sort_by_what_is_shown(self):
        """< and > go to columns that are on the screen, so that their mark is, too."""
        fixture = self.fixture("parked", "-n", 40)
        top = self.top(fixture, size=(24, 80))
        titles = top.wait_text("^ +COUNT▼ .*")[0].replace("▼", " ").replace("WAITS AT", "WAITS_AT")
        titles = titles.split()
        self.assertNotIn("CREATED", titles)
        for title in titles[1:] + titles[-1:]:
            top.key(">")
            top.wait_text(f"{title.replace('_', ' ')}▼")
        for title in titles[-2::-1] + titles[:1]:
            top.key("<")
            top.wait_text(f"{title.replace('_', ' ')}▼")
        self.quit(top)

    def test_sort_by_what_has_no_room(self):
        """A column has room if it is what sorts, and its mark is seen."""
        fixture = self.fixture("states")
        for options, title in (((), "STATE +LOCATION$"), (("--sort", "user"), "WAITS AT▼$"),
                               (("--sort", "creator"), "CREATED BY▼$")):
            top = self.top(fixture, *options, size=(24, 80), wait=None)
            top.wait_text(f"COUNT.* {title}")
            self.quit(top)
        top = self.top(fixture, "--sort", "user", size=(24, 40), wait=None)
        top.wait_text(" N .* WAITS AT▼$")
        self.quit(top)

    def places(self, lines, title="LOCATION", behind=None):
        """The cells of a column."""
        titles = next((line for line in lines if title in line), title)
        at = titles.index(title)
        end = titles.index(behind) - 1 if behind else None
        return [row[at:end].strip() for row in rows(lines, title)]

    def test_server_at_80_columns(self):
        """There is room for WAITS AT, and all places have their lines."""
        top = self.top(self.server(), size=(24, 80))
        top.wait_text("COUNT▼ DELTA /MIN OLDEST STATE +LOCATION +WAITS AT")
        places = self.places(top.screen.lines(), behind="WAITS AT")
        self.assertGreater(len(places), 5)
        for place in places:
            self.assertRegex(place, r"^[^…]*:\d+$")
        waits = self.places(top.screen.lines(), "WAITS AT")
        self.assertEqual(len(waits), len(places))
        for wait in waits:
            self.assertRegex(wait, r"^(-|[\w.]*:\d+)$")
        self.quit(top)

    def test_server_at_40_columns(self):
        """States are there and whole, and so are methods."""
        top = self.top(self.server(), size=(24, 40), wait=NARROW)
        top.wait_text("N▼ STATE +LOCATION")
        lines = top.screen.lines()
        # Where some of a group are in another state, a mark says so.
        states = {state.rstrip("…") for state in self.places(lines, "STATE", "LOCATION")}
        self.assertLessEqual(states,
                             {"chan recv", "IO wait", "select", "sleep", "syscall", "running",
                              "runnable", "Mutex.Lock"})
        methods = {re.sub(r".*[.)](\w+)( \S+)?(:\d+)?$", r"\1", place)
                   for place in self.places(lines)}
        self.assertLessEqual({"work", "visit", "readLoop", "writeLoop"}, methods)
        # What a title has no room for is left out.
        self.assertRegex(lines[2], r"^ 1 Groups +by start, \d+ groups$")
        # Two places in one function are told apart.
        top.key("t")
        top.wait_text(r"^ 1 Groups +by creator, \d+ groups$")
        places = [place for place in self.places(top.screen.lines(), "CREATED BY")
                  if "dialConn" in place]
        self.assertGreaterEqual(len(places), 2)
        self.assertEqual(len(set(places)), len(places), places)
        self.quit(top)

    def test_stacks_at_one_place(self):
        """What is different about them is shown, on screens of any width."""
        fixture = self.fixture("abba")
        lines = {g["start_line"] for g in fixture.ready["goroutines"]
                 if g["name"] in ("first", "second")}
        for cols in (40, 80, 120):
            top = self.terminal([lib_gospy.GOSPY, "top", "--refresh", "0.2", "--group", "stack",
                                 fixture.pid], (24, cols))
            top.wait_text("LOCATION +DIFFERS AT")
            told = [re.match(r"main\S*?(?: main\.go)?:(\d+)", place)
                    for place in self.places(top.screen.lines(), "DIFFERS AT",
                                             "CREATED BY" if cols > 100 else None)]
            self.assertEqual({int(place[1]) for place in told if place}, lines, top.text())
            # By another key there is nothing to tell.
            top.key("t")
            top.wait_no_text("DIFFERS AT")
            self.quit(top)

    def test_200_columns(self):
        """One column is complete, with whole paths, rather than all of them wider."""
        fixture = self.fixture("parked", "-n", 40)
        frames = [g["frames"][-1] for g in lib_fixture.parse_traceback(fixture.ready["traceback"])]
        top = self.top(fixture, size=(24, 200))
        title = top.wait_text("LOCATION +WAITS AT +CREATED BY").string
        for frame in frames:
            top.wait_text(re.escape(f" {frame['func']} {frame['file']}:"))
        self.assertLessEqual(title.index("CREATED BY") - title.index("WAITS AT"),
                             len("fixtures/fixture.Serve serve.go:123 ") * 2)
        self.quit(top)

    def test_titles_stand_still(self):
        """One picture is like the next where nothing has changed: what a column has room for does
        not depend on the picture before."""
        top = self.top(self.server(), size=(30, 111))
        top.key("t", "p")
        top.wait_text("FROZEN .*by creator")
        first = next(i for i, line in enumerate(top.screen.lines()) if "COUNT" in line) + 1
        for cols in range(120, 160, 3):
            top.resize(30, cols)
            shown = set()
            for key, y in ("Down", first + 1), ("Up", first):
                top.key(key)
                # Until it has drawn anew, the last column is empty.
                top.wait(lambda _, y=y: top.screen.cells[y][-1][1][1] == CYAN, f"line {y}")
                shown.add(top.screen.lines()[first - 1])
            self.assertEqual(len(shown), 1, shown)
        self.quit(top)

    def test_stacks_that_are_not_read(self):
        """Of so many goroutines: there is no column for what is then known of none."""
        fixture = self.fixture("parked", "-n", 100001)
        top = self.top(fixture)
        top.wait_text("LOCATION +CREATED BY$")
        self.quit(top)

    def test_user_frames_once(self):
        """Where these are what it groups by, LOCATION has them."""
        fixture = self.fixture("parked", "-n", 40)
        top = self.top(fixture)
        top.wait_text("LOCATION +WAITS AT +CREATED BY$")
        top.key("t", "t")
        top.wait_text("by user frame")
        top.wait_text("LOCATION +CREATED BY$")
        self.quit(top)

    def test_300_columns(self):
        fixture = self.fixture("parked", "-n", 40)
        top = self.top(fixture, size=(50, 300))
        title = top.wait_text("LOCATION +WAITS AT +CREATED BY").string
        self.assertGreater(title.index("CREATED BY") - title.index("LOCATION"), 60)
        self.quit(top)


class NarrowTest(TopTest):
    """In 40 columns."""

    def narrow(self, fixture, **options):
        return self.top(fixture, size=(24, 40), wait=NARROW, **options)

    def test_messages(self):
        """They take as many lines as they need."""
        directory = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, directory)
        fixture = lib_fixture.start(newest("parked"), "-n", 40)
        self.addCleanup(fixture.close)
        top = self.narrow(fixture, cwd=directory)

        def said(words):
            top.wait(lambda lines: words in " ".join(" ".join(lines).split()), words)
        top.key("m")
        said("marked: DELTA and growth count from now on")
        top.key("F")
        said("when the process ends, the one that follows it is shown")
        top.key("w")
        name = top.wait(lambda lines: re.search(r"written: ?(gospy-top-[\w-]+)\.txt ?and ?\.json",
                                                "".join(line.strip() for line in lines[-4:])),
                        "the name of the file")[1]
        self.assertEqual(sorted(os.listdir(directory)), [f"{name}.json", f"{name}.txt"])
        top.key("/")
        top.wait_text("^/")
        top.type("park(")
        said("missing closing parenthesis, at character 6")
        top.wait_text(r"^/park\(")
        top.key("Esc")
        fixture.close()
        said("Last picture, ")
        top.wait(lambda lines: re.search(rf"{fixture.pid}|ended|gone", lines[2] + lines[3]) and
                 "…" not in lines[2] + lines[3], "why there is no newer one")
        top.wait_text("^Esc processes r again .*[?] help q quit$")
        self.quit(top)

    def test_header(self):
        """However much of it a high screen has, each fact is whole or not there."""
        fixture = self.fixture("parked", "-n", 40)
        top = self.top(fixture, size=(60, 40), wait=NARROW)
        for cols in 40, 50, 60, 70, 80, 90, 100, 110, 120, 130:
            top.resize(60, cols)
            top.wait(lambda lines, cols=cols: re.search("^ 1 Groups ", lines[4]) and
                     any(len(line) > cols - 10 for line in lines), "the screen drawn anew")
            lines = top.screen.lines()
            self.assertNotRegex("\n".join(lines[:4]), "…")
            self.assertRegex(lines[2], "Heap .* (goal|no goal)")
            self.assertRegex(lines[3], "^Snapshot .* took ")
        self.quit(top)

    def test_nothing(self):
        """An empty table says why."""
        fixture = self.fixture("parked", "-n", 40)
        top = self.narrow(fixture)
        for keys in (), ("Enter",):
            top.key(*keys, "/")
            top.wait_text("^/")
            top.type("nosuch")
            top.wait_text("^nothing matches nosuch$")
            top.key("Esc")
            top.wait_no_text("nothing matches")
        self.quit(top)
        top = self.terminal([*nobody(self), lib_gospy.GOSPY, "top"], (24, 40))
        top.wait(lambda lines: re.search(r"there is no Go process; \d+ others? may not be looked at "
                                         r"\(sudo\?\)", " ".join(" ".join(lines).split())),
                 "why there are none")
        self.quit(top, "Ctrl-C")

    def test_stack(self):
        """The state of a goroutine is told in whole words."""
        fixture = self.fixture("states")
        g = next(g for g in fixture.ready["goroutines"]
                 if g.get("reason") == "chan receive (nil chan)")
        start = start_of(fixture)[g["goid"]]
        top = self.narrow(fixture)
        top.key("/")
        top.wait_text("^/")
        top.type(re.escape(start) + r"\b")
        top.key("Enter", "Enter")
        top.wait_text("^ *GOID ")
        top.key("Enter")
        top.wait(lambda lines: re.search(
            rf"goroutine {g['goid']} \[chan receive \(nil chan\)(, [^…\]]*)?\]",
            " ".join(" ".join(lines).split())), "its state")
        self.quit(top)

    def test_filter(self):
        """What a title says gives way to what is filtered by."""
        fixture = self.fixture("parked", "-n", 40)
        for size, wait in ((24, 40), NARROW), ((24, 80), "COUNT"):
            top = self.top(fixture, size=size, wait=wait)
            top.key("/")
            top.wait_text("^/")
            top.type("park[1-3]")
            top.key("Enter")
            top.wait_text(r"^ 1 Groups .*by start.*  /park\[1-3\]$")
            self.quit(top)

    def test_menu(self):
        """It stands beside the table, of which no column is cut."""
        titles = {"N▼", "COUNT▼", "DELTA", "/MIN", "OLDEST", "STATE", "LOCATION", "WAITS", "AT",
                  "CREATED", "BY"}
        fixture = self.fixture("parked", "-n", 40)
        for size, wait in ((24, 40), NARROW), ((24, 80), "COUNT"), ((24, 120), "COUNT"):
            top = self.top(fixture, size=size, wait=wait)
            top.key("s")
            shown = top.wait_text(r"^ Sort by +(.*)$")
            self.assertLessEqual(set(shown[1].split()), titles)
            at = shown.start(1)
            lines = top.screen.lines()
            first = next(i for i, line in enumerate(lines) if "Sort by" in line)
            self.assertEqual([line[1:at].strip() for line in lines[first + 1:first + 9]],
                             ["COUNT", "DELTA", "/MIN", "OLDEST", "STATE", "LOCATION", "WAITS AT",
                              "CREATED BY"])
            self.assertEqual(lines[-1], "Enter sort  Esc back  Up Down choose")
            # A click on a title is one on that of the table where it is now.
            top.mouse("click", first, lines[first].index("LOCATION"))
            top.wait_text("LOCATION▼")
            top.wait_no_text("Sort by")
            self.quit(top)

    def test_objects(self):
        """Addresses are cut as addresses, sockets as sockets."""
        fixture = self.fixture("states")
        selects = [g["waits"]["cases"] for g in fixture.ready["goroutines"]
                   if g.get("waits", {}).get("kind") == "select" and g["waits"].get("cases")]
        ports = {g["waits"]["remote"].rpartition(":")[2] for g in fixture.ready["goroutines"]
                 if g.get("waits", {}).get("kind") == "fd" and g["waits"].get("remote")}
        self.assertTrue(selects and ports)
        top = self.top(fixture, size=(70, 40), wait=NARROW)
        top.key("T", "T")
        top.wait_text(" by wait object, ")
        for cases in selects:
            ends = sorted(f"…{case['addr'][-3:]}" for case in cases)
            top.wait(lambda lines, ends=ends: any(
                sorted(m[1].split(", ")) == ends or m[1].split(" +")[0] in ends and
                m[1].endswith(f" +{len(ends) - 1}")
                for m in (re.search(r"select of (.*)$", line) for line in lines) if m),
                f"a select of {ends}")
        for port in ports:
            top.wait_text(rf" fd \d+ with :{port}\b")
        self.assertNotRegex(top.text(), r"0x\S*…|\w…\w+ ")
        self.quit(top)

    def test_picker(self):
        fixture = self.fixture("parked", "-n", 37)
        top = self.terminal([lib_gospy.GOSPY, "top", "--refresh", "0.2"], (24, 40))
        top.wait_text(rf"^ *{fixture.pid} .* 37|38 .*parked -n 37")
        top.wait_text(r"^ Processes  \d+ Go process(es)?$")
        top.wait_text("^/ +Enter open F1 help Ctrl-C quit$")
        top.type("parked")
        top.wait_text(r"^ Processes  \d+ of \d+ Go process(es)?$")
        top.wait_text("^/parked +Enter open Esc unfilter$")
        self.quit(top, "Ctrl-C")


class LookTest(TopTest):
    """Colours and characters that a terminal has."""

    def colors(self, top):
        return {color for row in top.screen.cells for _, style in row for color in style[:2]
                if color is not None}

    def test_no_utf8(self):
        fixture = self.fixture("parked", "-n", 40)
        top = self.top(fixture, env={"LC_ALL": "C"})
        top.wait_text(r"COUNTv +DELTA ")
        top.wait_text(r" Heap \[[|: ]*\]")
        top.wait_text(r"^Ps \d+ \[[R.SG]+\]")
        for key, text in (("2", "Ps and"), ("3", "heap live"), ("F1", "keys; Esc")):
            top.key(key)
            top.wait_text(text)
            self.assertTrue(top.text().isascii(), top.text())
        top.key("Esc")
        self.quit(top)

    def test_no_color(self):
        fixture = self.fixture("parked", "-n", 40)
        for env in ({"NO_COLOR": "1"}, {"TERM": "vt220"}):
            top = self.top(fixture, env=env)
            self.assertEqual(self.colors(top), set())
            # The selected line is seen all the same.
            top.wait(lambda _: sum("reverse" in row[-1][1][2] for row in top.screen.cells) >= 2,
                     "a line in reverse")
            self.quit(top)

    def test_colors(self):
        """The terminal's own eight, and greys where there are 256."""
        fixture = self.fixture("parked", "-n", 40)
        for term, colors in (("xterm", set(range(8))), ("xterm-256color", {*range(8), 246})):
            with self.subTest(term=term):
                top = self.top(fixture, "--theme", "dark", env={"TERM": term})
                self.assertGreater(len(self.colors(top)), 2)
                self.assertLessEqual(self.colors(top), colors)
                self.quit(top)

    def fronts(self, top):
        """Colours of text that has no background of its own."""
        return {style[0] for row in top.screen.cells for _, style in row
                if style[0] is not None and style[1] is None}

    DARK, LIGHT = {2, 3, 6, 246}, {1, 4, 240}

    def test_themes(self):
        """By the background that the terminal tells of, by COLORFGBG, or as the user has it."""
        fixture = self.fixture("parked", "-n", 40)
        for options, env, background, colors in (
                ([], {}, "#101010", self.DARK), ([], {}, "#fdf6e3", self.LIGHT),
                ([], {}, "#808080", set()), ([], {}, None, set()),
                ([], {"COLORFGBG": "15;0"}, None, self.DARK),
                ([], {"COLORFGBG": "0;15"}, None, self.LIGHT),
                # The variable may be of another terminal.
                ([], {"COLORFGBG": "15;0"}, "#ffffff", self.LIGHT),
                # A string that ncurses makes for this terminal stays until the end.
                ([], {"TERM": "linux", "ASAN_OPTIONS": "detect_leaks=0"}, None, self.DARK),
                (["--theme", "light"], {"COLORFGBG": "15;0"}, None, self.LIGHT),
                (["--theme", "dark"], {}, "#ffffff", self.DARK),
                (["--theme", "plain"], {}, "#ffffff", None)):
            with self.subTest(options=options, env=env, background=background):
                top = self.top(fixture, *options, env=env, background=background)
                if colors:
                    top.wait(lambda _: self.fronts(top), "colours")
                    self.assertLessEqual(self.fronts(top), colors)
                elif colors is None:
                    self.assertEqual(self.colors(top), set())
                else:
                    self.assertEqual(self.fronts(top), set())
                    self.assertIn(CYAN, self.colors(top))
                if options or "TERM" in env:
                    self.assertEqual(top.screen.questions, [], "was asked for nothing")
                self.quit(top)

    def test_late_answer(self):
        """An answer is no key, whenever it comes, and the keys before and behind it are."""
        fixture = self.fixture("parked", "-n", 40)
        top = self.top(fixture, background="#ffffff", late=True)
        self.assertEqual(self.fronts(top), set())
        top.key("p")
        top.answer()
        top.key("I")
        top.wait_text("FROZEN")
        top.wait_text("COUNT▲")
        top.wait(lambda _: self.fronts(top), "colours")
        self.assertLessEqual(self.fronts(top), self.LIGHT)
        top.key("p")
        self.quit(top)

    def test_keys_before_the_answer(self):
        """What is typed before the first picture is not lost."""
        fixture = self.fixture("parked", "-n", 40)
        top = self.terminal([lib_gospy.GOSPY, "top"], background="#ffffff", late=True)
        top.wait(lambda _: top.screen.questions == ["background", "attributes"], "the question")
        top.type(str(fixture.pid))
        top.answer()
        top.wait_text(f"^Filter: {fixture.pid} +Enter open")
        self.quit(top, "Ctrl-C")

    def test_answer_after_the_end(self):
        """An answer that is on its way when gospy ends does not come to the shell. gospy waits for
        a moment only; what comes together with the key that ends it is there in time."""
        shell = self.terminal(["sh", "-i"], env={"PS1": "$ ", "ENV": ""}, shared_stderr=True,
                              background="#000000", late=True)
        shell.wait_text(r"^\$")
        shell.type(f"{lib_gospy.GOSPY} top\n")
        shell.wait(lambda _: len(shell.screen.questions) == 2, "the question")
        shell.answer(KEYS["Ctrl-C"])
        shell.wait(lambda _: not shell.screen.alternate, "the shell's screen")
        shell.type("echo on$((40+2))\n")
        shell.wait_text("on42$")
        self.assertNotIn("rgb", shell.text())
        shell.type("exit\n")
        self.assertEqual(shell.end(), 0)

    def test_hostile_names(self):
        """A program whose name is made to hurt a terminal."""
        build = newest("parked")
        directory = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, directory)
        path = os.path.join(directory, "evil\033[2J\u202e\u4e2d\u6587")
        shutil.copy(build.path, path)
        fixture = self.watch(lib_fixture.Fixture(path, "-n", "4"))
        top = self.top(fixture)
        top.wait_text(r"evil\\x1b\[2J\\xe2\\x80\\xae\u4e2d\u6587  pid")
        self.quit(top)


class TargetTest(TopTest):
    """What happens to the target while it is looked at."""

    def test_core(self):
        """A core is a still picture, which one can walk through."""
        fixture = self.fixture("parked", "-n", 40)
        expected = starts(fixture)
        place = tempfile.TemporaryDirectory(prefix="gospy-top-")
        self.addCleanup(place.cleanup)
        core = os.path.join(place.name, "core")
        take_core.take(fixture.pid, core)
        bundle = os.path.join(place.name, "bundle")
        lib_gospy.run("capture", core, "-o", bundle).expect(lib_gospy.OK)
        for path in core, bundle:
            for size in (24, 80), (20, 40), (40, 160):
                with self.subTest(path=path, size=size):
                    top = self.terminal([lib_gospy.GOSPY, "top", path], size)
                    top.wait_text(r"^Goroutines \d+  .*a still picture")
                    top.wait_text(f"COUNT|{NARROW}")
                    self.assertNotRegex(top.text(), r"\d{20}|first look|every 2s|\+0/s")
                    self.assertIn("bundle" if path == bundle else "core", top.screen.lines()[0])
                    shown = counts(top.screen.lines())
                    if size[1] > 40:
                        self.assertEqual(sorted(shown.values()), sorted(expected.values()))
                    # What only a process has, or only its past, is not shown as unknown.
                    self.assertNotRegex(top.screen.lines()[0], "CPU|RSS|GC")
                    self.assertNotRegex(top.screen.lines()[-1], "mark|growing|freeze")
                    top.key("Enter")
                    top.wait_text("GOID")
                    top.key("Enter")
                    top.wait_text(r"stack of goroutine \d+ *$")
                    top.key("3")
                    top.wait_text("^collector ")
                    self.assertNotRegex(top.text(), "process RSS|/min|sample|heap live")
                    for key in ("m", "p", "r", "+", "-", "b", "F"):
                        top.key(key)
                        top.wait_text("^this is a still picture")
                        top.key("1")
                        top.wait_no_text("^this is a still picture")
                    self.quit(top)

    def test_exit(self):
        fixture = lib_fixture.start(newest("parked"), "-n", 40)
        self.addCleanup(fixture.close)
        expected = starts(fixture)
        top = self.top(fixture)
        top.wait(lambda lines: len(counts(lines)) >= 4, "the groups")
        fixture.close()
        top.wait_text(r"Last picture.*(ended|no process|gone)")
        shown = counts(top.screen.lines())
        self.assertEqual({f: n for f, n in shown.items() if f in expected}, expected)
        top.key("r")
        top.wait_text(rf"{fixture.pid}.*(no process|ended|gone)")
        self.assertTrue(top.wait_text("Last picture"))
        self.quit(top)

    def test_exec(self):
        fixture = self.fixture("parked", "-n", 40)
        top = self.top(fixture)
        top.wait(lambda lines: len(counts(lines)) >= 4, "the groups")
        fixture.ask("exec")
        top.wait_text(r"Last picture.*executed")
        top.key("r")
        top.wait_no_text("Last picture")
        expected = starts(fixture)
        top.wait(lambda lines: all(counts(lines).get(f) == n for f, n in expected.items()),
                 f"the counts {expected} of the new program")
        self.quit(top)

    def test_ended_goroutine(self):
        """A stack that is looked at stays when its goroutine ends."""
        fixture = self.fixture("parked", "-n", 4)
        top = self.top(fixture)
        top.key("Enter")
        top.wait(lambda lines: "GOID" in "".join(lines) and goids(lines), "goroutines")
        top.key("Enter")
        shown = top.wait_text(r"^goroutine \d+ \[")[0]
        fixture.ask("exec")
        top.wait_text("Last picture")
        self.assertTrue(top.wait_text(re.escape(shown)))
        self.quit(top)

    def test_no_such_process(self):
        top = self.terminal([lib_gospy.GOSPY, "top", "--refresh", "0.2", 4194300],
                            shared_stderr=True)
        self.assertEqual(top.end(), lib_gospy.NO_TARGET)
        # It says so at once, or, on a busy machine, after the screen.
        self.assertRegex(top.text(), r"(?m)^gospy: .*4194300")
        self.assertEqual(top.restored(), [])

    def test_permission(self):
        fixture = self.fixture("parked", "-n", 4)
        top = self.terminal([*nobody(self), lib_gospy.GOSPY, "top", fixture.pid], shared_stderr=True)
        self.assertEqual(top.end(), lib_gospy.PERMISSION)
        # It was said where it can be read, with the remedy; there was no screen that hid it.
        self.assertRegex(top.text().replace("\n", ""), r"gospy: .*(root|CAP_SYS_PTRACE)")
        self.assertEqual(top.restored(), [])

    def test_stopped_target(self):
        """One that somebody has stopped is shown, and stays stopped."""
        fixture = self.fixture("parked", "-n", 40)
        os.kill(fixture.pid, signal.SIGSTOP)
        self.addCleanup(os.kill, fixture.pid, signal.SIGCONT)
        top = self.top(fixture)
        top.wait(lambda lines: len(counts(lines)) >= 4, "the groups")
        self.quit(top)
        # The kernel stops a thread anew that a tracer lets go of.
        lib_gospy.wait_for(lambda: not lib_gospy.disturbed(fixture.pid, stopped=True),
                           "the target to stand still")


class EndTest(TopTest):
    """The terminal is as it was, however gospy ends."""

    def test_signals(self):
        fixture = self.fixture("parked", "-n", 40)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
            with self.subTest(signal=number.name):
                top = self.top(fixture)
                self.assertTrue(top.screen.alternate)
                os.kill(top.process.pid, number)
                self.assertEqual(top.end(), 128 + number)
                self.assertEqual(top.restored(), [])

    def test_crash(self):
        fixture = self.fixture("parked", "-n", 40)
        for number in (signal.SIGSEGV, signal.SIGABRT):
            with self.subTest(signal=number.name):
                top = Terminal([lib_gospy.GOSPY, "top", fixture.pid], *SIZE)
                self.addCleanup(top.close)
                top.wait_text("COUNT")
                os.kill(top.process.pid, number)
                self.assertNotEqual(top.end(), 0)
                self.assertEqual(top.restored(), [])

    @unittest.skipIf(os.environ.get("GOSPY_SANITIZE") == "thread",
                     "ThreadSanitizer keeps a signal from a thread that waits")
    def test_crash_of_another_thread(self):
        """No thread blocks its own faults: they would kill it past all handlers."""
        fixture = self.fixture("parked", "-n", 40)
        top = Terminal([lib_gospy.GOSPY, "top", fixture.pid], *SIZE)
        self.addCleanup(top.close)
        top.wait_text("COUNT")
        pid = top.process.pid
        # The oldest lives as long as the program; those for a stop come and go.
        _, thread, *_ = sorted(map(int, os.listdir(f"/proc/{pid}/task")))
        self.assertEqual(ctypes.CDLL(None).syscall(SYS_TGKILL, pid, thread, signal.SIGSEGV), 0)
        self.assertNotEqual(top.end(), 0)
        self.assertEqual(top.restored(), [])

    def test_what_is_said_meanwhile(self):
        """Text for stderr waits until the screen is gone, be it by a crash."""
        fixture = self.fixture("parked", "-n", 40)
        top = Terminal([lib_gospy.GOSPY, "top", fixture.pid], *SIZE, shared_stderr=True)
        self.addCleanup(top.close)
        top.wait_text("COUNT")
        with open(f"/proc/{top.process.pid}/fd/2", "w", encoding="ascii") as f:
            f.write("gospy: so it ends\n")
        os.kill(top.process.pid, signal.SIGABRT)
        self.assertNotEqual(top.end(), 0)
        self.assertIn("gospy: so it ends", top.text().replace("\n", ""))
        self.assertEqual(top.restored(), [])

    def test_terminal_goes_away(self):
        fixture = self.fixture("parked", "-n", 40)
        top = self.top(fixture)
        os.close(top.slave)
        os.close(top.master)
        top.master = os.open("/dev/null", os.O_RDWR)
        top.slave = os.open("/dev/null", os.O_RDWR)
        self.assertEqual(top.process.wait(lib_gospy.HANG), 128 + signal.SIGHUP)

    def test_suspend(self):
        """Ctrl-Z gives the terminal to the shell, fg takes it again, and takes it once."""
        fixture = self.fixture("parked", "-n", 40)
        shell = self.terminal(["sh", "-i"], env={"PS1": "$ ", "ENV": ""}, shared_stderr=True)
        shell.wait_text(r"^\$")
        settings = shell.settings
        shell.type(f"{lib_gospy.GOSPY} top --refresh 0.2 {fixture.pid}\n")
        shell.wait_text("COUNT▼")
        shell.key("Ctrl-Z")
        shell.wait(lambda _: not shell.screen.alternate, "the shell's screen")
        shell.wait_text(r"Stopped|\[1\] ?\+")
        shell.type("echo still$((40+2))\n")
        shell.wait_text("still42")
        self.assertEqual(lib_gospy.disturbed(fixture.pid), [])
        shell.type("fg\n")
        shell.wait(lambda _: shell.screen.alternate, "the screen again")
        shell.wait_text("COUNT▼")
        shell.key("Down", "Enter")
        shell.wait_text("GOID")
        shell.key("q")
        shell.wait(lambda _: not shell.screen.alternate, "the shell's screen")
        shell.type("echo status$?\n")
        shell.wait_text("status0")
        self.assertEqual(shell.screen.taken, 2)
        shell.type("exit\n")
        self.assertEqual(shell.end(), 0)
        self.assertEqual(shell.restored(), [])
        self.assertEqual(shell.settings, settings)

    def test_suspend_while_drawing(self):
        """No Ctrl-Z is lost, and none cuts off what is on its way to the terminal."""
        fixture = self.fixture("parked", "-n", 40)
        shell = self.terminal(["sh", "-i"], env={"PS1": "$ ", "ENV": ""}, shared_stderr=True)
        shell.wait_text(r"^\$")
        shell.type(f"{lib_gospy.GOSPY} top --refresh 0.1 {fixture.pid}\n")
        for _ in range(20):
            shell.wait(lambda _: shell.screen.alternate, "the screen")
            shell.wait_text("COUNT▼")
            for _ in range(10):
                shell.key("Down", "Up")
                shell.read(0)
            shell.key("Ctrl-Z")
            shell.wait(lambda _: not shell.screen.alternate, "the shell's screen")
            shell.type("fg\n")
        shell.wait(lambda _: shell.screen.alternate, "the screen")
        shell.wait_text("COUNT▼")
        shell.key("q")
        shell.wait(lambda _: not shell.screen.alternate, "the shell's screen")
        shell.type("exit\n")
        self.assertEqual(shell.end(), 0)

    def test_suspend_that_nobody_wants(self):
        """Where SIGTSTP is ignored from the start Ctrl-Z does nothing."""
        fixture = self.fixture("parked", "-n", 40)
        # A shell with jobs: without one the kernel lets nothing be stopped by a key.
        shell = self.terminal(["sh", "-i"], env={"PS1": "$ ", "ENV": ""}, shared_stderr=True)
        shell.wait_text(r"^\$")
        shell.type(f"(trap '' TSTP; exec {lib_gospy.GOSPY} top --refresh 0.1 {fixture.pid})\n")
        shell.wait_text("COUNT▼")
        shell.key("Ctrl-Z", "F1")
        shell.wait_text("Esc goes back")
        self.assertTrue(shell.screen.alternate)
        shell.key("Esc", "q")
        shell.wait(lambda _: not shell.screen.alternate, "the shell's screen")
        shell.type("exit\n")
        self.assertEqual(shell.end(), 0)

    def test_stop_from_outside(self):
        """Of a SIGSTOP gospy learns afterwards only; meanwhile the shell has set the terminal."""
        fixture = self.fixture("parked", "-n", 40)
        top = self.top(fixture)
        mine = termios.tcgetattr(top.slave)
        os.kill(top.process.pid, signal.SIGSTOP)
        os.waitpid(top.process.pid, os.WUNTRACED)
        termios.tcsetattr(top.slave, termios.TCSANOW, top.settings)
        os.kill(top.process.pid, signal.SIGCONT)
        top.wait(lambda _: termios.tcgetattr(top.slave) == mine, "the terminal to be taken again")
        top.key("Down", "Enter")
        top.wait_text("GOID")
        self.quit(top)

    def test_no_mouse(self):
        fixture = self.fixture("parked", "-n", 4)
        top = self.top(fixture)
        self.assertTrue(top.screen.mouse)
        self.quit(top)
        top = self.top(fixture, "--no-mouse")
        self.assertFalse(top.screen.mouse)
        self.quit(top)


class PickerTest(TopTest):
    def test_picker(self):
        """Without a target: choose one, look at it, choose another one."""
        fixture = self.fixture("parked", "-n", 37)
        other = self.fixture("states")
        top = self.terminal([lib_gospy.GOSPY, "top", "--refresh", "0.2"])
        for one in (fixture, other):
            user = lib_gospy.run("list").expect(lib_gospy.OK)
            self.assertIn(str(one.pid), user.out)
            top.wait_text(rf"^ +{one.pid} \S+ +[0-9dhms]+ +{len(one.ready['goroutines'])} +\S+ [kMG]B "
                          rf"{re.escape(one.ready['go'])} .*{one.ready['fixture']}")
        # The list is filtered as the user types.
        top.type(str(fixture.pid))
        top.wait(lambda lines: not any(re.match(rf" +{other.pid} ", line) for line in lines),
                 "the other one to go")
        top.key("Enter")
        expected = starts(fixture)
        top.wait(lambda lines: any("COUNT" in line for line in lines) and all(
            counts(lines).get(f) == n for f, n in expected.items()), f"the counts {expected}")
        # It goes back to the target whose samples went on, and loses nothing of its past; at first the
        # same process is chosen again.
        top.key("m")
        top.wait_text("since mark")
        for way in [*str(fixture.pid), "Enter"], ["Esc"]:
            top.key("Esc")
            top.wait_text(rf"^ +{other.pid} ")
            top.key(*way)
            top.wait_text("since mark")
        top.key("Esc")
        top.wait_text(rf"^ +{other.pid} ")
        top.type(str(other.pid))
        top.wait(lambda lines: not any(re.match(rf" +{fixture.pid} ", line) for line in lines),
                 "the other one to go")
        top.key("Enter")
        top.wait_text(rf"states +pid {other.pid} ")
        self.quit(top)

    def test_typing_filters_always(self):
        """Whatever was done before: in the list of processes letters are no keys."""
        fixture = self.fixture("parked", "-n", 37)
        top = self.terminal([lib_gospy.GOSPY, "top", "--refresh", "0.2"])
        top.wait_text(rf"^ +{fixture.pid} ")
        top.type("nosuch")
        top.wait_no_text(rf"^ +{fixture.pid} ")
        for key, shown in (("Enter", "^Filter: nosuch"), ("F1", "keys; Esc goes back"),
                           ("Esc", "^Filter: nosuch .*Esc unfilter"),
                           ("F6", "^ Sort by"), ("Esc", "^Filter: nosuch"),
                           ("Esc", "^Filter: +Enter open")):
            top.key(key)
            top.wait_text(shown)
        top.wait_text(rf"^ +{fixture.pid} ")
        top.type("q")
        top.wait_text("^Filter: q ")
        top.key("F6", "Home", "Enter")
        top.wait_text("PID▼")
        self.quit(top, "Ctrl-C")

    def test_up_to_the_list(self):
        """Esc leads to the list also where a process was given, and from one that has ended."""
        fixture = lib_fixture.start(newest("parked"), "-n", 37)
        self.addCleanup(fixture.close)
        other = self.fixture("states")
        top = self.top(fixture)
        top.wait_text("^Enter open +Esc processes .* freeze .*[?] help +q quit$")
        top.key("Esc")
        top.wait_text(rf"^ +{other.pid} ")
        top.wait_text("^Filter: .*Enter open .*Esc back")
        top.key("Esc")
        top.wait_text(r"by start, \d+ groups")
        fixture.close()
        top.wait_text("Last picture")
        top.wait_text("^Enter open +Esc processes +r look again +F wait for successor ")
        top.key("Esc")
        top.wait_text(rf"^ +{other.pid} ")
        top.type(str(other.pid))
        top.wait_text(f"^Filter: {other.pid} ")
        top.key("Enter")
        top.wait_text(rf"states +pid {other.pid} ")
        self.quit(top)

    def test_unreadable(self):
        """Who may not look at the processes of others is told that there are some."""
        top = self.terminal([*nobody(self), lib_gospy.GOSPY, "top"])
        self.fixture("parked", "-n", 4)
        top.wait_text(r"\d+ others may not be looked at")
        self.quit(top, "Ctrl-C")


if __name__ == "__main__":
    lib_gospy.main()
