"""Output on a terminal: the pager, and what stands on the first screen."""
import itertools
import os
import re
import shutil
import stat
import tempfile
import unittest

import lib_fixture
import lib_gospy
import lib_terminal


class PagerTest(lib_gospy.TargetTest):
    """A pager of the test's own tells what it was given."""

    SCRIPT = """#!/bin/sh
exec >"$GOSPY_TEST_DIRECTORY/out"
env >"$GOSPY_TEST_DIRECTORY/env"
printf '%s\\n' "$0" "$@" >"$GOSPY_TEST_DIRECTORY/args"
cat
mv "$GOSPY_TEST_DIRECTORY/out" "$GOSPY_TEST_DIRECTORY/text"
"""

    def setUp(self):
        build = lib_gospy.builds("parked", ("default",))[-1]
        self.fixture = self.watch(lib_fixture.start(build, "-n", "200"))
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = directory.name
        self.pager = self.program("page")

    def program(self, name):
        path = os.path.join(self.directory, name)
        with open(path, "w", encoding="ascii") as f:
            f.write(self.SCRIPT)
        os.chmod(path, stat.S_IRWXU)
        return path

    def told(self, name):
        """What the pager was told, or None if it did not run."""
        try:
            with open(os.path.join(self.directory, name), encoding="utf-8") as f:
                return f.read()
        except FileNotFoundError:
            return None

    def run_paged(self, *args, status=lib_gospy.OK, **env):
        environment = {"GOSPY_TEST_DIRECTORY": self.directory, "PAGER": self.pager, **env}
        terminal = lib_terminal.Terminal([lib_gospy.GOSPY, *args], env=environment)
        self.addCleanup(terminal.close)
        self.assertEqual(terminal.end(), status, terminal.text() + terminal.stderr())
        self.assertEqual(terminal.restored(), [])
        return terminal

    def test_what_does_not_fit_is_paged(self):
        for command in (["summary"], ["stack"], ["stack", "--group"], ["memstats"]):
            with self.subTest(command=command):
                terminal = self.run_paged(*command, self.fixture.pid)
                self.assertEqual(terminal.text().strip(), "")
                self.assertGreater(self.told("text").count("\n"), 24)
                os.unlink(os.path.join(self.directory, "text"))
        self.run_paged("help", "stack")
        self.assertIn("--min-wait", self.told("text"))

    def test_all_goroutines_come(self):
        self.run_paged("summary", self.fixture.pid)
        goids = re.findall(r"^(\d+) - ", self.told("text"), re.M)
        self.assertEqual([int(goid) for goid in goids],
                         sorted(g["goid"] for g in self.fixture.ready["goroutines"]))

    def test_when_there_is_none(self):
        for args, env in ((("summary", "--group"), {}),
                          (("summary", "--no-pager"), {}),
                          (("summary",), {"TERM": "dumb"}),
                          (("summary", "--json=lines"), {}),
                          (("top", "-n", "1"), {}),
                          (("summary",), {"PAGER": ""}),
                          (("summary",), {"PAGER": "cat"}),
                          (("summary",), {"GOSPY_PAGER": ""})):
            with self.subTest(args=args, env=env):
                terminal = self.run_paged(*args, self.fixture.pid, **env)
                self.assertNotEqual(terminal.text().strip(), "")
                self.assertIsNone(self.told("env"))
        run = lib_gospy.run("summary", self.fixture.pid, env={
            "GOSPY_TEST_DIRECTORY": self.directory, "PAGER": self.pager}).expect(lib_gospy.OK)
        self.assertRegex(run.out, r"^bin: .*\nSched: .*\nHeap: ")
        self.assertIsNone(self.told("env"))

    def test_watching_is_not_paged(self):
        build = lib_gospy.builds("churn", ("default",))[-1]
        fixture = self.watch(lib_fixture.start(build))
        terminal = self.run_paged("memstats", "--watch", "1ms", "-n", "30", fixture.pid)
        self.assertRegex(terminal.text(), r"gc \d+")
        self.assertIsNone(self.told("env"))

    def test_which(self):
        self.run_paged("summary", self.fixture.pid, GOSPY_PAGER=f"{self.pager} -a  b")
        self.assertEqual(self.told("args"), f"{self.pager}\n-a\nb\n")
        self.run_paged("summary", self.fixture.pid, GOSPY_PAGER=f"'{self.pager}' \"x y\"")
        self.assertEqual(self.told("args"), f"{self.pager}\nx y\n")
        path = f"{self.directory}:{os.environ['PATH']}"
        self.program("less")
        terminal = lib_terminal.Terminal(
            ["env", "-u", "PAGER", "-u", "LESS", lib_gospy.GOSPY, "summary", self.fixture.pid],
            env={"GOSPY_TEST_DIRECTORY": self.directory, "PATH": path})
        self.addCleanup(terminal.close)
        self.assertEqual(terminal.end(), lib_gospy.OK)
        self.assertEqual(self.told("args").split("\n")[1:], ["-FRX", ""])
        self.assertNotIn("LESSSECURE", self.told("env"))

    def test_lent_rights(self):
        """What is called less in the user's PATH does not get rights that sudo has lent."""
        if os.geteuid() != 0:
            self.skipTest("not root")
        self.program("less")
        terminal = lib_terminal.Terminal(
            [lib_gospy.GOSPY, "summary", self.fixture.pid],
            env={"GOSPY_TEST_DIRECTORY": self.directory, "PAGER": self.pager, "SUDO_UID": "1000",
                 "LESS": "+!id", "LESSOPEN": "|id", "PATH": f"{self.directory}:{os.environ['PATH']}"})
        self.addCleanup(terminal.close)
        pager = "/usr/bin/less"
        if os.path.exists(pager):
            children = f"/proc/{terminal.process.pid}/task/{terminal.process.pid}/children"

            def environment(_):
                with open(children, encoding="ascii") as f:
                    for child in f.read().split():
                        if os.readlink(f"/proc/{child}/exe") == os.path.realpath(pager):
                            with open(f"/proc/{child}/environ", encoding="utf-8") as f:
                                return f.read().split("\0")
                return None
            found = dict(line.split("=", 1) for line in terminal.wait(environment, "less")
                         if line.startswith(("LESS", "PATH=")))
            self.assertNotIn(self.directory, found.pop("PATH"))
            self.assertEqual(found, {"LESSSECURE": "1", "LESS": "FRX"})
            terminal.type("q")
        self.assertEqual(terminal.end(), lib_gospy.OK)
        self.assertIsNone(self.told("args"))

    def test_one_that_the_shell_cannot_run(self):
        terminal = self.run_paged("summary", self.fixture.pid, PAGER="/no/such --prompt='x'",
                                  status=lib_gospy.ERROR)
        self.assertIn("the pager '/no/such --prompt='x'' cannot be run", terminal.stderr())

    def test_one_that_cannot_be_run(self):
        terminal = self.run_paged("summary", self.fixture.pid, PAGER="/no/such --pager")
        self.assertIn("the pager '/no/such --pager' cannot be run", terminal.stderr())
        self.assertRegex(terminal.text(), r"\d+ - chan receive from ")

    def test_status_and_notes(self):
        # The first words of the pattern are found; the rest takes too long where they are not.
        terminal = lib_terminal.Terminal(
            [lib_gospy.GOSPY, "summary", self.fixture.pid,
             "--func", r"^main\.park[012]|^(\w|[a-z]|.|\w|.)+[!?]"], shared_stderr=True,
            env={"GOSPY_TEST_DIRECTORY": self.directory, "PAGER": self.pager})
        self.addCleanup(terminal.close)
        self.assertEqual(terminal.end(), lib_gospy.PARTIAL)
        self.assertRegex(terminal.text(), r"^gospy: note: --func takes too many steps")
        self.assertNotIn("gospy: note", self.told("text"))

    def test_one_that_reads_nothing(self):
        build = lib_gospy.builds("parked", ("default",))[-1]
        large = self.watch(lib_fixture.start(build, "-n", "20000"))
        terminal = self.run_paged("summary", large.pid, PAGER="true")
        self.assertEqual(terminal.stderr(), "")


