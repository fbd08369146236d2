"""The answer is on the first screen of the command that docs/howto-hang.md names."""
import collections
import re
import socket

import lib_fixture
import lib_gospy
import lib_terminal

ROWS, COLS = 24, 80
# What a pager shows at first.
PAGER = f"fold -w {COLS} | head -n {ROWS - 1}"


class FirstScreenTest(lib_gospy.TargetTest):
    def target(self, name, *args):
        build = lib_gospy.builds(name, ("default",))[-1]
        return self.watch(lib_fixture.start(build, *args))

    def first_screen(self, *args, rows=ROWS, cols=COLS):
        terminal = lib_terminal.Terminal([lib_gospy.GOSPY, *args], rows=rows, cols=cols,
                                         env={"GOSPY_PAGER": PAGER, "NO_COLOR": "1"})
        self.addCleanup(terminal.close)
        self.assertIn(terminal.end(), (lib_gospy.OK, lib_gospy.PARTIAL))
        return terminal.text()

    def test_thousand_wait_for_a_mutex(self):
        fixture = self.target("parked", "-n", "1000", "-kind", "mutex")
        for command in ("summary", "stack"):
            text = self.first_screen(command, fixture.pid)
            self.assertRegex(text, r"Goroutines +1001: 1000 waiting", command)
            counts = re.findall(r"^ *(\d+)  \d+ (?:sync\.)?Mutex\.Lock ", text, re.M)
            self.assertEqual(sum(map(int, counts)), 1000, text)
            self.assertIn("how long all 1000 wait is unknown: no GC yet", text)

    def test_narrow_terminal(self):
        """At 40 columns the head takes a line for each thing that it says, and leaves out what is
        worth least; nothing is broken in two but what is longer than a line."""
        for name, args in (("server", ()), ("states", ()), ("parked", ("-n", "1000"))):
            fixture = self.target(name, *args)
            said = fixture.ready["goroutines"]
            text = self.first_screen("summary", fixture.pid, cols=40)
            head = text[:text.index("\n\n")].split("\n")
            labels = [line[:11].rstrip() for line in head]
            self.assertRegex(labels[0], rf"^{name}")
            endless = [g for g in said if g.get("reason") in
                       ("chan receive (nil chan)", "chan send (nil chan)", "select (no cases)")]
            self.assertEqual([label for label in labels[1:] if label],
                             ["Goroutines", "Waits", *(["For ever"] if endless else []), "Heap",
                              "Processors"], text)
            # A line for each kind of those that wait for ever, in the worst case.
            self.assertLessEqual(len(head), 5 + len({g["reason"] for g in endless}), text)
            for line in head:
                self.assertLessEqual(len(line), 40)
                self.assertEqual(line.count("("), line.count(")"), text)
            counts = collections.Counter(g["state"] for g in said)
            self.assertIn(f"Goroutines {len(said)}: {counts['waiting']} waiting", head[1])

    def test_who_did_not_move(self):
        """With --for the head says how many did not move, on a screen of any width."""
        fixture = self.target("parked", "-n", "300", "-switching", "2")

        def look(command, cols):
            text = self.first_screen(command, fixture.pid, "--for", "200ms", cols=cols)
            still = re.search(r"^Not moved +(\d+) of (\d+) within 200ms$", text, re.M)
            self.assertIsNotNone(still, text)
            total = re.search(r"^total: (\d+) goroutines", text, re.M)
            self.assertEqual(still[1], total[1], text)
            self.assertEqual(int(still[2]), fixture.ready["num_goroutine"])
            self.assertGreaterEqual(int(still[1]), 300)
            # Those that switch do so once they get a processor.
            return int(still[1]) <= int(still[2]) - 2
        for command in ("summary", "stack"):
            for cols in (40, 80):
                lib_gospy.wait_for(lambda: look(command, cols), "two that move")
        self.assertNotIn("\nNot moved ", self.first_screen("summary", fixture.pid))

    def test_two_wait_for_each_other(self):
        fixture = self.target("abba")
        said = {g["name"]: g for g in fixture.ready["goroutines"] if "name" in g}
        # Each wants the mutex that the other one holds, by the target's word.
        self.assertEqual(said["first"]["mutex"], said["second"]["holds"])
        for args in (("--for", "300ms"), ()):
            text = self.first_screen("summary", fixture.pid, *args)
            for name in ("first", "second"):
                self.assertRegex(text, rf"(?m)^{said[name]['goid']} - waiting for sync\.Mutex\.Lock "
                                 rf"on {said[name]['mutex']}: main\.lock")

        text = self.first_screen("stack", fixture.pid, "--goid", said["first"]["goid"])
        self.assertRegex(text, rf"^goroutine {said['first']['goid']} \[sync\.Mutex\.Lock\]:\n"
                         rf"waits for: sync\.Mutex {said['first']['mutex']}\n")
        self.assertIn(f"lockSlow({said['first']['mutex']})", text)

    def test_few_whose_stacks_are_long(self):
        """The stacks of four goroutines do not fit: what they do comes first."""
        fixture = self.target("abba")
        said = {g["name"]: g for g in fixture.ready["goroutines"] if "name" in g}
        text = self.first_screen("stack", fixture.pid)
        self.assertRegex(text, r"^abba +pid ")
        self.assertRegex(text, rf"(?m)^Goroutines +{len(fixture.ready['goroutines'])}: ")
        self.assertRegex(text, r"(?m)^ +2  2 (?:sync\.)?Mutex\.Lock +main\.lock ")
        # One that fits is what it is in a pipe, and says what it waits for.
        for name in ("first", "second"):
            goid, mutex = said[name]["goid"], said[name]["mutex"]
            text = self.first_screen("stack", fixture.pid, "--goid", goid, rows=100, cols=300)
            lines = text.rstrip("\n").split("\n")
            self.assertEqual(lines[:2], [f"goroutine {goid} [sync.Mutex.Lock]:",
                                         f"waits for: sync.Mutex {mutex}"])
            piped = lib_gospy.run("stack", fixture.pid, "--goid", goid).expect(lib_gospy.OK).out
            self.assertNotIn("waits for", piped)
            self.assertEqual([line.replace("\t", " " * 8) for line in piped.splitlines()],
                             lines[:1] + lines[2:])

    def test_nil_channel(self):
        fixture = self.target("states")
        said = {g["name"]: g["goid"] for g in fixture.ready["goroutines"] if "name" in g}
        text = self.first_screen("summary", fixture.pid)
        if re.search(r"^states .* up \d+s ", text):
            self.assertRegex(text, r"(?m)^Heap .* \d+ GCs?, last ")  # no rate of such a time
        line = re.search(r"^For ever +(.*)$", text, re.M)[1]
        self.assertIn(f"1 chan recv nil (g{said['nil-receive']})", line)
        self.assertIn(f"1 chan send nil (g{said['nil-send']})", line)
        self.assertIn(f"1 select{{}} (g{said['select-none']})", line)
        # The line of the goroutine has said what these wait for.
        for name in ("nil-receive", "nil-send", "select-none"):
            text = self.first_screen("stack", fixture.pid, "--goid", said[name])
            self.assertRegex(text, rf"^goroutine {said[name]} \[.*(nil chan|no cases).*:\n")
            self.assertNotIn("waits for:", text)

    def test_http_peers_that_hang(self):
        fixture = self.target("server")
        address = fixture.ready["addr"].rsplit(":", 1)
        peers = []
        for _ in range(100):
            peer = socket.create_connection((address[0], int(address[1])))
            self.addCleanup(peer.close)
            peer.sendall(b"GET / HTTP/1.1\r\nHost: half-a-request\r\n")
            peers.append(peer)

        def waiting():
            groups = lib_gospy.summary(fixture.pid, "--group")["groups"]
            return any(group["count"] >= 100 for group in groups)
        lib_gospy.wait_for(waiting, "a goroutine for each connection")
        text = self.first_screen("summary", fixture.pid)
        self.assertRegex(text, r"(?m)^ *1\d\d  1\d\d IO(?: wait)? .*conn\)\.serve")
        # These wait in the function that they began with.
        self.assertRegex(text, r"(?m)^ *4  4 chan recv +main\.\(\*shop\)\.work.* :\d+$")
        # Which peers these are.
        shown = self.first_screen("summary", fixture.pid, "--state", "IO wait", rows=300)
        for peer in peers[:5]:
            local = "%s:%d" % peer.getsockname()[:2]
            self.assertRegex(shown, rf"(?m)^\d+ - .*IO wait on fd \d+ .*with {local}\b")
        # What waits says of places, and in the words of several that do it.
        shown = self.first_screen("waits", fixture.pid, rows=400)
        self.assertNotIn("internal/poll", shown)
        self.assertRegex(shown, r"(?m)^  goroutines \d+, [\d, ]+receive at main\.\(\*shop\)\.work")
        self.assertRegex(shown, r"(?m)^  goroutine \d+ reads at net/http\.\(\*conn\)\.serve")
        # No call of the user's own is on their stacks: where they started says it.
        text = self.first_screen("stack", fixture.pid)
        self.assertRegex(text, r" by user frame, or start where there is none:\n")
        self.assertRegex(text, r"(?m)^ *1\d\d  1\d\d IO(?: wait)? .*conn\)\.serve")


    def test_leak(self):
        """docs/howto-leak.md: after a mark the rows that grow steadily come first, and say where
        their goroutines began, what they wait for and where."""
        fixture = self.target("leak", "-steady", "50")
        # The fixture says which functions its leaks begin with; what each waits for stands there.
        waits = {"main.leakSlowly": "chan recv", "main.leak": "select",
                 "main.leakQuickly": "Mutex.Lock"}
        self.assertEqual(set(fixture.ask("count")), set(waits))
        top = lib_terminal.Terminal([lib_gospy.GOSPY, "top", fixture.pid], rows=ROWS, cols=COLS,
                                    env={"NO_COLOR": "1"})
        self.addCleanup(top.close)
        top.wait_text(r"^Goroutines \d+ ")
        top.key("m")

        row = re.compile(r"▲ +\d+ +\+\d+ +\S+ +\S+ (\S.*?) +(main\.leak\w*)\b.*:\d+ +:\d+$")

        def first_rows(lines):
            at = next((i for i, line in enumerate(lines) if "COUNT" in line), None)
            rows = [row.match(line) for line in lines[at + 1:at + 4]] if at else [None]
            return all(rows) and {found[2]: found[1] for found in rows}
        self.assertEqual(top.wait(first_rows, "three rows that grow"), waits)
        top.wait_text(r"^Goroutines .* \+\d+ since mark")
        top.key("q")
        self.assertEqual(top.end(), lib_gospy.OK)