class WidthTest(lib_gospy.TargetTest):
    """Names on terminals of all widths. In a pipe they are whole."""

    def lines(self, cols, *args):
        terminal = lib_terminal.Terminal([lib_gospy.GOSPY, *args, "--no-pager", self.fixture.pid],
                                         rows=60, cols=cols)
        self.addCleanup(terminal.close)
        self.assertEqual(terminal.end(), lib_gospy.OK, terminal.stderr())
        return terminal.screen.lines()

    def test_groups(self):
        build = lib_gospy.builds("server", ("default",))[-1]
        self.fixture = self.watch(lib_fixture.start(build))
        whole = lib_gospy.run("summary", "--group", self.fixture.pid).expect(lib_gospy.OK).out
        places = re.findall(r"  (\S+) \((\S+):(\d+)\)$", whole, re.M)
        self.assertGreater(len(places), 3)
        for cols in (40, 60, 80, 120, 300):
            with self.subTest(cols=cols):
                lines = self.lines(cols, "summary", "--group")
                for func, file, number in places:
                    # Type and method; on a wide terminal all of it. On the narrowest one the states
                    # of a group, if they happen to differ, may leave no room for the type.
                    wanted = func.split("/")[-1].split(".", 1)[1]
                    if cols < 60:
                        wanted = wanted.rsplit(".", 1)[-1]
                    if cols >= 300:
                        wanted = f"{func} ({file}:{number})"
                    self.assertIn(wanted, "\n".join(lines))
                # A name that is cut would show it here. A type is whole or not there.
                self.assertNotRegex("\n".join(lines), r"\w…\w")
                # What they do is worth more than the package and the file.
                at = next(i for i, line in enumerate(lines) if line.startswith("COUNT"))
                self.assertRegex(lines[at], r"^COUNT +STATES +LOCATION")
                for line in itertools.takewhile(lambda line: line[:6] != "total:", lines[at + 1:]):
                    # On the narrowest one COUNT has said how many are in the only state.
                    self.assertRegex(line, r"^ *\d+ +[A-Za-z]|^ *\d+ +\d+ [A-Za-z].*(,| \+\d)"
                                     if cols < 50 else r"^ *\d+ +\d+ [A-Za-z]")

    def test_groups_of_top(self):
        build = lib_gospy.builds("states", ("default",))[-1]
        self.fixture = self.watch(lib_fixture.start(build))
        for cols, titles in ((40, "N▼ STATE +LOCATION"),
                             (80, "COUNT▼ +DELTA +/MIN +OLDEST +STATE +LOCATION"),
                             (100, "COUNT▼ +DELTA +/MIN +OLDEST +STATE +LOCATION +WAITS AT")):
            with self.subTest(cols=cols):
                top = lib_terminal.Terminal([lib_gospy.GOSPY, "top", self.fixture.pid], cols=cols)
                self.addCleanup(top.close)
                top.wait_text(titles)
                said = [g["state"] for g in self.fixture.ready["goroutines"]]
                top.wait_text(rf"Goroutines .* {said.count('waiting')} wait")
                top.key("q")
                self.assertEqual(top.end(), lib_gospy.OK)


@unittest.skipUnless(shutil.which("less"), "less is not installed")
class LessTest(lib_gospy.TargetTest):
    def test_less(self):
        build = lib_gospy.builds("parked", ("default",))[-1]
        fixture = self.watch(lib_fixture.start(build, "-n", "20000", "-switching", "2"))
        terminal = lib_terminal.Terminal([lib_gospy.GOSPY, "summary", fixture.pid],
                                         env={"GOSPY_PAGER": "less", "LESS": "FRX"})
        self.addCleanup(terminal.close)
        terminal.wait(lambda lines: lines[-1].startswith(":"), "the pager's prompt")
        lines = terminal.screen.lines()
        self.assertRegex(lines[0], r"^parked +pid ")
        self.assertRegex(lines[1], r"^Goroutines +20003: ")
        # Nobody holds the target while the pager waits.
        self.assertEqual(lib_gospy.disturbed(fixture.pid), [])
        self.assert_progress(fixture)
        # An interrupt is the pager's. The terminal forgets what was typed at that time.
        terminal.key("Ctrl-C")

        def left():
            terminal.key("q")
            terminal.read(0.1)
            return terminal.process.poll() is not None
        lib_gospy.wait_for(left, "the end of the program")
        self.assertEqual(terminal.end(), lib_gospy.OK)
        self.assertEqual(terminal.stderr(), "")
        self.assertEqual(terminal.restored(), [])


if __name__ == "__main__":
    lib_gospy.main()