class WidthTest(lib_gospy.TargetTest):
    """Lines are broken between words, also on a terminal that can do nothing else."""
    COLS = 40

    def lines(self, term, *args):
        """As gospy writes them: the screen is wider than what gospy is told."""
        command = f"stty cols {self.COLS}; exec \"$@\""
        terminal = lib_terminal.Terminal(["sh", "-c", command, "sh", lib_gospy.GOSPY, *args],
                                         rows=300, cols=300, shared_stderr=True,
                                         env={"TERM": term, "GOSPY_PAGER": ""})
        self.addCleanup(terminal.close)
        terminal.end()
        return terminal.screen.lines()

    def test_words_are_whole(self):
        build = lib_gospy.builds("server", ("default",))[-1]
        pid = self.watch(lib_fixture.start(build)).pid
        for args in (("summary", pid), ("summary", pid, "-v"), ("summary", pid, "--group"),
                     ("stack", pid, "--threads"), ("doctor", pid), ("memstats", pid), (pid,),
                     ("version", pid), ("list",), ("help",), ("help", "stack"),
                     ("stack", pid), ("stack", pid, "--group"), ("leaks", pid), ("waits", pid),
                     ("pprof", "heap", pid, "--format", "top"), ("diff", pid, pid),
                     ("pprof", "heap", pid, "--debug", "1"),
                     ("pprof", "goroutine", pid, "--debug", "1"),
                     ("pprof", "goroutine", pid, "--debug", "2"),
                     ("summary", pid, "--min-wait", "1h"), ("stack", "nobody-is-called-so"),
                     ("stack", "--frobnicate"), ("stack", pid, "--goid", "99999")):
            for term in ("xterm-256color", "dumb") if args[0] in ("summary", "list") else ("dumb",):
                lines = self.lines(term, *args)
                self.assertTrue(any(lines), args)
                for line in lines:
                    # A word that is too long for any line, and has no place to be broken.
                    if len(line) > self.COLS:
                        words = max(re.split("[ /,(]", line.strip()), key=len)
                        self.assertGreater(len(words), self.COLS - 8, line)

    def test_profiles_lose_nothing(self):
        """A profile as text is for people, here, and has all that it has in a pipe."""
        build = lib_gospy.builds("profiled", ("default",))[-1]
        pid = self.watch(lib_fixture.start(build)).pid
        for kind in ("threadcreate", "block", "mutex"):
            args = ("pprof", kind, pid, "--debug", "1")
            piped = lib_gospy.run(*args).out
            shown = "".join(self.lines("xterm-256color", *args))
            self.assertEqual("".join(shown.split()), "".join(piped.split()), kind)
            self.assertIn("#\t", piped)

    def test_paths_are_broken_behind_slashes(self):
        """Those of tracebacks, of which nothing is left out."""
        fixture = self.watch(lib_fixture.start(lib_gospy.builds("parked", ("default",))[-1],
                                               "-n", "4"))
        lines = self.lines("xterm-256color", "stack", fixture.pid)
        broken = [line for line in lines if line.startswith(" " * 8) and line.endswith("/")]
        self.assertTrue(broken)
        for line in lines:
            # Only a directory that is longer than the line is.
            self.assertTrue(len(line) <= self.COLS or line.count("/") == 1, line)
        whole = re.sub(r"/\n +", "/", "\n".join(lines))
        whole = re.sub(r"\n {1,4}(?! )", "", whole)
        for g in lib_fixture.parse_traceback(fixture.ready["traceback"]):
            if g["created_by"]:
                frame = g["frames"][-1]
                self.assertIn(f"{frame['func']}(", whole)
                self.assertIn(f"\n        {frame['file']}:{frame['line']}", whole)

    def test_help_is_laid_out_for_the_terminal(self):
        for args in (("help",), ("help", "stack"), ("help", "top")):
            lines = self.lines("xterm-256color", *args)
            self.assertEqual(" ".join(lines).split(), lib_gospy.run(*args).out.split(), args)
            below = 0
            for line, after in zip(lines, lines[1:]):
                indents = [re.match(" *", text).end() for text in (line, after)]
                self.assertIn(indents[0], {0, 2, 6, 10, 16}, line)
                if indents in ([10, 10], [16, 16]):
                    # What stands in the next line had no room in this one.
                    self.assertGreater(len(line) + 1 + len(after.split()[0]), self.COLS, line)
                    below += 1
            self.assertGreater(below, 5, lines)


if __name__ == "__main__":
    lib_gospy.main()
